"""`posterm decode`: one message, as a table or as JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posterm.console.cli.endings import FAILED, report
from posterm.console.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from posterm.console.captured import Captured
    from posterm.iso8583 import Dialect, Message, UnpackError
    from posterm.iso8583.describe import Row

_ECHO_TEST = "08200000000000C0001031303030303030313839383331303035383132303030310011000000013010"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "decode",
        epilog=examples(
            f"posterm decode {_ECHO_TEST}",
            "posterm decode --json - < frame.hex",
            "posterm decode --profile direct --unmask 00 74 60 00 03 00 00 60 31 ...",
        ),
    )(decode)


def decode(
    hexadecimal: Annotated[
        list[str],
        typer.Argument(
            metavar="HEX",
            help="The message from its type on, or a whole frame with TPDU and header, with or without its length. "
            "- reads it from standard input. Blanks, line ends and colons are ignored.",
            show_default=False,
        ),
    ],
    dialect: Annotated[
        str, typer.Option("--dialect", metavar="NAME", help="A built-in dialect, or a dialect file (.toml).")
    ] = "unionpay-pos",
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", metavar="NAME|FILE", help="Read it as this acquirer's link has it; goes before --dialect."
        ),
    ] = None,
    as_json: JsonOption = False,
    unmask: Annotated[
        bool, typer.Option("--unmask", help="Show card numbers, tracks and keys in the clear; for test data only.")
    ] = False,
) -> None:
    """Take an ISO 8583 message apart and name its parts.

    Card numbers, tracks, PIN blocks and keys are masked.
    """
    from posterm.console.captured import parse_hex, split
    from posterm.iso8583 import UnpackError

    table = _dialect(dialect, profile)
    captured = split(parse_hex(_read(hexadecimal), "message"))
    try:
        message, fault = table.unpack(captured.wire), None
    except UnpackError as error:
        message, fault = error.partial, error
    if as_json:
        _write_json(captured, table, message, fault, unmask=unmask)
    elif fault is None:
        _write_table(captured, table, message, unmask=unmask)
    if not _report(captured, table, message, fault):
        raise typer.Exit(FAILED)


def _dialect(name: str, profile: str | None) -> Dialect:
    from posterm.console.errors import InputError
    from posterm.iso8583 import dialect_names, get_dialect, load_dialect

    if profile is not None:
        from posterm.unionpay.profile import load_profile

        return load_profile(profile).dialect
    if name.endswith(".toml"):
        return load_dialect(name)
    if name not in dialect_names():
        raise InputError(
            f"--dialect: no dialect {name[:40]!r}",
            hint=f"built in are {', '.join(dialect_names())}; a dialect file ends in .toml",
        )
    return get_dialect(name)


def _read(arguments: list[str]) -> str:
    """What stands on the command line, or on standard input."""
    if arguments != ["-"]:
        return " ".join(arguments)
    from posterm.console.captured import MAX_CHARACTERS

    return sys.stdin.buffer.read(MAX_CHARACTERS + 1).decode("ascii", errors="replace")


def _report(captured: Captured, table: Dialect, message: Message, fault: UnpackError | None) -> bool:
    """Write what is wrong to the standard error stream. Returns: True when nothing is."""
    from posterm.console.errors import ConsoleError
    from posterm.iso8583.describe import describe

    if fault is not None:
        if captured.offset:
            fault.hint = f"bytes are counted from the message type, which is at byte {captured.offset} of the input"
        report(fault)
    if captured.fault:
        report(ConsoleError(captured.fault))
    rows = [] if fault is not None else [row for row in describe(message, table) if row.fault]
    for row in rows:
        report(ConsoleError(f"DE {row.path}: {row.value}"))
    return fault is None and not captured.fault and not rows


def _write_json(
    captured: Captured, table: Dialect, message: Message, fault: UnpackError | None, *, unmask: bool
) -> None:
    import json

    from posterm.iso8583.describe import to_json

    document: dict[str, Any] = {}
    if captured.tpdu is not None:
        document |= {"tpdu": captured.tpdu.pack().hex().upper(), "header": captured.header}
    document |= to_json(message, table, unmask=unmask)
    if fault is not None:
        document["error"] = {
            "path": fault.path,
            "offset": fault.offset,
            "code": fault.code,
            "needed": fault.needed,
            "found": fault.found,
        }
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _write_table(captured: Captured, table: Dialect, message: Message, *, unmask: bool) -> None:
    from dataclasses import replace

    from posterm.console.views.message import COLUMNS, table_lines
    from posterm.console.views.screen import Screen
    from posterm.iso8583.describe import describe

    screen = Screen()
    columns = max(screen.width, COLUMNS) if screen.is_terminal else COLUMNS
    meanings = _meanings(message)
    rows = [*_around(captured), *describe(message, table, unmask=unmask)]
    rows = [replace(row, value=f"{row.value} ({meanings[row.path]})") if row.path in meanings else row for row in rows]
    for line in table_lines(rows, columns):
        screen.print(line.styled())


def _meanings(message: Message) -> dict[str, str]:
    """What message type and answer code say on the POS link, where they say something."""
    from posterm.iso8583 import UnpackError
    from posterm.unionpay.response_codes import known_codes, response_code
    from posterm.unionpay.transactions import UPLOAD_STRIPE, Network, find_transaction

    try:
        parts = [str(message.get(path, "")) for path in (3, 25, "60.1", "60.3", 39)]
    except UnpackError:
        return {}
    code, condition, kind, network, answer = parts
    meanings = {"39": response_code(answer).text} if answer in known_codes() and message.mti != "0400" else {}
    request = message.mti[:2] + str(int(message.mti[2]) & 0xE) + message.mti[3:]
    for mti in (request, "0100", "0200") if request == "0400" else (request,):
        row = find_transaction(mti, code, condition, kind)
        if row is not None:
            name = row.name.lower()
            return {**meanings, "MTI": f"reversal of {name}" if request == "0400" else name}
    if request == "0320" and network == UPLOAD_STRIPE:
        meanings["MTI"] = "batch upload"
    elif kind == "00" and network in list(Network):
        meanings["MTI"] = Network(network).name.lower().replace("_", " ")
    return meanings


def _around(captured: Captured) -> list[Row]:
    """TPDU and header as rows, each with what it says."""
    from posterm.iso8583.describe import Row
    from posterm.unionpay.header import Header

    if captured.tpdu is None or captured.header is None:
        return []
    tpdu = captured.tpdu
    rows = [Row("TPDU", "Routing", f"{tpdu.id} {tpdu.destination} {tpdu.source}")]
    rows.append(Row("HDR", "Header", captured.header))
    header = Header.parse(captured.header)
    asked = header.requirement.name.lower().replace("_", " ")
    rows.append(Row("HDR.1", "Application class", header.application_class, 1))
    rows.append(Row("HDR.3", "Version", header.version, 1))
    rows.append(Row("HDR.5", "Terminal state", header.state, 1))
    rows.append(Row("HDR.6", "Processing requirement", f"{header.requirement.value} ({asked})", 1))
    return rows
