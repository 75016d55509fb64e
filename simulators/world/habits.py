"""What a terminal's people do all day, and how often: the mix of transactions, cards and ways to present them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

DEEDS: Final[Mapping[str, float]] = {
    "sale": 40,
    "void": 9,
    "refund": 6,
    "refund-by-slip": 2,
    "preauth": 10,
    "add": 3,
    "complete": 7,
    "notice": 3,
    "void-preauth": 3,
    "void-complete": 3,
    "balance": 5,
    "offline": 6,
    "tip": 5,
    "settle": 1.2,
    "pay-code": 6,
    "show-code": 3,
    "void-code": 2,
    "refund-code": 2,
    "query-code": 1,
}
"""What the people do, by weight."""

WAYS: Final[Mapping[str, int]] = {"insert": 3, "tap": 2, "swipe": 70, "key": 20, "track 3": 5}
"""How a card is presented, by weight. A chip costs the time of ten stripes, so there are few."""

CHIP_WAYS: Final[Mapping[str, int]] = {"insert": 30, "tap": 20, "swipe": 35, "key": 10, "track 3": 5}
"""The same for a shop where half of the customers have chips."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Weights of deeds and ways, and probabilities for each transaction."""

    deeds: Mapping[str, float] = field(default_factory=lambda: DEEDS)
    ways: Mapping[str, float] = field(default_factory=lambda: WAYS)
    bad_card: float = 0.1
    """A card that its issuer refuses, or that has too little."""
    wrong_pin: float = 0.03
    patience: tuple[int, ...] = (1, 3, 12)
    """How often the terminal may ask for a payment by a code before the cashier stops it."""
    closed_for_days: float = 0.003
    """The shop closes for up to `closed_days_max` days after a transaction."""
    closed_days_max: float = 40.0
    plan: str = "standard"
    """The merchant's terms, by name; those called `micro` have tight limits."""

    @classmethod
    def drawn(cls, randomness: random.Random) -> Habits:
        """Some deeds left out or up to three times as frequent."""
        deeds = {name: weight * randomness.choice((0.0, 0.5, 1.0, 1.0, 3.0)) for name, weight in DEEDS.items()}
        closed = randomness.choice((0.0, 0.003, 0.01))
        plan = randomness.choice(("standard", "standard", "standard", "micro"))
        return cls(deeds={**deeds, "sale": DEEDS["sale"]}, closed_for_days=closed, plan=plan)

    def deed(self, randomness: random.Random) -> str:
        """Draw what is done next."""
        return randomness.choices(tuple(self.deeds), tuple(self.deeds.values()))[0]

    def way(self, randomness: random.Random) -> str:
        """Draw how the card is presented."""
        return randomness.choices(tuple(self.ways), tuple(self.ways.values()))[0]
