"""Of what fits nothing a link says what it is, what it is nearest to, and which element differs; never content."""

from __future__ import annotations

from typing import Any

import pytest

from posterm.iso8583 import Framing, FramingError, Message
from posterm.iso8583.link import Link, LinkState
from posterm.iso8583.link_events import (
    Answered,
    Broken,
    Disconnected,
    DoubledAnswer,
    Echoed,
    EchoMissed,
    LateAnswer,
    Lost,
    Ready,
    Requested,
    TimedOut,
    UnmatchedAnswer,
    Unreadable,
)
from posterm.iso8583.link_pairing import SHOWN, Pairing, compare, is_request
from posterm.iso8583.link_settings import LinkSettings
from tests.iso8583.link_ends import DIALECT, FRAMING, framed, ready, request, response


def test_an_unreadable_frame_leaves_the_link_in_step() -> None:
    link = ready()
    link.send(request(1), now=0.0)
    junk = FRAMING.encode(b"\x12\x34junk")
    unread, answered = link.receive(junk + framed(response(1)), now=1.0)
    assert isinstance(unread, Unreadable)
    assert isinstance(answered, Answered)


def test_a_length_that_cannot_be_breaks_the_connection_after_what_came_before_it() -> None:
    link = Link(LinkSettings(DIALECT, Framing(max_bytes=100)))
    link.connected(0.0)
    good = Framing().encode(DIALECT.pack(request(1)))
    asked, broken = link.receive(good + b"\xff\xff", now=1.0)
    assert isinstance(asked, Requested)
    assert broken == Broken(f"frame length: need at most 100 bytes, have 65535, at byte {len(good)} of the stream")
    assert link.receive(good, now=2.0) == []
    assert (link.finished, link.state) == (True, LinkState.BROKEN)


GOLDEN = {
    "another terminal": (
        response(1, terminal="10000002"),
        (
            "0210 answers no request\n"
            "  nearest: request 1, 0200, in flight for 1.2 s; the same in DE 11\n"
            "  DE 41 is 10000002, not 10000001"
        ),
    ),
    "another trace number and no reference": (
        response(8, de37="000000000007"),
        (
            "0210 answers no request\n"
            "  nearest: request 1, 0200, in flight for 1.2 s; the same in DE 41\n"
            "  DE 11 is 000008, not 000001"
        ),
    ),
    "another type": (
        response(2, "0230", de32="00010000"),
        (
            "0230 answers no request\n"
            "  nearest: request 2, 0200, in flight for 0.7 s; the same in DE 11, DE 41, DE 32\n"
            "  MTI is 0230, not 0210"
        ),
    ),
    "an element missing": (
        response(2),
        (
            "0210 answers no request\n"
            "  nearest: request 2, 0200, in flight for 0.7 s; the same in DE 11, DE 41\n"
            "  DE 32 is missing"
        ),
    ),
    "near one that is over": (
        response(3, "0430", terminal="10000009"),
        (
            "0430 answers no request\n"
            "  nearest: request 3, 0420, answered 0.2 s ago; the same in DE 11\n"
            "  DE 41 is 10000009, not 10000003"
        ),
    ),
    "like nothing": (
        response(77, "0830", terminal="77777777"),
        "0830 answers no request\n  nothing like it was asked",
    ),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_a_near_miss_says_which_element_differed(case: str) -> None:
    link = ready()
    link.send(request(1), now=0.0)
    link.send(request(2, de32="00010000"), now=0.5)
    link.send(request(3, "0420", terminal="10000003"), now=0.9)
    link.receive(framed(response(3, "0430", terminal="10000003")), now=1.0)
    answer, text = GOLDEN[case]
    [event] = link.receive(framed(answer), now=1.2)
    assert isinstance(event, UnmatchedAnswer)
    assert str(event) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\x1b[2J\nabc", "DE 41 is '\\x1b[2J\\nabc', not 10000001"),
        ("", "DE 41 is '', not 10000001"),
        ("9" * 50, f"DE 41 is '{'9' * 40}', not 10000001"),
        (b"\x1b\x00", "DE 41 is 1B00, not 10000001"),
        (["1", "2"], "DE 41 is ('1', '2'), not 10000001"),
    ],
)
def test_a_hostile_value_is_quoted_as_one_harmless_word(value: Any, text: str) -> None:
    key = Pairing().expect(request(1))
    differences, agreeing = compare(key, Message("0210", {11: "000001", 41: value}), SHOWN)
    assert (agreeing, [str(each) for each in differences]) == ([11], [text])


