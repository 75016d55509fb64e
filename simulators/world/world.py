"""Terminals, a host, a line and a clock in one process, from a seed: a day that goes wrong in every way, and its proof.

The cores are the real ones; only the clock, the line and the people are made up. The same seed gives the same day.

    world = World(seed=7, terminals=3, faults=Faults(drop=0.1, late=0.05))
    world.run(transactions=100)
    world.proof().check()

Time is virtual: nothing here waits. A terminal that loses power starts again from its store.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from posterm.amount import Amount
from posterm.emv.capk import CaKeyStore
from posterm.emv.config_file import default_terminal
from posterm.host import ChipTables, Host, HostKeys, MemoryHostStore
from posterm.host.chart import fee_clearing, merchant_payable, merchant_pending
from posterm.hsm import Algorithm, KeyUsage, Lmk, Pin, SoftHsm
from posterm.runtime.run_terminal import drive
from posterm.terminal import Identity, MemoryTerminalStore, OriginalReference, Outcome, Result, Terminal
from posterm.terminal.effects import (
    Await,
    EnterOfflinePin,
    EnterPin,
    Flow,
    FrameArrived,
    LinkLost,
    LinkReply,
    NotSent,
    PresentCard,
    Print,
    Printed,
    PrinterFailed,
    ReturnCard,
    SelectApplication,
    Tell,
    TimedOut,
    Transceive,
    Transmit,
)
from posterm.terminal.kernels import EmvKernels
from posterm.terminal.operators import TEST_PASSWORDS
from posterm.terminal.records import JournalEntry, Status
from posterm.unionpay.envelope import frame_decoder
from posterm.unionpay.profile import AcquirerProfile, get_profile
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import Kind
from simulators.card import Card, authorities, load
from simulators.cards import TEST_CARDS, TestCard
from simulators.enrolment import MERCHANT_ID, MERCHANT_NAME, TMK_COMPONENTS, enrol_everything
from simulators.front import Front, Hand, PinPad
from simulators.network import Fate, Faults, UnreliableLine

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SETTLEMENT_TRIES = 50
R = TypeVar("R")
_GOOD_CARDS = [
    card for card in TEST_CARDS if card.name in ("debit", "credit", "long", "ecash", "visa-debit", "mastercard-credit")
]
_OTHER_CARDS = [card for card in TEST_CARDS if card not in _GOOD_CARDS]
_SUPERVISOR, _MANAGER = TEST_PASSWORDS["00"], TEST_PASSWORDS["99"]


class WorldError(AssertionError):
    """The books do not agree; the text names the seed and what differs."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A terminal's people do nothing for a while."""

    seconds: float


@dataclass(slots=True)
class Day:
    """What one terminal's people saw: every result, and the slip of the closed batch."""

    terminal_id: str
    results: list[Result] = field(default_factory=list)
    batch: str = ""
    totals: Totals = field(default_factory=Totals)
    host_totals: Totals | None = None
    power_cuts: int = 0
    told: dict[str, int] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome is outcome for result in self.results)


@dataclass(frozen=True, slots=True)
class Proof:
    """Three books of the same day: each terminal's, the host's, and the ledger's."""

    seed: int
    days: tuple[Day, ...]
    host_totals: tuple[Totals, ...]
    merchant_minor: int
    """What the ledger says the merchant is owed before fees."""
    ledger_faults: tuple[str, ...]

    @property
    def faults(self) -> list[str]:
        """Every disagreement; empty when the books agree."""
        found = list(self.ledger_faults)
        for day, host in zip(self.days, self.host_totals, strict=True):
            if not day.batch:
                found.append(f"terminal {day.terminal_id} did not settle")
            elif day.totals != host:
                found.append(f"terminal {day.terminal_id}: {day.totals}, host: {host}")
        net = sum(totals.net_minor for totals in self.host_totals)
        if net != self.merchant_minor:
            found.append(f"the merchant is owed {self.merchant_minor} by the ledger and {net} by the totals")
        return found

    def check(self) -> None:
        """Raises: WorldError: the books do not agree."""
        if self.faults:
            raise WorldError(f"seed {self.seed}: " + "; ".join(self.faults))


