"""Protocol T=0 under APDUs. Source: EMV 4.4 Book 1, 9.3.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.emv.t0 import MAX_STEPS, over_t0
from posterm.emv.transcript import Replay, parse_transcript


@pytest.mark.parametrize(
    ("apdu", "dialogue", "answer"),
    [
        ("00A4040002AABB00", "> 00A4040002AABB\n< 6103\n> 00C0000003\n< 1122339000", "1122339000"),
        ("00A4040002AABB00", "> 00A4040002AABB\n< 6A82", "6A82"),
        ("00B2010C00", "> 00B2010C00\n< 6C02\n> 00B2010C02\n< 11229000", "11229000"),
        ("00A4040002AABB00", "> 00A4040002AABB\n< 6102\n> 00C0000002\n< 116101\n> 00C0000001\n< 229000", "11229000"),
        ("80AE400002AABB00", "> 80AE400002AABB\n< 6100\n> 00C0000000\n< 6C01\n> 00C0000001\n< 119000", "119000"),
        ("00A4040002AABB00", "> 00A4040002AABB\n< 6283\n> 00C0000000\n< 6C01\n> 00C0000001\n< 119000", "116283"),
        ("00A4040002AABB00", "> 00A4040002AABB\n< 6283\n> 00C0000000\n< 6F00", "6283"),
        ("0020008002AABB", "> 0020008002AABB\n< 63C2", "63C2"),
        ("0020008002AABB", "> 0020008002AABB\n< 6C02", "6C02"),
        ("00B2010C00", "> 00B2010C00\n< -", ""),
    ],
)
def test_le_is_dropped_and_61_and_6c_are_followed_up(apdu, dialogue, answer):
    card = Replay(parse_transcript(dialogue))
    assert over_t0(card.transmit)(bytes.fromhex(apdu)).hex().upper() == answer
    assert card.turns_left == 0


@pytest.mark.parametrize("sw", [b"\x61\x01", b"\x61\x00", b"\x6c\x01", b"\x6c\x00"])
def test_a_storm_of_61_or_6c_comes_to_an_end(sw):
    sent = []

    def storm(apdu: bytes) -> bytes:
        sent.append(apdu)
        return sw

    assert over_t0(storm)(bytes.fromhex("00B2010C00")) == b""
    assert len(sent) == MAX_STEPS


@given(
    st.lists(st.binary(max_size=5), min_size=1),
    st.sampled_from(["00820000", "00B2010C00", "0020008001AA", "00A4040001AA00"]),
)
def test_whatever_a_card_answers_the_exchange_ends(answers, apdu):
    stream = iter(answers)
    answer = over_t0(lambda _: next(stream, answers[-1]))(bytes.fromhex(apdu))
    assert answer == b"" or len(answer) >= 2
