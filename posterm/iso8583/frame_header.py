"""What stands between the length of a frame and its message: TPDU, network headers, headers of the user's own.

A header is a table of fields (`HeaderLayout`), or anything that can measure and build itself (`FrameHeader`). Bytes
come in and go out; nothing is kept.

Source: ISO 8583 leaves headers to the network. TPDU and the 46 bytes of CUPS: Q/CUP 009 and Q/CUP 006 as restated
publicly; Visa's 22 bytes: the field list published at iso8583.info.
Leaves out what the fields mean: destinations, batch numbers and reject codes are the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from posterm.bcd import is_digits
from posterm.iso8583.errors import FramingError

Holds = Literal["bytes", "header-length", "total-length", "message-length"]
NumberForm = Literal["binary", "ascii", "bcd"]


class FrameHeader(Protocol):
    """A header of any making: it knows its size when it sees one, and builds one around a message."""

    @property
    def name(self) -> str:
        """What errors call it."""
        ...

    def measure(self, payload: bytes, at: int) -> int:
        """The size in bytes of the header that begins at `at`; what follows it to the end is the message.

        Raises: FramingError: `payload[at:]` does not begin with such a header.
        """
        ...

    def build(self, message_bytes: int, answering: bytes | None) -> bytes:
        """The header before a message of `message_bytes`, or before the answer to one that came under `answering`.

        Raises: FramingError: the message is too long for the header's own length.
        """
        ...


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One field of a header.

    Args:
        size: bytes.
        value: what a request carries here; zeros when none is given.
        holds: plain bytes, or a number: the length of the header, of the message, or of both together.
        form: how that number is written: big-endian binary, ASCII digits or packed digits.
        answer: what an answer carries: "echo" the request's bytes, "own" the `value`, or another field's name, whose
            bytes of the request stand here then. So destination and source change places.
    Raises: FramingError: a value of another size, or a size that is none.
    """

    name: str
    size: int
    value: bytes = b""
    holds: Holds = "bytes"
    form: NumberForm = "binary"
    answer: str = "echo"

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 255:
            raise FramingError(f"header field {self.name}: need 1 to 255 bytes, have {self.size}")
        if self.value and len(self.value) != self.size:
            raise FramingError(f"header field {self.name}: need {self.size} bytes, have {len(self.value)}")

    def write(self, number: int) -> bytes:
        """A length in this field's form. Raises: FramingError: it does not fit."""
        digits = self.size * (2 if self.form == "bcd" else 1)
        limit = 256**self.size - 1 if self.form == "binary" else 10**digits - 1
        if number > limit:
            raise FramingError(f"header field {self.name}: need at most {limit}, have {number}")
        if self.form == "binary":
            return number.to_bytes(self.size, "big")
        text = f"{number:0{digits}d}"
        return bytes.fromhex(text) if self.form == "bcd" else text.encode("ascii")

    def read(self, data: bytes) -> int | None:
        """The number in these bytes; None when they are no digits."""
        if self.form == "binary":
            return int.from_bytes(data, "big")
        text = data.hex() if self.form == "bcd" else data.decode("latin-1")
        return int(text) if is_digits(text) else None


