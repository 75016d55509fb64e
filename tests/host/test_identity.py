"""Who asks, is it new, does it fit; and whatever the bytes, the host goes on. Source: Q/CUP 009."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.host import EnrolmentError, EventName
from posterm.hsm import Algorithm, KeyUsage, Pin
from posterm.iso8583 import Message, PackError
from posterm.sensitive import Pan
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import (
    BALANCE,
    MID,
    NOW,
    OTHER_MID,
    OTHER_PAN,
    PAN,
    PIN,
    TID,
    open_place,
    second_terminal,
)


def test_an_unknown_terminal_is_told_so(place, terminal):
    terminal.terminal_id = "99999999"
    answer = terminal.sale()
    assert (answer.code, answer.events) == ("97", ["unknown-terminal"])
    assert terminal.sign_on().code == "97"


def test_a_terminal_of_another_merchant_is_refused(place, terminal):
    terminal.merchant_id = OTHER_MID
    assert terminal.sale().code == "03"
    assert terminal.sign_on().code == "03"


def test_a_closed_terminal_or_merchant_does_not_trade(place, terminal):
    place.host.set_terminal_open(TID, False)
    assert terminal.sale().code == "C1"
    place.host.set_terminal_open(TID, True)
    place.host.set_merchant_open(MID, False)
    assert terminal.sale().code == "C2"
    place.host.set_merchant_open(MID, True)
    assert terminal.sale().code == "00"


def test_an_acquirer_without_codes_of_its_own_uses_the_standard_ones():
    place = open_place(get_profile("default").model_copy(update={"response_codes": {}}))
    place.host.set_terminal_open(TID, False)
    assert place.terminal.sale().code == "58"
    place.host.set_terminal_open(TID, True)
    sale = place.terminal.sale()
    place.terminal.void(sale)
    assert place.terminal.void(sale).code == "12"


def test_a_terminal_that_has_not_signed_on_is_sent_to(place, terminal):
    terminal.manage("0820", "002")
    assert terminal.sale().code == "77"
    terminal.sign_on()
    assert terminal.sale().code == "00"


def test_a_wrong_mac_is_refused_before_anything_is_looked_at(place, terminal):
    frame = terminal.frames[-1] if terminal.sale() else b""
    answer = terminal.answer(Message("0200", {11: "000001"}), place.host.handle(frame[:-1] + b"\x00", NOW))
    assert (answer.code, answer.events, 64 in answer.message) == ("A0", ["bad-mac"], False)


def test_a_missing_mac_is_refused(terminal):
    answer = terminal.send(terminal.request(Kind.SALE, 1000, elements=terminal.card()), sealed=False)
    assert (answer.code, answer.events) == ("A0", ["bad-mac"])


def test_the_keys_of_another_terminal_do_not_fit(place, terminal):
    other = second_terminal(place)
    terminal.keys = other.keys
    assert terminal.sale().code == "A0"


def test_a_trace_number_used_for_something_else_is_a_duplicate(place, terminal):
    sale = terminal.sale(1000)
    before = place.transfers
    assert terminal.sale(1001, stan=sale.stan).code == "94"
    assert terminal.sale(1000, stan=sale.stan, entry="05").code == "94"
    assert place.transfers == before
    assert terminal.sale(1000, stan=sale.stan, pin=None).events == ["repeat"]


def test_the_same_trace_number_in_the_next_batch_is_new(place, terminal):
    sale = terminal.sale(1000)
    terminal.settle(place.host.totals(TID, "000001"))
    terminal.end(0)
    terminal.batch = "000002"
    assert terminal.sale(1001, stan=sale.stan).code == "00"


def test_the_same_trace_number_at_another_terminal_is_new(place, terminal):
    sale = terminal.sale(1000)
    assert second_terminal(place).sale(2000, stan=sale.stan).code == "00"


@pytest.mark.parametrize("batch", ["000002", "000099", "000000"])
def test_another_batch_sends_the_terminal_to_sign_on(terminal, batch):
    terminal.batch = batch
    assert terminal.sale().code == "77"
    assert terminal.sign_on().code == "00"
    assert (terminal.batch, terminal.sale().code) == ("000001", "00")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({3: "990000"}, "12"),
        ({25: "99"}, "12"),
        ({60: "9900000100050"}, "12"),
        ({60: "4500000100050"}, "40"),
        ({25: "64"}, "40"),
        ({22: "032"}, "30"),
        ({4: "000000000000"}, "13"),
        ({49: "840"}, "12"),
        ({35: "1234567"}, "14"),
        ({2: OTHER_PAN.reveal()}, "14"),
        ({14: "3011"}, "54"),
        ({60: "22000001"}, "30"),
    ],
)
def test_a_sale_that_does_not_fit_gets_its_code(place, terminal, changed, code):
    assert terminal.sale(1000, elements=changed).code == code
    assert place.available == BALANCE


@pytest.mark.parametrize("missing", [3, 4, 11, 22, 25, 41, 42, 49, 60])
def test_a_sale_without_a_mandatory_element_is_not_run(place, terminal, missing):
    answer = terminal.sale(1000, drop=(missing,))
    assert answer.code in {"30", "12"}
    assert place.available == BALANCE


@pytest.mark.parametrize(
    ("kind", "missing"),
    [(Kind.VOID, 37), (Kind.VOID, 61), (Kind.REFUND, 37), (Kind.COMPLETION, 38), (Kind.PREAUTH_VOID, 61)],
)
def test_a_transaction_without_what_its_kind_needs_is_a_format_error(terminal, kind, missing):
    elements = {2: PAN.reveal(), 37: "060100000001", 38: "000001", 61: "0000010000010601"}
    elements.pop(missing)
    assert terminal.send(terminal.request(kind, 100, elements=elements)).code == "30"


def test_a_sale_without_a_card_is_refused(terminal):
    assert terminal.send(terminal.request(Kind.SALE, 100)).code == "14"


@pytest.mark.parametrize("digits", ["6212345678901266", "6212345678900002"])
def test_a_card_number_that_is_none_or_nobodys_is_refused(terminal, digits):
    assert terminal.send(terminal.request(Kind.SALE, 100, elements={2: digits})).code == "14"


def test_what_was_declined_stays_declined_when_money_has_come(place, terminal):
    sale = terminal.sale(1000)
    terminal.sale(BALANCE)
    declined = terminal.frames[-1]
    terminal.void(sale)
    assert terminal.answer(Message("0200"), place.host.handle(declined, NOW)).code == "51"


@pytest.mark.parametrize("text", ["", "A2003XYZ", "A201804002020800800000100"])
def test_an_acquirer_that_insists_on_the_hardware_serial_refuses_without(text):
    place = open_place(get_profile("direct"))
    assert place.terminal.sale(100, elements={57: text} if text else {}, drop=() if text else (57,)).code == "30"
    assert place.terminal.sale(100).code == "00"


def test_bytes_that_are_no_frame_close_the_connection(place):
    for frame in (b"\x00", b"GET / HTTP/1.1\r\n\r\n", bytes(13), b"\xff" * 200):
        reply = place.host.handle(frame, NOW)
        assert (reply.frame, reply.close, [event.name for event in reply.events]) == (
            None,
            True,
            [EventName.NOT_ISO8583],
        )


def test_an_empty_frame_is_a_keep_alive(place):
    reply = place.host.handle(b"", NOW)
    assert (reply.frame, reply.close, reply.events) == (None, False, ())


def test_a_response_is_no_request(place, terminal):
    sale = terminal.sale()
    reply = place.host.handle(sale.reply.frame, NOW)
    assert (reply.frame, reply.close) == (None, True)


def test_a_message_understood_in_part_is_told_so(place, terminal):
    terminal.sale()
    wire = open_envelope(terminal.frames[-1]).wire
    torn = terminal.frames[-1][: len(terminal.frames[-1]) - 20]
    answer = terminal.answer(Message("0200"), place.host.handle(torn, NOW))
    assert (answer.code, answer.message[41], answer.message[11]) == ("30", TID, "000002")
    assert answer.events == ["declined"]
    assert len(wire) > 20


def test_a_refund_damaged_on_its_way_gets_no_verdict(place, terminal):
    sale = terminal.sale(1000)
    assert terminal.refund(sale, 400).code == "00"
    wire = terminal.frames[-1]
    currency = wire.index(b"156")
    damaged = wire[:currency] + b"\xb1" + wire[currency + 1 :]
    assert terminal.answer(Message("0220"), place.host.handle(damaged, NOW)).code == "A0"
    assert terminal.repeat().code == "00"
    assert place.earned == 600


def test_an_unknown_request_is_an_invalid_transaction(terminal):
    answer = terminal.send(Message("0600", {11: "000001", 41: TID, 42: MID, 60: "00000001000"}), sealed=False)
    assert (answer.message.mti, answer.code) == ("0610", "12")


def test_a_fault_inside_is_answered_96_for_good_undone_and_does_not_spread(place, terminal, monkeypatch):
    with place.store.batch():
        first = terminal.sale(100)
        with monkeypatch.context() as patch:
            patch.setattr(place.store, "add_transfer", None)
            failed = terminal.sale(200)
        again = terminal.repeat()
        last = terminal.sale(300)
    assert [answer.code for answer in (first, failed, again, last)] == ["00", "96", "96", "00"]
    assert (failed.events, again.events) == (["fault"], ["repeat"])
    assert place.earned == 400


def test_a_96_that_cannot_be_kept_is_not_given(place, terminal, monkeypatch):
    with place.store.batch():
        with monkeypatch.context() as patch:
            patch.setattr(place.store, "put_transaction", None)
            failed = terminal.sale(200)
        last = terminal.sale(300)
    assert (failed.reply.frame, failed.reply.close) == (None, True)
    assert last.code == "00"
    assert place.earned == 300


FRAMES = open_place()
FRAMES.terminal.sale(1000)


@given(st.binary(max_size=400))
def test_any_bytes_are_answered_or_dropped_and_never_raise(frame):
    FRAMES.host.handle(frame, NOW)


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_any_damage_to_a_request_moves_no_money(seed):
    chance = random.Random(seed)
    frame = bytearray(FRAMES.terminal.frames[-1])
    for _ in range(chance.randint(1, 3)):
        frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
    before = FRAMES.transfers
    reply = FRAMES.host.handle(bytes(frame[: chance.choice([len(frame), chance.randrange(len(frame))])]), NOW)
    assert FRAMES.transfers == before
    assert "fault" not in [event.name.value for event in reply.events]


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from([3, 4, 22, 25, 37, 38, 48, 53, 54, 61]), st.text("0123456789", max_size=12)),
    st.data(),
)
def test_any_sealed_request_is_answered_without_a_fault(elements, data):
    mti = data.draw(st.sampled_from(["0100", "0200", "0220", "0400", "0620", "0500", "0320"]))
    kind = data.draw(st.sampled_from(list(Kind)))
    base = FRAMES.terminal.request(kind, 5, elements=FRAMES.terminal.card())
    message = base.with_elements(mti=mti)
    try:
        answer = FRAMES.terminal.send(message.with_elements(elements))
    except PackError:  # what does not pack is not sent
        return
    assert "fault" not in answer.events
    assert FRAMES.host.ledger.prove().holds


@pytest.mark.parametrize(
    ("enrol", "found"),
    [
        (lambda host, tmk: host.enrol_merchant("1", "x"), "need 15"),
        (lambda host, tmk: host.enrol_merchant(OTHER_MID, "x", currency="QQQ"), "such currency"),
        (lambda host, tmk: host.enrol_terminal("1", MID, tmk), "need 8"),
        (lambda host, tmk: host.enrol_terminal("10000003", OTHER_MID, tmk), "is unknown"),
        (lambda host, tmk: host.enrol_terminal("10000003", MID, tmk, batch="0"), "batch number"),
        (lambda host, tmk: host.enrol_card(Pan("6212345678901266"), None), "check digit"),
        (lambda host, tmk: host.enrol_card(PAN, Pin(PIN)), "enrolled already"),
        (lambda host, tmk: host.enrol_card(OTHER_PAN, None, expiry="3013"), "YYMM"),
        (lambda host, tmk: host.enrol_card(OTHER_PAN, None, balance=-1), "not negative"),
        (lambda host, tmk: host.enrol_card(OTHER_PAN, None, credit_line=1), "no credit line"),
        (lambda host, tmk: host.enrol_card(OTHER_PAN, None, kind="gift"), "debit or credit"),
        (lambda host, tmk: host.enrol_card(OTHER_PAN, None, pin_policy="never"), "PIN policy"),
        (lambda host, tmk: host.enrol_card(OTHER_PAN, None, status="lost"), "two-character"),
        (lambda host, tmk: host.enrol_card(OTHER_PAN, None, status="00"), "an approval"),
        (lambda host, tmk: host.enrol_card(OTHER_PAN, None, scheme="TOOLONG"), "scheme of 3"),
        (lambda host, tmk: host.enrol_card(OTHER_PAN, None, issuer_id=""), "issuer"),
        (lambda host, tmk: host.enrol_card(OTHER_PAN, None, currency="QQQ"), "such currency"),
        (lambda host, tmk: host.set_terminal_open("10000003", True), "no terminal"),
        (lambda host, tmk: host.set_merchant_open(OTHER_MID, True), "no merchant"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_enrolled_is_refused(place, enrol, found):
    with pytest.raises(EnrolmentError, match=found):
        enrol(place.host, place.tmk)


def test_a_terminal_is_not_enrolled_with_a_key_for_something_else(place):
    pik = place.hsm.generate_key(KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE)
    with pytest.raises(EnrolmentError, match="need a TMK"):
        place.host.enrol_terminal("10000003", MID, pik)


def test_a_terminal_does_not_move_to_another_merchant(place):
    place.host.enrol_merchant(OTHER_MID, "another shop")
    with pytest.raises(EnrolmentError, match="belongs to"):
        place.host.enrol_terminal(TID, OTHER_MID, place.tmk)


def test_a_terminal_with_a_new_tmk_signs_on_again_in_the_same_batch(place, terminal):
    terminal.sale(1000)
    fresh = place.hsm.generate_key(KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
    place.host.enrol_terminal(TID, MID, fresh)
    assert terminal.sale().code == "77"
    terminal.tmk = fresh
    terminal.sign_on()
    assert (terminal.batch, terminal.sale(2000).code) == ("000001", "00")
