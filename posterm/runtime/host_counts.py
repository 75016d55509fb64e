"""What a served host counts of itself, as plain numbers: cheap to count, read by whoever watches it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from posterm.host import EventName, HostEvent

BATCH_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the classes that the times of batches are counted in; one class more is for longer ones."""


@dataclass(slots=True)
class HostCounts:
    """Counted since the start of the process."""

    connections: int = 0
    """Connections taken in."""
    frames: int = 0
    answers: int = 0
    batches: int = 0
    largest_batch: int = 0
    batch_seconds: float = 0.0
    batches_by_time: list[int] = field(default_factory=lambda: [0] * (len(BATCH_SECONDS) + 1))
    events: Counter[str] = field(default_factory=Counter)
    declines: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By answer code, and the check that gave it."""

    def batch(self, frames: int, seconds: float) -> None:
        """A batch was kept: how many frames, and how long from the first of them to the end of the commit."""
        self.batches += 1
        self.frames += frames
        self.largest_batch = max(self.largest_batch, frames)
        self.batch_seconds += seconds
        self.batches_by_time[bisect_left(BATCH_SECONDS, seconds)] += 1

    def event(self, event: HostEvent) -> None:
        """The host told of something."""
        self.events[event.name.value] += 1
        if event.name is EventName.DECLINED:
            self.declines[event.details.get("code", ""), event.details.get("check", "")] += 1
