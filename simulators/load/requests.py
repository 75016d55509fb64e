"""The requests of one terminal of a fleet: real messages, sealed with its own keys.

A terminal keeps its trace number and its card's transaction counter, and nothing else: it prints no slip, closes no
batch and stores no reversal. Its PIN block is made once, since key, PIN and card stay the same.

Source: Q/CUP 009, elements of each request, as `posterm.terminal.mapping` has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from posterm.hsm import HsmPort, KeyBlock, KeyUsage, PinFormat
from posterm.hsm.cryptogram import UNIONPAY_01, generate
from posterm.iso8583 import Message
from posterm.unionpay.chip import REQUEST, pack_chip
from posterm.unionpay.envelope import Sealer, frame_bytes, request_envelope
from posterm.unionpay.key_layout import Role, key_algorithm, parse_keys
from posterm.unionpay.profile import AcquirerProfile
from posterm.unionpay.transactions import TRANSACTIONS, Entry, Kind, ReversalReason
from posterm.unionpay.tusn import DeviceIdentity
from simulators.card.issuer_keys import master_keys
from simulators.load.fleet import EXPIRY, Fleet

CURRENCY: Final = "156"
_SEQUENCE: Final = "01"
_USAGES: Final = {Role.PIK: KeyUsage.PIN_ENCRYPTION, Role.MAK: KeyUsage.MAC, Role.TDK: KeyUsage.DATA_ENCRYPTION}
_TEST_DEVICE: Final = DeviceIdentity("LOAD500100000001").pack()
_REVERSED: Final = (2, 3, 4, 14, 22, 23, 25, 41, 42, 49, 53, 60)
"""What a reversal repeats of its original, besides the trace number."""


class Reader(StrEnum):
    """How a card is read. A tap goes without PIN, the two others with one."""

    SWIPE = "swipe"
    CHIP = "chip"
    TAP = "tap"


_ENTRIES: Final = {Reader.SWIPE: Entry.STRIPE, Reader.CHIP: Entry.CHIP, Reader.TAP: Entry.CONTACTLESS}
_READ_CAPABILITY: Final = {Reader.SWIPE: "5", Reader.CHIP: "5", Reader.TAP: "6"}
_CVM_RESULTS: Final = {Reader.CHIP: bytes.fromhex("420300"), Reader.TAP: bytes.fromhex("3F0000")}
"""9F34: PIN enciphered online; no verification."""


class Verdict(NamedTuple):
    """What the books are to say of a request. Without a code there was no answer."""

    terminal: int
    deed: str
    stan: str
    amount_minor: int
    code: str

    @property
    def approved(self) -> bool:
        return self.code == "00"


@dataclass(slots=True)
class Asked:
    """A request, and what became of it."""

    terminal: int
    deed: str
    """`sale`, `void`, … as the mix names it."""
    stan: str
    amount_minor: int
    message: Message = field(repr=False)
    code: str = ""
    """The answer code; empty as long as there is no answer."""
    rrn: str = ""
    auth_code: str = ""

    @property
    def approved(self) -> bool:
        return self.code == "00"

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.terminal, self.deed, self.stan, self.amount_minor, self.code)


class LoadTerminal:
    """One terminal with its card."""

    def __init__(self, profile: AcquirerProfile, hsm: HsmPort, tmk: KeyBlock, fleet: Fleet, number: int) -> None:
        self.number = number
        self.terminal_id = fleet.terminal_id(number)
        self.busy = False
        self._profile = profile
        self._hsm = hsm
        self._tmk = tmk
        self._sealer = Sealer(profile, hsm)
        self._merchant_id = fleet.merchant_id(number)
        self._batch = fleet.batch
        self._keys: dict[Role, KeyBlock] = {}
        self._pan, self._pin, self._track2 = fleet.pan(number), fleet.pin(number), fleet.track2(number)
        self._card_key = master_keys("unionpay").for_card(UNIONPAY_01, self._pan, _SEQUENCE).cryptogram
        self._stan = 0
        self._counter = 0
        self._pin_block = b""

    # --- signing on ---

    def sign_on(self) -> bytes:
        """The frame that asks for working keys."""
        code = self._profile.keys.sign_on_code
        elements: dict[int, str | bytes] = {11: self._next_stan(), 41: self.terminal_id, 42: self._merchant_id}
        elements |= {60: f"00{self._batch}{code}", 63: "01 "}
        return self._frame(self._profile.dialect.pack(Message("0800", elements)))

    def take_keys(self, answer: Message) -> None:
        """Take working keys and batch number from the answer. Raises: LayoutError, HsmError: they are not good."""
        layout = self._profile.keys.layout
        for role, key in parse_keys(layout, bytes(answer[62])).items():
            algorithm = key_algorithm(layout, len(key.cryptogram))
            self._keys[role] = self._hsm.import_key(
                self._tmk, key.cryptogram, _USAGES[role], algorithm, kcv=key.kcv[:4]
            )
        self._batch = str(answer[60])[2:8]
        form = self._profile.pin.pin_format
        pan = self._pan if form is PinFormat.ISO_0 else None
        self._pin_block = self._hsm.encrypt_pin(self._keys[Role.PIK], self._pin, form, pan)

    @property
    def mak(self) -> KeyBlock:
        """The MAC key it was given. Raises: KeyError: none yet."""
        return self._keys[Role.MAK]

    # --- requests ---

    def purchase(self, kind: Kind, amount_minor: int, reader: Reader) -> Asked:
        """A sale, a pre-authorisation or a balance inquiry (without an amount) with its card."""
        elements = self._elements(kind, _ENTRIES[reader], amount_minor)
        elements |= {14: EXPIRY, 35: self._track(), 53: self._security_control(with_pin=reader is not Reader.TAP)}
        if reader is not Reader.TAP:
            elements |= {26: self._profile.pin.max_digits, 52: self._pin_block}
        if reader is not Reader.SWIPE:
            elements |= {23: f"{_SEQUENCE:0>3}", 55: self._chip_data(kind, amount_minor, reader)}
        elements[60] = f"{elements[60]!s}{_READ_CAPABILITY[reader]}0"
        return self._asked(kind.value, TRANSACTIONS[kind].mti, elements, amount_minor)

    def void(self, sale: Asked) -> Asked:
        """Void an approved sale of this terminal."""
        elements = self._elements(Kind.VOID, Entry.UNKNOWN, sale.amount_minor)
        elements |= {37: sale.rrn, 38: sale.auth_code, 61: f"{self._batch}{sale.stan}"}
        return self._asked("void", TRANSACTIONS[Kind.VOID].mti, elements, sale.amount_minor)

    def reverse(self, sale: Asked) -> Asked:
        """Reverse a sale of this terminal, as if no answer had come."""
        kept = {number: sale.message[number] for number in _REVERSED if number in sale.message}
        elements: dict[int, str | bytes] = {**kept, 11: sale.stan, 39: ReversalReason.NO_ANSWER.value}
        message = Message("0400", elements)
        return Asked(self.number, "reversal", sale.stan, sale.amount_minor, message)

    def pack(self, asked: Asked) -> bytes:
        """The frame of a request, with its MAC and its length."""
        return self._frame(self._sealer.seal(asked.message, self.mak))

    def _elements(self, kind: Kind, entry: Entry, amount_minor: int) -> dict[int, str | bytes]:
        row = TRANSACTIONS[kind]
        with_pin = "1" if kind in (Kind.SALE, Kind.PREAUTH, Kind.BALANCE) else "2"
        elements: dict[int, str | bytes] = {
            3: row.processing_code,
            11: self._next_stan(),
            22: entry.value + with_pin,
            25: row.condition,
            41: self.terminal_id,
            42: self._merchant_id,
            49: CURRENCY,
            60: f"{row.message_type}{self._batch}000",
        }
        if kind is not Kind.BALANCE:
            elements[4] = f"{amount_minor:012d}"
        if self._profile.tusn.required:
            elements[self._profile.tusn.element] = _TEST_DEVICE
        return elements

    def _asked(self, deed: str, mti: str, elements: dict[int, str | bytes], amount_minor: int) -> Asked:
        return Asked(self.number, deed, str(elements[11]), amount_minor, Message(mti, elements))

    def _track(self) -> str:
        if not self._profile.keys.encrypt_tracks:
            return self._track2
        return self._hsm.encrypt_track(self._keys[Role.TDK], self._track2)

    def _security_control(self, *, with_pin: bool) -> str:
        """Element 53: the format of the PIN block, the cipher, whether tracks are enciphered."""
        form = "2" if self._profile.pin.pin_format is PinFormat.ISO_0 else "1"
        tracks = "1" if self._profile.keys.encrypt_tracks else "0"
        return f"{form if with_pin else '0'}{self._profile.pin.algorithm_digit}{tracks}0000000000000"

    def _chip_data(self, kind: Kind, amount_minor: int, reader: Reader) -> bytes:
        """Element 55 with the card's own cryptogram under its next counter."""
        self._counter += 1
        amount = "000000000000" if kind is Kind.BALANCE else f"{amount_minor:012d}"
        counter = self._counter.to_bytes(2, "big")
        values = _CHIP_VALUES | {
            "9F02": bytes.fromhex(amount),
            "9F36": counter,
            "9F37": b"\x5a\xa5" + counter,
            "9C": bytes.fromhex(TRANSACTIONS[kind].processing_code[:2]),
            "9F34": _CVM_RESULTS[reader],
        }
        tags = {int(tag, 16): value for tag, value in values.items()}
        values["9F26"] = generate(UNIONPAY_01, self._card_key, tags)
        return pack_chip(REQUEST, values)

    def _frame(self, wire: bytes) -> bytes:
        return frame_bytes(self._profile, request_envelope(self._profile, wire))

    def _next_stan(self) -> str:
        self._stan = self._stan % 999_999 + 1
        return f"{self._stan:06d}"


_CHIP_VALUES: Final = {
    "9F27": b"\x80",
    "9F10": bytes.fromhex("07010103A0A00001"),
    "95": bytes(5),
    "9A": bytes.fromhex("260601"),
    "5F2A": bytes.fromhex("0156"),
    "82": bytes.fromhex("7C00"),
    "9F1A": bytes.fromhex("0156"),
    "9F03": bytes(6),
    "9F33": bytes.fromhex("E0F9C8"),
    "9F35": bytes.fromhex("22"),
    "84": bytes.fromhex("A000000333010101"),
    "9F09": bytes.fromhex("0030"),
}
"""What a terminal and a UnionPay debit card say of themselves, the same in every transaction."""
