"""BER-TLV: objects are found with their borders, and every fault names its byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm import tlv


def tag_bytes() -> st.SearchStrategy[str]:
    return st.sampled_from(["9C", "82", "5A", "9F02", "9F36", "5F2A", "DF31", "DF8129", "70", "BF0C", "71"])


@given(st.lists(st.tuples(tag_bytes(), st.binary(max_size=300)), max_size=12))
def test_what_is_built_parses_to_the_same_objects_in_order(items: list[tuple[str, bytes]]) -> None:
    assert tlv.parse(tlv.build(items)) == items


@given(st.binary(max_size=300))
def test_any_bytes_parse_or_raise_tlv_error(data: bytes) -> None:
    for read in (tlv.parse, tlv.parse_deep):
        offset = 0
        try:
            read(data)
        except tlv.TlvError as error:
            offset = error.offset
        assert 0 <= offset <= len(data)


@given(st.binary(max_size=200))
def test_borders_lie_within_the_data_and_ascend(data: bytes) -> None:
    try:
        objects = tlv.scan(data)
    except tlv.TlvError:
        return
    at = 0
    for _, start, end in objects:
        assert at < start <= end <= len(data)
        at = end


@pytest.mark.parametrize(
    ("data", "objects"),
    [
        ("", []),
        ("000000", []),
        ("9C0100", [("9C", "00")]),
        ("00009C01000000820200FF00", [("9C", "00"), ("82", "00FF")]),
        ("9C00", [("9C", "")]),
        ("9C8101AA", [("9C", "AA")]),
        ("9C820001AA", [("9C", "AA")]),
        ("9C8400000001AA", [("9C", "AA")]),
        ("9C01019C0102", [("9C", "01"), ("9C", "02")]),
        ("DF812901F0", [("DF8129", "F0")]),
        ("70039C0100", [("70", "9C0100")]),
        ("1F0100", None),
        ("DF81820101AA", [("DF818201", "AA")]),
    ],
)
def test_legal_forms_are_read(data: str, objects: list[tuple[str, str]] | None) -> None:
    found = [(tag, value.hex().upper()) for tag, value in tlv.parse(bytes.fromhex(data))]
    assert found == ([("1F01", "")] if objects is None else objects)


@pytest.mark.parametrize(
    ("data", "offset", "tag"),
    [
        ("9C", 1, "9C"),
        ("9F", 1, ""),
        ("9F02", 2, "9F02"),
        ("9F8281", 3, ""),
        ("9F8281838401", 0, ""),
        ("9C02AA", 2, "9C"),
        ("9C80", 1, "9C"),
        ("9C81", 2, "9C"),
        ("9C82 00", 2, "9C"),
        ("9C85 0000000001 AA", 1, "9C"),
        ("9CFF", 1, "9C"),
        ("9C84FFFFFFFF", 6, "9C"),
        ("9C0100 9F0206 0000", 6, "9F02"),
        ("00 00 9C", 3, "9C"),
    ],
)
def test_a_fault_names_its_byte_and_tag(data: str, offset: int, tag: str) -> None:
    with pytest.raises(tlv.TlvError) as caught:
        tlv.scan(bytes.fromhex(data))
    assert (caught.value.offset, caught.value.tag) == (offset, tag)
    assert f"at byte {offset}" in str(caught.value)


def test_a_fault_inside_a_template_counts_from_the_outside() -> None:
    with pytest.raises(tlv.TlvError) as caught:
        tlv.parse_deep(bytes.fromhex("9C0100 7003 820200"))
    assert (caught.value.offset, caught.value.tag) == (7, "82")


def test_templates_come_before_what_they_hold() -> None:
    assert [tag for tag, _ in tlv.parse_deep(bytes.fromhex("6F06 8402A000 A500 9000"))] == ["6F", "84", "A5", "90"]


def test_templates_nest_no_deeper_than_eight_levels() -> None:
    data = b""
    for _ in range(9):
        data = tlv.build([("70", data)])
    with pytest.raises(tlv.TlvError, match="at most 8 levels"):
        tlv.parse_deep(data)


@pytest.mark.parametrize("tag", ["", "9", "9F", "9F82", "9C00", "zz", "00", "9 C", "9F8182838401", "９Ｃ"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(tlv.TlvError):
        tlv.build([(tag, b"")])


@pytest.mark.parametrize(
    ("length", "encoded"), [(0, "00"), (127, "7f"), (128, "8180"), (255, "81ff"), (256, "820100"), (65535, "82ffff")]
)
def test_a_length_is_as_short_as_it_can_be(length: int, encoded: str) -> None:
    assert tlv.encode_length(length).hex() == encoded


@pytest.mark.parametrize("length", [-1, 65536])
def test_a_length_beyond_two_bytes_is_refused(length: int) -> None:
    with pytest.raises(tlv.TlvError):
        tlv.encode_length(length)


@pytest.mark.parametrize(("tag", "constructed"), [("70", True), ("BF0C", True), ("9F02", False), ("5A", False)])
def test_templates_are_known_by_their_tag(tag: str, constructed: bool) -> None:
    assert tlv.is_constructed(tag) is constructed


@pytest.mark.parametrize(
    ("data", "objects"),
    [
        ("FF", []),
        ("FFFFFF9C0100", [("9C", "00")]),
        ("9C0100FF", [("9C", "00")]),
        ("9C0100FF009C0101FFFF", [("9C", "00"), ("9C", "01")]),
        ("FF810103AABBCC", [("FF8101", "AABBCC")]),
        ("9C02FFFF", [("9C", "FFFF")]),
    ],
)
def test_runs_of_ff_are_filler_when_asked_but_a_single_one_starts_a_tag(
    data: str, objects: list[tuple[str, str]]
) -> None:
    found = tlv.parse(bytes.fromhex(data), ff_filler=True)
    assert [(tag, value.hex().upper()) for tag, value in found] == objects


@given(st.lists(st.tuples(tag_bytes(), st.binary(max_size=30)), max_size=6))
def test_filler_of_both_kinds_changes_nothing(items: list[tuple[str, bytes]]) -> None:
    padded = b"".join(tlv.build([item]) + b"\x00\xff\xff\xff" for item in items)
    assert tlv.parse(b"\xff\xff" + padded, ff_filler=True) == items
