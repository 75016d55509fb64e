"""`posterm sample`: a message of each dialect."""

from __future__ import annotations

from typing import Annotated

import typer

from posterm.console.cli.message_choice import (
    CountsItselfOption,
    FramingOption,
    chosen_dialect,
    chosen_length,
)
from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import BinaryOption, write_json, write_message


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "sample",
        epilog=examples(
            "posterm sample",
            "posterm sample --dialect iso87-ascii | posterm decode --dialect iso87-ascii -",
            "posterm sample --dialect iso93-bcd --framing be16 --binary > frame.bin",
        ),
    )(sample)


def sample(
    dialect: Annotated[
        str | None,
        typer.Option("--dialect", "-d", metavar="NAME", help="A built-in dialect or a file (.toml); else all of them."),
    ] = None,
    framing: FramingOption = None,
    counts_itself: CountsItselfOption = False,
    binary: BinaryOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a message made from the table of a dialect: one line of digits, ready for decode.

    Without --dialect, one line for each built-in dialect: its name, then the digits. The card number is a test number.
    """
    from posterm.console.errors import InputError
    from posterm.console.sample_message import sample_message
    from posterm.iso8583 import dialect_names, encode_frame

    length = chosen_length(framing)
    made = {}
    for name in dialect_names() if dialect is None else (dialect,):
        table = chosen_dialect(name)
        wire = table.pack(sample_message(table))
        made[table.name] = encode_frame(wire, length, counts_itself) if length else wire
    if as_json:
        write_json({name: wire.hex().upper() for name, wire in made.items()})
    elif dialect is not None:
        write_message(next(iter(made.values())), binary=binary)
    elif binary:
        raise InputError("--binary: need one --dialect, have all")
    else:
        for name, wire in made.items():
            typer.echo(f"{name} {wire.hex().upper()}")
