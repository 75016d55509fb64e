"""Links over the POS dialect for tests, and messages that go over them."""

from __future__ import annotations

from typing import Any

from posterm.iso8583 import TPDU, Framing, Message, get_dialect
from posterm.iso8583.link import Link
from posterm.iso8583.link_events import Ready
from posterm.iso8583.link_settings import LinkSettings

DIALECT = get_dialect("unionpay-pos")
FRAMING = Framing(headers=(TPDU,))


def request(stan: int, mti: str = "0200", terminal: str = "10000001", **more: str) -> Message:
    extra = {int(name[2:]): value for name, value in more.items()}
    return Message(mti, {11: f"{stan:06d}", 41: terminal, **extra})


def response(stan: int, mti: str = "0210", terminal: str = "10000001", **more: str) -> Message:
    return request(stan, mti, terminal, **{"de39": "00", **more})


def settings(**changes: Any) -> LinkSettings:
    return LinkSettings(DIALECT, FRAMING, **changes)


def ready(**changes: Any) -> Link:
    link = Link(settings(**changes))
    assert link.connected(0.0) == [Ready(1)]
    return link


def framed(*messages: Message) -> bytes:
    return b"".join(FRAMING.encode(DIALECT.pack(message)) for message in messages)
