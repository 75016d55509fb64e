"""The host on a real port: broken, foreign and hostile frames cost their own connection, and others go on."""

from __future__ import annotations

import asyncio
import random

import pytest

from posterm.host.chart import merchant_pending
from posterm.host.records import TransferRecord
from posterm.iso8583 import FrameDecoder
from posterm.unionpay.profile import get_profile
from simulators.enrolment import MERCHANT_ID
from tests.runtime.served_host import ANSWER_S, ECHO, play, read_frame, served


def test_an_echo_is_answered() -> None:
    async def scene() -> None:
        async with served() as host:
            assert await host.echo() == "00"

    play(scene)


def test_what_has_expired_is_released_while_the_host_serves() -> None:
    async def scene() -> None:
        async with served(idle_timeout_s=2.0) as host:
            store, ledger = host.service._store, host.service.host.ledger
            card = next(account for account in store.accounts() if account.account_id.startswith("card/"))
            shop = merchant_pending(MERCHANT_ID)
            long_ago = TransferRecord(
                "h", "pending", card.account_id, shop, 1, "156", "2026-01-01", forced=True, deadline="2026-01-02"
            )
            ledger.apply([long_ago])
            for _ in range(200):
                if "holds-expired" in host.told:
                    break
                await asyncio.sleep(0.05)
            assert not list(store.open_holds())

    play(scene)


def test_a_host_that_cannot_release_what_has_expired_goes_on() -> None:
    async def scene() -> None:
        async with served(idle_timeout_s=2.0) as host:
            host.service._store.broken = True
            for _ in range(200):
                if "expiry-failed" in host.told:
                    break
                await asyncio.sleep(0.05)
            host.service._store.broken = False
            assert "expiry-failed" in host.told
            assert await host.echo() == "00"

    play(scene)


@pytest.mark.parametrize(
    ("name", "sent", "event"),
    [
        ("longer than the limit", b"\xff\xff" + bytes(100), "not-framed"),
        ("not a POS frame", b"\x00\x10GET / HTTP/1.1\r\n", "not-iso8583"),
        ("not ISO 8583", b"\x00\x12" + bytes.fromhex("6000030000603100310000") + bytes(7), "not-iso8583"),
        ("an answer instead of a request", ECHO[:13] + b"\x08\x30" + ECHO[15:], "not-iso8583"),
    ],
)
def test_what_is_no_request_closes_its_connection_with_one_event(name: str, sent: bytes, event: str) -> None:
    async def scene() -> None:
        async with served() as host:
            reader, writer = await host.connect()
            writer.write(sent)
            assert await asyncio.wait_for(reader.read(), ANSWER_S) == b"", name
            writer.close()
            assert host.told == [event]
            assert await host.echo() == "00"

    play(scene)


def test_a_frame_torn_in_the_middle_is_told_and_forgotten() -> None:
    async def scene() -> None:
        async with served() as host:
            _, writer = await host.connect()
            writer.write(ECHO[:20])
            writer.close()
            await writer.wait_closed()
            assert await host.echo() == "00"
            assert "connection-torn" in host.told

    play(scene)


def test_an_unknown_terminal_is_answered_97() -> None:
    async def scene() -> None:
        async with served() as host:
            reader, writer = await host.connect()
            writer.write(ECHO.replace(b"10000001", b"99999999", 1))
            frame = await read_frame(reader)
            assert get_profile("default").dialect.unpack(frame[11:])[39] == "97"
            writer.close()

    play(scene)


def test_frames_arrive_in_any_pieces_and_many_at_once() -> None:
    async def scene() -> None:
        async with served() as host:
            reader, writer = await host.connect()
            decoder, frames = FrameDecoder(), []
            stream = ECHO * 50
            for at in range(0, len(stream), 7):
                writer.write(stream[at : at + 7])
                await writer.drain()
            while len(frames) < 50:
                frames += decoder.feed(await asyncio.wait_for(reader.read(65_536), ANSWER_S))
            assert len(frames) == 50
            writer.close()

    play(scene)


def test_an_empty_frame_is_a_keep_alive() -> None:
    async def scene() -> None:
        async with served() as host:
            reader, writer = await host.connect()
            writer.write(b"\x00\x00" + ECHO)
            assert await read_frame(reader)
            assert host.told == ["echo"]
            writer.close()

    play(scene)


def test_more_connections_than_allowed_are_closed_and_the_others_served() -> None:
    async def scene() -> None:
        async with served(connections=2) as host:
            first, second = await host.connect(), await host.connect()
            first[1].write(ECHO)
            assert await read_frame(first[0])
            second[1].write(ECHO)
            assert await read_frame(second[0])
            third = await host.connect()
            assert await asyncio.wait_for(third[0].read(), ANSWER_S) == b""
            first[1].write(ECHO)
            assert await read_frame(first[0])
            assert "connection-refused" in host.told
            for _, writer in (first, second, third):
                writer.close()

    play(scene)


def test_a_silent_connection_is_closed_after_its_time() -> None:
    async def scene() -> None:
        async with served(idle_timeout_s=0.2) as host:
            reader, writer = await host.connect()
            assert await asyncio.wait_for(reader.read(), ANSWER_S) == b""
            assert "connection-idle" in host.told
            writer.close()

    play(scene)


def test_when_the_commit_fails_nobody_is_answered() -> None:
    async def scene() -> None:
        async with served() as host:
            host.service._store.broken = True  # type: ignore[attr-defined]
            reader, writer = await host.connect()
            writer.write(ECHO)
            assert await asyncio.wait_for(reader.read(), ANSWER_S) == b""
            assert "commit-failed" in host.told
            host.service._store.broken = False  # type: ignore[attr-defined]
            writer.close()
            assert await host.echo() == "00"

    play(scene)


def test_garbage_from_many_connections_does_not_keep_an_honest_terminal_waiting() -> None:
    async def scene() -> None:
        noise = random.Random(11)
        async with served() as host:
            writers = []
            for _ in range(50):
                _, writer = await host.connect()
                writer.write(noise.randbytes(noise.randint(1, 3000)))
                writers.append(writer)
            assert await host.echo() == "00"
            for writer in writers:
                writer.close()

    play(scene)


def test_a_stopped_service_listens_no_more() -> None:
    async def scene() -> None:
        async with served() as host:
            port = host.port
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    play(scene)
