"""Every structure a dialect can describe makes the round trip, and a fault inside names its byte."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.iso8583 import (
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
    parse_dialect,
)
from posterm.iso8583.element import LLL, Format, ans, b, n, text, x_n, z

EBCDIC = Encodings(mti="cp1047", digits="cp1047", text="cp1047", length="binary", bits=192)
DATASET = Layout(
    "tag-length-value",
    (Part("01", "Account", "ans"), Part("02", "Count", "n", 4, encoding="bcd")),
    tag_length=1,
    tag_encoding="raw",
    length_digits=1,
    length_encoding="binary",
)
NETWORK = Dialect(
    "network-test",
    [
        Element(
            44,
            "Positional",
            b(40),
            Prefix(1),
            layout=Layout(
                "positional",
                (
                    Part("1", "Fixed", "n", 3, encoding="bcd", align="right"),
                    Part("2", "Varying", "ans", 10, prefix=Prefix(1)),
                    Part("3", "Rest", "b"),
                ),
            ),
        ),
        Element(48, "Tagged text", ans(999), Prefix(3, "cp1047"),
                layout=Layout("tag-length-value", (), 2, 2, lead=(Part("TCC", "Category", length=1),))),
        Element(
            62,
            "Bitmap",
            b(255),
            Prefix(1),
            layout=Layout(
                "bitmap",
                (
                    Part("1", "Fixed", "n", 4),
                    Part("2", "Varying", "ans", 30, prefix=Prefix(1)),
                    Part("64", "Chip", "b", 50, prefix=Prefix(1), layout=Layout("ber-tlv")),
                ),
            ),
        ),
        Element(63, "Hexadecimal bitmap", b(99), Prefix(1),
                layout=Layout("bitmap", (Part("24", "Last", "an", 2),), bitmap_bits=24, bitmap_encoding="cp1047")),
        Element(104, "Datasets", b(255), Prefix(1),
                layout=Layout("datasets", (Part("57", "Listed", "b", layout=DATASET),), tag_length=1, length_digits=2)),
        Element(105, "Items", b(8), Prefix(1), layout=Layout("items", item_length=2)),
        Element(106, "Text parts", ans(30), Prefix(1),
                layout=Layout("positional", (Part("1", "Varying", length=9, prefix=Prefix(2)), Part("2", "Rest")))),
        Element(107, "Tagged bytes", b(60), Prefix(1),
                layout=Layout("tag-length-value", (Part("0023", "Terminal", "an"),), 4, 3)),
        Element(108, "Packed tags", b(60), Prefix(1),
                layout=Layout("tag-length-value", (), 3, 2, tag_encoding="bcd", length_encoding="bcd")),
        Element(192, "MAC", b(8)),
    ],
    EBCDIC,
)  # fmt: skip

PARTS: list[tuple[int, dict[str, Any], str]] = [
    (44, {"1": "012", "2": "ab", "3": b"\xff"}, "0012 02 8182 FF"),
    (44, {"1": "012"}, "0012"),
    (48, {"TCC": "R", "42": "0103210", "63": "x"}, "D9 F4F2F0F7F0F1F0F3F2F1F0 F6F3F0F1A7"),
    (62, {"1": "0012", "2": "[hi]"}, "C000000000000000 F0F0F1F2 04 AD8889BD"),
    (62, {"64": {"9F02": b"\x01"}}, "0000000000000001 04 9F020101"),
    (63, {"24": "AB"}, "F0F0F0F0F0F1 C1C2"),
    (104, {"57": {"01": "abc", "02": "0012"}, "60": {"9F36": b"\0\1"}}, "570009 0103818283 02020012 600005 9F36020001"),
    (105, {"1": b"ab", "2": b"cd"}, "6162 6364"),
    (106, {"1": "abc", "2": "de"}, "F0F3818283 8485"),
    (107, {"0023": "CT1", "0001": b"\x99"}, "F0F0F2F3 000003 C3E3F1 F0F0F0F1 000001 99"),
    (108, {"012": b"\x01\x02"}, "0012 02 0102"),
]


@pytest.mark.parametrize(("number", "parts", "packed"), PARTS)
def test_parts_are_written_and_read(number: int, parts: dict[str, Any], packed: str) -> None:
    wire = NETWORK.pack(Message("0100", {number: parts}))
    assert wire.endswith(bytes.fromhex(packed))
    message = NETWORK.unpack(wire)
    assert NETWORK.pack(message) == wire
    assert NETWORK.check(message) == []
    for part_id, value in parts.items():
        assert message[f"{number}.{part_id}"] == value
        for inner, deep in value.items() if isinstance(value, dict) else ():
            assert message[f"{number}.{part_id}.{inner}"] == deep
    assert NETWORK.pack(Message("0100", {number: message[number].with_parts()})) == wire


# Number, bytes of the element, part asked for, path, offset within the element's data, code.
BROKEN: list[tuple[int, str, str, str, int, str]] = [
    (44, "00", "1", "44.1", 0, "truncated"),
    (44, "0A12", "1", "44.1", 0, "alphabet"),
    (44, "0012 0B", "1", "44.2", 2, "length"),
    (44, "0012 0381", "1", "44.2", 3, "truncated"),
    (62, "C0000000000000", "1", "62", 0, "truncated"),
    (62, "2000000000000000", "1", "62.3", 0, "layout"),
    (62, "8000000000000000 F0F0F0F0 00", "1", "62", 12, "layout"),
    (62, "8000000000000000 F0F0F0C1", "1", "62.1", 11, "alphabet"),
    (62, "8000000000000000 F0F0F0", "1", "62.1", 8, "truncated"),
    (62, "0000000000000001 03 9F0201", "64.9F02", "62.64.9F02", 12, "tlv"),
    (63, "F0F0F0F0F0C7 C1C2", "24", "63", 5, "bitmap"),
    (104, "57", "57", "104.57", 1, "tlv"),
    (104, "5700", "57", "104.57", 1, "tlv"),
    (104, "570002 01", "57", "104.57", 3, "tlv"),
    (104, "570002 0105", "57.01", "104.57.01", 5, "tlv"),
    (104, "600002 9F36", "60.9F36", "104.60.9F36", 5, "tlv"),
    (105, "616263", "1", "105.2", 2, "layout"),
    (106, "F0F3", "1", "106.1", 2, "layout"),
    (106, "F1F0", "1", "106.1", 0, "length"),
    (106, "C1F0", "1", "106.1", 0, "layout"),
    (107, "F0F0F2", "0023", "107", 0, "tlv"),
    (107, "F0F0F2F3 000002 C1", "0023", "107.0023", 7, "tlv"),
    (107, "F0F0F2F3 000001 00", "0023", "107.0023", 7, "alphabet"),
    (108, "0A12 00", "012", "108", 0, "tlv"),
]


@pytest.mark.parametrize(("number", "data", "part", "path", "offset", "code"), BROKEN)
def test_a_fault_inside_packs_exactly_and_names_its_byte(
    number: int, data: str, part: str, path: str, offset: int, code: str
) -> None:
    raw = bytes.fromhex(data)
    wire = NETWORK.pack(Message("0100", {number: raw.decode("cp1047") if number == 106 else raw}))
    message = NETWORK.unpack(wire)
    assert NETWORK.pack(message) == wire
    with pytest.raises(UnpackError) as caught:
        message[f"{number}.{part}"]
    start = len(wire) - len(raw)
    assert (caught.value.path, caught.value.offset - start, caught.value.code) == (path, offset, code)
    assert [(fault.path, fault.code) for fault in NETWORK.check(message)] == [(path, code)]


@pytest.mark.parametrize(
    ("number", "parts", "code"),
    [
        (44, {"2": "x"}, "layout"),
        (44, {"1": "1234"}, "length"),
        (44, {"1": "012", "2": "x" * 11}, "length"),
        (44, {"1": "012", "2": 5}, "type"),
        (48, {"42": "x"}, "layout"),
        (48, {"TCC": "RR"}, "length"),
        (62, {"3": "x"}, "layout"),
        (62, {"1": "12x4"}, "alphabet"),
        (62, {"64": {"9F": b""}}, "tlv"),
        (104, {"5": b""}, "layout"),
        (104, {"zz": b""}, "layout"),
        (104, {5: b""}, "layout"),
        (104, {"57": {"01": "x" * 256}}, "length"),
        (104, {"60": 5}, "type"),
        (105, {"1": b"a"}, "length"),
        (105, {"2": b"ab"}, "layout"),
        (106, {"1": "x" * 10}, "length"),
        (107, {"0023": "ü"}, "alphabet"),
        (108, {"A12": b""}, "layout"),
    ],
)
def test_parts_that_do_not_fit_are_refused(number: int, parts: dict[Any, Any], code: str) -> None:
    with pytest.raises(PackError) as caught:
        NETWORK.pack(Message("0100", {number: parts}))
    assert caught.value.code == code


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(NETWORK.elements)), st.binary(max_size=40))
def test_any_inside_reads_or_raises_unpack_error(number: int, data: bytes) -> None:
    if number in (48, 106, 192):
        return
    message = NETWORK.message("0100", {number: data[: 8 if number == 105 else 40]})
    NETWORK.check(message)


# --- whole elements -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["ascii", "cp037", "cp500", "cp1047"])
def test_bitmaps_and_bytes_are_hexadecimal_in_any_codec(codec: str) -> None:
    dialect = get_dialect("iso87-hex").derive(
        "hex", encodings=Encodings(codec, codec, codec, codec, 192, bitmap=codec, binary=codec)
    )
    message = Message("0200", {3: "000000", 52: bytes(range(8)), 100: "12", 128: b"\xab" * 8})
    wire = dialect.pack(message)
    assert wire[4:36].decode(codec) == "A0000000000010000000000010000001"
    assert wire.decode(codec).endswith("AB" * 8)
    assert dialect.unpack(wire) == message
    lower = wire.decode(codec).lower().encode(codec)
    assert dialect.pack(dialect.unpack(lower)) == lower
    assert dialect.unpack(lower) == message
    for cut in range(len(wire)):
        with pytest.raises(UnpackError):
            dialect.unpack(wire[:cut])


@pytest.mark.parametrize(
    ("wire", "path", "offset", "code"),
    [
        (b"0200G000000000000000", "", 4, "bitmap"),
        (b"02002000000000000", "", 4, "truncated"),
        (b"0200A000000000000000" + b"0" * 15, "", 4, "truncated"),
        (b"0200" + b"0000000000001000" + b"00112233445566GG", "52", 34, "alphabet"),
        (b"0200" + b"0000000000001000" + b"00112233445566", "52", 20, "truncated"),
        (b"0200" + b"4000000000000001" + b"021x" + b"0" * 16, "2", 23, "alphabet"),
        (b"0200" + b"8000000000000000" + b"8000000000000000", "65", 20, "unknown-element"),
    ],
)
def test_a_broken_hexadecimal_message_names_the_wrong_byte(wire: bytes, path: str, offset: int, code: str) -> None:
    with pytest.raises(UnpackError) as caught:
        get_dialect("iso87-hex").unpack(wire)
    error = caught.value
    assert (error.path, error.offset, error.code) == (path, offset, code)


def test_hexadecimal_lengths_count_bytes_or_digits() -> None:
    for counts, expected in (("bytes", b"02ABCD"), ("digits", b"04ABCD")):
        element = Element(55, "Chip", Format("b", 20, encoding="ascii", counts=counts), Prefix(2))  # type: ignore[arg-type]
        dialect = Dialect("hex", [element])
        wire = dialect.pack(Message("0200", {55: b"\xab\xcd"}))
        assert wire.endswith(expected)
        assert dialect.unpack(wire)[55] == b"\xab\xcd"
    with pytest.raises(UnpackError) as caught:
        dialect.unpack(wire[:-6] + b"03ABC")
    assert (caught.value.offset, caught.value.code) == (len(wire) - 6, "length")


@pytest.mark.parametrize(
    ("encoding", "packed"), [("ascii", b"D00000012"), ("cp500", "D00000012".encode("cp500")), ("bcd", b"D\0\0\0\x12")]
)
def test_an_amount_with_a_sign_is_a_letter_and_digits(encoding: str, packed: bytes) -> None:
    dialect = Dialect("signed", [Element(28, "Fee", x_n(8))], Encodings(digits=encoding))
    wire = dialect.pack(Message("0200", {28: "D12"}))
    assert wire[12:] == packed
    assert dialect.unpack(wire)[28] == "D00000012"
    for broken, code in ((b"X" + packed[1:], "alphabet"), (packed[:-1], "truncated"), (b"", "truncated")):
        with pytest.raises(UnpackError) as caught:
            dialect.unpack(wire[:12] + broken)
        assert (caught.value.path, caught.value.code) == ("28", code)
    for value, code in (("12", "alphabet"), ("D", "alphabet"), ("D123456789", "length"), (5, "type")):
        with pytest.raises(PackError) as refused:
            dialect.pack(Message("0200", {28: value}))
        assert refused.value.code == code


def test_an_odd_packed_amount_with_a_sign_keeps_its_filler() -> None:
    dialect = Dialect("signed", [Element(28, "Fee", x_n(7))], Encodings(digits="bcd"))
    wire = dialect.pack(Message("0200", {28: "C1"}))
    other = wire[:-1] + b"\x1f"
    assert dialect.unpack(other)[28] == "C0000001"
    assert dialect.pack(dialect.unpack(other)) == other


def test_code_page_1047_is_code_page_37_with_three_pairs_exchanged() -> None:
    assert "^¬[]Ý¨".encode("cp1047").hex() == "5fb0adbdbabb"
    assert bytes(range(256)).decode("cp1047").encode("cp1047") == bytes(range(256))
    changed = [p for p in range(256) if bytes([p]).decode("cp1047") != bytes([p]).decode("cp037")]
    assert changed == [0x5F, 0xAD, 0xB0, 0xBA, 0xBB, 0xBD]
    with pytest.raises(UnicodeError):
        "€".encode("cp1047")


@pytest.mark.parametrize("encoding", ["ascii", "bcd", "cp037", "binary"])
@pytest.mark.parametrize("digits", [1, 2, 3, 4, 5, 6])
def test_every_width_of_length_in_every_encoding(digits: int, encoding: str) -> None:
    most = min(999_999, (256 if encoding == "binary" else 10) ** digits - 1)
    dialect = Dialect("lengths", [Element(60, "Text", text(most, "latin-1"), Prefix(digits, encoding))])
    for size in {0, 1, min(most, 300)}:
        wire = dialect.pack(Message("0200", {60: "x" * size}))
        assert len(wire) == 12 + ((digits + 1) // 2 if encoding == "bcd" else digits) + size
        assert dialect.unpack(wire)[60] == "x" * size


@pytest.mark.parametrize("digits", ["", "1", "12", "1234567"])
@pytest.mark.parametrize("counts", ["digits", "bytes"])
@pytest.mark.parametrize("align", ["left", "right"])
@pytest.mark.parametrize("pad", ["0", "F"])
@pytest.mark.parametrize("kind", ["n", "z"])
def test_the_four_knobs_of_packed_digits_turn_separately(
    digits: str, counts: Any, align: Any, pad: str, kind: Any
) -> None:
    fmt = Format(kind, 19, "bcd", counts, align, pad)
    dialect = Dialect("knobs", [Element(35, "Digits", fmt, Prefix(2, "bcd"))])
    wire = dialect.pack(Message("0200", {35: digits}))
    odd = len(digits) % 2
    nibbles = (pad + digits if align == "right" else digits + pad) if odd else digits
    count = len(digits) if counts == "digits" else len(nibbles) // 2
    assert wire[12:] == bytes.fromhex(f"{count:02d}{nibbles}")
    value = dialect.unpack(wire)[35]
    assert value == (nibbles if counts == "bytes" and pad == "0" else digits)
    assert dialect.pack(dialect.unpack(wire)) == wire


@pytest.mark.parametrize(
    "element",
    [
        Element(48, "x", ans(9), LLL, layout=Layout("bitmap")),
        Element(48, "x", ans(9), LLL, layout=Layout("datasets")),
        Element(48, "x", b(9), LLL, layout=Layout("bitmap", bitmap_bits=12)),
        Element(48, "x", b(9), LLL, layout=Layout("bitmap", bitmap_encoding="morse")),
        Element(48, "x", b(9), LLL, layout=Layout("bitmap", (Part("9", "x", "n", 1),), bitmap_bits=8)),
        Element(48, "x", b(9), LLL, layout=Layout("bitmap", (Part("1", "x", "n"),))),
        Element(48, "x", b(9), LLL, layout=Layout("positional", (Part("1", "x", "ans", 4, encoding="bcd"),))),
        Element(48, "x", b(9), LLL, layout=Layout("ber-tlv", (Part("9A", "x", "n", 4, prefix=LLL),))),
        Element(48, "x", b(9), LLL, layout=Layout("ber-tlv", lead=(Part("1", "x", "n"),))),
        Element(48, "x", b(9), LLL, layout=Layout("positional", lead=(Part("1", "x", "n", 1),))),
        Element(48, "x", b(9), LLL, layout=Layout("tag-length-value", (Part("A", "x", "n"),), tag_encoding="raw")),
        Element(48, "x", ans(9), LLL, layout=Layout("tag-length-value", tag_encoding="raw")),
        Element(48, "x", ans(9), LLL, layout=Layout("positional", (Part("1", "x", length=1, encoding="ascii"),))),
        Element(48, "x", ans(9), LLL, layout=Layout("positional", (Part("1", "x", length=99, prefix=Prefix(1)),))),
        Element(28, "x", Format("x+n", 8), LLL),
        Element(28, "x", Format("b", 3, encoding="ascii", counts="digits")),
        Element(28, "x", n(4), content="weekday"),
        Element(28, "x", n(4), content="MMMM"),
        Element(35, "x", z(4), layout=Layout("ber-tlv")),
    ],
)
def test_a_structure_that_contradicts_itself_is_refused(element: Element) -> None:
    with pytest.raises(DialectError, match=r"acme, elements\.\d+"):
        Dialect("acme", [element])


def test_the_examples_in_the_documents_are_dialects() -> None:
    page = (Path(__file__).parents[2] / "docs" / "dialects.md").read_text("utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        whole = example if example.startswith("name") else f'name = "acme"\n{example}'
        dialect = parse_dialect(whole.encode(), origin="docs/dialects.md")
    wire = dialect.pack(Message("0100", {62: {"1": "E", "2": "123"}, 48: {"TCC": "R", "42": "03210"}}))
    message = dialect.unpack(wire)
    assert (message["62.2"], message["48.42"], message["48.TCC"]) == ("000000000000123", "03210", "R")
