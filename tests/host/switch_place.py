"""A host and two issuers apart from it, with the network between them in the test's hands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from posterm.host import Host, HostEvent, HostStore, MemoryHostStore
from posterm.host.case import HostKeys
from posterm.host.issuing.issuer_host import IssuerHost
from posterm.host.issuing.session import Session
from posterm.host.records import CardRecord, PinPolicy
from posterm.host.switch.directory import IssuerDirectory
from posterm.host.switch.over_link import IssuerOverLink, IssuerTerms
from posterm.host.switch.port import Suspended
from posterm.host.switch.stand_in import StandInRules
from posterm.hsm import Algorithm, KeyUsage, Pin, SoftHsm
from posterm.iso8583 import Message, get_dialect
from posterm.sensitive import Pan
from posterm.unionpay.key_layout import tmk_algorithm
from posterm.unionpay.network_link import NetworkCode, about_link
from posterm.unionpay.network_mac import NetworkSealer
from posterm.unionpay.profile import get_profile
from tests.host.hand_chip import enrol_issuer
from tests.host.hand_terminal import MID, NOW, PIN, TID, Answer, HandTerminal, seeded_hsm

ACQUIRER = "48310058"
EAST, WEST = "east", "west"
EAST_PAN, WEST_PAN = Pan("6222021234567890128"), Pan("6228480000000000000")
ZMK = bytes.fromhex("89ABCDEF0123456776543210FEDCBA98")
BALANCE = 1_000_000
CUPS = get_dialect("unionpay-cups")


def over_the_wire(message: Message) -> Message:
    return CUPS.unpack(CUPS.pack(message))


def own_keys(hsm: SoftHsm) -> HostKeys:
    return HostKeys(
        hsm.load_clear_key(bytes(range(32)), KeyUsage.FINGERPRINT, Algorithm.AES_256),
        hsm.load_clear_key(bytes(range(16)), KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE),
        hsm.load_clear_key(bytes(range(32, 64)), KeyUsage.STORAGE, Algorithm.AES_256),
    )


@dataclass
class Issuer:
    """An issuer with one card, and the acquirer's side of its link."""

    port: IssuerOverLink
    host: IssuerHost
    store: HostStore
    card: str
    session: Session = field(default_factory=Session)

    def tell(self, message: Message, now: datetime) -> Message | None:
        """Let a message arrive. Returns: the answer as it arrives back."""
        with self.store.batch():
            reply = self.host.handle(self.session, over_the_wire(message), now)
        return None if reply.answer is None else over_the_wire(reply.answer)

    def sign_on(self, now: datetime) -> None:
        """Begin a connection: sign on and change keys."""
        self.session = Session()
        answer = self.tell(about_link(NetworkCode.SIGN_ON, "000001", now, ACQUIRER), now)
        assert str(answer[39]) == "00"
        keys, messages = self.port.draw_keys(ACQUIRER, ("000002", "000003"), now)
        assert [str(self.tell(message, now)[39]) for message in messages] == ["00", "00"]
        self.port.keys = keys

    @property
    def available(self) -> int:
        return self.host.ledger.account(f"card/{self.card}").available

    @property
    def owes(self) -> int:
        """What it owes to the acquirer by its own books."""
        account = self.store.account(f"network/{ACQUIRER}/156")
        return account.balance if account is not None else 0


