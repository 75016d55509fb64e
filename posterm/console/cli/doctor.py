"""`posterm doctor`: which dialect fits these bytes, and where each of the others breaks; or what this machine lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from posterm.console.cli.endings import FAILED
from posterm.console.cli.message_choice import chosen_dialect, given_bytes
from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import write_columns, write_json

if TYPE_CHECKING:
    from posterm.console.diagnosis import Finding
    from posterm.runtime.reader_parts import Part


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "doctor",
        epilog=examples(
            "posterm doctor",
            "posterm doctor @unknown.hex",
            "posterm doctor --dialect acme.toml --json - < frame.hex",
            "posterm sample --dialect iso87-bcd | posterm doctor -",
        ),
    )(doctor)


def doctor(
    message: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="HEX",
            help="The message, bare or as a frame. - reads it from standard input, @FILE from a file of digits or "
            "bytes. Without one, this machine is looked at.",
            show_default=False,
        ),
    ] = None,
    dialect: Annotated[
        list[str] | None,
        typer.Option("--dialect", "-d", metavar="NAME", help="Try this one too: a dialect file (.toml). Repeatable."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Try every dialect on a message, with and without length and headers, and rank them.

    Bytes are counted from the first byte of the input. Exit status 1 when no dialect fits.

    Without a message: say what card readers need of this machine, what is missing, and the command that mends it. Exit
    status 1 when something is missing.
    """
    if message:
        _diagnose_message(message, dialect or [], as_json=as_json)
    else:
        _diagnose_machine(as_json=as_json)


def _diagnose_machine(*, as_json: bool) -> None:
    from posterm.runtime.reader_parts import Machine, reader_parts

    parts = reader_parts(Machine())
    if as_json:
        write_json([{"part": p.name, "there": p.there, "found": p.found, "remedy": p.remedy} for p in parts])
    else:
        rows = [("ok" if part.there else "missing", part.name, _with_remedy(part)) for part in parts]
        write_columns(("State", "Part", "Found"), rows, ("", "cyan", ""))
    if not all(part.there for part in parts):
        raise typer.Exit(FAILED)


def _with_remedy(part: Part) -> str:
    return part.found if part.there else f"{part.found}; to mend it: {part.remedy}"


def _diagnose_message(message: list[str], dialect: list[str], *, as_json: bool) -> None:
    from posterm.console.diagnosis import diagnose
    from posterm.iso8583 import dialect_names

    data = given_bytes(message)
    names = dict.fromkeys((*dialect_names(), *dialect))
    findings = diagnose(data, [chosen_dialect(name) for name in names])
    if as_json:
        write_json([_document(each) for each in findings])
    else:
        rows = [(each.dialect, _at(each), each.path or "-", each.code or "-", _told(each)) for each in findings]
        write_columns(("Dialect", "Byte", "DE", "Code", "Finding"), rows, ("cyan", "", "", "", ""))
    if not any(each.fits for each in findings):
        raise typer.Exit(FAILED)


def _at(finding: Finding) -> str:
    return "fits" if finding.fits else str(finding.offset)


def _told(finding: Finding) -> str:
    if not finding.fits:
        read = f"; {finding.mti} and {finding.elements} elements before it" if finding.mti else ""
        return f"{finding.text}{read}{_behind(finding)}"
    counts = ((finding.faults, "of content"), (finding.message_faults, "for this type"))
    faults = ", ".join(f"{count} fault{'s'[: count != 1]} {where}" for count, where in counts if count) or "no fault"
    return f"{finding.mti}, {finding.elements} elements, {faults}{_behind(finding)}"


def _behind(finding: Finding) -> str:
    return f", behind {finding.start.before}" if finding.start.before else ""


def _document(finding: Finding) -> dict[str, Any]:
    document: dict[str, Any] = {
        "dialect": finding.dialect,
        "fits": finding.fits,
        "starts_at": finding.start.offset,
        "behind": finding.start.before,
        "mti": finding.mti,
        "elements": finding.elements,
    }
    if finding.fits:
        return {**document, "content_faults": finding.faults, "message_faults": finding.message_faults}
    return {
        **document,
        "offset": finding.offset,
        "path": finding.path,
        "code": finding.code,
        "text": finding.text,
    }
