"""`posterm validate`: everything that is wrong with a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from posterm.console.cli.endings import FAILED
from posterm.console.cli.message_choice import (
    DEFAULT_DIALECT,
    DialectOption,
    HeaderOption,
    MessageArgument,
    ProfileOption,
    chosen_dialect,
    chosen_headers,
    given_bytes,
    taken_apart,
)
from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import write_columns, write_json

if TYPE_CHECKING:
    from posterm.iso8583 import Dialect, Message

_OF_THE_MESSAGE: Final = frozenset({"missing", "not-allowed", "echo"})


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "validate",
        epilog=examples(
            "posterm validate --dialect iso87-ascii --luhn @message.hex",
            "posterm validate --dialect iso87-bcd --request @request.hex @answer.hex",
            "posterm sample --dialect iso87-ascii | posterm validate --dialect iso87-ascii --json -",
        ),
    )(validate)


def validate(
    message: MessageArgument,
    dialect: DialectOption = DEFAULT_DIALECT,
    profile: ProfileOption = None,
    header: HeaderOption = None,
    luhn: Annotated[bool, typer.Option("--luhn", help="Check the last digit of card numbers too.")] = False,
    request: Annotated[
        str | None, typer.Option("--request", metavar="HEX", help="The message this one answers: digits or @FILE.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Report every fault of a message: of its bytes, of its content, and of what its type must and may carry.

    Exit status 1 when there is one.
    """
    from posterm.iso8583 import UnpackError

    table = chosen_dialect(dialect, profile)
    headers = chosen_headers(header)
    asked = table.unpack(taken_apart(given_bytes([request], "request"), headers).wire) if request is not None else None
    captured = taken_apart(given_bytes(message), headers)
    faults: list[dict[str, Any]] = []
    if captured.fault:
        faults.append({"level": "wire", "path": "", "code": "length", "text": captured.fault.partition(": ")[2]})
    try:
        read = table.unpack(captured.wire)
    except UnpackError as error:
        read = error.partial
        told = {"code": error.code, "text": f"need {error.needed}, have {error.found}, at byte {error.offset}"}
        faults.append({"level": "wire", "path": error.path, **told, "offset": error.offset})
    faults += _faults(table, read, asked, luhn=luhn, whole=not any("offset" in each for each in faults))
    if as_json:
        write_json({"valid": not faults, "dialect": table.name, "mti": read.mti, "faults": faults})
    elif faults:
        rows = [(each["level"], _place(each["path"]), each["code"], each["text"]) for each in faults]
        write_columns(("Level", "DE", "Code", "Fault"), rows, ("red", "cyan", "", ""))
    else:
        typer.echo(f"valid: {table.name} {read.mti}, {len(read)} elements{_unchecked(table)}")
    if faults:
        raise typer.Exit(FAILED)


def _faults(
    table: Dialect, message: Message, asked: Message | None, *, luhn: bool, whole: bool
) -> list[dict[str, Any]]:
    """What `Dialect.check` finds; of a message that broke off, only what is wrong with what was understood."""
    if not message.mti:
        return []
    found = [
        {
            "level": "message" if each.code in _OF_THE_MESSAGE else "content",
            "path": each.path,
            "code": each.code,
            "text": each.text,
        }
        for each in table.check(message, luhn=luhn, request=asked)
    ]
    return found if whole else [each for each in found if each["level"] == "content"]


def _place(path: str) -> str:
    return path or "-"


def _unchecked(table: Dialect) -> str:
    return "" if table.messages else " (the dialect has no rules for message types)"
