"""What carrying costs: APDUs in process, over T=0, and through pcscd; TLV decode beside another library.

A ready card answers READ RECORD with a record that it looks up; nothing is computed. Through pcscd the same card is
served by a process of its own, `posterm card serve`. Leaves out readers with hardware, whose speed is the card's.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from posterm import tlv
from posterm.emv.reader import Reader
from posterm.runtime.pcsc import PcscReader
from posterm.runtime.readers import CardReader
from simulators.card import load
from tests.runtime import pcsc_daemon

Benchmark = Callable[..., Any]

AID = bytes.fromhex("A0000000031010")
SELECT = b"\x00\xa4\x04\x00\x07" + AID + b"\x00"
PDOL_IS_EMPTY = bytes.fromhex("80A8000002830000")
READ_RECORD = bytes.fromhex("00B2011400")
FIELD_55 = bytes.fromhex(
    "9F260811223344556677889F2701809F101307010103A0A002010A010000000000A1B2C3D49F3704DEADBEEF9F36020001950500000000009A"
    "032606019C01009F02060000000123455F2A02015682027C009F1A0201569F03060000000000009F3303E0F8C89F34034203009F3501228408"
    "A0000003330101019F410400000010"
)


def ready(reader: Reader) -> Reader:
    """A reader whose card waits for READ RECORD."""
    reader.power_on()
    for apdu in (SELECT, PDOL_IS_EMPTY, READ_RECORD):
        assert reader.transmit(apdu)[-2:] == b"\x90\x00", apdu.hex()
    return reader


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pcsc_daemon.Daemon]:
    """A pcscd with virtual readers of its own."""
    if missing := pcsc_daemon.missing():
        pytest.skip(missing)
    with pcsc_daemon.running(tmp_path_factory.mktemp("pcsc")) as running:
        os.environ["PCSCLITE_CSOCK_NAME"] = running.socket
        yield running


@pytest.mark.parametrize("protocol", ["T=1", "T=0"])
def test_apdu_in_process(benchmark: Benchmark, protocol: str) -> None:
    reader = ready(CardReader(load("visa-debit", changes={"protocol": protocol})))
    assert len(benchmark(reader.transmit, READ_RECORD)) > 100


@contextlib.contextmanager
def served(daemon: pcsc_daemon.Daemon, folder: Path, protocol: str) -> Iterator[PcscReader]:
    """A reader whose card is served by another process."""
    name, port = daemon.next_slot()
    profile = folder / "card.toml"
    profile.write_text(f'derive = "visa-debit"\nname = "card"\nprotocol = "{protocol}"\n')
    command = [sys.executable, "-m", "posterm.console", "card", "serve", str(profile), "--vpcd", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        reader = PcscReader(name)
        try:
            assert reader.wait_for_card(60)
            yield reader
        finally:
            reader.close()
            process.kill()


@pytest.mark.parametrize("protocol", ["T=1", "T=0"])
def test_apdu_through_pcscd(benchmark: Benchmark, daemon: pcsc_daemon.Daemon, tmp_path: Path, protocol: str) -> None:
    with served(daemon, tmp_path, protocol) as reader:
        ready(reader)
        assert len(benchmark(reader.transmit, READ_RECORD)) > 100


def test_power_on_through_pcscd(benchmark: Benchmark, daemon: pcsc_daemon.Daemon, tmp_path: Path) -> None:
    """What a terminal pays between two transactions that leave the card in."""
    with served(daemon, tmp_path, "T=1") as reader:
        assert benchmark(reader.power_on)


def test_tlv_decode_of_field_55(benchmark: Benchmark) -> None:
    assert len(FIELD_55) == 129
    assert len(benchmark(tlv.parse, FIELD_55)) == 18


def test_tlv_decode_of_field_55_by_ber_tlv(benchmark: Benchmark) -> None:
    """ber-tlv from PyPI; what it decodes is compared before it is measured."""
    other = pytest.importorskip("ber_tlv.tlv", reason="ber-tlv is not installed").Tlv
    assert [(f"{tag:02X}", bytes(value)) for tag, value in other.parse(FIELD_55)] == tlv.parse(FIELD_55)
    assert len(benchmark(other.parse, FIELD_55)) == 18


def test_tlv_encode_of_field_55(benchmark: Benchmark) -> None:
    assert benchmark(tlv.build, tlv.parse(FIELD_55)) == FIELD_55


def test_tlv_encode_of_field_55_by_ber_tlv(benchmark: Benchmark) -> None:
    """As above."""
    other = pytest.importorskip("ber_tlv.tlv", reason="ber-tlv is not installed").Tlv
    items = other.parse(FIELD_55)
    assert bytes(benchmark(other.build, items)) == FIELD_55
