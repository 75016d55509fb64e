"""A message as an aligned table: element, name, value; sub-elements indented below theirs.

What does not fit its column goes on in the next line, so that nothing is cut. Values come from a peer: characters a
terminal could take for a command are written out. `rich` colours the lines on a terminal and leaves a pipe plain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from posterm.console.cli.endings import printable
from posterm.iso8583.describe import Row

COLUMNS: Final = 80
_INDENT: Final = 2
_GAP: Final = "  "
_NAME_COLUMNS: Final = 30
_LEAST_PATH_COLUMNS: Final = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: `path`, `name` and `value` fit their columns. `fault` marks what is malformed."""

    path: str
    name: str
    value: str
    depth: int = 0
    fault: bool = False

    def styled(self) -> Text:
        """The line with its colours; they vanish where there are none."""
        style = "bold red" if self.fault else ""
        text = Text(no_wrap=True, end="")
        text.append(self.path, "cyan" if not self.depth else "dim cyan")
        text.append(_GAP + self.name, style or ("" if not self.depth else "dim"))
        text.append(_GAP + self.value, style or ("bold" if not self.depth else ""))
        text.rstrip()
        return text


def table_lines(rows: Iterable[Row], columns: int = COLUMNS) -> list[Line]:
    """Lay rows out in lines of at most `columns` cells, at least 60.

    The value is what people look for, so it gets what path and name leave over.
    """
    rows = list(rows)
    path_columns = max([_LEAST_PATH_COLUMNS, *(cell_len(_path(row)) for row in rows)])
    name_columns = min(_NAME_COLUMNS, max([0, *(cell_len(row.name) for row in rows)]))
    value_columns = max(columns, 60) - path_columns - name_columns - 2 * len(_GAP)
    return [line for row in rows for line in _lines(row, path_columns, name_columns, value_columns)]


def _lines(row: Row, path_columns: int, name_columns: int, value_columns: int) -> Iterator[Line]:
    names = list(wrapped(printable(row.name), name_columns))
    values = chop_cells(_value(row, value_columns), value_columns) or [""]
    for place, (name, value) in enumerate(zip_longest(names, values, fillvalue="")):
        path = set_cell_size(_path(row) if place == 0 else "", path_columns)
        yield Line(path, set_cell_size(name, name_columns), value, row.depth, row.fault)


def _value(row: Row, columns: int) -> str:
    """The value in one line; stars that would fill several say how many they are instead."""
    if len(row.value) > columns and set(row.value) == {"*"}:
        return f"**** ({len(row.value)} characters masked)"
    return printable(row.value).replace("\n", "\\n")


def _path(row: Row) -> str:
    return " " * (_INDENT * row.depth) + printable(row.path)


def wrapped(text: str, columns: int) -> Iterator[str]:
    """The text in lines of at most so many cells, broken between words where there are any."""
    line = ""
    for word in text.split():
        if line and cell_len(line) + 1 + cell_len(word) > columns:
            yield from chop_cells(line, columns)
            line = word
        else:
            line = f"{line} {word}".lstrip()
    yield from chop_cells(line, columns) or [""]
