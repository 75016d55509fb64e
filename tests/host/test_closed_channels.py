"""Ways of paying that are closed to a merchant: refused with their code, everything begun before goes on."""

from __future__ import annotations

import pytest

from posterm.host.channels import MerchantChannel
from posterm.host.errors import EnrolmentError
from posterm.hsm import Pin
from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import MID, OTHER_PAN, PIN, open_place


@pytest.fixture
def place():
    opened = open_place()
    opened.host.enrol_card(OTHER_PAN, Pin(PIN), kind="credit", credit_line=1_000_000)
    yield opened
    assert opened.host.ledger.prove().faults == ()


def test_credit_cards_that_are_closed_get_c0_and_debit_cards_are_taken(place):
    place.host.set_channels(MID, ["credit"])
    refused = place.terminal.sale(1000, pan=OTHER_PAN)
    assert refused.code == "C0"
    assert refused.reply.events[0].details["check"] == "channel"
    assert place.terminal.sale(1000).code == "00"


def test_an_acquirer_without_that_code_answers_57():
    profile = get_profile("default")
    place = open_place(profile.model_copy(update={"response_codes": {}}))
    place.host.enrol_card(OTHER_PAN, Pin(PIN), kind="credit", credit_line=1_000_000)
    place.host.set_channels(MID, [MerchantChannel.CREDIT])
    assert place.terminal.sale(1000, pan=OTHER_PAN).code == "57"


def test_debit_cards_that_are_closed_get_58(place):
    place.host.set_channels(MID, ["debit"])
    assert place.terminal.sale(1000).code == "58"
    assert place.terminal.sale(1000, pan=OTHER_PAN).code == "00"


def test_authorisations_that_are_closed_get_58_and_those_of_before_are_completed(place):
    preauth = place.terminal.preauth(5000)
    place.host.set_channels(MID, ["preauth", "debit"])
    assert place.terminal.preauth(5000).code == "58"
    assert place.terminal.follow(Kind.COMPLETION, preauth, 5000).code == "00"


def test_a_sale_of_before_is_voided_and_refunded_when_its_channel_is_closed(place):
    first, second = place.terminal.sale(1000), place.terminal.sale(2000)
    place.host.set_channels(MID, ["debit"])
    assert place.terminal.void(first).code == "00"
    assert place.terminal.refund(second, 500).code == "00"


def test_setting_channels_opens_all_that_are_not_named(place):
    place.host.set_channels(MID, ["debit", "credit"])
    place.host.set_channels(MID, [])
    assert place.terminal.sale(1000).code == "00"


def test_new_terms_leave_channels_as_they_are(place):
    place.host.set_channels(MID, ["credit", "debit", "credit"])
    place.host.enrol_merchant(MID, "another name")
    assert place.store.merchant(MID).closed_channels == ("credit", "debit")


def test_unknown_channels_and_merchants_are_refused(place):
    with pytest.raises(EnrolmentError, match="no channel 'cash'"):
        place.host.set_channels(MID, ["cash"])
    with pytest.raises(EnrolmentError, match="no merchant"):
        place.host.set_channels("000000000000000", [])
