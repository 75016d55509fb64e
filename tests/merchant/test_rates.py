"""Rates: what a payment cost and should have, and a difference made good once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from posterm.merchant import NotAllowedError, NotFoundError, RefusedError
from posterm.merchant.actor import Actor, Role
from posterm.merchant.cases import CaseTopic, open_case, reopen_case, take_case
from posterm.merchant.rates import complain_of_rate, correct_fee, enquire_rate
from tests.merchant.hand_merchant import OPERATOR, OTHER_PAN, open_trading
from tests.merchant.hand_office import NOW


@pytest.fixture
def shop(office):
    return open_trading(office)


@pytest.fixture
def dear(office, shop) -> str:
    """A payment of a merchant whose contract is cheaper than what the host charges by."""
    standard = office.host_terms.plans["standard"]
    cheap = standard.model_copy(
        update={"name": "cheap", "fees": tuple(row.model_copy(update={"rate": 3000}) for row in standard.fees)}
    )
    office.host_terms.plans["cheap"] = cheap
    office.cabinet.put(shop.merchant.model_copy(update={"plan": "cheap"}))
    yield shop.sell(100_000, pan=OTHER_PAN)
    del office.host_terms.plans["cheap"]


def codes(call, *arguments) -> list[str]:
    with pytest.raises(RefusedError) as refused:
        call(*arguments)
    return [problem.code for problem in refused.value.problems]


def test_a_payment_costs_what_the_plan_says(office, shop):
    answer = enquire_rate(office, shop.actor, shop.key, shop.sell(100_000, pan=OTHER_PAN))
    assert (answer.card_class, answer.rate_percent, answer.charged_minor, answer.due_minor) == (
        "credit",
        "0.6",
        600,
        600,
    )
    assert answer.difference_minor == 0
    assert codes(complain_of_rate, office, shop.actor, shop.key, answer.transaction, NOW) == ["fee-is-right"]


def test_a_refund_does_not_make_a_fee_wrong(office, shop):
    sale = shop.terminal.sale(100_000)
    shop.terminal.refund(sale, 40_000)
    assert enquire_rate(office, shop.actor, shop.key, shop.ref(sale)).difference_minor == 0


def test_a_difference_opens_a_case_and_is_made_good_once(office, shop, dear):
    pending = f"merchant/{shop.merchant.merchant_id}/pending"
    before = shop.balance(pending)
    case = complain_of_rate(office, shop.actor, shop.key, dear, NOW)
    take_case(office, OPERATOR, case.key, NOW)
    assert correct_fee(office, OPERATOR, case.key, NOW).state == "SOLVED"
    assert shop.balance(pending) == before + 300
    assert enquire_rate(office, shop.actor, shop.key, dear).corrected_minor == -300
    reopen_case(office, shop.actor, case.key, "still wrong", NOW)
    assert codes(correct_fee, office, OPERATOR, case.key, NOW) == ["fee-is-right"]
    office.host.close_clearing(NOW + timedelta(days=1))
    assert office.store.clearing("2026-06-01", shop.merchant.merchant_id).fee_minor == 300
    assert office.host.reconcile("2026-06-01").differences == ()


def test_what_is_no_payment_has_no_rate(office, shop):
    sale = shop.terminal.sale(1000)
    void = shop.terminal.void(sale)
    for answer in (sale, void):
        assert codes(enquire_rate, office, shop.actor, shop.key, shop.ref(answer)) == ["no-payment"]


def test_who_asks_for_what_is_anothers_finds_nothing(office, shop, dear):
    with pytest.raises(NotFoundError):
        enquire_rate(office, Actor(Role.MERCHANT, "A00000009"), shop.key, dear)
    with pytest.raises(NotFoundError, match="no such transaction"):
        enquire_rate(office, shop.actor, shop.key, "2/1/2/3/4")
    other = open_case(office, shop.actor, shop.actor.subject, CaseTopic.OTHER, "hello", NOW)
    with pytest.raises(NotFoundError, match="about no payment"):
        correct_fee(office, OPERATOR, other.key, NOW)
    with pytest.raises(NotAllowedError):
        correct_fee(office, shop.actor, other.key, NOW)
