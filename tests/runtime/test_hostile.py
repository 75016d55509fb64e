"""Thousands of peers that mean no good, and a few terminals among them: these are served, and memory stays bounded."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from pathlib import Path

import pytest

from posterm.runtime.run_host import ServiceLimits
from tests.runtime.killed_host import HostProcess, Place, at_work, compare, open_tills
from tests.runtime.served_host import ECHO

TILLS = 4
MEGABYTE = 1 << 20
CONNECTING = 200
"""Connections that are being made at one time: fewer than the host lets wait to be taken in."""

UNKNOWN = ECHO.replace(b"10000001", b"99999999", 1)


async def silent(_writer: asyncio.StreamWriter, _chance: random.Random) -> None:
    """Takes a place and says nothing."""
    await asyncio.sleep(3600)


async def garbage(writer: asyncio.StreamWriter, chance: random.Random) -> None:
    """Bytes at random, as fast as they are taken."""
    while not writer.is_closing():
        writer.write(chance.randbytes(chance.randint(1, 4000)))
        await writer.drain()


async def slow_drip(writer: asyncio.StreamWriter, _chance: random.Random) -> None:
    """A frame, byte after byte."""
    for byte in ECHO * 100:
        if writer.is_closing():
            return
        writer.write(bytes((byte,)))
        await asyncio.sleep(0.5)


async def half_frame(writer: asyncio.StreamWriter, chance: random.Random) -> None:
    """The beginning of a large frame."""
    writer.write(b"\x0f\xff" + bytes(chance.randrange(4000)))
    await asyncio.sleep(3600)


async def oversize(writer: asyncio.StreamWriter, _chance: random.Random) -> None:
    """A length beyond the limit, and what belongs to it."""
    writer.write(b"\xff\xff" + bytes(65_535))
    await writer.drain()
    await asyncio.sleep(3600)


async def flood(writer: asyncio.StreamWriter, _chance: random.Random) -> None:
    """Well-formed requests of a terminal that nobody knows, whose answers are not taken."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    while not writer.is_closing():
        writer.write(UNKNOWN * 8)
        await writer.drain()
        await asyncio.sleep(1)


async def keep_alives(writer: asyncio.StreamWriter, _chance: random.Random) -> None:
    """Empty frames without end."""
    while not writer.is_closing():
        writer.write(bytes(2000))
        await writer.drain()
        await asyncio.sleep(1)


async def broken_off(writer: asyncio.StreamWriter, chance: random.Random) -> None:
    """A request cut anywhere by a reset."""
    writer.write(ECHO[: chance.randrange(len(ECHO))])
    writer.transport.abort()


KINDS = (silent, garbage, slow_drip, half_frame, oversize, flood, keep_alives, broken_off)


async def attack(port: int, number: int, seed: int, seconds: float) -> None:
    """Open connections of every kind, and keep them at it for some time after the last is made."""
    connecting = asyncio.Semaphore(CONNECTING)

    async def one(which: int) -> None:
        async with connecting:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            with contextlib.suppress(OSError):
                await KINDS[which % len(KINDS)](writer, random.Random(f"{seed} {which}"))
        finally:
            writer.transport.abort()

    tasks = []
    for which in range(number):
        async with connecting:
            tasks.append(asyncio.create_task(one(which)))
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert not [end for end in ends if isinstance(end, OSError)], "a connection could not be made"


def besiege(folder: Path, number: int, seed: int, seconds: float, limits: ServiceLimits) -> tuple[int, int]:
    """Attack a host while terminals trade. Returns: its memory before and at the height, in bytes."""
    place = Place(folder)
    tills = open_tills(place, TILLS, seed)
    host = HostProcess(place, limits=limits)
    host.start()
    with at_work(tills, host.port) as answered:
        assert answered.wait(60)
    before = host.resident_bytes
    highest, over = before, threading.Event()

    def watch() -> None:
        nonlocal highest
        while not over.wait(0.1):
            highest = max(highest, host.resident_bytes)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with at_work(tills, host.port):
            served_before = [till.answers for till in tills]
            asyncio.run(attack(host.port, number, seed, seconds))
            served_then = [till.answers for till in tills]
            assert all(then > earlier for then, earlier in zip(served_then, served_before, strict=True))
    finally:
        over.set()
        watcher.join()
    for till in tills:
        assert till.unanswered is None, "an honest terminal went without its answer"
    host.stop()
    compare(place, tills)
    return before, highest


def test_hostile_connections_by_the_hundred_keep_no_terminal_from_its_answer(tmp_path: Path) -> None:
    limits = ServiceLimits(connections=100, idle_timeout_s=5.0, frame_timeout_s=1.0)
    before, highest = besiege(tmp_path, 240, seed=5, seconds=2.0, limits=limits)
    assert highest - before < 60 * MEGABYTE


@pytest.mark.proof
def test_ten_thousand_hostile_connections_leave_memory_bounded_and_terminals_served(tmp_path: Path) -> None:
    before, highest = besiege(tmp_path, 10_000, seed=6, seconds=10.0, limits=ServiceLimits())
    assert highest - before < 100 * MEGABYTE
