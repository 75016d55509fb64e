"""Kernels 3 and 7: what a card decided, whether its signature holds, and how the cardholder is verified."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posterm.emv.bits import CryptogramType, Ttq, Tvr
from posterm.emv.config import TerminalConfig, TerminalFiles
from posterm.emv.outcome import Ending
from tests.emv.contactless.scripted_card import UNIONPAY, VISA, application, quick_card, run, terminal

ARQC, TC, AAC = 0x80, 0x40, 0x00
NOTHING = Ttq(0)
KERNELS = [pytest.param(VISA, 3, id="kernel 3"), pytest.param(UNIONPAY, 7, id="kernel 7")]


def _reader(aid: bytes = VISA, kernel: int = 3, *, without: Ttq = NOTHING, **limits: int) -> TerminalConfig:
    one = application(aid, kernel, **limits)
    return terminal(replace(one, ttq=Ttq(Ttq.from_value(one.ttq) & ~without).to_bytes()))


@pytest.mark.parametrize(("aid", "kernel"), KERNELS)
def test_an_approval_with_a_signature_that_holds_is_an_approval(aid, kernel):
    ended = run(quick_card(aid, TC, records=True), _reader(aid, kernel), 1_000)
    assert (ended.outcome.ending, ended.outcome.response_code) == (Ending.APPROVED, "Y1")
    assert ended.outcome.cryptogram is CryptogramType.TC
    assert ended.online == []


@pytest.mark.parametrize(("aid", "kernel"), KERNELS)
def test_a_request_goes_online_with_all_that_card_and_terminal_said(aid, kernel):
    (sent,) = run(quick_card(aid, ARQC), _reader(aid, kernel), 20_000).online
    assert {"9F26", "9F10", "9F36", "9F37", "9F02", "5F2A", "82", "95", "9A", "9C", "9F1A", "57"} <= set(sent.data)


@pytest.mark.parametrize(("aid", "kernel"), KERNELS)
def test_a_decline_by_the_card_is_a_decline(aid, kernel):
    outcome = run(quick_card(aid, AAC), _reader(aid, kernel), 1_000).outcome
    assert (outcome.ending, outcome.response_code) == (Ending.DECLINED, "Z1")


@pytest.mark.parametrize(("iad", "ending"), [("06010A0390", Ending.DECLINED), ("06010A03A0", Ending.APPROVED)])
def test_without_a_cid_the_issuer_application_data_say_what_was_decided(iad, ending):
    card = quick_card(VISA, ARQC, **{"9F10": bytes.fromhex(iad)})
    del card.options["9F27"]  # type: ignore[union-attr]
    outcome = run(card, _reader(), 1_000).outcome
    # 90 says TC, and without records there is no signature for it; A0 says ARQC, and the issuer approves.
    assert outcome.ending is ending


def test_an_approval_of_what_had_to_go_online_does_not_count():
    outcome = run(quick_card(VISA, TC, records=True), _reader(), 20_000).outcome
    assert outcome.ending is Ending.DECLINED
    assert "had to go online" in outcome.reason


def test_an_approval_without_a_trusted_signature_is_declined():
    outcome = run(quick_card(VISA, TC, records=True), _reader(), 1_000, trusted=False).outcome
    assert outcome.ending is Ending.DECLINED
    assert outcome.tvr & Tvr.DDA_FAILED


def test_an_approval_without_any_signature_names_the_missing_data():
    outcome = run(quick_card(VISA, TC), _reader(), 1_000).outcome
    assert outcome.tvr & Tvr.DDA_FAILED
    assert outcome.tvr & Tvr.ICC_DATA_MISSING


@pytest.mark.parametrize(
    ("ctq", "ending", "online"),
    [(0x2000, Ending.APPROVED, 1), (0x1000, Ending.TRY_ANOTHER_INTERFACE, 0), (0x0000, Ending.DECLINED, 0)],
)
def test_the_card_says_what_happens_when_its_signature_fails(ctq, ending, online):
    card = quick_card(VISA, TC, records=True, **{"9F6C": ctq.to_bytes(2, "big")})
    ended = run(card, _reader(), 1_000, trusted=False)
    assert (ended.outcome.ending, len(ended.online)) == (ending, online)


def test_an_offline_reader_cannot_take_a_failed_signature_online():
    card = quick_card(VISA, TC, records=True, **{"9F6C": b"\x20\x00"})
    reader = replace(_reader(), terminal_type=0x23)
    assert run(card, reader, 1_000, trusted=False).outcome.ending is Ending.DECLINED


@pytest.mark.parametrize(("ctq", "online"), [(b"\x08\x00", 1), (b"\x00\x00", 0)])
def test_an_expired_card_goes_online_if_it_wants_to(ctq, online):
    card = quick_card(VISA, TC, **{"5F24": bytes.fromhex("251231"), "9F6C": ctq})
    ended = run(card, _reader(), 1_000)
    assert len(ended.online) == online
    assert ended.outcome.tvr & Tvr.EXPIRED_APPLICATION


def test_a_card_is_good_through_the_last_day_it_names():
    card = quick_card(VISA, TC, **{"5F24": bytes.fromhex("260301")})
    assert not run(card, _reader(), 1_000).outcome.tvr & Tvr.EXPIRED_APPLICATION


def test_a_listed_card_is_not_approved_offline():
    listed = TerminalFiles(on_exception_file=lambda _: True)
    outcome = run(quick_card(VISA, TC, records=True), _reader(), 1_000, files=listed).outcome
    assert outcome.ending is Ending.DECLINED
    assert outcome.tvr & Tvr.CARD_ON_TERMINAL_EXCEPTION_FILE


@pytest.mark.parametrize(
    ("ctq", "without", "signature", "pin", "ending"),
    [
        (b"\x80\x00", Ttq(0), False, True, Ending.APPROVED),
        (b"\x40\x00", Ttq(0), True, False, Ending.APPROVED),
        (b"\x00\x80", Ttq(0), False, False, Ending.APPROVED),
        (b"\xc0\x00", Ttq.ONLINE_PIN_SUPPORTED, True, False, Ending.APPROVED),
        (b"\x80\x00", Ttq.ONLINE_PIN_SUPPORTED, False, False, Ending.DECLINED),
        (b"\x00\x00", Ttq(0), False, False, Ending.DECLINED),
        (b"", Ttq(0), True, False, Ending.APPROVED),
        (b"", Ttq.SIGNATURE_SUPPORTED, False, True, Ending.APPROVED),
    ],
)
def test_the_cardholder_is_verified_as_card_and_reader_can(ctq, without, signature, pin, ending):
    card = quick_card(VISA, ARQC, **({"9F6C": ctq} if ctq else {}))
    outcome = run(card, _reader(without=without), 60_000).outcome
    assert (outcome.ending, outcome.signature, outcome.online_pin) == (ending, signature, pin)


def test_the_word_of_a_device_counts_offline_only_under_the_signature():
    card = quick_card(VISA, TC, records=True, **{"9F6C": b"\x00\x80"})
    assert run(card, _reader(floor=100_000), 60_000).outcome.ending is Ending.APPROVED
    options = card.options
    card.options = lambda data: options(data) | {"9F6C": b"\x00\x80", "9F69": b"\x01" + bytes(6)}  # type: ignore[operator]
    assert run(card, _reader(floor=100_000), 60_000).outcome.ending is Ending.DECLINED


@pytest.mark.parametrize("tag", ["9F10", "9F26", "9F36", "57", "82"])
def test_an_answer_that_lacks_what_every_kernel_needs_ends_the_application(tag):
    card = quick_card(VISA, ARQC)
    del card.options[tag]  # type: ignore[union-attr]
    assert run(card, _reader(), 1_000).outcome.ending is Ending.TERMINATED


def test_an_object_may_come_again_in_a_record_but_not_changed():
    card = quick_card(VISA, TC, records=True)
    options = card.options
    card.records[2, 1] = {**card.records[2, 1], "5F34": b"\x01"}
    card.options = lambda data: options(data) | {"5F34": b"\x02"}  # type: ignore[operator]
    assert run(card, _reader(), 1_000).outcome.ending is Ending.TERMINATED
