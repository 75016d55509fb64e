"""A message as an engineer pastes it: hexadecimal with blanks and colons, alone or as a whole frame of the POS link.

A frame is told from a bare message by its TPDU (identifier 60) and by the application class that begins the header
(60 to 63); the message type after them has to begin with 01 to 09. In front of the TPDU there may be a length, which
is not trusted to find anything: when it differs from what follows, `fault` says so.

Where the caller names the headers instead (`Framing.split`), they are kept as they are, under their names.

Source: Q/CUP 009 for length, TPDU and header. Leaves out streams of several frames.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from posterm.console.errors import InputError
from posterm.iso8583 import Tpdu

MAX_BYTES: Final = 65_535 + 2
"""The longest frame a two-byte length can announce, and the length."""
MAX_CHARACTERS: Final = 8 * MAX_BYTES

_IGNORED = re.compile(r"[\s:]+")
_NOT_HEX = re.compile(r"[^0-9A-Fa-f]")
_LENGTH, _TPDU, _HEADER = 2, 5, 6


@dataclass(frozen=True, slots=True)
class Captured:
    """The parts of what was pasted.

    `wire` are the bytes from the message type on and `offset` says where in the input they begin. `tpdu` and `header`
    (12 hexadecimal digits) are None for a bare message. `fault` is empty, or what is wrong with the length. `lead` are
    the bytes before the message, its length aside; `named` are headers under the names they were asked for by.
    """

    wire: bytes
    offset: int = 0
    tpdu: Tpdu | None = None
    header: str | None = None
    fault: str = ""
    lead: bytes = b""
    named: tuple[tuple[str, bytes], ...] = ()


def parse_hex(text: str, what: str, most: int = MAX_BYTES) -> bytes:
    """Bytes from hexadecimal digits; blanks, line ends and colons do not count, nor does a leading 0x.

    Args:
        what: what the digits are, to begin the error with.
        most: so many bytes.
    Raises: InputError: another character, an odd number of digits, or more of them.

    >>> parse_hex("02 00:30", "message").hex()
    '020030'
    """
    if len(text) > 8 * most:
        raise InputError(f"{what}: need at most {most} bytes, have more")
    digits = _IGNORED.sub("", text)
    digits = digits[2:] if digits[:2] in ("0x", "0X") else digits
    if (wrong := _NOT_HEX.search(digits)) is not None:
        raise InputError(
            f"{what}: need hexadecimal digits, have another character at digit {wrong.start() + 1}",
            hint="digits are 0-9 and A-F; blanks, line ends and colons between them are ignored",
        )
    if not digits:
        raise InputError(f"{what}: need hexadecimal digits, have none")
    if len(digits) % 2:
        raise InputError(
            f"{what}: need two digits for each byte, have {len(digits)} digits",
            hint="the first or the last digit may have been lost in copying",
        )
    if len(digits) > 2 * most:
        raise InputError(f"{what}: need at most {most} bytes, have {len(digits) // 2}")
    return bytes.fromhex(digits)


def split(data: bytes) -> Captured:
    """Find length, TPDU and header in front of a message, where there are any."""
    for start in (0, _LENGTH):
        if _is_frame(data[start:]):
            return _from_frame(data, start)
    return Captured(data)


def _is_frame(data: bytes) -> bool:
    return (
        len(data) >= _TPDU + _HEADER + 2
        and data[0] == 0x60
        and data[_TPDU] in (0x60, 0x61, 0x62, 0x63)
        and 0x01 <= data[_TPDU + _HEADER] <= 0x09
    )


def _from_frame(data: bytes, start: int) -> Captured:
    tpdu, header = data[start : start + _TPDU], data[start + _TPDU : start + _TPDU + _HEADER]
    offset = start + _TPDU + _HEADER
    fault = _length_fault(data[:start], len(data) - start) if start else ""
    return Captured(data[offset:], offset, Tpdu.unpack(tpdu), header.hex().upper(), fault, tpdu + header)


def _length_fault(prefix: bytes, follows: int) -> str:
    """Empty when the length fits in one of its forms: binary or packed decimal, with or without itself."""
    forms = {int.from_bytes(prefix, "big")}
    if prefix.hex().isdecimal():
        forms.add(int(prefix.hex()))
    if follows in forms or follows + _LENGTH in forms:
        return ""
    return f"frame length: need {int.from_bytes(prefix, 'big')} bytes after it, have {follows}"
