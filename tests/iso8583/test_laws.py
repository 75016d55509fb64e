"""What holds whatever the bytes: they unpack or raise UnpackError, and what unpacks packs to the same bytes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import iso8583
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.iso8583 import Composite, Dialect, Element, Encodings, Message, UnpackError, get_dialect
from posterm.iso8583.describe import describe, to_json
from posterm.iso8583.element import LL, LLL, Format, L, Prefix, a, an, ans, b, n, text, z

VECTORS = Path(__file__).parents[1] / "vectors" / "iso8583"
SAMPLES = [
    bytes.fromhex(vector["frame"])[13:]
    for vector in json.loads((VECTORS / "unionpay-pos.json").read_text("utf-8"))["vectors"]
]
DIALECT = get_dialect("unionpay-pos")
NUMBERS = sorted(DIALECT.elements)

ASCII = Dialect(
    "ascii-test",
    [
        Element(2, "PAN", n(19), LL, sensitive=True),
        Element(4, "Amount", n(12)),
        Element(5, "Name", a(6)),
        Element(35, "Track 2", z(37), LL, sensitive=True),
        Element(41, "Terminal", ans(8)),
        Element(55, "Chip", b(255), LLL),
        Element(64, "MAC", b(8)),
        Element(65, "Letter", an(1), L),
        Element(100, "Text", text(40, "cp037"), LLL),
        Element(102, "Digits in EBCDIC", Format("n", 9, encoding="cp500"), Prefix(2, "cp500")),
        Element(
            103,
            "Packed, counted in bytes",
            Format("n", 9, encoding="bcd", counts="bytes", pad="F"),
            Prefix(1, "binary"),
        ),
        Element(104, "Track, counted in bytes", Format("z", 19, encoding="bcd", counts="bytes", pad="F"), LL),
        Element(105, "Right-aligned", Format("n", 9, encoding="bcd", align="right", pad="F"), LL),
        Element(128, "MAC", b(8)),
    ],
    Encodings(bits=128),
)
THREE = ASCII.derive(
    "three-bitmaps",
    drop=[65],
    change=[Element(150, "Beyond", n(3)), Element(192, "MAC", b(8))],
    encodings=Encodings(mti="cp037", digits="bcd", text="cp037", length="binary", bits=192),
)


def law(dialect: Dialect, wire: bytes) -> bool:
    """True when accepted; fails when what was accepted packs to other bytes."""
    try:
        message = dialect.unpack(wire)
    except UnpackError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert 0 <= refused.offset <= len(wire)
        assert refused.code
        return False
    assert dialect.pack(message) == wire
    again = Message(message.mti, {k: v.raw if isinstance(v, Composite) else v for k, v in message.items()})
    assert dialect.unpack(dialect.pack(again)) == message
    return True


@given(st.binary(max_size=400))
def test_any_bytes_unpack_or_raise_unpack_error(wire: bytes) -> None:
    law(DIALECT, wire)
    law(ASCII, wire)
    law(THREE, wire)


@given(st.sets(st.sampled_from(NUMBERS), max_size=6), st.binary(max_size=300))
def test_any_bytes_behind_a_bitmap_unpack_or_raise_unpack_error(numbers: set[int], rest: bytes) -> None:
    bitmap = sum(1 << (64 - number) for number in numbers).to_bytes(8, "big")
    law(DIALECT, b"\x02\x00" + bitmap + rest)


def test_twenty_thousand_mutations_obey_the_law() -> None:
    seed = 8583
    source = random.Random(seed)
    accepted = 0
    for turn in range(20_000):
        wire = bytearray(SAMPLES[turn % len(SAMPLES)])
        for _ in range(source.randint(1, 3)):
            at = source.randrange(len(wire) + 1)
            kind = source.randrange(5)
            if kind == 0:
                wire[at:at] = source.randbytes(1)
            elif kind == 1:
                del wire[at : at + source.randint(1, 4)]
            elif at < len(wire):
                wire[at] = source.randrange(256) if kind == 2 else wire[at] ^ 1 << source.randrange(8)
        try:
            accepted += law(DIALECT, bytes(wire))
        except Exception as error:
            error.add_note(f"seed {seed}, turn {turn}")
            raise
    assert accepted > 1000  # the mutations are mild enough to try the law from both sides


@settings(max_examples=60)
@given(st.sampled_from(SAMPLES), st.data())
def test_whatever_unpacks_can_be_described(sample: bytes, data: st.DataObject) -> None:
    wire = bytearray(sample)
    for _ in range(3):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = DIALECT.unpack(wire)
    except UnpackError:
        return
    describe(message, DIALECT)
    to_json(message, DIALECT, unmask=True)


DIGITS = "0123456789"
TEXT = st.text(st.characters(codec="gb18030"), max_size=30)


def values(number: int) -> st.SearchStrategy[Any]:
    fmt, varies = DIALECT.elements[number].format, DIALECT.elements[number].prefix is not None
    size = st.integers(0, min(fmt.length, 60)) if varies else st.just(fmt.length)
    if fmt.kind == "b":
        return size.flatmap(lambda count: st.binary(min_size=count, max_size=count))
    if fmt.kind == "text":
        return (
            TEXT.filter(lambda value: varies or len(value.encode("gb18030")) == fmt.length)
            if varies
            else st.just("商" * 20)
        )
    alphabet = {"n": DIGITS, "z": DIGITS + "ABCEF="}.get(fmt.kind, DIGITS + "ABCxyz ")
    return size.flatmap(lambda count: st.text(alphabet, min_size=count, max_size=count))


@settings(max_examples=60)
@given(st.data())
def test_what_is_packed_unpacks_to_the_same_values(data: st.DataObject) -> None:
    numbers = data.draw(st.sets(st.sampled_from(NUMBERS), max_size=8))
    message = Message("0200", {number: data.draw(values(number)) for number in numbers})
    assert DIALECT.unpack(DIALECT.pack(message)) == message


def test_every_kind_and_encoding_makes_the_round_trip() -> None:
    elements = {
        2: "621234", 4: "000000000100", 5: "ab DEF", 35: "62=30", 41: "T       ", 55: {"9C": b"\x01"}, 64: bytes(8),
        100: "Hello", 102: "12345", 103: "12345", 104: "12=45", 105: "12345", 128: bytes(8),
    }  # fmt: skip
    for dialect, more in ((ASCII, {65: "Z"}), (THREE, {150: "123", 192: bytes(8)})):
        plain = {**elements, **more, 55: bytes.fromhex("9C0101")}
        wire = dialect.pack(Message("1200", plain))
        assert law(dialect, wire)
        assert dict(dialect.unpack(wire)) == plain
        for cut in range(len(wire)):
            assert not law(dialect, wire[:cut])


def test_a_second_bitmap_that_announces_nothing_is_kept() -> None:
    wire = b"0800" + bytes.fromhex("80") + bytes(15)
    message = ASCII.unpack(wire)
    assert ASCII.pack(message) == wire
    assert ASCII.pack(message.with_elements({4: "1"})) == b"0800" + bytes.fromhex("1000000000000000") + b"000000000001"


def test_text_its_codec_would_write_otherwise_is_kept() -> None:
    dialect = Dialect("shifted", [Element(63, "Notes", text(20, "utf-7"), LL)])
    wire = b"0800" + (2).to_bytes(8, "big") + b"05+AEE-"
    message = dialect.unpack(wire)
    assert message[63] == "A"
    assert law(dialect, wire)
    assert dialect.pack(message.with_elements({63: "A"})) == wire[:12] + b"01A"
    assert not law(dialect, wire[:14] + b"+AEE\xff")


def test_a_fourth_bitmap_is_refused() -> None:
    wire = "1200".encode("cp037") + (bytes.fromhex("80") + bytes(7)) * 3
    with pytest.raises(UnpackError) as caught:
        THREE.unpack(wire)
    assert caught.value.code == "unknown-element"


def peer_spec() -> dict[str, Any]:
    """The same dialect as pyiso8583 describes it, written from the published field table, not from ours."""
    packed_fixed = {3: 6, 4: 12, 11: 6, 12: 6, 13: 4, 14: 4, 15: 4, 25: 2, 26: 2, 53: 16}
    odd_fixed = {22: (3, "right_pad"), 23: (3, "left_pad"), 27: (1, "right_pad")}
    packed_var = {2: (1, 19), 32: (1, 11), 35: (1, 37), 36: (2, 104), 48: (2, 322), 60: (2, 17), 61: (2, 29)}
    text_fixed = {37: 12, 38: 6, 39: 2, 41: 8, 42: 15, 49: 3}
    text_var = {44: (1, 25), 54: (2, 20)}
    gb_var = {46: 999, 56: 999, 57: 999, 59: 999, 63: 163}
    raw_fixed = {52: 8, 64: 8}
    raw_var = {55: 255, 58: 100, 62: 512}
    spec: dict[str, Any] = {
        "h": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 0, "desc": ""},
        "t": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 2, "desc": ""},
        "p": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 8, "desc": ""},
        "1": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 8, "desc": ""},
    }

    def add(number: int, enc: str, size: int, most: int, **more: str) -> None:
        spec[str(number)] = {
            "data_enc": enc, "len_enc": "bcd", "len_type": size, "max_len": most, "desc": "", **more,
        }  # fmt: skip

    for number, most in packed_fixed.items():
        add(number, "b", 0, most, len_count="nibbles")
    for number, (most, side) in odd_fixed.items():
        add(number, "b", 0, most, len_count="nibbles", **{side: "0"})
    for number, (size, most) in packed_var.items():
        add(number, "b", size, most, len_count="nibbles", right_pad="0")
    for number, most in text_fixed.items():
        add(number, "ascii", 0, most)
    for number, (size, most) in text_var.items():
        add(number, "ascii", size, most)
    for number, most in gb_var.items():
        add(number, "gb18030", 2, most)
    for number, most in raw_fixed.items():
        add(number, "b", 0, most)
    for number, most in raw_var.items():
        add(number, "b", 2, most)
    for number in range(2, 129):
        spec.setdefault(str(number), {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 1, "desc": ""})
    return spec


def as_peer(message: Message) -> dict[str, str]:
    """Our message as pyiso8583 holds one: track separators as D, bytes as hexadecimal."""
    values = {"t": message.mti}
    for number, value in message.items():
        raw = value.raw if isinstance(value, Composite) else value
        if number in (35, 36):
            raw = raw.replace("=", "D")
        values[str(number)] = raw.hex().upper() if isinstance(raw, bytes) else raw
    return values


PEER = peer_spec()


def test_pyiso8583_reads_and_writes_the_samples_as_we_do() -> None:
    for wire in SAMPLES:
        decoded, _ = iso8583.decode(wire, PEER)
        decoded.pop("p")
        ours = as_peer(DIALECT.unpack(wire))
        assert decoded == ours
        encoded, _ = iso8583.encode(dict(ours), PEER)
        assert bytes(encoded) == wire


@settings(max_examples=40)
@given(st.data())
def test_pyiso8583_reads_what_we_pack(data: st.DataObject) -> None:
    numbers = data.draw(
        st.sets(st.sampled_from([number for number in NUMBERS if number != 43]), min_size=1, max_size=8)
    )
    drawn = {number: data.draw(values(number)) for number in numbers}
    # pyiso8583 counts characters where this link counts bytes, so text stays in ASCII here.
    plain = {k: v.encode("ascii", "ignore").decode() if isinstance(v, str) else v for k, v in drawn.items()}
    message = Message("0200", plain)
    wire = DIALECT.pack(message)
    decoded, _ = iso8583.decode(wire, PEER)
    decoded.pop("p")
    assert decoded == as_peer(DIALECT.unpack(wire))
    encoded, _ = iso8583.encode(decoded, PEER)
    assert bytes(encoded) == wire
