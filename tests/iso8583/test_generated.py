"""Generated code and the interpreter agree: on values, on what is remembered, and on every error to the letter."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.iso8583 import (
    Composite,
    Dialect,
    DialectError,
    Element,
    Encodings,
    Layout,
    Message,
    PackError,
    Part,
    Prefix,
    UnpackError,
    get_dialect,
)
from posterm.iso8583.element import LL, LLL, Format, a, an, ans, b, n, text, x_n, z
from posterm.iso8583.generated import LIMIT, SIGHTINGS

VECTORS = Path(__file__).parents[1] / "vectors" / "iso8583"
POS = [
    bytes.fromhex(vector["frame"])[13:]
    for vector in json.loads((VECTORS / "unionpay-pos.json").read_text("utf-8"))["vectors"]
]
CHIP = bytes.fromhex("9F2608" + "A1" * 8 + "9F36020041 9F02060000000123455F2A020156")
MESSAGE = Message(
    "0200",
    {
        2: "6212345678901265", 3: "000000", 4: "000000012345", 7: "0601093105", 11: "000123", 12: "093105",
        13: "0601", 14: "3012", 18: "5411", 22: "051", 25: "00", 35: "6212345678901265=3012201123456789",
        37: "060100000123", 41: "10000001", 42: "8983100 8120001", 49: "156", 52: bytes(range(8)), 55: CHIP,
        64: bytes(range(8, 16)),
    },
)  # fmt: skip
WIDE = Message("0420", {**MESSAGE, 28: "D00000012", 70: "301", 90: "1" * 42, 100: "123", 102: "acc 1", 128: b"m" * 8})
ODD = Dialect(
    "odd",
    [
        Element(2, "n left", n(19), LL),
        Element(3, "n right F", Format("n", 5, align="right", pad="F")),
        Element(4, "n left 0", n(3)),
        Element(5, "n even", n(4)),
        Element(6, "z fixed", z(7)),
        Element(7, "n by bytes", Format("n", 9, counts="bytes", pad="F"), LL),
        Element(8, "z right", Format("z", 19, align="right", pad="0"), LL),
        Element(9, "letters", a(6)),
        Element(10, "alphanumeric", an(4)),
        Element(11, "letters again", a(2)),
        Element(12, "any", ans(3)),
        Element(13, "Chinese", text(20, "gb18030"), LLL),
        Element(14, "Chinese, fixed", text(4, "gb18030")),
        Element(15, "Unicode", text(2000, "utf-8"), Prefix(4, "binary")),
        Element(16, "hexadecimal", Format("b", 4, encoding="ascii")),
        Element(17, "hexadecimal varying", Format("b", 4, encoding="ascii"), LL),
        Element(18, "sign", x_n(5)),
        Element(19, "EBCDIC", Format("ans", 9, encoding="cp500"), Prefix(1, "cp500")),
        Element(20, "one byte", b(9), Prefix(1, "binary")),
        Element(21, "parts", n(5), LL, layout=Layout("positional", (Part("1", "x", length=2), Part("2", "y")))),
        Element(22, "Latin", text(3, "latin-1")),
        Element(23, "long", b(5000), Prefix(4)),
        Element(24, "ASCII text", text(3, "ascii")),
        Element(25, "shifted", text(9, "utf-7"), LL),
    ],
    Encodings(mti="bcd", digits="bcd", length="bcd", bits=64),
)
ODD_MESSAGE = Message(
    "1200",
    {
        2: "123", 3: "12345", 4: "123", 5: "1234", 6: "12=4567", 7: "12345", 8: "12=", 9: "ab CD ", 10: "A1 2",
        11: "xy", 12: "a-b", 13: "商户", 14: "商户", 15: "é" * 20, 16: b"abcd", 17: b"ab", 18: "C00001", 19: "Hello",
        20: b"xyz", 21: "12345", 22: "é é", 23: b"data", 24: "abc", 25: "plain",
    },
)  # fmt: skip
EBCDIC = get_dialect("iso87-ascii").derive("ebcdic", encodings=Encodings("cp037", "cp037", "cp037", "cp037"))
BINARY = get_dialect("iso87-bcd").derive(
    "three", encodings=Encodings("cp1047", "bcd", "cp1047", "binary", bits=192), change=[Element(190, "Beyond", n(3))]
)
CASES: list[tuple[Dialect, bytes]] = [(get_dialect("unionpay-pos"), wire) for wire in POS]
for _name in ("iso87-ascii", "iso87-hex", "iso87-bcd"):
    CASES += [(get_dialect(_name), get_dialect(_name).pack_interpreted(message)) for message in (MESSAGE, WIDE)]
for _dialect in (EBCDIC, BINARY):
    CASES += [(_dialect, _dialect.pack_interpreted(message)) for message in (MESSAGE, WIDE)]
CASES.append((BINARY, BINARY.pack_interpreted(Message("0200", {**WIDE, 190: "123"}))))
CASES.append((ODD, ODD.pack_interpreted(ODD_MESSAGE)))
WANTED = (3, 11, 41)


def reading(read: Callable[[], Message]) -> tuple[Any, ...]:
    """All there is to a result of reading: the message with what it remembers, or everything an error says."""
    try:
        message = read()
    except UnpackError as error:
        partial = {number: _plain(value) for number, value in error.partial.items()}
        return (error.path, error.offset, error.code, error.needed, error.found, str(error), error.partial.mti, partial)
    types = [type(value) for value in message.values()]
    offsets = [value._offset for value in message.values() if isinstance(value, Composite)]
    return message.mti, {k: _plain(v) for k, v in message.items()}, types, offsets, message._kept, message._shape


def writing(write: Callable[[], bytes]) -> tuple[Any, ...]:
    try:
        return (write(),)
    except PackError as error:
        return error.path, error.code, str(error)


def _plain(value: Any) -> Any:
    return value.raw if isinstance(value, Composite) else value


def warm(dialect: Dialect, wire: bytes) -> None:
    """Let code be generated for this message."""
    for _ in range(SIGHTINGS):
        message = dialect.unpack(wire)
        dialect.peek(wire, WANTED)
        dialect.pack(Message(message.mti, dict(message)))


def mutated(source: random.Random, wire: bytes) -> bytes:
    changed = bytearray(wire)
    for _ in range(source.randint(1, 2)):
        at = source.randrange(len(changed) + 1)
        kind = source.randrange(6)
        if kind == 0:
            changed[at:at] = source.randbytes(1)
        elif kind == 1:
            del changed[at : at + source.randint(1, 4)]
        elif at < len(changed):
            digit = source.choice(b"0123456789 =ADFadf")
            changed[at] = digit if kind < 4 else changed[at] ^ 1 << source.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize(("dialect", "wire"), CASES)
def test_a_sample_is_read_and_written_by_generated_code_as_by_the_interpreter(dialect: Dialect, wire: bytes) -> None:
    warm(dialect, wire)
    message = dialect.unpack_interpreted(wire)
    decoders = [decode(wire) for decode in dialect._decoders.values()]
    assert message in decoders
    assert reading(lambda: dialect.unpack(wire)) == reading(lambda: dialect.unpack_interpreted(wire))
    encoder = dialect._encoders[bytes(message)]
    assert encoder.encode(encoder.heads[message.mti], tuple(message.values())) == wire
    assert dialect.pack(message) == dialect.pack_interpreted(message) == wire
    wanted = {number: message[number] for number in WANTED if number in message}
    assert dialect.peek(wire, WANTED) == Message(message.mti, wanted)
    for cut in range(len(wire)):
        short = wire[:cut]
        assert reading(lambda: dialect.unpack(short)) == reading(lambda: dialect.unpack_interpreted(short))  # noqa: B023


@pytest.mark.parametrize(("dialect", "wire"), CASES)
def test_mutations_are_read_alike_and_obey_the_law(dialect: Dialect, wire: bytes) -> None:
    warm(dialect, wire)
    seed = 8583
    source = random.Random(seed)
    for turn in range(300):
        changed = mutated(source, wire)
        result = reading(lambda: dialect.unpack(changed))  # noqa: B023
        assert result == reading(lambda: dialect.unpack_interpreted(changed)), f"seed {seed}, turn {turn}"  # noqa: B023
        peeked = reading(lambda: dialect.peek(changed, WANTED))  # noqa: B023
        slow = reading(lambda: dialect._interpret(changed, wanted=WANTED, count=False))  # noqa: B023
        assert peeked == slow, f"seed {seed}, turn {turn}"
        if len(result) < 8:
            message = dialect.unpack(changed)
            assert dialect.pack(message) == changed, f"seed {seed}, turn {turn}"
            assert dialect.pack_interpreted(message) == changed


VALUES: Any = st.one_of(
    st.text("0123456789", max_size=20),
    st.text("0123456789ABCDabcd= é٣²\x7f商\n", max_size=12),
    st.binary(max_size=12),
    st.sampled_from([None, 5, 1.5, [], {}, {"1": "12"}, bytearray(8), memoryview(bytes(8)), b"", ""]),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_values_are_written_or_refused_alike(case: tuple[Dialect, bytes], data: st.DataObject) -> None:
    dialect, wire = case
    warm(dialect, wire)
    message = dialect.unpack(wire)
    values = dict(message)
    for number in data.draw(st.lists(st.sampled_from(list(values)), min_size=1, max_size=2)):
        size = len(values[number]) if isinstance(values[number], (str, bytes)) else 4
        same_size = st.text("0123456789Aé٣ =", min_size=size, max_size=size)
        values[number] = data.draw(VALUES | same_size | st.binary(min_size=size, max_size=size))
    mti = data.draw(st.sampled_from([message.mti, "0100", "02a0", "", None, 200]))
    changed = Message(mti, values)  # type: ignore[arg-type]
    assert writing(lambda: dialect.pack(changed)) == writing(lambda: dialect.pack_interpreted(changed))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CASES), st.binary(max_size=80), st.data())
def test_any_bytes_behind_a_known_bitmap_are_read_alike(
    case: tuple[Dialect, bytes], rest: bytes, data: st.DataObject
) -> None:
    dialect, wire = case
    warm(dialect, wire)
    changed = wire[: data.draw(st.integers(0, len(wire)))] + rest
    assert reading(lambda: dialect.unpack(changed)) == reading(lambda: dialect.unpack_interpreted(changed))


def test_a_mac_is_placed_alike() -> None:
    dialect = get_dialect("unionpay-pos").derive("mac")
    plain = Message("0200", {3: "000000", 11: "000001", 41: "10000001"})
    first = dialect.pack(plain, mac=lambda covered: covered[-8:])
    for _ in range(SIGHTINGS):
        assert dialect.pack(plain, mac=lambda covered: covered[-8:]) == first
        assert dialect.pack(dialect.unpack(first), mac=lambda covered: covered[-8:]) == first
    assert dialect._encoders[bytes(plain)].mac_heads
    assert dialect.pack(plain) == dialect.pack_interpreted(plain)


@pytest.mark.parametrize(("numbers", "place"), [([3], 64), ([3, 64], 64), ([3, 70], 128), ([3, 70, 128], 128)])
def test_the_mac_is_the_last_element_of_the_last_bitmap(numbers: list[int], place: int) -> None:
    values = {3: "000000", 70: "301", 64: bytes(8), 128: bytes(8)}
    dialect = get_dialect("iso87-bcd")
    wire = dialect.pack(Message("0200", {number: values[number] for number in numbers}), mac=lambda _: b"m" * 8)
    message = dialect.unpack(wire)
    assert (max(message), message[place]) == (place, b"m" * 8)
    assert dialect.split_mac(wire) == (wire[:-8], b"m" * 8)


def test_what_is_unusual_is_left_to_the_interpreter_and_remembered() -> None:
    dialect = get_dialect("iso87-bcd")
    wire = dialect.pack(Message("0200", {35: "12345"}))
    warm(dialect, wire)
    other = wire[:-1] + b"\x5f"
    message = dialect.unpack(other)
    assert message[35] == "12345"
    assert dialect.pack(message) == other


def test_code_is_generated_only_for_what_comes_often_and_reads_well() -> None:
    dialect = get_dialect("iso87-ascii").derive("counted")
    wire = dialect.pack(Message("0800", {7: "0601093105", 11: "000001", 70: "301"}))
    for _ in range(SIGHTINGS - 1):
        dialect.unpack(wire)
    assert not dialect._decoders
    dialect.unpack(wire)
    assert len(dialect._decoders) == 1
    dialect.unpack_interpreted(wire)
    for _ in range(SIGHTINGS * 2):
        with pytest.raises(UnpackError):
            dialect.unpack(wire[:4] + b"\x7f" * 8)
    assert len(dialect._decoders) == 1


def test_a_peer_that_invents_bitmaps_cannot_fill_the_memory() -> None:
    dialect = Dialect("small", [Element(number, "Flag", n(1)) for number in range(2, 14)], Encodings(bits=64))
    for mask in range(1, 400):
        numbers = [number for number in range(2, 14) if mask >> (number - 2) & 1]
        message = Message("0800", dict.fromkeys(numbers, "1"))
        wire = dialect.pack(message)
        for _ in range(SIGHTINGS):
            assert dialect.unpack(wire) == message
            dialect.peek(wire, (2,))
            dialect.pack(message)
    assert len(dialect._decoders) == len(dialect._encoders) == len(dialect._peekers) == LIMIT


SHOWN = """\
def decode(wire):
    try:
        s = wire.decode("latin-1")
        mti = s[:4]
        if not (mti.isdecimal() and mti.isascii()):
            return None
        t = s[12:24]
        if not (t.isdecimal()):
            return None
        v3, v11 = parts1(t)
        v41 = s[24:32]
        if not (v41.isascii() and v41.isprintable()):
            return None
        if 32 != len(wire):
            return None
    except (LookupError, UnicodeError, ReadError):
        return None
