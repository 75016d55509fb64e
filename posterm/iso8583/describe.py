"""Messages as people read them: rows for a table, and JSON that can be packed again.

Sensitive elements are masked unless told otherwise; sub-elements that the dialect does not list inside a sensitive
element are masked too. A malformed inside is shown as a row, not raised.

Source: PCI DSS 4.0, 3.4.1 for what may be shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from posterm.iso8583.composite import BoundLayout, Composite
from posterm.iso8583.dialect import Dialect
from posterm.iso8583.errors import PackError, UnpackError
from posterm.iso8583.mask import flat_text, masked
from posterm.iso8583.message import Message


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a description. `depth` is 0 for elements, `fault` marks a row that reports a malformed inside."""

    path: str
    name: str
    value: str
    depth: int = 0
    fault: bool = False


def describe(message: Message, dialect: Dialect, *, unmask: bool = False) -> list[Row]:
    """The message as rows: its type, its elements in order, sub-elements below theirs.

    Args:
        unmask: show sensitive values in the clear; for test data only.
    """
    rows = [Row("MTI", "Message type", message.mti)]
    for number in message:
        element = dialect.elements.get(number)
        value = _attached(message, dialect, number)
        text = flat_text(value) if unmask else masked(element, value)
        rows.append(Row(str(number), element.name if element else "not in this dialect", text))
        if isinstance(value, Composite):
            hidden = not unmask and (element is None or element.sensitive)
            rows.extend(_sub_rows(value, hidden, unmask, 1))
    return rows


def to_json(message: Message, dialect: Dialect, *, unmask: bool = False) -> dict[str, Any]:
    """The message as JSON values: `mti`, `elements` (raw, bytes as upper-case hexadecimal), `subelements` by path.

    Malformed insides appear under `faults` by path. What `from_json` reads is `mti` and `elements`.
    """
    elements: dict[str, str] = {}
    subelements: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for row in describe(message, dialect, unmask=unmask)[1:]:
        if row.fault:
            faults[row.path] = row.value
        elif not row.depth:
            elements[row.path] = row.value
        elif row.path in subelements:
            earlier = subelements[row.path]
            subelements[row.path] = [*earlier, row.value] if isinstance(earlier, list) else [earlier, row.value]
        else:
            subelements[row.path] = row.value
    result: dict[str, Any] = {"mti": message.mti, "elements": elements, "subelements": subelements}
    return {**result, "faults": faults} if faults else result


def from_json(document: Mapping[str, Any]) -> Message:
    """A message from what `to_json` gave, or from the same written by hand.

    Element values are text (bytes as hexadecimal) or, for elements with sub-elements, objects of parts.

    Raises: PackError: another shape (code `json`).
    """
    if not isinstance(document, Mapping):
        raise PackError("message: need a JSON object, have another value", code="json")
    mti, elements = document.get("mti"), document.get("elements", {})
    if not isinstance(mti, str):
        raise PackError("message, mti: need text, have another value or none", code="json")
    if not isinstance(elements, Mapping):
        raise PackError("message, elements: need an object, have another value", code="json")
    values: dict[int, Any] = {}
    for key, value in elements.items():
        if not (isinstance(key, str) and key.isascii() and key.isdigit() and len(key) <= 3 and key[0] != "0"):
            raise PackError("message, elements: need element numbers as keys, have another key", code="json")
        if not isinstance(value, (str, Mapping)):
            raise PackError(f"message, DE {key}: need text or an object, have another value", path=key, code="json")
        values[int(key)] = value
    return Message(mti, values)


def _attached(message: Message, dialect: Dialect, number: int) -> Any:
    """The value as this dialect divides it; what it cannot divide or build stays as it is."""
    value = message[number]
    if isinstance(value, Composite):
        value = value.raw
    try:
        if isinstance(value, Mapping):
            layout = dialect.layout(number)
            return value if layout is None else Composite(layout, layout.build(value))
        if isinstance(value, str) and dialect.elements[number].format.kind == "b":
            value = bytes.fromhex(value)
    except (PackError, ValueError, KeyError):
        return value
    return dialect.attach(number, value)


def _sub_rows(composite: Composite, hidden: bool, unmask: bool, depth: int) -> Iterator[Row]:
    layout: BoundLayout = composite.layout
    try:
        parts = composite.items_all()
    except UnpackError as error:
        # A part that cannot be read hides no other part: those before it are listed one by one.
        yield from _readable_rows(composite, hidden, unmask, depth)
        yield Row(error.path, "malformed", f"need {error.needed}, have {error.found} ({error.code})", depth, fault=True)
        return
    for part_id, value in parts:
        yield from _part_rows(layout, part_id, value, hidden, unmask, depth)


def _readable_rows(composite: Composite, hidden: bool, unmask: bool, depth: int) -> Iterator[Row]:
    try:
        known = list(composite)
    except UnpackError:
        return
    for part_id in known:
        try:
            value = composite[part_id]
        except UnpackError:
            continue
        yield from _part_rows(composite.layout, part_id, value, hidden, unmask, depth)


def _part_rows(layout: BoundLayout, part_id: str, value: Any, hidden: bool, unmask: bool, depth: int) -> Iterator[Row]:
    part = layout.part(part_id)
    secret = not unmask and (hidden if part is None else part.sensitive)
    text = flat_text(value)
    path = f"{layout.path}.{part_id}"
    yield Row(path, part.name if part else "not listed", "*" * len(text) if secret else text, depth)
    if isinstance(value, Composite):
        yield from _sub_rows(value, secret, unmask, depth + 1)
