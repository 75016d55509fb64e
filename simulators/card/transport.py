"""Answers to reset, and the manners of T=0: no Le with data, what is longer is fetched, a wrong Le is corrected.

Source: EMV 4.4 Book 1, 8.2 and 8.3 (ATR), 9.3.1 (61xx, 6Cxx); PC/SC part 3, 3.1.3.2.3.1 (contactless ATR).
Leaves out the characters and blocks themselves: readers carry those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Final

from simulators.card.command import Command, RefusedError, Sw

_HISTORICAL: Final = b"posterm"
_GET_RESPONSE: Final = 0xC0

ATR_T0: Final = bytes((0x3B, 0x60 | len(_HISTORICAL), 0x00, 0x00)) + _HISTORICAL


def _with_check_character(characters: bytes) -> bytes:
    return characters + bytes((reduce(int.__xor__, characters[1:]),))


ATR_T1: Final = _with_check_character(
    bytes((0x3B, 0xE0 | len(_HISTORICAL), 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45)) + _HISTORICAL
)
ATR_CONTACTLESS: Final = _with_check_character(bytes((0x3B, 0x80 | len(_HISTORICAL), 0x80, 0x01)) + _HISTORICAL)


@dataclass(slots=True)
class T0:
    """A card that speaks T=0, around one that answers at once."""

    answer: Callable[[bytes], bytes]
    _waiting: bytes = b""
    """Data, and the status word behind them, that the terminal has to fetch."""

    def transmit(self, apdu: bytes) -> bytes:
        """One exchange of T=0."""
        waiting, self._waiting = self._waiting, b""
        try:
            command = Command.parse(apdu)
        except RefusedError as refused:
            return refused.sw.to_bytes(2, "big")
        if command.ins == _GET_RESPONSE:
            return self._fetch(waiting, command.le or 256)
        with_data = apdu[: 5 + len(command.data)] if command.data else apdu
        answer = self.answer(with_data)
        if len(answer) == 2:
            return answer
        if command.data:
            self._waiting = answer
            return bytes((Sw.MORE_DATA >> 8, (len(answer) - 2) & 0xFF))
        return answer if (command.le or 256) in (len(answer) - 2, 256) else _wrong_le(answer)

    def _fetch(self, waiting: bytes, le: int) -> bytes:
        size = len(waiting) - 2
        if size <= 0:
            return Sw.CONDITIONS.to_bytes(2, "big")
        if le not in (size, 256):
            self._waiting = waiting
            return _wrong_le(waiting)
        return waiting


def _wrong_le(answer: bytes) -> bytes:
    return bytes((Sw.WRONG_LE >> 8, (len(answer) - 2) & 0xFF))
