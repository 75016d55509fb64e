"""The closed loop against a server that echoes, closes, or says nothing."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import pytest

from simulators.load.errors import LinkBrokenError
from simulators.load.lockstep import connect, exchange, run_lockstep

FRAMES = [[(3).to_bytes(2, "big") + bytes([connection, number, 0]) for number in range(50)] for connection in range(4)]


class Echo(asyncio.Protocol):
    """Gives back what it gets, a byte at a time when `slowly`."""

    slowly = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        for piece in [data[at : at + 1] for at in range(len(data))] if self.slowly else [data]:
            self.transport.write(piece)


class Dribble(Echo):
    slowly = True


class Hangup(Echo):
    def data_received(self, _data):
        self.transport.close()


@contextmanager
def serving(protocol):
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:

        async def end():
            server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.mark.parametrize("protocol", [Echo, Dribble])
def test_every_connection_gets_its_own_answers_in_order(protocol):
    with serving(protocol) as port:
        run = run_lockstep("127.0.0.1", port, FRAMES, 60.0)
    shortest = min(len(answers) for answers in run.answers)
    assert shortest >= 49 or run.answered >= 50
    for answers, frames in zip(run.answers, FRAMES, strict=True):
        assert answers == [frame[2:] for frame in frames[: len(answers)]]
    assert len(run.latencies_s) == run.answered
    assert run.rate_per_s > 0


def test_one_exchange_brings_one_answer():
    with serving(Dribble) as port:
        connection = connect("127.0.0.1", port)
        assert exchange(connection, b"\x00\x02ab") == b"ab"
        connection.close()


def test_a_host_that_hangs_up_is_named():
    with serving(Hangup) as port, pytest.raises(LinkBrokenError, match=r"closed a connection|broke"):
        run_lockstep("127.0.0.1", port, FRAMES, 60.0)


def test_nobody_listening_is_named():
    with serving(Echo) as port:
        pass
    with pytest.raises(LinkBrokenError, match="cannot connect"):
        connect("127.0.0.1", port)