class World:
    """A merchant's day with some terminals.

    Args:
        seed: everything random comes from it.
        terminals: how many.
        faults: how the line, the printers and the power misbehave during the day. Settlement is repeated in quiet.
        profile: a built-in profile's name, or a profile.
        chip_downloads: terminals know no CA key and no chip application, and download them from the host.
    """

    def __init__(
        self,
        seed: int,
        *,
        terminals: int = 1,
        faults: Faults | None = None,
        profile: AcquirerProfile | str = "default",
        chip_downloads: bool = False,
    ) -> None:
        self.seed = seed
        self.profile = get_profile(profile) if isinstance(profile, str) else profile
        self._random = random.Random(seed)
        self._now_s = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        hsm = SoftHsm(Lmk.test(), self.entropy("host"))
        keys = HostKeys(
            fingerprint=hsm.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_256),
            pvk=hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE),
        )
        self.store = MemoryHostStore()
        self._cards = {card.name: load(card.name, seed=seed) for card in TEST_CARDS if card.chip}
        own = default_terminal()
        tables = ChipTables(authorities(), own.applications) if chip_downloads else None
        self.chip_terminal = replace(own, applications=()) if chip_downloads else own
        self.ca_keys = () if chip_downloads else authorities()
        self.host = Host(self.profile, hsm, self.store, keys, forced_outcomes=False, chip_tables=tables)
        names = tuple(f"{10_000_001 + number}" for number in range(terminals))
        enrol_everything(self.host, hsm, at=self.now, terminal_ids=names)
        line = UnreliableLine(self._random, faults or Faults(), self.profile.timers.response_s)
        self.line = line
        self._actors = [_Actor(self, name) for name in names]

    @property
    def now(self) -> datetime:
        return MORNING + timedelta(seconds=self._now_s)

    def entropy(self, whose: str) -> Callable[[int], bytes]:
        """Seeded randomness for one HSM of this world."""
        return random.Random(f"entropy {whose} {self.seed}").randbytes

    def run(self, transactions: int) -> None:
        """Play the day: `transactions` at each terminal, then settlement on a quiet line."""
        for actor in self._actors:
            actor.begin(transactions)
        self._run_events()
        self.line.faults = Faults.none()
        for actor in self._actors:
            actor.close_the_day()
        self._run_events()
        if self.profile.settlement.captured_by == "host":
            self.host.close_day(self.now)

    def proof(self) -> Proof:
        """Compare the books."""
        days = tuple(actor.day for actor in self._actors)
        host = tuple(self.host.totals(day.terminal_id, day.batch) for day in days)
        ledger = self.host.ledger
        accounts = (merchant_pending(MERCHANT_ID), merchant_payable(MERCHANT_ID), fee_clearing("156"))
        owed = sum(ledger.account(name).balance for name in accounts)
        return Proof(self.seed, days, host, owed, ledger.prove().faults)

    def terminal(self, number: int) -> Terminal:
        """The terminal as it is now."""
        return self._actors[number].terminal

    def hsm(self, number: int) -> SoftHsm:
        """The HSM in the terminal's PIN pad."""
        return self._actors[number].hsm

    def borrow(self, card: TestCard) -> Card | None:
        """The one chip card of that name; None when it is in another reader, or there is none."""
        return self._cards.pop(card.name, None)

    def give_back(self, card: TestCard, chip: Card) -> None:
        """Let others have it again."""
        chip.power_off()
        self._cards[card.name] = chip

    def answer(self, frame: bytes) -> bytes:
        """Hand the host a frame with its length, at once and without the line; the answer without its length.

        Raises: WorldError: the host does not answer.
        """
        (whole,) = frame_decoder(self.profile).feed(frame)
        with self.store.batch():
            reply = self.host.handle(whole, self.now)
        if reply.frame is None:
            raise WorldError("the host does not answer this frame")
        return reply.frame

    def press(self, number: int, flow: Flow[R], hand: Hand | None = None) -> R:
        """Drive one command of a terminal to its end, now and on a quiet line: what comes between two days.

        Args:
            hand: who stands before the terminal; nobody when left out.
        """
        front = Front(hand or Hand.empty(), PinPad(self.hsm(number)), lambda _document: None)
        return drive(flow, line=_QuietLine(self), front=front, listen=lambda _told: None)

    # --- the clock ---

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        """Let something happen later; what is due at the same time happens in the order it was asked for."""
        heapq.heappush(self._events, (self._now_s + seconds, next(self._numbers), happen))

    def _run_events(self) -> None:
        while self._events:
            self._now_s, _, happen = heapq.heappop(self._events)
            happen()

    # --- the host's end of the line ---

    def deliver_to_host(self, frame: bytes, answer: Callable[[bytes], None], broken: Callable[[], None]) -> None:
        """A whole frame has arrived at the host: one batch, one answer, which has its own way back."""
        with self.store.batch():
            reply = self.host.handle(frame, self.now)
        if reply.frame is None:
            if reply.close:
                broken()
            return
        passage = self.line.passage()
        if passage.fate is Fate.TORN:
            self.after(0.0, broken)
        for delay in passage.arrivals:
            self.after(reply.delay_s + delay, lambda answered=reply.frame: answer(answered))  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class _QuietLine:
    """A line that is a function call into the host's core."""

    world: World

    def transmit(self, effect: Transmit) -> LinkReply:
        return FrameArrived(self.world.answer(effect.frame), self.world.now)

    def wait(self) -> LinkReply:
        return TimedOut(self.world.now)

    def hang_up(self) -> None:
        """Nothing is held."""


