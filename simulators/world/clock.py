"""Time that nobody waits for: what is to happen, in its order, and clocks that are a little wrong."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

MORNING: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """The true time of a world, and its events to come."""

    elapsed_s: float = 0.0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list, repr=False)
    _numbers: itertools.count[int] = field(default_factory=itertools.count, repr=False)

    @property
    def now(self) -> datetime:
        return MORNING + timedelta(seconds=self.elapsed_s)

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        """Let something happen later; what is due at the same time happens in the order it was asked for."""
        heapq.heappush(self._events, (self.elapsed_s + seconds, next(self._numbers), happen))

    def run(self) -> None:
        """Let everything happen, until nothing is left to come."""
        while self._events:
            self.elapsed_s, _, happen = heapq.heappop(self._events)
            happen()


@dataclass(frozen=True, slots=True)
class DriftingClock:
    """A clock on somebody's wall: `offset_s` ahead, and `rate` seconds further ahead with every second."""

    true: Clock
    offset_s: float = 0.0
    rate: float = 0.0

    @property
    def now(self) -> datetime:
        elapsed_s = self.true.elapsed_s
        return MORNING + timedelta(seconds=elapsed_s * (1.0 + self.rate) + self.offset_s)
