"""In what two messages of one dialect differ: elements, and where both divide alike, their parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from posterm.iso8583 import Dialect, Message
from posterm.iso8583.describe import Row, describe


@dataclass(frozen=True, slots=True)
class Difference:
    """One path at which two messages differ. `left` and `right` may be shown; None where there is no such element."""

    path: str
    name: str
    left: str | None
    right: str | None


def differences(left: Message, right: Message, dialect: Dialect, *, unmask: bool = False) -> list[Difference]:
    """Everything that is different, in the order of the elements; an element is followed by those of its parts."""
    clear = [_by_path(describe(each, dialect, unmask=True)) for each in (left, right)]
    shown = [_by_path(describe(each, dialect, unmask=unmask)) for each in (left, right)]
    return list(_differing(clear, shown))


def _differing(clear: list[dict[str, Row]], shown: list[dict[str, Row]]) -> Iterator[Difference]:
    for path in _in_order(clear[0], clear[1]):
        values = [side[path].value if path in side else None for side in clear]
        if values[0] == values[1]:
            continue
        texts = [side[path].value if path in side else None for side in shown]
        name = (clear[0].get(path) or clear[1][path]).name
        if texts[0] == texts[1]:  # what differs is under the mask
            texts = [f"{text} (differs)" for text in texts]
        yield Difference(path, name, texts[0], texts[1])


def _by_path(rows: list[Row]) -> dict[str, Row]:
    """The rows by path; those of a repeated part are numbered from the second on."""
    found: dict[str, Row] = {}
    for row in rows:
        path, count = row.path, 1
        while path in found:
            count += 1
            path = f"{row.path}#{count}"
        found[path] = row
    return found


def _in_order(left: dict[str, Row], right: dict[str, Row]) -> list[str]:
    """All paths: elements by number, parts as they stand in the left message and then the right."""
    paths = list(dict.fromkeys((*left, *right)))
    return sorted(paths, key=lambda path: int(head) if (head := path.split(".")[0].split("#")[0]).isdigit() else 0)
