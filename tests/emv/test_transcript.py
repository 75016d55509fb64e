"""Dialogues as text: what is written reads back, what is broken is refused, and a replay insists on its commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.emv.errors import TranscriptError
from posterm.emv.transcript import PoweredOn, Recorder, Replay, Turn, parse_transcript, write_transcript

TEXT = """
The card says no.
@ 3B00                   the card was powered on
> 80A80000 02 8300 00    GET PROCESSING OPTIONS
< 6985                   conditions of use not satisfied
    # nothing to decode
> 00B2010C00  # READ RECORD
< -
"""
ENTRIES = [
    PoweredOn(bytes.fromhex("3B00")),
    Turn(bytes.fromhex("80A8000002830000"), bytes.fromhex("6985")),
    Turn(bytes.fromhex("00B2010C00"), b""),
]


def test_a_transcript_reads_as_its_turns():
    assert parse_transcript(TEXT) == ENTRIES


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("> 00A4\n> 00A4\n", "line 2: need an answer"),
        ("< 9000\n", "line 1: need a command"),
        ("> 00A4\n", "the last command has no answer"),
        ("> zz\n", "line 1: need hexadecimal"),
        ("> 00A4\n@ 3B00\n< 9000\n", "line 2: need an answer"),
    ],
)
def test_a_broken_transcript_is_refused_with_its_line(text, fault):
    with pytest.raises(TranscriptError, match=f"^{fault}"):
        parse_transcript(text)


def turns() -> st.SearchStrategy[Turn]:
    return st.builds(Turn, st.binary(min_size=1, max_size=30), st.binary(max_size=30))


@given(st.lists(turns() | st.builds(PoweredOn, st.binary(min_size=1, max_size=8))))
def test_what_is_written_reads_back(entries):
    assert parse_transcript(write_transcript(entries, remark=lambda turn: ["9F02 amount"])) == entries


def test_what_went_by_is_recorded():
    record = Recorder(lambda apdu: b"\x6d\x00")
    assert record(b"\x00\xca\x9f\x17") == b"\x6d\x00"
    assert write_transcript(record.entries).splitlines() == [
        "> 00CA9F17    GET DATA",
        "< 6D00    instruction not supported",
    ]


def test_a_replay_answers_as_recorded_and_insists_on_its_commands():
    card = Replay(ENTRIES)
    assert card.power_on().hex() == "3b00"
    assert card.transmit(bytes.fromhex("80A8000002830000")).hex() == "6985"
    with pytest.raises(TranscriptError, match="has READ RECORD 00B2010C here, the command is READ RECORD 00B20114"):
        card.transmit(bytes.fromhex("00B2011400"))
    with pytest.raises(TranscriptError, match="at its end"):
        card.transmit(b"")
