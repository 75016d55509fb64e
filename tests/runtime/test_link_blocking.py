"""The blocking link over real TCP and TLS, against the asyncio server and against peers that misbehave."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from posterm.iso8583 import TPDU, Echo, Framing, Message, NotSentError, PackError, ReconnectPolicy, SignOn
from posterm.iso8583.link_events import Answered, Broken, LateAnswer, Lost, Requested, TimedOut
from posterm.runtime.errors import ConnectError
from posterm.runtime.link_asyncio import AsyncLinkServer, LinkConnection
from posterm.runtime.link_blocking import BlockingLink
from posterm.runtime.link_tls import client_context, server_context
from tests.runtime.link_ends import (
    DIALECT,
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


@contextmanager
def served(handle: Any = approve, **options: Any) -> Iterator[int]:
    """An asyncio server in a thread of its own; gives its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = AsyncLinkServer(settings(), handle=handle, **options)

    async def stop() -> None:
        await server.stop(timeout_s=0.1)

    try:
        yield asyncio.run_coroutine_threadsafe(server.start(HERE, 0), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def scripted(*scenes: Callable[[socket.socket], None]) -> Iterator[int]:
    """A peer that plays one scene for each connection, then closes it; gives its port."""
    with socket.create_server((HERE, 0)) as listener:

        def play() -> None:
            for scene in scenes:
                connection, _ = listener.accept()
                with connection:
                    scene(connection)

        thread = threading.Thread(target=play)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join()


def framed(message: Message) -> bytes:
    return FRAMING.encode(DIALECT.pack(message))


def receive(connection: socket.socket) -> Message:
    size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
    return DIALECT.unpack(FRAMING.split(connection.recv(size, socket.MSG_WAITALL)).message)


def hear_out(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def test_a_request_is_answered() -> None:
    with served() as port, BlockingLink(settings(), HERE, port) as link:
        outcome = link.request(request(1))
        assert isinstance(outcome, Answered)
        assert outcome.answer[11] == "000001"


def test_many_in_flight_are_waited_for_in_any_order() -> None:
    with served() as port, BlockingLink(settings(), HERE, port) as link:
        numbers = [link.send(request(stan)) for stan in range(50)]
        outcomes = {number: link.wait(number) for number in reversed(numbers)}
        answers = [outcomes[number] for number in numbers]
        assert [each.answer[11] for each in answers if isinstance(each, Answered)] == [f"{n:06d}" for n in range(50)]
        with pytest.raises(NotSentError, match="not told yet"):
            link.wait(numbers[0])


def test_what_the_peer_asks_is_answered_while_waiting() -> None:
    async def ask_back(asked: Requested, connection: LinkConnection) -> Message:
        outcome = await connection.request(request(7, "0800"))
        return response(asked.message, "00" if isinstance(outcome, Answered) else "96")

    with (
        served(ask_back) as port,
        BlockingLink(settings(), HERE, port, handle=lambda asked: response(asked.message)) as link,
    ):
        outcome = link.request(request(1))
        assert isinstance(outcome, Answered)
        assert outcome.answer[39] == "00"


def test_serving_answers_the_peer_without_asking_it() -> None:
    def ask(connection: socket.socket) -> None:
        connection.sendall(framed(request(5, "0800")))
        answers.append(receive(connection))
        hear_out(connection)

    answers: list[Message] = []
    told = Told()
    with (
        scripted(ask) as port,
        BlockingLink(settings(), HERE, port, listen=told, handle=lambda asked: response(asked.message)) as link,
    ):
        while not answers:
            link.serve(0.01)
    assert [each.mti for each in answers] == ["0810"]
    assert told.names == ["Ready", "Requested", "Disconnected"]


def test_a_handler_that_fails_is_told() -> None:
    def ask(connection: socket.socket) -> None:
        connection.sendall(framed(request(5, "0800")))
        hear_out(connection)

    told = Told()
    wrong = Message("0810", {11: "no number"})
    with scripted(ask) as port, BlockingLink(settings(), HERE, port, listen=told, handle=lambda _: wrong) as link:
        while "NotAnswered" not in told.names:
            link.serve(0.01)


def test_a_handler_that_raises_takes_no_outcome_with_it() -> None:
    def ask_and_answer(connection: socket.socket) -> None:
        asked = receive(connection)
        connection.sendall(framed(request(5, "0800")) + framed(response(asked)))
        hear_out(connection)

    def raises(_: Requested) -> Message:
        raise ValueError

    with scripted(ask_and_answer) as port, BlockingLink(settings(), HERE, port, handle=raises) as link:
        number = link.send(request(1))
        with pytest.raises(ValueError, match=r"^$"):
            link.wait(number)
        assert isinstance(link.wait(number), Answered)


def test_a_late_answer_is_told_to_the_next_who_waits() -> None:
    def late(connection: socket.socket) -> None:
        first, second = receive(connection), receive(connection)
        connection.sendall(framed(response(first)) + framed(response(second)))
        hear_out(connection)

    told = Told()
    with scripted(late) as port, BlockingLink(settings(), HERE, port, listen=told) as link:
        assert isinstance(link.request(request(1), timeout_s=0.02), TimedOut)
        assert isinstance(link.request(request(2)), Answered)
    assert [type(each) for each in told.events if isinstance(each, LateAnswer)] == [LateAnswer]


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (lambda connection: None, "closed by the peer"),
        (lambda connection: connection.sendall(b"\x00"), "closed by the peer"),
        (
            lambda connection: connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"),
            "Connection reset by peer",
        ),
    ],
)
def test_a_connection_that_ends_loses_the_request_and_the_next_one_connects_again(
    end: Callable[[socket.socket], None], why: str
) -> None:
    def drop(connection: socket.socket) -> None:
        receive(connection)
        end(connection)

    def answer(connection: socket.socket) -> None:
        connection.sendall(framed(response(receive(connection))))
        hear_out(connection)

    with scripted(drop, answer) as port, BlockingLink(settings(), HERE, port) as link:
        lost = link.request(request(1))
        assert isinstance(lost, Lost)
        assert lost.why == why
        assert isinstance(link.request(request(1)), Answered)


