"""Adjustments: cleared, filed, paid out and reconciled like a payment, and posted once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from posterm.host import AccountKind, HostError
from posterm.host.adjustments import Adjustment, AdjustmentKind
from posterm.host.chart import acquirer_account, merchant_payable
from tests.host.hand_terminal import MID, NOW, open_place

DISPUTES = acquirer_account(AccountKind.DISPUTES, "156")


@pytest.fixture
def place():
    opened = open_place()
    opened.host.ledger.open_account(DISPUTES, "156", AccountKind.DISPUTES)
    return opened


def chargeback(sale, amount=1000) -> Adjustment:
    return Adjustment("dispute/1/chargeback", AdjustmentKind.CHARGEBACK, MID, -amount, DISPUTES, original=sale)


def sale_of(place, amount=10_000) -> str:
    assert place.terminal.sale(amount).code == "00"
    (record,) = (each for each in place.store.transactions_cleared_on("2026-06-01") if each.kind == "sale")
    return record.ref


def test_an_adjustment_is_cleared_with_the_sales_of_its_date(place):
    ref = sale_of(place)
    place.host.adjust(chargeback(ref), NOW)
    place.host.adjust(Adjustment("case/1", AdjustmentKind.FEE_CORRECTION, MID, fee_minor=-20, original=ref), NOW)
    (cleared,) = place.host.close_clearing(NOW + timedelta(days=1))
    assert (cleared.debit_minor, cleared.credit_minor, cleared.fee_minor) == (10_000, 1000, 30)
    assert place.balance(merchant_payable(MID)) == 8970
    assert place.balance(DISPUTES) == 1000
    assert place.host.reconcile("2026-06-01").differences == ()
    assert place.host.ledger.prove().faults == ()


def test_the_same_adjustment_again_does_nothing(place):
    ref = sale_of(place)
    first = place.host.adjust(chargeback(ref), NOW)
    before = place.transfers
    assert place.host.adjust(chargeback(ref), NOW + timedelta(days=3)) == first
    assert place.transfers == before


def test_another_adjustment_under_its_name_is_refused(place):
    ref = sale_of(place)
    place.host.adjust(chargeback(ref), NOW)
    with pytest.raises(HostError, match="posted already with other content"):
        place.host.adjust(chargeback(ref, 999), NOW)


def test_an_adjustment_after_its_date_is_closed_counts_on_the_next(place):
    ref = sale_of(place)
    place.host.close_clearing(NOW + timedelta(days=1))
    assert place.host.adjust(chargeback(ref), NOW).clearing_date == "2026-06-02"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"merchant_id": "898310058129999"}, "no merchant"),
        ({"gross_minor": 0, "against": ""}, "nothing to post"),
        ({"against": ""}, "need the account"),
        ({"gross_minor": 0, "fee_minor": 5}, "none without an amount"),
    ],
)
def test_an_adjustment_that_says_too_little_is_refused(place, changes, why):
    with pytest.raises(HostError, match=why):
        place.host.adjust(replace(chargeback(""), **changes), NOW)


def test_what_was_disputed_is_not_given_back_twice(place):
    ref = sale_of(place)
    place.host.adjust(chargeback(ref), NOW)
    won = Adjustment("dispute/1/won", AdjustmentKind.REPRESENTMENT, MID, 1000, DISPUTES, original=ref)
    place.host.adjust(won, NOW)
    with pytest.raises(HostError, match="too little"):
        place.host.adjust(replace(won, name="dispute/1/again"), NOW)
