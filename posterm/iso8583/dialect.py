"""A dialect: a table of elements, checked when it is built, that packs and unpacks messages.

What a dialect accepts it packs again to the same bytes; everything else raises UnpackError. The plain interpreter is
here: it walks the bitmap and calls the reader of each element. For bitmaps that come often it is replaced by generated
code (`posterm.iso8583.generated`), which leaves everything unusual to it.

Source: ISO 8583:1987, 4 (message structure). What goes beyond the encoding is `posterm.iso8583.check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from posterm.iso8583 import bitmap as bitmaps
from posterm.iso8583.check import Fault, content_faults, message_faults
from posterm.iso8583.codec import Kept, Reader, Writer, make_mti_codec, make_reader, make_skipper, make_writer
from posterm.iso8583.compile import Field, field_of
from posterm.iso8583.composite import BoundLayout, Composite, bind_layout
from posterm.iso8583.element import RAW, Element, Encodings, MessageRule, resolved
from posterm.iso8583.errors import DialectError, PackError, ReadError, UnpackError
from posterm.iso8583.generated import Generated
from posterm.iso8583.mask import masked
from posterm.iso8583.message import NOTHING_KEPT, Message
from posterm.iso8583.table import check_elements, check_rules, element_from_spec

MAC_ELEMENTS = (64, 128, 192)
MAC_BYTES = 8
_PLAN_LIMIT = 1024
_SHOWN_CHARACTERS = 44

Mac = Callable[[bytes], bytes]
Plan = tuple[tuple[tuple[int, Reader], ...], int, int, bool]


class Dialect:
    """Packs and unpacks messages by a table of elements. Immutable; `derive` makes a relative.

    Raises: DialectError: the table contradicts itself.
    """

    __slots__ = (
        "_bitmap_start", "_bitmaps", "_decoders", "_encoders", "_generated", "_layouts", "_mac_elements",
        "_peekers", "_plans", "_read_mti", "_readers", "_skippers", "_write_mti", "_writers", "elements",
        "encodings", "messages", "name", "title",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        elements: Iterable[Element],
        encodings: Encodings | None = None,
        *,
        title: str = "",
        messages: Mapping[str, MessageRule] | None = None,
    ) -> None:
        encodings = encodings or Encodings()
        table = check_elements(name, elements, encodings)
        check_rules(name, messages or {}, encodings)
        self.messages: Mapping[str, MessageRule] = MappingProxyType(dict(messages or {}))
        self.name = name
        self.title = title or name
        self.encodings = encodings
        self.elements: Mapping[int, Element] = MappingProxyType(table)
        self._read_mti, self._write_mti, self._bitmap_start = make_mti_codec(encodings.mti, name)
        self._readers: dict[int, Reader] = {}
        self._writers: dict[int, Writer] = {}
        self._layouts: dict[int, BoundLayout] = {}
        self._plans: dict[bytes, Plan] = {}
        self._skippers: dict[int, Callable[[bytes, int], int]] = {}
        self._mac_elements = tuple(number for number in MAC_ELEMENTS if number in table)
        unit = bitmaps.BITMAP_BYTES if encodings.bitmap == RAW else 2 * bitmaps.BITMAP_BYTES
        start = self._bitmap_start
        self._bitmaps = tuple(slice(start, start + unit * count) for count in (1, 2, 3))
        fields: dict[int, Field] = {}
        for number, element in table.items():
            where = f"{name}, DE {number} {element.name}"
            reader, prefix_size = make_reader(element, encodings)
            writer = make_writer(element, encodings, where)
            layout, plain_reader = None, reader
            if element.layout is not None:
                codec = RAW if element.format.kind == "b" else resolved(element.format, encodings).encoding
                layout = bind_layout(element.layout, str(number), where, codec, encodings)
                self._layouts[number] = layout
                reader = _composite_reader(reader, layout, prefix_size)
            self._readers[number] = reader
            self._writers[number] = writer if layout is None else _composite_writer(writer, layout)
            self._skippers[number] = make_skipper(element, encodings)
            fields[number] = field_of(element, encodings, layout, plain_reader)
        self._generated = Generated(self, fields, self._writers)
        self._decoders = self._generated.decoders
        self._encoders = self._generated.encoders
        self._peekers = self._generated.peekers

    def __deepcopy__(self, memo: dict[int, Any]) -> Dialect:
        return self

    def __repr__(self) -> str:
        return f"<Dialect {self.name} of {len(self.elements)} elements>"

    def unpack(self, wire: bytes | bytearray | memoryview) -> Message:
        """Read a message from its MTI on.

        Raises: UnpackError: the bytes are no message of this dialect, or more follow its last element.
        """
        if wire.__class__ is not bytes:
            wire = bytes(memoryview(wire))
        decode = self._decoders.get(wire[self._bitmaps[0]])
        if decode is None:
            decode = self._decoders.get(wire[self._bitmaps[1]]) or self._decoders.get(wire[self._bitmaps[2]])
        if decode is not None:
            message = decode(wire)
            if message is not None:
                return message
        return self._interpret(wire)

    def unpack_interpreted(self, wire: bytes | bytearray | memoryview) -> Message:
        """As `unpack`, never by generated code: what that code is held against."""
        return self._interpret(bytes(memoryview(wire)), count=False)

    def peek(self, wire: bytes | bytearray | memoryview, wanted: Iterable[int]) -> Message:
        """Read some elements only, to route a message: as `unpack`, as far as the last of them.

        Of the others only the lengths are looked at, and what follows the last wanted element is not looked at.

        Args:
            wanted: element numbers; those the message does not carry are left out.
        Raises: UnpackError: the type, the bitmap, a wanted element or a length before it is malformed.
        """
        if wire.__class__ is not bytes:
            wire = bytes(memoryview(wire))
        wanted = wanted if wanted.__class__ is tuple else tuple(wanted)
        one, two, three = self._bitmaps
        read = self._peekers.get((wire[one], wanted))
        if read is None:
            read = self._peekers.get((wire[two], wanted)) or self._peekers.get((wire[three], wanted))
        if read is not None:
            message = read(wire)
            if message is not None:
                return message
        return self._interpret(wire, wanted=wanted)

    def _interpret(self, wire: bytes, *, wanted: tuple[int, ...] | None = None, count: bool = True) -> Message:
        """Read a message element by element, and count its bitmap when it is one that code can be generated for."""
        mti, number = "", 0
        values: dict[int, Any] = {}
        kept: Kept = {}
        try:
            mti = self._read_mti(wire)
            steps, begin, unknown, canonical = self._plan(wire)
            if not canonical:
                kept[1] = wire[self._bitmap_start : begin]
            position = begin
            if wanted is None:
                for number, read in steps:
                    values[number], position = read(wire, position, kept)
                number = unknown
                if unknown or position != len(wire):
                    self._refuse_rest(unknown, position, len(wire))
            else:
                far = max((number for number, _ in steps if number in wanted), default=0)
                for number, read in steps:
                    if number > far:
                        break
                    if number in wanted:
                        values[number], position = read(wire, position, kept)
                    else:
                        position = self._skippers[number](wire, position)
                if unknown and unknown <= max(wanted, default=0):
                    number = unknown
                    self._refuse_rest(unknown, position, len(wire))
        except ReadError as fault:
            raise self._unpack_error(fault, wire, mti, number, values) from None
        if count and canonical and not unknown:
            packed_bitmap, numbers = wire[self._bitmap_start : begin], [number for number, _ in steps]
            if wanted is None:
                self._generated.read(packed_bitmap, numbers, begin)
            else:
                self._generated.peeked(packed_bitmap, wanted, numbers, begin)
        return Message.from_dialect(self, mti, values, kept if wanted is None else NOTHING_KEPT)

    def pack(self, message: Message, *, mac: Mac | None = None) -> bytes:
        """Write a message. With `mac`, its last element becomes the MAC: DE 64, or 128 or 192 after a later element.

        Args:
            mac: called with the packed bytes from the MTI to the end of the element before the MAC, the bitmap
                announcing the MAC already; returns 8 bytes.
        Raises: PackError: a value does not fit its element.
        """
        mti, cells, kept, shape = message.for_packing(self)
        if mac is None:
            encoder = self._encoders.get(shape)
            if encoder is not None and not kept and mti.__class__ is str:
                head = encoder.heads.get(mti)
                packed = encoder.encode(head, cells) if head is not None else None
                if packed is not None:
                    return packed
            return self._write(mti, cells, kept, shape)
        mac_element = self._place_of_mac(shape)
        if mac_element in shape:
            cells, shape = cells[:-1], shape[:-1]
        packed = None
        encoder = self._encoders.get(shape)
        if encoder is not None and not kept and mti.__class__ is str:
            head = encoder.mac_heads.get(mti)
            packed = encoder.encode(head, cells) if head is not None else None
        if packed is None:
            packed = self._write(mti, cells, kept, shape, mac_element)
        code: object = mac(packed)
        if not isinstance(code, bytes) or len(code) != MAC_BYTES:
            raise PackError(
                f"{self.name}, DE {mac_element}: need a MAC of {MAC_BYTES} bytes, have another",
                path=str(mac_element),
                code="mac",
            )
        return packed + self._writers[mac_element](code)

    def pack_interpreted(self, message: Message) -> bytes:
        """As `pack`, never by generated code: what that code is held against."""
        mti, cells, kept, shape = message.for_packing(self)
        return self._write(mti, cells, kept, shape, count=False)

    def source(self, numbers: Iterable[int], what: str = "unpack", wanted: Iterable[int] = ()) -> str:
        """The Python that is generated for messages of these elements: made from the table alone, for people to read.

        Args:
            what: unpack, pack or peek; for the last, `wanted` are the elements to be read.
        Raises: DialectError: an element that is not in the table, or another `what`.
        """
        known = sorted(set(numbers))
        if what not in ("unpack", "pack", "peek") or not set(known) <= set(self.elements):
            raise DialectError(f"{self.name}: need unpack, pack or peek and elements of the table, have others")
        if what == "pack":
            return self._generated.encoder_source(known).text()
        bitmap = bitmaps.written(bitmaps.build(known, self.encodings.bits), self.encodings.bitmap)
        only = frozenset(wanted) if what == "peek" else None
        return self._generated.decoder_source(known, self._bitmap_start + len(bitmap), only).text()

    def _write(
        self,
        mti: str,
        cells: Iterable[Any],
        kept: Mapping[int, bytes],
        shape: bytes,
        mac_element: int = 0,
        *,
        count: bool = True,
    ) -> bytes:
        """Write a message element by element up to its MAC, and count it for generated code."""
        writers = self._writers
        body: list[bytes] = []
        try:
            for number, value in zip(shape, cells, strict=True):
                if kept and number in kept:
                    body.append(kept[number])
                elif value.__class__ is Composite:
                    body.append(writers[number](value.raw))
                else:
                    body.append(writers[number](value))
        except KeyError:
            raise self._no_such_element(number) from None
        present = [*shape, mac_element] if mac_element else list(shape)
        packed_bitmap = bitmaps.written(bitmaps.build(present, self.encodings.bits), self.encodings.bitmap)
        head = self._write_mti(mti) + packed_bitmap
        if count:
            encoder = self._generated.written(shape)
            if encoder is not None:
                encoder.remember(mti, head, mac=bool(mac_element))
        if 1 in kept and self._announced(kept[1]) == present:
            head = self._write_mti(mti) + kept[1]
        return b"".join((head, *body))

    def _place_of_mac(self, shape: bytes) -> int:
        """The element that carries the MAC of a message: its last when that is one, else the next in the table."""
        last = shape[-1] if shape else 0
        if last in self._mac_elements:
            return last
        for number in self._mac_elements:
            if number > last:
                return number
        place = self.mac_element
        raise self._no_such_element(next(number for number in shape if number > place))

    def split_mac(self, wire: bytes) -> tuple[bytes, bytes]:
        """The bytes that the MAC of a received message covers, and the MAC.

        Raises: UnpackError: no message of this dialect, or its last element is no MAC (code `mac`).
        """
        message = self.unpack(wire)
        last = max(message, default=0)
        code = message.get(last)
        if last not in MAC_ELEMENTS or not isinstance(code, bytes):
            fault = ReadError(
                "mac", len(wire), f"DE {self.mac_element} as last element", f"DE {last}" if last else "none"
            )
            raise self._unpack_error(fault, bytes(wire), message.mti, self.mac_element, dict(message.items()))
        covered = len(wire) - len(self._writers[last](code))
        return bytes(wire[:covered]), code

    @property
    def mac_element(self) -> int:
        """The number of the last element that can carry a MAC: of 64, 128 and 192 in the table.

        Raises: PackError: the dialect has none.
        """
        for number in reversed(MAC_ELEMENTS):
            if number in self.elements:
                return number
        raise PackError(f"{self.name}: need DE 64, 128 or 192 for a MAC, have none", code="mac")

    def message(self, mti: str, elements: Mapping[int, Any] | None = None) -> Message:
        """A message of this dialect: like `Message`, with the sub-elements of raw values readable at once."""
        built = Message(mti, elements)
        return Message.from_dialect(self, mti, {n: self.attach(n, value) for n, value in built.items()}, {})

    def layout(self, number: int) -> BoundLayout | None:
        """How an element of this dialect divides, or None."""
        return self._layouts.get(number)

    def attach(self, number: int, value: Any) -> Any:
        """A raw value of an element with sub-elements as a `Composite`; anything else as it is."""
        layout = self._layouts.get(number)
        if layout is None or not isinstance(value, bytes if layout.codec == "raw" else str):
            return value
        return Composite(layout, value)

    def derive(
        self,
        name: str,
        change: Iterable[Element] | Mapping[str, Mapping[str, Any]] = (),
        drop: Iterable[int] = (),
        *,
        title: str = "",
        encodings: Encodings | None = None,
        messages: Mapping[str, MessageRule] | None = None,
    ) -> Dialect:
        """A relative: elements changed or added, elements dropped, rules of message types changed or added.

        Args:
            change: elements, or what stands under `[elements]` in a dialect file.
        Raises: DialectError: the new table contradicts itself, or an element to drop is not there.
        """
        table = dict(self.elements)
        for number in drop:
            if table.pop(number, None) is None:
                raise DialectError(f"{name}, drop: need elements of {self.name}, have {number!r}")
        if isinstance(change, Mapping):
            change = [element_from_spec(name, str(number), spec) for number, spec in change.items()]
        for element in change:
            table[element.number] = element
        return Dialect(
            name,
            table.values(),
            encodings or self.encodings,
            title=title or f"{self.title}, {name}",
            messages={**self.messages, **(messages or {})},
        )

    def check(self, message: Message, *, luhn: bool = False, request: Message | None = None) -> list[Fault]:
        """Everything wrong with a message beyond its encoding: content first, then what its type allows.

        Args:
            luhn: check the last digit of card numbers.
            request: the message that this one answers; elements to be echoed are compared with it.
        """
        version = self.encodings.version
        found = list(content_faults(message, self.elements, self._writers, version=version, luhn=luhn))
        return found + list(message_faults(message, self.messages, request))

    def _announced(self, packed_bitmap: bytes) -> list[int]:
        bits = self.encodings.bits
        return bitmaps.numbers(bitmaps.read(packed_bitmap, 0, bits, self.encodings.bitmap)[0], bits)

    def _plan(self, wire: bytes) -> Plan:
        """The readers a bitmap asks for, where they begin, the first unknown element, whether we would write it so."""
        start = self._bitmap_start
        bits, encoding = self.encodings.bits, self.encodings.bitmap
        size = bitmaps.BITMAP_BYTES if encoding == RAW else 2 * bitmaps.BITMAP_BYTES
        plan = self._plans.get(wire[start : start + size])
        if plan is not None:
            return plan
        raw, end = bitmaps.read(wire, start, bits, encoding)
        packed = wire[start:end]
        plan = self._plans.get(packed)
        if plan is not None:
            return plan
        present = bitmaps.numbers(raw, bits)
        unknown = next((number for number in present if number not in self._readers), 0)
        known = [number for number in present if not unknown or number < unknown]
        steps = tuple((number, self._readers[number]) for number in known)
        plan = (steps, end, unknown, packed == bitmaps.written(bitmaps.build(present, bits), encoding))
        if len(self._plans) >= _PLAN_LIMIT:
            self._plans.clear()
        self._plans[packed] = plan
        return plan

    def _refuse_rest(self, unknown: int, position: int, size: int) -> None:
        """Raise for an element that is not in the table, or for bytes after the last one."""
        if unknown:
            at = self._bitmap_start + (unknown - 1) // (8 if self.encodings.bitmap == RAW else 4)
            raise ReadError("unknown-element", at, "an element of this dialect", "another announced in the bitmap")
        raise ReadError("trailing", position, "the end", f"{size - position} more bytes")

    def _no_such_element(self, number: int) -> PackError:
        return PackError(
            f"{self.name}: need elements of this dialect, have DE {number}", path=str(number), code="element"
        )

    def _unpack_error(
        self, fault: ReadError, wire: bytes, mti: str, number: int, values: dict[int, Any]
    ) -> UnpackError:
        element = self.elements.get(number)
        if element is not None:
            place = f"DE {number} {element.name}"
        elif number:
            place = f"DE {number}"
        else:
            place = {"mti": "MTI", "trailing": "after the last element"}.get(fault.code, "bitmap" if mti else "MTI")
        varying = [n for n in values if self.elements[n].prefix is not None]
        last = f"; the last DE with a length prefix was {varying[-1]}" if varying else ""
        shown = " ".join(f"{n}={_short(masked(self.elements[n], value))}" for n, value in values.items())
        text = (
            f"{self.name} {mti or '----'}, {place}: need {fault.needed}, have {fault.found}\n"
            f"  at byte {fault.offset} of {len(wire)}{last}"
        )
        return UnpackError(
            text + (f"\n  unpacked: {shown}" if shown else ""),
            path=str(number) if number else "",
            offset=fault.offset,
            needed=fault.needed,
            found=fault.found,
            code=fault.code,
            partial=Message.from_dialect(self, mti, values, {}),
        )


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…({len(text)})"


def _composite_reader(read: Reader, layout: BoundLayout, prefix_size: int) -> Reader:
    def read_composite(wire: bytes, pos: int, kept: Kept) -> tuple[Any, int]:
        value, end = read(wire, pos, kept)
        return Composite(layout, value, pos + prefix_size), end

    return read_composite


def _composite_writer(write: Writer, layout: BoundLayout) -> Writer:
    def write_composite(value: object) -> bytes:
        return write(layout.build(value) if isinstance(value, Mapping) else value)

    return write_composite
