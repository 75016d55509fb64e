"""The measuring beside other codecs: its sample is right, its verdicts are, and its result hides nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.peers import environments
from benchmarks.peers.bars import BARS, verdicts
from benchmarks.peers.environments import Peer, peers
from benchmarks.peers.report import to_json, to_markdown
from benchmarks.peers.rounds import Outcome
from benchmarks.peers.sample import WIRES, protocol_lines
from posterm.iso8583 import Message, get_dialect

RUN = {
    "date": "2026-01-01",
    "machine": {"processor": "one", "cores": "2", "memory": "1 GiB", "system": "Linux", "load before": "0.1"},
    "rounds": 3,
    "seconds": 0.2,
}


def outcome(name: str, us: float) -> Outcome:
    peer = next(peer for peer in peers() if peer.name == name)
    works = ("decode", "encode", "build", "route")
    return Outcome(peer, us={(wire, work): [us, us, us] for wire in WIRES for work in works})


def sample_document() -> dict[str, dict[str, str]]:
    path = Path(environments.__file__).with_name("sample.json")
    document: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
    return document


@pytest.mark.parametrize("wire", WIRES)
def test_the_sample_is_written_on_each_wire_as_its_dialect_writes_it(wire: str) -> None:
    document = sample_document()
    values: dict[int, str | bytes] = {int(key): value for key, value in document["text"].items()}
    values |= {int(key): bytes.fromhex(value) for key, value in document["bytes"].items()}
    dialect, packed = get_dialect(f"iso87-{wire}"), bytes.fromhex(document["wires"][wire])
    assert len(packed) == WIRES[wire]
    assert dialect.pack(Message("0200", values)) == packed
    message = dialect.unpack(packed)
    assert len(message) == 19
    assert len(message[55].raw) == 129
    assert len(dict(message[55])) == 20
    assert dialect.check(message, luhn=True) == []


def test_the_sample_is_told_in_lines_that_end_with_go() -> None:
    lines = protocol_lines().splitlines()
    assert lines[0] == "mti 0200"
    assert lines[-1] == "go"
    assert len(lines) == 1 + 19 + len(WIRES) + 1


def test_a_bar_is_met_or_not_by_the_ratio_of_the_rounds() -> None:
    found = verdicts({"posterm": outcome("posterm", 4.0), "pyiso8583": outcome("pyiso8583", 30.0)})
    texts = {(verdict.bar.wire, verdict.bar.claim): verdict.text for verdict in found}
    assert texts["ascii", "decode at most 1/7 of pyiso8583"] == "met"
    assert texts["ascii", "encode at most 1/8 of pyiso8583"] == "not met"
    assert texts["bcd", "decode at most 1/10 of moov-io/iso8583"] == "not measured"
    assert len(found) == len(BARS)


def test_a_peer_that_was_skipped_is_told_with_its_reason() -> None:
    skipped = outcome("jPOS", 1.0)
    skipped.us.clear()
    skipped.skipped = "mvn is not there"
    outcomes = {"posterm": outcome("posterm", 4.0), "jPOS": skipped}
    assert "jPOS (Java): skipped, mvn is not there." in to_markdown(RUN, outcomes)
    assert to_json(RUN, outcomes)["codecs"]["jPOS"]["skipped"] == "mvn is not there"


def test_a_work_that_a_codec_cannot_do_is_told_with_its_reason() -> None:
    ours = outcome("posterm", 4.0)
    del ours.us["bcd", "encode"]
    ours.cannot["bcd", "encode"] = "encodes other bytes"
    assert "no `bcd` encode: encodes other bytes" in to_markdown(RUN, {"posterm": ours})


def test_each_peer_has_a_program_and_a_name_of_its_own() -> None:
    known: tuple[Peer, ...] = peers()
    assert len({peer.name for peer in known}) == len(known)
    assert len(list(environments.PROGRAMS.glob("*_peer.py"))) + 2 == len(known)
