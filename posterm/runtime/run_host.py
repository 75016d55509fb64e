"""Serve a host over TCP: many connections, one loop, one commit for all that has arrived.

Frames are collected until the loop has read every connection that is ready, then handled in one `store.batch()`;
answers leave after the commit. When the commit fails nothing is answered and the connections are closed: a terminal
that hears nothing reverses, one that hears an approval that was not kept would not. A batch that lost a race against
another host on the same store is handled again before anybody is answered.

What a peer can use up is bounded: connections, frame size, frames waiting, unread answers, and time without a frame.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass

from posterm.errors import PostermError
from posterm.host import Host, HostEvent, HostStore, Reply
from posterm.iso8583 import FramingError
from posterm.runtime import clock
from posterm.runtime.channel import server_channel
from posterm.runtime.errors import ListenError
from posterm.runtime.store.retry import in_batch
from posterm.unionpay.profile import AcquirerProfile

FRAMES_PER_BATCH = 512
FRAMES_WAITING_PER_CONNECTION = 64


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """Something about the service itself: a connection refused, broken or idle, a commit that failed."""

    name: str
    details: dict[str, str]


Listener = Callable[[HostEvent | ServiceEvent, str], None]
"""Called with an event and the peer it concerns."""


class HostService:
    """A host on a TCP port.

    Args:
        listen: told of every event; it must not block.
        connections_max: further connections are closed at once.
        idle_timeout_s: a connection that sends no whole frame for this long is closed.
    """

    def __init__(
        self,
        host: Host,
        store: HostStore,
        profile: AcquirerProfile,
        listen: Listener,
        *,
        connections_max: int = 4096,
        idle_timeout_s: float = 120.0,
    ) -> None:
        self.host = host
        self.profile = profile
        self.listen = listen
        self.connections_max = connections_max
        self.idle_timeout_s = idle_timeout_s
        self._store = store
        self._connections: set[_Connection] = set()
        self._waiting: list[tuple[_Connection, bytes]] = []
        self._scheduled = False
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, address: str, port: int) -> int:
        """Listen. `port` 0 takes a free one. Returns: the port. Raises: ListenError."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self), address, port, backlog=1024)
        except OSError as error:
            raise ListenError(
                f"cannot listen on {address}:{port}: {error.strerror}", hint="is another host running there?"
            ) from None
        self._sweep()
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Take no more connections, answer what has arrived, then close."""
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        while self._waiting:
            self._run_batch()
        for connection in list(self._connections):
            connection.close()
        if self._server is not None:
            await self._server.wait_closed()

    # --- called by connections ---

    def admit(self, connection: _Connection) -> bool:
        """Take a new connection in, or refuse it."""
        if len(self._connections) >= self.connections_max:
            self.tell("connection-refused", connection, limit=str(self.connections_max))
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: _Connection) -> None:
        self._connections.discard(connection)

    def arrived(self, connection: _Connection, frame: bytes) -> None:
        """Queue a frame for the next batch, which runs once the loop has read everybody."""
        self._waiting.append((connection, frame))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run_batch)

    def tell(self, name: str, connection: _Connection, **details: str) -> None:
        self.listen(ServiceEvent(name, details), connection.peer)

    # --- batches ---

    def _run_batch(self) -> None:
        self._scheduled = False
        batch, self._waiting = self._waiting[:FRAMES_PER_BATCH], self._waiting[FRAMES_PER_BATCH:]
        now = clock.now()
        try:
            replies = in_batch(
                self._store, lambda: [(connection, self.host.handle(frame, now)) for connection, frame in batch]
            )
        except PostermError as error:
            for connection in {connection for connection, _ in batch}:
                self.tell("commit-failed", connection, why=str(error))
                connection.close()
        else:
            for connection, reply in replies:
                for event in reply.events:
                    self.listen(event, connection.peer)
                connection.answer(reply)
        if self._waiting and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run_batch)

    def _sweep(self) -> None:
        """Close idle connections and release what has expired, every quarter of the idle time."""
        self._release_expired()
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self.idle_timeout_s
        for connection in [each for each in self._connections if each.last_frame_at < oldest]:
            self.tell("connection-idle", connection)
            connection.close()
        self._sweeper = loop.call_later(self.idle_timeout_s / 4, self._sweep)

    def _release_expired(self) -> None:
        now = clock.now()
        try:
            released = in_batch(self._store, lambda: self.host.expire(now))
        except PostermError as error:
            self.listen(ServiceEvent("expiry-failed", {"why": str(error)}), "")
            return
        if released:
            self.listen(ServiceEvent("holds-expired", {"holds": str(released)}), "")


class _Connection(asyncio.Protocol):
    """One peer: bytes in, frames to the service, answers out."""

    def __init__(self, service: HostService) -> None:
        self._service = service
        self._channel = server_channel(service.profile)
        self._transport: asyncio.Transport | None = None
        self._in_flight = 0
        self._writable = True
        self._ended = False
        self.peer = ""
        self.last_frame_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # create_server makes asyncio.Transport
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        self.last_frame_at = asyncio.get_running_loop().time()
        if not self._service.admit(self):
            self.close()

    def eof_received(self) -> bool:
        """The peer will send no more; its last frame may be whole only now, and is still answered."""
        self.data_received(b"")
        self._ended = True
        return self._in_flight > 0

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._channel.receive(data)
        except FramingError as error:
            self._service.tell("not-framed", self, why=str(error))
            self.close()
            return
        for frame in frames:
            if self._transport is None:
                return
            self.last_frame_at = asyncio.get_running_loop().time()
            self._in_flight += 1
            self._service.arrived(self, frame)
        self._flow_control()

    def answer(self, reply: Reply) -> None:
        """Send an answer, late or torn when the reply says so."""
        self._in_flight -= 1
        if reply.delay_s > 0:
            asyncio.get_running_loop().call_later(reply.delay_s, self._send, reply)
        else:
            self._send(reply)
        self._flow_control()

    def _send(self, reply: Reply) -> None:
        if self._transport is None:
            return
        if reply.frame is not None:
            wire = self._channel.send(reply.frame)
            self._transport.write(wire if reply.tear_after is None else wire[: reply.tear_after])
        if reply.close or self._channel.closes_after_sending or (self._ended and not self._in_flight):
            self.close()

    def _flow_control(self) -> None:
        """Read no further from a peer that has much unanswered or does not take its answers."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._in_flight < FRAMES_WAITING_PER_CONNECTION and self._writable:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._writable = False
        self._flow_control()

    def resume_writing(self) -> None:
        self._writable = True
        self._flow_control()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is None:
            return  # closed from this side, and told why
        if exc is not None:
            self._service.tell("connection-broken", self, why=str(exc))
        elif self._channel.unread:
            self._service.tell("connection-torn", self, unread=str(self._channel.unread))
        self._transport = None
        self._service.forget(self)

    def close(self) -> None:
        """Close after what is written has gone out."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        self._service.forget(self)


async def serve_until(service: HostService, address: str, port: int, *, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT, then stop gracefully. `ready` is called with the port."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    ready(await service.start(address, port))
    await stopping.wait()
    await service.stop()
