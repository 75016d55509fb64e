"""A merchant's days with some terminals, from a seed.

The cores are the real ones; only the clock, the line, the disks and the people are made up. The same seed gives the
same days.

    world = World(seed=7, terminals=3, faults=LEVELS["rough"])
    world.run(transactions=100)
    world.proof().check()
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from posterm.emv.config_file import default_terminal
from posterm.host import ChipTables, Host, HostKeys
from posterm.host.chart import fee_clearing, merchant_payable, merchant_pending, network
from posterm.host.data_files import built_in_plans
from posterm.host.host import ACQUIRER_ID
from posterm.hsm import Algorithm, KeyUsage, Lmk, SoftHsm
from posterm.runtime.run_terminal import drive
from posterm.terminal import Terminal
from posterm.terminal.effects import Flow, FrameArrived, LinkReply, TimedOut, Transmit
from posterm.terminal.records import JournalEntry
from posterm.unionpay.envelope import frame_decoder
from posterm.unionpay.profile import AcquirerProfile, get_profile
from posterm.unionpay.transactions import Kind
from simulators.card import Card, authorities, load
from simulators.cards import TEST_CARDS, TestCard
from simulators.enrolment import MERCHANT_ID, MERCHANT_NAME, enrol_everything
from simulators.front import Front, Hand, PinPad
from simulators.network import Faults, UnreliableLine
from simulators.world.clock import MORNING, Clock
from simulators.world.counter import Day
from simulators.world.customers import Customers
from simulators.world.disks import HostDisk
from simulators.world.habits import Habits
from simulators.world.host_site import HostSite
from simulators.world.inspection import Fault, Inspection, TerminalBooks
from simulators.world.issuer_site import NAME as ISSUER
from simulators.world.issuer_site import IssuerSite
from simulators.world.people import People
from simulators.world.story import Story

FAULTS_TOLD: Final = 10
R = TypeVar("R")


class WorldError(AssertionError):
    """The books do not agree; the text names the seed, what differs, and the story of the first that does."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The books of the same days, and every disagreement between them."""

    seed: int
    days: tuple[Day, ...]
    merchant_minor: int
    """What the ledger says the merchant is owed before fees."""
    found: tuple[Fault, ...]
    replay: str
    """The command that plays these days again, when nobody has given other habits."""
    story: tuple[str, ...] = field(repr=False)
    """What happened to the transaction of the first fault."""

    @property
    def faults(self) -> list[str]:
        """Every disagreement in words; empty when the books agree."""
        return [str(fault) for fault in self.found]

    def check(self) -> None:
        """Raises: WorldError: the books do not agree."""
        if self.found:
            told = self.faults[:FAULTS_TOLD]
            more = [f"... and {len(self.found) - FAULTS_TOLD} more"] if len(self.found) > FAULTS_TOLD else []
            raise WorldError(
                "\n".join([f"seed {self.seed}: {told[0]}", *told[1:], *more, *self.story, f"again: {self.replay}"])
            )


