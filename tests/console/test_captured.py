"""What stands around a pasted message is found, and nothing that is pasted breaks the reading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.console.captured import parse_hex, split
from posterm.console.errors import InputError
from posterm.iso8583 import Tpdu

MESSAGE = bytes.fromhex("08200000000000C0001031303030303030313839383331303035383132303030310011000000013010")
AROUND = bytes.fromhex("6000030000603100310000")


@given(st.binary(max_size=300))
def test_any_bytes_are_split_without_loss(data):
    captured = split(data)
    assert data[captured.offset :] == captured.wire
    assert (captured.tpdu is None) == (captured.offset == 0)


@given(st.text(max_size=100))
def test_any_text_is_bytes_or_our_error(text):
    try:
        parse_hex(text, "text")
    except InputError as error:
        said = str(error)
    else:
        said = "text: need nothing"
    assert said.startswith("text: need ")


@given(st.binary(min_size=1, max_size=100), st.sampled_from(["", " ", ":", "\n"]))
def test_digits_come_back_as_the_bytes_they_were(data, separator):
    assert parse_hex(separator.join(f"{byte:02X}" for byte in data), "data") == data


@pytest.mark.parametrize("prefix", ["", "0034", "0052", "0036", "0054"], ids=["none", "be", "bcd", "be+2", "bcd+2"])
def test_every_form_of_length_is_recognized(prefix):
    captured = split(bytes.fromhex(prefix) + AROUND + MESSAGE)
    assert captured.wire == MESSAGE
    assert captured.tpdu == Tpdu()
    assert captured.header == "603100310000"
    assert captured.fault == ""


def test_a_bare_message_with_a_bitmap_that_begins_like_a_tpdu_is_no_frame():
    bare = bytes.fromhex("0200") + bytes.fromhex("6000000000C00010") + bytes(30)
    assert split(bare).wire == bare


@pytest.mark.parametrize(
    "data",
    [b"", b"\x60", AROUND, AROUND[:5] + b"\x64" + AROUND[6:] + MESSAGE, b"\x61" + AROUND[1:] + MESSAGE, b"\0\0"],
    ids=["empty", "one-byte", "no-message", "other-class", "other-identifier", "keep-alive"],
)
def test_what_is_no_frame_is_left_whole(data):
    assert split(data).wire == data
