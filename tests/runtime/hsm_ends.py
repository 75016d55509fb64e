"""An HSM served in a thread of this process, for tests of what speaks to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from posterm.hsm.master_secret import MasterSecret
from posterm.runtime.hsm_assembly import OpenHsm, ServedLmk, open_guarded_hsm
from posterm.runtime.run_hsm import HsmServer, HsmServerEvent


class Served:
    """A running server: its port, its HSM, and what it told of."""

    def __init__(self, opened: OpenHsm, server: HsmServer, port: int, told: list[tuple[HsmServerEvent, str]]) -> None:
        self.opened = opened
        self.server = server
        self.port = port
        self.told = told


@contextmanager
def served_hsm(
    folder: Path, *, secret: MasterSecret | None = None, lmk_kind: ServedLmk = "aes-block", **settings: object
) -> Iterator[Served]:
    """Serve an HSM until the block ends. `settings`: as `open_guarded_hsm`."""
    told: list[tuple[HsmServerEvent, str]] = []

    def listen(event: HsmServerEvent, peer: str) -> None:
        told.append((event, peer))

    async def start() -> Served:
        opened = open_guarded_hsm(folder, secret or MasterSecret.test(), lmk_kind=lmk_kind, **settings)  # type: ignore[arg-type]
        server = HsmServer(lambda client: opened.session(client, header_length=4, listen=listen), listen)
        return Served(opened, server, await server.start("127.0.0.1", 0), told)

    async def stop(running: Served) -> None:
        await running.server.stop()
        running.opened.state.close()

    loop = asyncio.new_event_loop()  # the HSM's folder belongs to the thread that opened it
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        running = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
        try:
            yield running
        finally:
            asyncio.run_coroutine_threadsafe(stop(running), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
