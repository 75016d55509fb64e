"""Links on asyncio over real TCP and TLS: both ends ask, connections break and come back, nothing is left hanging."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from posterm.iso8583 import Echo, Message, NotSentError, ReconnectPolicy, SignOn
from posterm.iso8583.link_events import (
    Answered,
    Broken,
    Disconnected,
    LateAnswer,
    Lost,
    NotAnswered,
    Ready,
    Requested,
    TimedOut,
)
from posterm.runtime.errors import ConnectError, ListenError, TlsError
from posterm.runtime.link_asyncio import AsyncLink, AsyncLinkServer, LinkConnection
from posterm.runtime.link_tls import client_context, server_context
from tests.runtime.link_ends import (
    FRAMING,
    ONCE,
    Authority,
    Told,
    approve,
    management,
    request,
    response,
    settings,
)

HERE = "127.0.0.1"
PATIENCE_S = 8.0


def play(scene: Awaitable[None]) -> None:
    """Run a test's coroutine, and fail it rather than wait for ever."""
    asyncio.run(asyncio.wait_for(scene, PATIENCE_S))


async def served(handle: Any = approve, **options: Any) -> tuple[AsyncLinkServer, int]:
    server = AsyncLinkServer(settings(), handle=handle, **options)
    return server, await server.start(HERE, 0)


async def until(true: Callable[[], bool]) -> None:
    """Let the loop turn until something has come about."""
    while not true():
        await asyncio.sleep(0)


def test_a_hundred_requests_at_once_each_get_their_own_answer() -> None:
    async def scene() -> None:
        server, port = await served()
        async with AsyncLink(settings(), HERE, port) as link:
            await link.ready(PATIENCE_S)
            outcomes = await asyncio.gather(*(link.request(request(stan)) for stan in range(100)))
        await server.stop()
        assert [each.answer[11] for each in outcomes if isinstance(each, Answered)] == [f"{n:06d}" for n in range(100)]

    play(scene())


def test_the_server_asks_over_the_same_connection() -> None:
    async def scene() -> None:
        server, port = await served()
        async with AsyncLink(settings(), HERE, port, handle=approve) as link:
            await link.ready(PATIENCE_S)
            await link.request(request(1))
            [connection] = server.connections
            outcome = await connection.request(request(1, "0800"))
            assert isinstance(outcome, Answered)
            assert outcome.answer.mti == "0810"
        await server.stop()

    play(scene())


def test_a_handler_may_ask_back_before_it_answers() -> None:
    async def ask_back(asked: Requested, connection: LinkConnection) -> Message:
        outcome = await connection.request(request(7, "0800"))
        return response(asked.message, "00" if isinstance(outcome, Answered) else "96")

    async def scene() -> None:
        server, port = await served(ask_back)
        async with AsyncLink(settings(), HERE, port, handle=approve) as link:
            await link.ready(PATIENCE_S)
            outcome = await link.request(request(1))
            assert isinstance(outcome, Answered)
            assert outcome.answer[39] == "00"
        await server.stop()

    play(scene())


def test_an_answer_that_does_not_come_is_a_time_out_and_one_that_comes_late_is_told() -> None:
    release = asyncio.Event()

    async def slow(asked: Requested, _: object) -> Message:
        await release.wait()
        return response(asked.message)

    async def scene() -> None:
        told = Told()
        server, port = await served(slow)
        async with AsyncLink(settings(), HERE, port, listen=told) as link:
            await link.ready(PATIENCE_S)
            assert isinstance(await link.request(request(1), timeout_s=0.05), TimedOut)
            release.set()
            await until(lambda: "LateAnswer" in told.names)
            assert isinstance(told.events[-1], LateAnswer)
        await server.stop()

    play(scene())


def test_a_connection_that_breaks_loses_what_is_in_flight_and_comes_back() -> None:
    async def drop_the_first(asked: Requested, connection: LinkConnection) -> Message | None:
        if asked.message[11] == "000001":
            await connection.finish(0.0)
            return None
        return response(asked.message)

    async def scene() -> None:
        told = Told()
        server, port = await served(drop_the_first)
        async with AsyncLink(settings(), HERE, port, listen=told) as link:
            await link.ready(PATIENCE_S)
            lost = await link.request(request(1))
            assert isinstance(lost, Lost)
            assert lost.why == "closed by the peer"
            with pytest.raises(NotSentError, match="no connection"):
                await link.request(request(2))
            await link.ready(PATIENCE_S)
            assert isinstance(await link.request(request(2)), Answered)
        await server.stop()
        assert told.names == ["Ready", "Lost", "Disconnected", "Ready", "Answered", "Disconnected"]

    play(scene())


