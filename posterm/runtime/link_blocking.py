"""A link for programs without an event loop: one thread, one connection, as many requests in flight as wanted.

`iso8583.link` decides everything; here are the socket and the clock. The line is served while a call waits: echoes go
out and the peer's requests are answered inside `request`, `wait` and `serve`, and at no other time.
"""

from __future__ import annotations

import random
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress

from posterm.errors import PostermError
from posterm.iso8583.errors import NotSentError
from posterm.iso8583.link import Link, LinkState
from posterm.iso8583.link_events import (
    Answered,
    Broken,
    Disconnected,
    LinkEvent,
    Lost,
    NotAnswered,
    Outcome,
    Requested,
    TimedOut,
)
from posterm.iso8583.link_settings import LinkSettings
from posterm.iso8583.message import Message
from posterm.runtime.errors import ConnectError
from posterm.runtime.link_tls import SHUTDOWN_TIMEOUT_S

_READ_BYTES = 16_384
_WRITE_TIMEOUT_S = 30.0
"""A peer that takes nothing for so long is given up."""

Socket = socket.socket | ssl.SSLSocket


class BlockingLink:
    """The client's end of a link: connects when it has to, signs on, and waits.

    Args:
        handle: answers what the peer asks while a call waits; None for no answer.
        listen: told of every event.
        tls: from `link_tls.client_context`; None for plain TCP.
        server_name: the name the server's certificate must have, when it is not `address`.
        chance: gives 0 to 1, by which waits before connecting again are spread.
        pause: waits so many seconds.

    Use it with `with`, which opens it and closes it gracefully.
    """

    def __init__(
        self,
        settings: LinkSettings,
        address: str,
        port: int,
        *,
        handle: Callable[[Requested], Message | None] | None = None,
        listen: Callable[[LinkEvent], None] | None = None,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        connect_timeout_s: float = 10.0,
        close_timeout_s: float = 5.0,
        chance: Callable[[], float] = random.random,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.link = Link(settings)
        self._address = (address, port)
        self._handle = handle
        self._listen = listen
        self._tls = tls
        self._server_name = server_name
        self._connect_timeout_s = connect_timeout_s
        self._close_timeout_s = close_timeout_s
        self._chance = chance
        self._pause = pause
        self._socket: Socket | None = None
        self._outcomes: dict[int, Outcome] = {}
        self._pending: set[int] = set()
        self._why = "not connected"

    def __enter__(self) -> BlockingLink:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Connect and sign on, again and again as the reconnect policy says.

        Raises: ConnectError: the policy gives up.
        """
        while self._socket is None:
            self._connect()
            while self._socket is not None and self.link.state is LinkState.SIGNING_ON:
                self._step(None)
            if self._socket is not None:
                return
            delay_s = self.link.reconnect_delay_s(self._chance())
            if delay_s is None:
                raise ConnectError(f"link to {self._address[0]}:{self._address[1]} given up: {self._why}")
            self._pause(delay_s)

    def request(self, message: Message, timeout_s: float | None = None) -> Outcome:
        """Ask the peer and wait for what becomes of it, connecting first if there is no connection.

        Returns: `Answered`, `TimedOut` or `Lost`.
        Raises: ConnectError: no connection; NotSentError, PackError, FramingError: nothing has been sent.
        """
        if self.link.state is LinkState.DOWN:
            self.open()
        return self.wait(self.send(message, timeout_s))

    def send(self, message: Message, timeout_s: float | None = None) -> int:
        """Send a request and do not wait.

        Returns: its number, for `wait`.
        Raises: NotSentError, PackError, FramingError: nothing has been sent.
        """
        in_flight = self.link.in_flight
        number = self.link.send(message, time.monotonic(), timeout_s)
        if self.link.in_flight > in_flight:
            self._pending.add(number)
        self._flush()
        return number

    def wait(self, number: int) -> Outcome:
        """Wait for what becomes of a request that was sent; each is told once.

        Raises: NotSentError: no such request, its outcome was told, or so many came since that it was dropped.
        """
        while number in self._pending:
            self._step(None)
        try:
            return self._outcomes.pop(number)
        except KeyError:
            raise NotSentError(f"request {number}: need one whose outcome is not told yet") from None

    def serve(self, duration_s: float) -> None:
        """Answer the peer's requests and send echoes for so many seconds, or until the connection ends."""
        until = time.monotonic() + duration_s
        while self._socket is not None and time.monotonic() < until:
            self._step(until)

    def close(self) -> None:
        """Ask no more, wait a while for what is in flight, then close the connection."""
        self.link.finish()
        until = time.monotonic() + self._close_timeout_s
        while self._socket is not None and not self.link.finished and time.monotonic() < until:
            self._step(until)
        if isinstance(self._socket, ssl.SSLSocket):
            with suppress(OSError):  # the peer may be gone already, and need not say goodbye
                self._socket.settimeout(SHUTDOWN_TIMEOUT_S)
                self._socket.unwrap()
        if self._socket is not None:
            self._end("closed here")

    # --- the socket ---

    def _connect(self) -> None:
        plain: Socket | None = None
        try:
            plain = socket.create_connection(self._address, timeout=self._connect_timeout_s)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                plain = self._tls.wrap_socket(plain, server_hostname=self._server_name or self._address[0])
        except (OSError, UnicodeError) as error:  # the latter for a name that cannot be looked up
            if plain is not None:
                plain.close()
            self._take(self.link.disconnected(time.monotonic(), _reason(error)))
            return
        self._socket = plain
        self._take(self.link.connected(time.monotonic()))
        self._flush()

    def _step(self, until: float | None) -> None:
        """Wait for bytes, or the link's timer, or `until`, whichever is first; and act on it."""
        connection = self._socket
        if connection is None:
            return
        times = [each for each in (self.link.next_timer(), until) if each is not None]
        left = min(times) - time.monotonic() if times else None
        data: bytes | None = None
        try:
            if left is None or left > 0:
                connection.settimeout(left)
                data = connection.recv(_READ_BYTES)
        except TimeoutError:
            data = None
        except OSError as error:
            self._end(_reason(error))
            return
        if data == b"":
            self._end("closed by the peer")
            return
        if data:
            self._take(self.link.receive(data, time.monotonic()))
        self._take(self.link.advance(time.monotonic()))
        self._flush()

    def _flush(self) -> None:
        data = self.link.bytes_to_send()
        if self._socket is None or not data:
            return
        try:
            self._socket.settimeout(_WRITE_TIMEOUT_S)
            self._socket.sendall(data)
        except OSError as error:
            self._end(_reason(error))

    def _end(self, why: str) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._take(self.link.disconnected(time.monotonic(), why))

    # --- events ---

    def _take(self, events: list[LinkEvent]) -> None:
        broken = ""
        for event in events:  # first, so that a handler or listener that raises takes no outcome with it
            if isinstance(event, Answered | TimedOut | Lost):
                self._keep(event)
        for event in events:
            if isinstance(event, Disconnected):
                self._why = event.why
            elif isinstance(event, Broken):
                broken = event.why
            if self._listen is not None:
                self._listen(event)
            if isinstance(event, Requested) and self._handle is not None:
                self._serve_one(event, self._handle)
        if broken:
            self._end(broken)

    def _serve_one(self, asked: Requested, handle: Callable[[Requested], Message | None]) -> None:
        try:
            answer = handle(asked)
            if answer is not None:
                self.link.answer(asked, answer)
        except PostermError as error:
            self._take([NotAnswered(asked, str(error))])

    def _keep(self, outcome: Outcome) -> None:
        self._pending.discard(outcome.request)
        self._outcomes[outcome.request] = outcome
        if len(self._outcomes) > self.link.settings.in_flight_max + self.link.settings.remembered_max:
            del self._outcomes[next(iter(self._outcomes))]


def _reason(error: OSError | UnicodeError) -> str:
    text = error.strerror if isinstance(error, OSError) else ""
    return text or str(error) or type(error).__name__
