"""`posterm convert`: a message of one dialect in another."""

from __future__ import annotations

from typing import Annotated

import typer

from posterm.console.cli.endings import FAILED, report
from posterm.console.cli.message_choice import (
    HeaderOption,
    MessageArgument,
    chosen_dialect,
    chosen_headers,
    given_bytes,
    taken_apart,
)
from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import BinaryOption, write_json, write_message


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "convert",
        epilog=examples(
            "posterm sample --dialect iso87-ascii | posterm convert --from iso87-ascii --to iso87-bcd -",
            "posterm convert --from unionpay-pos --to iso87-bcd --lossy @frame.hex",
            "posterm convert --from iso87-bcd --to acme.toml --json @frame.bin",
        ),
    )(convert)


def convert(
    message: MessageArgument,
    source: Annotated[
        str, typer.Option("--from", metavar="NAME", help="The dialect it is in, or a file (.toml).", show_default=False)
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="NAME", help="The dialect it is to be in.", show_default=False)
    ],
    lossy: Annotated[
        bool, typer.Option("--lossy", help="Write it even when elements are left behind; exit status 0.")
    ] = False,
    header: HeaderOption = None,
    binary: BinaryOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a message in another dialect, in the clear.

    What the other dialect cannot carry is listed; without --lossy nothing is written then, and the exit status is 1.
    The message type takes the version of the other dialect. Headers and MAC stay behind.
    """
    from posterm.console.conversion import convert as converted
    from posterm.console.errors import ConsoleError

    here = chosen_dialect(source, option="--from")
    there = chosen_dialect(target, option="--to")
    wire = taken_apart(given_bytes(message), chosen_headers(header)).wire
    result, lost = converted(here.unpack(wire), here, there)
    packed = there.pack(result)
    complete = not lost
    if as_json:
        listed = [{"path": each.path, "name": each.name, "why": each.why} for each in lost]
        document: dict[str, object] = {"complete": complete, "not_carried": listed}
        write_json(document | ({"message": packed.hex().upper()} if complete or lossy else {}))
    else:
        for each in lost:
            typer.echo(f"not carried: DE {each.path} {each.name}: {each.why}", err=True)
        if complete or lossy:
            write_message(packed, binary=binary)
    if not complete and not lossy:
        if not as_json:
            report(
                ConsoleError(
                    f"{there.name}: need every element carried over, have {len(lost)} that are not",
                    hint="--lossy leaves them behind",
                )
            )
        raise typer.Exit(FAILED)
