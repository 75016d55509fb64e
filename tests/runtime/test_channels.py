"""The four ways frames lie on a connection, over real TCP between a real terminal and a real host."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from posterm.amount import Amount
from posterm.iso8583 import FramingError
from posterm.runtime import clock
from posterm.runtime.assembly import open_host, open_hsm, open_terminal
from posterm.runtime.channel import client_channel, server_channel
from posterm.runtime.run_host import HostService
from posterm.runtime.run_terminal import drive
from posterm.runtime.tcp import TcpLine
from posterm.terminal import Identity, Outcome, Result, Terminal
from posterm.terminal.operators import TEST_PASSWORDS
from posterm.unionpay.profile import AcquirerProfile, get_profile
from simulators.cards import TEST_CARDS
from simulators.enrolment import MERCHANT_ID, TMK_COMPONENTS, enrol_everything
from simulators.front import Front, Hand, PinPad

FORMS = ("be16", "bcd16", "none", "http")


def profile_with(form: str) -> AcquirerProfile:
    profile = get_profile("default")
    frame = profile.frame.model_copy(update={"length_prefix": form})
    timers = profile.timers.model_copy(update={"response_s": 2.0})
    return profile.model_copy(update={"frame": frame, "timers": timers})


@contextmanager
def host_on_a_port(folder: Path, profile: AcquirerProfile) -> Iterator[int]:
    """A host in a thread of its own, with its own loop and store."""
    ready, ports = threading.Event(), list[int]()
    stopping: list[asyncio.Event] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        hsm = open_hsm()
        opened = open_host(folder, profile, hsm)
        with opened.store.batch():
            enrol_everything(opened.host, hsm, at=clock.now())
        service = HostService(opened.host, opened.store, profile, lambda _event, _peer: None)
        ports.append(await service.start("127.0.0.1", 0))
        stopping.append(asyncio.Event())
        loops.append(asyncio.get_running_loop())
        ready.set()
        await stopping[0].wait()
        await service.stop()
        opened.store.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    try:
        yield ports[0]
    finally:
        loops[0].call_soon_threadsafe(stopping[0].set)
        thread.join(30)


def sale(terminal: Terminal, line: TcpLine, front: Front, amount: int) -> Result:
    flow = terminal.sale(Amount(amount), clock.now())
    return drive(flow, line=line, front=front, listen=lambda _told: None)


@pytest.mark.parametrize("form", FORMS)
def test_terminal_and_host_trade_over_every_form(tmp_path: Path, form: str) -> None:
    profile, hsm = profile_with(form), open_hsm()
    with host_on_a_port(tmp_path / "host", profile) as port:
        opened = open_terminal(tmp_path, profile, hsm, Identity("10000001", MERCHANT_ID))
        terminal = opened.terminal
        terminal.inject_tmk(list(TMK_COMPONENTS), password=TEST_PASSWORDS["99"])
        line = TcpLine("127.0.0.1", port, partial(client_channel, profile, "127.0.0.1"))
        card = TEST_CARDS[0]
        front = Front(Hand.swiping(card, card.pin), PinPad(hsm), lambda _document: None)
        flow = terminal.sign_on("01", TEST_PASSWORDS["01"], clock.now())
        assert drive(flow, line=line, front=front, listen=lambda _told: None).done
        assert sale(terminal, line, front, 12_34).outcome is Outcome.APPROVED
        # 9001.00 is never answered, 9001.04 torn, 9001.06 closed: each ends reversed.
        for amount in (9001_00, 9001_04, 9001_06):
            assert sale(terminal, line, front, amount).outcome is Outcome.REVERSED
        opened.store.close()


@pytest.mark.parametrize("form", FORMS)
def test_a_frame_passes_in_any_pieces(form: str) -> None:
    profile = profile_with(form)
    client, server = client_channel(profile, "acquirer.example"), server_channel(profile)
    body = bytes.fromhex("600003000060310031000008200000000000C00010") + b"10000001898310058120001"
    framed = len(body).to_bytes(2, "big") if form == "be16" else bytes.fromhex(f"{len(body):04d}")
    wire = client.send(framed + body if form in ("be16", "bcd16") else body)
    arrived = [frame for byte in wire for frame in server.receive(bytes([byte]))]
    assert arrived + server.receive(b"") == [body]
    back = server.send(b"answer")
    answers = [frame for byte in back for frame in client.receive(bytes([byte]))]
    assert answers + (client.receive(b"") if not answers else []) == [b"answer"]


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ("http", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("http", b"POST /elsewhere HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
        ("http", b"\x00\x34\x60\x00\x03\r\n\r\n"),
        ("http", b"POST /mjc/webtrans/VPB_lb HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + bytes(5000)),
        ("http", b"POST /" + b"a" * 20_000),
        ("none", bytes(5000)),
        ("be16", b"\xff\xff"),
        ("bcd16", b"\xaa\xaa"),
    ],
)
def test_what_is_no_frame_is_refused(form: str, sent: bytes) -> None:
    with pytest.raises(FramingError):
        server_channel(profile_with(form)).receive(sent)


def test_an_http_error_is_no_answer() -> None:
    client = client_channel(profile_with("http"), "acquirer.example")
    client.send(b"frame")
    with pytest.raises(FramingError, match="503"):
        client.receive(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


def test_two_posts_on_one_connection_are_both_answered() -> None:
    server = server_channel(profile_with("http"))
    post = b"POST /mjc/webtrans/VPB_lb HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
    assert server.receive(post + b"one") == [b"one"]
    assert b"200" in server.send(b"first")
    assert server.receive(post + b"two") == [b"two"]


def test_a_connection_that_is_half_closed_is_still_answered(tmp_path: Path) -> None:
    profile = profile_with("be16")
    echo = bytes.fromhex(
        "0034600003000060310031000008200000000000C0001031303030303030313839383331303035383132303030310011000000013010"
    )
    with host_on_a_port(tmp_path, profile) as port, socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.sendall(echo)
        peer.shutdown(socket.SHUT_WR)
        assert len(peer.recv(4096)) > 50
        assert peer.recv(4096) == b""
