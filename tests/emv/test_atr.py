"""Answers to reset, those of cards and those that contactless readers make up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.emv.atr import parse_atr
from posterm.emv.errors import AtrError


@pytest.mark.parametrize(
    ("atr", "protocols", "historical", "contactless"),
    [
        pytest.param("3B6500002063CB6800", (0,), "2063CB6800", False, id="T=0, no TD"),
        pytest.param("3F6500002063CB6800", (0,), "2063CB6800", False, id="inverse convention"),
        pytest.param("3B810154D4", (1,), "54", False, id="T=1 alone"),
        pytest.param("3BE000008131204535", (1,), "", False, id="EMV T=1: TB1, TC1, TA3, TB3"),
        pytest.param("3B80800101", (0, 1), "", True, id="contactless, no historical bytes"),
        pytest.param("3B8880010000000000817100F9", (0, 1), "0000000000817100", True, id="contactless, type B"),
        pytest.param("3B80801FC3DC", (0,), "", False, id="T=15 names no protocol"),
    ],
)
def test_an_answer_to_reset_is_taken_apart(atr, protocols, historical, contactless):
    found = parse_atr(bytes.fromhex(atr))
    assert found.protocols == protocols
    assert found.first_protocol == protocols[0]
    assert found.historical.hex().upper() == historical
    assert found.contactless is contactless
    assert found.inverse is atr.startswith("3F")


@pytest.mark.parametrize(
    ("atr", "fault"),
    [
        ("", "need 2 to 33 bytes, have 0"),
        ("3B", "need 2 to 33 bytes, have 1"),
        ("3B" + "00" * 33, "need 2 to 33 bytes, have 34"),
        ("3C00", "need 3B or 3F first, have 3C"),
        ("3B10", "need TA1, have the end"),
        ("3B8080", "need TD2, have the end"),
        ("3B05AABB", "need 7 bytes, have 4"),
        ("3B810154", "need 5 bytes, have 4"),
        ("3B810154D5", "need a check byte that makes all but the first zero, have D5"),
    ],
)
def test_what_is_no_answer_to_reset_is_refused(atr, fault):
    with pytest.raises(AtrError, match=fault):
        parse_atr(bytes.fromhex(atr))


@given(st.binary(max_size=40) | st.binary(max_size=32).map(lambda rest: b"\x3b" + rest))
def test_any_bytes_are_taken_apart_or_refused(data):
    try:
        atr = parse_atr(data)
    except AtrError:
        return
    assert len(atr.historical) <= 15
    assert atr.protocols
