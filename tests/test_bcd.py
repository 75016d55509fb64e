"""Packed decimal. Source: ISO 8583:1987, 4.3; Q/CUP 009 practice for track separators."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.bcd import is_digits, pack_left, pack_right, unpack
from posterm.errors import BcdError

digits = st.text("0123456789", max_size=40)


@pytest.mark.parametrize(
    ("text", "pad", "packed"),
    [
        ("", "0", ""),
        ("1", "0", "10"),
        ("021", "0", "0210"),
        ("021", "F", "021F"),
        ("0200", "0", "0200"),
        ("12=", "0", None),
        ("12D3", "0", "12D3"),
        ("12d", "0", "12D0"),
    ],
)
def test_left_justified_digits_are_filled_on_the_right(text, pad, packed):
    if packed is None:
        with pytest.raises(BcdError):
            pack_left(text, pad)
    else:
        assert unpack(pack_left(text, pad)) == packed


@pytest.mark.parametrize(
    ("text", "pad", "packed"), [("", "0", ""), ("1", "0", "01"), ("001", "0", "0001"), ("123", "F", "F123")]
)
def test_right_justified_digits_are_filled_on_the_left(text, pad, packed):
    assert unpack(pack_right(text, pad)) == packed


@pytest.mark.parametrize("pack", [pack_left, pack_right])
@pytest.mark.parametrize(
    "text",
    [
        "G",
        "1G",
        "-1",
        "+1",
        "0x12",
        "1.5",
        "=",
        "\N{ARABIC-INDIC DIGIT ONE}\N{ARABIC-INDIC DIGIT TWO}",
        "\0\0",
        "1\N{DIGIT ONE}é0",
    ],
)
def test_what_is_no_nibble_is_refused(pack, text):
    with pytest.raises(BcdError, match="outside 0-9 A-F"):
        pack(text)


@pytest.mark.parametrize("pack", [pack_left, pack_right])
@pytest.mark.parametrize("text", ["12 34 ", " 1234 ", "12\t34\n", "  "])
def test_blanks_are_refused_and_not_dropped(pack, text):
    with pytest.raises(BcdError):
        pack(text)


@pytest.mark.parametrize("pack", [pack_left, pack_right])
@pytest.mark.parametrize("pad", ["", " ", "G", "é"])
def test_a_pad_that_is_no_nibble_is_refused(pack, pad):
    with pytest.raises(BcdError):
        pack("1", pad)


def test_a_refusal_does_not_repeat_the_digits():
    with pytest.raises(BcdError) as caught:
        pack_left("6212345678901265=3012")
    assert "6212345678901265" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(digits)
def test_packed_digits_come_back(text):
    assert unpack(pack_left(text))[: len(text)] == text
    assert unpack(pack_right(text)).endswith(text)
    assert len(pack_left(text)) == len(pack_right(text)) == (len(text) + 1) // 2


@given(st.binary(max_size=64))
def test_any_bytes_unpack_to_upper_case_nibbles_and_pack_again(packed):
    nibbles = unpack(packed)
    assert len(nibbles) == 2 * len(packed)
    assert nibbles == nibbles.upper()
    assert pack_left(nibbles) == pack_right(nibbles) == packed


@given(st.text("0123456789ABCDEFabcdef=-+.éG", max_size=12))
def test_any_text_packs_or_is_refused(text):
    try:
        packed = pack_left(text)
    except BcdError:
        return
    assert unpack(packed) == text.upper() + "0" * (len(text) % 2)


@pytest.mark.parametrize("text", ["", "0", "0123456789"])
def test_decimal_digits_are_digits(text):
    assert is_digits(text)


@pytest.mark.parametrize("text", ["A", "1 ", "-1", "1.0", "\N{SUPERSCRIPT TWO}", "\N{FULLWIDTH DIGIT ONE}", "1\n"])
def test_what_python_also_calls_a_digit_is_none(text):
    assert not is_digits(text)
