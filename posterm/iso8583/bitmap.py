"""Bitmaps: which elements a message carries. Bit 1 announces a second bitmap, bit 65 a third.

On the wire a bitmap is 8 bytes, or 16 hexadecimal digits in ASCII or EBCDIC.

Source: ISO 8583:1987, 4.2; ISO 8583:2003, 5 for the third.
"""

from __future__ import annotations

from collections.abc import Iterable

from posterm.iso8583.errors import ReadError

BITMAP_BYTES = 8
RAW = "raw"

_BITS = [1 << (192 - number) for number in range(193)]
_BEYOND_64 = (1 << 128) - 1
_BEYOND_128 = (1 << 64) - 1
_HEXADECIMAL = frozenset("0123456789ABCDEFabcdef")


def read(wire: bytes, start: int, bits: int, encoding: str) -> tuple[bytes, int]:
    """The bitmaps that begin at `start`, as bytes, and where they end on the wire.

    Args:
        bits: 64, 128 or 192.
        encoding: raw, or the codec of hexadecimal digits.
    Raises: ReadError: cut short, no hexadecimal digits, or a further bitmap is announced where `bits` allows none.
    """
    size = BITMAP_BYTES if encoding == RAW else 2 * BITMAP_BYTES
    found = b""
    end = start
    while True:
        end += size
        if end > len(wire):
            raise ReadError("truncated", start, f"{end - start} bytes", f"{len(wire) - start}")
        chunk = wire[end - size : end]
        if encoding != RAW:
            chunk = _from_hexadecimal(chunk, end - size, encoding)
        found += chunk
        if not chunk[0] & 0x80 or (bits > 64 and len(found) * 8 == bits):
            return found, end
        if bits == 64:
            raise ReadError("bitmap", end - size, f"at most {bits} elements", "a further bitmap announced")


def read_inner(wire: bytes, size: int, encoding: str) -> tuple[bytes, int]:
    """The bitmap of `size` bytes at the beginning of an element, and where it ends.

    Raises: ReadError: cut short, or no hexadecimal digits.
    """
    end = size if encoding == RAW else size * 2
    if end > len(wire):
        raise ReadError("truncated", 0, f"{end} bytes", f"{len(wire)}")
    return (wire[:end] if encoding == RAW else _from_hexadecimal(wire[:end], 0, encoding)), end


def set_bits(bitmap: bytes) -> list[int]:
    """The numbers of all bits set, counted from 1."""
    marks = f"{int.from_bytes(bitmap, 'big'):0{len(bitmap) * 8}b}"
    return [place for place, mark in enumerate(marks, 1) if mark == "1"]


def written(bitmap: bytes, encoding: str) -> bytes:
    """The bitmaps as they stand on the wire: unchanged when raw, else upper-case hexadecimal digits."""
    return bitmap if encoding == RAW else bitmap.hex().upper().encode(encoding)


def _from_hexadecimal(chunk: bytes, start: int, encoding: str) -> bytes:
    for place in range(len(chunk)):
        if chunk[place : place + 1].decode(encoding, "replace") not in _HEXADECIMAL:
            raise ReadError("bitmap", start + place, "hexadecimal digits", "one outside")
    return bytes.fromhex(chunk.decode(encoding))


def numbers(bitmap: bytes, bits: int) -> list[int]:
    """The element numbers set in one to three bitmaps, ascending, without the bits that announce bitmaps."""
    announcing = (1, 65) if bits == 192 else (1,)
    return [number for number in set_bits(bitmap) if number not in announcing]


def build(present: Iterable[int], bits: int) -> bytes:
    """The bitmaps that announce these elements (each named once), as many as needed.

    >>> build([3, 4, 64], 64).hex()
    '3000000000000001'
    """
    value = sum(map(_BITS.__getitem__, present))
    size = 8 if not value & _BEYOND_64 else 16 if not value & _BEYOND_128 else 24
    if size > 8:
        value |= _BITS[1]
    if size > 16 and bits == 192:
        value |= _BITS[65]
    return value.to_bytes(24, "big")[:size]
