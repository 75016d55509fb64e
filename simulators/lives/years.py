"""Years of many merchants, from a seed: who applies, what they take, what they forget; and what each of them remembers.

What is remembered is what a merchant sees at its own counter: slips and refusals. `recount` holds the books to it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from posterm.merchant import RefusedError
from posterm.merchant.annual_fee import AnnualFee, pay_annual_fee
from posterm.merchant.eligibility import ApplicantType
from posterm.merchant.inspection import Findings, Inspection, submit_inspection
from posterm.merchant.limit_raise import ask_limit_raise, judge_limit_raise
from posterm.sensitive import Pan
from simulators.cards import TestCard, find_card
from simulators.lives.life import LOCATION, Life
from simulators.lives.paperwork import Person, photograph
from simulators.lives.town import REVIEWER, Town

MUCH: Final = 100_000_000_000
_EVERY_DAYS: Final = (7, 15, 30, 60)
"""How often merchants open."""

_LOOKS_EVERY_DAYS: Final = 5
"""How often a careful merchant looks at what is asked of it."""

_AMOUNTS: Final = (199, 1_850, 9_990, 10_000, 25_550, 49_999, 99_999, 100_000, 130_000, 480_000)


@dataclass(frozen=True, slots=True)
class Slip:
    """A sale as its merchant remembers it. `code` is what the slip or the screen said."""

    at: datetime
    card: str
    minor: int
    code: str


@dataclass(slots=True)
class Shop:
    """A merchant in trade: its life, its slips, and what it has paid beside."""

    life: Life
    opened_at: datetime
    every_days: int
    is_careful: bool
    slips: list[Slip] = field(default_factory=list)
    fees_paid_minor: int = 0
    raised_at: datetime | None = None

    @property
    def approved(self) -> list[Slip]:
        return [slip for slip in self.slips if slip.code == "00"]


class Years:
    """Many merchants' years.

    Args:
        seed: everything random comes from it.
        merchants: how many.
        days: how long they are watched, from the first morning.
    """

    def __init__(self, seed: int, merchants: int, days: int) -> None:
        self.town = Town(seed)
        self.randomness = random.Random(f"years {seed}")
        self.days = days
        self.shops: list[Shop] = []
        self._to_open = [Person(number) for number in range(1, merchants + 1)]
        self._cards = {name: _enrolled(self.town, name) for name in ("debit", "credit")}

    def run(self) -> None:
        """Let the years pass: merchants begin within the first quarter of them, a few each day."""
        town, first = self.town, self.town.now
        a_day = -(-len(self._to_open) // max(self.days // 4, 1))
        waiting: list[Life] = []
        for day in range(self.days):
            town.wait_until(first + timedelta(days=day))
            for life in [each for each in waiting if each.current_application.state == "WAIT_FOR_CONTACT"]:
                waiting.remove(life)
                self._open(life)
            waiting.extend(self._applied(person) for person in self._to_open[:a_day])
            del self._to_open[:a_day]
            for shop in self.shops:
                self._live(shop)
        town.wait(days=3)  # until the last day is cleared and paid

    def _applied(self, person: Person) -> Life:
        kind = self.randomness.choice((ApplicantType.MICRO, ApplicantType.INDIVIDUAL_BUSINESS))
        life = Life(self.town, person, kind)
        life.open_account()
        life.draft()
        life.submit()
        return life

    def _open(self, life: Life) -> None:
        """What the acquirer and the merchant do in one day: contract, device, binding, first sign-on."""
        life.sign()
        life.bind(life.send())
        life.show_face()
        life.take_into_use()
        every_days, is_careful = self.randomness.choice(_EVERY_DAYS), self.randomness.random() < 0.9
        self.shops.append(Shop(life, self.town.now, every_days, is_careful))

    def _live(self, shop: Shop) -> None:
        """A day of a shop: perhaps a sale or two, what is asked of it, a wish for higher limits."""
        town, life = self.town, shop.life
        if (town.now - shop.opened_at).days % shop.every_days == 0:
            for _ in range(self.randomness.choice((1, 1, 2))):
                self._sell(shop)
            self._close_batch(shop)
        if shop.is_careful and town.now.day % _LOOKS_EVERY_DAYS == 0:
            self._do_what_is_asked(shop)
        if town.now.day == 5 and life.applicant_type is ApplicantType.MICRO and shop.raised_at is None:
            try:
                asked = ask_limit_raise(town.office, life.actor, life.merchant.key, town.now)
            except RefusedError:
                return
            town.office.cabinet.put(asked.model_copy(update={"state": "UNDER_REVIEW", "due": ""}))
            judge_limit_raise(town.office, REVIEWER, asked.key, town.now, grant=True)
            shop.raised_at = town.now

    def _sell(self, shop: Shop) -> None:
        counter = shop.life.counter
        if counter is None:
            return
        name = self.randomness.choice(("debit", "credit"))
        minor = self.randomness.choice(_AMOUNTS)
        result = counter.sell(minor, self._cards[name])
        shop.slips.append(Slip(self.town.now, name, minor, result.code))

    @staticmethod
    def _close_batch(shop: Shop) -> None:
        """Now and then the merchant settles with the host, and signs on again."""
        counter = shop.life.counter
        if counter is not None and len(shop.slips) % 4 == 0 and counter.settle():
            counter.sign_on()

    def _do_what_is_asked(self, shop: Shop) -> None:
        town, life = self.town, shop.life
        cabinet = town.office.cabinet
        for fee in cabinet.find(AnnualFee, subject=life.account):
            if fee.state in ("REMINDED", "OVERDUE"):
                pay_annual_fee(town.office, life.actor, fee.key, town.now)
                shop.fees_paid_minor += fee.amount_minor
        for round_ in cabinet.find(Inspection, subject=life.account, state="DUE"):
            if round_.is_open:
                found = Findings(
                    serial=life.serial,
                    location=LOCATION,
                    software=life.device.software,
                    is_clean=True,
                    cable_is_whole=True,
                )
                picture = photograph(f"{life.person.number} {round_.key}")
                submit_inspection(town.office, life.actor, round_.key, found, picture, town.now)


def day_of(slip: Slip) -> date:
    """The clearing date of a sale before the cut-off."""
    return slip.at.date()


def _enrolled(town: Town, name: str) -> TestCard:
    """A card that never runs out of money, like the test card of that name."""
    like = find_card(name)
    if like is None:
        raise LookupError(f"no test card {name}")
    town.host.enrol_card(
        Pan(like.pan.reveal()),
        like.pin,
        kind=like.kind,
        balance=MUCH if like.kind == "debit" else 0,
        credit_line=MUCH if like.kind == "credit" else 0,
        at=town.now,
    )
    return like
