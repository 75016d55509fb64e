"""APDUs over T=0, the protocol that moves data in one direction at a time.

A command with data both ways is sent without its Le; the card's answer is fetched by GET RESPONSE (61xx), a wrong Le is
corrected (6Cxx), and a warning that came before the data is put behind it. T=1 and contactless have none of this.

Source: EMV 4.4 Book 1, 9.2.2 and annex A; ISO/IEC 7816-3, 12.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

GET_RESPONSE: Final = bytes.fromhex("00C00000")
MAX_EXCHANGES: Final = 16
"""A card that goes on with 61xx or 6Cxx is given up after so many; its last status word is the answer."""

_HEADER_BYTES: Final = 4
_SUCCESS: Final = b"\x90\x00"
_MORE: Final = 0x61
_WRONG_LENGTH: Final = 0x6C
_WARNINGS: Final = (0x62, 0x63)


def transmit_t0(send: Callable[[bytes], bytes], apdu: bytes) -> bytes:
    """Carry one command over a T=0 card.

    Args:
        send: passes a header of five bytes and the data after it, gives the answer with its status word.
        apdu: short form, any of the cases 1 to 4.
    Returns: data and status word, as a T=1 card would have answered; empty when the card is gone.
    """
    body = apdu[_HEADER_BYTES:]
    if not body:
        return send(apdu + b"\x00")
    if len(body) == 1:
        return _fetch(send, apdu[:_HEADER_BYTES], body[0])
    expects_data = len(body) == body[0] + 2
    answer = send(apdu[:-1] if expects_data else apdu)
    if not expects_data or len(answer) != 2:
        return answer
    if answer[0] == _MORE:
        return _fetch(send, GET_RESPONSE, answer[1])
    if answer[0] in _WARNINGS:
        fetched = _fetch(send, GET_RESPONSE, 0)
        return fetched[:-2] + answer if fetched[-2:] == _SUCCESS else answer if fetched else b""
    return answer


def _fetch(send: Callable[[bytes], bytes], header: bytes, expected: int) -> bytes:
    """Ask for data until the card has given all of it. `expected` is P3, 0 for 256 bytes."""
    data = b""
    answer = b""
    for _ in range(MAX_EXCHANGES):
        answer = send(header + bytes((expected,)))
        if len(answer) < 2:
            return b""
        data += answer[:-2]
        if answer[-2] == _WRONG_LENGTH:
            expected = answer[-1]
        elif answer[-2] == _MORE:
            header, expected = GET_RESPONSE, answer[-1]
        else:
            return data + answer[-2:]
    return answer[-2:]
