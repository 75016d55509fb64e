"""A card on paper: fixed objects, answers that can be overruled, signatures by the test's own key. No logic of a card.

It shares nothing with the simulated card, so that kernel and simulator are not wrong in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from posterm import tlv
from posterm.emv.bits import Tvr
from posterm.emv.capk import CaKeyStore
from posterm.emv.config import ApplicationConfig, TerminalConfig, TerminalFiles, Transaction
from posterm.emv.exchange import (
    AskPin,
    ChooseApplication,
    GoOnline,
    OnlineResult,
    PinAnswer,
    PinReply,
    Refer,
    perform,
)
from posterm.emv.kernel.contact import contact_transaction
from posterm.emv.outcome import Outcome
from posterm.sensitive import Sensitive
from tests.emv import signer

PAN = "4761739001010010"
AID = bytes.fromhex("A0000000031010")
OK = b"\x90\x00"
GONE = b""


class Digits(Sensitive):
    """A PIN of the test's."""


APPLICATION = ApplicationConfig(
    AID,
    "Test",
    version=b"\x00\x96",
    floor_limit=10_000,
    tac_denial=Tvr.NONE,
    tac_online=Tvr.FLOOR_LIMIT_EXCEEDED,
    tac_default=Tvr.NONE,
)
TERMINAL = TerminalConfig((APPLICATION,))
PURCHASE = Transaction(1_234, datetime(2026, 7, 24, 12, 30, 45))  # noqa: DTZ001  a terminal's local time
KEYS = CaKeyStore([signer.ca_key(AID[:5], 0x01)])

OBJECTS = {
    "5A": bytes.fromhex(PAN),
    "5F24": bytes.fromhex("301231"),
    "5F28": bytes.fromhex("0156"),
    "5F34": b"\x01",
    "8C": bytes.fromhex("9F02069F03069F1A0295055F2A029A039C019F37049F3501"),
    "8D": bytes.fromhex("8A0295059F37049108"),
    "9F0D": bytes(5),
    "9F0E": bytes(5),
    "9F0F": bytes(5),
}


@cache
def certificates(method: str, static: bytes) -> dict[str, bytes]:
    """The objects a card of this method has besides its static data."""
    if method == "none":
        return {}
    issuer = signer.issuer_certificate(PAN)
    given = {"8F": b"\x01", "90": issuer.certificate, "92": issuer.remainder, "9F32": b"\x03"}
    if method == "sda":
        return given | {"93": signer.static_signature(static)}
    icc = signer.icc_certificate(PAN, covered=static)
    return given | {"9F46": icc.certificate, "9F48": icc.remainder, "9F47": b"\x03"}


