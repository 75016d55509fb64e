"""A line that misbehaves, from a seed: frames are lost, late, doubled or torn, connections are refused or broken.

A line decides; whoever runs the clock carries it out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities from 0 to 1, for each frame or connection; delays in seconds.

    `drop`, `duplicate` and `tear` apply to each direction on its own. A `late` frame takes longer than any terminal
    waits; it arrives all the same, when nobody expects it.
    """

    refuse: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    tear: float = 0.0
    delay_s_max: float = 2.0
    late_s_max: float = 300.0
    printer_fails: float = 0.0
    card_withdrawn: float = 0.0
    """For each command to a chip: the card is taken away just before it, and not put back."""
    power_cut: float = 0.0
    """For each effect of a terminal: power fails just before it."""

    @classmethod
    def none(cls) -> Faults:
        return cls(delay_s_max=0.1)


class Fate(Enum):
    """What becomes of one frame."""

    ARRIVES = "arrives"
    LOST = "lost"
    TORN = "torn"
    """The connection breaks in the middle of it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One way of a frame over the line: `arrivals` are delays in seconds, one for each copy."""

    fate: Fate
    arrivals: tuple[float, ...] = ()


class UnreliableLine:
    """Draws the fate of connections and frames.

    Args:
        timeout_s: how long a terminal waits; a late frame takes longer than that.
    """

    def __init__(self, randomness: random.Random, faults: Faults, timeout_s: float) -> None:
        self._random = randomness
        self.faults = faults
        self._timeout_s = timeout_s

    def refuses(self) -> bool:
        """Draw whether a connection comes about."""
        return self._random.random() < self.faults.refuse

    def passage(self) -> Passage:
        """Draw the fate of a frame in one direction."""
        faults, draw = self.faults, self._random.random
        if draw() < faults.drop:
            return Passage(Fate.LOST)
        if draw() < faults.tear:
            return Passage(Fate.TORN)
        copies = 2 if draw() < faults.duplicate else 1
        return Passage(Fate.ARRIVES, tuple(self._delay() for _ in range(copies)))

    def _delay(self) -> float:
        if self._random.random() < self.faults.late:
            return self._random.uniform(self._timeout_s, self._timeout_s + self.faults.late_s_max)
        return self._random.uniform(0.0, self.faults.delay_s_max)
