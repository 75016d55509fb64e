"""`posterm redact`: a message that can be shown to others."""

from __future__ import annotations

import typer

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
from posterm.console.cli.options import examples
from posterm.console.cli.output import BinaryOption, write_message


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "redact",
        epilog=examples(
            "posterm redact - < frame.hex",
            "posterm redact --dialect iso87-bcd @frame.bin --binary > safe.bin",
            "posterm redact @frame.hex | posterm decode --unmask -",
        ),
    )(redact)


def redact(
    message: MessageArgument,
    dialect: DialectOption = DEFAULT_DIALECT,
    profile: ProfileOption = None,
    header: HeaderOption = None,
    binary: BinaryOption = False,
) -> None:
    """Replace card numbers, tracks, PIN blocks, keys and MACs by test values of the same size.

    The result still decodes. Free text is searched for the card number only: read it before you pass it on.
    """
    from posterm.console.redaction import redacted

    table = chosen_dialect(dialect, profile)
    data = given_bytes(message)
    captured = taken_apart(data, chosen_headers(header))
    safe = table.pack(redacted(table.unpack(captured.wire), table))
    before = data[: captured.offset]
    if len(safe) != len(captured.wire) and len(before) > len(captured.lead):
        # The length before the frame is part of it; what follows is of another size now.
        before = (len(captured.lead) + len(safe)).to_bytes(len(before) - len(captured.lead), "big") + captured.lead
    write_message(before + safe, binary=binary)
