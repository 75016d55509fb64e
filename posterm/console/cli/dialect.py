"""`posterm dialect`: the built-in dialects, and a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posterm.console.cli.endings import FAILED, printable
from posterm.console.cli.message_choice import chosen_dialect, read_file
from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import write_columns, write_json

if TYPE_CHECKING:
    from posterm.iso8583 import Dialect, Element, Layout

app = typer.Typer(no_args_is_help=True, help="List dialects, show their tables, check a file of your own.")

_FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A dialect file (.toml).", show_default=False)]


@app.command("list", epilog=examples("posterm dialect list", "posterm dialect list --json"))
def list_dialects(as_json: JsonOption = False) -> None:
    """List the dialects that come with posterm."""
    from posterm.iso8583 import dialect_names, get_dialect

    dialects = [get_dialect(name) for name in dialect_names()]
    if as_json:
        write_json([{"name": each.name, "title": each.title, "elements": len(each.elements)} for each in dialects])
    else:
        rows = [(each.name, str(len(each.elements)), each.title) for each in dialects]
        write_columns(("Dialect", "Elements", "What it is"), rows, ("cyan", "", ""))


@app.command("show", epilog=examples("posterm dialect show iso87-ascii", "posterm dialect show acme.toml --json"))
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A built-in dialect, or a file (.toml).", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Show the element table of a dialect: number, format, name; parts below their element.

    A format is the kind and length as ISO 8583 writes them; ..n LL varies up to n behind a length of two digits. An
    asterisk marks what is masked.
    """
    dialect = chosen_dialect(name, option="NAME")
    if as_json:
        write_json(_document(dialect))
        return
    encodings = dialect.encodings
    typer.echo(f"{dialect.name}: {dialect.title}")
    typer.echo(
        f"type {encodings.mti}, digits {encodings.digits}, text {encodings.text}, lengths {encodings.length}, "
        f"bitmap {encodings.bitmap} of {encodings.bits} bits, bytes {encodings.binary}"
    )
    rows: list[tuple[str, str, str]] = []
    for number, element in dialect.elements.items():
        rows.append((str(number), _format(element), f"{element.name}{' *' if element.sensitive else ''}"))
        rows.extend(_part_rows(str(number), element.layout))
    write_columns(("DE", "Format", "Name"), rows, ("cyan", "", ""))


@app.command("check", epilog=examples("posterm dialect check acme.toml"))
def check(file: _FileArgument, as_json: JsonOption = False) -> None:
    """Report every fault of a dialect file, each with its line and key. Exit status 1 when there is one."""
    from posterm.iso8583 import parse_dialect
    from posterm.iso8583.dialect_file import MAX_FILE_BYTES
    from posterm.iso8583.dialect_lint import lint_dialect

    content, name = read_file(file, MAX_FILE_BYTES), Path(file).name
    findings = lint_dialect(content)
    if as_json:
        faults = [{"line": each.line, "key": each.key, "fault": each.fault} for each in findings]
        write_json({"good": not findings, "faults": faults})
    elif findings:
        for each in findings:
            typer.echo(printable(": ".join(part for part in (f"{name}:{each.line}", each.key, each.fault) if part)))
    else:
        dialect = parse_dialect(content, origin=name)
        typer.echo(f"good: {dialect.name}, {len(dialect.elements)} elements")
    if findings:
        raise typer.Exit(FAILED)


@app.command(
    "import",
    epilog=examples(
        "posterm dialect import --from jpos packager.xml --name acme > acme.toml",
        "posterm dialect import --from moov spec.json --name acme --json",
        "posterm dialect import --from pyiso8583 spec.py --name acme",
    ),
)
def import_dialect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The table of the other library.", show_default=False)],
    library: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="LIBRARY",
            help="jpos (GenericPackager XML), moov (JSON) or pyiso8583 (JSON, or a Python file with the dictionary).",
            show_default=False,
        ),
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the dialect is to be called.")] = "imported",
    as_json: JsonOption = False,
) -> None:
    """Write the dialect file (.toml) for a table of another library.

    What cannot be carried over is listed, and stands as remarks in the file.
    """
    from posterm.console.errors import InputError
    from posterm.console.python_table import specification
    from posterm.iso8583.importers import import_jpos, import_moov, import_pyiso8583
    from posterm.iso8583.importers.imported import MAX_SOURCE_BYTES

    content = read_file(file, MAX_SOURCE_BYTES)
    if library == "jpos":
        result = import_jpos(content, name)
    elif library == "moov":
        result = import_moov(content, name)
    elif library == "pyiso8583":
        result = import_pyiso8583(specification(content, Path(file).name), name)
    else:
        raise InputError(f"--from: need jpos, moov or pyiso8583, have {library[:20]!r}")
    if as_json:
        left_out = [{"place": each.place, "what": each.what} for each in result.left_out]
        write_json({"name": result.dialect.name, "toml": result.toml, "left_out": left_out})
        return
    for each in result.left_out:
        typer.echo(f"left out: {printable(str(each))}", err=True)
    typer.echo(result.toml, nl=False)


def _format(element: Element) -> str:
    prefix = element.prefix
    if prefix is None:
        return f"{element.format.kind}{element.format.length}"
    return f"{element.format.kind}..{element.format.length} {'L' * prefix.digits}"


def _part_rows(path: str, layout: Layout | None) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    for part in (*layout.lead, *layout.parts) if layout is not None else ():
        size = "" if not part.length else f"..{part.length}" if part.prefix is not None else str(part.length)
        rows.append((f"  {path}.{part.id}", f"{part.kind}{size}", f"{part.name}{' *' if part.sensitive else ''}"))
        rows.extend(_part_rows(f"{path}.{part.id}", part.layout))
    return rows


def _document(dialect: Dialect) -> dict[str, Any]:
    from dataclasses import asdict

    elements = {
        str(number): {
            "name": element.name,
            "format": _format(element),
            "sensitive": element.sensitive,
            "parts": [
                {"path": path.strip(), "format": form, "name": name.removesuffix(" *")}
                for path, form, name in _part_rows(str(number), element.layout)
            ],
        }
        for number, element in dialect.elements.items()
    }
    return {
        "name": dialect.name,
        "title": dialect.title,
        "encodings": asdict(dialect.encodings),
        "elements": elements,
        "messages": {mti: asdict(rule) for mti, rule in dialect.messages.items()},
    }