@dataclass(frozen=True, slots=True)
class HeaderLayout:
    """A header as a table of fields, of fixed size, or longer when a field of it says so.

    Args:
        longest: the largest size accepted, in bytes, when a field holds the header's length; the fields' own sum when
            0. What is longer than the fields is kept and not looked into.
        wrapper: the size of the longer form that a network puts before the whole frame, header and all, when it sends
            a message back rejected; 0 for none.
    Raises: FramingError: no field, two of one name, a size nothing announces, or an answer from a field that is none.

    >>> TPDU.build(120, None).hex(), TPDU.build(120, answering=bytes.fromhex("6000030000")).hex()
    ('6000030000', '6000000003')
    """

    name: str
    fields: tuple[HeaderField, ...]
    longest: int = 0
    wrapper: int = 0

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        if not names or len(set(names)) != len(names):
            raise FramingError(f"header {self.name}: need fields with names of their own, have none or one twice")
        if (self.longest or self.wrapper) and self._holder("header-length") is None:
            raise FramingError(f"header {self.name}: need a field that holds its length, since it varies, have none")
        for field in self.fields:
            if field.answer in ("echo", "own"):
                continue
            if field.answer not in names or self._size_of(field.answer) != field.size:
                raise FramingError(
                    f"header {self.name}, field {field.name}: need echo, own or a field of {field.size} bytes, "
                    f"have {field.answer!r}"
                )

    @property
    def size(self) -> int:
        """The bytes of all fields."""
        return sum(field.size for field in self.fields)

    def measure(self, payload: bytes, at: int) -> int:
        """The size of the header at `at`, its wrapper included.

        Raises: FramingError: too few bytes, or a length in it that cannot be.
        """
        first = self._measure_one(payload, at)
        if self.wrapper and first == self.wrapper:
            inner = self._measure_one(payload, at + first)
            if inner == self.wrapper:
                raise FramingError(f"{self.name}: need one wrapper at most, have two", offset=at + first)
            return first + inner
        return first

    def _measure_one(self, payload: bytes, at: int) -> int:
        size, have = self.size, len(payload) - at
        if have < size:
            raise FramingError(f"{self.name}: need {size} bytes, have {max(have, 0)}", offset=at)
        announced = self._number("header-length", payload, at)
        if announced is not None:
            longest = max(self.longest, size)
            if announced != self.wrapper or not self.wrapper:
                self._check(size <= announced <= longest, "header-length", f"{size} to {longest}", announced, at)
            if announced > have:
                raise FramingError(f"{self.name}: need {announced} bytes, have {have}", offset=at)
        length = size if announced is None else announced
        if not self.wrapper or length != self.wrapper:
            for holds, expected in (("total-length", have), ("message-length", have - length)):
                number = self._number(holds, payload, at)
                self._check(number is None or number == expected, holds, str(expected), number, at)
        return length

    def _number(self, holds: str, payload: bytes, at: int) -> int | None:
        place = self._holder(holds)
        if place is None:
            return None
        offset, field = place
        number = field.read(payload[at + offset : at + offset + field.size])
        if number is None:
            raise FramingError(
                f"{self.name}, {field.name}: need decimal digits ({field.form}), have something else",
                offset=at + offset,
            )
        return number

    def _check(self, holds_good: bool, holds: str, needed: str, found: int | None, at: int) -> None:
        place = self._holder(holds)
        if not holds_good and place is not None:
            offset, field = place
            raise FramingError(f"{self.name}, {field.name}: need {needed}, have {found}", offset=at + offset)

    def _holder(self, holds: str) -> tuple[int, HeaderField] | None:
        offset = 0
        for field in self.fields:
            if field.holds == holds:
                return offset, field
            offset += field.size
        return None

    def _size_of(self, name: str) -> int:
        return next(field.size for field in self.fields if field.name == name)

    def build(self, message_bytes: int, answering: bytes | None = None) -> bytes:
        """The header of a request, or of the answer to what came under the header `answering`.

        Raises: FramingError: the message is too long for a length in it, or `answering` is no such header.
        """
        asked = self.read(answering) if answering is not None else None
        size = self.size
        lengths = {"header-length": size, "message-length": message_bytes, "total-length": size + message_bytes}
        parts = []
        for field in self.fields:
            if field.holds != "bytes":
                parts.append(field.write(lengths[field.holds]))
            elif asked is None or field.answer == "own":
                parts.append(field.value or bytes(field.size))
            else:
                parts.append(asked[field.name if field.answer == "echo" else field.answer])
        return b"".join(parts)

    def read(self, header: bytes) -> dict[str, bytes]:
        """The fields of a header by name; what is longer than them stands under "rest".

        Raises: FramingError: shorter than its fields.
        """
        if len(header) < self.size:
            raise FramingError(f"{self.name}: need {self.size} bytes, have {len(header)}")
        values, at = {}, 0
        for field in self.fields:
            values[field.name] = header[at : at + field.size]
            at += field.size
        return {**values, "rest": header[at:]} if len(header) > at else values

    def with_values(self, values: Mapping[str, bytes]) -> HeaderLayout:
        """The same header with other values in its requests.

        Raises: FramingError: no such field, or a value of another size.

        >>> TPDU.with_values({"destination": bytes.fromhex("0005")}).build(0).hex()
        '6000050000'
        """
        unknown = set(values) - {field.name for field in self.fields}
        if unknown:
            raise FramingError(f"header {self.name}: no field {sorted(unknown)[0]!r}")
        return replace(
            self, fields=tuple(replace(each, value=values.get(each.name, each.value)) for each in self.fields)
        )


TPDU = HeaderLayout(
    "TPDU",
    (
        HeaderField("id", 1, b"\x60"),
        HeaderField("destination", 2, b"\x00\x03", answer="source"),
        HeaderField("source", 2, b"\x00\x00", answer="destination"),
    ),
)
"""Five bytes: identifier, destination and source; an answer has the two changed round. Source: Q/CUP 009."""

CUPS_HEADER = HeaderLayout(
    "CUPS header",
    (
        HeaderField("header length", 1, holds="header-length"),
        HeaderField("version", 1, b"\x02"),
        HeaderField("total length", 4, holds="total-length", form="ascii"),
        HeaderField("destination", 11, b" " * 11, answer="source"),
        HeaderField("source", 11, b" " * 11, answer="destination"),
        HeaderField("reserved", 3),
        HeaderField("batch", 1),
        HeaderField("transaction", 8, b"0" * 8),
        HeaderField("user", 1),
        HeaderField("reject code", 5, b"0" * 5, answer="own"),
    ),
)
"""46 bytes, text and binary; version 0x02, 0x82 for tests; total length is header and message. Source: Q/CUP 006."""

VISA_HEADER = HeaderLayout(
    "Visa header",
    (
        HeaderField("header length", 1, holds="header-length"),
        HeaderField("flag and format", 1, b"\x01"),
        HeaderField("text format", 1, b"\x02"),
        HeaderField("total length", 2, holds="total-length"),
        HeaderField("destination", 3, answer="source"),
        HeaderField("source", 3, answer="destination"),
        HeaderField("round-trip control", 1),
        HeaderField("BASE I flags", 2),
        HeaderField("message status", 3),
        HeaderField("batch", 1),
        HeaderField("reserved", 3),
        HeaderField("user", 1),
    ),
    wrapper=26,
)
"""22 bytes; a rejected message comes back whole behind one of 26, which ends in a bit map and the reject code."""