class _Actor:
    """One terminal and its people."""

    def __init__(self, world: World, terminal_id: str) -> None:
        self._world = world
        self._random = random.Random(f"{terminal_id} {world.seed}")
        self._store = MemoryTerminalStore()
        self._identity = Identity(terminal_id, MERCHANT_ID)
        self.hsm = SoftHsm(Lmk.test(), world.entropy(terminal_id))
        self._pin_pad = PinPad(self.hsm)
        self._front = self._front_with(Hand.empty())
        self._script: Flow[None] | None = None
        self._connection = 0
        self._deadline_s = 0.0
        self._waiting = False
        self._to_do = 0
        self.day = Day(terminal_id)
        self._kernels = EmvKernels.for_terminal(
            world.chip_terminal,
            CaKeyStore(world.ca_keys),
            random.Random(f"kernels {terminal_id} {world.seed}").randbytes,
            identity=self._identity,
            profile=world.profile,
        )
        self.terminal = self._switch_on()
        self.terminal.inject_tmk(list(TMK_COMPONENTS), password=_MANAGER)

    def _switch_on(self) -> Terminal:
        return Terminal(
            profile=self._world.profile,
            identity=self._identity,
            hsm=self.hsm,
            store=self._store,
            now=self._world.now,
            merchant_name=MERCHANT_NAME,
            kernels=self._kernels,
        )

    def _front_with(self, hand: Hand) -> Front:
        return Front(hand, self._pin_pad, lambda _document: None)

    # --- what the people do ---

    def begin(self, transactions: int) -> None:
        self._to_do = transactions
        self._start(self._work())

    def close_the_day(self) -> None:
        self._start(self._settle())

    def _work(self) -> Flow[None]:
        while not self.terminal.operator:
            yield from self.terminal.sign_on("01", TEST_PASSWORDS["01"], self._world.now)
            yield Pause(5.0)  # type: ignore[misc]
        while self._to_do > 0:
            self._to_do -= 1
            yield Pause(self._random.uniform(1.0, 30.0))  # type: ignore[misc]
            result = yield from self._one()
            self.day.results.append(result)

    def _one(self) -> Flow[Result]:
        card = self._random.choice(_GOOD_CARDS if self._random.random() < 0.9 else _OTHER_CARDS)
        pin = card.pin if self._random.random() < 0.97 else Pin("111222")
        way = self._random.choices(("insert", "tap", "swipe", "key", "track 3"), (30, 20, 35, 10, 5))[0]
        chip = self._world.borrow(card) if way in ("insert", "tap") else None
        if chip is None:
            hands = {"key": Hand.keying, "track 3": Hand.swiping_track_3}
            self._front = self._front_with(hands.get(way, Hand.swiping)(card, pin))
            return (yield from self._transaction())
        hand = Hand.inserting if way == "insert" else Hand.tapping
        self._front = self._front_with(hand(chip, pin, stripe=card))
        try:
            return (yield from self._transaction())
        finally:
            self._world.give_back(card, chip)

    def _transaction(self) -> Flow[Result]:
        now, terminal = self._world.now, self.terminal
        amount = Amount(self._random.randint(1, 200_00))
        choice = self._random.choices(
            ("sale", "void", "refund", "preauth", "add", "complete", "notice", "void-preauth", "void-complete",
             "balance", "offline", "tip"),
            (40, 9, 6, 10, 3, 7, 3, 3, 3, 5, 6, 5),
        )[0]  # fmt: skip
        latest = OriginalReference()
        match choice:
            case "void":
                return (yield from terminal.void(self._pick(Kind.SALE), _SUPERVISOR, now))
            case "refund":
                original = self._find(self._pick(Kind.SALE))
                if original is None:
                    return (yield from terminal.sale(amount, now))
                self._front = self._front_with(Hand.swiping(self._card_of(original)))
                part = Amount(self._random.randint(1, max(1, original.total_minor)))
                reference = OriginalReference(stan=original.stan)
                return (yield from terminal.refund(part, reference, _SUPERVISOR, now))
            case "preauth":
                return (yield from terminal.preauth(amount, now))
            case "add":
                return (yield from terminal.add_preauth(amount, latest, now))
            case "complete":
                return (yield from terminal.complete(self._completion_amount(), latest, now))
            case "notice":
                return (yield from terminal.complete_by_notice(self._completion_amount(), latest, now))
            case "void-preauth":
                return (yield from terminal.void_preauth(latest, _SUPERVISOR, now))
            case "void-complete":
                return (yield from terminal.void_completion(self._pick(Kind.COMPLETION), _SUPERVISOR, now))
            case "balance":
                return (yield from terminal.balance(now))
            case "offline":
                self._front = self._front_with(Hand.swiping(self._random.choice(_GOOD_CARDS)))
                return (yield from terminal.offline_sale(amount, "A1B2C3", now))
            case "tip":
                stan = self._pick(Kind.SALE)
                original = self._find(stan)
                tip = Amount(original.amount_minor // 10) if original else Amount(1)
                return (yield from terminal.adjust_tip(stan, tip, now))
            case _:
                return (yield from terminal.sale(amount, now))

    def _settle(self) -> Flow[None]:
        for _ in range(SETTLEMENT_TRIES):
            while not self.terminal.operator:
                yield from self.terminal.sign_on("01", TEST_PASSWORDS["01"], self._world.now)
            batch = self.terminal.batch
            settled = yield from self.terminal.settle(self._world.now)
            if settled.done and settled.slip is not None:
                self.day.batch, self.day.totals, self.day.host_totals = batch, settled.slip.terminal, settled.slip.host
                return
            yield Pause(60.0)  # type: ignore[misc]

    def _pick(self, kind: Kind) -> str:
        fit = [entry.stan for entry in self.terminal.open_batch if entry.kind is kind and _is_open(entry)]
        return self._random.choice(fit) if fit else ""

    def _find(self, stan: str) -> JournalEntry | None:
        return next((entry for entry in self.terminal.open_batch if stan and entry.stan == stan), None)

    def _completion_amount(self) -> Amount:
        reserved = [entry for entry in self.terminal.journal if entry.kind is Kind.PREAUTH and _is_open(entry)]
        return Amount(reserved[-1].amount_minor if reserved else 1)

    def _card_of(self, entry: JournalEntry) -> TestCard:
        return next(card for card in TEST_CARDS if card.pan.masked == entry.masked_pan)

    # --- what the terminal's flow asks for ---

    def _start(self, script: Flow[None]) -> None:
        self._script = script
        self._world.after(self._random.uniform(0.0, 2.0), lambda: self._go_on(None))

    def _go_on(self, reply: object) -> None:
        """Run the script until it has to wait."""
        self._waiting = False
        while self._script is not None:
            try:
                effect: Any = self._script.send(reply)
            except StopIteration:
                self._script = None
                return
            if self._random.random() < self._world.line.faults.power_cut and not isinstance(effect, Pause):
                self._power_cut()
                return
            if isinstance(effect, Pause):
                self._world.after(effect.seconds, lambda: self._go_on(None))
                return
            if isinstance(effect, Transmit | Await):
                self._on_the_line(effect)
                return
            reply = self._at_the_front(effect)

    def _power_cut(self) -> None:
        self.day.power_cuts += 1
        script, self._script = self._script, None
        if script is not None:
            script.close()
        self._connection += 1
        self.terminal = self._switch_on()

        def again() -> Flow[None]:
            yield from self.terminal.power_on(self._world.now)
            yield from self._work()

        self._world.after(20.0, lambda: self._start(again()))

    def _at_the_front(self, effect: object) -> object:
        match effect:
            case Tell(name=name):
                self.day.told[name] = self.day.told.get(name, 0) + 1
                return None
            case PresentCard():
                return self._front.present(effect)
            case Transceive():
                if self._random.random() < self._world.line.faults.card_withdrawn:
                    self._front.return_card()
                return self._front.transceive(effect)
            case SelectApplication():
                return self._front.select(effect)
            case EnterPin():
                return self._front.enter_pin(effect)
            case EnterOfflinePin():
                return self._front.enter_offline_pin(effect)
            case ReturnCard():
                self._front.return_card()
                return None
            case Print():
                fails = self._random.random() < self._world.line.faults.printer_fails
                return PrinterFailed("paper") if fails else Printed()
            case _:
                raise TypeError(f"no such effect: {type(effect).__name__}")

    def _on_the_line(self, effect: Transmit | Await) -> None:
        world = self._world
        self._waiting = True
        if isinstance(effect, Await):
            return
        self._connection += 1
        connection = self._connection
        if world.line.refuses():
            world.after(1.0, lambda: self._resume(connection, NotSent(world.now, "refused")))
            return
        world.after(effect.answer_timeout_s, lambda: self._resume(connection, TimedOut(world.now)))
        (frame,) = frame_decoder(world.profile).feed(effect.frame)
        passage = world.line.passage()
        if passage.fate is Fate.TORN:
            world.after(0.5, lambda: self._resume(connection, LinkLost(world.now, "torn")))
        for delay in passage.arrivals:
            world.after(
                delay,
                lambda: world.deliver_to_host(
                    frame, self._answered, lambda: self._resume(connection, LinkLost(world.now, "closed"))
                ),
            )

    def _answered(self, frame: bytes) -> None:
        """A frame for this terminal: it takes whatever comes while it waits, as on a line that is never hung up."""
        if self._waiting:
            self._go_on(FrameArrived(frame, self._world.now))

    def _resume(self, connection: int, reply: LinkReply) -> None:
        if self._waiting and connection == self._connection:
            self._go_on(reply)


def _is_open(entry: JournalEntry) -> bool:
    return entry.status is Status.APPROVED and not entry.undone_by
