"""Serve an HSM over TCP or TLS: every command that has arrived is answered, then one write.

Each connection has a session of the core, which takes bytes and gives bytes; nothing is queued between the two, so the
answers of a connection are in the order of its requests and one client's pipeline cannot fill the server's memory.

What a peer can use up is bounded: connections, bytes without a whole message, unread answers, and time without a
message or without a handshake.

Left out: several worker processes; the HSM's state belongs to one.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from posterm.errors import PostermError
from posterm.runtime.errors import ListenError

UNREAD_BYTES_MAX: Final = 1 << 18
"""Answers a peer may leave unread before it is read no further."""

_HANDSHAKE_S: Final = 10.0
_FAREWELL_S: Final = 5.0
"""How long peers have to take their last answers when the server stops."""


class Session(Protocol):
    """One connection in the core: bytes in, bytes out."""

    @property
    def ended(self) -> PostermError | None:
        """Why nothing more is read; None while it goes on."""

    def receive(self, data: bytes) -> bytes:
        """The answers to every message that is whole now."""

    @property
    def is_between_messages(self) -> bool:
        """True when nothing of an unfinished message is waiting."""


@dataclass(frozen=True, slots=True)
class HsmServerEvent:
    """Something about a connection: opened, refused, closed, idle, or bytes that are no frame."""

    name: str
    details: dict[str, str]


Listener = Callable[[HsmServerEvent, str], None]
"""Called with an event and the peer it concerns."""


class HsmServer:
    """HSM sessions on a TCP port.

    Args:
        session: makes the session of a new connection; called with the client's name: that in its certificate, or its
            address.
        listen: told of every event; it must not block.
        tls: the server's side of TLS; None for TCP in the clear.
        connections_max: further connections are closed at once.
        idle_timeout_s: a connection that has no message answered for this long is closed.
    """

    def __init__(
        self,
        session: Callable[[str], Session],
        listen: Listener,
        *,
        tls: ssl.SSLContext | None = None,
        connections_max: int = 1024,
        idle_timeout_s: float = 600.0,
    ) -> None:
        self.make_session = session
        self.listen = listen
        self.connections_max = connections_max
        self.idle_timeout_s = idle_timeout_s
        self._tls = tls
        self._connections: set[_Connection] = set()
        self._closing: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def start(self, address: str, port: int) -> int:
        """Listen. `port` 0 takes a free one. Returns: the port. Raises: ListenError."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Connection(self),
                address,
                port,
                backlog=1024,
                ssl=self._tls,
                ssl_handshake_timeout=_HANDSHAKE_S if self._tls else None,
            )
        except OSError as error:
            raise ListenError(
                f"cannot listen on {address}:{port}: {error.strerror}", hint="is another HSM running there?"
            ) from None
        self._sweep()
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Take no more connections; what has arrived is answered already, and is sent before each is closed."""
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._connections):
            connection.close()
        try:
            async with asyncio.timeout(_FAREWELL_S):
                while self._closing:
                    await asyncio.sleep(_FAREWELL_S / 100)
        except TimeoutError:
            for transport in list(self._closing):
                transport.abort()
        if self._server is not None:
            await self._server.wait_closed()

    # --- called by connections ---

    def admit(self, connection: _Connection) -> bool:
        """Take a new connection in, or refuse it."""
        if len(self._connections) >= self.connections_max:
            self.tell("connection-refused", connection, limit=str(self.connections_max))
            return False
        self._connections.add(connection)
        self.tell("connection-opened", connection, **connection.certificate)
        return True

    def leaving(self, connection: _Connection, transport: asyncio.Transport) -> None:
        """A connection is being closed from this side."""
        self._connections.discard(connection)
        self._closing.add(transport)

    def gone(self, connection: _Connection, transport: asyncio.Transport) -> None:
        """A connection is closed."""
        self._connections.discard(connection)
        self._closing.discard(transport)

    def tell(self, name: str, connection: _Connection, **details: str) -> None:
        self.listen(HsmServerEvent(name, details), connection.peer)

    def _sweep(self) -> None:
        """Close idle connections, every quarter of the idle time."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self.idle_timeout_s
        for connection in [each for each in self._connections if each.last_answer_at < oldest]:
            self.tell("connection-idle", connection)
            connection.abort()
        self._sweeper = loop.call_later(self.idle_timeout_s / 4, self._sweep)


class _Connection(asyncio.Protocol):
    """One peer: bytes to its session, answers out."""

    def __init__(self, server: HsmServer) -> None:
        self._server = server
        self._transport: asyncio.Transport
        self._session: Session | None = None
        self._time = asyncio.get_running_loop().time
        self.peer = ""
        self.last_answer_at = 0.0

    @property
    def certificate(self) -> dict[str, str]:
        """The name in the client's certificate, when it showed one."""
        shown = self._transport.get_extra_info("peercert")
        names = dict(pair for part in (shown or {}).get("subject", ()) for pair in part)
        return {"client": names["commonName"]} if "commonName" in names else {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # create_server makes asyncio.Transport
        self._transport.set_write_buffer_limits(high=UNREAD_BYTES_MAX)
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        self.last_answer_at = self._time()
        if self._server.admit(self):
            self._session = self._server.make_session(self.certificate.get("client", host))
        else:
            self.close()

    def data_received(self, data: bytes) -> None:
        session = self._session
        if session is None:
            return  # refused or closing; what still comes is not read
        try:
            answers = session.receive(data)
        except PostermError as error:
            # The state on disk cannot be written: nothing is answered that was not kept.
            self._server.tell("command-failed", self, why=str(error))
            self.close()
            return
        if answers:
            self.last_answer_at = self._time()
            self._transport.write(answers)
        if session.ended is not None:
            self._server.tell("not-framed", self, why=str(session.ended))
            self.close()

    def pause_writing(self) -> None:
        """The peer does not take its answers: read no more requests."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.gone(self, self._transport)
        if self._session is None:
            return  # closed from this side, and told why
        if exc is not None:
            self._server.tell("connection-broken", self, why=str(exc))
        elif self._session.is_between_messages:
            self._server.tell("connection-closed", self)
        else:
            self._server.tell("connection-torn", self)

    def close(self) -> None:
        """Close after what is written has gone out."""
        self._session = None
        self._server.leaving(self, self._transport)
        self._transport.close()

    def abort(self) -> None:
        """Close at once, also when the peer does not take what is written."""
        self._session = None
        self._transport.abort()


async def serve_until(server: HsmServer, address: str, port: int, *, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT, then stop gracefully. `ready` is called with the port."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    ready(await server.start(address, port))
    await stopping.wait()
    await server.stop()
