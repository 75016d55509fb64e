"""The client of host commands against servers that behave well and badly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from posterm.runtime.errors import HsmLinkError
from posterm.runtime.hsm_client import HsmClient
from posterm.runtime.link_tls import client_context, server_context
from tests.runtime.link_ends import Authority

Script = Callable[[socket.socket], None]


@contextmanager
def playing(*scripts: Script) -> Iterator[int]:
    """A server whose n-th connection plays the n-th script."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for script in scripts:
            connection, _ = listener.accept()
            with connection:
                script(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(10)
        listener.close()


def read_frame(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as file:
        return file.read(int.from_bytes(file.read(2), "big"))


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(2, "big") + body


def echo(times: int = 1) -> Script:
    """Answer so many commands with their own fields and 00."""

    def play(connection: socket.socket) -> None:
        for _ in range(times):
            asked = read_frame(connection)
            connection.sendall(frame(asked[:4] + b"ND00" + asked[6:]))

    return play


def test_commands_share_a_connection_and_their_headers_differ() -> None:
    headers = []

    def play(connection: socket.socket) -> None:
        for _ in range(2):
            asked = read_frame(connection)
            headers.append(asked[:4])
            connection.sendall(frame(asked[:4] + b"ND00"))

    with playing(play) as port, HsmClient("127.0.0.1", port) as client:
        assert client.call(b"NC") == b"ND00"
        assert client.call(b"NC") == b"ND00"
    assert headers == [b"0001", b"0002"]


@pytest.mark.parametrize("length", [0, 1, 12])
def test_any_header_length_is_kept(length: int) -> None:
    def play(connection: socket.socket) -> None:
        asked = read_frame(connection)
        connection.sendall(frame(asked[:length] + b"ND00" + asked[length:]))

    with playing(play) as port, HsmClient("127.0.0.1", port, header_length=length) as client:
        assert client.call(b"NC") == b"ND00NC"


def test_an_answer_in_pieces_is_put_together() -> None:
    def play(connection: socket.socket) -> None:
        asked = read_frame(connection)
        for byte in frame(asked[:4] + b"ND00" + b"x" * 20):
            connection.sendall(bytes([byte]))

    with playing(play) as port, HsmClient("127.0.0.1", port) as client:
        assert client.call(b"NC") == b"ND00" + b"x" * 20


def test_a_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    with playing(echo(), echo()) as port, HsmClient("127.0.0.1", port) as client:
        assert client.call(b"NC1") == b"ND001"
        while not client._is_stale(client._socket):
            pass  # the server has answered, and is about to close
        assert client.call(b"NC2") == b"ND002"


def test_a_connection_that_breaks_while_it_is_waited_for_is_not_tried_again() -> None:
    with playing(read_frame, echo()) as port, HsmClient("127.0.0.1", port) as client:
        with pytest.raises(HsmLinkError, match="before it answered"):
            client.call(b"NC1")
        assert client.call(b"NC2") == b"ND002"


def test_an_hsm_that_does_not_answer_is_given_up() -> None:
    def play(connection: socket.socket) -> None:
        read_frame(connection)
        connection.recv(1)

    with (
        playing(play) as port,
        HsmClient("127.0.0.1", port, timeout_s=0.1) as client,
        pytest.raises(HsmLinkError, match="no answer in time"),
    ):
        client.call(b"NC")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (frame(b"9999ND00"), "not that of the command"),
        (frame(b"0001ND"), "not that of the command"),
        (frame(b""), "not that of the command"),
        (frame(b"0001ND00") + b"\x00", "more came"),
    ],
    ids=["another-header", "too-short", "empty", "too-much"],
)
def test_an_answer_that_is_none_is_refused(answer: bytes, why: str) -> None:
    def play(connection: socket.socket) -> None:
        read_frame(connection)
        connection.sendall(answer)

    with playing(play) as port, HsmClient("127.0.0.1", port) as client, pytest.raises(HsmLinkError, match=why):
        client.call(b"NC")


def test_a_late_answer_is_not_taken_for_the_next_commands() -> None:
    released = threading.Event()

    def late(connection: socket.socket) -> None:
        asked = read_frame(connection)
        released.wait(10)
        connection.sendall(frame(asked[:4] + b"ND00late"))

    with playing(late, echo()) as port, HsmClient("127.0.0.1", port, timeout_s=0.1) as client:
        with pytest.raises(HsmLinkError, match="in time"):
            client.call(b"NC1")
        released.set()
        assert client.call(b"NC2") == b"ND002"


def test_nobody_there_is_an_error_with_a_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(HsmLinkError, match="cannot be reached") as refused:
        HsmClient("127.0.0.1", port).call(b"NC")
    assert "posterm hsm serve" in refused.value.hint


def test_a_command_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(HsmLinkError, match="at most 65531 bytes"):
        HsmClient("127.0.0.1", 1).call(bytes(65_532))


def test_tls_shows_both_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    hsm, host = authority.issue("hsm"), authority.issue("host")
    theirs = server_context(hsm.certificate, hsm.key, client_authorities=authority.file)

    def play(connection: socket.socket) -> None:
        with theirs.wrap_socket(connection.dup(), server_side=True) as secured:
            echo(2)(secured)

    ours = client_context(authority.file, certificate=host.certificate, key=host.key)
    with playing(play) as port, HsmClient("127.0.0.1", port, tls=ours) as client:
        assert client.call(b"NC1") == b"ND001"
        assert client.call(b"NC2") == b"ND002"


def test_a_server_of_another_authority_is_not_spoken_to(tmp_path: Path) -> None:
    hsm = Authority(tmp_path, "stranger").issue("hsm")
    theirs = server_context(hsm.certificate, hsm.key)

    def play(connection: socket.socket) -> None:
        with suppress(OSError):
            theirs.wrap_socket(connection.dup(), server_side=True).close()

    ours = client_context(Authority(tmp_path, "authority").file)
    with (
        playing(play) as port,
        HsmClient("127.0.0.1", port, tls=ours) as client,
        pytest.raises(HsmLinkError, match=r"no TLS with it.*(?i:certificate)"),
    ):
        client.call(b"NC")
