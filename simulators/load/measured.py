"""Latencies as HDR histograms: microseconds from 1 µs to 10 minutes, three significant digits, by second and in all.

Two latencies are kept of each answer. The one to read counts from the moment the request was to be sent: when a host
stalls, requests that had to wait for it show that wait, so nothing is left out (no coordinated omission). The other one
counts from the moment it was sent, and is what a closed loop would have shown.

Source: G. Tene, HdrHistogram; its Python port `hdrhistogram`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from simulators.load.errors import PartMissingError

LOWEST_US: Final = 1
HIGHEST_US: Final = 600_000_000
DIGITS: Final = 3
PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9, 100.0)


class Latencies:
    """One histogram; others can be added to it, from other processes too."""

    def __init__(self, encoded: bytes = b"") -> None:
        """Args: encoded: what `encode` of another one gave. Raises: PartMissingError."""
        try:
            from hdrh.histogram import HdrHistogram
        except ImportError:
            raise PartMissingError("hdrhistogram") from None
        self._histogram: Any = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        if encoded:
            self._histogram.decode_and_add(encoded)

    def record(self, seconds: float) -> None:
        """Count one answer."""
        self._histogram.record_value(min(max(int(seconds * 1e6), LOWEST_US), HIGHEST_US))

    def add(self, other: Latencies) -> None:
        """Count all that another one has counted."""
        self._histogram.add(other._histogram)

    def encode(self) -> bytes:
        """The histogram in few bytes."""
        encoded: bytes = self._histogram.encode()
        return encoded

    @property
    def count(self) -> int:
        return int(self._histogram.get_total_count())

    def at_ms(self, percentile: float) -> float:
        """The latency that so many percent of the answers did not exceed; 0 when there were none."""
        return float(self._histogram.get_value_at_percentile(percentile)) / 1000 if self.count else 0.0

    def percentiles_ms(self) -> dict[str, float]:
        """The usual ones by name, `p50` to `max`."""
        return {name_of(each): round(self.at_ms(each), 3) for each in PERCENTILES}


def name_of(percentile: float) -> str:
    """
    >>> name_of(99.9), name_of(100.0)
    ('p99.9', 'max')
    """
    return "max" if percentile == 100.0 else f"p{percentile:g}"


@dataclass(slots=True)
class Second:
    """What one second of a load was like; `at` counts from its start."""

    at: int
    due: int = 0
    """Requests that were to be sent."""
    answered: int = 0
    latencies: Latencies = field(default_factory=Latencies)
    """Of what was due in this second."""


@dataclass(slots=True)
class Measured:
    """All of a load, whoever sent it."""

    latencies: Latencies = field(default_factory=Latencies)
    """From when each request was to be sent."""
    since_sent: Latencies = field(default_factory=Latencies)
    """From when it was sent."""
    seconds: dict[int, Second] = field(default_factory=dict)

    def second(self, at: int) -> Second:
        found = self.seconds.get(at)
        if found is None:
            found = self.seconds[at] = Second(at)
        return found

    def answered(self, due_s: float, sent_s: float, now_s: float) -> None:
        """An answer has come. All in seconds from the start of the load."""
        self.latencies.record(now_s - due_s)
        self.since_sent.record(now_s - sent_s)
        self.second(int(due_s)).latencies.record(now_s - due_s)
        self.second(int(now_s)).answered += 1

    def pack(self) -> tuple[bytes, bytes, list[tuple[int, int, int, bytes]]]:
        """For the way from one process to another."""
        seconds = [(each.at, each.due, each.answered, each.latencies.encode()) for each in self.seconds.values()]
        return self.latencies.encode(), self.since_sent.encode(), seconds

    def add_packed(self, packed: tuple[bytes, bytes, Iterable[tuple[int, int, int, bytes]]]) -> None:
        """Add what another process has measured."""
        self.latencies.add(Latencies(packed[0]))
        self.since_sent.add(Latencies(packed[1]))
        for at, due, answered, encoded in packed[2]:
            second = self.second(at)
            second.due += due
            second.answered += answered
            second.latencies.add(Latencies(encoded))