def test_what_the_dialect_fills_up_is_compared_as_it_stood_on_the_wire() -> None:
    link = ready()
    link.send(Message("0200", {11: "1", 41: "10000001"}), now=0.0)
    [event] = link.receive(framed(response(1)), now=1.0)
    assert isinstance(event, Answered)


def test_a_codec_that_cannot_read_its_own_messages_compares_what_was_given() -> None:
    class OneWay:
        def pack(self, message: Message) -> bytes:
            return DIALECT.pack(message)

        def unpack(self, wire: bytes) -> Message:
            message = DIALECT.unpack(wire)
            if is_request(message.mti):
                raise FramingError("a request is no answer")
            return message

    link = Link(LinkSettings(OneWay(), FRAMING))
    link.connected(0.0)
    link.send(request(1), now=0.0)
    unread, answered = link.receive(framed(request(2), response(1)), now=1.0)
    assert isinstance(unread, Unreadable)
    assert isinstance(answered, Answered)


def test_an_element_that_may_be_secret_is_named_and_not_quoted() -> None:
    link = ready(pairing=Pairing(elements=(11, 2)))
    link.send(request(1, de2="9" * 16), now=0.0)
    [event] = link.receive(framed(response(1, de2="8" * 16)), now=1.0)
    assert str(event) == (
        "0210 answers no request\n  nearest: request 1, 0200, in flight for 1.0 s; the same in DE 11\n  DE 2 differs"
    )


def test_a_key_made_by_a_function_is_named_as_such() -> None:
    link = ready(pairing=Pairing(elements=lambda message: message[11]))
    link.send(request(1), now=0.0)
    [event] = link.receive(framed(response(2)), now=1.0)
    assert str(event).endswith("nearest: request 1, 0200, in flight for 1.0 s\n  key differs")


def test_an_answer_that_cannot_be_read_names_the_request_it_may_have_meant() -> None:
    link = ready()
    link.send(request(1), now=0.0)
    wire = DIALECT.pack(response(1))
    [event] = link.receive(FRAMING.encode(wire[:-5]), now=1.0)
    lines = str(event).splitlines()
    assert lines[0] == f"a frame of {len(wire)} bytes cannot be read"
    assert "need 8 bytes, have 3" in lines[1]
    assert lines[-1] == "  nearest: request 1, 0200, in flight for 1.0 s; the same in DE 11"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Answered(1, request(1), response(1), 0.26), "request 1, 0200, answered by 0210 after 0.3 s"),
        (TimedOut(1, request(1), 30.0), "request 1, 0200, not answered within 30.0 s"),
        (Lost(1, request(1), "reset by peer"), "request 1, 0200, lost with its connection: reset by peer"),
        (LateAnswer(1, response(1), "timed out", 3.0), "0210 answers request 1, timed out 3.0 s ago"),
        (DoubledAnswer(1, response(1), 2.0), "0210 answers request 1 again, 2.0 s after the first"),
        (Ready(2), "connection 2 is ready"),
        (Ready(2, response(1)), "connection 2 is ready, signed on"),
        (Echoed(0.1), "echo answered after 0.1 s"),
        (EchoMissed(2), "echo not answered, 2 in a row"),
        (Broken("why"), "the connection has to be closed: why"),
        (Disconnected("why", 1), "no connection: why"),
    ],
)
def test_every_event_has_a_text_for_the_log(event: object, text: str) -> None:
    assert str(event) == text


def test_the_events_do_not_print_content() -> None:
    link = ready(pairing=Pairing(elements=(11, 2)))
    link.send(request(1, de2="9" * 16), now=0.0)
    [event] = link.receive(framed(response(1, de2="8" * 16)), now=1.0)
    [asked] = link.receive(framed(request(5, de2="7" * 16)), now=1.0)
    assert not any(digit * 16 in repr(each) for digit in "789" for each in (event, asked, link))
