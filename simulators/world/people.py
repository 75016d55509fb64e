"""Cashier and customers at one terminal: what they do one after the other, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from posterm.amount import Amount
from posterm.hsm import Pin
from posterm.terminal import OriginalReference, Result
from posterm.terminal.effects import Flow
from posterm.terminal.operators import TEST_PASSWORDS
from posterm.terminal.records import JournalEntry, Status
from posterm.terminal.transitions import SETTLEMENT_STATES
from posterm.unionpay.transactions import CODE_ENTRIES, CODE_SALES, Kind
from simulators.card import Card
from simulators.cards import TEST_CARDS, TestCard
from simulators.front import Hand
from simulators.world.counter import Counter, Pause, Surroundings
from simulators.world.habits import Habits

SETTLEMENT_TRIES: Final = 50
_NAMES_OF_GOOD_CARDS: Final = ("debit", "credit", "long", "ecash", "visa-debit", "mastercard-credit")
GOOD_CARDS: Final = [card for card in TEST_CARDS if card.name in _NAMES_OF_GOOD_CARDS]
OTHER_CARDS: Final = [card for card in TEST_CARDS if card not in GOOD_CARDS]
_SUPERVISOR: Final = TEST_PASSWORDS["00"]
_DAY_S: Final = 86_400.0
_LARGE_BY_CODE: Final = 0.25
_BY_SLIP: Final = 0.3


class People:
    """They sign on, do so many transactions, and close the batch when they feel like it, and in the evening."""

    def __init__(self, world: Surroundings, habits: Habits, terminal_id: str) -> None:
        self._world = world
        self._habits = habits
        self._random = random.Random(f"people {terminal_id} {world.seed}")
        self._to_do = 0
        self._deeds: dict[str, Callable[[], Flow[Result]]] = {
            "sale": self._sale,
            "void": self._void,
            "refund": self._refund,
            "refund-by-slip": self._refund_by_slip,
            "preauth": self._preauth,
            "add": self._add,
            "complete": self._complete,
            "notice": self._notice,
            "void-preauth": self._void_preauth,
            "void-complete": self._void_completion,
            "balance": self._balance,
            "offline": self._offline,
            "tip": self._tip,
            "pay-code": self._pay_by_code,
            "show-code": self._show_code,
            "void-code": self._void_code,
            "refund-code": self._refund_code,
            "query-code": self._query_code,
        }
        self.counter = Counter(world, terminal_id, self._after_a_power_cut)

    def begin(self, transactions: int) -> None:
        """Start the day."""
        self._to_do = transactions
        self.counter.day.settled = False
        self.counter.start(self._work())

    def close_the_day(self) -> None:
        """Settle, however often it takes."""
        self.counter.start(self._settle())

    def _after_a_power_cut(self) -> Flow[None]:
        yield from self.counter.terminal.power_on(self.counter.wall_clock.now)
        yield from self._work()

    def _work(self) -> Flow[None]:
        yield from self._sign_on()
        while self._to_do > 0:
            self._to_do -= 1
            away_s = self._random.uniform(1.0, 30.0)
            if self._random.random() < self._habits.closed_for_days:
                away_s = self._random.uniform(0.5, self._habits.closed_days_max) * _DAY_S
            yield Pause(away_s)  # type: ignore[misc]
            yield from self._one()

    def _sign_on(self) -> Flow[None]:
        terminal, clock = self.counter.terminal, self.counter.wall_clock
        while not terminal.operator:
            yield from terminal.sign_on("01", TEST_PASSWORDS["01"], clock.now)
            yield Pause(5.0)  # type: ignore[misc]

    def _settle(self) -> Flow[None]:
        for _ in range(SETTLEMENT_TRIES):
            yield from self._sign_on()
            settled = yield from self.counter.terminal.settle(self.counter.wall_clock.now)
            if settled.done:
                self.counter.day.settled = True
                return
            yield Pause(60.0)  # type: ignore[misc]

    def _one(self) -> Flow[None]:
        begun = self.counter.terminal.state in SETTLEMENT_STATES
        deed = "settle" if begun else self._habits.deed(self._random)
        self.counter.say(deed)
        if deed == "settle":
            yield from self.counter.terminal.settle(self.counter.wall_clock.now)
            yield from self._sign_on()
            return
        card = self._random.choice(OTHER_CARDS if self._random.random() < self._habits.bad_card else GOOD_CARDS)
        pin = Pin("111222") if self._random.random() < self._habits.wrong_pin else card.pin
        way = self._habits.way(self._random)
        chip = self._world.borrow(card) if way in ("insert", "tap") else None
        try:
            self.counter.put(_hand(card, pin, way, chip))
            result = yield from self._deeds[deed]()
        finally:
            if chip is not None:
                self._world.give_back(card, chip)
        self.counter.day.results.append(result)

    # --- one deed each ---

    @property
    def _amount(self) -> Amount:
        return Amount(self._random.randint(1, 200_00))

    def _sale(self) -> Flow[Result]:
        return self.counter.terminal.sale(self._amount, self.counter.wall_clock.now)

    def _preauth(self) -> Flow[Result]:
        return self.counter.terminal.preauth(self._amount, self.counter.wall_clock.now)

    def _balance(self) -> Flow[Result]:
        return self.counter.terminal.balance(self.counter.wall_clock.now)

    def _offline(self) -> Flow[Result]:
        return self.counter.terminal.offline_sale(self._amount, "A1B2C3", self.counter.wall_clock.now)

    def _void(self) -> Flow[Result]:
        original = self._pick(Kind.SALE)
        return self.counter.terminal.void(original, _SUPERVISOR, self.counter.wall_clock.now)

    def _refund(self) -> Flow[Result]:
        original = self._find(self._pick(Kind.SALE, Kind.COMPLETION, Kind.OFFLINE_SALE))
        if original is None:
            return self._sale()
        return self._refund_of(original, OriginalReference(stan=original.stan))

    def _refund_by_slip(self) -> Flow[Result]:
        """A sale of any terminal, now or long ago, of which the customer has the slip."""
        original = self._world.slip({Kind.SALE}, self._random)
        return self._refund_of(original, _on_the_slip(original)) if original is not None else self._sale()

    def _refund_of(self, original: JournalEntry, reference: OriginalReference) -> Flow[Result]:
        cards = [card for card in TEST_CARDS if card.pan.masked == original.masked_pan]
        self.counter.put(Hand.swiping(cards[0]) if cards else Hand.empty())
        part = self._part_of(original)
        return self.counter.terminal.refund(part, reference, _SUPERVISOR, self.counter.wall_clock.now)

    def _part_of(self, original: JournalEntry) -> Amount:
        return Amount(self._random.randint(1, max(1, original.total_minor)))

    def _add(self) -> Flow[Result]:
        return self.counter.terminal.add_preauth(self._amount, OriginalReference(), self.counter.wall_clock.now)

    def _complete(self) -> Flow[Result]:
        amount, now = self._amount_to_complete, self.counter.wall_clock.now
        return self.counter.terminal.complete(amount, OriginalReference(), now)

    def _notice(self) -> Flow[Result]:
        amount, now = self._amount_to_complete, self.counter.wall_clock.now
        return self.counter.terminal.complete_by_notice(amount, OriginalReference(), now)

    def _void_preauth(self) -> Flow[Result]:
        return self.counter.terminal.void_preauth(OriginalReference(), _SUPERVISOR, self.counter.wall_clock.now)

    def _void_completion(self) -> Flow[Result]:
        original = self._pick(Kind.COMPLETION)
        return self.counter.terminal.void_completion(original, _SUPERVISOR, self.counter.wall_clock.now)

    def _tip(self) -> Flow[Result]:
        original = self._find(self._pick(Kind.SALE))
        tip = Amount(original.amount_minor // 10) if original else Amount(1)
        return self.counter.terminal.adjust_tip(original.stan if original else "", tip, self.counter.wall_clock.now)

    # --- payments by a code ---

    def _pay_by_code(self) -> Flow[Result]:
        self._let_customer_come()
        return self.counter.terminal.pay_by_code(self._amount_by_code, self.counter.wall_clock.now)

    def _show_code(self) -> Flow[Result]:
        self._let_customer_come()
        return self.counter.terminal.show_code(self._amount_by_code, self.counter.wall_clock.now)

    def _let_customer_come(self) -> None:
        customer = self._world.customers.come(self.counter.terminal_id, self._random)
        self.counter.put(Hand(telephone=customer), patience=self._random.choice(self._habits.patience))

    @property
    def _amount_by_code(self) -> Amount:
        """Small, or so large that a password is asked for."""
        most = Amount(5_000_00) if self._random.random() < _LARGE_BY_CODE else Amount(200_00)
        return Amount(self._random.randint(1, most.minor))

    def _void_code(self) -> Flow[Result]:
        original = self._pick_by_code(standing=True)
        return self.counter.terminal.void(original, _SUPERVISOR, self.counter.wall_clock.now)

    def _refund_code(self) -> Flow[Result]:
        """A payment of this batch, or of any terminal at any time, of which the customer has the slip."""
        original = self._find(self._pick_by_code(standing=True))
        if original is None or self._random.random() < _BY_SLIP:
            original = self._world.slip(CODE_SALES, self._random)
        if original is None:
            return self._pay_by_code()
        part, now = self._part_of(original), self.counter.wall_clock.now
        return self.counter.terminal.refund_code(part, _on_the_slip(original), _SUPERVISOR, now)

    def _query_code(self) -> Flow[Result]:
        return self.counter.terminal.query_code(self._pick_by_code(standing=False), self.counter.wall_clock.now)

    def _pick_by_code(self, *, standing: bool) -> str:
        batch, kinds = self.counter.terminal.open_batch, CODE_SALES | {Kind.SALE}
        by_code = [entry for entry in batch if entry.kind in kinds and entry.entry in CODE_ENTRIES]
        fit = [entry.stan for entry in by_code if is_open(entry) or not standing]
        return self._random.choice(fit) if fit else ""

    # --- what they choose ---

    def _pick(self, *kinds: Kind) -> str:
        fit = [entry.stan for entry in self.counter.terminal.open_batch if entry.kind in kinds and is_open(entry)]
        return self._random.choice(fit) if fit else ""

    def _find(self, stan: str) -> JournalEntry | None:
        return next((entry for entry in self.counter.terminal.open_batch if stan and entry.stan == stan), None)

    @property
    def _amount_to_complete(self) -> Amount:
        """The whole of the latest pre-authorisation, a part of it, or up to 15 % more."""
        journal = self.counter.terminal.journal
        reserved = [entry.amount_minor for entry in journal if entry.kind is Kind.PREAUTH and is_open(entry)]
        minor = reserved[-1] if reserved else 1
        return Amount(max(1, minor * self._random.choice((50, 100, 100, 115, 116)) // 100))


def is_open(entry: JournalEntry) -> bool:
    """True for what was approved and is neither voided nor completed."""
    return entry.status is Status.APPROVED and not entry.undone_by


def _on_the_slip(entry: JournalEntry) -> OriginalReference:
    return OriginalReference(stan=entry.stan, rrn=entry.rrn, date=entry.host_date)


def _hand(card: TestCard, pin: Pin, way: str, chip: Card | None) -> Hand:
    """A card put to the terminal; its stripe when the chip is in another reader, or there is none."""
    if chip is not None:
        present = Hand.inserting if way == "insert" else Hand.tapping
        return present(chip, pin, stripe=card)
    ways = {"key": Hand.keying, "track 3": Hand.swiping_track_3}
    return ways.get(way, Hand.swiping)(card, pin)
