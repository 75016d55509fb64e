"""The machine room: a host that works in batches, on a disk that may fail, in a process that may die.

A process that dies takes with it what it had not committed and every connection; another one starts on the same disk,
with the time its own clock shows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

from posterm.host import Host
from posterm.host.events import Reply
from posterm.host.switch.port import Suspended
from posterm.iso8583 import Message
from posterm.runtime.errors import StoreError
from simulators.network import Fate, UnreliableLine
from simulators.world.clock import Clock, DriftingClock
from simulators.world.disks import WRITES_BEFORE_A_FAULT, HostDisk, PowerCut
from simulators.world.issuer_site import IssuerSite
from simulators.world.story import Story

BUSY_S_MAX: Final = 0.5
"""How long a batch may wait for the one before it; what arrives meanwhile goes into it."""

DOWN_S_MAX: Final = 60.0
SWEEP_S: Final = 4 * 3_600.0
OVERDUE_S: Final = 60.0
"""After a start, until what the process before has left waiting is given up."""


Errand: TypeAlias = Callable[[Host, datetime], Callable[[], None]]
"""What a customer does at the host on a telephone; it gives what to do once that is committed."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A connection to the host: at which terminal, what breaks when it does, and what an answer does to it."""

    terminal_id: str
    broken: Callable[[], None] = field(repr=False)
    answered: Callable[[bytes], None] = field(repr=False, default=lambda _frame: None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request that waited for its issuer."""

    suspended: Suspended
    answer: Message | None


Arrived: TypeAlias = bytes | Outcome | Errand


class HostSite:
    """The host's end of the line.

    Args:
        start: makes a host process on the disk.
        issuers: the issuer apart, where there is one.
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
        issuers: IssuerSite | None = None,
    ) -> None:
        self._clock = clock
        self._disk = disk
        self._line = line
        self._story = story
        self._random = randomness
        self._start = start
        self._issuers = issuers
        self._waiting: list[tuple[Caller, Arrived]] = []
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
        self._queue(caller, frame)

    def run(self, caller: Caller, errand: Errand) -> None:
        """Let a customer do something, in the next batch; nobody is reached while the host is down."""
        if self.up:
            self._queue(caller, errand)
        else:
            caller.broken()

    def sweep(self, until: Callable[[], bool]) -> None:
        """Release holds whose deadline has come, every so often until somebody says that it is over."""
        if self.up:
            with self._disk.batch():
                self.host.expire(self.now)
            self.give_up_overdue(self.now)
        if not until():
            self._clock.after(SWEEP_S, lambda: self.sweep(until))

    def give_up_overdue(self, now: datetime) -> None:
        """Take back what was asked for by a process that is no more."""
        if self.up and self._issuers is not None:
            with self._disk.batch():
                self.host.give_up_overdue(now)
            self._issuers.tell()

    def _queue(self, caller: Caller, arrived: Arrived) -> None:
        self._waiting.append((caller, arrived))
        if not self._scheduled:
            self._scheduled = True
            self._clock.after(self._random.uniform(0.0, BUSY_S_MAX), self._run_batch)

    def _handled(self, caller: Caller, arrived: Arrived) -> Callable[[], None]:
        """Let the host work on one thing of a batch. Returns: what to do once the batch is committed."""
        if isinstance(arrived, bytes):
            return partial(self._answer, caller, self.host.handle_all([arrived], self.now)[0])
        if isinstance(arrived, Outcome):
            return partial(self._answer, caller, self.host.resume(arrived.suspended, arrived.answer, self.now))
        try:
            return arrived(self.host, self.now)
        except StoreError:  # undone to its savepoint; the others of the batch stand
            return caller.broken

    def _resume(self, caller: Caller, host: Host, suspended: Suspended, answer: Message | None) -> None:
        """An issuer has answered, or not; whoever asked may be gone."""
        if self.up and host is self.host:
            self._queue(caller, Outcome(suspended, answer))

    def _run_batch(self) -> None:
        self._scheduled = False
        batch, self._waiting = self._waiting, []
        if not self.up:
            return
        dies_after = self._arm()
        try:
            with self._disk.batch():
                endings = [self._handled(caller, arrived) for caller, arrived in batch]
        except StoreError:
            self._break(batch, "cannot commit, and breaks the connection")
        except PowerCut:
            self._die(batch, "dies before its commit")
        else:
            if dies_after:
                self._die(batch, "dies after its commit, before its answer")
            else:
                for end in endings:
                    end()
                if self._issuers is not None:
                    self._issuers.tell()
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

    def _break(self, batch: list[tuple[Caller, Arrived]], why: str) -> None:
        for caller, arrived in batch:
            if isinstance(arrived, bytes):
                self._story.note(caller.terminal_id, "host", why, frame=arrived, enveloped=True)
            self._clock.after(0.0, caller.broken)

    def _die(self, batch: list[tuple[Caller, Arrived]], why: str) -> None:
        self._break(batch, why)
        self._break(self._waiting, why)
        self._waiting = []
        self.up = False
        if self._issuers is not None:
            self._issuers.hang_up()
        self._clock.after(self._random.uniform(1.0, DOWN_S_MAX), self._come_back)

    def _come_back(self) -> None:
        drift = self._line.faults.clock_drift_s_max
        self._wall_clock = DriftingClock(self._clock, self._random.uniform(-drift, drift))
        self.host = self._start()
        self.up = True
        if self._issuers is not None:
            self._issuers.connect()
            self._clock.after(OVERDUE_S, lambda: self.give_up_overdue(self.now))

    def _answer(self, caller: Caller, reply: Reply) -> None:
        for event in reply.events:
            self._story.note(caller.terminal_id, "host", event.name, event.details)
        if reply.frame is None:
            if reply.suspended is not None and self._issuers is not None:
                self._issuers.ask(reply.suspended, partial(self._resume, caller, self.host, reply.suspended))
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
