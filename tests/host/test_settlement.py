"""Settlement: totals, uploads, the end of a batch, cut-over. Source: Q/CUP 009, settlement and batch upload."""

from __future__ import annotations

import pytest

from posterm.host import HostError
from posterm.unionpay.profile import get_profile
from posterm.unionpay.totals import Reconciliation, SettlementTotals, Totals
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import BALANCE, TID, open_place, second_terminal
from tests.host.test_transactions import tip


def settled(answer) -> SettlementTotals:
    return SettlementTotals.parse(str(answer.message[48]))


def test_totals_count_what_the_rule_names(place, terminal):
    sale, voided, tipped = terminal.sale(1000), terminal.sale(2000), terminal.sale(3000)
    terminal.void(voided)
    terminal.refund(sale, 400)
    tip(terminal, tipped, 3300, 300)
    preauth = terminal.preauth(10000)
    completion = terminal.follow(Kind.COMPLETION, preauth, 8000)
    terminal.void(completion, 8000, Kind.COMPLETION_VOID)
    terminal.follow(Kind.COMPLETION_NOTICE, terminal.preauth(500), 500)
    terminal.follow(Kind.PREAUTH_VOID, terminal.preauth(600), 600)
    terminal.offline_sale(70)
    terminal.inquire()
    terminal.sale(BALANCE * 2)
    terminal.reverse(terminal.sale(9000))
    debit = 1000 + 2000 + 3300 + 8000 + 500 + 70
    assert place.host.totals(TID, "000001") == Totals(debit, 6, 2000 + 400 + 8000, 3)


def test_equal_totals_are_answered_1_and_the_end_closes_the_batch(place, terminal):
    terminal.sale(1000)
    answer = terminal.settle(Totals(1000, 1, 0, 0))
    assert (answer.code, settled(answer).code, settled(answer).foreign_code) == ("00", "1", "1")
    assert sorted(answer.message) == [11, 12, 13, 15, 32, 37, 39, 41, 42, 48, 49, 60, 63]
    assert (place.earned, place.settled) == (1000, 0)
    end = terminal.end(0)
    assert (end.code, end.events) == ("00", ["batch-closed"])
    assert (place.earned, place.settled) == (0, 1000)
    assert terminal.sign_on().message["60.2"] == "000002"
    report = place.store.report(TID, "000001")
    assert (report.equal, report.net_minor, report.only_host, report.only_terminal) == (True, 1000, (), ())


def test_different_totals_are_answered_2_with_the_hosts(place, terminal):
    terminal.sale(1000)
    answer = terminal.settle(Totals(900, 1, 0, 0))
    assert (answer.code, settled(answer).code) == ("00", Reconciliation.DIFFERENT)
    assert settled(answer).domestic == Totals(1000, 1, 0, 0)


def test_domestic_and_foreign_totals_are_compared_as_a_sum(terminal):
    terminal.sale(1000)
    terminal.sale(500)
    split = SettlementTotals(Totals(1000, 1, 0, 0), Totals(500, 1, 0, 0))
    answer = terminal.manage("0500", "201", elements={48: split.digits, 49: "156", 63: "01 "})
    assert settled(answer).code is Reconciliation.EQUAL
    assert settled(answer).foreign == split.foreign


def test_the_upload_shows_what_only_one_side_knows(place, terminal):
    kept, missing, other = terminal.sale(1000), terminal.sale(2000), terminal.sale(3000)
    terminal.settle(Totals(1, 1, 0, 0))
    upload = terminal.upload([(kept.stan, 1000), (other.stan, 2999), ("900000", 70)])
    assert (upload.code, upload.events) == ("00", ["items-uploaded"])
    end = terminal.end(3, different=True)
    assert end.events == ["batch-closed", "only-at-host", "only-at-host", "only-at-terminal", "only-at-terminal"]
    report = place.store.report(TID, "000001")
    assert report.only_host == (missing.stan, other.stan)
    assert report.only_terminal == (other.stan, "900000")
    assert (report.equal, report.net_minor, place.settled) == (False, 6000, 6000)


def test_a_voided_sale_and_its_void_need_not_be_uploaded(place, terminal):
    sale = terminal.sale(1000)
    terminal.void(sale)
    terminal.settle(Totals())
    terminal.end(0, different=True)
    assert place.store.report(TID, "000001").only_host == ()
    assert place.settled == 0


def test_more_refunds_than_sales_are_owed_by_the_merchant(place, terminal):
    sale = terminal.sale(1000)
    terminal.settle(Totals(1000, 1, 0, 0))
    terminal.end(0)
    terminal.batch = "000002"
    terminal.refund(sale, 400, elements={61: f"000001{sale.stan}0601"})
    terminal.settle(Totals(0, 0, 400, 1))
    terminal.end(0)
    assert (place.earned, place.settled) == (0, 600)


