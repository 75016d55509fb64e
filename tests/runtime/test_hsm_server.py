"""The HSM's server over real sockets: order, bounds, TLS, and an end that loses no answer. The sessions only echo."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from posterm.errors import PostermError
from posterm.hsm.errors import HsmError
from posterm.runtime.errors import ListenError
from posterm.runtime.link_tls import client_context, server_context
from posterm.runtime.run_hsm import HsmServer, HsmServerEvent
from tests.runtime.link_ends import Authority

STEP_S = 10.0


class EchoSession:
    """Gives every framed message back; a length of zero ends it, and the message `fail` finds the disk full."""

    def __init__(self, _peer: str) -> None:
        self.ended: PostermError | None = None
        self._pending = b""

    @property
    def is_between_messages(self) -> bool:
        return not self._pending

    def receive(self, data: bytes) -> bytes:
        self._pending += data
        answers = b""
        while len(self._pending) >= 2:
            length = int.from_bytes(self._pending[:2], "big")
            if not length:
                self.ended = HsmError("a length of zero")
                break
            if len(self._pending) < 2 + length:
                break
            message, self._pending = self._pending[: 2 + length], self._pending[2 + length :]
            if message[2:] == b"fail":
                raise HsmError("the disk is full")
            answers += message
        return answers


def framed(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


class Told(list[tuple[str, dict[str, str]]]):
    """What the server told of, and a way to wait for it."""

    def __call__(self, event: HsmServerEvent, _peer: str) -> None:
        self.append((event.name, event.details))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self]

    async def wait_for(self, name: str, count: int = 1) -> None:
        async with asyncio.timeout(STEP_S):
            while self.names.count(name) < count:
                await asyncio.sleep(0.005)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def serving(play: Callable[[HsmServer, int, Told], Awaitable[None]], **settings: object) -> Told:
    """Run a server, play against it, stop it."""
    told = Told()

    async def run() -> None:
        server = HsmServer(EchoSession, told, **settings)  # type: ignore[arg-type]
        port = await server.start("127.0.0.1", 0)
        try:
            async with asyncio.timeout(3 * STEP_S):
                await play(server, port, told)
        finally:
            await server.stop()

    asyncio.run(run())
    return told


async def connect(port: int, **tls: object) -> Streams:
    return await asyncio.open_connection("127.0.0.1", port, **tls)  # type: ignore[arg-type]


def test_pipelined_and_split_messages_are_answered_in_order() -> None:
    async def play(_server: HsmServer, port: int, _told: Told) -> None:
        reader, writer = await connect(port)
        wire = b"".join(framed(b"message %d" % number) for number in range(50))
        for start in range(0, len(wire), 7):
            writer.write(wire[start : start + 7])
            await writer.drain()
        assert await reader.readexactly(len(wire)) == wire
        writer.close()

    assert serving(play).names[0] == "connection-opened"


def test_a_hostile_frame_costs_its_own_connection_only() -> None:
    async def play(server: HsmServer, port: int, told: Told) -> None:
        good_reader, good_writer = await connect(port)
        bad_reader, bad_writer = await connect(port)
        bad_writer.write(framed(b"last") + b"\0\0" + b"junk")
        assert await bad_reader.read() == framed(b"last")
        good_writer.write(framed(b"still here"))
        assert await good_reader.readexactly(12) == framed(b"still here")
        assert server.connections == 1
        assert ("not-framed", {"why": "a length of zero"}) in told
        good_writer.close()
        bad_writer.close()

    serving(play)


def test_a_command_whose_effect_cannot_be_kept_is_not_answered() -> None:
    async def play(_server: HsmServer, port: int, told: Told) -> None:
        reader, writer = await connect(port)
        writer.write(framed(b"fail"))
        assert await reader.read() == b""
        assert ("command-failed", {"why": "the disk is full"}) in told
        writer.close()

    serving(play)


def test_connections_beyond_the_limit_are_closed_and_told_of() -> None:
    async def play(server: HsmServer, port: int, told: Told) -> None:
        first = await connect(port)
        await told.wait_for("connection-opened")
        reader, writer = await connect(port)
        assert await reader.read() == b""
        assert ("connection-refused", {"limit": "1"}) in told
        first[1].close()
        writer.close()
        await told.wait_for("connection-closed")
        assert server.connections == 0
        again = await connect(port)
        await told.wait_for("connection-opened", 2)
        again[1].close()

    serving(play, connections_max=1)


def test_a_silent_connection_is_closed_also_in_mid_message() -> None:
    async def play(_server: HsmServer, port: int, told: Told) -> None:
        reader, writer = await connect(port)
        writer.write(b"\x00")
        assert await reader.read() == b""
        assert "connection-idle" in told.names
        writer.close()

    serving(play, idle_timeout_s=0.1)


def test_a_peer_that_goes_away_in_mid_message_is_told_of() -> None:
    async def play(_server: HsmServer, port: int, told: Told) -> None:
        _, writer = await connect(port)
        writer.write(b"\x00\x05ab")
        writer.close()
        await told.wait_for("connection-torn")

    serving(play)


def test_a_peer_that_does_not_read_is_read_no_further_and_loses_nothing() -> None:
    wire = framed(bytes(60_000)) * 400

    async def play(_server: HsmServer, port: int, _told: Told) -> None:
        reader, writer = await connect(port)
        sending = asyncio.ensure_future(_send(writer, wire))
        done, _ = await asyncio.wait({sending}, timeout=0.2)
        assert not done, "the server took 24 MB from a peer that reads nothing"
        assert await reader.readexactly(len(wire)) == wire
        await sending
        writer.close()

    serving(play)


async def _send(writer: asyncio.StreamWriter, wire: bytes) -> None:
    writer.write(wire)
    await writer.drain()


def test_a_server_that_stops_sends_the_answers_it_owes() -> None:
    received: list[bytes] = []

    async def run() -> None:
        told = Told()
        server = HsmServer(EchoSession, told)
        port = await server.start("127.0.0.1", 0)
        reader, writer = await connect(port)
        wire = framed(bytes(50_000)) * 4
        writer.write(wire)
        received.append(await reader.readexactly(10))
        stopping = asyncio.ensure_future(server.stop())
        received.append(await reader.read())
        await stopping
        with pytest.raises(OSError, match="Connect call failed"):
            await connect(port)
        writer.close()

    asyncio.run(run())
    assert len(b"".join(received)) % 50_002 == 0


def test_a_port_that_is_taken_is_an_error() -> None:
    async def play(_server: HsmServer, port: int, _told: Told) -> None:
        with pytest.raises(ListenError, match="cannot listen"):
            await HsmServer(EchoSession, Told()).start("127.0.0.1", port)

    serving(play)


def test_a_client_with_a_certificate_is_served_by_its_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    hsm, host = authority.issue("hsm"), authority.issue("host")

    async def play(_server: HsmServer, port: int, told: Told) -> None:
        ours = client_context(authority.file, certificate=host.certificate, key=host.key)
        reader, writer = await connect(port, ssl=ours)
        writer.write(framed(b"secret"))
        assert await reader.readexactly(8) == framed(b"secret")
        assert ("connection-opened", {"client": "host"}) in told
        writer.close()
        await writer.wait_closed()

    serving(play, tls=server_context(hsm.certificate, hsm.key, client_authorities=authority.file))


def test_a_client_without_a_certificate_or_with_a_strange_one_gets_no_answer(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    hsm, other = authority.issue("hsm"), stranger.issue("host")

    async def play(_server: HsmServer, port: int, told: Told) -> None:
        for identity in ({}, {"certificate": other.certificate, "key": other.key}):
            ours = client_context(authority.file, **identity)
            try:
                reader, writer = await connect(port, ssl=ours)
                writer.write(framed(b"secret"))
                assert await reader.read() == b""
                writer.close()
            except (ssl.SSLError, ConnectionError):
                pass
        assert "connection-opened" not in told.names

    serving(play, tls=server_context(hsm.certificate, hsm.key, client_authorities=authority.file))


def test_a_client_that_speaks_no_tls_gets_no_answer(tmp_path: Path) -> None:
    hsm = Authority(tmp_path, "authority").issue("hsm")

    async def play(_server: HsmServer, port: int, told: Told) -> None:
        reader, writer = await connect(port)
        writer.write(framed(b"secret"))
        assert framed(b"secret") not in await reader.read()
        assert told.names == []
        writer.close()

    serving(play, tls=server_context(hsm.certificate, hsm.key))
