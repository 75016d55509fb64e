"""Serve a host over TCP: many connections, one loop, one commit for all that has arrived.

Frames are collected until the loop has read every connection that is ready, then handled in one `store.batch()`;
answers leave after the commit. When the commit fails nothing is answered and the connections are closed: a terminal
that hears nothing reverses, one that hears an approval that was not kept would not. A batch that lost a race against
another host on the same store is handled again before anybody is answered.

What a peer can use up is bounded: connections, frame size, frames waiting, unread answers, time for a frame and time
without one. When no connection is left, a new one takes the place of the oldest that has not proved to be a terminal
the host knows, so whoever only fills the places does not keep terminals out.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final

from posterm.errors import PostermError
from posterm.host import EventName, Host, HostEvent, HostStore, Reply
from posterm.host.switch.port import Suspended
from posterm.iso8583 import Message
from posterm.runtime import clock
from posterm.runtime.errors import ListenError
from posterm.runtime.file_limit import room_for_connections
from posterm.runtime.garbage import collected_when_idle
from posterm.runtime.host_connection import READ_BYTES, HostConnection
from posterm.runtime.host_counts import HostCounts
from posterm.runtime.issuer_links import IssuerAddress, IssuerLine, IssuerLinks
from posterm.runtime.store.retry import in_batch
from posterm.unionpay.profile import AcquirerProfile

FRAMES_PER_BATCH: Final = 512
FRAMES_WAITING: Final = 8192
"""Frames of all connections together that may wait for a batch."""

SOCKET_BYTES: Final = 131_072
"""What the kernel may keep of a connection each way."""

FAREWELL_S: Final = 5.0
"""How long a peer has to take its last answers once its connection is being closed."""


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """Something about the service itself: a connection refused, broken or idle, a commit that failed."""

    name: str
    details: Mapping[str, str]


Listener = Callable[[HostEvent | ServiceEvent, str], None]
"""Called with an event and the peer it concerns."""


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What peers may use up.

    connections: open at once; a further one takes the place of one that proved to be no terminal yet, or is closed.
    idle_timeout_s: a connection that sends no whole frame for this long is closed.
    frame_timeout_s: and one that takes longer than this for a frame.
    """

    connections: int = 4096
    idle_timeout_s: float = 120.0
    frame_timeout_s: float = 10.0

    @property
    def taken_in_at_once(self) -> int:
        """How many connections the loop takes in before it reads again: so few that they cannot displace one that has
        just been made before its request is read.
        """
        return max(1, min(1024, self.connections // 8))

    @property
    def sweep_s(self) -> float:
        """How often connections are looked at."""
        return min(self.idle_timeout_s, self.frame_timeout_s, FAREWELL_S) / 4


class State(StrEnum):
    """Where a service stands."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request that waited for its issuer; None for no answer."""

    suspended: Suspended
    answer: Message | None


class HostService:
    """A host on a TCP port.

    Args:
        listen: told of every event; it must not block, nor raise.
        issuers: where the host's issuers over the network are.
        now: the host's local time, which may be ahead of the time of day.
    """

    def __init__(
        self,
        host: Host,
        store: HostStore,
        profile: AcquirerProfile,
        listen: Listener,
        *,
        limits: ServiceLimits | None = None,
        issuers: Iterable[IssuerAddress] = (),
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.host = host
        self._now = now
        self.profile = profile
        self.listen = listen
        self.limits = limits or ServiceLimits()
        self.counts = HostCounts()
        self.state = State.STARTING
        self.store_fault = ""
        """Why the last commit failed; empty when it did not."""
        self.links = IssuerLinks(
            IssuerLine(where, lambda: self.host, store, host.acquirer_id, self._tell_service, self._show)
            for where in issuers
        )
        self.read_buffer = memoryview(bytearray(READ_BYTES))
        self._store = store
        self._unproven: dict[HostConnection, None] = {}
        self._proven: set[HostConnection] = set()
        self._leaving: dict[HostConnection, float] = {}
        self._waiting: deque[tuple[HostConnection, bytes | Outcome]] = deque()
        self._held: dict[HostConnection, None] = {}
        self._scheduled = False
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._unproven) + len(self._proven)

    @property
    def frames_waiting(self) -> int:
        """How many frames wait for their batch."""
        return len(self._waiting)

    async def start(self, address: str, port: int) -> int:
        """Listen. `port` 0 takes a free one. Returns: the port. Raises: ListenError."""
        loop = asyncio.get_running_loop()
        self._make_room_for_limits()
        try:
            self._server = await loop.create_server(
                lambda: HostConnection(self), address, port, backlog=self.limits.taken_in_at_once
            )
        except OSError as error:
            raise ListenError(
                f"cannot listen on {address}:{port}: {error.strerror}", hint="is another host running there?"
            ) from None
        for listening in self._server.sockets:
            # Connections inherit it. Else the kernel would keep megabytes for a peer that does not take its answers.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
        self.links.start()
        self._sweep()
        self.state = State.READY
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def reconfigure(self, host: Host, profile: AcquirerProfile, limits: ServiceLimits) -> None:
        """Go on with another host over the same store. Open connections keep the framing they were opened with."""
        self.host, self.profile, self.limits = host, profile, limits
        self._make_room_for_limits()

    async def stop(self) -> None:
        """Take no more connections, answer what has arrived, then close."""
        self.state = State.STOPPING
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for _ in range(3):
            await asyncio.sleep(0)  # what lies in the sockets by now is read
        while self._waiting:
            self._run_batch()
        await self.links.stop()
        while self._waiting:
            self._run_batch()
        for connection in (*self._unproven, *self._proven):
            connection.close()
        try:
            async with asyncio.timeout(FAREWELL_S):
                while self._leaving:
                    await asyncio.sleep(FAREWELL_S / 500)
        except TimeoutError:
            for connection in tuple(self._leaving):
                connection.abort()
        if self._server is not None:
            await self._server.wait_closed()

    def reload(self, work: Callable[[], None]) -> None:
        """Do what takes up a changed configuration; when it cannot be taken up, say why and go on as before."""
        try:
            work()
        except PostermError as error:
            self._tell_service("reload-refused", {"why": str(error)} | ({"hint": error.hint} if error.hint else {}))
        else:
            self._tell_service("reloaded", {})

    # --- called by connections ---

    def admit(self, connection: HostConnection) -> bool:
        """Take a new connection in, or refuse it."""
        if self.connections + len(self._leaving) >= self.limits.connections and not self._displace_one():
            self.tell("connection-refused", connection, {"limit": str(self.limits.connections)})
            return False
        self.counts.connections += 1
        self._unproven[connection] = None
        return True

    def proved(self, connection: HostConnection) -> None:
        del self._unproven[connection]
        self._proven.add(connection)

    def leaving(self, connection: HostConnection) -> None:
        self.gone(connection)
        self._leaving[connection] = asyncio.get_running_loop().time() + FAREWELL_S

    def gone(self, connection: HostConnection) -> None:
        self._unproven.pop(connection, None)
        self._proven.discard(connection)
        self._leaving.pop(connection, None)
        self._held.pop(connection, None)

    def queue(self, connection: HostConnection, frame: bytes) -> bool:
        """Queue a frame for the next batch, which runs once the loop has read everybody."""
        if len(self._waiting) >= FRAMES_WAITING:
            self._held[connection] = None
            return False
        self._waiting.append((connection, frame))
        self._schedule()
        return True

    def tell(self, name: str, connection: HostConnection, details: Mapping[str, str]) -> None:
        self._tell_service(name, details, connection.peer)

    def _tell_service(self, name: str, details: Mapping[str, str], peer: str = "") -> None:
        self.counts.events[name] += 1
        self.listen(ServiceEvent(name, details), peer)

    def _displace_one(self) -> bool:
        """Close the connection that can best be spared: one being closed, else the oldest not proven."""
        for pool in (self._leaving, self._unproven):
            for connection in pool:
                if pool is self._unproven:
                    self.tell("connection-displaced", connection, {})
                connection.abort()
                return True
        return False

    # --- batches ---

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run_batch)

    def _run_batch(self) -> None:
        self._scheduled = False
        waiting = self._waiting
        batch = [waiting.popleft() for _ in range(min(len(waiting), FRAMES_PER_BATCH))]
        now = self._now()
        timer = asyncio.get_running_loop().time
        started = timer()
        try:
            replies = in_batch(self._store, lambda: self._handled([arrived for _, arrived in batch], now))
        except PostermError as error:
            self.store_fault = str(error)
            for connection in {connection for connection, _ in batch}:
                self.tell("commit-failed", connection, {"why": str(error)})
                connection.close()
        else:
            self.store_fault = ""
            self.counts.batch(len(batch), timer() - started)
            for (connection, _), reply in zip(batch, replies, strict=True):
                self.counts.answers += reply.frame is not None
                if reply.suspended is None:
                    connection.answer(reply)
                else:
                    self.links.ask(reply.suspended, partial(self._resume, connection))
                for event in reply.events:
                    self._show(event, connection.peer)
        self._take_held()
        if self._waiting:
            self._schedule()

    def _handled(self, batch: Sequence[bytes | Outcome], now: datetime) -> list[Reply]:
        """What each of a batch gets, in order: frames side by side together, outcomes one by one."""
        replies: list[Reply] = []
        frames: list[bytes] = []
        for arrived in batch:
            if isinstance(arrived, bytes):
                frames.append(arrived)
                continue
            replies += self.host.handle_all(frames, now)
            frames = []
            replies.append(self.host.resume(arrived.suspended, arrived.answer, now))
        return replies + self.host.handle_all(frames, now)

    def _resume(self, connection: HostConnection, suspended: Suspended, answer: Message | None) -> None:
        """An issuer has answered, or not: on with its request in the next batch."""
        self._waiting.append((connection, Outcome(suspended, answer)))
        self._schedule()

    def _show(self, event: HostEvent, peer: str = "") -> None:
        self.counts.event(event)
        if event.name is EventName.FORWARD_QUEUED:
            self.links.wake(event.details["issuer"])
        self.listen(event, peer)

    def _take_held(self) -> None:
        """Let connections go on whose frames found no room."""
        while self._held and len(self._waiting) < FRAMES_WAITING:
            connection = next(iter(self._held))
            del self._held[connection]
            connection.submit()

    # --- from time to time ---

    def _make_room_for_limits(self) -> None:
        room = room_for_connections(self.limits.connections)
        if room < self.limits.connections:
            self._tell_service("few-files", {"connections": str(self.limits.connections), "room": str(room)})
            self.limits = ServiceLimits(room, self.limits.idle_timeout_s, self.limits.frame_timeout_s)

    def _sweep(self) -> None:
        """Release what has expired, and close connections that are idle or slow."""
        self._release_expired()
        if self.links.lines:
            self._give_up_overdue()
        loop = asyncio.get_running_loop()
        now = loop.time()
        idle, slow = now - self.limits.idle_timeout_s, now - self.limits.frame_timeout_s
        for connection in (*self._unproven, *self._proven):
            if event := connection.overdue(idle, slow):
                self.tell(event, connection, {})
                connection.abort()
        for connection in [each for each, until in self._leaving.items() if until < now]:
            connection.abort()
        self._sweeper = loop.call_later(self.limits.sweep_s, self._sweep)

    def _release_expired(self) -> None:
        now = self._now()
        try:
            released = in_batch(self._store, lambda: self.host.expire(now))
        except PostermError as error:
            self.store_fault = str(error)
            self._tell_service("expiry-failed", {"why": str(error)})
            return
        self.store_fault = ""
        if released:
            self._tell_service("holds-expired", {"holds": str(released)})

    def _give_up_overdue(self) -> None:
        """Give up what waits for an issuer and should not any more, and deliver what it must have: of a host that died,
        on the same store.
        """
        now = self._now()
        try:
            events = in_batch(self._store, lambda: self.host.give_up_overdue(now))
        except PostermError as error:
            self.store_fault = str(error)
            self._tell_service("give-up-failed", {"why": str(error)})
            return
        for event in events:
            self._show(event)
        for name in self.links.lines:
            self.links.wake(name)


async def serve_until(
    service: HostService,
    address: str,
    port: int,
    *,
    ready: Callable[[int], None],
    reload: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then stop gracefully.

    Args:
        ready: called with the port.
        reload: takes up a changed configuration, at SIGHUP; it raises `PostermError`s and then has changed nothing.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, service.reload, reload)
    ready(await service.start(address, port))
    async with collected_when_idle(lambda: service.counts.frames):
        await stopping.wait()
    await service.stop()
