"""Reading and writing one message of 19 elements and 309 or 251 bytes, with pyiso8583 beside it in the same run.

The message is the purchase with chip data of the test vectors, alphabets checked as always; DE 55 is left undivided, as
pyiso8583 leaves it. Beside it the UnionPay sale, reading three elements only, the interpreter that generated code
replaces, building a `Message`, and the memory that a decoded one takes (in `extra_info`, bytes).
Leaves out content and message checks, sub-elements and framing.
"""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import iso8583
import pytest

from benchmarks.test_unionpay_messages import SALE
from posterm.iso8583 import Message, get_dialect
from tests.iso8583.peer import as_peer, peer_spec

Benchmark = Any
VECTORS = json.loads((Path(__file__).parents[1] / "tests/vectors/iso8583/iso87.json").read_text("utf-8"))["vectors"]
WIRES = {
    "ascii": ("iso87-ascii", bytes.fromhex(VECTORS[0]["wire"])),
    "bcd": ("iso87-bcd", bytes.fromhex(VECTORS[3]["wire"])),
}
OURS = {**WIRES, "sale": ("unionpay-pos", SALE)}
ROUTED = (3, 11, 41)
KEPT = 1000


@pytest.fixture(params=OURS)
def ours(request: pytest.FixtureRequest) -> Any:
    """A dialect, a message of it and its bytes, read and written often enough for code to be generated."""
    name, wire = OURS[request.param]
    dialect = get_dialect(name)
    message = dialect.unpack(wire)
    for _ in range(10):
        assert dialect.unpack(dialect.pack(message)) == message
        dialect.peek(wire, ROUTED)
    return dialect, message, wire


@pytest.fixture(params=WIRES)
def peers(request: pytest.FixtureRequest) -> Any:
    """pyiso8583's description of a dialect, a message as it holds one, and its bytes."""
    name, wire = WIRES[request.param]
    spec = peer_spec(name)
    values = as_peer(get_dialect(name).unpack(wire), name)
    assert {k: v for k, v in iso8583.decode(wire, spec)[0].items() if k != "p"} == values
    assert bytes(iso8583.encode(dict(values), spec)[0]) == wire
    return spec, values, wire


def test_unpack(benchmark: Benchmark, ours: Any) -> None:
    dialect, message, wire = ours
    assert benchmark(dialect.unpack, wire) == message


def test_unpack_interpreted(benchmark: Benchmark, ours: Any) -> None:
    dialect, message, wire = ours
    assert benchmark(dialect.unpack_interpreted, wire) == message


def test_unpack_by_pyiso8583(benchmark: Benchmark, peers: Any) -> None:
    spec, _, wire = peers
    benchmark(iso8583.decode, wire, spec)


def test_peek_at_three_elements(benchmark: Benchmark, ours: Any) -> None:
    dialect, message, wire = ours
    assert len(benchmark(dialect.peek, wire, ROUTED)) == sum(number in message for number in ROUTED)


def test_pack(benchmark: Benchmark, ours: Any) -> None:
    dialect, message, wire = ours
    plain = Message(message.mti, {k: getattr(v, "raw", v) for k, v in message.items()})
    assert benchmark(dialect.pack, plain) == wire


def test_pack_interpreted(benchmark: Benchmark, ours: Any) -> None:
    dialect, message, wire = ours
    assert benchmark(dialect.pack_interpreted, message) == wire


def test_build_and_pack(benchmark: Benchmark, ours: Any) -> None:
    dialect, message, wire = ours
    values = {k: getattr(v, "raw", v) for k, v in message.items()}
    assert benchmark(lambda: dialect.pack(Message("0200", values))) == wire


def test_pack_by_pyiso8583(benchmark: Benchmark, peers: Any) -> None:
    spec, values, wire = peers
    assert bytes(benchmark(iso8583.encode, values, spec)[0]) == wire


def test_memory_of_a_decoded_message(benchmark: Benchmark, ours: Any) -> None:
    dialect, _, wire = ours
    tracemalloc.start()
    held = [dialect.unpack(wire) for _ in range(KEPT)]
    size = tracemalloc.get_traced_memory()[0] // len(held)
    tracemalloc.stop()
    benchmark.extra_info["bytes_of_a_message"] = size
    benchmark(dialect.unpack, wire)


def test_memory_of_a_message_of_pyiso8583(benchmark: Benchmark, peers: Any) -> None:
    spec, _, wire = peers
    tracemalloc.start()
    held = [iso8583.decode(wire, spec) for _ in range(KEPT)]
    size = tracemalloc.get_traced_memory()[0] // len(held)
    tracemalloc.stop()
    benchmark.extra_info["bytes_of_a_message"] = size
    benchmark(iso8583.decode, wire, spec)
