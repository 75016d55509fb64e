"""The answer to reset: the first thing a card says, and how it wants to be spoken to.

A contactless card has none. Its reader makes one up: protocols 0 and 1 without any parameter, then the historical bytes
of the card, or for a memory card an object with the registered identifier of PC/SC.

Source: ISO/IEC 7816-3, 8.2; EMV 4.4 Book 1, 8.2; PC/SC part 3, 3.1.3.2.3. Leaves out what the parameters mean for the
line, which is the reader's business.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import Final

from posterm.emv.errors import AtrError

MAX_ATR_BYTES: Final = 33
_DIRECT: Final = 0x3B
_INVERSE: Final = 0x3F


@dataclass(frozen=True, slots=True)
class Atr:
    """An answer to reset, taken apart.

    `parameters` are the interface bytes by name, "TA1" to "TD4"; `historical` what the issuer wrote, at most 15 bytes.
    """

    inverse: bool
    parameters: dict[str, int]
    protocols: tuple[int, ...]
    historical: bytes

    @property
    def first_protocol(self) -> int:
        """The protocol a reader takes unless it negotiates another: 0 or 1."""
        return self.protocols[0]

    @property
    def contactless(self) -> bool:
        """True when it was made up by a contactless reader."""
        return self.parameters == {"TD1": 0x80, "TD2": 0x01}


def parse_atr(data: bytes) -> Atr:
    """Take an answer to reset apart.

    Raises: AtrError: too short, too long, no such first byte, or a wrong check byte.

    >>> parse_atr(bytes.fromhex("3B6500002063CB6800")).protocols
    (0,)
    """
    if not 2 <= len(data) <= MAX_ATR_BYTES:
        raise AtrError(f"ATR: need 2 to {MAX_ATR_BYTES} bytes, have {len(data)}")
    if data[0] not in (_DIRECT, _INVERSE):
        raise AtrError(f"ATR: need 3B or 3F first, have {data[0]:02X}")
    parameters, at = _interface_bytes(data)
    historical_end = at + (data[1] & 0x0F)
    named = [value & 0x0F for name, value in parameters.items() if name.startswith("TD")]
    # Without any TD the protocol is 0; a 15 names no protocol, only that global parameters follow.
    protocols = tuple(dict.fromkeys(protocol for protocol in named if protocol != 15)) or (0,)
    has_check_byte = any(named)
    needed = historical_end + has_check_byte
    if len(data) < needed:
        raise AtrError(f"ATR: need {needed} bytes, have {len(data)}")
    if has_check_byte and functools.reduce(operator.xor, data[1:needed]):
        raise AtrError(f"ATR: need a check byte that makes all but the first zero, have {data[needed - 1]:02X}")
    return Atr(data[0] == _INVERSE, parameters, protocols, data[at:historical_end])


def _interface_bytes(data: bytes) -> tuple[dict[str, int], int]:
    """Interface bytes by name, and where the historical bytes begin."""
    found: dict[str, int] = {}
    follows, at, turn = data[1] >> 4, 2, 1
    while follows:
        for bit, letter in enumerate("ABCD"):
            if follows >> bit & 1:
                if at >= len(data):
                    raise AtrError(f"ATR: need T{letter}{turn}, have the end")
                found[f"T{letter}{turn}"] = data[at]
                at += 1
        follows = found.get(f"TD{turn}", 0) >> 4
        turn += 1
    return found, at
