"""What goes wrong, and how often; and a line that misbehaves, from a seed.

Frames are lost, late, doubled, torn or overtaken by later ones, connections are refused or broken. A line decides;
whoever runs the clock carries it out.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from typing import Final, Self

from posterm.unionpay.envelope import TPDU_BYTES
from posterm.unionpay.header import HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities from 0 to 1, for each frame or connection; delays in seconds.

    `drop`, `duplicate` and `tear` apply to each direction on its own. A `late` frame takes longer than any terminal
    waits; it arrives all the same, when nobody expects it. Frames overtake each other as their delays have it.
    """

    refuse: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    tear: float = 0.0
    garble: float = 0.0
    """For each frame with a MAC in it: a bit of it is another one."""
    delay_s_max: float = 2.0
    late_s_max: float = 300.0
    printer_fails: float = 0.0
    card_withdrawn: float = 0.0
    """For each command to a chip: the card is taken away just before it, and not put back."""
    power_cut: float = 0.0
    """For each effect of a terminal, and for each commit: power fails just before the one, or after the other."""
    terminal_store_fails: float = 0.0
    """For each commit of a terminal: it fails, and the terminal has to be switched off and on."""
    host_store_fails: float = 0.0
    """For each batch of a host: its store fails at one of its writes, or when it commits."""
    host_crash: float = 0.0
    """For each batch of a host: the process dies at one of its writes, before its commit, or before its answers."""
    clock_drift_s_max: float = 0.0
    """How far the clocks of terminals and host are from the true time; a host has another one each time it starts."""

    @classmethod
    def none(cls) -> Faults:
        return cls(delay_s_max=0.1)

    @classmethod
    def parse(cls, text: str) -> Self:
        """A level by its name, or `drop=0.1,late=0.05`. Raises: ValueError: no such level or fault, or no number."""
        if text in LEVELS:
            return cls(**asdict(LEVELS[text]))
        values = dict(item.partition("=")[::2] for item in text.split(","))
        unknown = sorted(values.keys() - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"no fault {unknown[0]!r}")
        return cls(**{name: float(value) for name, value in values.items()})

    def __str__(self) -> str:
        """What `parse` takes."""
        plain = type(self)()
        named = next((name for name, level in LEVELS.items() if level == self), "")
        differing = (field.name for field in fields(self) if getattr(self, field.name) != getattr(plain, field.name))
        return named or ",".join(f"{name}={getattr(self, name):g}" for name in differing) or "delay_s_max=2"

    @classmethod
    def drawn(cls, randomness: random.Random) -> Faults:
        """Some of the faults of a rough day, each left out or up to three times as frequent: no two days are alike."""
        rough = LEVELS["rough"]
        drawn = {
            field.name: getattr(rough, field.name) * randomness.choice((0.0, 0.3, 1.0, 3.0))
            for field in fields(cls)
            if field.name not in ("delay_s_max", "late_s_max")
        }
        return replace(rough, delay_s_max=randomness.choice((0.1, 2.0, 50.0)), **drawn)


LEVELS: Final[Mapping[str, Faults]] = {
    "none": Faults.none(),
    "lossy": Faults(drop=0.08, duplicate=0.08, late=0.08),
    "rough": Faults(
        refuse=0.02,
        drop=0.05,
        duplicate=0.05,
        late=0.05,
        tear=0.03,
        garble=0.02,
        printer_fails=0.02,
        card_withdrawn=0.01,
        power_cut=0.001,
        terminal_store_fails=0.001,
        host_store_fails=0.01,
        host_crash=0.01,
        clock_drift_s_max=600.0,
    ),
}
"""Faults by the name of their level."""


_MACED: Final = frozenset(b"\x01\x02\x04")
"""First bytes of the types of message that carry a MAC: authorisation, financial, reversal."""


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
    garbled: bool = False

    def __str__(self) -> str:
        times = " and ".join(f"after {delay_s:.1f} s" for delay_s in self.arrivals)
        return f"{self.fate.value} {times}{' garbled' if self.garbled else ''}".replace("  ", " ").rstrip()


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
        return Passage(Fate.ARRIVES, tuple(self._delay() for _ in range(copies)), draw() < faults.garble)

    def carried(self, frame: bytes, passage: Passage) -> bytes:
        """What comes out at the other end. Frames of the link without a MAC are spared: nobody would notice.

        Args:
            frame: TPDU, header and message, without its length.
        """
        message = TPDU_BYTES + HEADER_BYTES
        if not passage.garbled or frame[message] not in _MACED:
            return frame
        place = self._random.randrange(message, len(frame))
        return frame[:place] + bytes((frame[place] ^ 1 << self._random.randrange(8),)) + frame[place + 1 :]

    def _delay(self) -> float:
        if self._random.random() < self.faults.late:
            return self._random.uniform(self._timeout_s, self._timeout_s + self.faults.late_s_max)
        return self._random.uniform(0.0, self.faults.delay_s_max)
