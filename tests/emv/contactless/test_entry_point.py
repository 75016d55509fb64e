"""The entry point: limits before the card, the directory, the order of combinations, and what outcomes become."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.emv.bits import Ttq
from posterm.emv.contactless.combinations import prepare
from posterm.emv.exchange import MAX_COMMANDS, OnlineResult, PinAnswer
from posterm.emv.outcome import Ending
from tests.emv.contactless.scripted_card import (
    MASTERCARD,
    OK,
    UNIONPAY,
    VISA,
    ScriptedCard,
    application,
    entry,
    quick_card,
    run,
    terminal,
)

ARQC, TC, AAC = 0x80, 0x40, 0x00


def _ttq(amount: int, **limits: int | bool | None) -> Ttq:
    (combination,) = prepare([application(VISA, 3, **limits)], amount, one_unit_minor=100)
    return combination.ttq


@pytest.mark.parametrize(
    ("amount", "online", "cvm"),
    [(10_000, False, False), (10_001, True, False), (49_999, True, False), (50_000, True, True), (0, True, False)],
)
def test_the_qualifiers_say_what_the_amount_requires(amount, online, cvm):
    ttq = _ttq(amount)
    assert bool(ttq & Ttq.ONLINE_CRYPTOGRAM_REQUIRED) is online
    assert bool(ttq & Ttq.CVM_REQUIRED) is cvm


def test_a_status_check_goes_online_for_one_unit_alone():
    assert _ttq(100, status_check=True) & Ttq.ONLINE_CRYPTOGRAM_REQUIRED
    assert not _ttq(101, status_check=True) & Ttq.ONLINE_CRYPTOGRAM_REQUIRED
    assert not _ttq(100) & Ttq.ONLINE_CRYPTOGRAM_REQUIRED


def test_limits_count_for_one_application_and_not_for_another():
    reader = [application(VISA, 3, transaction=5_000), application(UNIONPAY, 7, transaction=None)]
    assert [found.application.aid for found in prepare(reader, 5_000, one_unit_minor=100)] == [UNIONPAY]
    assert len(prepare(reader, 4_999, one_unit_minor=100)) == 2


def test_an_amount_above_every_limit_asks_for_another_interface_before_any_card():
    card = quick_card(VISA, ARQC)
    ended = run(card, terminal(application(VISA, 3, transaction=5_000)), 5_000)
    assert ended.outcome.ending is Ending.TRY_ANOTHER_INTERFACE
    assert card.asked == []


def test_a_card_without_a_directory_is_inserted_instead():
    ended = run(ScriptedCard(), terminal(application(VISA, 3)), 1_000)
    assert ended.outcome.ending is Ending.TRY_ANOTHER_INTERFACE


def test_a_card_that_knows_other_schemes_is_inserted_instead():
    ended = run(quick_card(MASTERCARD, ARQC), terminal(application(VISA, 3)), 1_000)
    assert ended.outcome.ending is Ending.TRY_ANOTHER_INTERFACE


def test_the_applications_are_tried_as_the_card_prefers_them():
    card = quick_card(VISA, ARQC)
    card.directory = [entry(VISA + b"\x01", 2), entry(VISA + b"\x02", 1), entry(VISA + b"\x03", 0)]
    run(card, terminal(application(VISA, 3)), 1_000)
    assert [command.data for command in card.asked if command.ins == 0xA4][1:] == [VISA + b"\x02"]


def test_the_next_application_is_tried_when_the_first_does_not_want():
    card = quick_card(VISA, ARQC)
    card.directory = [entry(VISA + b"\x01", 1), entry(VISA + b"\x02", 2)]
    card.options = b"\x69\x85"
    ended = run(card, terminal(application(VISA, 3)), 1_000)
    assert [command.data for command in card.asked if command.ins == 0xA4][1:] == [VISA + b"\x01", VISA + b"\x02"]
    assert ended.outcome.ending is Ending.TRY_ANOTHER_CARD


def test_the_kernel_the_card_names_counts_before_the_one_of_its_scheme():
    card = quick_card(VISA, ARQC)
    card.directory = [entry(VISA, kernel=b"\x07")]
    assert run(card, terminal(application(VISA, 3)), 1_000).outcome.ending is Ending.TRY_ANOTHER_INTERFACE
    assert run(card, terminal(application(VISA, 7)), 1_000).outcome.ending is Ending.APPROVED
    card.directory = [entry(VISA, kernel=b"\xc3")]
    assert run(card, terminal(application(VISA, 3)), 1_000).outcome.ending is Ending.TRY_ANOTHER_INTERFACE
    card.directory = [entry(VISA, kernel=b"\x00")]
    assert run(card, terminal(application(VISA, 3)), 1_000).outcome.ending is Ending.APPROVED


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (b"\x69\x84", Ending.TRY_ANOTHER_INTERFACE),
        (b"\x69\x86", Ending.TRY_AGAIN),
        (b"\x6a\x81", Ending.TRY_ANOTHER_CARD),
    ],
)
def test_the_status_of_processing_options_says_what_to_do(status, ending):
    card = quick_card(VISA, ARQC)
    card.options = status
    assert run(card, terminal(application(VISA, 3)), 1_000).outcome.ending is ending


@pytest.mark.parametrize("step", range(3))
def test_a_card_torn_from_the_field_is_presented_again(step):
    card = quick_card(VISA, ARQC)
    card.gone_at = step
    assert run(card, terminal(application(VISA, 3)), 1_000).outcome.ending is Ending.TRY_AGAIN


@pytest.mark.parametrize(
    ("answer", "ending", "code"),
    [
        (OnlineResult("00"), Ending.APPROVED, "00"),
        (OnlineResult("51"), Ending.DECLINED, "51"),
        (OnlineResult("01"), Ending.DECLINED, "01"),
        (OnlineResult(), Ending.DECLINED, "Z3"),
    ],
)
def test_what_the_issuer_says_is_what_happens(answer, ending, code):
    outcome = run(quick_card(VISA, ARQC), terminal(application(VISA, 3)), 1_000, answer=answer).outcome
    assert (outcome.ending, outcome.response_code) == (ending, code)
    assert outcome.online is answer.reached


@pytest.mark.parametrize(
    ("pin", "ending", "sent", "with_pin"),
    [
        (PinAnswer.ENTERED, Ending.APPROVED, 1, True),
        (PinAnswer.BYPASSED, Ending.APPROVED, 1, False),
        (PinAnswer.CANCELLED, Ending.CANCELLED, 0, False),
        (PinAnswer.PAD_FAILED, Ending.DECLINED, 0, False),
    ],
)
def test_an_online_pin_is_asked_for_after_the_card_has_gone(pin, ending, sent, with_pin):
    card = quick_card(VISA, ARQC, **{"9F6C": b"\x80\x00"})
    ended = run(card, terminal(application(VISA, 3)), 60_000, pin=pin)
    assert (ended.outcome.ending, len(ended.online), ended.outcome.online_pin) == (ending, sent, with_pin)
    assert len(ended.pins) == 1


def test_every_outcome_has_a_trace_that_names_its_books():
    trace = str(run(quick_card(VISA, AAC), terminal(application(VISA, 3)), 1_000).outcome.trace)
    assert "EMV Contactless Book B, 3.3.2: 1 combinations are shared with the card" in trace
    assert "the card decided: AAC" in trace


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([VISA, UNIONPAY, MASTERCARD]), st.integers(0, 100_000))
def test_whatever_a_card_answers_the_tap_ends_with_an_outcome(seed, aid, amount):
    """Answers are drawn from what an honest card would say, whole, cut, with bits turned, or from nowhere."""
    drawn = random.Random(seed)
    honest = quick_card(aid, drawn.choice((ARQC, TC, AAC, 0xC0)), records=drawn.random() < 0.5)
    commands = 0

    class Mad(ScriptedCard):
        def transmit(self, apdu: bytes) -> bytes:
            nonlocal commands
            commands += 1
            answer = honest.transmit(apdu)
            match drawn.randrange(8):
                case 0:
                    return answer[: drawn.randrange(len(answer) + 1)] + OK
                case 1:
                    place = drawn.randrange(len(answer))
                    return answer[:place] + bytes((answer[place] ^ 1 << drawn.randrange(8),)) + answer[place + 1 :]
                case 2:
                    return drawn.randbytes(drawn.randrange(60))
                case 3:
                    return answer[:-2] + drawn.choice((b"\x62\x83", b"\x69\x85", b"\x61\x10", b"\x6c\x00", b"\x90\x00"))
                case _:
                    return answer

    reader = terminal(application(VISA, 3), application(UNIONPAY, 7), application(MASTERCARD, 2))
    ended = run(Mad(), reader, amount)
    assert isinstance(ended.outcome.ending, Ending)
    assert commands <= MAX_COMMANDS
