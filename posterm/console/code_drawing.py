"""Codes as pictures: on a screen in half blocks, as PNG, as SVG.

Source: ISO/IEC 18004 through the library segno, whose one door this is. Error correction M, a quiet zone of four
modules in files and two on a screen.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import Final

import segno
import typer
from segno.encoder import DataOverflowError

from posterm.console.errors import InputError
from posterm.runtime.store.whole_file import write_whole

FORMATS: Final = ("png", "svg")
_SCREEN_BORDER: Final = 2
_SCALE: Final = 8
_HALVES: Final = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}


def screen_lines(text: str) -> list[str]:
    """The code for a screen with dark letters on light, two rows of modules in each line.

    Raises: InputError: more than a code holds.
    """
    rows = [[int(module) for module in row] for row in _made(text).matrix_iter(border=_SCREEN_BORDER)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    return ["".join(_HALVES[pair] for pair in zip(*rows[at : at + 2], strict=True)) for at in range(0, len(rows), 2)]


def write_screen(text: str) -> None:
    """Draw the code on standard output; black on white where that is a terminal, or no telephone could read it."""
    if sys.stdout.isatty():
        for line in screen_lines(text):
            typer.secho(line, fg="black", bg="bright_white")
    else:
        typer.echo("\n".join(line.rstrip() for line in screen_lines(text)))


def write_picture(text: str, path: Path) -> None:
    """Write the code as a PNG or SVG file, by the end of its name. Raises: InputError, StoreError."""
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise InputError(f"{path}: need a name that ends in {' or '.join(FORMATS)}")
    picture = BytesIO()
    _made(text).save(picture, kind=kind, scale=_SCALE)
    write_whole(path, picture.getvalue())


def _made(text: str) -> segno.QRCode:
    try:
        return segno.make_qr(text, error="m", encoding="utf-8")
    except DataOverflowError:
        raise InputError(f"{len(text)} characters are more than a code holds") from None
