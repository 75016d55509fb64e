"""`posterm send`: one request over TCP and its answer; what comes instead of an answer is told."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from posterm.iso8583 import TPDU, Frame, Framing, Message, get_dialect

DIALECT = get_dialect("iso87-ascii")
REQUEST = Message("0800", {11: "000001", 41: "TERM0001"})
WIRE = DIALECT.pack(REQUEST).hex()
ANSWER = Message("0810", {11: "000001", 39: "00", 41: "TERM0001"})
POS_FRAME = "603100310000" + "0800" + "0020000000800000" + "000001" + "31" * 8

Answering = Callable[[Frame], list[bytes]]


@contextmanager
def host(framing: Framing, answer: Answering) -> Iterator[str]:
    """A host for one connection: what `answer` makes of each frame goes back. Gives HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                decoder = framing.decoder()
                while data := connection.recv(4096):
                    for payload in decoder.feed(data):
                        for frame in answer(framing.split(payload)):
                            connection.sendall(frame)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


@pytest.mark.parametrize(
    ("options", "framing"),
    [
        ((), Framing()),
        (("--framing", "ascii4", "--counts-itself"), Framing("ascii4", counts_itself=True)),
        (("--framing", "bcd16", "--header", "tpdu"), Framing("bcd16", headers=(TPDU,))),
    ],
    ids=["be16", "ascii4 that counts itself", "TPDU"],
)
def test_the_answer_is_shown(posterm, options, framing):
    asked: list[Message] = []

    def answer(frame: Frame) -> list[bytes]:
        asked.append(DIALECT.unpack(frame.message))
        return [framing.encode(DIALECT.pack(ANSWER), answering=frame)]

    with host(framing, answer) as address:
        result = posterm("send", address, WIRE, "-d", "iso87-ascii", "--json", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert asked == [REQUEST]
    assert json.loads(result.stdout)["elements"] == {"11": "000001", "39": "00", "41": "TERM0001"}


def test_a_frame_of_the_link_takes_its_own_headers_along(posterm):
    link = get_dialect("unionpay-pos")
    heads: list[bytes] = []

    def answer(frame: Frame) -> list[bytes]:
        heads.append(frame.message[:6])
        message = link.unpack(frame.message[6:])
        reply = link.pack(Message("0810", {11: message[11], 39: "00", 41: message[41]}))
        return [Framing(headers=(TPDU,)).encode(frame.message[:6] + reply, answering=frame)]

    with host(Framing(headers=(TPDU,)), answer) as address:
        result = posterm("send", address, "6000030000" + POS_FRAME)
    assert result.exit_code == 0
    assert heads == [bytes.fromhex("603100310000")]
    assert "00 (approved)" in result.stdout


def test_an_answer_to_something_else_is_reported_with_the_difference(posterm):
    other = DIALECT.pack(ANSWER.with_elements({11: "000002"}))
    with host(Framing(), lambda frame: [Framing().encode(other)]) as address:
        result = posterm("send", address, WIRE, "-d", "iso87-ascii", "--timeout", "0.2")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "0810 answers no request" in result.stderr
    assert "DE 11" in result.stderr
    assert "not answered within" in result.stderr


def test_a_frame_that_is_no_message_is_reported(posterm):
    with host(Framing(), lambda frame: [Framing().encode(b"zz")]) as address:
        result = posterm("send", address, WIRE, "-d", "iso87-ascii", "--timeout", "0.2")
    assert result.exit_code == 1
    assert "a frame of 2 bytes cannot be read" in result.stderr


def test_other_elements_may_tell_the_answer(posterm):
    reply = DIALECT.pack(ANSWER.with_elements({11: "000002"}))
    with host(Framing(), lambda frame: [Framing().encode(reply)]) as address:
        result = posterm("send", address, WIRE, "-d", "iso87-ascii", "--pair", "41")
    assert result.exit_code == 0


def test_a_host_that_is_not_there_is_told(posterm):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = posterm("send", f"127.0.0.1:{port}", WIRE, "-d", "iso87-ascii")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: link to 127.0.0.1:{port} given up")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("localhost", WIRE), "error: HOST:PORT: need a name or address and a port"),
        (("localhost:99999", WIRE), "error: HOST:PORT: need a name or address and a port"),
        ((":80", WIRE), "error: HOST:PORT: need a name or address and a port"),
        (("localhost:1", WIRE, "--framing", "none"), "error: --framing: need be16, bcd16, ascii4 or be32, have none"),
        (("localhost:1", WIRE, "--pair", "0"), "error: --pair: need element numbers"),
        (("localhost:1", WIRE, "--pair", "x"), "error: --pair: need element numbers"),
        (("localhost:1", WIRE, "--timeout", "0"), "error: --timeout: need more than 0"),
        (("localhost:1", WIRE, "--connect-timeout", "nan"), "error: --connect-timeout: need more than 0"),
        (("localhost:1", WIRE, "--ca", "x.pem"), "error: --ca, --certificate, --key: need --tls"),
        (("localhost:1", WIRE, "--tls", "--ca", "nowhere.pem"), "error: nowhere.pem: need certificates in PEM"),
        (("localhost:1", "6000030000" + POS_FRAME, "--header", "tpdu"), "error: iso87-ascii"),
        (("localhost:1", "00"), "error: iso87-ascii"),
    ],
)
def test_a_mistake_ends_in_one_line(posterm, arguments, says):
    result = posterm("send", *arguments, "-d", "iso87-ascii")
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    assert result.stderr.splitlines()[0].startswith(says)


def test_headers_of_two_makings_are_refused(posterm):
    result = posterm("send", "localhost:1", "6000030000" + POS_FRAME, "--header", "tpdu")
    assert result.stderr == "error: --header: need a bare message, have one with TPDU and header\n"