def test_the_link_comes_up_when_the_server_does() -> None:
    async def scene() -> None:
        told = Told()
        first, port = await served()
        await first.stop()
        async with AsyncLink(settings(), HERE, port, listen=told) as link:
            await until(lambda: told.names.count("Disconnected") >= 3)
            server = AsyncLinkServer(settings(), handle=approve)
            await server.start(HERE, port)
            await link.ready(PATIENCE_S)
            assert isinstance(await link.request(request(1)), Answered)
        await server.stop()

    play(scene())


def test_a_link_that_is_given_up_says_why() -> None:
    async def scene() -> None:
        first, port = await served()
        await first.stop()
        async with AsyncLink(settings(reconnect=ONCE), HERE, port) as link:
            with pytest.raises(ConnectError, match=f"link to 127.0.0.1:{port} given up: .*Connect"):
                await link.ready(PATIENCE_S)
        async with AsyncLink(settings(reconnect=ReconnectPolicy(first_s=9)), HERE, port) as link:
            with pytest.raises(ConnectError, match=r"not ready within 0\.1 s"):
                await link.ready(0.1)

    play(scene())


def test_the_sign_on_goes_first_and_a_refused_one_is_tried_again() -> None:
    codes = iter(["05", "00"])

    async def host(asked: Requested, _: object) -> Message:
        return response(asked.message, next(codes) if asked.message.mti == "0820" else "00")

    async def scene() -> None:
        told = Told()
        server, port = await served(host)
        async with AsyncLink(settings(sign_on=SignOn(management())), HERE, port, listen=told) as link:
            await link.ready(PATIENCE_S)
            assert isinstance(await link.request(request(1)), Answered)
        await server.stop()
        assert told.events[0] == Broken("sign-on refused, DE 39 is 05")
        assert told.names == ["Broken", "Disconnected", "Ready", "Answered", "Disconnected"]

    play(scene())


def test_a_peer_that_answers_no_echo_is_given_up() -> None:
    async def scene() -> None:
        told = Told()
        server, port = await served(handle=None)
        echo = Echo(management(), idle_s=0.02, timeout_s=0.02, misses_max=2)
        async with AsyncLink(settings(echo=echo), HERE, port, listen=told):
            await until(lambda: "Disconnected" in told.names)
        await server.stop()
        assert told.names[:5] == ["Ready", "EchoMissed", "EchoMissed", "Broken", "Disconnected"]

    play(scene())


def test_a_silent_line_stays_up_by_its_echoes() -> None:
    async def scene() -> None:
        told = Told()
        server, port = await served()
        async with AsyncLink(settings(echo=Echo(management(), idle_s=0.01)), HERE, port, listen=told):
            await until(lambda: told.names.count("Echoed") >= 3)
        await server.stop()
        assert "EchoMissed" not in told.names

    play(scene())


# --- closing ------------------------------------------------------------------------------------------------------


def test_closing_waits_for_what_is_in_flight() -> None:
    release = asyncio.Event()

    async def slow(asked: Requested, _: object) -> Message:
        await release.wait()
        return response(asked.message)

    async def scene() -> None:
        server, port = await served(slow)
        link = AsyncLink(settings(), HERE, port)
        link.start()
        await link.ready(PATIENCE_S)
        asking = asyncio.ensure_future(link.request(request(1)))
        await until(lambda: link.link.in_flight == 1)
        closing = asyncio.ensure_future(link.close())
        await until(lambda: link.link.state.value == "finishing")
        with pytest.raises(NotSentError, match="finishing"):
            await link.request(request(2))
        release.set()
        assert isinstance(await asking, Answered)
        await closing
        await server.stop()

    play(scene())


def test_stopping_the_server_lets_it_answer_what_it_has() -> None:
    release = asyncio.Event()
    begun = asyncio.Event()

    async def slow(asked: Requested, _: object) -> Message:
        begun.set()
        await release.wait()
        return response(asked.message)

    async def scene() -> None:
        server, port = await served(slow)
        async with AsyncLink(settings(), HERE, port) as link:
            await link.ready(PATIENCE_S)
            asking = asyncio.ensure_future(link.request(request(1)))
            await begun.wait()
            stopping = asyncio.ensure_future(server.stop())
            release.set()
            assert isinstance(await asking, Answered)
            await stopping
            assert server.connections == {}

    play(scene())


def test_closing_does_not_wait_for_ever() -> None:
    async def never(asked: Requested, _: object) -> Message:
        await asyncio.Event().wait()
        return response(asked.message)

    async def scene() -> None:
        server, port = await served(never)
        link = AsyncLink(settings(), HERE, port, close_timeout_s=0.02)
        link.start()
        await link.ready(PATIENCE_S)
        asking = asyncio.ensure_future(link.request(request(1)))
        await until(lambda: link.link.in_flight == 1)
        await link.close()
        outcome = await asking
        assert isinstance(outcome, Lost)
        assert outcome.why == "closed here"
        await server.stop(timeout_s=0.02)

    play(scene())


