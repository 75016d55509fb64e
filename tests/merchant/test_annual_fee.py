"""The yearly fee: reminded of, paid in one of two ways, waived; unpaid it stops the device."""

from __future__ import annotations

import pytest

from posterm.merchant import NotAllowedError, NotFoundError, NotNowError, OfficeTerms
from posterm.merchant.annual_fee import AnnualFee, PaidBy, pay_annual_fee, waive_annual_fee
from tests.merchant.hand_device import MID, OPERATOR, OWNER, STRANGER, open_shop

QUIET = OfficeTerms(inspection_days=3660, unused_days=3660)
KEY = "F00000001"


@pytest.fixture
def shop():
    opened = open_shop(terms=QUIET)
    opened.terminal = opened.activate()
    yield opened
    assert opened.office.ledger.prove().faults == ()


def test_it_is_reminded_of_a_month_before_and_stops_the_device_a_month_after(shop):
    shop.wait(days=334)
    assert shop.get(AnnualFee, KEY).state == "DUE"
    shop.wait(days=1)
    assert shop.get(AnnualFee, KEY).state == "REMINDED"
    shop.wait(days=59)
    assert shop.device().state == "ACTIVE"
    shop.wait(days=1)
    assert (shop.get(AnnualFee, KEY).state, shop.device().state) == ("OVERDUE", "SUSPENDED")
    assert shop.terminal.sale(1000).code == "C1"


def test_an_overdue_fee_that_is_paid_lets_the_device_go_on(shop):
    shop.wait(days=395)
    paid = pay_annual_fee(shop.office, OWNER, KEY, shop.now)
    assert (paid.state, paid.paid_by, shop.device().state) == ("PAID", "transfer", "ACTIVE")
    assert shop.terminal.sale(1000).code == "00"
    assert shop.balance("service-income/156") == 6000
    with pytest.raises(NotNowError, match="PAID does not take pay"):
        pay_annual_fee(shop.office, OWNER, KEY, shop.now)


def test_next_years_fee_is_due_a_year_after_this_ones_day(shop):
    first = shop.get(AnnualFee, KEY)
    pay_annual_fee(shop.office, OWNER, KEY, shop.now)
    second = shop.get(AnnualFee, "F00000002")
    assert (first.pay_by[:10], second.pay_by[:10]) == ("2027-06-01", "2028-05-31")
    shop.wait(days=699)
    assert shop.get(AnnualFee, second.key).state == "DUE"
    shop.wait(days=1)
    assert shop.get(AnnualFee, second.key).state == "REMINDED"


def test_a_fee_paid_out_of_earnings_is_cleared_like_a_payment(shop):
    pay_annual_fee(shop.office, OWNER, KEY, shop.now, by=PaidBy.EARNINGS)
    (clearing,) = shop.office.host.close_clearing(shop.now.replace(hour=23, minute=30))
    assert clearing.merchant_id == MID
    assert (clearing.gross_minor, clearing.fee_minor) == (10_000 - 6_000, 50)
    assert shop.balance("service-income/156") == 6000


def test_only_an_operator_waives_a_fee(shop):
    shop.wait(days=395)
    with pytest.raises(NotAllowedError):
        waive_annual_fee(shop.office, OWNER, KEY, shop.now)
    assert waive_annual_fee(shop.office, OPERATOR, KEY, shop.now).state == "WAIVED"
    assert shop.device().state == "ACTIVE"
    assert shop.get(AnnualFee, "F00000002").state == "DUE"


def test_another_merchants_fee_is_not_there(shop):
    with pytest.raises(NotFoundError):
        pay_annual_fee(shop.office, STRANGER, KEY, shop.now)


def test_terms_without_a_fee_ask_none():
    shop = open_shop(terms=OfficeTerms(annual_fee_minor=0))
    shop.activate()
    assert shop.all(AnnualFee) == []
