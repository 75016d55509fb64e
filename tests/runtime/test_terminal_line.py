"""A terminal's line over real TCP: every way it can end, and what the terminal is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from posterm.iso8583 import FrameDecoder, encode_frame
from posterm.runtime.tcp import TcpLine
from posterm.terminal.effects import FrameArrived, LinkLost, NotSent, TimedOut, Transmit

QUESTION = Transmit(encode_frame(b"question"), connect_timeout_s=5.0, answer_timeout_s=0.3)
PATIENT = Transmit(encode_frame(b"question"), connect_timeout_s=5.0, answer_timeout_s=20.0)


class Stream:
    """The usual channel, with a decoder the test may choose."""

    closes_after_sending = False
    unread = 0

    def __init__(self, **form: Any) -> None:
        self._decoder = FrameDecoder(**form)

    def receive(self, data: bytes) -> list[bytes]:
        return self._decoder.feed(data)

    def send(self, frame: bytes) -> bytes:
        return frame


@contextmanager
def peer(answer: Callable[[socket.socket], None]) -> Iterator[TcpLine]:
    """A peer that takes one connection, reads the question and then does what the test says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(100) == QUESTION.frame
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        line = TcpLine("127.0.0.1", server.getsockname()[1], Stream)
        yield line
        line.hang_up()
        thread.join(20)
        assert not thread.is_alive()


def read_to_the_end(connection: socket.socket) -> None:
    while connection.recv(100):
        pass


def test_an_answer_arrives_whole_whatever_the_pieces() -> None:
    def answer(connection: socket.socket) -> None:
        for byte in encode_frame(b"answer"):
            connection.sendall(bytes([byte]))

    with peer(answer) as line:
        reply = line.transmit(PATIENT)
        assert isinstance(reply, FrameArrived)
        assert reply.frame == b"answer"


def test_a_second_frame_waits_for_whoever_waits_for_it() -> None:
    with peer(lambda connection: connection.sendall(encode_frame(b"one") + encode_frame(b"two"))) as line:
        first, second = line.transmit(PATIENT), line.wait()
        assert isinstance(first, FrameArrived)
        assert isinstance(second, FrameArrived)
        assert (first.frame, second.frame) == (b"one", b"two")
        assert isinstance(line.wait(), LinkLost)


def test_no_answer_is_a_time_out() -> None:
    with peer(read_to_the_end) as line:
        assert isinstance(line.transmit(QUESTION), TimedOut)


def test_a_slow_drip_does_not_move_the_deadline() -> None:
    def drip(connection: socket.socket) -> None:
        # A frame of 269 million bytes, one byte at a time, until the terminal hangs up.
        with suppress(OSError):
            while True:
                connection.sendall(b"\x10")

    with peer(drip) as line:
        line._make_channel = lambda: Stream(length="be32", max_length=2**32 - 1)
        assert isinstance(line.transmit(QUESTION), TimedOut)


@pytest.mark.parametrize("sent", [b"", b"\x00", encode_frame(b"answer")[:4]])
def test_a_connection_that_ends_before_the_answer_is_a_lost_link(sent: bytes) -> None:
    with peer(lambda connection: connection.sendall(sent)) as line:
        assert isinstance(line.transmit(PATIENT), LinkLost)


def test_a_reset_connection_is_a_lost_link() -> None:
    def reset(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with peer(reset) as line:
        assert isinstance(line.transmit(PATIENT), LinkLost)


def test_a_length_over_the_limit_is_a_lost_link() -> None:
    with peer(lambda connection: connection.sendall(b"\xff\xff")) as line:
        line._make_channel = lambda: Stream(max_length=100)
        assert isinstance(line.transmit(PATIENT), LinkLost)


def test_a_keep_alive_is_not_an_answer() -> None:
    with peer(lambda connection: connection.sendall(b"\x00\x00" + encode_frame(b"answer"))) as line:
        reply = line.transmit(PATIENT)
        assert isinstance(reply, FrameArrived)
        assert reply.frame == b"answer"


def test_nobody_there_means_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    reply = TcpLine("127.0.0.1", port, Stream).transmit(QUESTION)
    assert isinstance(reply, NotSent)
    assert str(port) in reply.reason


def test_waiting_without_a_connection_is_a_lost_link() -> None:
    assert isinstance(TcpLine("127.0.0.1", 1, Stream).wait(), LinkLost)
