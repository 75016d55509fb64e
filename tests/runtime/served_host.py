"""A host service on a free port within a test, and what an honest terminal asks of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from posterm.host import Host, HostEvent, HostKeys, HostStore, MemoryHostStore
from posterm.hsm import Algorithm, KeyUsage, Lmk, SoftHsm
from posterm.iso8583 import FrameDecoder
from posterm.runtime import clock
from posterm.runtime.errors import StoreError
from posterm.runtime.run_host import HostService, ServiceEvent, ServiceLimits
from posterm.unionpay.profile import get_profile
from simulators.enrolment import enrol_everything

ECHO = bytes.fromhex(
    "0034600003000060310031000008200000000000C0001031303030303030313839383331303035383132303030310011000000013010"
)
ANSWER_S = 20.0


@dataclass
class Served:
    """A service on a free port and what it told."""

    service: HostService
    port: int
    told: list[str] = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def echo(self) -> str:
        """An honest terminal's echo test: DE 39 of the answer."""
        reader, writer = await self.connect()
        writer.write(ECHO)
        frame = await read_frame(reader)
        writer.close()
        return str(get_profile("default").dialect.unpack(frame[11:])[39])


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """One whole frame, or nothing when the connection ends before."""
    decoder = FrameDecoder()
    while True:
        chunk = await asyncio.wait_for(reader.read(4096), ANSWER_S)
        if not chunk:
            return b""
        if frames := decoder.feed(chunk):
            return frames[0]


class Store(MemoryHostStore):
    """A store whose commit can be made to fail."""

    broken = False

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        with super().batch():
            yield
            if self.broken:
                raise StoreError("the disk is full")


def served(**limits: Any) -> contextlib.AbstractAsyncContextManager[Served]:
    """A host that keeps its rows in memory."""
    return served_store(Store(), **limits)


@contextlib.asynccontextmanager
async def served_store(store: HostStore, **limits: Any) -> AsyncIterator[Served]:
    hsm = SoftHsm(Lmk.test(), random.Random(4).randbytes)
    keys = HostKeys(
        hsm.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_256),
        hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE),
    )
    profile = get_profile("default")
    host = Host(profile, hsm, store, keys)
    with store.batch():
        enrol_everything(host, hsm, at=clock.now())
    told: list[str] = []

    def listen(event: HostEvent | ServiceEvent, _peer: str) -> None:
        told.append(str(event.name))

    service = HostService(host, store, profile, listen, limits=ServiceLimits(**limits))
    port = await service.start("127.0.0.1", 0)
    try:
        yield Served(service, port, told)
    finally:
        await service.stop()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 60.0))
