"""Instant payouts on request: never more than is earned, refused with their codes, and the books add up."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from posterm.host.errors import AdvanceRefusedError, EnrolmentError
from tests.host.hand_terminal import MID, open_place
from tests.host.hand_terms import terms_with

OPEN = {"is_open": True, "rate": "0.10", "fee_minor": 50}
FIRST = "2026-06-01"


def place_with(**instant):
    return open_place(terms=terms_with(instant=OPEN | instant))


@pytest.fixture
def place():
    return place_with()


def balances(place) -> tuple[int, int]:
    return place.balance(f"merchant/{MID}/pending"), place.balance(f"merchant/{MID}/payable")


def refused(place, code: str, *, amount: int = 0, key: str = "a") -> None:
    before = balances(place)
    with pytest.raises(AdvanceRefusedError) as caught:
        place.host.request_advance(MID, key, place.terminal.now, amount=amount)
    assert caught.value.code == code
    assert balances(place) == before
    assert place.host.profile.knows_code(code)


def test_what_was_earned_is_paid_before_the_date_is_closed(place):
    place.terminal.sale(10_000)
    payout = place.host.request_advance(MID, "a", place.terminal.now)
    assert (payout.amount_minor, payout.fee_minor, payout.state) == (9_950 - 60, 60, "created")
    assert balances(place) == (0, 9_890)
    assert place.host.ledger.account(f"merchant/{MID}/payable").available == 0
    place.host.move_payout(payout.payout_id, "send", place.terminal.now)
    place.host.move_payout(payout.payout_id, "succeed", place.terminal.now)
    assert balances(place) == (0, 0)


def test_closing_the_date_pays_the_rest_only(place):
    place.terminal.sale(10_000)
    place.host.request_advance(MID, "a", place.terminal.now, amount=4_000)
    place.terminal.wait(hours=11, seconds=1)
    (cleared,) = place.host.close_clearing(place.terminal.now)
    assert (cleared.net_minor, cleared.advanced_minor, cleared.due_minor) == (9_950, 4_000, 5_950)
    place.terminal.wait(days=1)
    (payout,) = place.host.create_payouts(place.terminal.now)
    assert payout.amount_minor == 5_950
    assert place.balance(f"merchant/{MID}/pending") == 0
    assert place.host.reconcile(FIRST).differences == ()


def test_the_same_key_pays_once(place):
    place.terminal.sale(10_000)
    first = place.host.request_advance(MID, "a", place.terminal.now, amount=1_000)
    assert place.host.request_advance(MID, "a", place.terminal.now, amount=2_000) == first
    assert place.store.advance(FIRST, MID).amount_minor == 1_000


def test_an_advance_that_the_bank_refuses_stays_payable_and_is_tried_again(place):
    place.terminal.sale(10_000)
    payout = place.host.request_advance(MID, "a", place.terminal.now)
    for action in ("send", "fail", "return"):
        place.host.move_payout(payout.payout_id, action, place.terminal.now)
    assert balances(place) == (0, 9_890)
    place.terminal.wait(hours=11, seconds=1)
    place.host.close_clearing(place.terminal.now)
    for action in ("retry", "send", "succeed"):
        place.host.move_payout(payout.payout_id, action, place.terminal.now)
    assert balances(place) == (0, 0)


def test_a_refund_after_an_advance_makes_the_date_owe(place):
    sale = place.terminal.sale(10_000)
    place.host.request_advance(MID, "a", place.terminal.now)
    place.terminal.void(sale)
    place.terminal.wait(hours=11, seconds=1)
    (cleared,) = place.host.close_clearing(place.terminal.now)
    assert cleared.due_minor < 0
    place.terminal.wait(days=1)
    assert place.host.create_payouts(place.terminal.now) == ()


def test_an_advance_of_which_every_sale_was_undone_is_owed(place):
    sale = place.terminal.sale(10_000)
    place.host.request_advance(MID, "a", place.terminal.now)
    place.terminal.reverse(sale)
    place.terminal.wait(hours=11, seconds=1)
    (cleared,) = place.host.close_clearing(place.terminal.now)
    assert cleared.due_minor == -9_950
    assert place.balance(f"merchant/{MID}/pending") == 0


def test_no_more_than_is_earned(place):
    refused(place, "D5")
    place.terminal.sale(10_000)
    refused(place, "D5", amount=9_951)
    refused(place, "D5", amount=-1)
    refused(place, "D5", amount=50)  # the fee leaves nothing


def test_no_more_than_the_quota():
    place = place_with(most_minor=5_000)
    place.terminal.sale(10_000)
    place.host.request_advance(MID, "a", place.terminal.now, amount=3_000)
    refused(place, "D5", amount=2_001, key="b")
    place.host.request_advance(MID, "c", place.terminal.now, amount=2_000)


def test_not_where_it_is_not_open():
    place = place_with(is_open=False)
    place.terminal.sale(10_000)
    refused(place, "D6")


@pytest.mark.parametrize(("hours", "is_open"), [(-4, False), (-3, True), (9, True), (10, False)])
def test_only_in_its_hours(place, hours, is_open):
    place.terminal.wait(hours=hours)
    place.terminal.sale(10_000)
    if is_open:
        place.host.request_advance(MID, "a", place.terminal.now)
    else:
        refused(place, "D7")


@pytest.mark.parametrize(("days", "is_open"), [(4, True), (5, False), (6, False), (7, True)])
def test_only_on_working_days_where_they_are_needed(days, is_open):
    place = place_with(working_days_only=True)
    place.terminal.wait(days=days)
    place.terminal.sale(10_000)
    if is_open:
        place.host.request_advance(MID, "a", place.terminal.now)
    else:
        refused(place, "D7")


@pytest.mark.parametrize(("merchant", "key"), [("nobody", "a"), (MID, ""), (MID, "a/b"), (MID, "x" * 33)])
def test_a_wish_that_cannot_be_is_refused(place, merchant, key):
    with pytest.raises(EnrolmentError):
        place.host.request_advance(merchant, key, place.terminal.now)


@pytest.mark.parametrize("seed", range(8))
def test_days_of_sales_refunds_and_advances_add_up(seed):
    chance = random.Random(seed)
    place = place_with(from_hour=0, until_hour=24)
    bank = place.balance("bank/156")
    for day in range(6):
        for number in range(12):
            sale = place.terminal.sale(chance.randrange(100, 9_000))
            if chance.random() < 0.3:
                chance.choice([place.terminal.void, place.terminal.reverse])(sale)
            if chance.random() < 0.4:
                with suppress(AdvanceRefusedError):
                    place.host.request_advance(
                        MID, f"{day}x{number}", place.terminal.now, amount=chance.choice([0, 500, 4_000])
                    )
        place.terminal.wait(days=1)
        place.host.close_clearing(place.terminal.now)
        place.host.create_payouts(place.terminal.now)
    place.terminal.wait(days=4)
    place.host.close_clearing(place.terminal.now)
    place.host.create_payouts(place.terminal.now)
    for payout in list(place.store.payouts()):
        for action in ("send", "succeed"):
            place.host.move_payout(payout.payout_id, action, place.terminal.now)
    records = [each for day in range(1, 8) for each in place.store.transactions_cleared_on(f"2026-06-0{day}")]
    earned = sum(each.gross_minor - each.fee_minor for each in records)
    paid = sum(each.amount_minor + each.fee_minor for each in place.store.payouts())
    pending, payable = balances(place)
    assert (pending, earned) == (0, paid + payable)
    assert place.balance("bank/156") == bank - sum(each.amount_minor for each in place.store.payouts())
    assert place.host.ledger.prove().faults == ()
