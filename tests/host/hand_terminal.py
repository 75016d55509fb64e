"""A terminal's end of the link by hand: it packs what it is told, keeps no batch and follows no rules."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from posterm.host import Host, HostKeys, HostStore, MemoryHostStore, Reply
from posterm.hsm import Algorithm, KeyBlock, KeyUsage, Lmk, Pin, PinFormat, SoftHsm
from posterm.iso8583 import Message
from posterm.sensitive import Pan
from posterm.unionpay.envelope import Sealer, open_envelope, request_envelope
from posterm.unionpay.key_layout import Role, key_algorithm, key_bytes, parse_keys, tmk_algorithm
from posterm.unionpay.profile import AcquirerProfile, get_profile
from posterm.unionpay.totals import SettlementTotals, Totals, UploadItem, pack_upload, pack_upload_end
from posterm.unionpay.transactions import TRANSACTIONS, Kind
from posterm.unionpay.tusn import DeviceIdentity

TID, OTHER_TID, MID, OTHER_MID = "10000001", "10000002", "898310058120001", "898310058120002"
PAN = Pan("6212345678901265")
OTHER_PAN = Pan("6222020000000000000")
TRACK_TAIL = "=30122011234567890123"
PIN = "123456"
NOW = datetime(2026, 6, 1, 12, 0, 0)  # noqa: DTZ001 - the host's local time
BALANCE = 1_000_000
USAGES = {Role.PIK: KeyUsage.PIN_ENCRYPTION, Role.MAK: KeyUsage.MAC, Role.TDK: KeyUsage.DATA_ENCRYPTION}


def seeded_hsm(seed: int = 1) -> SoftHsm:
    return SoftHsm(Lmk.test(), random.Random(seed).randbytes)


def new_host(store: HostStore, hsm: SoftHsm, profile: AcquirerProfile | None = None, **options) -> Host:
    """A host with a merchant and nothing else; its own keys are always the same, so that a store can be reopened."""
    keys = HostKeys(
        hsm.load_clear_key(bytes(range(32)), KeyUsage.FINGERPRINT, Algorithm.AES_256),
        hsm.load_clear_key(bytes(range(16)), KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE),
    )
    return Host(profile or get_profile("default"), hsm, store, keys, **options)


@dataclass
class Answer:
    """What came back, and the request that asked."""

    request: Message
    stan: str
    reply: Reply
    message: Message | None

    @property
    def code(self) -> str:
        return "" if self.message is None else str(self.message[39])

    @property
    def rrn(self) -> str:
        return str(self.message[37])

    @property
    def auth_code(self) -> str:
        return str(self.message[38])

    @property
    def events(self) -> list[str]:
        return [event.name.value for event in self.reply.events]


@dataclass
class HandTerminal:
    """Builds requests by hand. `batch` and `stan` are whatever the test sets."""

    host: Host
    hsm: SoftHsm
    tmk: KeyBlock
    profile: AcquirerProfile = field(default_factory=lambda: get_profile("default"))
    terminal_id: str = TID
    merchant_id: str = MID
    batch: str = "000001"
    next_stan: int = 1
    now: datetime = NOW
    keys: dict[Role, KeyBlock] = field(default_factory=dict)
    frames: list[bytes] = field(default_factory=list, repr=False)

    def stan(self) -> str:
        stan = f"{self.next_stan:06d}"
        self.next_stan += 1
        return stan

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    def packed(self, message: Message, *, sealed: bool = True) -> bytes:
        """The frame of a request, as the length prefix counts it."""
        dialect = self.profile.dialect
        wire = Sealer(self.profile, self.hsm).seal(message, self.keys[Role.MAK]) if sealed else dialect.pack(message)
        return request_envelope(self.profile, wire).pack()

    def send(self, message: Message, *, sealed: bool = True) -> Answer:
        frame = self.packed(message, sealed=sealed)
        self.frames.append(frame)
        return self.answer(message, self.host.handle(frame, self.now))

    def answer(self, request: Message, reply: Reply) -> Answer:
        message = None
        if reply.frame is not None:
            message = self.profile.dialect.unpack(open_envelope(reply.frame).wire)
        return Answer(request, str(request.get(11, "")), reply, message)

    def repeat(self) -> Answer:
        """The last frame again, byte for byte."""
        message = self.profile.dialect.unpack(open_envelope(self.frames[-1]).wire)
        return self.answer(message, self.host.handle(self.frames[-1], self.now))

    def checks_mac(self, answer: Answer) -> None:
        wire = open_envelope(answer.reply.frame).wire
        Sealer(self.profile, self.hsm).check(wire, self.keys[Role.MAK])

    # --- management -------------------------------------------------------------------------------------------------

    def manage(self, mti: str, network: str, **more) -> Answer:
        elements = {11: self.stan(), 41: self.terminal_id, 42: self.merchant_id, 60: f"00{self.batch}{network}"}
        return self.send(Message(mti, elements | more.pop("elements", {})), sealed=False)

    def sign_on(self) -> Answer:
        answer = self.manage("0800", self.profile.keys.sign_on_code, elements={63: "01 "})
        if answer.code == "00":
            sizes = key_bytes(self.profile.keys.layout)
            for role, key in parse_keys(self.profile.keys.layout, answer.message[62]).items():
                assert len(key.cryptogram) == sizes[role]
                algorithm = key_algorithm(self.profile.keys.layout, len(key.cryptogram))
                self.keys[role] = self.hsm.import_key(
                    self.tmk, key.cryptogram, USAGES[role], algorithm, kcv=key.kcv[:4]
                )
            self.batch = str(answer.message[60])[2:8]
        return answer

    # --- transactions -----------------------------------------------------------------------------------------------

    def request(self, kind: Kind, amount: int | None, *, stan: str = "", entry: str = "02", **more) -> Message:
        row = TRANSACTIONS[kind]
        elements = {
            3: row.processing_code,
            11: stan or self.stan(),
            22: entry + "2",
            25: row.condition,
            41: self.terminal_id,
            42: self.merchant_id,
            49: "156",
            60: f"{row.message_type}{self.batch}00050",
        }
        if self.profile.tusn.required:
            elements[self.profile.tusn.element] = DeviceIdentity("00001102ABCDEF").pack()
        if amount is not None:
            elements[4] = f"{amount:012d}"
        return Message(row.mti, elements | more.get("elements", {})).with_elements(drop=more.get("drop", ()))

    def card(self, pan: Pan = PAN, pin: str | None = PIN) -> dict[int, object]:
        """Track 2, and the PIN where there is one."""
        elements: dict[int, object] = {35: (pan.reveal() + TRACK_TAIL)[:37]}
        encrypted = self.profile.keys.encrypt_tracks
        if encrypted:
            elements[35] = self.hsm.encrypt_track(self.keys[Role.TDK], str(elements[35]))
        digit = "0"
        if pin is not None:
            form = self.profile.pin.pin_format
            digit = "2" if form is PinFormat.ISO_0 else "1"
            elements |= {26: "12", 52: self.hsm.encrypt_pin(self.keys[Role.PIK], Pin(pin), form, pan)}
        return elements | {53: f"{digit}6{1 if encrypted else 0}0000000000000"}

    def sale(self, amount: int = 1000, *, pin: str | None = PIN, pan: Pan = PAN, **more) -> Answer:
        return self._with_card(Kind.SALE, amount, pin, pan, **more)

    def preauth(self, amount: int = 10000, *, pin: str | None = PIN, pan: Pan = PAN, **more) -> Answer:
        return self._with_card(Kind.PREAUTH, amount, pin, pan, **more)

    def inquire(self, *, pin: str | None = PIN, pan: Pan = PAN, **more) -> Answer:
        return self._with_card(Kind.BALANCE, None, pin, pan, **more)

    def refund(self, of: Answer, amount: int, *, pan: Pan = PAN, **more) -> Answer:
        elements = {37: of.rrn, 61: self.original(of), 63: "000"} | more.pop("elements", {})
        return self._with_card(Kind.REFUND, amount, None, pan, elements=elements, **more)

    def void(self, of: Answer, amount: int | None = None, kind: Kind = Kind.VOID, **more) -> Answer:
        elements = {37: of.rrn, 38: of.auth_code, 61: self.original(of)[:12]} | more.pop("elements", {})
        amount = int(of.request[4]) if amount is None else amount
        return self.send(self.request(kind, amount, elements=elements, **more))

    def follow(self, kind: Kind, of: Answer, amount: int, **more) -> Answer:
        """A transaction that refers to an earlier one by 38 and 61."""
        elements = {2: PAN.reveal(), 38: of.auth_code, 61: self.original(of)} | more.pop("elements", {})
        return self.send(self.request(kind, amount, elements=elements, **more))

    def offline_sale(self, amount: int, auth_code: str = "654321", **more) -> Answer:
        elements = {2: PAN.reveal(), 14: "3012", 38: auth_code, 63: "CUP"} | more.pop("elements", {})
        return self.send(self.request(Kind.OFFLINE_SALE, amount, entry="01", elements=elements, **more))

    def reverse(self, of: Answer, reason: str = "98", **changes) -> Answer:
        return self.send(self.reversal(of.request, reason, **changes))

    def reversal(self, request: Message, reason: str = "98", **changes) -> Message:
        kept = {number: str(request[number]) for number in (3, 4, 11, 22, 25, 41, 42, 49, 60, 61) if number in request}
        return Message("0400", kept | {39: reason} | changes.get("elements", {}))

    def original(self, of: Answer) -> str:
        return f"{str(of.request[60])[2:8]}{of.stan}{self.now:%m%d}"

    def _with_card(self, kind: Kind, amount: int | None, pin: str | None, pan: Pan, **more) -> Answer:
        elements = self.card(pan, pin) | more.pop("elements", {})
        return self.send(self.request(kind, amount, elements=elements, **more))

    # --- settlement -------------------------------------------------------------------------------------------------

    def settle(self, totals: Totals) -> Answer:
        elements = {48: SettlementTotals(totals).digits, 49: "156", 63: "01 "}
        return self.manage("0500", "201", elements=elements)

    def upload(self, items: Iterable[tuple[str, int]]) -> Answer:
        packed = pack_upload([UploadItem(stan, PAN, amount) for stan, amount in items])
        return self.manage("0320", "201", elements={48: packed})

    def upload_notice(self, message_type: str, stan: str, amount: int, *, network: str = "204", **more) -> Answer:
        text = f"710000{amount:012d}156{message_type}0"
        elements = {
            2: PAN.reveal(),
            3: "000000",
            4: f"{amount:012d}",
            11: stan,
            22: "012",
            25: "00",
            38: "654321",
            41: self.terminal_id,
            42: self.merchant_id,
            49: "156",
            60: f"00{self.batch}{network}",
            62: text.encode(),
        }
        return self.send(Message("0320", elements | more.get("elements", {})), sealed=False)

    def end(self, count: int, *, different: bool = False) -> Answer:
        return self.manage("0320", "202" if different else "207", elements={48: pack_upload_end(count)})


@dataclass
class Place:
    """A host with one merchant, one card with money and one signed-on terminal."""

    host: Host
    store: HostStore
    hsm: SoftHsm
    terminal: HandTerminal
    tmk: KeyBlock
    card: str

    @property
    def available(self) -> int:
        return self.host.ledger.account(f"card/{self.card}").available

    @property
    def gross(self) -> int:
        """What the merchant has earned before fees, as the ledger has it."""
        return self.balance(f"merchant/{MID}/pending") + self.balance("fee/clearing/156")

    @property
    def settled(self) -> int:
        """What the closed batches net to."""
        return sum(report.net_minor for report in self.store.reports())

    @property
    def earned(self) -> int:
        """What has been earned in batches that are open."""
        return self.gross - self.settled

    def balance(self, account: str) -> int:
        return self.host.ledger.account(account).balance

    @property
    def transfers(self) -> int:
        return len(list(self.store.transfers()))


def open_place(
    profile: AcquirerProfile | None = None, store: HostStore | None = None, *, balance: int = BALANCE, **options
) -> Place:
    hsm = seeded_hsm()
    store = store if store is not None else MemoryHostStore()
    profile = profile or get_profile("default")
    host = new_host(store, hsm, profile, **options)
    tmk = hsm.load_clear_key(
        bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), KeyUsage.KEY_ENCRYPTION, tmk_algorithm(profile.keys.layout)
    )
    host.enrol_merchant(MID, "posterm test shop")
    host.enrol_terminal(TID, MID, tmk)
    card = host.enrol_card(PAN, Pin(PIN), balance=balance)
    terminal = HandTerminal(host, hsm, tmk, profile)
    assert terminal.sign_on().code == "00"
    return Place(host, store, hsm, terminal, tmk, card)


def second_terminal(place: Place) -> HandTerminal:
    place.host.enrol_terminal(OTHER_TID, MID, place.tmk)
    terminal = HandTerminal(place.host, place.hsm, place.tmk, place.terminal.profile, terminal_id=OTHER_TID)
    assert terminal.sign_on().code == "00"
    return terminal