"""


def test_the_source_of_generated_code_can_be_read() -> None:
    dialect = get_dialect("iso87-ascii").derive(
        "shown", change=[Element(41, "Terminal", ans(8)), Element(40, "Filler", b(1))]
    )
    source = dialect.source((3, 11))
    assert source.startswith(SHOWN.partition("        v41")[0])
    assert "encode" in dialect.source((3, 11), "pack")
    assert "v11" not in dialect.source((3, 11, 41), "peek", (41,))
    for numbers, what in (((200,), "unpack"), ((3,), "read")):
        with pytest.raises(DialectError):
            dialect.source(numbers, what)


def test_no_generated_source_holds_what_a_message_held() -> None:
    for dialect, wire in CASES:
        message = dialect.unpack(wire)
        for what in ("unpack", "pack", "peek"):
            source = dialect.source(message, what, WANTED)
            assert not any(str(value) in source for value in message.values() if len(str(value)) > 7)


def test_text_of_a_multibyte_codec_is_written_alike_whether_it_is_ascii_or_not() -> None:
    dialect = get_dialect("unionpay-pos")
    assert 'v63.encode("ascii") if v63.isascii()' in dialect.source((3, 63), "pack")
    for remark in ("", "CUP", "~{1", "银联", "CUP银联", "x" * 163, "银" * 81):
        for _ in range(SIGHTINGS + 2):
            message = Message("0210", {3: "000000", 63: remark})
            assert dialect.pack(message) == dialect.pack_interpreted(message)
    for value in ("x" * 164, "银" * 82, 7):
        with pytest.raises(PackError):
            dialect.pack(Message("0210", {3: "000000", 63: value}))


def test_peeking_looks_at_lengths_only_and_stops_early() -> None:
    dialect = get_dialect("iso87-ascii")
    wire = dialect.pack(MESSAGE)
    broken = wire[:14] + b"x" + wire[15:-50]
    for _ in range(SIGHTINGS + 1):
        message = dialect.peek(broken, [3, 11, 41, 99])
        assert (message.mti, dict(message)) == ("0200", {3: "000000", 11: "000123", 41: "10000001"})
    with pytest.raises(UnpackError) as caught:
        dialect.unpack(broken)
    assert caught.value.path == "2"
    with pytest.raises(UnpackError) as caught:
        dialect.peek(wire[:12] + b"99" + wire[14:], (3, 11, 41))
    assert (caught.value.path, caught.value.code, caught.value.offset) == ("2", "length", 12)
    with pytest.raises(UnpackError) as caught:
        dialect.peek(wire[:12] + b"16", (3,))
    assert (caught.value.path, caught.value.code) == ("2", "truncated")
    assert dict(dialect.peek(memoryview(wire), ())) == {}


def test_a_message_may_be_given_in_any_order_of_numbers() -> None:
    dialect = get_dialect("iso87-ascii")
    values = {41: "10000001", 3: "000000", 11: "000001"}
    for _ in range(SIGHTINGS + 2):
        assert list(Message("0200", values)) == [3, 11, 41]
        assert dialect.unpack(dialect.pack(Message("0200", values))) == Message("0200", values)
    for number in (3.0, True, "3", 300, -1, None):
        for _ in range(2):
            with pytest.raises(PackError):
                Message("0200", {number: "0"})  # type: ignore[dict-item]


@pytest.mark.proof
@pytest.mark.parametrize(("dialect", "wire"), CASES)
def test_twenty_thousand_mutations_of_each_sample_obey_the_law(dialect: Dialect, wire: bytes) -> None:
    warm(dialect, wire)
    seed = 20_000
    source = random.Random(seed)
    for turn in range(20_000):
        changed = mutated(source, wire)
        result = reading(lambda: dialect.unpack(changed))  # noqa: B023
        assert result == reading(lambda: dialect.unpack_interpreted(changed)), f"seed {seed}, turn {turn}"  # noqa: B023
        if len(result) < 8:
            message = dialect.unpack(changed)
            assert dialect.pack(message) == dialect.pack_interpreted(message) == changed, f"seed {seed}, turn {turn}"
