"""A real exchange over the loopback, captured by tshark while it happens, read by tshark's dissector and by posterm.

Capturing needs tshark and the right to capture, which root has.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from posterm.iso8583 import FrameDecoder, Message, encode_frame, get_dialect
from tests.iso8583.test_dialect_tshark import PREFERENCES

DIALECT = get_dialect("iso87-ascii")
EXCHANGES = 5

needs_capture = pytest.mark.needs_optional(
    "tshark with the right to capture",
    available=shutil.which("tshark") is not None and os.geteuid() == 0,
    reason="the package tshark is not installed, or this is not root",
)


def request(number: int) -> Message:
    return Message("0800", {7: "0601093000", 11: f"{number:06d}", 41: "TERM0001", 70: "301"})


def answer(asked: Message) -> Message:
    return Message("0810", {7: asked[7], 11: asked[11], 39: "00", 41: asked[41], 70: asked[70]})


@contextmanager
def capturing(port: int, path: Path) -> Iterator[None]:
    """tshark on the loopback from before the first packet to behind the last."""
    command = ["tshark", "-i", "lo", "-f", f"tcp port {port}", "-w", str(path), "-P", "-l"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tshark:
        assert tshark.stdout is not None
        assert tshark.stderr is not None
        assert any("Capture started" in line for line in tshark.stderr), "tshark ended before it captured"
        yield
        closing = (line for line in tshark.stdout if "FIN" in line)
        assert next(closing)
        assert next(closing)
        tshark.send_signal(signal.SIGINT)
        tshark.communicate(timeout=30)


def serve(server: socket.socket) -> None:
    connection, _ = server.accept()
    decoder = FrameDecoder()
    with connection:
        while chunk := connection.recv(4096):
            for frame in decoder.feed(chunk):
                connection.sendall(encode_frame(DIALECT.pack(answer(DIALECT.unpack(frame)))))


@needs_capture
def test_a_captured_exchange_reads_the_same_in_tshark_and_in_posterm(tmp_path: Path) -> None:
    path = tmp_path / "exchange.pcapng"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with capturing(port, path):
            thread = threading.Thread(target=serve, args=(server,))
            thread.start()
            decoder = FrameDecoder()
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                for number in range(1, EXCHANGES + 1):
                    client.sendall(encode_frame(DIALECT.pack(request(number))))
                    while not decoder.feed(client.recv(4096)):
                        pass
            thread.join(20)
    options = [f"iso8583.{text}" for text in ("len_endian:Big endian", *PREFERENCES["iso87-ascii"])]
    command = ["tshark", "-r", str(path), "-Y", "iso8583", "-d", f"tcp.port=={port},iso8583", "-T", "json"]
    read = subprocess.run([*command, *(word for option in options for word in ("-o", option))], capture_output=True)
    layers = [packet["_source"]["layers"]["iso8583"] for packet in json.loads(read.stdout)]
    posterm = [sys.executable, "-m", "posterm.console", "decode", "--file", str(path), "--port", str(port), "--json"]
    decoded = subprocess.run(
        [*posterm, "--dialect", "iso87-ascii", "--framing", "be16"],
        capture_output=True,
        check=True,
    )
    messages = json.loads(decoded.stdout)
    assert len(layers) == len(messages) == 2 * EXCHANGES
    for layer, message in zip(layers, messages, strict=True):
        assert layer["iso8583.mti"] == message["mti"]
        theirs = {key[11:]: value for key, value in layer.items() if key[8:11] == "bit" and key[11:].isdigit()}
        assert theirs == message["elements"]