def test_settlement_and_uploads_repeat_the_same_answer(place, terminal):
    sale = terminal.sale(1000)
    for ask in (
        lambda: terminal.settle(Totals(1, 1, 0, 0)),
        lambda: terminal.upload([(sale.stan, 1000)]),
        lambda: terminal.end(1, different=True),
    ):
        first = ask()
        state = (place.settled, place.store.terminal(TID).batch)
        again = terminal.repeat()
        assert (again.events, again.reply.frame) == (["repeat"], first.reply.frame)
        assert (place.settled, place.store.terminal(TID).batch) == state


def test_a_settled_batch_is_answered_again_under_a_new_trace_number(place, terminal):
    terminal.sale(1000)
    terminal.settle(Totals(1000, 1, 0, 0))
    terminal.end(0)
    assert settled(terminal.settle(Totals(1000, 1, 0, 0))).code is Reconciliation.EQUAL
    assert terminal.end(0).code == "00"
    assert (place.settled, place.store.terminal(TID).batch) == (1000, "000002")


def test_a_transaction_for_a_closed_batch_is_refused(place, terminal):
    terminal.sale(1000)
    terminal.settle(Totals(1000, 1, 0, 0))
    terminal.end(0)
    assert terminal.sale(2000).code == "77"
    assert terminal.offline_sale(300).code == "77"
    assert terminal.upload([("000001", 1000)]).code == "77"
    assert terminal.upload_notice("30", "000050", 100).code == "77"
    assert place.host.totals(TID, "000001") == Totals(1000, 1, 0, 0)


def test_an_end_before_the_totals_is_a_reconciliation_error(place, terminal):
    terminal.sale(1000)
    assert terminal.end(0).code == "95"
    assert place.settled == 0


def test_an_empty_batch_can_be_settled(place, terminal):
    assert settled(terminal.settle(Totals())).code is Reconciliation.EQUAL
    assert terminal.end(0).code == "00"
    assert place.store.terminal(TID).batch == "000002"


def test_batches_of_two_terminals_are_settled_apart(place, terminal):
    other = second_terminal(place)
    terminal.sale(1000)
    other.sale(2000)
    terminal.settle(Totals(1000, 1, 0, 0))
    terminal.end(0)
    assert (place.earned, place.settled) == (2000, 1000)
    assert other.sale(100).code == "00"


def test_a_sale_between_totals_and_end_is_paid_and_shows_in_the_report(place, terminal):
    terminal.settle(Totals())
    terminal.sale(1000)
    terminal.end(0)
    report = place.store.report(TID, "000001")
    assert (report.equal, report.net_minor, len(report.only_host)) == (False, 1000, 1)


def test_a_notice_the_host_does_not_have_is_posted_from_the_upload(place, terminal):
    answer = terminal.upload_notice("30", "000077", 500)
    assert (answer.code, answer.events, place.earned) == ("00", ["approved", "items-uploaded"], 500)
    assert place.host.totals(TID, "000001") == Totals(500, 1, 0, 0)
    assert terminal.repeat().events == ["repeat"]
    assert terminal.upload_notice("30", "000077", 500, network="206").code == "00"
    assert place.earned == 500


def test_a_notice_the_host_has_is_only_confirmed(place, terminal):
    sale = terminal.offline_sale(500)
    assert terminal.upload_notice("30", sale.stan, 500).code == "00"
    assert terminal.upload_notice("30", sale.stan, 501).code == "94"
    assert place.earned == 500


def test_a_completion_notice_is_posted_from_the_upload(place, terminal):
    preauth = terminal.preauth(10000)
    elements = {25: "06", 38: preauth.auth_code, 61: terminal.original(preauth)}
    assert terminal.upload_notice("24", "000077", 8000, elements=elements).code == "00"
    assert (place.earned, place.available) == (8000, BALANCE - 8000)


def test_a_tip_is_posted_from_the_upload(place, terminal):
    sale = terminal.sale(1000)
    elements = {38: sale.auth_code, 48: f"{100:012d}", 61: terminal.original(sale)}
    assert terminal.upload_notice("34", "000077", 1100, elements=elements).code == "00"
    assert place.earned == 1100


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        ({62: b"61"}, "30"),
        ({62: b"710000000000000500156300XX"}, "30"),
        ({4: "000000000000"}, "13"),
        ({62: b"710000000000000500156990"}, "12"),
        ({2: "6212345678901266"}, "14"),
    ],
)
def test_a_notice_that_cannot_be_posted_is_refused(place, terminal, elements, code):
    assert terminal.upload_notice("30", "000077", 500, elements=elements).code == code
    assert place.earned == 0