def talks(junk: bytes) -> Callable[[socket.socket], None]:
    def scene(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(junk)
        hear_out(connection)

    return scene


def test_a_frame_that_cannot_be_read_is_told_and_the_link_goes_on() -> None:
    told = Told()
    junk = b"\x00\x04junk" + framed(response(request(1)))
    with scripted(talks(junk)) as port, BlockingLink(settings(), HERE, port, listen=told) as link:
        assert isinstance(link.request(request(1)), Answered)
    assert told.names == ["Ready", "Unreadable", "Answered", "Disconnected"]


def test_a_stream_that_cannot_be_read_ends_the_connection() -> None:
    told = Told()
    small = settings(framing=Framing(headers=(TPDU,), max_bytes=512))
    with scripted(talks(b"HTTP/1.1 400")) as port, BlockingLink(small, HERE, port, listen=told) as link:
        lost = link.request(request(1))
        assert isinstance(lost, Lost)
        assert lost.why == "frame length: need at most 512 bytes, have 18516, at byte 0 of the stream"
    assert told.names == ["Ready", "Broken", "Lost", "Disconnected"]


def test_a_sign_on_that_is_refused_is_tried_again_after_a_wait() -> None:
    def answer_with(code: str) -> Callable[[socket.socket], None]:
        def answer(connection: socket.socket) -> None:
            connection.sendall(framed(response(receive(connection), code)))
            hear_out(connection)

        return answer

    told = Told()
    waits: list[float] = []
    policy = ReconnectPolicy(first_s=3, factor=2, spread=0)
    with (
        scripted(answer_with("05"), answer_with("05"), answer_with("00")) as port,
        BlockingLink(
            settings(sign_on=SignOn(management()), reconnect=policy), HERE, port, listen=told, pause=waits.append
        ),
    ):
        assert waits == [3, 6]
    assert told.events[0] == Broken("sign-on refused, DE 39 is 05")
    assert told.names == ["Broken", "Disconnected"] * 2 + ["Ready", "Disconnected"]


def test_a_link_that_is_given_up_says_why() -> None:
    with socket.create_server((HERE, 0)) as listener:
        port = listener.getsockname()[1]
    link = BlockingLink(settings(reconnect=ONCE), HERE, port)
    with pytest.raises(ConnectError, match=f"link to 127.0.0.1:{port} given up: Connection refused"):
        link.open()
    with pytest.raises(ConnectError):
        link.request(request(1))
    with pytest.raises(NotSentError, match="no connection"):
        link.send(request(1))
    link.close()


def test_a_name_that_cannot_be_looked_up_is_a_failure_like_another() -> None:
    with pytest.raises(ConnectError, match="given up"):
        BlockingLink(settings(reconnect=ONCE), "x" * 70 + ".invalid", 1).open()


def test_what_does_not_fit_the_dialect_is_not_sent() -> None:
    with served() as port, BlockingLink(settings(), HERE, port) as link:
        with pytest.raises(PackError):
            link.request(Message("0200", {11: "no number"}))
        assert isinstance(link.request(request(1)), Answered)


def test_an_echo_goes_out_while_the_line_is_served() -> None:
    told = Told()
    with (
        served() as port,
        BlockingLink(settings(echo=Echo(management(), idle_s=0.01)), HERE, port, listen=told) as link,
    ):
        while "Echoed" not in told.names:
            link.serve(0.02)
    assert "EchoMissed" not in told.names


def test_closing_waits_for_what_is_in_flight() -> None:
    told = Told()
    with served() as port:
        link = BlockingLink(settings(), HERE, port, listen=told)
        link.open()
        number = link.send(request(1))
        link.close()
        assert isinstance(link.wait(number), Answered)
    assert told.names == ["Ready", "Answered", "Disconnected"]


def test_outcomes_nobody_waits_for_do_not_pile_up() -> None:
    with served() as port, BlockingLink(settings(in_flight_max=2, remembered_max=2), HERE, port) as link:
        for stan in range(20):
            link.send(request(stan))
            while link.link.in_flight:
                link.serve(0.01)
        assert len(link._outcomes) <= 4


def test_both_ends_show_their_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    host, terminal = authority.issue("host.test"), authority.issue("terminal.test")
    tls = server_context(host.certificate, host.key, client_authorities=authority.file)
    ours = client_context(authority.file, certificate=terminal.certificate, key=terminal.key)
    with (
        served(tls=tls) as port,
        BlockingLink(settings(), HERE, port, tls=ours, server_name="host.test") as link,
    ):
        assert isinstance(link.request(request(1)), Answered)


@pytest.mark.parametrize("name", ["host.test", "another.test"])
def test_a_server_that_is_another_is_not_spoken_to(tmp_path: Path, name: str) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    host = (stranger if name == "host.test" else authority).issue("host.test")
    with served(tls=server_context(host.certificate, host.key)) as port:
        link = BlockingLink(settings(reconnect=ONCE), HERE, port, tls=client_context(authority.file), server_name=name)
        with pytest.raises(ConnectError, match=r"(?i)certificate"):
            link.open()
