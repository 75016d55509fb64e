"""A connection to an issuer: who may sign on, which keys it takes, and what it answers without them."""

from __future__ import annotations

import pytest

from posterm.host.issuing.session import Session
from posterm.iso8583 import Message
from posterm.unionpay.network_link import NetworkCode, about_link
from tests.host.hand_terminal import NOW
from tests.host.switch_place import ACQUIRER, EAST, EAST_PAN, open_switch

SALE = Message(
    "0200",
    {2: EAST_PAN.reveal(), 3: "000000", 4: "000000000100", 7: "0601120000", 11: "000009", 25: "00"}
    | {32: ACQUIRER, 33: ACQUIRER, 37: "060100000009", 41: "10000001", 42: "898310058120001", 49: "156"},
)


@pytest.fixture
def issuer():
    return open_switch().issuers[EAST]


def told(issuer, message: Message) -> str:
    answer = issuer.tell(message, NOW)
    return "nothing" if answer is None else str(answer[39])


def sealed(issuer, message: Message) -> Message:
    return issuer.port.sealer.seal(message, issuer.port.keys.zak)


def test_an_institution_that_is_not_known_may_not_sign_on(issuer):
    issuer.session = Session()
    assert told(issuer, about_link(NetworkCode.SIGN_ON, "000001", NOW, "99999999")) == "92"
    assert told(issuer, sealed(issuer, SALE)) == "77"


def test_keys_are_taken_from_nobody_who_has_not_signed_on(issuer):
    issuer.session = Session()
    _, messages = issuer.port.draw_keys(ACQUIRER, ("000002", "000003"), NOW)
    assert [told(issuer, message) for message in messages] == ["77", "77"]


@pytest.mark.parametrize("change", [{48: "NK" + "00" * 20}, {48: "XX"}, {53: "9" * 16}])
def test_a_key_that_does_not_open_is_refused_and_the_old_one_stays(issuer, change):
    _, (message, _) = issuer.port.draw_keys(ACQUIRER, ("000002", "000003"), NOW)
    assert told(issuer, message.with_elements(change)) == "A0"
    assert told(issuer, sealed(issuer, SALE)) == "00"


def test_after_a_sign_off_nothing_is_answered_but_77(issuer):
    assert told(issuer, about_link(NetworkCode.SIGN_OFF, "000004", NOW, ACQUIRER)) == "00"
    assert told(issuer, sealed(issuer, SALE)) == "77"


def test_an_echo_is_always_answered(issuer):
    issuer.session = Session()
    assert told(issuer, about_link(NetworkCode.ECHO, "000005", NOW, ACQUIRER)) == "00"


def test_another_network_code_gets_40(issuer):
    assert told(issuer, Message("0820", {7: "0601120000", 11: "000001", 33: ACQUIRER, 70: "999"})) == "40"


def test_a_message_under_a_wrong_mac_gets_a0_and_does_nothing(issuer):
    assert told(issuer, sealed(issuer, SALE).with_elements({4: "000000000999"})) == "A0"
    assert issuer.owes == 0


@pytest.mark.parametrize(
    ("change", "drop", "code"),
    [
        ({}, (3,), "30"),
        ({3: "999999"}, (), "12"),
        ({4: "000000000000"}, (), "13"),
        ({2: "6222021234567890127"}, (), "14"),
        ({2: "6228480000000000000"}, (), "14"),
        ({33: "99999999"}, (), "77"),
        ({3: "200000"}, (), "25"),
        ({3: "200000", 90: "0200" + "9" * 38}, (), "25"),
    ],
)
def test_a_request_that_makes_no_sense_is_declined(issuer, change, drop, code):
    message = SALE.with_elements(change, drop=drop)
    assert told(issuer, sealed(issuer, message)) == code
    assert issuer.owes == 0


def test_a_repeat_is_answered_the_same_and_another_content_gets_94(issuer):
    assert [told(issuer, sealed(issuer, SALE)) for _ in range(3)] == ["00"] * 3
    assert issuer.owes == 100
    assert told(issuer, sealed(issuer, SALE.with_elements({4: "000000000200"}))) == "94"
    repeat = Message("0201", {number: SALE[number] for number in SALE})
    assert told(issuer, sealed(issuer, repeat)) == "00"
    assert issuer.owes == 100


def test_a_type_that_is_not_run_gets_nothing(issuer):
    assert told(issuer, Message("0302", {7: "0601120000", 11: "000001", 33: ACQUIRER})) == "nothing"
