"""Packed decimal: two digits a byte. The pad nibble and its side are the caller's to choose.

Source: ISO 8583:1987 4.3 (representation of attributes is left to the link); Q/CUP 009 practice for track separators.
"""

from __future__ import annotations

from posterm.errors import BcdError

_NIBBLES = frozenset("0123456789ABCDEFabcdef")


def pack_left(digits: str, pad: str = "0") -> bytes:
    """Pack digits left-justified; an odd count is filled with `pad` on the right.

    >>> pack_left("021").hex()
    '0210'
    """
    return _pack(digits + pad if len(digits) % 2 else digits)


def pack_right(digits: str, pad: str = "0") -> bytes:
    """Pack digits right-justified; an odd count is filled with `pad` on the left.

    >>> pack_right("001").hex()
    '0001'
    """
    return _pack(pad + digits if len(digits) % 2 else digits)


def unpack(packed: bytes) -> str:
    """All nibbles of `packed` as upper-case hexadecimal characters; the caller checks the alphabet."""
    return packed.hex().upper()


def is_digits(text: str) -> bool:
    """True when every character is an ASCII decimal digit (the empty text is)."""
    return (text.isascii() and text.isdecimal()) or not text


def _pack(nibbles: str) -> bytes:
    # `bytes.fromhex` skips blanks, so a value with one would shrink in silence.
    if not _NIBBLES.issuperset(nibbles) or len(nibbles) % 2:
        raise BcdError("not packable as nibbles: a character outside 0-9 A-F, or a pad that is not one nibble")
    return bytes.fromhex(nibbles)
