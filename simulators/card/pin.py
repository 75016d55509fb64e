"""VERIFY: the PIN, plain or enciphered, and the tries left.

Source: EMV 4.4 Book 3, 6.5.12 (format of the block); Book 2, 7.2 (enciphered PIN); ISO 9564-1, format 2.
"""

from __future__ import annotations

from typing import Final

from posterm.hsm import Pin, PinBlockError, PinError, PinFormat
from posterm.hsm.pin_block import decode
from simulators.card.applet import Applet
from simulators.card.command import Command, RefusedError, Sw

_PLAIN, _ENCIPHERED = 0x80, 0x88
_ENCIPHERED_HEADER: Final = 0x7F


def verify(applet: Applet, command: Command) -> bytes:
    """Compare a PIN with the card's. A wrong one costs a try; the right one gives them all back."""
    if command.p1 or command.p2 not in (_PLAIN, _ENCIPHERED):
        raise RefusedError(Sw.WRONG_P1_P2)
    memory, now = applet.memory, applet.now
    if memory.pin_tries_left == 0:
        raise RefusedError(Sw.PIN_BLOCKED)
    block = command.data if command.p2 == _PLAIN else _deciphered(applet, command.data)
    now.pin_tried = True
    now.pin_was_enciphered = command.p2 == _ENCIPHERED
    now.pin_verified = _pin_of(block) == memory.pin
    if not now.pin_verified:
        memory.pin_tries_left -= 1
        raise RefusedError(Sw.TRIES_LEFT | memory.pin_tries_left)
    memory.pin_tries_left = applet.card.application.pin_tries
    return b""


def _pin_of(block: bytes) -> Pin:
    """Raises: RefusedError: 6984, no PIN block."""
    if len(block) != 8:
        raise RefusedError(Sw.WRONG_LENGTH)
    try:
        return decode(PinFormat.ISO_2, block, None)
    except (PinBlockError, PinError):
        raise RefusedError(Sw.REFERENCE_DATA_UNUSABLE) from None


def _deciphered(applet: Applet, data: bytes) -> bytes:
    """The block in an enciphered PIN, which answers the last challenge. A challenge serves once."""
    key, challenge = applet.card.pin_key, applet.now.challenge
    applet.now.challenge = b""
    if not challenge:
        raise RefusedError(Sw.CONDITIONS)
    if len(data) != key.size_bytes:
        raise RefusedError(Sw.WRONG_LENGTH)
    if data >= key.modulus:
        raise RefusedError(Sw.REFERENCE_DATA_UNUSABLE)
    plain = key.private(data)
    if plain[0] != _ENCIPHERED_HEADER or plain[9:17] != challenge:
        raise RefusedError(Sw.REFERENCE_DATA_UNUSABLE)
    return plain[1:9]
