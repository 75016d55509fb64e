"""`posterm diff`: in what two messages differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from posterm.console.cli.endings import FAILED
from posterm.console.cli.message_choice import (
    DEFAULT_DIALECT,
    DialectOption,
    HeaderOption,
    ProfileOption,
    UnmaskOption,
    chosen_dialect,
    chosen_headers,
    given_bytes,
    taken_apart,
)
from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import write_columns, write_json

if TYPE_CHECKING:
    from posterm.iso8583 import Dialect, FrameHeader, Message

_MESSAGE = "Digits, @FILE, or - for standard input."


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "diff",
        epilog=examples(
            "posterm diff @sent.hex @received.hex",
            "posterm diff --dialect iso87-ascii --json @yesterday.bin @today.bin",
            "posterm diff @request.hex - < answer.hex",
        ),
    )(diff)


def diff(
    left: Annotated[str, typer.Argument(metavar="A", help=f"One message. {_MESSAGE}", show_default=False)],
    right: Annotated[str, typer.Argument(metavar="B", help=f"The other. {_MESSAGE}", show_default=False)],
    dialect: DialectOption = DEFAULT_DIALECT,
    profile: ProfileOption = None,
    header: HeaderOption = None,
    as_json: JsonOption = False,
    unmask: UnmaskOption = False,
) -> None:
    """Show in which elements two messages differ. Exit status 1 when they do."""
    from posterm.console.errors import InputError
    from posterm.console.message_difference import differences

    if left == right == "-":
        raise InputError("diff: need one message on standard input, have two", hint="give the other as @FILE")
    table = chosen_dialect(dialect, profile)
    headers = chosen_headers(header)
    messages = [_read(argument, name, table, headers) for argument, name in ((left, "A"), (right, "B"))]
    found = differences(messages[0], messages[1], table, unmask=unmask)
    if as_json:
        write_json([{"path": each.path, "name": each.name, "a": each.left, "b": each.right} for each in found])
    elif found:
        rows = [(each.path, each.name, _side(each.left), _side(each.right)) for each in found]
        write_columns(("DE", "Name", "A", "B"), rows, ("cyan", "", "red", "green"))
    if found:
        raise typer.Exit(FAILED)


def _side(value: str | None) -> str:
    return "(none)" if value is None else value


def _read(argument: str, name: str, table: Dialect, headers: tuple[FrameHeader, ...]) -> Message:
    """One side; what is wrong with it says which side it is."""
    from posterm.iso8583 import UnpackError

    try:
        return table.unpack(taken_apart(given_bytes([argument], f"message {name}"), headers).wire)
    except UnpackError as error:
        error.args = (f"message {name}: {error}",)
        raise
