"""One peer of a served host: bytes in, frames to the service, answers out.

What a peer can make the host hold is bounded: one read of `READ_BYTES`, what is unfinished of a frame, and
`FRAMES_WAITING_PER_CONNECTION` frames that wait for their batch. Nothing more is read before those are answered, nor
while answers are not taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

from posterm.host import EventName, Reply
from posterm.iso8583 import FramingError
from posterm.runtime.channel import server_channel
from posterm.unionpay.profile import AcquirerProfile

READ_BYTES: Final = 16_384
FRAMES_WAITING_PER_CONNECTION: Final = 64
FRAMES_WAITING_OF_A_STRANGER: Final = 1
"""So that a flood of well-formed requests from nobody waits behind each terminal, and not before it."""

_STRANGERS: Final = frozenset({EventName.UNKNOWN_TERMINAL, EventName.BAD_MAC, EventName.NOT_ISO8583})
"""What the host tells of requests that anybody could have sent."""


class Service(Protocol):
    """What a connection asks of the service it belongs to."""

    profile: AcquirerProfile
    read_buffer: memoryview
    """`READ_BYTES` that all connections read into, one after the other."""

    def admit(self, connection: HostConnection) -> bool:
        """Take a new connection in, or refuse it."""

    def proved(self, connection: HostConnection) -> None:
        """A request of it was answered as that of a terminal the host knows."""

    def leaving(self, connection: HostConnection) -> None:
        """It is being closed from this side."""

    def gone(self, connection: HostConnection) -> None:
        """It is closed."""

    def queue(self, connection: HostConnection, frame: bytes) -> bool:
        """Take a frame for the next batch; False when too many wait: then `submit` is called when there is room."""

    def tell(self, name: str, connection: HostConnection, details: Mapping[str, str]) -> None:
        """Let an event be known."""


class HostConnection(asyncio.BufferedProtocol):
    """One connection: framing, flow control, and the times by which the service judges it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._channel = server_channel(service.profile)
        self._transport: asyncio.Transport
        self._time = asyncio.get_running_loop().time
        self._backlog: list[bytes] = []
        self._in_flight = 0
        self._open = False
        self._writable = True
        self._proven = False
        self._ended = False
        self.peer = ""
        self.last_frame_at = 0.0
        self.unfinished_since: float | None = None
        """When the first byte of a frame came whose last one has not; None between frames."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # create_server makes asyncio.Transport
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        self.last_frame_at = self._time()
        self._open = True
        if not self._service.admit(self):
            self.close()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._service.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._receive(bytes(self._service.read_buffer[:nbytes]))

    def eof_received(self) -> bool:
        """The peer will send no more; its last frame may be whole only now, and is still answered."""
        self._receive(b"")
        self._ended = True
        return self._in_flight > 0 or bool(self._backlog)

    def _receive(self, data: bytes) -> None:
        if not self._open:
            return
        try:
            frames = self._channel.receive(data)
        except FramingError as error:
            self._service.tell("not-framed", self, {"why": str(error)})
            self.close()
            return
        now = self._time()
        if frames:
            self.last_frame_at = now
            self.unfinished_since = now if self._channel.unread else None
            self._backlog += filter(None, frames)
            if not (all(frames) or self._service.profile.frame.keep_alive):
                self.close()  # an empty frame keeps a connection up, where that is wanted
                return
            self.submit()
        elif self.unfinished_since is None:
            self.unfinished_since = now

    def submit(self) -> None:
        """Give the service what has arrived, as far as it and this connection have room for it."""
        taken = 0
        most = FRAMES_WAITING_PER_CONNECTION if self._proven else FRAMES_WAITING_OF_A_STRANGER
        for frame in self._backlog[: max(0, most - self._in_flight)]:
            if not self._service.queue(self, frame):
                break
            taken += 1
        self._in_flight += taken
        del self._backlog[:taken]
        self._flow_control()

    def answer(self, reply: Reply) -> None:
        """Send an answer, late or torn when the reply says so."""
        self._in_flight -= 1
        if not self._proven and reply.frame is not None and self._open:
            self._proven = not any(event.name in _STRANGERS for event in reply.events)
            if self._proven:
                self._service.proved(self)
        if self.unfinished_since is not None:
            self.unfinished_since = self._time()  # its rest may lie in the socket, unread because of us
        if reply.delay_s > 0:
            asyncio.get_running_loop().call_later(reply.delay_s, self._send, reply)
        else:
            self._send(reply)
        if self._open:
            self.submit()

    def _send(self, reply: Reply) -> None:
        if not self._open or self._transport.is_closing():  # it broke; what the loop has to tell of it comes later
            return
        if reply.frame is not None:
            wire = self._channel.send(reply.frame)
            self._transport.write(wire if reply.tear_after is None else wire[: reply.tear_after])
        was_last = self._ended and not self._in_flight and not self._backlog
        if reply.close or self._channel.closes_after_sending or was_last:
            self.close()

    def overdue(self, idle: float, slow: float) -> str:
        """The event this connection is to be closed with; empty while it may go on.

        Args:
            idle: the last whole frame must not be older.
            slow: the first byte of an unfinished frame must not be older.
        """
        if self.last_frame_at < idle:
            return "connection-idle"
        is_slow = self.unfinished_since is not None and self.unfinished_since < slow
        return "connection-slow" if is_slow and not (self._in_flight or self._backlog) else ""

    def _flow_control(self) -> None:
        """Read no further from a peer that has much unanswered or does not take its answers."""
        if not self._open or self._ended:
            return
        if self._writable and not self._backlog and self._in_flight < FRAMES_WAITING_PER_CONNECTION:
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
        was_open, self._open = self._open, False
        self._service.gone(self)
        if not was_open:
            return  # closed from this side, and told why
        if exc is not None:
            self._service.tell("connection-broken", self, {"why": str(exc)})
        elif self._channel.unread:
            self._service.tell("connection-torn", self, {"unread": str(self._channel.unread)})

    def close(self) -> None:
        """Close after what is written has gone out."""
        if self._open:
            self._open = False
            self._backlog.clear()
            self._service.leaving(self)
            self._transport.close()

    def abort(self) -> None:
        """Close at once, also when the peer does not take what is written."""
        self._open = False
        self._backlog.clear()
        self._service.gone(self)
        self._transport.abort()
