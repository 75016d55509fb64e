"""Links on asyncio: a client that connects again, and a server; over TCP, or TLS with certificates on both sides.

`iso8583.link` decides everything; here are the socket, the clock and the tasks. What a peer can use up is bounded: a
frame's size, requests in work, unread answers (reading stops while the peer takes none), and time.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from posterm.errors import PostermError
from posterm.iso8583.link import Link, LinkState
from posterm.iso8583.link_events import (
    Answered,
    Broken,
    Disconnected,
    LinkEvent,
    Lost,
    NotAnswered,
    Outcome,
    Ready,
    Requested,
    TimedOut,
)
from posterm.iso8583.link_settings import LinkSettings
from posterm.iso8583.message import Message
from posterm.runtime.errors import ConnectError, ListenError
from posterm.runtime.link_tls import SHUTDOWN_TIMEOUT_S

READ_BYTES = 16_384
HANDLERS_MAX = 64
"""Requests of a peer in work at once. Above that nothing is read from it, not even answers."""

Handler = Callable[[Requested, "LinkConnection"], Awaitable[Message | None]]
"""Answers what the peer asks; None for no answer. Over the connection it may ask the peer in turn."""

Listener = Callable[[LinkEvent, str], None]
"""Told of every event and the peer it concerns; it must not block."""


class LinkConnection:
    """A link and the connection that carries it, if there is one.

    Args:
        handle: answers what the peer asks; without it such a request is only told to `listen`.
        idle_timeout_s: a connection over which nothing comes for so long is closed; None for never.
    """

    def __init__(
        self,
        settings: LinkSettings,
        *,
        handle: Handler | None = None,
        listen: Listener | None = None,
        idle_timeout_s: float | None = None,
        handlers_max: int = HANDLERS_MAX,
    ) -> None:
        self.link = Link(settings)
        self.peer = ""
        self._handle = handle
        self._listen = listen
        self._idle_timeout_s = idle_timeout_s
        self._handlers_max = handlers_max
        self._outcomes: dict[int, asyncio.Future[Outcome]] = {}
        self._handlers: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._why = ""
        self._ready = asyncio.Event()

    async def request(self, message: Message, timeout_s: float | None = None) -> Outcome:
        """Ask the peer and wait for what becomes of it.

        Returns: `Answered`, `TimedOut` or `Lost`.
        Raises: NotSentError, PackError, FramingError: nothing has been sent.
        """
        loop = asyncio.get_running_loop()
        number = self.link.send(message, loop.time(), timeout_s)
        outcome: asyncio.Future[Outcome] = loop.create_future()
        self._outcomes[number] = outcome
        try:
            await self._flush()
            return await outcome
        finally:
            self._outcomes.pop(number, None)

    async def tell(self, message: Message) -> None:
        """Send what nothing answers, such as a notification; an answer to it would be told to `listen`.

        Raises: NotSentError, PackError, FramingError: nothing has been sent.
        """
        self.link.send(message, asyncio.get_running_loop().time())
        await self._flush()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Run the link over a connection until that ends, and close it."""
        loop = asyncio.get_running_loop()
        self._writer = writer
        self._why = ""
        self.peer = _peer(writer)
        why = "closed by the peer"
        try:
            self._take(self.link.connected(loop.time()))
            await self._flush()
            while self.link.state is not LinkState.BROKEN:
                async with asyncio.timeout(self._idle_timeout_s):
                    data = await reader.read(READ_BYTES)
                    if not data:
                        break
                    self._take(self.link.receive(data, loop.time()))
                    await self._flush()
                    while len(self._handlers) >= self._handlers_max:
                        await asyncio.wait(self._handlers, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError as error:  # ours has no number; the system's own, of a dead line, has
            why = _reason(error) if error.errno else f"idle for {self._idle_timeout_s} s"
        except OSError as error:
            why = _reason(error)
        except asyncio.CancelledError:
            self._why = self._why or "given up here"
            raise
        finally:
            self._writer = None
            self._take(self.link.disconnected(loop.time(), self._why or why))
            await _close(writer)

    async def finish(self, timeout_s: float) -> None:
        """Ask no more, wait so long for what is in flight or in work, then close the connection."""
        self.link.finish()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while waiting := self._unfinished():
            left = deadline - loop.time()
            if left <= 0:
                break
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # whoever waited takes the outcome away
        slow = self._handlers - {asyncio.current_task()}
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        self._hang_up("closed here")

    async def settle(self) -> None:
        """Wait for what is in work, whose answers go nowhere any more once the connection is gone."""
        while self._handlers:
            await asyncio.wait(self._handlers)

    def _unfinished(self) -> set[asyncio.Future[Any]]:
        """What is waited for; a handler that closes its own connection does not wait for itself."""
        own = asyncio.current_task()
        everything: list[asyncio.Future[Any]] = [*self._outcomes.values(), *self._handlers]
        return {each for each in everything if each is not own}

    def _hang_up(self, why: str) -> None:
        """Have `carry` come to its end."""
        if self._writer is not None:
            self._why = self._why or why
            self._writer.close()

    # --- events, bytes and the timer ---

    def _take(self, events: list[LinkEvent]) -> None:
        for event in events:
            match event:
                case Answered() | TimedOut() | Lost():
                    outcome = self._outcomes.get(event.request)
                    if outcome is not None and not outcome.done():
                        outcome.set_result(event)
                case Requested() if self._handle is not None:
                    task = asyncio.get_running_loop().create_task(self._serve(event, self._handle))
                    self._handlers.add(task)
                    task.add_done_callback(self._handlers.discard)
                case Ready():
                    self._ready.set()
                case Disconnected():
                    self._ready.clear()
                case Broken():
                    self._ready.clear()
                    self._hang_up(event.why)
                case _:
                    pass
            if self._listen is not None:
                self._listen(event, self.peer)
        self._rearm()

    async def _serve(self, asked: Requested, handle: Handler) -> None:
        try:
            answer = await handle(asked, self)
            if answer is None:
                return
            self.link.answer(asked, answer)
            await self._flush()
        except PostermError as error:
            self._take([NotAnswered(asked, str(error))])
        except Exception as error:
            self._take([NotAnswered(asked, f"its handler raised {type(error).__name__}")])
            asyncio.get_running_loop().call_exception_handler(
                {"message": "the handler of a link raised", "exception": error}
            )

    async def _flush(self) -> None:
        """Write what is to go out, and wait while the peer does not take it."""
        self._rearm()
        writer = self._writer
        data = self.link.bytes_to_send()
        if writer is None or not data:
            return
        with suppress(OSError):  # `carry` reads the same error and tells what is lost
            writer.write(data)
            await writer.drain()

    def _rearm(self) -> None:
        """Be called when the link wants to be."""
        at = self.link.next_timer()
        if self._timer is not None:
            if at is not None and not self._timer.cancelled() and self._timer.when() == at:
                return
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._timer = asyncio.get_running_loop().call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._take(self.link.advance(asyncio.get_running_loop().time()))
        data = self.link.bytes_to_send()
        if self._writer is not None:
            if data:
                self._writer.write(data)
            if self.link.state is LinkState.BROKEN:
                # A peer that answers nothing may not take what is written either.
                self._writer.transport.abort()


class AsyncLink(LinkConnection):
    """The client's end: connects, signs on, and connects again whenever the connection is gone.

    Args:
        tls: from `link_tls.client_context`; None for plain TCP.
        server_name: the name the server's certificate must have, when it is not `address`.
        chance: gives 0 to 1, by which waits before connecting again are spread.

    Use it with `async with`, which starts it and closes it gracefully.
    """

    def __init__(
        self,
        settings: LinkSettings,
        address: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        connect_timeout_s: float = 10.0,
        close_timeout_s: float = 5.0,
        chance: Callable[[], float] = random.random,
        **connection: Any,
    ) -> None:
        super().__init__(settings, **connection)
        self.peer = f"{address}:{port}"
        self._address = (address, port)
        self._tls = tls
        self._server_name = server_name
        self._connect_timeout_s = connect_timeout_s
        self._close_timeout_s = close_timeout_s
        self._chance = chance
        self._closing = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._last_why = "not started"

    async def __aenter__(self) -> AsyncLink:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start(self) -> None:
        """Begin to connect, in the background; `ready` waits for it."""
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def ready(self, timeout_s: float) -> None:
        """Wait until requests may be sent.

        Raises: ConnectError: not within this time, or the link was given up.
        """
        waiting = asyncio.ensure_future(self._ready.wait())
        running = {self._running} if self._running is not None else set()
        await asyncio.wait({waiting, *running}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self._ready.is_set():
            given_up = self._running is not None and self._running.done()
            how = "given up" if given_up else f"not ready within {timeout_s:g} s"
            raise ConnectError(f"link to {self._address[0]}:{self._address[1]} {how}: {self._last_why}")

    async def close(self) -> None:
        """Ask no more, wait for what is in flight, close the connection and connect no more.

        Raises: whatever a listener or a hook of the settings raised, which ended the link.
        """
        self._closing.set()
        await self.finish(self._close_timeout_s)
        if self._running is not None:
            if self._writer is None:  # connecting, or waiting to
                self._running.cancel()
            _, slow = await asyncio.wait({self._running}, timeout=2 * SHUTDOWN_TIMEOUT_S)
            for task in slow:
                task.cancel()
            [ending] = await asyncio.gather(self._running, return_exceptions=True)
            self._running = None
            if isinstance(ending, Exception):
                raise ending

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closing.is_set():
            try:
                reader, writer = await self._connect()
            except (OSError, UnicodeError) as error:  # the latter for a name that cannot be looked up
                timed_out = isinstance(error, TimeoutError) and not error.args
                why = f"no connection within {self._connect_timeout_s:g} s" if timed_out else _reason(error)
                self._take(self.link.disconnected(loop.time(), why))
            else:
                await self.carry(reader, writer)
            delay_s = self.link.reconnect_delay_s(self._chance())
            if delay_s is None or self._closing.is_set():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), delay_s)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tls: dict[str, Any] = {}
        if self._tls is not None:
            tls = {
                "ssl": self._tls,
                "server_hostname": self._server_name or self._address[0],
                "ssl_handshake_timeout": self._connect_timeout_s,
                "ssl_shutdown_timeout": SHUTDOWN_TIMEOUT_S,
            }
        async with asyncio.timeout(self._connect_timeout_s):
            return await asyncio.open_connection(*self._address, limit=READ_BYTES, **tls)

    def _take(self, events: list[LinkEvent]) -> None:
        for event in events:
            if isinstance(event, Disconnected):
                self._last_why = event.why
        super()._take(events)


