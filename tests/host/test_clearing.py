"""Clearing dates, what they move, the file, payouts and the reconciliation of all books."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.host.card_ranges import CardRange, CardRanges
from posterm.host.clearing import date_of, due_date
from posterm.host.data_files import (
    built_in_plans,
    built_in_ranges,
    built_in_working_days,
    load_terms,
    parse_ranges,
    parse_working_days,
)
from posterm.host.errors import HostError, PayoutError, TermsError
from posterm.host.payouts import TRANSITIONS
from posterm.host.records import PayoutState
from posterm.host.settlement_file import COLUMNS, settlement_file
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import Kind
from simulators.cards import TEST_CARDS
from tests.host.hand_terminal import MID, open_place
from tests.host.hand_terms import terms_with
from tests.host.test_transactions import tip

GOLDEN = Path(__file__).parents[1] / "golden"
STANDARD = built_in_plans()["standard"]
CALENDAR = built_in_working_days()
FIRST = "2026-06-01"


def play(place) -> None:
    """A day with one of everything that counts."""
    terminal = place.terminal
    sale, voided, tipped = terminal.sale(10_000), terminal.sale(2_000), terminal.sale(3_000)
    terminal.void(voided)
    terminal.refund(sale, 400)
    tip(terminal, tipped, 3_300, 300)
    terminal.follow(Kind.COMPLETION, terminal.preauth(8_000), 8_000)
    terminal.offline_sale(70)
    terminal.reverse(terminal.sale(9_000))
    terminal.sale(10**9)


GROSS, FEES = 10_000 - 400 + 3_300 + 8_000 + 70, 50 + 15 + 2 + 40 + 0


# --- dates


@pytest.mark.parametrize(
    ("time", "day"),
    [("22:59:59", "01"), ("23:00:00", "01"), ("23:00:00.000001", "02"), ("23:00:01", "02"), ("00:00:00", "01")],
)
def test_the_cut_off_itself_belongs_to_the_day(time, day):
    assert str(date_of(STANDARD, datetime.fromisoformat(f"2026-06-01T{time}"))) == f"2026-06-{day}"


@pytest.mark.parametrize(
    ("cycle", "cleared", "due"),
    [
        ("T+1", "2026-06-01", "2026-06-02"),
        ("T+1", "2026-06-05", "2026-06-08"),  # a Friday
        ("T+1", "2026-09-30", "2026-10-08"),  # the National Day holidays
        ("T+1", "2026-02-13", "2026-02-14"),  # a Saturday that is worked
        ("T+1", "2026-02-14", "2026-02-24"),  # the Spring Festival
        ("D+1", "2026-06-05", "2026-06-06"),
        ("D0", "2026-06-05", "2026-06-05"),
    ],
)
def test_a_date_is_due_as_the_cycle_says(cycle, cleared, due):
    plan = STANDARD.model_copy(update={"terms": STANDARD.terms.model_copy(update={"cycle": cycle})})
    assert str(due_date(plan, date.fromisoformat(cleared), CALENDAR)) == due


@given(day=st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_the_next_working_day_is_the_first(day):
    following = CALENDAR.next_after(day)
    assert CALENDAR.is_working(following)
    between = (day + timedelta(days=n) for n in range(1, (following - day).days))
    assert not any(CALENDAR.is_working(each) for each in between)


def test_a_year_without_work_is_refused():
    idle = parse_working_days(
        "holidays = [" + ", ".join(str(date(2026, 1, 1) + timedelta(n)) for n in range(400)) + "]"
    )
    with pytest.raises(ValueError, match="no working day"):
        idle.next_after(date(2026, 1, 1))


@pytest.mark.parametrize("text", ["holidays = ['soon']", "days = []", "holidays = 1", "= 1"])
def test_a_calendar_that_cannot_be_is_refused(text):
    with pytest.raises(TermsError):
        parse_working_days(text)


# --- card ranges


def test_the_longest_prefix_wins():
    ranges = CardRanges([CardRange(prefix="62", scheme="CUP"), CardRange(prefix="622202", scheme="CUP", card="debit")])
    assert ranges.find("6222021234567890").card == "debit"
    assert ranges.find("6222011234567890").card == ""
    assert ranges.find("4111111111111111") is None


def test_every_test_card_is_in_a_range_of_its_scheme_and_class():
    for card in TEST_CARDS:
        found = built_in_ranges().find(card.pan.reveal())
        assert found is not None, card.name
        assert found.scheme == card.scheme, card.name


@pytest.mark.parametrize("row", ["prefix = '6x'", "prefix = '62'", "prefix = '62'\nscheme = 'CUP'\ncard = 'gold'"])
def test_ranges_that_cannot_be_are_refused(row):
    with pytest.raises(TermsError):
        parse_ranges(f"[[range]]\n{row}")


def test_files_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(TermsError, match="need a readable text file"):
        load_terms(plans=[str(tmp_path / "none.toml")])


def test_a_whole_range_is_blocked():
    blocked = parse_ranges("[[range]]\nprefix = '62'\nscheme = 'CUP'\nblocked = '04'")
    answer = open_place(terms=replace(terms_with(), ranges=blocked)).terminal.sale(100)
    assert (answer.code, answer.reply.events[0].details["check"]) == ("04", "black-list")


# --- closing a date


def test_closing_a_date_moves_the_net_and_splits_the_fees(place, terminal):
    play(place)
    assert place.host.close_clearing(terminal.now) == ()
    terminal.wait(hours=12)
    (cleared,) = place.host.close_clearing(terminal.now)
    assert (cleared.gross_minor, cleared.fee_minor, cleared.due) == (GROSS, FEES, "2026-06-02")
    assert (cleared.debit_count, cleared.credit_count) == (6, 2)
    assert place.balance(f"merchant/{MID}/pending") == place.balance("fee/clearing/156") == 0
    assert place.balance(f"merchant/{MID}/payable") == GROSS - FEES
    parties = [place.balance(f"fee/{party}/156") for party in ("issuer", "network", "acquirer", "agent")]
    assert sum(parties) == FEES
    assert min(parties) >= 0
    assert place.host.close_clearing(terminal.now) == ()


def test_a_sale_after_the_cut_off_counts_on_the_next_date_and_says_so(place, terminal):
    terminal.wait(hours=11, seconds=1)
    sale = terminal.sale(1_000)
    assert sale.message[15] == "0602"
    terminal.wait(hours=1)
    assert place.host.close_clearing(terminal.now) == ()


def test_nothing_is_added_to_a_closed_date(place, terminal):
    sale = terminal.sale(1_000)
    terminal.wait(hours=12)
    place.host.close_clearing(terminal.now)
    terminal.wait(hours=-6)  # a clock put back
    assert terminal.sale(500).message[15] == "0602"
    assert terminal.reverse(sale).code == "00"
    assert place.store.clearing(FIRST, MID).gross_minor == 1_000
    terminal.wait(days=1, hours=6)
    (second,) = place.host.close_clearing(terminal.now)
    assert (second.gross_minor, second.fee_minor) == (500 - 1_000, 3 - 5)
    assert place.balance(f"merchant/{MID}/payable") == 500 - 3
    for day in (FIRST, "2026-06-02"):
        assert place.host.reconcile(day).differences == ()


def test_what_is_undone_while_its_date_is_open_counts_nowhere(place, terminal):
    terminal.reverse(terminal.sale(1_000))
    terminal.wait(hours=12)
    assert place.host.close_clearing(terminal.now) == ()


# --- payouts


@pytest.fixture
def payable(place, terminal):
    terminal.sale(10_000)
    terminal.wait(hours=11, seconds=1)
    place.host.close_clearing(terminal.now)
    return place


def test_a_payout_is_made_when_it_is_due_and_only_once(payable, terminal):
    host = payable.host
    assert host.create_payouts(terminal.now) == ()
    terminal.wait(days=1)
    (payout,) = host.create_payouts(terminal.now)
    assert (payout.amount_minor, payout.state) == (9_950, "created")
    assert host.create_payouts(terminal.now) == ()
    account = host.ledger.account(f"merchant/{MID}/payable")
    assert (account.balance, account.available) == (9_950, 0)


def test_a_payout_that_the_bank_refuses_comes_back_and_is_tried_again(payable, terminal):
    host, bank = payable.host, payable.balance("bank/156")
    terminal.wait(days=1)
    (payout,) = host.create_payouts(terminal.now)
    for action, state in [("send", "sent"), ("fail", "failed"), ("return", "returned"), ("retry", "created")]:
        payout = host.move_payout(payout.payout_id, action, terminal.now, reason="account closed")
        assert payout.state == state
    assert (payout.attempt, payout.reason) == (2, "")
    host.move_payout(payout.payout_id, "send", terminal.now)
    host.move_payout(payout.payout_id, "succeed", terminal.now)
    assert payable.balance(f"merchant/{MID}/payable") == 0
    assert payable.balance("bank/156") == bank - 9_950


def test_every_other_step_is_refused_and_changes_nothing(payable, terminal):
    host = payable.host
    terminal.wait(days=1)
    (payout,) = host.create_payouts(terminal.now)
    for state in PayoutState:
        payable.store.put_payout(payout._replace(state=state.value))
        for action, (needed, _) in TRANSITIONS.items():
            if state is not needed:
                with pytest.raises(PayoutError, match=f"to {action} it needs"):
                    host.move_payout(payout.payout_id, action, terminal.now)
    payable.store.put_payout(payout)
    for name, action, says in [("none", "send", "no payout"), (payout.payout_id, "burn", "no such action")]:
        with pytest.raises(PayoutError, match=says):
            host.move_payout(name, action, terminal.now)


def test_a_payout_is_not_tried_again_with_money_that_is_gone(payable, terminal):
    host = payable.host
    terminal.wait(days=1)
    (payout,) = host.create_payouts(terminal.now)
    for action in ("send", "fail", "return"):
        host.move_payout(payout.payout_id, action, terminal.now)
    sale = terminal.sale(5_000)
    terminal.refund(sale, 5_000)
    terminal.wait(days=1)
    host.close_clearing(terminal.now)
    with pytest.raises(PayoutError, match="less is payable"):
        host.move_payout(payout.payout_id, "retry", terminal.now)


def test_a_merchant_that_owes_waits_for_later_dates(payable, terminal):
    terminal.refund(terminal.sale(100), 100)
    terminal.wait(days=1)
    payable.host.close_clearing(terminal.now)
    store, host = payable.store, payable.host
    owes = store.clearings_unpaid()[-1]._replace(debit_minor=0, credit_minor=20_000, due="2026-06-02")
    store.put_clearing(owes)
    assert host.create_payouts(terminal.now) == ()


def test_being_paid_at_once_has_its_price():
    instant = {"rate": "0.10", "fee_minor": 50}
    place = open_place(terms=terms_with(terms={"cycle": "D0"}, instant=instant))
    place.terminal.sale(10_000)
    place.terminal.wait(hours=11, seconds=1)
    place.host.close_clearing(place.terminal.now)
    (payout,) = place.host.create_payouts(place.terminal.now)
    assert (payout.fee_minor, payout.amount_minor) == (10 + 50, 9_950 - 60)
    assert place.host.ledger.prove().faults == ()


# --- the file and the reconciliation


@pytest.mark.parametrize("form", ["csv", "fixed"])
def test_the_settlement_file_is_as_recorded(place, form):
    play(place)
    text = settlement_file(FIRST, place.store.transactions_cleared_on(FIRST), form)
    assert text == (GOLDEN / f"settlement.{form}").read_text(encoding="utf-8")
    assert f"{GROSS}" in text.splitlines()[-1]


def test_every_fixed_line_has_the_width_of_its_columns(place):
    play(place)
    lines = settlement_file(FIRST, place.store.transactions_cleared_on(FIRST), "fixed").splitlines()
    assert {len(line) for line in lines} == {sum(column.width for column in COLUMNS)}
    assert lines[-1].startswith("T")


def test_a_value_wider_than_its_column_is_refused(place, terminal):
    terminal.sale(100)
    (record,) = place.store.transactions_cleared_on(FIRST)
    with pytest.raises(HostError, match="column amount"):
        settlement_file(FIRST, [record._replace(gross_minor=10**13)], "fixed")


def test_books_that_agree_have_no_differences(place, terminal):
    play(place)
    assert place.host.reconcile(FIRST).differences == ()
    terminal.wait(hours=12)
    place.host.close_clearing(terminal.now)
    report = place.host.reconcile(FIRST)
    assert (report.differences, report.gross_minor, report.fee_minor) == ((), GROSS, FEES)


def test_every_book_that_differs_is_named(place, terminal):
    sale = terminal.sale(1_000)
    terminal.settle(Totals(900, 1, 0, 0))
    terminal.upload([(sale.stan, 900)])
    terminal.end(1, different=True)
    (record,) = (each for each in place.store.transactions_cleared_on(FIRST) if each.gross_minor)
    place.store.put_transaction(record._replace(gross_minor=1_100))
    terminal.wait(hours=11, seconds=1)
    place.host.close_clearing(terminal.now)
    place.store.put_clearing(place.store.clearing(FIRST, MID)._replace(fee_minor=7))
    said = "\n".join(place.host.reconcile(FIRST).differences)
    for part in ("the terminal counted", "only the host has", "the ledger moved 995", "cleared 1100 less 7"):
        assert part in said