def test_closing_what_never_connected_is_quick() -> None:
    async def scene() -> None:
        first, port = await served()
        await first.stop()
        async with AsyncLink(settings(reconnect=ReconnectPolicy(first_s=1000, longest_s=1000)), HERE, port) as link:
            with pytest.raises(ConnectError):
                await link.ready(0.05)

    play(scene())


# --- handlers and hostile peers -----------------------------------------------------------------------------------


def test_a_handler_that_fails_is_told_and_the_link_goes_on() -> None:
    async def fails(asked: Requested, _: object) -> Message | None:
        if asked.message[11] == "000001":
            return Message("0210", {11: "no number"})
        if asked.message[11] == "000002":
            raise ValueError
        return response(asked.message) if asked.message[11] == "000003" else None

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))
        told = Told()
        server, port = await served(fails, listen=told)
        async with AsyncLink(settings(), HERE, port) as link:
            await link.ready(PATIENCE_S)
            asking = [asyncio.ensure_future(link.request(request(stan), timeout_s=5)) for stan in (1, 2, 4)]
            assert isinstance(await link.request(request(3)), Answered)
            for each in asking:
                each.cancel()
        await server.stop()
        whys = [each.why for each in told.events if isinstance(each, NotAnswered)]
        assert len(whys) == 2
        assert "DE 11" in whys[0]
        assert whys[1] == "its handler raised ValueError"

    raised: list[BaseException] = []
    play(scene())
    assert [type(each) for each in raised] == [ValueError]


def test_a_listener_that_raises_ends_the_link_and_is_heard_of() -> None:
    def raises(event: object, _: str) -> None:
        if str(event) == "connection 1 is ready":
            raise LookupError

    async def scene() -> None:
        server, port = await served()
        link = AsyncLink(settings(), HERE, port, listen=raises)
        link.start()
        await until(lambda: link._running is not None and link._running.done())
        with pytest.raises(LookupError):
            await link.close()
        await server.stop()

    play(scene())


def test_no_more_requests_are_in_work_than_allowed() -> None:
    working, most = 0, 0
    release = asyncio.Event()

    async def count(asked: Requested, _: object) -> Message:
        nonlocal working, most
        working += 1
        most = max(most, working)
        if working >= 4:
            release.set()
        await release.wait()
        await asyncio.sleep(0)
        working -= 1
        return response(asked.message)

    async def scene() -> None:
        server, port = await served(count, handlers_max=4)
        async with AsyncLink(settings(), HERE, port) as link:
            await link.ready(PATIENCE_S)
            outcomes = []
            for first in range(0, 40, 4):  # each batch may arrive as one piece, and a piece is taken whole
                outcomes += await asyncio.gather(*(link.request(request(first + each)) for each in range(4)))
            assert all(isinstance(each, Answered) for each in outcomes)
        await server.stop()

    play(scene())
    assert most == 4


def test_a_peer_that_takes_no_answers_is_read_no_further() -> None:
    handled = 0

    async def count(asked: Requested, connection: LinkConnection) -> Message:
        nonlocal handled
        handled += 1
        if handled == 1 and connection._writer is not None:
            connection._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return response(asked.message)

    async def scene() -> None:
        told = Told()
        server, port = await served(count, listen=told, handlers_max=8, idle_timeout_s=0.3)
        greedy = socket.socket()
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.setblocking(False)
        await asyncio.get_running_loop().sock_connect(greedy, (HERE, port))
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=greedy)
        transport.pause_reading()
        transport.write(FRAMING.encode(settings().codec.pack(request(1))) * 20_000)
        await until(lambda: "Disconnected" in told.names)
        assert handled < 10_000
        assert [each.why for each in told.events if isinstance(each, Disconnected)] == ["idle for 0.3 s"]
        transport.abort()
        await server.stop()

    play(scene())


