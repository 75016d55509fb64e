"""What one peer can make the host hold or wait for is bounded, and the others do not notice."""

from __future__ import annotations

import asyncio
import resource
import socket

import pytest

from posterm.iso8583 import FrameDecoder
from posterm.runtime import run_host
from posterm.runtime.file_limit import room_for_connections
from posterm.runtime.host_connection import FRAMES_WAITING_PER_CONNECTION
from tests.runtime.served_host import ANSWER_S, ECHO, Served, play, read_frame, served

UNKNOWN = ECHO.replace(b"10000001", b"99999999", 1)


async def until_told(host: Served, event: str) -> None:
    for _ in range(int(ANSWER_S / 0.02)):
        if event in host.told:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{event} was not told, but {host.told}")


async def deaf(host: Served) -> asyncio.StreamWriter:
    """A peer that sends and takes no answers, with little room for them in its socket."""
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    end.setblocking(False)
    await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", host.port))
    _, writer = await asyncio.open_connection(sock=end)
    writer.transport.set_write_buffer_limits(high=1 << 30)
    writer.transport.pause_reading()
    return writer


def test_a_frame_that_comes_too_slowly_closes_its_connection() -> None:
    async def scene() -> None:
        async with served(frame_timeout_s=0.2) as host:
            reader, writer = await host.connect()
            writer.write(ECHO[:9])
            assert await asyncio.wait_for(reader.read(), ANSWER_S) == b""
            assert host.told == ["connection-slow"]
            writer.close()

    play(scene)


def test_dripping_byte_after_byte_does_not_stretch_the_time_for_a_frame() -> None:
    async def scene() -> None:
        async with served(frame_timeout_s=0.3) as host:
            _, writer = await host.connect()
            for byte in ECHO * 100:
                writer.write(bytes((byte,)))
                await asyncio.sleep(0.02)
                if host.told:
                    break
            # Whole frames may be among what dripped in; the slow one ends it.
            assert host.told[-1] == "connection-slow"
            writer.close()

    play(scene)


def test_between_frames_a_connection_may_rest_longer_than_a_frame_may_take() -> None:
    async def scene() -> None:
        async with served(frame_timeout_s=0.1) as host:
            reader, writer = await host.connect()
            for _ in range(2):
                writer.write(ECHO)
                assert await read_frame(reader)
                await asyncio.sleep(0.3)
            assert host.told == ["echo", "echo"]
            writer.close()

    play(scene)


def test_a_new_connection_takes_the_place_of_the_oldest_that_proved_nothing() -> None:
    async def scene() -> None:
        async with served(connections=3) as host:
            terminal = await host.connect()
            terminal[1].write(ECHO)
            assert await read_frame(terminal[0])
            silent, stranger = await host.connect(), await host.connect()
            stranger[1].write(UNKNOWN)
            assert await read_frame(stranger[0])
            assert await host.echo() == "00"
            assert await asyncio.wait_for(silent[0].read(), ANSWER_S) == b""
            newest = await host.connect()
            assert await host.echo() == "00"
            terminal[1].write(ECHO)
            assert await read_frame(terminal[0])
            assert host.told.count("connection-displaced") >= 1
            assert "connection-refused" not in host.told
            for _, writer in (terminal, silent, stranger, newest):
                writer.close()

    play(scene)


def test_a_peer_that_does_not_take_its_answers_is_read_no_further_and_closed() -> None:
    async def scene() -> None:
        async with served(idle_timeout_s=0.4) as host:
            writer = await deaf(host)
            writer.write(ECHO * 100_000)
            await until_told(host, "connection-idle")
            assert host.told.count("echo") < 100_000
            assert host.service.connections == 0
            writer.transport.abort()

    play(scene)


def test_a_flood_of_keep_alives_is_not_queued() -> None:
    async def scene() -> None:
        async with served() as host:
            reader, writer = await host.connect()
            writer.write(bytes(1_000_000) + ECHO)
            assert await read_frame(reader)
            assert host.service.counts.frames == 1
            writer.close()

    play(scene)


def test_frames_beyond_the_bound_of_all_connections_wait_in_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_host, "FRAMES_WAITING", 10)
    monkeypatch.setattr(run_host, "FRAMES_PER_BATCH", 3)

    async def scene() -> None:
        async with served() as host:
            count = FRAMES_WAITING_PER_CONNECTION * 2
            ends = [await host.connect() for _ in range(4)]
            for _, writer in ends:
                writer.write(ECHO * count)
            for reader, writer in ends:
                decoder, answers = FrameDecoder(), 0
                while answers < count:
                    answers += len(decoder.feed(await asyncio.wait_for(reader.read(65_536), ANSWER_S)))
                writer.close()
            assert host.service.counts.largest_batch <= 3
            assert host.told == ["echo"] * (4 * count)

    play(scene)


def test_what_has_arrived_when_the_host_stops_is_answered() -> None:
    async def scene() -> None:
        async with served() as host:
            ends = [await host.connect() for _ in range(8)]
            for _, writer in ends:
                writer.write(ECHO)
            await asyncio.sleep(0.01)  # sent, and perhaps not read
            await host.service.stop()
            for reader, writer in ends:
                assert await read_frame(reader)
                assert await asyncio.wait_for(reader.read(), ANSWER_S) == b""
                writer.close()

    play(scene)


def test_a_peer_that_takes_nothing_does_not_keep_the_host_from_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_host, "FAREWELL_S", 0.2)

    async def scene() -> None:
        async with served() as host:
            writer = await deaf(host)
            writer.write(ECHO * 100_000)
            while host.service.counts.frames < 1000:
                await asyncio.sleep(0.02)
            await host.service.stop()
            writer.transport.abort()

    play(scene)


def test_the_limit_on_open_files_is_raised_for_connections_and_bounds_them() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        assert room_for_connections(400) == 400
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 400
        assert room_for_connections(before[1] * 2) < before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_host_that_may_open_few_files_says_so_and_serves_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_host, "room_for_connections", lambda wanted: wanted // 2)

    async def scene() -> None:
        async with served(connections=10) as host:
            assert host.told == ["few-files"]
            assert host.service.limits.connections == 5
            assert await host.echo() == "00"

    play(scene)
