"""The machine room: a host that works in batches, on a disk that may fail, in a process that may die.

A process that dies takes with it what it had not committed and every connection; another one starts on the same disk,
with the time its own clock shows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from posterm.errors import PostermError
from posterm.host import Host
from posterm.host.events import Reply
from posterm.runtime.errors import StoreError
from simulators.network import Fate, UnreliableLine
from simulators.world.clock import Clock, DriftingClock
from simulators.world.disks import WRITES_BEFORE_A_FAULT, HostDisk, PowerCut
from simulators.world.story import Story

BUSY_S_MAX: Final = 0.5
"""How long a batch may wait for the one before it; what arrives meanwhile goes into it."""

DOWN_S_MAX: Final = 60.0
SWEEP_S: Final = 4 * 3_600.0


@dataclass(frozen=True, slots=True)
class Caller:
    """A connection to the host: whose it is, what an answer does to it, and what a broken connection does."""

    terminal_id: str
    answered: Callable[[bytes], None] = field(repr=False)
    broken: Callable[[], None] = field(repr=False)


class HostSite:
    """The host's end of the line.

    Args:
        start: makes a host process on the disk.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        disk: HostDisk,
        line: UnreliableLine,
        story: Story,
        randomness: random.Random,
        start: Callable[[], Host],
    ) -> None:
        self._clock = clock
        self._disk = disk
        self._line = line
        self._story = story
        self._random = randomness
        self._start = start
        self._waiting: list[tuple[Caller, bytes]] = []
        self._scheduled = False
        self.up = True
        self.host = start()
        self._wall_clock = DriftingClock(clock)

    @property
    def now(self) -> datetime:
        """What the host takes for the time."""
        return self._wall_clock.now

    def arrive(self, caller: Caller, frame: bytes) -> None:
        """A whole frame has come: into the next batch, or into nothing when nobody is there."""
        if not self.up:
            self._story.note(caller.terminal_id, "host", "is down", frame=frame, enveloped=True)
            caller.broken()
            return
        self._waiting.append((caller, frame))
        if not self._scheduled:
            self._scheduled = True
            self._clock.after(self._random.uniform(0.0, BUSY_S_MAX), self._run_batch)

    def sweep(self, until: Callable[[], bool]) -> None:
        """Release holds whose deadline has come, every so often until somebody says that it is over."""
        if self.up:
            with self._disk.batch():
                self.host.expire(self.now)
        if not until():
            self._clock.after(SWEEP_S, lambda: self.sweep(until))

    def _run_batch(self) -> None:
        self._scheduled = False
        batch, self._waiting = self._waiting, []
        if not self.up:
            return
        dies_after = self._arm()
        try:
            with self._disk.batch():
                replies = [(caller, self.host.handle(frame, self.now)) for caller, frame in batch]
        except PostermError:
            self._break(batch, "cannot commit, and breaks the connection")
        except PowerCut:
            self._die(batch, "dies before its commit")
        else:
            if dies_after:
                self._die(batch, "dies after its commit, before its answer")
            else:
                for caller, reply in replies:
                    self._answer(caller, reply)
        finally:
            self._disk.arm(None)

    def _arm(self) -> bool:
        """Draw what goes wrong in this batch. Returns: whether the process dies between commit and answers."""
        faults, draw = self._line.faults, self._random
        writes = draw.randrange(WRITES_BEFORE_A_FAULT)
        if draw.random() < faults.host_store_fails:
            self._disk.arm(StoreError("the simulated disk is full"), writes)
        elif draw.random() < faults.host_crash:
            if draw.random() < 0.5:
                return True
            self._disk.arm(PowerCut(), writes)
        return False

    def _break(self, batch: list[tuple[Caller, bytes]], why: str) -> None:
        for caller, frame in batch:
            self._story.note(caller.terminal_id, "host", why, frame=frame, enveloped=True)
            self._clock.after(0.0, caller.broken)

    def _die(self, batch: list[tuple[Caller, bytes]], why: str) -> None:
        self._break(batch, why)
        self._break(self._waiting, why)
        self._waiting = []
        self.up = False
        self._clock.after(self._random.uniform(1.0, DOWN_S_MAX), self._come_back)

    def _come_back(self) -> None:
        drift = self._line.faults.clock_drift_s_max
        self._wall_clock = DriftingClock(self._clock, self._random.uniform(-drift, drift))
        self.host = self._start()
        self.up = True

    def _answer(self, caller: Caller, reply: Reply) -> None:
        for event in reply.events:
            self._story.note(caller.terminal_id, "host", event.name, event.details)
        if reply.frame is None:
            if reply.close:
                caller.broken()
            return
        passage = self._line.passage()
        answer = self._line.carried(reply.frame, passage)
        self._story.note(caller.terminal_id, "line", "answer", frame=answer, enveloped=True, passage=passage)
        if passage.fate is Fate.TORN:
            self._clock.after(0.0, caller.broken)
        for delay in passage.arrivals:
            self._clock.after(reply.delay_s + delay, lambda: caller.answered(answer))
