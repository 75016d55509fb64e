"""The table of forced outcomes, row by row."""

from __future__ import annotations

import pytest

from posterm.host.forced import NOTHING, forced_outcome
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.errors import LinkError
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import BALANCE, open_place

RICH = 10_000_000


@pytest.fixture
def place():
    opened = open_place(balance=RICH)
    yield opened
    assert opened.host.ledger.prove().holds


@pytest.mark.parametrize("code", ["01", "05", "51", "54", "96", "99"])
def test_an_amount_of_9000_and_a_code_is_declined_with_it(place, code):
    assert place.terminal.sale(900000 + int(code)).code == code
    assert place.terminal.preauth(900000 + int(code)).code == code
    assert place.available == RICH


@pytest.mark.parametrize("code", ["00", "10", "11", "16"])
def test_a_code_that_would_approve_is_not_forced(place, code):
    assert place.terminal.sale(900000 + int(code)).code == "00"
    assert place.available == RICH - 900000 - int(code)


def test_9001_00_is_carried_out_and_never_answered(place):
    answer = place.terminal.sale(900100)
    assert (answer.reply.frame, answer.reply.close, answer.events) == (None, False, ["approved", "forced"])
    assert place.earned == 900100
    assert place.terminal.reverse(answer).code == "00"


def test_9001_01_leaves_no_trace(place):
    answer = place.terminal.sale(900101)
    assert (answer.reply.frame, answer.reply.close, answer.events) == (None, False, ["forced"])
    assert place.store.transactions_in_batch("10000001", "000001") == []
    assert place.terminal.reverse(answer).code == "25"


def test_9001_02_is_answered_with_a_wrong_mac(place):
    answer = place.terminal.sale(900102)
    assert (answer.code, place.earned) == ("00", 900102)
    with pytest.raises(LinkError):
        place.terminal.checks_mac(answer)


def test_a_decline_that_would_have_a_wrong_mac_is_left_alone(place):
    poor = open_place().terminal
    sale = poor.sale(900102, pin="111111")
    assert (sale.code, str(sale.message[63])[:3]) == ("55", "CUP")


def test_9001_03_is_answered_late(place):
    assert place.terminal.sale(900103).reply.delay_s == 5.0
    assert open_place(late_answer_s=0.2, balance=RICH).terminal.sale(900103).reply.delay_s == 0.2


def test_9001_04_is_torn_in_the_middle(place):
    reply = place.terminal.sale(900104).reply
    assert (reply.close, 0 < reply.tear_after < len(reply.frame)) == (True, True)


def test_9001_05_is_answered_with_another_trace_number(place):
    answer = place.terminal.sale(900105)
    assert answer.message[11] != answer.stan
    place.terminal.checks_mac(answer)


def test_9001_06_closes_the_connection_after_posting(place):
    answer = place.terminal.sale(900106)
    assert (answer.reply.frame, answer.reply.close, place.earned) == (None, True, 900106)


@pytest.mark.parametrize("digit", ["1", "3", "9"])
def test_9002_asks_for_something_in_the_header(place, digit):
    answer = place.terminal.sale(900200 + int(digit))
    assert (answer.code, open_envelope(answer.reply.frame).header.requirement.value) == ("00", digit)


def test_an_offline_sale_of_9003_is_refused_as_a_notice_and_taken_in_the_upload(place):
    notice = place.terminal.offline_sale(900312)
    assert (notice.code, place.terminal.repeat().code, place.earned) == ("96", "96", 0)
    assert place.terminal.upload_notice("30", notice.stan, 900312).code == "00"
    assert place.earned == 900312


def test_other_kinds_and_amounts_are_not_forced(place):
    assert forced_outcome(Kind.SALE, 900051, "840") is NOTHING
    assert forced_outcome(Kind.SALE, 900107, "156") is NOTHING
    assert forced_outcome(Kind.SALE, 900210, "156") is NOTHING
    assert forced_outcome(Kind.REFUND, 900051, "156") is NOTHING
    assert forced_outcome(Kind.SALE, 900312, "156") is NOTHING
    assert forced_outcome(Kind.OFFLINE_SALE, 900051, "156") is NOTHING


def test_the_table_can_be_switched_off():
    place = open_place(forced_outcomes=False, balance=RICH)
    assert [place.terminal.sale(amount).code for amount in (900051, 900101)] == ["00", "00"]
    assert BALANCE < RICH


def test_a_dropped_request_still_needs_a_good_mac(place):
    request = place.terminal.request(Kind.SALE, 900101, elements=place.terminal.card())
    assert place.terminal.send(request, sealed=False).code == "A0"
