"""A device's whole life, from stock to the first swipe and on."""

from __future__ import annotations

import pytest

from posterm.merchant.activation import first_swipe_of
from posterm.merchant.annual_fee import AnnualFee
from posterm.merchant.deposit import Deposit, hold_deposit
from posterm.merchant.inspection import Inspection
from tests.merchant.hand_device import MERCHANT, MID, OWNER, SERIAL, open_shop


@pytest.fixture
def shop():
    opened = open_shop()
    yield opened
    assert opened.office.ledger.prove().faults == ()


def test_a_device_goes_from_stock_to_its_first_swipe(shop):
    assert shop.stock().state == "STOCK"
    shop = open_shop()
    assert shop.bind().state == "BOUND"
    assert shop.name().state == "REAL_NAMED"


def test_the_first_swipe_activates_device_and_merchant(shop):
    terminal = shop.ready()
    assert shop.device().state == "READY"
    assert terminal.sale(9_999).code == "00"
    assert shop.look().state == "READY"
    assert terminal.sale(10_000).code == "00"
    assert shop.look().state == "ACTIVE"
    assert shop.merchant.state == "LIVE"
    swipe = first_swipe_of(shop.office, OWNER, SERIAL)
    assert (swipe.amount_minor, swipe.as_planned) == (10_000, True)
    assert [fee.state for fee in shop.all(AnnualFee)] == ["DUE"]
    assert [inspection.state for inspection in shop.all(Inspection)] == ["DUE"]


def test_the_deposit_is_returned_by_itself_when_enough_was_taken(shop):
    hold_deposit(shop.office, shop.merchant, 9900, shop.now)
    terminal = shop.activate()
    assert shop.balance(f"merchant/{MID}/deposit") == 9900
    terminal.sale(490_000)
    shop.wait(days=1)
    assert shop.get(Deposit, MERCHANT).state == "REFUNDED"
    assert shop.balance(f"merchant/{MID}/deposit") == 0
