"""Bitmaps: which elements a message carries. Bit 1 announces a second bitmap, bit 65 a third.

Source: ISO 8583:1987, 4.2; ISO 8583:2003, 5 for the third. Leaves out bitmaps written as hexadecimal text.
"""

from __future__ import annotations

from collections.abc import Iterable

from posterm.iso8583.errors import ReadError

BITMAP_BYTES = 8

_BITS = [1 << (192 - number) for number in range(193)]
_BEYOND_64 = (1 << 128) - 1
_BEYOND_128 = (1 << 64) - 1


def measure(wire: bytes, start: int, bits: int) -> int:
    """Where the bitmaps that begin at `start` end.

    Raises: ReadError: cut short, or a further bitmap is announced where `bits` (64, 128 or 192) allows none.
    """
    end = start + BITMAP_BYTES
    while True:
        if end > len(wire):
            raise ReadError("truncated", start, f"{end - start} bytes", f"{len(wire) - start}")
        if not wire[end - BITMAP_BYTES] & 0x80 or (bits > 64 and (end - start) * 8 == bits):
            return end
        if bits == 64:
            raise ReadError("bitmap", end - BITMAP_BYTES, f"at most {bits} elements", "a further bitmap announced")
        end += BITMAP_BYTES


def numbers(bitmap: bytes, bits: int) -> list[int]:
    """The element numbers set in one to three bitmaps, ascending, without the bits that announce bitmaps."""
    marks = f"{int.from_bytes(bitmap, 'big'):0{len(bitmap) * 8}b}"
    announcing = (1, 65) if bits == 192 else (1,)
    return [place for place, mark in enumerate(marks, 1) if mark == "1" and place not in announcing]


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
