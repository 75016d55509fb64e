"""Elements with sub-elements: read when asked, written from mappings.

A `Composite` keeps the raw value it came from, so order, repeats, filler and unknown tags survive; a malformed inside
is reported when a part is asked for, with the offset of the byte at which it stops making sense.

This module divides text; `posterm.iso8583.layout_of_bytes` divides bytes.

Source: ISO 8583:1987, 4.4 for positional sub-elements; Q/CUP 009 for tag-length-value text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from posterm.iso8583.element import RAW, Encodings, Layout, Part
from posterm.iso8583.errors import PackError, ReadError, UnpackError
from posterm.iso8583.message import Message

Entry = tuple[str, int, int]


class Composite(Mapping[str, Any]):
    """The value of an element that divides: a mapping of its parts, equal to its raw value.

    `str()`, `bytes()` and `.raw` give the raw value. The first of repeated tags wins; `items_all()` lists every one.
    Reading a part raises UnpackError when the element is malformed inside.
    """

    __slots__ = ("_data", "_entries", "_first", "_layout", "_offset", "_raw")

    def __init__(self, layout: BoundLayout, raw: str | bytes, offset: int = 0) -> None:
        self._layout = layout
        self._raw = raw
        self._offset = offset
        self._entries: list[Entry] | None = None

    @property
    def layout(self) -> BoundLayout:
        """How the value divides, and where it stands in its dialect."""
        return self._layout

    @property
    def raw(self) -> Any:
        """The undivided value: `str` or `bytes`."""
        return self._raw

    def __str__(self) -> str:
        return self._raw if isinstance(self._raw, str) else self._raw.hex().upper()

    def __bytes__(self) -> bytes:
        return self._raw if isinstance(self._raw, bytes) else self._raw.encode(self._layout.codec)

    def __getitem__(self, part_id: str) -> Any:
        self._read()
        start, end = self._first[part_id]
        return self._value(part_id, start, end)

    def __contains__(self, part_id: object) -> bool:
        self._read()
        return part_id in self._first

    def __iter__(self) -> Iterator[str]:
        self._read()
        return iter(self._first)

    def __len__(self) -> int:
        self._read()
        return len(self._first)

    def items_all(self) -> list[tuple[str, Any]]:
        """Every part in the order of the wire, repeats included.

        Raises: UnpackError: the element is malformed inside.
        """
        return [(part_id, self._value(part_id, start, end)) for part_id, start, end in self._read()]

    def with_parts(self, changes: Mapping[str, Any] | None = None, *, drop: tuple[str, ...] = ()) -> Composite:
        """A copy with parts set (in place, or appended) and dropped.

        Raises: UnpackError: the element is malformed inside. PackError: a part does not fit.
        """
        pending = dict(changes or {})
        parts: dict[str, Any] = {}
        for part_id, value in self.items_all():
            if part_id in drop:
                continue
            if part_id in pending:
                parts[part_id] = pending.pop(part_id)
            elif part_id in (changes or {}):
                continue
            elif part_id in parts:
                earlier = parts[part_id]
                parts[part_id] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
            else:
                parts[part_id] = value
        return Composite(self._layout, self._layout.build({**parts, **pending}))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Composite):
            return bool(self._raw == other._raw)
        if isinstance(other, (str, bytes)):
            return self._raw == other
        if isinstance(other, Mapping):
            try:
                return dict(self) == dict(other)
            except UnpackError:
                return False
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._raw)

    def __deepcopy__(self, memo: dict[int, Any]) -> Composite:
        return self

    def __repr__(self) -> str:
        unit = "characters" if isinstance(self._raw, str) else "bytes"
        return f"<Composite DE {self._layout.path} of {len(self._raw)} {unit}>"

    def _read(self) -> list[Entry]:
        if self._entries is None:
            try:
                data = self._layout.flatten(self._raw)
                entries = self._layout.scan(data)
            except ReadError as fault:
                raise self._error(fault) from None
            first: dict[str, tuple[int, int]] = {}
            for part_id, start, end in entries:
                first.setdefault(part_id, (start, end))
            self._data, self._first, self._entries = data, first, entries
        return self._entries

    def _value(self, part_id: str, start: int, end: int) -> Any:
        try:
            return self._layout.value(self._data, part_id, start, end, self._offset)
        except ReadError as fault:
            raise self._error(fault) from None

    def _error(self, fault: ReadError) -> UnpackError:
        layout = self._layout
        path = f"{layout.path}.{fault.sub}" if fault.sub else layout.path
        offset = self._offset + fault.offset // layout.units_per_byte
        within = f", {fault.sub}" if fault.sub else ""
        return UnpackError(
            f"{layout.where}{within}: need {fault.needed}, have {fault.found}\n  at byte {offset}",
            path=path,
            offset=offset,
            needed=fault.needed,
            found=fault.found,
            code=fault.code,
            partial=Message(""),
        )


class BoundLayout:
    """A layout at its place in a dialect: the path, the name errors lead with, and how the raw value lies on the wire.

    `units_per_byte` is 2 for packed digits and 1 for everything else; `codec` writes text (`raw` means bytes).
    """

    __slots__ = ("_nested", "_parts", "codec", "encodings", "path", "spec", "units_per_byte", "where")

    def __init__(self, spec: Layout, path: str, where: str, codec: str, encodings: Encodings) -> None:
        self.spec = spec
        self.path = path
        self.where = where
        self.encodings = encodings
        self.units_per_byte = 2 if codec == "bcd" else 1
        self.codec = "ascii" if codec == "bcd" else codec
        parts = (*spec.lead, *spec.parts)
        self._parts = {part.id: part for part in parts}
        self._nested = {
            part.id: bind_layout(part.layout, f"{path}.{part.id}", f"{where}, {part.id}",
                                 _codec_of(part, codec, encodings), encodings)
            for part in parts
            if part.layout
        }  # fmt: skip

    def part(self, part_id: str) -> Part | None:
        """The description of one sub-element, or None."""
        return self._parts.get(part_id)

    def nested(self, part_id: str) -> BoundLayout | None:
        """How a sub-element divides again, or None."""
        return self._nested.get(part_id)

    def flatten(self, raw: str | bytes) -> str | bytes:
        """The value in units that correspond to bytes or nibbles: text beyond ASCII as one character per byte."""
        if isinstance(raw, bytes) or raw.isascii():
            return raw
        try:
            return raw.encode(self.codec).decode("latin-1")
        except UnicodeError:
            raise ReadError("alphabet", 0, f"{self.codec} text", "one outside") from None

    def scan(self, data: str | bytes) -> list[Entry]:
        """Find the parts. Raises: ReadError, its offset in units."""
        kind = self.spec.kind
        if kind == "tag-length-value":
            return _scan_tag_length_value(data, self.spec)
        if kind == "items":
            return _scan_items(data, self.spec)
        return _scan_positional(data, self.spec)

    def value(self, data: str | bytes, part_id: str, start: int, end: int, base: int) -> Any:
        """One part's value; `base` is the offset of the composite on the wire. Raises: ReadError."""
        chunk = data[start:end]
        if isinstance(chunk, str) and not chunk.isascii():
            try:
                chunk = chunk.encode("latin-1").decode(self.codec)
            except UnicodeError:
                raise ReadError("alphabet", start, f"{self.codec} text", "one outside", part_id) from None
        nested = self.nested(part_id)
        if nested is not None:
            return Composite(nested, chunk, base + start // self.units_per_byte)
        part = self._parts.get(part_id)
        if part is None or part.kind != "n":
            return chunk
        text = chunk.hex() if isinstance(chunk, bytes) else chunk
        if text and not (text.isascii() and text.isdigit()):
            raise ReadError("alphabet", start, "decimal digits", "one outside", part_id)
        return text

    def build(self, parts: Mapping[str, Any]) -> str | bytes:
        """The raw value for a mapping of parts. A list as value of a tag writes the tag several times.

        Raises: PackError: an unknown part, a gap, or a value that does not fit.
        """
        kind = self.spec.kind
        if kind == "tag-length-value":
            return "".join(self._build_tagged(parts))
        if kind == "items":
            self._check_items(parts)
            item = Part("", "", length=self.spec.item_length)
            return "".join(self._part_text(part_id, value, item) for part_id, value in parts.items())
        return "".join(self._part_text(part.id, parts[part.id], part) for part in self._in_order(parts))

    def _build_tagged(self, parts: Mapping[str, Any]) -> Iterator[str]:
        lead = {part.id: part for part in self.spec.lead}
        for part_id, part in lead.items():
            if part_id not in parts:
                raise self._refusal(part_id, "layout", "a value, since it leads", "none")
            yield self._part_text(part_id, parts[part_id], part)
        for part_id, given in parts.items():
            if part_id not in lead:
                yield from (self._tag_length_value(part_id, value) for value in each(given))

    def _tag_length_value(self, tag: Any, given: Any) -> str:
        spec = self.spec
        if not isinstance(tag, str) or len(tag) != spec.tag_length or not (tag.isascii() and tag.isalnum()):
            raise self._refusal("", "layout", f"tags of {spec.tag_length} letters and digits", "another key")
        value = self._part_text(tag, given, self._parts.get(tag))
        size = len(value.encode(self.codec))
        if size >= 10**spec.length_digits:
            raise self._refusal(tag, "length", f"at most {10**spec.length_digits - 1} bytes", str(size))
        return f"{tag}{size:0{spec.length_digits}d}{value}"

    def _check_items(self, parts: Mapping[str, Any]) -> None:
        if list(parts) != [str(place) for place in range(1, len(parts) + 1)]:
            raise self._refusal("", "layout", "items numbered from 1 without a gap", "other keys")

    def _in_order(self, parts: Mapping[str, Any]) -> tuple[Part, ...]:
        """The described parts that have a value, refusing others and gaps."""
        known = [part.id for part in self.spec.parts]
        if not set(parts) <= set(known):
            raise self._refusal("", "layout", f"parts {' '.join(known)}", "another key")
        if missing := set(known[: len(parts)]) - set(parts):
            raise self._refusal(min(missing), "layout", "a value, since a later part has one", "none")
        return self.spec.parts[: len(parts)]

    def _part_text(self, part_id: str, value: Any, part: Part | None) -> str:
        nested = self.nested(part_id)
        if isinstance(value, Composite):
            value = value.raw
        elif isinstance(value, Mapping) and nested is not None:
            value = nested.build(value)
        if not isinstance(value, str):
            raise self._refusal(part_id, "type", "text", type(value).__name__)
        digits = part is not None and part.kind == "n"
        if digits and not (value.isascii() and value.isdigit()):
            raise self._refusal(part_id, "alphabet", "decimal digits", "one outside")
        try:
            size = len(value.encode(self.codec))
        except UnicodeError:
            raise self._refusal(part_id, "alphabet", f"{self.codec} text", "one outside") from None
        if part is not None and part.length:
            if size > part.length:
                raise self._refusal(part_id, "length", f"at most {part.length}", str(size))
            if part.prefix is not None:
                return f"{size:0{part.prefix.digits}d}{value}"
            value = value.rjust(part.length, "0") if digits else value + " " * (part.length - size)
        return str(value)

    def _refusal(self, part_id: str, code: str, needed: str, found: str) -> PackError:
        path = f"{self.path}.{part_id}" if part_id else self.path
        within = f", {part_id}" if part_id else ""
        return PackError(f"{self.where}{within}: need {needed}, have {found}", path=path, code=code)


def bind_layout(spec: Layout, path: str, where: str, codec: str, encodings: Encodings) -> BoundLayout:
    """A layout bound to its place: one of bytes when the codec of the value is `raw`, else one of text."""
    if codec == RAW:
        from posterm.iso8583.layout_of_bytes import LayoutOfBytes

        return LayoutOfBytes(spec, path, where, encodings)
    return BoundLayout(spec, path, where, codec, encodings)


def _codec_of(part: Part, outer: str, encodings: Encodings) -> str:
    """How the value of a part is held: as bytes, or as text of which encoding."""
    if outer != RAW:
        return outer
    if part.kind == "b":
        return RAW
    return part.encoding or (encodings.digits if part.kind in ("n", "z") else encodings.text)


def each(value: Any) -> list[Any]:
    """The values given for one tag: a list means that the tag repeats."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _scan_positional(data: str | bytes, spec: Layout) -> list[Entry]:
    entries: list[Entry] = []
    at, size = 0, len(data)
    for part in spec.parts:
        if at == size:
            return entries
        if part.prefix is not None:
            at, length = _part_length(data, at, part)
        else:
            length = part.length or size - at
        end = at + length
        if end > size:
            raise ReadError("layout", at, f"{length} more characters", str(size - at), part.id)
        entries.append((part.id, at, end))
        at = end
    if at != size:
        raise ReadError("layout", at, "the end", f"{size - at} more characters")
    return entries


def _part_length(data: str | bytes, at: int, part: Part) -> tuple[int, int]:
    """Where the value of a part behind a length of its own begins, and that length."""
    width = part.prefix.digits if part.prefix else 0
    digits = data[at : at + width]
    if len(digits) < width or not (digits.isascii() and digits.isdigit()):
        raise ReadError("layout", at, f"a length of {width} digits", "something else", part.id)
    if not part.minimum <= int(digits) <= part.length:
        raise ReadError("length", at, f"a length of {part.minimum} to {part.length}", str(int(digits)), part.id)
    return at + width, int(digits)


def _scan_items(data: str | bytes, spec: Layout) -> list[Entry]:
    step, size = spec.item_length, len(data)
    if size % step:
        whole = size - size % step
        raise ReadError("layout", whole, f"{step} more characters", str(size - whole), str(size // step + 1))
    return [(str(at // step + 1), at, at + step) for at in range(0, size, step)]


def _scan_tag_length_value(data: str | bytes, spec: Layout) -> list[Entry]:
    text = data if isinstance(data, str) else data.decode("latin-1")
    entries: list[Entry] = []
    at, size = 0, len(text)
    for part in spec.lead:
        if at + part.length > size:
            raise ReadError("layout", at, f"{part.length} more characters", str(size - at), part.id)
        entries.append((part.id, at, at + part.length))
        at += part.length
    while at < size:
        tag = text[at : at + spec.tag_length]
        if len(tag) < spec.tag_length or not (tag.isascii() and tag.isalnum()):
            raise ReadError("tlv", at, f"a tag of {spec.tag_length} letters and digits", "something else")
        at += spec.tag_length
        digits = text[at : at + spec.length_digits]
        if len(digits) < spec.length_digits or not (digits.isascii() and digits.isdigit()):
            raise ReadError("tlv", at, f"a length of {spec.length_digits} digits", "something else", tag)
        at += spec.length_digits
        end = at + int(digits)
        if end > size:
            raise ReadError("tlv", at, f"{end - at} bytes", str(size - at), tag)
        entries.append((tag, at, end))
        at = end
    return entries