@dataclass
class PaperCard:
    """Answers commands from its table; what is overruled comes first.

    Attributes:
        method: sda, dda, cda or none; decides AIP bits and certificates.
        objects: card objects, all in one signed record; None drops one.
        aip: bits besides those of the method.
        makes: what the first and second GENERATE AC give; None: what was asked for.
        overruled: answers by the hexadecimal start of the command; a list is used up one by one, its last stays.
    """

    method: str = "none"
    objects: Mapping[str, bytes | None] = field(default_factory=dict)
    aip: int = 0x0800
    pdol: bytes = b""
    makes: tuple[int | None, int | None] = (None, None)
    overruled: dict[str, Any] = field(default_factory=dict)
    aid: bytes = AID
    format_80: bool = False
    log: list[bytes] = field(default_factory=list)
    _said: bytes = b""
    _generated: int = 0

    def __post_init__(self) -> None:
        merged = {**OBJECTS, **self.objects}
        self.all = {tag: value for tag, value in merged.items() if value is not None}
        self.aip |= {"sda": 0x4000, "dda": 0x2000, "cda": 0x0100, "none": 0}[self.method]
        self.static = tlv.build(self.all.items())
        self.overruled = {
            key: list(value) if isinstance(value, list) else value for key, value in self.overruled.items()
        }

    def records(self) -> list[bytes]:
        parts = [self.static]
        for tag, value in certificates(self.method, self.static).items():
            if tag not in self.objects:
                parts.append(tlv.build([(tag, value)]))
        return [tlv.build([("70", part)]) for part in parts]

    def transmit(self, apdu: bytes) -> bytes:
        self.log.append(apdu)
        text = apdu.hex().upper()
        for start, answer in self.overruled.items():
            if text.startswith(start.replace(" ", "")):
                return self._overruling(answer, apdu)
        return self._usual(apdu)

    def _overruling(self, answer: Any, apdu: bytes) -> bytes:
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            return bytes(answer(apdu))
        return bytes.fromhex(answer) if answer is not None else self._usual(apdu)

    def _usual(self, apdu: bytes) -> bytes:
        head, data = apdu[:2], apdu[5 : 5 + apdu[4]] if len(apdu) > 5 else b""
        if head == b"\x00\xa4":
            found = data == self.aid and apdu[3] == 0
            return self.fci() + OK if found else b"\x6a\x82"
        if head == b"\x80\xa8":
            self._said = data[2:]
            afl = b"".join(bytes((0x08, n, n, 1 if n == 1 else 0)) for n in range(1, len(self.records()) + 1))
            return tlv.build([("77", tlv.build([("82", self.aip.to_bytes(2, "big")), ("94", afl)]))]) + OK
        if head == b"\x00\xb2":
            records = self.records()
            return records[apdu[2] - 1] + OK if apdu[2] <= len(records) else b"\x6a\x83"
        if head == b"\x00\x88":
            return tlv.build([("80", signer.dynamic_signature(bytes.fromhex("0302AABB"), data))]) + OK
        if head == b"\x80\xae":
            return self.cryptogram(apdu[2], data) + OK
        return b"\x6d\x00"

    def fci(self) -> bytes:
        inner = [("50", b"TEST"), *([("9F38", self.pdol)] if self.pdol else [])]
        return tlv.build([("6F", tlv.build([("84", self.aid), ("A5", tlv.build(inner))]))])

    def cryptogram(self, reference: int, data: bytes) -> bytes:
        made = self.makes[self._generated]
        cid = (reference & 0xC0) if made is None else made
        self._generated = min(self._generated + 1, 1)
        self._said += data
        atc, cryptogram, iad = b"\x00\x05", b"\x11\x22\x33\x44\x55\x66\x77\x88", bytes.fromhex("06010A03A00000")
        if self.format_80:
            return tlv.build([("80", bytes((cid,)) + atc + cryptogram + iad)])
        objects = [("9F27", bytes((cid,))), ("9F36", atc), ("9F10", iad)]
        if not (reference & 0x10 and cid & 0xC0):
            return tlv.build([("77", tlv.build([*objects, ("9F26", cryptogram)]))])
        signature = signer.combined_signature(
            b"\xaa\xbb", cid, cryptogram, self._said + tlv.build(objects), UNPREDICTABLE_NUMBER
        )
        return tlv.build([("77", tlv.build([*objects, ("9F4B", signature)]))])

    def sent(self, start: str) -> list[str]:
        """The commands that started so, in hexadecimal."""
        return [apdu.hex().upper() for apdu in self.log if apdu.hex().upper().startswith(start.replace(" ", ""))]


UNPREDICTABLE_NUMBER = b"\x5a" * 4


def entered(pin: str = "1234") -> PinReply:
    """The cardholder enters a PIN that goes to the card."""
    return PinReply(PinAnswer.ENTERED, Digits(pin))


ENTERED_ONLINE = PinReply(PinAnswer.ENTERED)
BYPASSED = PinReply(PinAnswer.BYPASSED)
PAD_FAILED = PinReply(PinAnswer.PAD_FAILED)
CANCELLED = PinReply(PinAnswer.CANCELLED)


def run(
    card: PaperCard,
    *,
    terminal: TerminalConfig = TERMINAL,
    transaction: Transaction = PURCHASE,
    keys: CaKeyStore = KEYS,
    files: TerminalFiles | None = None,
    draw: Callable[[int], bytes] = lambda size: b"\x5a" * size,
    pins: Iterable[PinReply] = (),
    online: OnlineResult = OnlineResult("00"),  # noqa: B008  frozen
    choice: int | None = 0,
    refer: bool = True,
    asked: list[Any] | None = None,
) -> Outcome:
    """Run a whole transaction. `asked` collects the effects that are no commands."""
    waiting = iter(pins)

    def answer(effect: ChooseApplication | AskPin | GoOnline | Refer) -> object:
        if asked is not None:
            asked.append(effect)
        if isinstance(effect, ChooseApplication):
            return choice
        if isinstance(effect, AskPin):
            return next(waiting)
        return online if isinstance(effect, GoOnline) else refer

    flow = contact_transaction(terminal, transaction, keys, draw, files or TerminalFiles())
    return perform(flow, card.transmit, answer)


def with_application(**changes: Any) -> TerminalConfig:
    """The terminal with its application changed."""
    return replace(TERMINAL, applications=(replace(APPLICATION, **changes),))
