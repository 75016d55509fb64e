"""Protocol T=0 under APDUs: commands with data and answer lose their Le, 61xx and 6Cxx are followed up.

Source: EMV 4.4 Book 1, 9.3.1. T=1 and contactless cards need none of this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from posterm.emv.apdu import ANY_LENGTH, Command, Response

MAX_STEPS: Final = 32
"""The most exchanges one command may take; some cards answer 61xx or 6Cxx for ever."""

_MORE: Final = 0x61
_WRONG_LENGTH: Final = 0x6C
_WARNINGS: Final = (0x62, 0x63)


def over_t0(transmit: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """APDU exchange over a card that speaks T=0.

    Args:
        transmit: sends one command in T=0's form, gives what came back; fewer than two bytes: the card is gone.
    Returns: a function from command APDU to answer APDU; empty when the card is gone, or does not come to an end.
    Raises (when called): ApduError: no command APDU.
    """

    def exchange(apdu: bytes) -> bytes:
        command = Command.parse(apdu)
        wanted = (
            Command(command.cla, command.ins, command.p1, command.p2, command.data) if command.case == 4 else command
        )
        data, warning = b"", 0
        for _ in range(MAX_STEPS):
            raw = transmit(bytes(wanted))
            if len(raw) < 2:
                return b""
            answer = Response.parse(raw)
            data += answer.data
            kind, count = answer.sw >> 8, answer.sw & 0xFF
            if kind == _MORE:
                wanted = _get_response(count)
            elif kind == _WRONG_LENGTH and not wanted.data:
                wanted = Command(wanted.cla, wanted.ins, wanted.p1, wanted.p2, le=count or ANY_LENGTH)
            elif kind in _WARNINGS and command.case == 4 and not data and not warning:
                # A warning may have data behind it, which have to be fetched; it stays the command's status.
                warning = answer.sw
                wanted = _get_response(0)
            elif warning:
                return bytes(Response(data, warning))
            else:
                return bytes(Response(data, answer.sw))
        return b""

    return exchange


def _get_response(count: int) -> Command:
    return Command(0x00, 0xC0, 0x00, 0x00, le=count or ANY_LENGTH)
