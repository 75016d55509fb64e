"""Elements of bytes with sub-elements: positional, led by a bitmap, BER-TLV, tag-length-value, datasets.

Each part has a format of its own (kind, encoding, length prefix), read by the same readers as whole elements, and may
divide again. What is read keeps the bytes it came from.

Source: EMV 4.4 Book 3, annex B for BER-TLV; ISO 8583:1987, 4.4 for sub-elements; the manuals of card networks for
bitmaps and datasets within an element. Leaves out bitmaps within an element that announce further bitmaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from posterm import tlv
from posterm.iso8583 import bitmap as bitmaps
from posterm.iso8583.codec import (
    Reader,
    Value,
    Writer,
    make_length_reader,
    make_length_writer,
    make_reader,
    make_whole_reader,
    make_whole_writer,
    make_writer,
)
from posterm.iso8583.composite import BoundLayout, Composite, Entry, each
from posterm.iso8583.element import RAW, Element, Encodings, Format, Layout, Part, resolved
from posterm.iso8583.errors import ReadError

_LONGEST = 999_999
_FRAMED = ("positional", "bitmap")


class LayoutOfBytes(BoundLayout):
    """A layout whose raw value is bytes, bound to its place in a dialect."""

    __slots__ = ("_formats", "_length_size", "_prefixes", "_read_length", "_readers", "_tag_codec", "_tag_size",
                 "_whole_readers", "_whole_writers", "_write_length", "_writers")  # fmt: skip

    def __init__(self, spec: Layout, path: str, where: str, encodings: Encodings) -> None:
        inner = replace(encodings, binary=RAW, digits="bcd" if spec.kind == "ber-tlv" else encodings.digits)
        super().__init__(spec, path, where, RAW, inner)
        self._formats: dict[str, Format] = {}
        self._readers: dict[str, Reader] = {}
        self._writers: dict[str, Writer] = {}
        self._prefixes: dict[str, int] = {}
        self._whole_readers: dict[str, Any] = {}
        self._whole_writers: dict[str, Writer] = {}
        for part in (*spec.lead, *spec.parts):
            self._bind(part, inner, framed=part in spec.lead or spec.kind in _FRAMED)
        datasets = spec.kind == "datasets"
        self._tag_codec = spec.tag_encoding or (RAW if datasets else encodings.text)
        self._tag_size = (spec.tag_length + 1) // 2 if self._tag_codec == "bcd" else spec.tag_length
        length_encoding = spec.length_encoding or ("binary" if datasets else encodings.length)
        self._length_size, self._read_length = make_length_reader(spec.length_digits, length_encoding, 0, _LONGEST)
        self._write_length = make_length_writer(spec.length_digits, length_encoding)

    def _bind(self, part: Part, inner: Encodings, *, framed: bool) -> None:
        fmt = resolved(
            Format(part.kind, part.length or _LONGEST, part.encoding, part.counts, part.align, part.pad, part.minimum),
            inner,
        )
        where = f"{self.where}, {part.id}"
        self._formats[part.id] = fmt
        if framed and part.length:
            element = Element(0, part.name, fmt, part.prefix)
            self._readers[part.id], self._prefixes[part.id] = make_reader(element, inner)
            self._writers[part.id] = make_writer(element, inner, where)
        else:

            def refuse(code: str, needed: str, found: str) -> Exception:
                return self._refusal(part.id, code, needed, found)

            self._whole_readers[part.id] = make_whole_reader(fmt)
            self._whole_writers[part.id] = make_whole_writer(fmt, refuse)  # type: ignore[arg-type]

    def flatten(self, raw: str | bytes) -> str | bytes:
        """The value as it is: bytes need no preparation."""
        return raw

    def scan(self, data: str | bytes) -> list[Entry]:
        """Find the parts. Raises: ReadError, its offset in bytes."""
        wire = data if isinstance(data, bytes) else data.encode("latin-1")
        kind = self.spec.kind
        if kind == "positional":
            return self._scan_framed(wire, [part.id for part in self.spec.parts], 0, may_end=True)
        if kind == "bitmap":
            return self._scan_bitmap(wire)
        if kind == "items":
            return super().scan(wire)
        entries = self._scan_framed(wire, [part.id for part in self.spec.lead], 0, may_end=False, whole=False)
        start = entries[-1][2] if entries else 0
        return entries + (self._scan_ber(wire, start) if kind == "ber-tlv" else self._scan_tagged(wire, start))

    def value(self, data: str | bytes, part_id: str, start: int, end: int, base: int) -> Any:
        """One part's value; `base` is the offset of the composite on the wire. Raises: ReadError."""
        chunk = data[start:end]
        assert isinstance(chunk, bytes)  # noqa: S101 - a layout of bytes divides bytes
        try:
            reader = self._readers.get(part_id)
            if reader is not None:
                value: Value = reader(chunk, 0, {})[0]
                inside = start + self._prefixes[part_id]
            else:
                whole = self._whole_readers.get(part_id)
                value, inside = chunk if whole is None else whole(chunk), start
        except ReadError as fault:
            raise ReadError(fault.code, start + fault.offset, fault.needed, fault.found, part_id) from None
        nested = self.nested(part_id)
        return value if nested is None else Composite(nested, value, base + inside)

    def build(self, parts: Mapping[str, Any]) -> bytes:
        """The raw value for a mapping of parts. A list as value of a tag writes the tag several times.

        Raises: PackError: an unknown part, a gap, or a value that does not fit.
        """
        kind = self.spec.kind
        if kind == "positional":
            return b"".join(self._framed(part.id, parts[part.id]) for part in self._in_order(parts))
        if kind == "bitmap":
            return self._build_bitmap(parts)
        if kind == "items":
            self._check_items(parts)
            return b"".join(self._item(part_id, value) for part_id, value in parts.items())
        lead = [part.id for part in self.spec.lead]
        if missing := [part_id for part_id in lead if part_id not in parts]:
            raise self._refusal(missing[0], "layout", "a value, since it leads", "none")
        head = b"".join(self._framed(part_id, parts[part_id]) for part_id in lead)
        rest = {part_id: value for part_id, value in parts.items() if part_id not in lead}
        if kind == "ber-tlv":
            return head + self._build_ber(rest)
        return head + b"".join(self._tagged(tag, value) for tag, given in rest.items() for value in each(given))

    def nested(self, part_id: str) -> BoundLayout | None:
        """How a part divides again; a dataset without a description holds BER-TLV."""
        layout = super().nested(part_id)
        if layout is None and self.spec.kind == "datasets" and self.part(part_id) is None:
            return LayoutOfBytes(Layout("ber-tlv"), f"{self.path}.{part_id}", f"{self.where}, {part_id}",
                                 self.encodings)  # fmt: skip
        return layout

    def _scan_framed(
        self, wire: bytes, order: list[str], start: int, *, may_end: bool, whole: bool = True
    ) -> list[Entry]:
        entries: list[Entry] = []
        at, size = start, len(wire)
        for part_id in order:
            if at == size and may_end:
                return entries
            reader = self._readers.get(part_id)
            try:
                end = size if reader is None else reader(wire, at, {})[1]
            except ReadError as fault:
                raise ReadError(fault.code, fault.offset, fault.needed, fault.found, part_id) from None
            entries.append((part_id, at, end))
            at = end
        if whole and at != size:
            raise ReadError("layout", at, "the end", f"{size - at} more bytes")
        return entries

    def _scan_bitmap(self, wire: bytes) -> list[Entry]:
        bits, encoding = self.spec.bitmap_bits, self.spec.bitmap_encoding
        marks, start = bitmaps.read_inner(wire, bits // 8, encoding)
        order = [str(number) for number in bitmaps.set_bits(marks)]
        for part_id in order:
            if part_id not in self._readers:
                at = (int(part_id) - 1) // (8 if encoding == RAW else 4)
                raise ReadError("layout", at, "a part that the dialect lists", "another announced", part_id)
        return self._scan_framed(wire, order, start, may_end=False)

    def _scan_ber(self, wire: bytes, start: int) -> list[Entry]:
        try:
            found = tlv.scan(wire[start:] if start else wire)
        except tlv.TlvError as error:
            raise ReadError("tlv", start + error.offset, error.needed, error.found, error.tag) from None
        return [(tag, start + begin, start + end) for tag, begin, end in found] if start else found

    def _scan_tagged(self, wire: bytes, start: int) -> list[Entry]:
        entries: list[Entry] = []
        at, size = start, len(wire)
        while at < size:
            tag = self._read_tag(wire, at)
            at += self._tag_size
            try:
                length = self._read_length(wire, at)
            except ReadError as fault:
                raise ReadError("tlv", fault.offset, fault.needed, fault.found, tag) from None
            at += self._length_size
            end = at + length
            if end > size:
                raise ReadError("tlv", at, f"{length} bytes", str(size - at), tag)
            entries.append((tag, at, end))
            at = end
        return entries

    def _read_tag(self, wire: bytes, at: int) -> str:
        chunk = wire[at : at + self._tag_size]
        if len(chunk) == self._tag_size:
            if self._tag_codec == RAW:
                return chunk.hex().upper()
            tag = chunk.hex() if self._tag_codec == "bcd" else chunk.decode(self._tag_codec, "replace")
            if tag.isascii() and (tag.isdigit() if self._tag_codec == "bcd" else tag.isalnum()):
                return tag[-self.spec.tag_length :]
        raise ReadError("tlv", at, f"a tag of {self._tag_size} bytes", "something else")

    def _tagged(self, tag: Any, given: Any) -> bytes:
        packed = self._write_tag(tag)
        value = self._tlv_value(tag, given)
        encoding = self.spec.length_encoding
        most = 256**self._length_size if self._binary_length(encoding) else 10**self.spec.length_digits
        if len(value) >= most:
            raise self._refusal(tag, "length", f"at most {most - 1} bytes", str(len(value)))
        return packed + self._write_length(len(value)) + value

    def _binary_length(self, encoding: str) -> bool:
        if encoding:
            return encoding == "binary"
        return self.spec.kind == "datasets" or self.encodings.length == "binary"

    def _write_tag(self, tag: Any) -> bytes:
        try:
            if self._tag_codec == RAW:
                packed = bytes.fromhex(tag)
            elif self._tag_codec == "bcd":
                packed = bytes.fromhex(tag.rjust(self._tag_size * 2, "0"))
            else:
                packed = tag.encode(self._tag_codec)
            if len(packed) == self._tag_size and self._read_tag(packed, 0) == tag:
                return packed
        except (ValueError, TypeError, AttributeError, ReadError):
            pass
        raise self._refusal("", "layout", f"tags of {self._tag_size} bytes", "another key")

    def _tlv_value(self, tag: str, value: Any) -> bytes:
        """The bytes of a value behind a tag. Text for a part of bytes, or an unknown one, is hexadecimal."""
        value = self._undivided(tag, value)
        writer = self._whole_writers.get(tag)
        if writer is None:
            return self._hexadecimal(tag, value)
        fmt = self._formats[tag]
        if fmt.kind == "n" and fmt.encoding == "bcd" and isinstance(value, str):
            least = 0 if fmt.length == _LONGEST else fmt.length + fmt.length % 2
            if least and value.isascii() and value.isdigit() and len(value) > least:
                raise self._refusal(tag, "length", f"at most {fmt.length} digits", str(len(value)))
            value = value.rjust(least, "0") if value else value
            value = "0" + value if len(value) % 2 else value
        if fmt.kind != "b" and isinstance(value, (bytes, bytearray)):
            return bytes(value)
        return writer(value)

    def _hexadecimal(self, tag: str, value: Any) -> bytes:
        if isinstance(value, (bytes, bytearray)):
            return bytes(value)
        if not isinstance(value, str):
            raise self._refusal(tag, "type", "bytes or text", type(value).__name__)
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise self._refusal(tag, "alphabet", "bytes, or hexadecimal text", "other text") from None

    def _undivided(self, part_id: str, value: Any) -> Any:
        if isinstance(value, Composite):
            return value.raw
        nested = self.nested(part_id) if isinstance(value, Mapping) else None
        return value if nested is None else nested.build(value)

    def _framed(self, part_id: str, value: Any) -> bytes:
        value = self._undivided(part_id, value)
        writer = self._writers.get(part_id)
        return self._whole_writers[part_id](value) if writer is None else writer(value)

    def _item(self, part_id: str, value: Any) -> bytes:
        chunk = self._hexadecimal(part_id, value)
        if len(chunk) != self.spec.item_length:
            raise self._refusal(part_id, "length", f"{self.spec.item_length} bytes", str(len(chunk)))
        return chunk

    def _build_ber(self, parts: Mapping[str, Any]) -> bytes:
        items = [(tag, self._tlv_value(tag, value)) for tag, given in parts.items() for value in each(given)]
        try:
            return tlv.build(items)
        except tlv.TlvError as error:
            raise self._refusal(error.tag, "tlv", error.needed, error.found) from None
        except AttributeError:
            raise self._refusal("", "tlv", "tags in hexadecimal", "something else") from None

    def _build_bitmap(self, parts: Mapping[str, Any]) -> bytes:
        known = [part.id for part in self.spec.parts]
        if not set(parts) <= set(known):
            raise self._refusal("", "layout", f"parts {' '.join(known)}", "another key")
        order = sorted(parts, key=int)
        size = self.spec.bitmap_bits // 8
        marks = sum(1 << (size * 8 - int(part_id)) for part_id in order).to_bytes(size, "big")
        head = bitmaps.written(marks, self.spec.bitmap_encoding)
        return head + b"".join(self._framed(part_id, parts[part_id]) for part_id in order)
