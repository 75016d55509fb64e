"""The links of a served host to the issuers over the network: signed on, with new keys, asked and told.

A connection is of use once the issuer has taken two new keys; until then, and without a connection, its port has no
keys and the host knows that it cannot be asked. Requests go out after the batch that made them is durable. What the
issuer must have goes out one at a time, in order, and again until it is answered.

Source: Q/CUP 006 as restated publicly: sign-on, key change and echo, all from the acquirer's side here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Final

from posterm.errors import PostermError
from posterm.host import Host, HostStore
from posterm.host.events import HostEvent
from posterm.host.switch.forwards import Forward
from posterm.host.switch.over_link import IssuerOverLink
from posterm.host.switch.port import Suspended
from posterm.iso8583 import Message
from posterm.iso8583.link_events import Answered, Broken, Disconnected, LinkEvent, Ready
from posterm.iso8583.link_settings import Echo, ReconnectPolicy, SignOn
from posterm.runtime import clock
from posterm.runtime.link_asyncio import AsyncLink
from posterm.runtime.store.retry import in_batch
from posterm.unionpay.errors import MacFailureError
from posterm.unionpay.network_link import NetworkCode, about_link, link_settings

ECHO_IDLE_S: Final = 60.0
ANSWER_S: Final = 10.0
"""How long an issuer has to answer what is about the link, or is told."""

AGAIN_S: Final = 1.0
"""Before the same is tried again that an issuer has not taken."""

_RECONNECT: Final = ReconnectPolicy(first_s=0.5, factor=2.0, longest_s=30.0)
_STAN_MAX: Final = 999_999

Done = Callable[[Suspended, Message | None], None]
Tell = Callable[[str, dict[str, str]], None]
Show = Callable[[HostEvent], None]


class LinkStanding(StrEnum):
    """How far a link is."""

    DOWN = "down"
    OPENING = "opening"
    UP = "up"


@dataclass(frozen=True, slots=True)
class IssuerAddress:
    """Where an issuer listens."""

    issuer: IssuerOverLink
    address: str
    port: int


@dataclass(slots=True)
class LineCounts:
    """Counted since the start of the process."""

    asked: int = 0
    answered: int = 0
    silent: int = 0
    forwarded: int = 0
    connections: int = 0


class IssuerLine:
    """One issuer's link.

    Args:
        host: the host as it is now; it may be replaced while the link goes on.
        own: the acquirer's identification code.
        tell: told of what happens to the line.
        show: told the host's events about what was forwarded.
    """

    def __init__(
        self, where: IssuerAddress, host: Callable[[], Host], store: HostStore, own: str, tell: Tell, show: Show
    ) -> None:
        self.issuer = where.issuer
        self.where = f"{where.address}:{where.port}"
        self.counts = LineCounts()
        self._host, self._store, self._own, self._tell, self._show = host, store, own, tell, show
        self._stans = count(1)
        self._due = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening: asyncio.Task[None] | None = None
        settings = link_settings(
            own,
            where.issuer.terms.institution,
            timeout_s=ANSWER_S,
            sign_on=SignOn(lambda: self._about(NetworkCode.SIGN_ON), timeout_s=ANSWER_S),
            echo=Echo(lambda: self._about(NetworkCode.ECHO), idle_s=ECHO_IDLE_S, timeout_s=ANSWER_S),
            reconnect=_RECONNECT,
        )
        self._link = AsyncLink(settings, where.address, where.port, listen=self._listen)

    @property
    def standing(self) -> LinkStanding:
        if self.issuer.keys is not None:
            return LinkStanding.UP
        return LinkStanding.OPENING if self._opening is not None and not self._opening.done() else LinkStanding.DOWN

    def start(self) -> None:
        """Begin to connect."""
        self._link.start()
        self._run(self._forward_all())

    async def stop(self) -> None:
        """Wait a little for what is asked, then close. What is still to be told stays in the store."""
        with suppress(PostermError):
            await self._link.close()
        self.issuer.keys = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def ask(self, suspended: Suspended, done: Done) -> None:
        """Send a request; `done` gets the answer, or None when there is none in time."""
        self._run(self._ask(suspended, done))

    def wake(self) -> None:
        """There is something the issuer must have."""
        self._due.set()

    async def _ask(self, suspended: Suspended, done: Done) -> None:
        self.counts.asked += 1
        answer = await self._answer_to(suspended.request, suspended.timeout_s)
        if answer is None:
            self.counts.silent += 1
        else:
            self.counts.answered += 1
        done(suspended, answer)

    async def _answer_to(self, message: Message, timeout_s: float) -> Message | None:
        try:
            outcome = await self._link.request(message, timeout_s)
        except PostermError as error:
            self._tell("issuer-not-asked", {"issuer": self.issuer.name, "why": str(error)})
            return None
        return outcome.answer if isinstance(outcome, Answered) else None

    # --- the connection -----------------------------------------------------------------------------------------------

    def _listen(self, event: LinkEvent, _peer: str) -> None:
        if isinstance(event, Ready):
            self.counts.connections += 1
            self._opening = self._run(self._change_keys())
        elif isinstance(event, Disconnected | Broken):
            was_up, self.issuer.keys = self.issuer.keys is not None, None
            if self._opening is not None:
                self._opening.cancel()
            if was_up or isinstance(event, Broken):
                self._tell("issuer-down", {"issuer": self.issuer.name, "why": event.why})

    async def _change_keys(self) -> None:
        """Give the issuer new keys until it has taken them."""
        while True:
            stans = (self._stan(), self._stan())
            keys, messages = self.issuer.draw_keys(self._own, stans, clock.now())
            answers = [await self._answer_to(message, ANSWER_S) for message in messages]
            if all(answer is not None and answer.get(39) == "00" for answer in answers):
                self.issuer.keys = keys
                self._tell("issuer-up", {"issuer": self.issuer.name})
                self.wake()
                return
            self._tell("issuer-keys-refused", {"issuer": self.issuer.name})
            await asyncio.sleep(AGAIN_S)

    # --- what the issuer must have ------------------------------------------------------------------------------------

    async def _forward_all(self) -> None:
        sent = ""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                while self.issuer.keys is not None and (forward := self._host().first_forward(self.issuer.name)):
                    taken = await self._forward(forward, again=forward.forward_id == sent)
                    sent = forward.forward_id
                    if not taken:
                        await asyncio.sleep(AGAIN_S)
            except PostermError as error:  # the store, or a row that cannot be unsealed
                self._tell("forward-failed", {"issuer": self.issuer.name, "why": str(error)})
                await asyncio.sleep(AGAIN_S)
                self.wake()

    async def _forward(self, forward: Forward, *, again: bool) -> bool:
        """Send one. Returns: whether the issuer has it."""
        keys, message = self.issuer.keys, forward.message
        if keys is None:
            return False
        if again:
            message = Message(f"{message.mti[:3]}1", {number: message[number] for number in message})
        answer = await self._answer_to(self.issuer.sealer.seal(message, keys.zak), ANSWER_S)
        if answer is None:
            return False
        try:
            self.issuer.sealer.check(answer, keys.zak)
        except MacFailureError as failure:
            self._tell("issuer-bad-mac", {"issuer": self.issuer.name, "why": str(failure)})
            return False
        now = clock.now()
        event = in_batch(self._store, lambda: self._host().forwarded(forward.forward_id, answer, now))
        if event is not None:
            self.counts.forwarded += 1
            self._show(event)
        return event is not None

    def _about(self, code: NetworkCode) -> Message:
        return about_link(code, self._stan(), clock.now(), self._own)

    def _stan(self) -> str:
        return f"{next(self._stans) % _STAN_MAX + 1:06d}"

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class IssuerLinks:
    """All links of a host, by the issuer's name."""

    def __init__(self, lines: Iterable[IssuerLine] = ()) -> None:
        self.lines = {line.issuer.name: line for line in lines}

    def start(self) -> None:
        for line in self.lines.values():
            line.start()

    async def stop(self) -> None:
        await asyncio.gather(*(line.stop() for line in self.lines.values()))

    def ask(self, suspended: Suspended, done: Done) -> None:
        """Send a request to its issuer."""
        self.lines[suspended.issuer].ask(suspended, done)

    def wake(self, issuer: str) -> None:
        """There is something an issuer must have."""
        if issuer in self.lines:
            self.lines[issuer].wake()