class AsyncLinkServer:
    """The server's end: a link for every connection.

    Args:
        settings: of every link; a sign-on in them is one the server sends.
        tls: from `link_tls.server_context`; None for plain TCP.
        connections_max: further connections are closed at once.
        idle_timeout_s: a connection over which nothing comes for so long is closed; None for never.
    """

    def __init__(
        self,
        settings: LinkSettings,
        *,
        handle: Handler | None = None,
        listen: Listener | None = None,
        tls: ssl.SSLContext | None = None,
        connections_max: int = 1024,
        idle_timeout_s: float | None = 300.0,
        handlers_max: int = HANDLERS_MAX,
    ) -> None:
        self.settings = settings
        self.connections: dict[LinkConnection, asyncio.Task[None]] = {}
        self._connection = {"handle": handle, "listen": listen, "idle_timeout_s": idle_timeout_s}
        self._handlers_max = handlers_max
        self._listen = listen
        self._tls = tls
        self._connections_max = connections_max
        self._server: asyncio.Server | None = None

    async def start(self, address: str, port: int) -> int:
        """Listen; `port` 0 takes a free one. Returns: the port. Raises: ListenError."""
        tls: dict[str, Any] = {}
        if self._tls is not None:
            tls = {"ssl": self._tls, "ssl_handshake_timeout": 10.0, "ssl_shutdown_timeout": SHUTDOWN_TIMEOUT_S}
        try:
            self._server = await asyncio.start_server(self._accept, address, port, limit=READ_BYTES, **tls)
        except OSError as error:
            raise ListenError(f"cannot listen on {address}:{port}: {_reason(error)}") from None
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Take no more connections, wait so long for what is in flight and in work, then close them all."""
        if self._server is not None:
            self._server.close()
        connections = dict(self.connections)
        await asyncio.gather(*(connection.finish(timeout_s) for connection in connections))
        if connections:
            _, slow = await asyncio.wait(connections.values(), timeout=2 * SHUTDOWN_TIMEOUT_S)
            for task in slow:
                task.cancel()
            await asyncio.gather(*connections.values(), return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self.connections) >= self._connections_max:
            if self._listen is not None:
                self._listen(Disconnected(f"refused, {self._connections_max} are connected already", 0), _peer(writer))
            await _close(writer)
            return
        connection = LinkConnection(self.settings, handlers_max=self._handlers_max, **self._connection)  # type: ignore[arg-type]
        task = asyncio.get_running_loop().create_task(self._carry(connection, reader, writer))
        self.connections[connection] = task
        task.add_done_callback(lambda _: self.connections.pop(connection, None))

    async def _carry(
        self, connection: LinkConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await connection.carry(reader, writer)
        await connection.settle()


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, gently at first."""
    writer.close()
    try:
        with suppress(OSError):  # a time-out is one too; the connection is gone or has to go
            async with asyncio.timeout(SHUTDOWN_TIMEOUT_S):
                await writer.wait_closed()
    finally:
        writer.transport.abort()


def _peer(writer: asyncio.StreamWriter) -> str:
    name = writer.get_extra_info("peername")
    return f"{name[0]}:{name[1]}" if name else "unknown"


def _reason(error: OSError | UnicodeError) -> str:
    text = error.strerror if isinstance(error, OSError) else ""
    return text or str(error) or type(error).__name__
