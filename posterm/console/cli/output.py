"""How commands that give a message write it: digits, raw bytes, or framed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BinaryOption = Annotated[bool, typer.Option("--binary", help="Write the bytes themselves, not their digits.")]


def write_message(data: bytes, *, binary: bool) -> None:
    """The bytes to standard output, as one line of upper-case digits unless they are wanted raw."""
    if binary:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        typer.echo(data.hex().upper())


def write_columns(heading: Sequence[str], rows: Iterable[Sequence[str]], styles: Sequence[str] = ()) -> None:
    """Aligned columns to standard output, coloured on a terminal."""
    from posterm.console.views.columns import column_lines
    from posterm.console.views.message import COLUMNS
    from posterm.console.views.screen import Screen

    screen = Screen()
    columns = max(screen.width, COLUMNS) if screen.is_terminal else COLUMNS
    for line in column_lines(heading, rows, columns, styles=styles):
        screen.print(line)


def write_json(document: object) -> None:
    """A document to standard output."""
    import json

    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def clear_screen() -> None:
    """Wipe a terminal, so that what was on it is not read by the next person; nothing where there is none."""
    if sys.stdout.isatty():
        typer.echo("\x1b[2J\x1b[3J\x1b[H", nl=False)


def write_csv(documents: Sequence[Mapping[str, object]]) -> None:
    """A heading and a line for each document to standard output, as RFC 4180 has it; nothing when there are none."""
    import csv

    if documents:
        writer = csv.DictWriter(sys.stdout, list(documents[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(documents)
