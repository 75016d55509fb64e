"""Aligned columns under a heading; what does not fit the last one goes on below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from posterm.console.cli.endings import printable
from posterm.console.views.message import COLUMNS, wrapped

_GAP: Final = "  "
_LEAST_LAST: Final = 20


def column_lines(
    heading: Sequence[str], rows: Iterable[Sequence[str]], columns: int = COLUMNS, *, styles: Sequence[str] = ()
) -> Iterator[Text]:
    """Lay rows out under their heading; every column but the last is as wide as its widest cell.

    Args:
        styles: one colour for each column; none for those beyond the last.
    """
    table = [[printable(cell).replace("\n", "\\n") for cell in row] for row in (heading, *rows)]
    widths = [max(cell_len(row[place]) for row in table) for place in range(len(heading) - 1)]
    last = max(columns - sum(widths) - len(_GAP) * len(widths), _LEAST_LAST)
    for number, row in enumerate(table):
        for place, piece in enumerate(wrapped(row[-1], last)):
            cells = [set_cell_size(cell if place == 0 else "", width) for cell, width in zip(row, widths, strict=False)]
            text = Text(no_wrap=True, end="")
            for column, cell in enumerate((*cells, piece)):
                style = "bold" if number == 0 else (styles[column] if column < len(styles) else "")
                text.append((_GAP if column else "") + cell, style)
            text.rstrip()
            yield text