@pytest.mark.parametrize("junk", [b"\xff\xff", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_peer_that_speaks_otherwise_is_told_and_left(junk: bytes) -> None:
    async def scene() -> None:
        told = Told()
        server = AsyncLinkServer(settings(), listen=told)
        server.settings = settings()
        port = await server.start(HERE, 0)
        reader, writer = await asyncio.open_connection(HERE, port)
        writer.write(junk)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        await server.stop()
        assert told.names[0] == "Ready"
        assert told.names[-1] == "Disconnected"

    play(scene())


def test_no_more_connections_are_taken_than_allowed() -> None:
    async def scene() -> None:
        told = Told()
        server, port = await served(connections_max=1, listen=told)
        async with AsyncLink(settings(), HERE, port) as link:
            await link.ready(PATIENCE_S)
            reader, writer = await asyncio.open_connection(HERE, port)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
            assert isinstance(await link.request(request(1)), Answered)
        await server.stop()
        assert "refused, 1 are connected already" in [
            each.why for each in told.events if isinstance(each, Disconnected)
        ]

    play(scene())


def test_a_connection_over_which_nothing_comes_is_closed() -> None:
    async def scene() -> None:
        server, port = await served(idle_timeout_s=0.02)
        reader, writer = await asyncio.open_connection(HERE, port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        await server.stop()

    play(scene())


def test_a_port_that_is_taken_cannot_be_listened_on() -> None:
    async def scene() -> None:
        server, port = await served()
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}"):
            await AsyncLinkServer(settings()).start(HERE, port)
        await server.stop()

    play(scene())


def test_a_notification_is_sent_without_waiting() -> None:
    async def scene() -> None:
        told = Told()
        server, port = await served(None, listen=told)
        async with AsyncLink(settings(), HERE, port) as link:
            await link.ready(PATIENCE_S)
            await link.tell(request(1, "0240"))
            await until(lambda: "Requested" in told.names)
        await server.stop()

    play(scene())


# --- TLS ----------------------------------------------------------------------------------------------------------


def test_both_ends_show_their_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    host, terminal = authority.issue("host.test"), authority.issue("terminal.test")

    async def scene() -> None:
        told = Told()
        tls = server_context(host.certificate, host.key, client_authorities=authority.file)
        server, port = await served(tls=tls)
        ours = client_context(authority.file, certificate=terminal.certificate, key=terminal.key)
        async with AsyncLink(settings(), HERE, port, tls=ours, server_name="host.test", listen=told) as link:
            await link.ready(PATIENCE_S)
            assert isinstance(await link.request(request(1)), Answered)
        await server.stop()
        assert told.names == ["Ready", "Answered", "Disconnected"]

    play(scene())


def test_a_client_without_a_certificate_gets_no_answer(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    host, other = authority.issue("host.test"), stranger.issue("terminal.test")

    async def scene() -> None:
        tls = server_context(host.certificate, host.key, client_authorities=authority.file)
        server, port = await served(tls=tls)
        for identity in ({}, {"certificate": other.certificate, "key": other.key}):
            ours = client_context(authority.file, **identity)
            sign_on = SignOn(management(), timeout_s=5.0)
            async with AsyncLink(settings(sign_on=sign_on, reconnect=ONCE), HERE, port, tls=ours) as link:
                with pytest.raises(ConnectError, match="given up"):
                    await link.ready(PATIENCE_S)
        await server.stop()

    play(scene())


@pytest.mark.parametrize("fault", ["authority", "name"])
def test_a_server_that_is_another_is_not_spoken_to(tmp_path: Path, fault: str) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    host = (stranger if fault == "authority" else authority).issue("host.test")

    async def scene() -> None:
        told = Told()
        server, port = await served(tls=server_context(host.certificate, host.key), listen=told)
        name = "host.test" if fault == "authority" else "another.test"
        ours = client_context(authority.file)
        async with AsyncLink(settings(reconnect=ONCE), HERE, port, tls=ours, server_name=name) as link:
            with pytest.raises(ConnectError, match=r"(?i)certificate"):
                await link.ready(PATIENCE_S)
        await server.stop()
        assert not [each for each in told.events if isinstance(each, Ready)]

    play(scene())


@pytest.mark.parametrize("junk", [b"\x00\x04junk", b"\x16\x03\x01\x00\x05abcde", b""])
def test_a_peer_that_speaks_no_tls_does_not_disturb_the_others(tmp_path: Path, junk: bytes) -> None:
    authority = Authority(tmp_path, "authority")
    host = authority.issue("host.test")

    async def scene() -> None:
        told = Told()
        server, port = await served(tls=server_context(host.certificate, host.key), listen=told)
        reader, writer = await asyncio.open_connection(HERE, port)
        writer.write(junk)
        writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        assert told.names == []
        async with AsyncLink(settings(), HERE, port, tls=client_context(authority.file)) as link:
            await link.ready(PATIENCE_S)
            assert isinstance(await link.request(request(1)), Answered)
        await server.stop()

    play(scene())


def test_a_certificate_that_cannot_be_used_is_refused_with_its_file(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    one, other = authority.issue("one"), authority.issue("other")
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    makes: list[Callable[[], object]] = [
        lambda: client_context(tmp_path / "missing.pem"),
        lambda: client_context(junk),
        lambda: client_context(authority.file, certificate=one.certificate, key=other.key),
        lambda: client_context(authority.file, certificate=junk, key=one.key),
        lambda: client_context(authority.file, key=one.key),
        lambda: server_context(one.certificate, other.key),
        lambda: server_context(one.certificate, one.key, client_authorities=junk),
    ]
    for make in makes:
        with pytest.raises(TlsError, match="need"):
            make()
