"""A contactless card as a table: what it answers to which command, with signatures where a test wants them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from posterm import tlv
from posterm.emv.apdu import Command
from posterm.emv.bits import Ttq
from posterm.emv.capk import CaKeyStore
from posterm.emv.config import ApplicationConfig, ContactlessLimits, TerminalConfig, TerminalFiles, Transaction
from posterm.emv.contactless.entry_point import tap
from posterm.emv.exchange import AskPin, GoOnline, OnlineResult, PinAnswer, PinReply, perform
from posterm.emv.outcome import Outcome
from tests.emv import signer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBER = bytes.fromhex("01020304")
PAN = "4000001234562004"
TRACK = bytes.fromhex("4000001234562004D30122010000012345678F")
VISA = bytes.fromhex("A0000000031010")
UNIONPAY = bytes.fromhex("A000000333010101")
MASTERCARD = bytes.fromhex("A0000000041010")
OK = b"\x90\x00"

READER = Ttq.CONTACTLESS_EMV_SUPPORTED | Ttq.CONTACT_EMV_SUPPORTED | Ttq.ONLINE_PIN_SUPPORTED
READER |= Ttq.SIGNATURE_SUPPORTED | Ttq.CONSUMER_DEVICE_CVM_SUPPORTED


def application(aid: bytes, kernel: int, **limits: int | bool | None) -> ApplicationConfig:
    """An application of the reader: no limits but those named."""
    values = {"transaction": None, "floor": 10_000, "cvm": 50_000} | limits
    return ApplicationConfig(
        aid, "test", kernel=kernel, contactless=ContactlessLimits(**values), ttq=Ttq(READER).to_bytes()
    )


def terminal(*applications: ApplicationConfig, **changes: object) -> TerminalConfig:
    """The reader's terminal."""
    return TerminalConfig(applications, **changes)  # type: ignore[arg-type]


@dataclass
class ScriptedCard:
    """Answers by instruction and parameters; what is not listed is answered 6A82.

    Attributes:
        directory: entries of the PPSE. fci: what SELECT of an application gives inside A5.
        options: what GET PROCESSING OPTIONS gives: the objects of template 77, or a function of its data; or a status.
        records: by file and record number.
    """

    directory: list[dict[str, bytes]] = field(default_factory=list)
    fci: dict[str, bytes] = field(default_factory=dict)
    options: dict[str, bytes] | Callable[[bytes], dict[str, bytes]] | bytes = field(default_factory=dict)
    records: dict[tuple[int, int], dict[str, bytes]] = field(default_factory=dict)
    generate: Callable[[Command], bytes] | None = None
    gone_at: int = -1
    asked: list[Command] = field(default_factory=list)

    def transmit(self, apdu: bytes) -> bytes:
        command = Command.parse(apdu)
        self.asked.append(command)
        if len(self.asked) - 1 == self.gone_at:
            return b""
        match command.ins:
            case 0xA4:
                return self._select(command.data)
            case 0xA8:
                return self._options(command.data)
            case 0xB2:
                record = self.records.get((command.p2 >> 3, command.p1))
                return b"\x6a\x83" if record is None else tlv.build([("70", tlv.build(record.items()))]) + OK
            case 0xAE | 0x2A if self.generate is not None:
                return self.generate(command)
            case _:
                return b"\x6d\x00"

    def _select(self, name: bytes) -> bytes:
        if name.startswith(b"2PAY"):
            if not self.directory:
                return b"\x6a\x82"
            entries = b"".join(tlv.build([("61", tlv.build(entry.items()))]) for entry in self.directory)
            return _fci(name, {"BF0C": entries})
        if all(entry.get("4F") != name for entry in self.directory):
            return b"\x6a\x82"
        return _fci(name, self.fci)

    def _options(self, data: bytes) -> bytes:
        given = self.options(data) if callable(self.options) else self.options
        return given if isinstance(given, bytes) else tlv.build([("77", tlv.build(given.items()))]) + OK


def _fci(name: bytes, proprietary: dict[str, bytes]) -> bytes:
    return tlv.build([("6F", tlv.build([("84", name), ("A5", tlv.build(proprietary.items()))]))]) + OK


PDOL = bytes.fromhex("9F6604 9F0206 9F3704 5F2A02")


def entry(aid: bytes, priority: int = 1, **more: bytes) -> dict[str, bytes]:
    """A directory entry. `kernel` names the kernel it asks for."""
    found = {"4F": aid, "87": bytes((priority,))}
    if "kernel" in more:
        found["9F2A"] = more["kernel"]
    return found


def quick_card(aid: bytes, cid: int, *, records: bool = False, **objects: bytes) -> ScriptedCard:
    """A card of kernel 3 or 7 that decides `cid`. With records it signs, and its chain of certificates holds."""
    given = {"82": b"\x20\x00", "57": TRACK, "9F10": bytes.fromhex("06010A03A00000"), "9F26": bytes(8)}
    given |= {"9F27": bytes((cid,)), "9F36": b"\x00\x05", **objects}
    card = ScriptedCard([entry(aid)], {"9F38": PDOL}, given)
    if records:
        _personalize(card, aid)
    return card


def _personalize(card: ScriptedCard, aid: bytes) -> None:
    holder = {"5A": bytes.fromhex(PAN), "5F24": bytes.fromhex("301231")}
    covered = tlv.build(holder.items())
    above, own = signer.issuer_certificate(PAN), signer.icc_certificate(PAN, covered=covered)
    card.records[2, 1] = holder
    card.records[2, 2] = {"8F": b"\x01", "90": above.certificate, "9F32": above.exponent, "92": above.remainder}
    card.records[2, 3] = {"9F46": own.certificate, "9F47": own.exponent, "9F48": own.remainder}
    given = dict(card.options)  # type: ignore[arg-type]

    def options(data: bytes) -> dict[str, bytes]:
        said = tlv.parse(data)[0][1]
        related = b"\x01" + bytes(4) + given.get("9F6C", b"\x00\x00")
        signed = said[10:14] + said[4:10] + said[14:16] + related
        signature = signer.dynamic_signature(bytes.fromhex("0302") + b"\x00\x05", signed)
        return {**given, "94": bytes.fromhex("10010301"), "9F69": related, "9F4B": signature}

    card.options = options


@dataclass
class Tapped:
    """How a tap ended, and what was asked besides the card."""

    outcome: Outcome
    online: list[GoOnline]
    pins: list[AskPin]


def run(
    card: ScriptedCard,
    reader: TerminalConfig,
    amount: int,
    *,
    answer: OnlineResult | None = None,
    pin: PinAnswer = PinAnswer.ENTERED,
    trusted: bool = True,
    files: TerminalFiles | None = None,
) -> Tapped:
    """Tap the card for an amount. `answer` is the issuer's; it approves when left out."""
    keys = CaKeyStore()
    if trusted:
        for aid in (VISA, UNIONPAY, MASTERCARD):
            keys.add(signer.ca_key(aid[:5], 1))
    online: list[GoOnline] = []
    pins: list[AskPin] = []

    def reply(effect: object) -> object:
        if isinstance(effect, GoOnline):
            online.append(effect)
            return answer or OnlineResult("00")
        assert isinstance(effect, AskPin)
        pins.append(effect)
        return PinReply(pin)

    flow = tap(reader, Transaction(amount, NOW), keys, lambda size: NUMBER.ljust(size, b"\x55")[:size], files)
    return Tapped(perform(flow, card.transmit, reply), online, pins)