class World:
    """A merchant's days with some terminals.

    Args:
        seed: everything random comes from it.
        terminals: how many.
        faults: what goes wrong during the days; drawn from the seed when left out. The evening is quiet.
        profile: a built-in profile's name, or a profile.
        habits: what the people do; drawn from the seed when left out.
        issuer_apart: the debit cards are those of an issuer that is asked over a line of its own.
        chip_downloads: terminals know no CA key and no chip application, and download them from the host.
    """

    def __init__(
        self,
        seed: int,
        *,
        terminals: int = 1,
        faults: Faults | None = None,
        profile: AcquirerProfile | str = "default",
        habits: Habits | None = None,
        chip_downloads: bool = False,
        issuer_apart: bool = False,
    ) -> None:
        self.seed = seed
        self.profile = get_profile(profile) if isinstance(profile, str) else profile
        character = random.Random(f"character {seed}")
        drawn_faults, drawn_habits = Faults.drawn(character), Habits.drawn(character)
        self.faults, self.habits = faults or drawn_faults, habits or drawn_habits
        self._given_faults = faults
        self.clock = Clock()
        self.story = Story(self.clock, self.profile)
        self.line = UnreliableLine(random.Random(f"line {seed}"), Faults.none(), self.profile.timers.response_s)
        hsm = SoftHsm(Lmk.test(), random.Random(f"entropy host {seed}").randbytes)
        keys = HostKeys(
            fingerprint=hsm.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_256),
            pvk=hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE),
        )
        if issuer_apart:
            keys = replace(keys, storage=hsm.generate_key(KeyUsage.STORAGE, Algorithm.AES_256))
        self.store = HostDisk()
        own = default_terminal()
        tables = ChipTables(authorities(), own.applications) if chip_downloads else None
        self.chip_terminal = replace(own, applications=()) if chip_downloads else own
        self.ca_keys = () if chip_downloads else authorities()
        self.apart = self._issuer_apart(hsm) if issuer_apart else None
        directory = self.apart.directory if self.apart is not None else None
        self.site = HostSite(
            clock=self.clock,
            disk=self.store,
            line=self.line,
            story=self.story,
            randomness=random.Random(f"host {seed}"),
            start=lambda: Host(
                self.profile, hsm, self.store, keys, forced_outcomes=False, chip_tables=tables, issuers=directory
            ),
            issuers=self.apart,
        )
        if self.apart is not None:
            self.apart.connect()
        self._purses = {card.name: load(card.name, seed=seed) for card in TEST_CARDS if card.chip}
        names = tuple(f"{10_000_001 + number}" for number in range(terminals))
        enrol_everything(self.host, hsm, at=self.now, terminal_ids=names)
        self.customers = Customers(
            clock=self.clock, site=self.site, disk=self.store, story=self.story, family=self.profile.qr.family
        )
        self.customers.enrol()
        self._people = [People(self, self.habits, name) for name in names]
        self._transactions = 0

    def _issuer_apart(self, hsm: SoftHsm) -> IssuerSite:
        """An issuer on a line of its own, with what it shares of the world."""
        return IssuerSite(
            clock=self.clock,
            disk=self.store,
            line=self.line,
            randomness=random.Random(f"issuer {self.seed}"),
            profile=self.profile,
            hsm=hsm,
            acquirer=ACQUIRER_ID,
            host=lambda: self.site.host if self.site.up else None,
        )

    @property
    def now(self) -> datetime:
        return self.clock.now

    @property
    def morning(self) -> datetime:
        """When the first day began."""
        return MORNING

    @property
    def host(self) -> Host:
        """The host's process that runs now."""
        return self.site.host

    def run(self, transactions: int) -> None:
        """Play the days: `transactions` at each terminal, then settlement in quiet."""
        self._transactions += transactions
        self.host.enrol_merchant(MERCHANT_ID, MERCHANT_NAME, plan=self.habits.plan)
        self.line.faults = self.faults
        for people in self._people:
            people.counter.set_clock_wrong()
            people.begin(transactions)
        self.site.sweep(lambda: not any(people.counter.busy for people in self._people))
        self.clock.run()
        self.line.faults = Faults.none()
        for people in self._people:
            people.close_the_day()
        self.clock.run()
        with self.store.batch():
            if self.profile.settlement.captured_by == "host":
                self.host.close_day(self.site.now)
            self.host.expire(self.site.now)
        if self.apart is not None:
            self.site.give_up_overdue(self.site.now + timedelta(days=1))
            self.clock.run()
            self.apart.issuer.expire(self.now)

    def proof(self) -> Proof:
        """Inspect the books."""
        days = tuple(people.counter.day for people in self._people)
        ledger = self.host.ledger
        accounts = (merchant_pending(MERCHANT_ID), merchant_payable(MERCHANT_ID), fee_clearing("156"))
        owed = sum(ledger.account(name).balance for name in accounts)
        plan = built_in_plans()[self.habits.plan]
        now, receipts = self.site.now.isoformat(), self.customers.receipts
        found = Inspection(self.host, self.store, self._books(), plan, now, receipts).faults()
        said = sum(day.totals.net_minor for day in days)
        if said != owed:
            found = (*found, Fault(f"the slips say that the merchant is owed {said}, the ledger says {owed}"))
        found = (*found, *self._faults_apart())
        return Proof(self.seed, days, owed, found, self.replay, tuple(self._tell(found)))

    def _faults_apart(self) -> Iterator[Fault]:
        """What host and issuer apart do not agree on."""
        if self.apart is None:
            return
        yield from map(Fault, self.apart.issuer.ledger.prove().faults)
        yield from (Fault(f"the issuer refuses {told}") for told in self.apart.refused)
        yield from (Fault(f"{route.ref} still waits for the issuer") for route in self.store.routes_waiting())
        if self.store.forwards_due(ISSUER, 1):
            yield Fault("the issuer has not been told of everything")
        here = self.store.account(network(ISSUER, "156"))
        there = self.apart.store.account(network(ACQUIRER_ID, "156"))
        owed, owes = (account.balance if account is not None else 0 for account in (here, there))
        if owed + owes:
            yield Fault(f"the issuer is to owe {-owed} by the host's books, and owes {owes} by its own")

    @property
    def replay(self) -> str:
        """The command that plays the same days."""
        options: dict[str, object] = {
            "seed": self.seed,
            "terminals": len(self._people),
            "transactions": self._transactions,
        }
        if self.profile.name != "default":
            options["profile"] = self.profile.name
        if self._given_faults is not None:
            options["faults"] = str(self._given_faults)
        apart = " --issuer-apart" if self.apart is not None else ""
        return "posterm world " + " ".join(f"--{name} {value}" for name, value in options.items()) + apart

    def terminal(self, number: int) -> Terminal:
        """The terminal as it is now."""
        return self._people[number].counter.terminal

    def cut_power(self, number: int) -> Terminal:
        """Switch a terminal off and on. Returns: the new one, which has only what its disk has."""
        return self._people[number].counter.switch_on()

    def hsm(self, number: int) -> SoftHsm:
        """The HSM in the terminal's PIN pad."""
        return self._people[number].counter.hsm

    def answer(self, frame: bytes) -> bytes:
        """Hand the host a frame with its length, at once and without the line; the answer without its length.

        Raises: WorldError: the host does not answer.
        """
        (whole,) = frame_decoder(self.profile).feed(frame)
        with self.store.batch():
            (reply,) = self.host.handle_all([whole], self.now)
        if reply.frame is None:
            raise WorldError("the host does not answer this frame")
        return reply.frame

    def press(self, number: int, flow: Flow[R], hand: Hand | None = None) -> R:
        """Drive one command of a terminal to its end, now and on a quiet line: what comes between two days.

        Args:
            hand: who stands before the terminal; nobody when left out.
        """
        front = Front(hand or Hand.empty(), PinPad(self.hsm(number)), lambda _document: None)
        return drive(flow, line=_QuietLine(self.answer, lambda: self.now), front=front, listen=lambda _told: None)

    # --- what the people have ---

    def borrow(self, card: TestCard) -> Card | None:
        """The one chip card of that name; None when it is in another reader, or there is none."""
        return self._purses.pop(card.name, None)

    def give_back(self, card: TestCard, chip: Card) -> None:
        """Let others have it again."""
        chip.power_off()
        self._purses[card.name] = chip

    def slip(self, kinds: Collection[Kind], randomness: random.Random) -> JournalEntry | None:
        """Any transaction of these kinds that was approved and not voided, at any terminal, since the first day."""
        sales = [document for people in self._people for document in people.counter.disk.standing(kinds)]
        return JournalEntry.from_document(randomness.choice(sales)) if sales else None

    def _books(self) -> Iterator[TerminalBooks]:
        for people in self._people:
            counter = people.counter
            entries, day = tuple(counter.disk.entries), counter.day
            yield TerminalBooks(counter.terminal_id, entries, day.slips, tuple(day.results), day.settled)

    def _tell(self, found: tuple[Fault, ...]) -> list[str]:
        """The story of the transaction of the first fault that has one, with those that were done to it."""
        fault = next((fault for fault in found if fault.stan), None)
        if fault is None:
            return []
        stans = {fault.stan}
        for books in self._books():
            if books.terminal_id == fault.terminal_id:
                for entry in books.entries:
                    if fault.stan in (entry.stan, entry.original_stan):
                        stans |= {entry.stan, entry.original_stan, entry.undone_by} - {"", "000000"}
        return [f"what happened to {fault.stan}:", *self.story.of(fault.terminal_id, stans)]


@dataclass(frozen=True, slots=True)
class _QuietLine:
    """A line that is a function call into the host's core."""

    answer: Callable[[bytes], bytes]
    now: Callable[[], datetime]

    def transmit(self, effect: Transmit) -> LinkReply:
        return FrameArrived(self.answer(effect.frame), self.now())

    def wait(self) -> LinkReply:
        return TimedOut(self.now())

    def hang_up(self) -> None:
        """Nothing is held."""
