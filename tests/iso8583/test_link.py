"""A link pairs answers with requests, says of the others what they are, and knows when the line is dead."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from posterm.iso8583 import Message, NotSentError, PackError
from posterm.iso8583.errors import LinkSettingError
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
)
from posterm.iso8583.link_pairing import Pairing, answer_mti, is_request
from posterm.iso8583.link_settings import Echo, ReconnectPolicy, SignOn, approved
from tests.iso8583.link_ends import DIALECT, framed, ready, request, response, settings

# --- pairing ------------------------------------------------------------------------------------------------------


def test_answers_in_any_order_find_their_requests() -> None:
    link = ready()
    for stan in (1, 2, 3):
        assert link.send(request(stan), now=stan) == stan
    events = link.receive(framed(response(3), response(1)), now=10.0)
    assert [(e.request, e.asked[11], e.answer[11], e.elapsed_s) for e in events] == [  # type: ignore[union-attr]
        (3, "000003", "000003", 7.0),
        (1, "000001", "000001", 9.0),
    ]
    assert link.in_flight == 1


def test_an_answer_may_carry_what_the_request_did_not() -> None:
    link = ready()
    link.send(request(1), now=0.0)
    [event] = link.receive(framed(response(1, de37="000000000001", de32="00010000")), now=1.0)
    assert isinstance(event, Answered)


def test_an_answer_must_repeat_what_the_request_carried() -> None:
    link = ready()
    link.send(request(1, de32="00010000"), now=0.0)
    [event] = link.receive(framed(response(1)), now=1.0)
    assert isinstance(event, UnmatchedAnswer)
    assert link.in_flight == 1


def test_requests_that_compare_different_elements_each_get_their_own_answer() -> None:
    link = ready()
    link.send(request(1), now=0.0)
    link.send(request(1, de32="00010000"), now=0.0)
    first, second = link.receive(framed(response(1, de32="00010000"), response(1)), now=1.0)
    assert (first.request, second.request) == (2, 1)  # type: ignore[union-attr]


def test_a_rule_holds_for_its_message_type_and_the_repeats_of_it() -> None:
    link = ready(pairing=Pairing(by_mti={"0400": (11,), "0820": ("60.3", 41)}))
    link.send(request(1, "0401"), now=0.0)
    [event] = link.receive(framed(response(1, "0410", terminal="99999999")), now=1.0)
    assert isinstance(event, Answered)
    link.send(Message("0820", {41: "10000001", 60: {"1": "00", "2": "1", "3": "301"}}), now=0.0)
    answer = Message("0830", {41: "10000001", 60: {"1": "00", "2": "7", "3": "301"}, 39: "00"})
    [event] = link.receive(framed(answer), now=1.0)
    assert isinstance(event, Answered)


def test_a_function_may_make_the_key() -> None:
    link = ready(pairing=Pairing(elements=lambda message: int(message[11]) % 1000))
    link.send(request(1007), now=0.0)
    [event] = link.receive(framed(response(7)), now=1.0)
    assert isinstance(event, Answered)


def test_a_key_function_that_fails_on_an_answer_leaves_it_unmatched() -> None:
    link = ready(pairing=Pairing(elements=lambda message: message[11]))
    link.send(request(1), now=0.0)
    [event] = link.receive(framed(Message("0210", {41: "10000001", 39: "00"})), now=1.0)
    assert isinstance(event, UnmatchedAnswer)
    with pytest.raises(NotSentError, match="the pairing function failed"):
        link.send(Message("0200", {41: "10000001"}), now=0.0)


def test_blanks_that_fill_an_element_up_do_not_count() -> None:
    link = ready()
    link.send(request(1, terminal="T1      "), now=0.0)
    [event] = link.receive(framed(response(1, terminal="T1      ")), now=1.0)
    assert isinstance(event, Answered)


@pytest.mark.parametrize(
    ("mti", "answer"),
    [
        ("0100", "0110"),
        ("0201", "0210"),
        ("0421", "0430"),
        ("1804", "1814"),
        ("2605", "2614"),
        ("0203", "0212"),
        ("1644", ""),
        ("0210", ""),
        ("", ""),
        ("02A0", ""),
    ],
)
def test_the_answer_type_is_the_function_digit_plus_one(mti: str, answer: str) -> None:
    assert answer_mti(mti) == answer


@pytest.mark.parametrize(
    ("mti", "asks"), [("0200", True), ("0221", True), ("0640", True), ("0230", False), ("", False)]
)
def test_odd_functions_answer(mti: str, asks: bool) -> None:
    assert is_request(mti) is asks


# --- both roles ---------------------------------------------------------------------------------------------------


def test_both_ends_ask_over_one_connection() -> None:
    here, there = ready(), ready()
    here.send(request(1), now=0.0)
    there.send(request(1, "0800"), now=0.0)
    [asked_there] = there.receive(here.bytes_to_send(), now=1.0)
    [asked_here] = here.receive(there.bytes_to_send(), now=1.0)
    assert isinstance(asked_here, Requested)
    assert isinstance(asked_there, Requested)
    here.answer(asked_here, response(1, "0810"))
    there.answer(asked_there, response(1))
    assert isinstance(here.receive(there.bytes_to_send(), now=2.0)[0], Answered)
    assert isinstance(there.receive(here.bytes_to_send(), now=2.0)[0], Answered)


def test_an_answer_goes_back_under_the_headers_of_its_request() -> None:
    link = ready()
    [asked] = link.receive(bytes.fromhex("00116000050001") + DIALECT.pack(Message("0800", {39: "00"})), now=0.0)
    link.answer(asked, Message("0810", {39: "00"}))  # type: ignore[arg-type]
    assert link.bytes_to_send()[2:7].hex() == "6000010005"


def test_a_notification_expects_no_answer() -> None:
    link = ready()
    assert link.send(request(1, "0240"), now=0.0) == 1
    assert link.in_flight == 0
    [asked] = link.receive(framed(request(1, "0240")), now=0.0)
    assert isinstance(asked, Requested)
    assert not asked.expects_answer


def test_an_answer_goes_out_over_no_other_connection() -> None:
    link = ready()
    [asked] = link.receive(framed(request(1)), now=0.0)
    link.connected(1.0)
    with pytest.raises(NotSentError, match="need connection 1"):
        link.answer(asked, response(1))  # type: ignore[arg-type]
    assert link.bytes_to_send() == b""


# --- time and connections -----------------------------------------------------------------------------------------


def test_a_request_runs_out_of_time_at_its_own_deadline() -> None:
    link = ready(timeout_s=30.0)
    link.send(request(1), now=0.0)
    link.send(request(2), now=1.0, timeout_s=5.0)
    assert link.next_timer() == 6.0
    assert link.advance(5.9) == []
    [event] = link.advance(6.0)
    assert isinstance(event, TimedOut)
    assert (event.request, event.after_s, link.next_timer()) == (2, 5.0, 30.0)
    link.receive(framed(response(1)), now=7.0)
    assert link.next_timer() is None


def test_a_late_answer_is_told_once_and_then_doubled() -> None:
    link = ready(timeout_s=5.0)
    link.send(request(1), now=0.0)
    link.advance(5.0)
    late, doubled = link.receive(framed(response(1), response(1)), now=8.0)
    assert late == LateAnswer(1, response(1), "timed out", 3.0)
    assert doubled == DoubledAnswer(1, response(1), 0.0)


def test_a_repeat_is_paired_with_the_next_answer_even_if_that_was_meant_for_the_first_attempt() -> None:
    link = ready(timeout_s=5.0)
    link.send(request(1, "0400"), now=0.0)
    link.advance(5.0)
    link.send(request(1, "0401"), now=6.0)
    paired, doubled = link.receive(framed(response(1, "0410"), response(1, "0410")), now=7.0)
    assert isinstance(paired, Answered)
    assert (paired.request, paired.asked.mti) == (2, "0401")
    assert isinstance(doubled, DoubledAnswer)


def test_a_lost_connection_loses_what_was_in_flight_and_knows_its_answer_later() -> None:
    link = ready()
    link.send(request(1), now=0.0)
    lost, gone = link.disconnected(1.0, "reset by peer")
    assert lost == Lost(1, request(1), "reset by peer")
    assert gone == Disconnected("reset by peer", 1)
    assert (link.state, link.next_timer(), link.receive(framed(response(1)), 1.0)) == (LinkState.DOWN, None, [])
    assert link.connected(2.0) == [Ready(2)]
    assert link.receive(framed(response(1)), 3.0) == [LateAnswer(1, response(1), "lost", 2.0)]


def test_a_connection_in_place_of_another_loses_what_was_in_flight() -> None:
    link = ready()
    link.send(request(1), now=0.0)
    lost, up = link.connected(1.0)
    assert isinstance(lost, Lost)
    assert up == Ready(2)
    assert link.bytes_to_send() == b""


def test_half_a_frame_of_an_old_connection_is_forgotten() -> None:
    link = ready()
    link.send(request(1), now=0.0)
    link.receive(framed(response(1))[:10], now=0.5)
    link.connected(1.0)
    link.send(request(2), now=1.0)
    [event] = link.receive(framed(response(2)), now=2.0)
    assert isinstance(event, Answered)


def test_what_is_finishing_takes_no_more_and_is_finished_when_all_is_answered() -> None:
    link = ready()
    link.send(request(1), now=0.0)
    link.finish()
    assert not link.finished
    with pytest.raises(NotSentError, match="have it finishing"):
        link.send(request(2), now=0.0)
    [asked, answered] = link.receive(framed(request(9), response(1)), now=1.0)
    link.answer(asked, response(9))  # type: ignore[arg-type]
    assert isinstance(answered, Answered)
    assert link.finished


# --- limits -------------------------------------------------------------------------------------------------------


def test_no_more_requests_wait_than_allowed() -> None:
    link = ready(in_flight_max=2)
    link.send(request(1), now=0.0)
    link.send(request(2), now=0.0)
    with pytest.raises(NotSentError, match="need fewer than 2 requests in flight"):
        link.send(request(3), now=0.0)
    link.receive(framed(response(1)), now=0.0)
    assert link.send(request(3), now=0.0) == 3


def test_no_more_is_remembered_than_allowed() -> None:
    link = ready(remembered_max=2)
    for stan in (1, 2, 3):
        link.send(request(stan), now=0.0)
        link.receive(framed(response(stan)), now=0.0)
    first, third = link.receive(framed(response(1), response(3)), now=1.0)
    assert isinstance(first, UnmatchedAnswer)
    assert isinstance(third, DoubledAnswer)


def test_deadlines_of_answered_requests_do_not_pile_up() -> None:
    link = ready(in_flight_max=4)
    link.send(request(999_999), now=0.0, timeout_s=1.0)
    for stan in range(1, 500):
        link.send(request(stan), now=0.0, timeout_s=1000.0)
        link.receive(framed(response(stan)), now=0.0)
    assert len(link._deadlines) <= 2 * 4 + 64


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (request(1), "have the same one awaited already"),
        (response(2), "need the type of a request"),
        (Message("0200", {3: "000000"}), "need one of DE 11 41 37 32"),
    ],
)
def test_what_could_not_be_paired_is_not_sent(message: Message, text: str) -> None:
    link = ready()
    link.send(request(1), now=0.0)
    link.bytes_to_send()
    with pytest.raises(NotSentError, match=text):
        link.send(message, now=0.0)
    assert (link.bytes_to_send(), link.in_flight) == (b"", 1)


def test_what_does_not_fit_the_dialect_is_not_sent() -> None:
    link = ready()
    with pytest.raises(PackError):
        link.send(Message("0200", {11: "x"}), now=0.0)
    [asked] = link.receive(framed(request(1)), now=0.0)
    with pytest.raises(PackError):
        link.answer(asked, Message("0210", {11: "x"}))  # type: ignore[arg-type]
    with pytest.raises(NotSentError, match="need the type of an answer"):
        link.answer(asked, request(1))  # type: ignore[arg-type]
    assert (link.bytes_to_send(), link.in_flight) == (b"", 0)


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_time_to_wait_is_finite_and_more_than_nothing(timeout_s: float) -> None:
    with pytest.raises(NotSentError, match="need a time to wait"):
        ready().send(request(1), now=0.0, timeout_s=timeout_s)


@pytest.mark.parametrize(
    "make",
    [
        lambda: settings(timeout_s=0),
        lambda: settings(in_flight_max=0),
        lambda: settings(remembered_max=-1),
        lambda: Pairing(elements=()),
        lambda: Pairing(by_mti={"0400": ()}),
        lambda: Pairing(elements=[11, 41]),  # type: ignore[arg-type]
        lambda: SignOn(lambda: request(1), timeout_s=-1),
        lambda: Echo(lambda: request(1), idle_s=0),
        lambda: Echo(lambda: request(1), timeout_s=float("nan")),
        lambda: Echo(lambda: request(1), misses_max=0),
        lambda: ReconnectPolicy(first_s=0),
        lambda: ReconnectPolicy(factor=0.5),
        lambda: ReconnectPolicy(longest_s=float("inf")),
        lambda: ReconnectPolicy(spread=1.1),
        lambda: ReconnectPolicy(attempts_max=-1),
    ],
)
def test_a_setting_that_cannot_be_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(LinkSettingError, match="need"):
        make()


# --- sign-on, echo, reconnect -------------------------------------------------------------------------------------


def management(mti: str = "0820") -> Callable[[], Message]:
    numbers = count(900_001)
    return lambda: request(next(numbers), mti)


def test_nothing_is_sent_before_the_sign_on_is_accepted() -> None:
    link = Link(settings(sign_on=SignOn(management())))
    assert link.connected(0.0) == []
    assert b"\x08\x20" in link.bytes_to_send()
    with pytest.raises(NotSentError, match="have it signing on"):
        link.send(request(1), now=0.0)
    answer = response(900_001, "0830")
    assert link.receive(framed(answer), now=1.0) == [Ready(1, answer)]
    assert link.send(request(1), now=1.0)


def test_the_peer_is_served_while_the_sign_on_waits() -> None:
    link = Link(settings(sign_on=SignOn(management())))
    link.connected(0.0)
    [asked] = link.receive(framed(request(5, "0800")), now=0.0)
    assert isinstance(asked, Requested)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (response(900_001, "0830", de39="05"), "sign-on refused, DE 39 is 05"),
        (request(900_001, "0830"), "sign-on refused, DE 39 is missing"),
    ],
)
def test_a_refused_sign_on_breaks_the_connection(answer: Message, why: str) -> None:
    link = Link(settings(sign_on=SignOn(management())))
    link.connected(0.0)
    assert link.receive(framed(answer), now=1.0) == [Broken(why)]
    assert link.disconnected(1.0, why) == [Disconnected(why, 1)]


def test_an_unanswered_sign_on_breaks_the_connection() -> None:
    link = Link(settings(sign_on=SignOn(management(), timeout_s=10.0)))
    link.connected(0.0)
    assert link.next_timer() == 10.0
    assert link.advance(10.0) == [Broken("sign-on not answered within 10.0 s")]


@pytest.mark.parametrize(
    "sign_on",
    [SignOn(lambda: Message("0820", {11: "x", 41: "10000001"})), SignOn(lambda: Message("0820", {3: "000000"}))],
)
def test_a_sign_on_that_cannot_be_sent_breaks_the_connection(sign_on: SignOn) -> None:
    [event] = Link(settings(sign_on=sign_on)).connected(0.0)
    assert isinstance(event, Broken)


def test_a_hook_that_fails_on_an_answer_did_not_accept_it() -> None:
    link = Link(settings(sign_on=SignOn(management(), accepted=lambda message: message[63] == "x")))
    link.connected(0.0)
    assert link.receive(framed(response(900_001, "0830")), now=1.0) == [Broken("sign-on refused, DE 39 is 00")]


@pytest.mark.parametrize(("code", "good"), [("00", True), ("05", False), (None, False)])
def test_a_sign_on_is_approved_by_element_39(code: str | None, good: bool) -> None:
    assert approved(Message("0810", {39: code} if code else {})) is good


def test_a_silent_line_is_echoed_and_one_that_is_not_is_left_alone() -> None:
    link = ready(echo=Echo(management(), idle_s=60.0))
    link.receive(framed(request(1)), now=50.0)
    assert link.next_timer() == 110.0
    assert link.advance(109.0) == []
    assert link.bytes_to_send() == b""
    link.advance(110.0)
    assert b"\x08\x20" in link.bytes_to_send()
    assert link.next_timer() == 125.0
    assert link.receive(framed(response(900_001, "0830")), now=112.0) == [Echoed(2.0)]
    assert link.next_timer() == 172.0


def test_a_frame_of_length_zero_keeps_the_line_alive() -> None:
    link = ready(echo=Echo(management(), idle_s=60.0))
    assert link.receive(b"\x00\x00", now=30.0) == []
    assert link.next_timer() == 90.0


def test_echoes_missed_in_a_row_break_the_connection() -> None:
    link = ready(echo=Echo(management(), idle_s=60.0, timeout_s=15.0, misses_max=2))
    link.advance(60.0)
    assert link.advance(75.0) == [EchoMissed(1)]
    assert link.bytes_to_send().count(b"\x08\x20") == 2, "the next echo goes out at once"
    assert link.advance(90.0) == [EchoMissed(2), Broken("2 echoes in a row not answered")]
    assert link.receive(framed(response(900_002, "0830")), now=91.0) == []


def test_any_byte_from_the_peer_clears_the_missed_echoes() -> None:
    link = ready(echo=Echo(management(), idle_s=60.0, timeout_s=15.0, misses_max=2))
    link.advance(60.0)
    link.advance(75.0)
    link.receive(b"\x00", now=80.0)
    assert link.advance(90.0) == [EchoMissed(1)]


def test_the_wait_grows_until_the_link_is_ready_again() -> None:
    link = Link(settings(reconnect=ReconnectPolicy(first_s=1, factor=2, longest_s=5, spread=0, attempts_max=4)))
    delays = []
    for _ in range(5):
        link.disconnected(0.0, "refused")
        delays.append(link.reconnect_delay_s(0.5))
    assert delays == [1, 2, 4, 5, None]
    link.connected(0.0)
    link.disconnected(1.0)
    assert link.reconnect_delay_s(0.5) == 1


def test_a_thousand_failures_still_give_a_wait() -> None:
    assert ReconnectPolicy(factor=1000, spread=0).delay_s(5000, 0.5) == 60.0
    assert ReconnectPolicy(spread=1).delay_s(3, -5.0) == 0.0