@dataclass
class SwitchPlace:
    """Everything, and what waits: requests of terminals by reference."""

    host: Host
    store: HostStore
    hsm: SoftHsm
    terminal: HandTerminal
    issuers: dict[str, Issuer]
    waiting: list[Suspended] = field(default_factory=list)

    def ask(self, request: Answer, answer: bool = True, now: datetime | None = None) -> Answer:
        """Carry a suspended request to its issuer and resume with the answer, or without one."""
        suspended = request.reply.suspended
        assert suspended is not None, request.code
        at = now or self.terminal.now
        said = self.issuers[suspended.issuer].tell(suspended.request, at)
        return self.resume(request, said if answer else None, at)

    def resume(self, request: Answer, said: Message | None, now: datetime | None = None) -> Answer:
        with self.store.batch():
            reply = self.host.resume(request.reply.suspended, said, now or self.terminal.now)
        return self.terminal.answer(request.request, reply)

    def forward_all(self, issuer: str) -> list[tuple[str, str]]:
        """Deliver all that an issuer must have. Returns: MTI and answer code of each."""
        return list(self._forwarding(issuer))

    def _forwarding(self, name: str) -> Iterator[tuple[str, str]]:
        issuer, now = self.issuers[name], self.terminal.now
        while (forward := self.host.first_forward(name)) is not None:
            answer = issuer.tell(issuer.port.sealer.seal(forward.message, issuer.port.keys.zak), now)
            issuer.port.sealer.check(answer, issuer.port.keys.zak)
            with self.store.batch():
                event: HostEvent | None = self.host.forwarded(forward.forward_id, answer, now)
            assert event is not None
            yield forward.message.mti, str(answer[39])

    def owed_by(self, name: str) -> int:
        """What an issuer owes by the acquirer's books."""
        account = self.store.account(f"network/{name}/156")
        return -account.balance if account is not None else 0

    def prove(self) -> None:
        """Both sides' ledgers add up, agree on every issuer, and nothing waits."""
        assert self.host.ledger.prove().faults == ()
        assert self.store.routes_waiting() == []
        for name, issuer in self.issuers.items():
            assert issuer.host.ledger.prove().faults == ()
            assert self.host.first_forward(name) is None
            assert self.owed_by(name) == issuer.owes
            assert BALANCE - issuer.host.ledger.account(f"card/{issuer.card}").balance == issuer.owes


def open_issuer(name: str, pan: Pan, acquirer_hsm: SoftHsm, seed: int, rules: StandInRules) -> Issuer:
    institution = {EAST: "03050001", WEST: "03060001"}[name]
    terms = IssuerTerms(name=name, institution=institution, prefixes=(pan.reveal()[:6],), stand_in=rules)
    zmk = acquirer_hsm.load_clear_key(ZMK, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
    port = IssuerOverLink(terms, NetworkSealer(acquirer_hsm), zmk)
    hsm, store = seeded_hsm(seed), MemoryHostStore()
    its_zmk = hsm.load_clear_key(ZMK, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
    profile = get_profile("default")
    host = IssuerHost(profile, hsm, store, own_keys(hsm), institution=institution, zmks={ACQUIRER: its_zmk})
    terms_of_card = CardRecord("", "", "debit", "3012", pin_policy=PinPolicy.OPTIONAL, issuer_id=institution)
    enrol_issuer(host, hsm)
    card = host.enrol_card(pan, Pin(PIN), terms_of_card, balance=BALANCE)
    return Issuer(port, host, store, card)


def open_switch(
    store: HostStore | None = None, rules: StandInRules | None = None, *, signed_on: bool = True
) -> SwitchPlace:
    hsm, profile = seeded_hsm(), get_profile("default")
    store = store if store is not None else MemoryHostStore()
    issuers = {
        name: open_issuer(name, pan, hsm, seed, rules or StandInRules())
        for name, pan, seed in ((EAST, EAST_PAN, 2), (WEST, WEST_PAN, 3))
    }
    directory = IssuerDirectory([issuer.port for issuer in issuers.values()])
    host = Host(profile, hsm, store, own_keys(hsm), issuers=directory)
    tmk = hsm.load_clear_key(
        bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), KeyUsage.KEY_ENCRYPTION, tmk_algorithm(profile.keys.layout)
    )
    host.enrol_merchant(MID, "posterm test shop")
    host.enrol_terminal(TID, MID, tmk)
    terminal = HandTerminal(host, hsm, tmk, profile)
    assert terminal.sign_on().code == "00"
    for issuer in issuers.values():
        if signed_on:
            issuer.sign_on(NOW)
    return SwitchPlace(host, store, hsm, terminal, issuers)
