"""Captures of network traffic: the packets of a pcap or pcapng file, in the order and with the times they have there.

Read by hand, because the light libraries for it stop where the work begins: they give packets and put no stream
together, and what is wrong with a file they tell by exceptions of their own. What the packets hold is
`capture_packet`, what the streams hold is `capture_stream`.

Source: the pcap and pcapng drafts of the IETF opsawg working group (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng).
Leaves out what a capture says besides: comments, names, statistics, and pcapng's simple packets, which have no time
(they come with time 0).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

from posterm.console.errors import InputError

MAX_PACKET_BYTES: Final = 262_144
"""The largest packet capturing programs write."""
MAX_BLOCK_BYTES: Final = 16 * MAX_PACKET_BYTES
MAX_INTERFACES: Final = 256
NS: Final = 1_000_000_000

_ByteOrder = Literal["<", ">"]
_PCAP: Final[dict[bytes, tuple[_ByteOrder, int]]] = {
    bytes.fromhex("A1B2C3D4"): (">", 1000),
    bytes.fromhex("D4C3B2A1"): ("<", 1000),
    bytes.fromhex("A1B23C4D"): (">", 1),
    bytes.fromhex("4D3CB2A1"): ("<", 1),
}
"""Byte order and nanoseconds of the smaller time unit, by the first four bytes."""
_PCAPNG: Final = bytes.fromhex("0A0D0D0A")
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_ORDERS: Final[dict[bytes, _ByteOrder]] = {bytes.fromhex("1A2B3C4D"): ">", bytes.fromhex("4D3C2B1A"): "<"}
_TIME_RESOLUTION, _TIME_OFFSET = 9, 14


@dataclass(frozen=True, slots=True)
class Packet:
    """One captured packet: nanoseconds since 1970, the link type of its interface, and its bytes, perhaps cut short."""

    number: int
    time_ns: int
    link_type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Interface:
    link_type: int
    units_per_s: int = 1_000_000
    offset_s: int = 0


def is_capture(head: bytes) -> bool:
    """True when a file that begins with these bytes is a capture."""
    return head[:4] in _PCAP or head[:4] == _PCAPNG


def read_packets(file: BinaryIO, magic: bytes | None = None) -> Iterator[Packet]:
    """The packets of a capture, one after the other; the file is not read whole.

    Args:
        magic: the first four bytes, when they have been read already.
    Raises: InputError: no capture, or one that is cut off or contradicts itself; the text names the byte.
    """
    magic = file.read(4) if magic is None else magic
    if magic in _PCAP:
        yield from _pcap_packets(_Reader(file, 4), *_PCAP[magic])
    elif magic == _PCAPNG:
        yield from _pcapng_packets(_Reader(file, 4))
    else:
        raise InputError("capture: need a pcap or pcapng file, have another")


class _Reader:
    """Reads exact sizes and knows at which byte it stands."""

    def __init__(self, file: BinaryIO, at: int) -> None:
        self._file = file
        self.at = at

    def exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise InputError(
                f"capture, at byte {self.at}: need {size} bytes, have {len(data)}",
                hint="the file was cut off; the capturing program may still be writing it",
            )
        self.at += size
        return data

    def exactly_or_end(self, size: int) -> bytes:
        """The same, or nothing at the end of the file."""
        first = self._file.read(1)
        if not first:
            return b""
        self.at += 1
        return first + self.exactly(size - 1)


def _pcap_packets(reader: _Reader, order: _ByteOrder, unit_ns: int) -> Iterator[Packet]:
    major, _minor, _zone, _accuracy, _longest, link_type = struct.unpack(f"{order}HHiIII", reader.exactly(20))
    if major != 2:
        raise InputError(f"capture: need pcap version 2, have {major}")
    number = 0
    while head := reader.exactly_or_end(16):
        seconds, fraction, captured, _original = struct.unpack(f"{order}IIII", head)
        if captured > MAX_PACKET_BYTES:
            raise InputError(
                f"capture, at byte {reader.at - 8}: need at most {MAX_PACKET_BYTES} bytes in a packet, have {captured}"
            )
        number += 1
        yield Packet(number, seconds * NS + fraction * unit_ns, link_type & 0xFFFF, reader.exactly(captured))


def _pcapng_packets(reader: _Reader) -> Iterator[Packet]:
    order: _ByteOrder = "<"
    interfaces: list[_Interface] = []
    number = 0
    head = _PCAPNG
    while head:
        length_bytes = reader.exactly(4)
        if head == _PCAPNG:
            mark = reader.exactly(4)
            if mark not in _ORDERS:
                raise InputError(f"capture, at byte {reader.at - 4}: need the byte-order mark of pcapng, have another")
            order, interfaces = _ORDERS[mark], []
            _block_body(reader, order, length_bytes, taken=12)
        else:
            (kind,) = struct.unpack(f"{order}I", head)
            body = _block_body(reader, order, length_bytes, taken=8)
            if kind == _INTERFACE:
                interfaces.append(_interface(reader, order, body))
                if len(interfaces) > MAX_INTERFACES:
                    raise InputError(f"capture: need at most {MAX_INTERFACES} interfaces, have more")
            elif kind in (_ENHANCED, _OLD_PACKET, _SIMPLE):
                number += 1
                yield _pcapng_packet(reader, order, kind, body, interfaces, number)
        head = reader.exactly_or_end(4)


def _block_body(reader: _Reader, order: _ByteOrder, length_bytes: bytes, *, taken: int) -> bytes:
    """The rest of a block without the length that ends it. `taken` are the bytes of the block already read."""
    (length,) = struct.unpack(f"{order}I", length_bytes)
    if not taken + 4 <= length <= MAX_BLOCK_BYTES or length % 4:
        raise InputError(
            f"capture, at byte {reader.at - taken + 4}: need a block length of {taken + 4} to {MAX_BLOCK_BYTES} "
            f"in steps of 4, have {length}"
        )
    body = reader.exactly(length - taken - 4)
    if reader.exactly(4) != length_bytes:
        raise InputError(f"capture, at byte {reader.at - 4}: need the block length again, have another")
    return body


def _interface(reader: _Reader, order: _ByteOrder, body: bytes) -> _Interface:
    if len(body) < 8:
        raise InputError(f"capture, before byte {reader.at}: need 8 bytes in an interface block, have {len(body)}")
    (link_type,) = struct.unpack_from(f"{order}H", body)
    units, offset, at = 1_000_000, 0, 8
    while at + 4 <= len(body):
        code, size = struct.unpack_from(f"{order}HH", body, at)
        value = body[at + 4 : at + 4 + size]
        if code == 0:
            break
        if code == _TIME_RESOLUTION and len(value) == 1:
            power = value[0] & 0x7F
            units = 2 ** min(power, 64) if value[0] & 0x80 else 10 ** min(power, 19)
        elif code == _TIME_OFFSET and len(value) == 8:
            (offset,) = struct.unpack(f"{order}q", value)
        at += 4 + (size + 3) // 4 * 4
    return _Interface(link_type, units, offset)


def _pcapng_packet(
    reader: _Reader, order: _ByteOrder, kind: int, body: bytes, interfaces: list[_Interface], number: int
) -> Packet:
    head = 4 if kind == _SIMPLE else 20
    if len(body) < head:
        raise InputError(f"capture, before byte {reader.at}: need {head} bytes in a packet block, have {len(body)}")
    index = ticks = 0
    if kind == _SIMPLE:
        size = min(struct.unpack_from(f"{order}I", body)[0], len(body) - head)
    elif kind == _OLD_PACKET:
        index, _drops, high, low, size, _original = struct.unpack_from(f"{order}HHIIII", body)
        ticks = high << 32 | low
    else:
        index, high, low, size, _original = struct.unpack_from(f"{order}IIIII", body)
        ticks = high << 32 | low
    if index >= len(interfaces):
        raise InputError(
            f"capture, before byte {reader.at}: need an interface below {len(interfaces)}, have {index}",
            hint="a packet stands before the description of its interface; the file may have been pasted together",
        )
    if size > min(len(body) - head, MAX_PACKET_BYTES):
        raise InputError(f"capture, before byte {reader.at}: need at most {len(body) - head} bytes, have {size}")
    interface = interfaces[index]
    time_ns = interface.offset_s * NS + ticks * NS // interface.units_per_s if kind != _SIMPLE else 0
    return Packet(number, time_ns, interface.link_type, body[head : head + size])
