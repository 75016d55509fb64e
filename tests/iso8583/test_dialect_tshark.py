"""A second opinion from another program: tshark's ISO 8583 dissector reads a captured exchange as posterm wrote it.

The capture is written here as a pcap file of an exchange over the loopback interface. Left out is what the dissector
reads differently than ISO 8583:1987 has it: DE 55, which it takes for text, packed track 2 and packed signed amounts.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from posterm.iso8583 import Composite, Message, get_dialect

VECTORS = Path(__file__).parents[1] / "vectors" / "iso8583"
PORT = 4321
PREFERENCES = {
    "iso87-ascii": ("charset:Digits represented as ASCII Characters", "binencode:Bin data not encoded"),
    "iso87-hex": (
        "charset:Digits represented as ASCII Characters",
        "binencode:Bin data represented as Hex Ascii characters",
    ),
    "iso87-bcd": ("charset:Digits represented in nibbles", "binencode:Bin data not encoded"),
}
LEFT_OUT = {"iso87-ascii": {55}, "iso87-hex": {55}, "iso87-bcd": {28, 35, 55, 97}}

needs_tshark = pytest.mark.needs_optional(
    "tshark", available=shutil.which("tshark") is not None, reason="the package tshark is not installed"
)


def capture(frames: list[bytes]) -> bytes:
    """A pcap file: requests from port 50000, every second frame an answer to it."""
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    sent = [1, 1]
    for turn, frame in enumerate(frames):
        ports = (50000, PORT) if turn % 2 == 0 else (PORT, 50000)
        tcp = struct.pack("!HHIIBBHHH", *ports, sent[turn % 2], sent[1 - turn % 2], 0x50, 0x18, 8192, 0, 0) + frame
        sent[turn % 2] += len(frame)
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), turn, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
        packet = bytes(12) + b"\x08\x00" + head + tcp
        records.append(struct.pack("<IIII", turn, 0, len(packet), len(packet)) + packet)
    return b"".join(records)


def dissected(path: Path, dialect: str) -> list[dict[str, Any]]:
    options = [f"iso8583.{text}" for text in ("len_endian:Big endian", *PREFERENCES[dialect])]
    command = ["tshark", "-r", str(path), "-d", f"tcp.port=={PORT},iso8583", "-T", "json"]
    for option in options:
        command += ["-o", option]
    result = subprocess.run(command, capture_output=True, timeout=120, check=True)
    return [packet["_source"]["layers"]["iso8583"] for packet in json.loads(result.stdout.decode("utf-8", "replace"))]


def exchange(name: str) -> list[Message]:
    """The samples of a dialect, each with an answer that repeats some of it."""
    dialect = get_dialect(name)
    messages = []
    for vector in json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["vectors"]:
        request = dialect.unpack(bytes.fromhex(vector["wire"]))
        # The dissector leaves messages of less than 20 bytes alone, so each has a terminal.
        request = request.with_elements({41: "TERM0001"}, drop=LEFT_OUT[name])
        echoed = {number: request[number] for number in (2, 3, 4, 7, 11, 41, 70) if number in request}
        answer = Message(
            request.mti[:2] + ("3" if request.mti[2] == "2" else "1") + "0", {**echoed, 38: "A1B2C3", 39: "00"}
        )
        messages += [request, answer]
    return messages


@needs_tshark
@pytest.mark.parametrize("name", PREFERENCES)
def test_tshark_reads_an_exchange_as_it_was_written(name: str, tmp_path: Path) -> None:
    dialect, messages = get_dialect(name), exchange(name)
    path = tmp_path / "exchange.pcap"
    path.write_bytes(capture([len(wire).to_bytes(2, "big") + wire for wire in map(dialect.pack, messages)]))
    found = dissected(path, name)
    assert len(found) == len(messages)
    for message, layer in zip(messages, found, strict=True):
        assert layer["iso8583.mti"] == message.mti
        elements = {int(key[11:]): value for key, value in layer.items() if key[8:11] == "bit" and key[11:].isdigit()}
        assert sorted(elements) == sorted(message)
        for number, value in message.items():
            raw = value.raw if isinstance(value, Composite) else value
            text = raw.hex().upper() if isinstance(raw, bytes) else raw
            # Behind raw bytes the dissector shows a character of its own.
            assert elements[number][: len(text)].upper() == text.upper(), f"DE {number}"
            assert len(elements[number]) - len(text) in ((0, 1) if isinstance(raw, bytes) else (0,)), f"DE {number}"


@needs_tshark
def test_tshark_stops_where_a_message_is_cut_short(tmp_path: Path) -> None:
    wire = get_dialect("iso87-ascii").pack(Message("0800", {7: "0601093000", 11: "000001", 70: "001"}))
    path = tmp_path / "broken.pcap"
    path.write_bytes(capture([len(wire[:-2]).to_bytes(2, "big") + wire[:-2]]))
    layer = dissected(path, "iso87-ascii")[0]
    assert layer["iso8583.bit11"] == "000001"
    assert "iso8583.bit70" not in layer
