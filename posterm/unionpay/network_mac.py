"""The MAC of messages between institutions: some elements as text, put in order, MACed under the zone key.

The elements stand in the order of their numbers, one space between them. Letters become capitals; what is neither
letter, digit, space, comma nor full stop goes; several spaces become one, and none is left at the ends. An element of
varying length carries its two digits of length.

Source: Q/CUP 006 as restated publicly (which elements); ANSI X9.9-1986 (editing of text), X9.19 (the MAC itself).
Leaves out the single-length variant, X9.9 under a DES key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.hsm import HsmPort, KeyBlock, MacError
from posterm.hsm.mac import MacAlgorithm
from posterm.iso8583 import Message
from posterm.unionpay.errors import MacFailureError

MAC_ELEMENT: Final = 128
MAC_ALGORITHM: Final = MacAlgorithm.X9_19

_FINANCIAL: Final = (2, 3, 4, 7, 11, 18, 25, 28, 32, 33, 38, 39, 41, 42)
_ELEMENTS: Final = {
    "1": _FINANCIAL,
    "2": _FINANCIAL,
    "4": (*_FINANCIAL, 90),
}
"""By MTI class: authorisation, financial, reversal. Messages about the link itself carry none."""

_WITH_LENGTH: Final = frozenset({2, 32, 33})
_KEPT: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,.")


def is_sealed(mti: str) -> bool:
    """True for the types that carry a MAC."""
    return mti[1:2] in _ELEMENTS


def mac_text(message: Message) -> bytes:
    """What the MAC is made over.

    >>> mac_text(Message("0210", {3: "000000", 11: "000007", 32: "48310058", 39: "00", 42: "Shop  (1)      "}))
    b'0210 000000 000007 0848310058 00 SHOP 1'
    """
    parts = [message.mti]
    for number in _ELEMENTS[message.mti[1]]:
        if number in message:
            text = str(message[number])
            parts.append(f"{len(text):02d}{text}" if number in _WITH_LENGTH else text)
    kept = "".join(letter for letter in " ".join(parts).upper() if letter in _KEPT)
    return " ".join(kept.split()).encode("ascii")


@dataclass(frozen=True, slots=True)
class NetworkSealer:
    """Puts the MAC on messages between institutions and checks it; keys stay in the HSM."""

    hsm: HsmPort

    def seal(self, message: Message, zak: KeyBlock) -> Message:
        """The message with its MAC in DE 128. It must be as it stands on the wire, fixed elements in full length."""
        return message.with_elements({MAC_ELEMENT: self.hsm.generate_mac(zak, MAC_ALGORITHM, mac_text(message))})

    def check(self, message: Message, zak: KeyBlock) -> None:
        """Raises: MacFailureError: missing or wrong."""
        mac = message.get(MAC_ELEMENT)
        if not isinstance(mac, bytes):
            raise MacFailureError("the message carries no MAC")
        try:
            self.hsm.verify_mac(zak, MAC_ALGORITHM, mac_text(message), mac)
        except MacError:
            raise MacFailureError("the MAC does not verify") from None
