"""Serve an issuer over TCP: acquirers connect, sign on, and ask. One commit for all that has arrived, then the answers.

Messages of all connections are collected until the loop has read them, and handled in one `store.batch()`. When the
commit fails nothing is answered: whoever asked takes it back.
"""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from posterm.errors import PostermError
from posterm.host.events import HostEvent
from posterm.host.issuing.issuer_host import IssuerHost, IssuerReply
from posterm.host.issuing.session import Session
from posterm.host.store import HostStore
from posterm.iso8583 import Message
from posterm.iso8583.link_events import Requested
from posterm.runtime import clock
from posterm.runtime.link_asyncio import AsyncLinkServer, LinkConnection
from posterm.runtime.store.retry import in_batch
from posterm.unionpay.network_link import link_settings

MESSAGES_PER_BATCH: Final = 512
IN_WORK_MAX: Final = 1024
"""Messages of one connection that may wait for a batch."""

SWEEP_S: Final = 5.0

Listener = Callable[[HostEvent, str], None]
"""Called with an event and the peer it concerns."""


@dataclass(frozen=True, slots=True)
class _Arrived:
    connection: LinkConnection
    message: Message
    answer: asyncio.Future[Message | None]


class IssuerService:
    """An issuer on a TCP port.

    Args:
        listen: told of every event; it must not block, nor raise.
    """

    def __init__(self, issuer: IssuerHost, store: HostStore, listen: Listener) -> None:
        self._issuer, self._store, self._listen = issuer, store, listen
        self._sessions: WeakKeyDictionary[LinkConnection, Session] = WeakKeyDictionary()
        self._waiting: deque[_Arrived] = deque()
        self._scheduled = False
        self._sweeper: asyncio.TimerHandle | None = None
        settings = link_settings(issuer.institution, "")
        self._server = AsyncLinkServer(settings, handle=self._take, handlers_max=IN_WORK_MAX)

    async def start(self, address: str, port: int) -> int:
        """Listen; `port` 0 takes a free one. Returns: the port. Raises: ListenError."""
        bound = await self._server.start(address, port)
        self._sweep()
        return bound

    async def stop(self) -> None:
        """Take no more connections, answer what has arrived, then close."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._server.stop()

    async def _take(self, asked: Requested, connection: LinkConnection) -> Message | None:
        if not asked.expects_answer:
            return None
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Message | None] = loop.create_future()
        self._waiting.append(_Arrived(connection, asked.message, answer))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._run_batch)
        return await answer

    def _run_batch(self) -> None:
        waiting, now = self._waiting, clock.now()
        batch = [waiting.popleft() for _ in range(min(len(waiting), MESSAGES_PER_BATCH))]
        try:
            replies = in_batch(
                self._store,
                lambda: [self._issuer.handle(self._session(each), each.message, now) for each in batch],
            )
        except PostermError:
            replies = [IssuerReply(None)] * len(batch)
        for each, reply in zip(batch, replies, strict=True):
            if not each.answer.done():
                each.answer.set_result(reply.answer)
            for event in reply.events:
                self._listen(event, each.connection.peer)
        self._scheduled = bool(waiting)
        if waiting:
            asyncio.get_running_loop().call_soon(self._run_batch)

    def _session(self, arrived: _Arrived) -> Session:
        return self._sessions.setdefault(arrived.connection, Session())

    def _sweep(self) -> None:
        now = clock.now()
        with suppress(PostermError):  # the next batch will say so too, by answering nothing
            in_batch(self._store, lambda: self._issuer.expire(now))
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)


async def serve_issuer_until(service: IssuerService, address: str, port: int, *, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT, then stop gracefully. `ready` is called with the port."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    ready(await service.start(address, port))
    await stopping.wait()
    await service.stop()
