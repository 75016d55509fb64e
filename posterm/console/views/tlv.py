"""BER-TLV of chip cards as lines and as a document: tags by name, values masked, bits and lists in words.

A template's objects stand indented below it, what a value means below the value:

    95    Terminal Verification Results   0000048000
            byte 3 bit 3 online PIN entered
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.text import Text

from posterm import tlv
from posterm.console.views.message import wrapped
from posterm.emv.apdu import status_meaning
from posterm.emv.describe import describe_value
from posterm.emv.tags import DataObject, Scheme, find, printable
from posterm.tlv import TlvError

_SUCCESS: Final = b"\x90\x00"
_GAP: Final = "  "
_NAME_CELLS: Final = 44


@dataclass(frozen=True, slots=True)
class Item:
    """One data object with what is in it. `fault` says why the inside of a template cannot be read."""

    tag: str
    value: bytes
    known: DataObject | None
    inside: tuple[Item, ...] = ()
    fault: str = ""

    @property
    def is_template(self) -> bool:
        return tlv.is_constructed(self.tag)


def items(data: bytes, scheme: Scheme | None = None) -> tuple[Item, ...]:
    """The data objects of one level, templates with what they hold.

    Raises: TlvError: this level is malformed. What is malformed deeper down is told in its item.
    """
    return tuple(_item(tag, value, scheme, 1) for tag, value in tlv.parse(data))


def without_status_word(data: bytes) -> tuple[bytes, bytes]:
    """Data and status word of a pasted answer: 9000 at the end would else read as an empty certificate."""
    return (data[:-2], _SUCCESS) if data.endswith(_SUCCESS) and len(data) > len(_SUCCESS) else (data, b"")


def lines(found: tuple[Item, ...], columns: int, *, unmask: bool = False) -> Iterator[Text]:
    """The objects in lines of at most so many cells, at least 60."""
    flat = list(_flat(found, 0))
    tag_cells = max((2 * depth + len(item.tag) for item, depth in flat), default=0) + len(_GAP)
    sizes = (len(_name(item)) for item, _ in flat if not item.inside)
    name_cells = max((size for size in sizes if size <= _NAME_CELLS), default=0) + len(_GAP)
    columns = max(columns, 60)
    for item, depth in flat:
        yield from _value_lines(item, depth, tag_cells, name_cells, columns, unmask)
        indent = " " * (tag_cells + len(_GAP))
        for line in _meaning(item):
            yield from (Text(indent + piece, "dim", end="") for piece in wrapped(line, columns - len(indent)))
        if item.fault:
            yield Text(indent + item.fault, "bold red", end="")


def status_line(sw: bytes) -> str:
    """A status word with what it says."""
    return f"SW {sw.hex().upper()}  {status_meaning(int.from_bytes(sw, 'big'))}"


def document(found: tuple[Item, ...], *, unmask: bool = False) -> list[dict[str, Any]]:
    """The same for machines."""
    return [_entry(item, unmask=unmask) for item in found]


def shown(item: Item, *, unmask: bool) -> str:
    """The value as it may be seen; a template that cannot be read may hold anything, so nothing of it is."""
    if unmask:
        return item.value.hex().upper()
    if item.is_template:
        return f"**** ({len(item.value)} bytes masked)"
    return printable(item.tag, item.value)


def _flat(found: tuple[Item, ...], depth: int) -> Iterator[tuple[Item, int]]:
    for item in found:
        yield item, depth
        yield from _flat(item.inside, depth + 1)


def _value_lines(item: Item, depth: int, tag_cells: int, name_cells: int, columns: int, unmask: bool) -> Iterator[Text]:
    """Tag, name and value; a value that does not fit goes on below, one whose name is too long begins there."""
    value = "" if item.is_template and not item.fault else shown(item, unmask=unmask)
    name, size = _name(item), (columns - tag_cells - name_cells) // 2 * 2
    pieces = [value[at : at + size] for at in range(0, len(value), size)]
    if len(name) + len(_GAP) > name_cells or not pieces:
        pieces.insert(0, "")
    for number, piece in enumerate(pieces):
        text = Text(no_wrap=True, end="")
        text.append(("  " * depth + item.tag if number == 0 else "").ljust(tag_cells), "dim cyan" if depth else "cyan")
        text.append((name if number == 0 else "").ljust(name_cells))
        text.append(piece, "bold")
        text.rstrip()
        yield text


def _name(item: Item) -> str:
    return item.known.name if item.known else "unknown"


def _item(tag: str, value: bytes, scheme: Scheme | None, depth: int) -> Item:
    known = find(tag, scheme)
    if not tlv.is_constructed(tag):
        return Item(tag, value, known)
    if depth >= tlv.MAX_DEPTH:
        return Item(tag, value, known, fault=f"need at most {tlv.MAX_DEPTH} levels, have more")
    try:
        inside = tlv.parse(value)
    except TlvError as error:
        return Item(tag, value, known, fault=str(error))
    return Item(tag, value, known, tuple(_item(*each, scheme, depth + 1) for each in inside))


def _meaning(item: Item) -> list[str]:
    lines = describe_value(item.tag, item.value)
    known = item.known
    if known is not None and not known.fits(item.value) and not item.is_template:
        bounds = dict.fromkeys(str(bound) for bound in (known.shortest, known.longest) if bound is not None)
        lines.append(f"need {' to '.join(bounds)} bytes, have {len(item.value)}")
    return lines


def _entry(item: Item, *, unmask: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "tag": item.tag,
        "name": _name(item),
        "length": len(item.value),
    }
    if item.is_template and not item.fault:
        return {**entry, "objects": document(item.inside, unmask=unmask)}
    entry["value"] = shown(item, unmask=unmask)
    if meaning := _meaning(item):
        entry["meaning"] = meaning
    return {**entry, "fault": item.fault} if item.fault else entry
