"""Data object lists. Source of the rules: EMV 4.4 Book 3, 5.4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.emv.dol import build_dol_data, parse_dol
from posterm.emv.errors import DolError

VALUES = {
    "9F02": bytes.fromhex("000000001234"),
    "5A": bytes.fromhex("4761739001010010"),
    "9F37": bytes.fromhex("DEADBEEF"),
    "9F33": bytes.fromhex("E0F8C8"),
    "A5": bytes.fromhex("5001AA"),
}


@pytest.mark.parametrize(
    ("dol", "data", "rule"),
    [
        ("9F0206", "000000001234", "the value as it is"),
        ("9F0202", "1234", "n keeps its right end"),
        ("9F0208", "0000000000001234", "n is filled on the left"),
        ("5A0A", "4761739001010010FFFF", "cn is filled with F on the right"),
        ("5A04", "47617390", "cn keeps its left end"),
        ("9F3702", "DEAD", "b keeps its left end"),
        ("9F3705", "DEADBEEF00", "b is filled with zeros on the right"),
        ("9F3704 9F3702", "DEADBEEFDEAD", "a tag may come twice, with another length"),
        ("9F6604", "00000000", "what the terminal does not know is zeros"),
        ("A503", "000000", "a template is zeros"),
        ("9F0200", "", "no bytes wanted, none given"),
        ("DF812902", "0000", "tags of three bytes"),
        ("", "", "an empty list"),
    ],
)
def test_values_are_cut_and_filled_as_their_format_asks(dol, data, rule):
    assert build_dol_data(parse_dol(bytes.fromhex(dol)), VALUES).hex().upper() == data


@pytest.mark.parametrize("dol", ["9F", "9F02", "9F0281", "5F", "95059A", "DF81818101", "9F3780"])
def test_a_list_that_cannot_be_read_is_refused(dol):
    with pytest.raises(DolError, match="data object list"):
        parse_dol(bytes.fromhex(dol))


def test_more_values_than_a_command_carries_are_refused():
    with pytest.raises(DolError, match="at most 255 bytes"):
        build_dol_data(parse_dol(bytes.fromhex("9F107F" * 3)), {})


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_are_refused(dol):
    try:
        entries = parse_dol(dol)
        data = build_dol_data(entries, VALUES)
    except DolError:
        return
    assert len(data) == sum(length for _, length in entries)
