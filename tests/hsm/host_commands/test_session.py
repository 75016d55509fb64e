"""Frames: in pieces, several at a time, too short, too long, with headers of any length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm.host_commands import FrameError, HostCommandSet, HsmSession


class Mirror:
    """Answers a message with itself."""

    def execute(self, message: bytes) -> bytes:
        return message[::-1]


def frame(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


messages = st.binary(min_size=6, max_size=40)


@given(messages)
def test_a_frame_is_answered_wherever_it_is_split(message: bytes):
    wire = frame(message)
    expected = frame(message[:4] + message[:3:-1])
    for at in range(len(wire) + 1):
        session = HsmSession(Mirror())
        assert session.receive(wire[:at]) + session.receive(wire[at:]) == expected
        assert session.is_between_messages


@given(st.lists(messages, max_size=6), st.integers(1, 20))
def test_pipelined_frames_are_answered_in_order(requests: list[bytes], size: int):
    wire = b"".join(map(frame, requests))
    expected = b"".join(frame(message[:4] + message[:3:-1]) for message in requests)
    assert HsmSession(Mirror()).receive(wire) == expected
    session = HsmSession(Mirror())
    assert b"".join(session.receive(wire[at : at + size]) for at in range(0, len(wire), size)) == expected


@pytest.mark.parametrize("header_length", [0, 1, 4, 255])
def test_the_header_comes_back_as_it_was(header_length: int):
    header = bytes(range(header_length))
    assert HsmSession(Mirror(), header_length=header_length).receive(frame(header + b"NC")) == frame(header + b"CN")


@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_frame_without_room_for_a_command_ends_the_session_behind_the_answers_before_it(length: int):
    session = HsmSession(Mirror())
    assert session.receive(frame(b"HEADNC") + frame(bytes(length)) + frame(b"HEADNC")) == frame(b"HEADCN")
    assert isinstance(session.ended, FrameError)
    assert session.receive(frame(b"HEADNC")) == b""
    assert session.is_between_messages


def test_a_frame_longer_than_is_taken_ends_the_session_before_it_has_come_whole():
    session = HsmSession(Mirror(), longest=100)
    assert session.receive((101).to_bytes(2, "big")) == b""
    assert session.ended is not None
    assert HsmSession(Mirror(), longest=100).receive(frame(bytes(100)))


def test_a_header_is_255_bytes_at_most():
    for length in (-1, 256):
        with pytest.raises(FrameError, match="0 to 255"):
            HsmSession(Mirror(), header_length=length)


def test_an_unfinished_message_shows():
    session = HsmSession(Mirror())
    session.receive(b"\x00")
    assert not session.is_between_messages


@pytest.mark.parametrize("code", [b"??", b"\xff\xff", b"\x00\x00", b"cc", b"C\x80"])
def test_an_unknown_command_is_answered_with_15(blocks: HostCommandSet, code: bytes):
    assert blocks.execute(code + b"anything") == code[:1] + bytes([(code[1] + 1) & 255]) + b"15"
