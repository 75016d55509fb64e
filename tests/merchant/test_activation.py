"""Activation: which sale is a first swipe, its fee beside the plan's, and the deposit that comes back or does not."""

from __future__ import annotations

import pytest

from posterm.merchant.activation import first_swipe_of
from posterm.merchant.cases import Case
from posterm.merchant.commissioning import look_at_device
from posterm.merchant.deposit import Deposit, hold_deposit
from posterm.merchant.errors import NotFoundError
from posterm.merchant.takings import taken_by
from tests.merchant.hand_device import MERCHANT, MID, OWNER, SERIAL, STRANGER, open_shop, refused

DEPOSIT = f"merchant/{MID}/deposit"


@pytest.fixture
def shop():
    opened = open_shop()
    yield opened
    assert opened.office.ledger.prove().faults == ()


@pytest.mark.parametrize(
    ("amount", "state"), [(9_999, "READY"), (10_000, "ACTIVE"), (50_000, "ACTIVE"), (50_001, "READY")]
)
def test_a_sale_of_100_to_500_activates(shop, amount, state):
    terminal = shop.ready()
    assert terminal.sale(amount).code == "00"
    assert shop.look().state == state
    assert shop.merchant.state == ("LIVE" if state == "ACTIVE" else "CONTRACTED")


def test_what_was_voided_reversed_or_refused_activates_nothing(shop):
    terminal = shop.ready()
    terminal.void(terminal.sale(20_000))
    terminal.reverse(terminal.sale(20_000))
    assert terminal.sale(20_000, pin="000000").code == "55"
    assert shop.look().state == "READY"


def test_it_is_noticed_by_itself_within_a_day_even_when_the_batch_was_settled(shop):
    terminal = shop.ready()
    terminal.sale(20_000)
    shop.settle()
    terminal.sale(30_000)
    shop.wait(days=1)
    assert (shop.device().state, shop.device().first_swipe_minor) == ("ACTIVE", 20_000)


def test_the_fee_of_the_first_swipe_is_shown_beside_the_plans(shop):
    shop.activate()
    swipe = first_swipe_of(shop.office, OWNER, SERIAL)
    assert (swipe.fee_minor, swipe.planned_fee_minor, swipe.as_planned) == (50, 50, True)
    assert shop.all(Case) == []
    with pytest.raises(NotFoundError):
        first_swipe_of(shop.office, STRANGER, SERIAL)


def test_another_fee_than_the_plans_opens_a_case(shop):
    terminal = shop.ready()
    terminal.sale(10_000)
    (record,) = shop.office.store.transactions_in_batch(terminal.terminal_id, "000001")
    shop.office.store.put_transaction(record._replace(fee_now_minor=60))
    shop.look()
    (case,) = shop.all(Case)
    assert (case.topic, case.about) == ("fee", record.ref)
    assert not first_swipe_of(shop.office, OWNER, SERIAL).as_planned


def test_a_device_without_a_first_swipe_shows_none(shop):
    shop.ready()
    with refused("device-unused serial"):
        first_swipe_of(shop.office, OWNER, SERIAL)


def test_another_merchant_may_not_look(shop):
    shop.ready()
    with pytest.raises(NotFoundError):
        look_at_device(shop.office, STRANGER, SERIAL, shop.now)


def test_the_deposit_comes_back_when_the_target_is_met_over_several_batches(shop):
    hold_deposit(shop.office, shop.merchant, 9900, shop.now)
    terminal = shop.activate()
    for _ in range(3):
        assert terminal.sale(163_000).code == "00"
        shop.settle()
        shop.wait(days=1)
    assert taken_by(shop.office, shop.device()) == 499_000
    assert shop.get(Deposit, MERCHANT).state == "HELD"
    terminal.sale(1_000)
    shop.wait(days=1)
    deposit = shop.get(Deposit, MERCHANT)
    assert (deposit.state, deposit.taken_minor, shop.balance(DEPOSIT)) == ("REFUNDED", 500_000, 0)


def test_refunds_do_not_count_towards_the_target(shop):
    hold_deposit(shop.office, shop.merchant, 9900, shop.now)
    terminal = shop.activate()
    terminal.refund(terminal.sale(490_000), 1)
    shop.wait(days=1)
    assert shop.get(Deposit, MERCHANT).state == "HELD"


def test_a_deposit_whose_target_is_missed_is_kept_as_income(shop):
    hold_deposit(shop.office, shop.merchant, 9900, shop.now)
    shop.activate()
    shop.wait(days=89)
    assert shop.get(Deposit, MERCHANT).state == "HELD"
    shop.wait(days=1)
    assert shop.get(Deposit, MERCHANT).state == "FORFEITED"
    assert (shop.balance(DEPOSIT), shop.balance("service-income/156")) == (0, 9900)


def test_a_deposit_is_held_once(shop):
    hold_deposit(shop.office, shop.merchant, 9900, shop.now)
    hold_deposit(shop.office, shop.merchant, 9900, shop.now)
    assert shop.balance(DEPOSIT) == 9900