@pytest.mark.parametrize(
    ("mti", "network", "digits", "code"),
    [
        ("0500", "201", "123", "30"),
        ("0500", "201", "", "30"),
        ("0500", "202", "0" * 62, "12"),
        ("0320", "201", "08" + "0" * 280, "30"),
        ("0320", "209", "0000", "40"),
        ("0320", "207", "00001", "30"),
    ],
)
def test_a_settlement_message_that_does_not_fit_is_refused(terminal, mti, network, digits, code):
    elements = {48: digits} if digits else {}
    assert terminal.manage(mti, network, elements=elements).code == code


def test_a_settlement_of_another_batch_sends_the_terminal_to_sign_on(terminal):
    terminal.batch = "000009"
    assert terminal.settle(Totals()).code == "77"


def test_chip_details_are_taken_as_items(place, terminal):
    sale = terminal.sale(1000)
    terminal.settle(Totals(1, 1, 0, 0))
    elements = {62: b"6100000000000001000156"}
    answer = terminal.upload_notice("22", sale.stan, 1000, network="205", elements=elements)
    assert answer.code == "00"
    terminal.end(1, different=True)
    assert place.store.report(TID, "000001").only_host == ()


def test_an_uploaded_tip_is_an_item_the_host_knows(place, terminal):
    sale = terminal.sale(1000)
    tipped = tip(terminal, sale, 1100, 100)
    terminal.settle(Totals())
    terminal.upload([(sale.stan, 1100)])
    elements = {38: sale.auth_code, 48: f"{100:012d}", 61: terminal.original(sale)}
    assert terminal.upload_notice("34", tipped.stan, 1100, network="206", elements=elements).code == "00"
    terminal.end(2, different=True)
    report = place.store.report(TID, "000001")
    assert (report.only_host, report.only_terminal, place.settled) == ((), (), 1100)


def test_a_host_that_captures_settles_at_its_cut_over():
    place = open_place(get_profile("direct"))
    terminal = place.terminal
    terminal.sale(1000)
    assert terminal.settle(Totals(1000, 1, 0, 0)).code == "40"
    terminal.batch = "000002"
    assert terminal.sale(2000).code == "00"
    assert place.host.totals(TID, "000001").debit_minor == 1000
    reports = place.host.close_day(terminal.now)
    assert [(report.batch, report.net_minor) for report in reports] == [("000001", 1000), ("000002", 2000)]
    assert (place.earned, place.settled) == (0, 3000)
    assert terminal.sale(500).code == "77"
    terminal.batch = "000003"
    assert terminal.sign_on().message["60.2"] == "000003"
    assert terminal.sale(500).code == "00"
    assert place.host.close_day(terminal.now)[0].net_minor == 500
    assert place.host.close_day(terminal.now) == ()
    assert place.host.ledger.prove().holds


def test_a_late_notice_counts_in_its_own_batch_while_that_is_open():
    place = open_place(get_profile("direct"))
    terminal = place.terminal
    terminal.sale(1000)
    terminal.batch = "000002"
    sale = terminal.sale(2000)
    terminal.batch = "000001"
    assert terminal.offline_sale(300).code == "00"
    assert terminal.sale(300).code == "77"
    assert place.host.totals(TID, "000001") == Totals(1300, 2, 0, 0)
    assert place.host.totals(TID, "000002") == Totals(2000, 1, 0, 0)
    place.host.close_day(terminal.now)
    assert terminal.offline_sale(400).code == "77"
    assert terminal.reverse(sale).code == "12"


def test_a_terminal_of_a_capturing_host_keeps_its_batch_number_when_it_signs_on():
    place = open_place(get_profile("direct"))
    place.terminal.sale(1000)
    place.terminal.batch = "000002"
    assert place.terminal.sign_on().message["60.2"] == "000002"
    place.terminal.batch = "000500"
    assert place.terminal.sign_on().message["60.2"] == "000002"


@pytest.mark.parametrize(("batch", "later"), [("000001", "000004"), ("999998", "000002")])
def test_a_terminal_of_a_capturing_host_may_close_batches_that_the_host_never_heard_of(batch, later):
    place = open_place(get_profile("direct"))
    place.store.put_terminal(place.store.terminal(TID)._replace(batch=batch))
    place.terminal.batch = later
    assert place.terminal.sign_on().message["60.2"] == later, "or it would use a number twice"
    assert place.terminal.sale(1000).code == "00"
    place.terminal.batch = batch
    assert place.terminal.sale(1000).code == "77"
    place.terminal.batch = "000000"
    assert place.terminal.sale(1000).code == "77"


def test_a_reversal_may_be_the_first_of_its_batch_where_the_host_captures():
    place = open_place(get_profile("direct"))
    terminal = place.terminal
    terminal.batch = "000002"
    request = terminal.request(Kind.SALE, 1000, elements=terminal.card())
    assert terminal.send(terminal.reversal(request)).code == "00"
    assert terminal.send(request).code == "CA"


def test_there_is_no_cut_over_where_terminals_settle(place):
    with pytest.raises(HostError, match="settle their own"):
        place.host.close_day(place.terminal.now)
