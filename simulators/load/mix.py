"""What is asked, with which reader, and when: drawn from a seed.

A mix is shares by name. A void or reversal needs an approved sale of the same terminal; as long as there is none, a
sale takes its place. Arrivals are independent of answers: the gaps are exponential (Poisson) or all the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from simulators.load.requests import Reader

DEEDS: Final = ("sale", "preauth", "balance", "void", "reversal")
READERS: Final = tuple(reader.value for reader in Reader)
USUAL_MIX: Final = {"sale": 80.0, "preauth": 5.0, "balance": 5.0, "void": 5.0, "reversal": 5.0}
USUAL_READERS: Final = {"swipe": 20.0, "chip": 30.0, "tap": 50.0}
AMOUNTS_MINOR: Final = (1_00, 200_00)
"""Drawn between these: under what needs a PIN at a tap, and far from the amounts that force an outcome."""

Arrivals = Literal["poisson", "constant"]


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of deeds and of readers; they need not add up to anything."""

    deeds: Mapping[str, float]
    readers: Mapping[str, float]


def parse_shares(text: str, known: tuple[str, ...]) -> dict[str, float]:
    """Shares written as `sale=80,void=20`.

    >>> parse_shares("swipe=1,tap=3", READERS)
    {'swipe': 1.0, 'tap': 3.0}

    Raises: ValueError: an unknown name, no number, or nothing above zero.
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        if name not in known:
            raise ValueError(f"need one of {', '.join(known)}, found {name!r}")
        try:
            shares[name] = float(number)
        except ValueError:
            raise ValueError(f"{name}: need a number, found {number!r}") from None
        if not 0 <= shares[name] < float("inf"):
            raise ValueError(f"{name}: need a share of 0 or more")
    if not any(shares.values()):
        raise ValueError("need a share above 0")
    return shares


@dataclass(frozen=True, slots=True)
class Draw:
    """What the next customer wants."""

    deed: str
    reader: Reader
    amount_minor: int


class Customers:
    """They come one after the other, for ever."""

    def __init__(self, mix: Mix, seed: str) -> None:
        self._random = random.Random(seed)
        self._deeds, self._deed_shares = tuple(mix.deeds), tuple(mix.deeds.values())
        self._readers, self._reader_shares = [Reader(name) for name in mix.readers], tuple(mix.readers.values())

    def next(self) -> Draw:
        deed = self._random.choices(self._deeds, self._deed_shares)[0]
        reader = self._random.choices(self._readers, self._reader_shares)[0]
        return Draw(deed, reader, self._random.randint(*AMOUNTS_MINOR))


def arrival_times(rate_per_s: float, arrivals: Arrivals, seed: str) -> Iterator[float]:
    """Seconds from the start, growing, at `rate_per_s` in the mean."""
    generator = random.Random(seed)
    at = 0.0
    while True:
        at += generator.expovariate(rate_per_s) if arrivals == "poisson" else 1.0 / rate_per_s
        yield at
