"""A served host and two served issuers within a test, connected over TCP."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime

from posterm.host.events import HostEvent
from posterm.host.issuing.issuer_host import IssuerHost, IssuerReply
from posterm.host.issuing.session import Session
from posterm.host.switch.stand_in import StandInRules
from posterm.iso8583 import Message, encode_frame
from posterm.runtime import clock
from posterm.runtime.issuer_links import IssuerAddress
from posterm.runtime.run_host import HostService, ServiceEvent, ServiceLimits
from posterm.runtime.run_issuer import IssuerService
from posterm.unionpay.profile import get_profile
from tests.host.hand_terminal import Answer
from tests.host.switch_place import EAST, WEST, SwitchPlace, open_switch
from tests.runtime.served_host import read_frame

WAIT_S = 20.0


class Moody:
    """An issuer that can be made to hear requests and say nothing."""

    def __init__(self, host: IssuerHost) -> None:
        self._host = host
        self.institution = host.institution
        self.silent = False
        self.heard: list[str] = []
        self.heard_one = threading.Event()

    def handle(self, session: Session, message: Message, now: datetime) -> IssuerReply:
        self.heard.append(message.mti)
        reply = self._host.handle(session, message, now)
        if self.silent and not message.mti.startswith("08"):
            self.heard_one.set()
            return IssuerReply(None, reply.events)
        return reply

    def expire(self, now: datetime) -> int:
        return self._host.expire(now)


@dataclass
class Ends:
    """Both sides, and what the host told."""

    place: SwitchPlace
    service: HostService
    port: int
    moods: dict[str, Moody]
    servers: dict[str, IssuerService]
    ports: dict[str, int]
    told: list[str] = field(default_factory=list)

    async def answered(self, request: Message) -> Answer:
        """Send a request as a terminal does and wait for the answer."""
        terminal = self.place.terminal
        terminal.now = clock.now()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(encode_frame(terminal.packed(request)))
        frame = await read_frame(reader)
        writer.close()
        message = terminal.profile.dialect.unpack(frame[11:])
        return Answer(request, str(request[11]), None, message)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not true():
                await asyncio.sleep(0.01)

    def is_up(self, name: str) -> bool:
        return self.place.issuers[name].port.keys is not None

    async def stop_issuer(self, name: str) -> None:
        await self.servers[name].stop()

    async def start_issuer(self, name: str) -> None:
        server = IssuerService(self.moods[name], self.place.issuers[name].store, lambda *_: None)
        self.servers[name] = server
        self.ports[name] = await server.start("127.0.0.1", self.ports.get(name, 0))


@contextlib.asynccontextmanager
async def connected(rules: StandInRules | None = None, *, timeout_s: float = 10.0) -> AsyncIterator[Ends]:
    place = open_switch(rules=rules, signed_on=False)
    for issuer in place.issuers.values():
        issuer.port.terms = issuer.port.terms.model_copy(update={"timeout_s": timeout_s})
    told: list[str] = []

    def listen(event: HostEvent | ServiceEvent, _peer: str) -> None:
        told.append(str(event.name))

    moods = {name: Moody(issuer.host) for name, issuer in place.issuers.items()}
    ends = Ends(place, None, 0, moods, {}, {}, told)
    for name in (EAST, WEST):
        await ends.start_issuer(name)
    where = [IssuerAddress(place.issuers[name].port, "127.0.0.1", ends.ports[name]) for name in (EAST, WEST)]
    limits = ServiceLimits(frame_timeout_s=1.0)
    ends.service = HostService(
        place.host,
        place.store,
        get_profile("default"),
        listen,
        limits=limits,
        issuers=where,
    )
    ends.port = await ends.service.start("127.0.0.1", 0)
    try:
        await ends.until(lambda: ends.is_up(EAST) and ends.is_up(WEST))
        yield ends
    finally:
        await ends.service.stop()
        for server in ends.servers.values():
            await server.stop()
