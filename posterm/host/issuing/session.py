"""One connection of an acquirer: who it is, the zone keys it has sent, and its messages about the link.

    0820/001, /002, /301    sign-on, sign-off, echo
    0800/101                a new key under the ZMK; its check value is verified

Source: Q/CUP 006 as restated publicly. Answer codes: 92 an institution that is not known here, 77 not signed on, A0 a
key that cannot be opened, 40 any other network code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from posterm.host.events import EventName
from posterm.hsm import HsmError, HsmPort, KeyBlock
from posterm.iso8583 import Message
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.network_link import KEY_ALGORITHM, KEY_USAGES, KeyRole, NetworkCode, parse_new_key

_ECHOED: Final = (7, 11, 33, 53, 70)


@dataclass(slots=True)
class Session:
    """What is known of a connection. `acquirer` is empty until it has signed on."""

    acquirer: str = ""
    zpk: KeyBlock | None = None
    zak: KeyBlock | None = None


def handle_link_message(
    session: Session, message: Message, hsm: HsmPort, zmks: Mapping[str, KeyBlock]
) -> tuple[Message, EventName]:
    """Answer an 0820 or 0800 and change the session by it.

    Args:
        zmks: the zone master key shared with each acquirer.
    """
    code, event = _decide(session, message, hsm, zmks)
    echoed = {number: str(message[number]) for number in _ECHOED if number in message}
    return Message(f"{message.mti[:2]}{int(message.mti[2]) + 1}0", {**echoed, 39: code}), event


def _decide(session: Session, message: Message, hsm: HsmPort, zmks: Mapping[str, KeyBlock]) -> tuple[str, EventName]:
    asked = (message.mti, str(message.get(70, "")))
    if asked == ("0820", NetworkCode.SIGN_ON):
        acquirer = str(message.get(33, ""))
        if acquirer not in zmks:
            return "92", EventName.DECLINED
        session.acquirer, session.zpk, session.zak = acquirer, None, None
        return "00", EventName.SIGNED_ON
    if asked == ("0820", NetworkCode.ECHO):
        return "00", EventName.ECHO
    if not session.acquirer:
        return "77", EventName.DECLINED
    if asked == ("0820", NetworkCode.SIGN_OFF):
        session.acquirer, session.zpk, session.zak = "", None, None
        return "00", EventName.SIGNED_OFF
    if asked == ("0800", NetworkCode.NEW_KEY):
        return _take_key(session, message, hsm, zmks[session.acquirer])
    return "40", EventName.DECLINED


def _take_key(session: Session, message: Message, hsm: HsmPort, zmk: KeyBlock) -> tuple[str, EventName]:
    try:
        role, cryptogram, kcv = parse_new_key(message)
        key = hsm.import_key(zmk, cryptogram, KEY_USAGES[role], KEY_ALGORITHM, kcv=kcv)
    except (LayoutError, HsmError):
        return "A0", EventName.DECLINED
    if role is KeyRole.PIN:
        session.zpk = key
    else:
        session.zak = key
    return "00", EventName.KEY_CHANGED
