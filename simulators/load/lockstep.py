"""Closed loop: each connection sends a request, waits for the answer, sends the next. It shows the highest rate.

The loop counts bytes over epoll, so that it costs little beside the host: frames are made before, answers looked at
afterwards. Whatever answers frame for frame can stand in the host's place. Latencies from here must not be read as
those of customers, who do not wait for each other: that is what `arrivals` is for.
"""

from __future__ import annotations

import select
import socket
import time
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from simulators.load.errors import LinkBrokenError

PREFIX_BYTES: Final = 2
_READ_BYTES: Final = 65_536
_PATIENCE_S: Final = 30.0


@dataclass(slots=True)
class Lockstep:
    """What came of a run: frames of answers by connection, without their length, in order."""

    answers: list[list[bytes]] = field(repr=False)
    elapsed_s: float
    latencies_s: array[float] = field(repr=False)

    @property
    def answered(self) -> int:
        return sum(len(answers) for answers in self.answers)

    @property
    def rate_per_s(self) -> float:
        return self.answered / self.elapsed_s


def connect(address: str, port: int) -> socket.socket:
    """A connection that sends at once. Raises: LinkBrokenError: nobody listens there."""
    try:
        connection = socket.create_connection((address, port), timeout=_PATIENCE_S)
    except OSError as error:
        raise LinkBrokenError(f"cannot connect to {address}:{port}: {error.strerror}") from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exchange(connection: socket.socket, frame: bytes) -> bytes:
    """Send one frame with its length and wait for the answer. Returns: it, without its length."""
    connection.sendall(frame)
    received = b""
    while len(received) < PREFIX_BYTES or len(received) < PREFIX_BYTES + _length(received):
        received += _read(connection)
    return received[PREFIX_BYTES:]


def run_lockstep(address: str, port: int, frames: Sequence[Sequence[bytes]], seconds: float) -> Lockstep:
    """Load with one connection for each list of frames, until the time is over or a list is.

    Args:
        frames: with their lengths of two bytes, as they go on the line.
    Raises: LinkBrokenError.
    """
    with ExitStack() as opened:
        connections = [opened.enter_context(connect(address, port)) for _ in frames]
        return _step(connections, frames, opened.enter_context(select.epoll()), seconds)


def _step(
    connections: Sequence[socket.socket], frames: Sequence[Sequence[bytes]], poll: select.epoll, seconds: float
) -> Lockstep:
    places = {connection.fileno(): place for place, connection in enumerate(connections)}
    for number in places:
        poll.register(number, select.EPOLLIN)
    answers: list[list[bytes]] = [[] for _ in frames]
    latencies = array("d")
    unread = [b""] * len(frames)
    clock = time.perf_counter
    sent_at = [0.0] * len(frames)
    start = clock()
    until = start + seconds
    for place, connection in enumerate(connections):
        sent_at[place] = clock()
        connection.send(frames[place][0])
    waiting, now = len(connections), start
    while waiting:
        events = poll.poll(_PATIENCE_S)
        if not events:
            raise LinkBrokenError(f"no answer within {_PATIENCE_S:.0f} s")
        for number, _ in events:
            place = places[number]
            connection = connections[place]
            data = unread[place] + _read(connection)
            if len(data) < PREFIX_BYTES or len(data) < PREFIX_BYTES + _length(data):
                unread[place] = data
                continue
            unread[place] = b""
            now = clock()
            latencies.append(now - sent_at[place])
            done = answers[place]
            done.append(data[PREFIX_BYTES:])
            if now < until and len(done) < len(frames[place]):
                sent_at[place] = now
                connection.send(frames[place][len(done)])
            else:
                until = min(until, now)  # a list has come to its end: what is on the way is the last
                waiting -= 1
    return Lockstep(answers, now - start, latencies)


def _length(data: bytes) -> int:
    return data[0] << 8 | data[1]


def _read(connection: socket.socket) -> bytes:
    try:
        data = connection.recv(_READ_BYTES)
    except OSError as error:
        raise LinkBrokenError(f"the connection broke: {error.strerror}") from None
    if not data:
        raise LinkBrokenError("the host closed a connection")
    return data
