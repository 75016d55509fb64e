"""Cards and PINs. Source: Q/CUP 009, elements 2, 14, 35, 36, 52, 53 and their answer codes."""

from __future__ import annotations

import pytest

from posterm.hsm import Pin, PinFormat
from posterm.unionpay.key_layout import Role
from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import BALANCE, OTHER_PAN, PAN, open_place

WRONG = "111111"


def test_a_wrong_pin_is_declined_and_counted(place, terminal):
    assert terminal.sale(pin=WRONG).code == "55"
    assert place.store.card(place.card).pin_failures == 1


def test_a_right_pin_forgives_the_wrong_ones(place, terminal):
    terminal.sale(pin=WRONG)
    assert terminal.sale().code == "00"
    assert place.store.card(place.card).pin_failures == 0


def test_after_three_wrong_pins_the_right_one_does_not_help(place, terminal):
    assert [terminal.sale(pin=WRONG).code for _ in range(4)] == ["55", "55", "55", "75"]
    assert terminal.sale().code == "75"
    assert place.available == BALANCE


def test_a_repeat_of_a_wrong_pin_is_not_another_try(place, terminal):
    terminal.sale(pin=WRONG)
    assert terminal.repeat().code == "55"
    assert place.store.card(place.card).pin_failures == 1


def test_a_card_that_needs_a_pin_is_declined_without(terminal):
    assert terminal.sale(pin=None).code == "55"
    assert terminal.preauth(pin=None).code == "55"
    assert terminal.inquire(pin=None).code == "55"


def test_a_card_with_an_optional_pin_pays_without_and_is_checked_with(place, terminal):
    place.host.enrol_card(OTHER_PAN, Pin("654321"), balance=1000, pin_policy="optional")
    assert terminal.sale(100, pan=OTHER_PAN, pin=None).code == "00"
    assert terminal.sale(100, pan=OTHER_PAN, pin="654321").code == "00"
    assert terminal.sale(100, pan=OTHER_PAN, pin=WRONG).code == "55"


def test_a_pin_block_that_holds_no_pin_sends_the_terminal_to_sign_on(place, terminal):
    assert terminal.sale(elements={52: bytes(8)}).code == "99"
    assert place.store.card(place.card).pin_failures == 0


def test_an_encrypted_block_without_a_pin_counts_as_none(place, terminal):
    place.host.enrol_card(OTHER_PAN, None, balance=1000)
    block = terminal.hsm.encrypt_pin(terminal.keys[Role.PIK], None, PinFormat.NO_PIN, None)
    assert terminal.sale(100, pan=OTHER_PAN, pin=None, elements={52: block}).code == "00"


@pytest.mark.parametrize("pin", ["1234", "123456", "987654321012"])
def test_pins_of_4_to_12_digits_work(place, terminal, pin):
    place.host.enrol_card(OTHER_PAN, Pin(pin), balance=1000)
    assert terminal.sale(100, pan=OTHER_PAN, pin=pin).code == "00"
    assert terminal.sale(100, pan=OTHER_PAN, pin=pin[:-1] + "0" if pin[-1] != "0" else pin[:-1] + "1").code == "55"


def test_a_pin_of_another_length_is_wrong_and_not_malformed(place, terminal):
    place.host.enrol_card(OTHER_PAN, Pin("1234"), balance=1000)
    assert terminal.sale(100, pan=OTHER_PAN, pin="123456").code == "55"


@pytest.mark.parametrize("status", ["41", "43", "54", "62", "51", "75", "05"])
def test_a_card_gets_the_answer_its_status_names(place, terminal, status):
    place.host.enrol_card(OTHER_PAN, None, balance=1000, status=status)
    assert terminal.sale(100, pan=OTHER_PAN, pin=None).code == status


def test_an_expired_card_is_declined_from_the_month_after(place, terminal):
    place.host.enrol_card(OTHER_PAN, None, balance=1000, expiry="2606")
    keyed = {2: OTHER_PAN.reveal(), 14: "2606"}
    assert terminal.send(terminal.request(Kind.SALE, 100, elements=keyed)).code == "00"
    terminal.wait(days=30)
    assert terminal.send(terminal.request(Kind.SALE, 100, elements=keyed)).code == "54"


def test_a_track_with_another_expiry_than_the_cards_is_declined(place, terminal):
    place.host.enrol_card(OTHER_PAN, None, balance=1000, expiry="3011")
    assert terminal.sale(100, pan=OTHER_PAN, pin=None).code == "54"


def test_the_card_is_read_from_track_3_when_there_is_no_other(terminal):
    track3 = f"99{PAN.reveal()}=1561560000000000000003012"
    card = terminal.card()
    del card[35]
    answer = terminal.send(terminal.request(Kind.SALE, 100, elements=card | {36: track3}))
    assert (answer.code, answer.message[2] == PAN.reveal()) == ("00", True)


def test_encrypted_tracks_are_decrypted():
    place = open_place(get_profile("direct"))
    answer = place.terminal.sale(100)
    assert (answer.code, str(answer.message[53])[2]) == ("00", "1")


def test_a_track_marked_encrypted_without_a_track_key_cannot_be_read(terminal):
    card = terminal.card() | {53: "2610000000000000"}
    assert terminal.send(terminal.request(Kind.SALE, 100, elements=card)).code == "14"


def test_a_card_kept_in_another_currency_does_not_pay(place, terminal):
    place.host.enrol_card(OTHER_PAN, None, balance=1000, currency="USD")
    assert terminal.sale(100, pan=OTHER_PAN, pin=None).code == "57"


def test_money_comes_back_to_a_card_that_was_lost_meanwhile(place, terminal):
    sale = terminal.sale(1000)
    place.store.put_card(place.store.card(place.card)._replace(status="41"))
    assert terminal.sale(100).code == "41"
    assert terminal.void(sale).code == "00"
