"""The law of the codec for every dialect: what is accepted packs to the same bytes, the rest raises UnpackError.

The long proof, under the `proof` marker, mutates each sample 20,000 times; the everyday run a few hundred times.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.iso8583 import Composite, Dialect, Message, UnpackError, dialect_names, get_dialect
from posterm.iso8583.describe import describe, to_json

VECTORS = Path(__file__).parents[1] / "vectors" / "iso8583"
EVERYDAY = 300
PROOF = 20_000
FRAME_HEADER = 13  # length, TPDU and header before a message of unionpay-pos


def samples(name: str) -> list[tuple[str, bytes]]:
    found = []
    for vector in json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["vectors"]:
        wire = bytes.fromhex(vector["frame"])[FRAME_HEADER:] if "frame" in vector else bytes.fromhex(vector["wire"])
        found.append((vector["id"], wire))
    return found


SAMPLES = {name: samples(name) for name in dialect_names()}
CASES = [pytest.param(name, wire, id=f"{name}-{key}") for name, found in SAMPLES.items() for key, wire in found]
DIALECTS = st.sampled_from([get_dialect(name) for name in dialect_names()])


def read_all(value: object) -> None:
    """Ask for every part, as deep as it goes; a malformed inside is an UnpackError."""
    if isinstance(value, Composite):
        try:
            inside = value.items_all()
        except UnpackError:
            return
        for _, part in inside:
            read_all(part)


def law(dialect: Dialect, wire: bytes) -> bool:
    """True when accepted; fails when what was accepted packs to other bytes, or a fault lies outside the message."""
    try:
        message = dialect.unpack(wire)
    except UnpackError as error:
        refused: UnpackError | None = error
    else:
        refused = None
    if refused is not None:
        assert 0 <= refused.offset <= len(wire)
        assert refused.code
        return False
    assert dialect.pack(message) == wire
    for value in message.values():
        read_all(value)
    return True


def mutated(source: random.Random, sample: bytes) -> bytes:
    """One to three small accidents: bytes put in, taken out, overwritten, a bit turned, a digit exchanged."""
    wire = bytearray(sample)
    for _ in range(source.randint(1, 3)):
        at = source.randrange(len(wire) + 1)
        kind = source.randrange(6)
        if kind == 0:
            wire[at:at] = source.randbytes(1)
        elif kind == 1:
            del wire[at : at + source.randint(1, 4)]
        elif at < len(wire):
            if kind == 2:
                wire[at] = source.randrange(256)
            elif kind == 3:
                wire[at] ^= 1 << source.randrange(8)
            else:
                wire[at] = wire[source.randrange(len(wire))]
    return bytes(wire)


def run(name: str, sample: bytes, turns: int) -> int:
    dialect, seed = get_dialect(name), 8583
    source = random.Random(seed)
    accepted = 0
    for turn in range(turns):
        try:
            accepted += law(dialect, mutated(source, sample))
        except Exception as error:
            error.add_note(f"{name}, seed {seed}, turn {turn}")
            raise
    return accepted


@pytest.mark.parametrize(("name", "sample"), CASES)
def test_some_mutations_of_a_sample_obey_the_law(name: str, sample: bytes) -> None:
    assert law(get_dialect(name), sample)
    run(name, sample, EVERYDAY)


@pytest.mark.proof
@pytest.mark.parametrize(("name", "sample"), CASES)
def test_twenty_thousand_mutations_of_a_sample_obey_the_law(name: str, sample: bytes) -> None:
    assert run(name, sample, PROOF) > 0  # the mutations are mild enough to try the law from both sides


@pytest.mark.parametrize(("name", "sample"), CASES)
def test_every_shorter_sample_is_refused(name: str, sample: bytes) -> None:
    dialect = get_dialect(name)
    for cut in range(len(sample)):
        with pytest.raises(UnpackError):
            dialect.unpack(sample[:cut])


@settings(max_examples=200)
@given(DIALECTS, st.binary(max_size=300))
def test_any_bytes_unpack_or_raise_unpack_error(dialect: Dialect, wire: bytes) -> None:
    law(dialect, wire)


@settings(max_examples=200)
@given(DIALECTS, st.data())
def test_any_bytes_behind_a_sound_bitmap_unpack_or_raise_unpack_error(dialect: Dialect, data: st.DataObject) -> None:
    numbers = data.draw(st.sets(st.sampled_from(sorted(dialect.elements)), min_size=1, max_size=4))
    empty = dialect.pack(Message("0800"))
    head = empty[: len(empty) - len(packed_bitmap(dialect, 0))]
    marks = sum(1 << (192 - number) for number in numbers)
    law(dialect, head + packed_bitmap(dialect, marks) + data.draw(st.binary(max_size=200)))


def packed_bitmap(dialect: Dialect, marks: int) -> bytes:
    size = 8
    if marks & ((1 << 128) - 1):
        marks |= 1 << 191
        size = 16
    if marks & ((1 << 64) - 1):
        marks |= 1 << 127
        size = 24
    raw = marks.to_bytes(24, "big")[:size]
    return raw if dialect.encodings.bitmap == "raw" else raw.hex().upper().encode(dialect.encodings.bitmap)


@settings(max_examples=100)
@given(st.sampled_from([case.values for case in CASES]), st.randoms(use_true_random=False))
def test_whatever_unpacks_can_be_checked_and_described(case: tuple[str, bytes], source: random.Random) -> None:
    dialect = get_dialect(case[0])
    try:
        message = dialect.unpack(mutated(source, case[1]))
    except UnpackError:
        return
    dialect.check(message, luhn=True)
    describe(message, dialect)
    to_json(message, dialect, unmask=True)
