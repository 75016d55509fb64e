"""A raise of limits: after three months in good order, over all merchants of one owner, granted or refused."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from posterm.merchant import NotAllowedError, NotFoundError, NotNowError, RefusedError
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import advance
from posterm.merchant.capabilities import stop_capability
from posterm.merchant.disputes import DisputeReason, request_retrieval
from posterm.merchant.limit_raise import ask_limit_raise, judge_limit_raise, limit_raises_of
from posterm.merchant.merchant import Merchant
from tests.merchant.hand_merchant import OPERATOR, OTHER_PAN, REVIEWER, open_trading
from tests.merchant.hand_office import NOW

ASKED = datetime(2026, 9, 2, 10, 0)  # noqa: DTZ001 - the office's local time


def trade(shop, *, amount: int = 100_000) -> list[str]:
    """Three days of credit sales in each of three months."""
    return [
        shop.sell(amount, at=datetime(2026, month, day, 12), pan=OTHER_PAN)  # noqa: DTZ001
        for month in (6, 7, 8)
        for day in (3, 4, 5)
    ]


def codes(office, shop, now=ASKED) -> list[str]:
    with pytest.raises(RefusedError) as refused:
        ask_limit_raise(office, shop.actor, shop.key, now)
    return [problem.code for problem in refused.value.problems]


@pytest.fixture
def shop(office):
    return open_trading(office, plan="micro", now=NOW - timedelta(days=40))


def test_ten_thousand_a_month_over_all_merchants_of_one_owner(office, shop):
    second = open_trading(office, number=2, plan="micro")
    for day in range(1, 6):
        shop.sell(100_000, at=datetime(2026, 6, day, 12), pan=OTHER_PAN)  # noqa: DTZ001
    for day in range(6, 11):
        second.sell(100_000, at=datetime(2026, 6, day, 12), pan=OTHER_PAN)  # noqa: DTZ001
    shop.sell(100, at=datetime(2026, 6, 12, 12), pan=OTHER_PAN, code="C5")  # noqa: DTZ001
    shop.sell(100, at=datetime(2026, 7, 1, 12), pan=OTHER_PAN)  # noqa: DTZ001


def test_a_raise_granted_holds_at_once(office, shop):
    trade(shop)
    asked = ask_limit_raise(office, shop.actor, shop.key, ASKED)
    assert asked.average_minor == 300_000
    shop.sell(200_000, at=ASKED, pan=OTHER_PAN, code="C3")
    with pytest.raises(NotNowError):
        judge_limit_raise(office, REVIEWER, asked.key, ASKED, grant=True)
    advance(office, ASKED + timedelta(hours=1))
    assert judge_limit_raise(office, REVIEWER, asked.key, ASKED, grant=True).state == "GRANTED"
    shop.sell(200_000, at=ASKED, pan=OTHER_PAN)
    assert office.cabinet.need(Merchant, shop.key).plan == "micro-raised"
    assert codes(office, shop) == ["plan-not-raised", "asked-too-soon"]


def test_a_raise_refused_may_be_asked_for_again_later(office, shop):
    trade(shop)
    asked = ask_limit_raise(office, shop.actor, shop.key, ASKED)
    assert judge_limit_raise(office, REVIEWER, asked.key, ASKED, grant=False, reason="现场不符").reason == "现场不符"
    assert codes(office, shop) == ["asked-too-soon"]
    later = ASKED + timedelta(days=28)
    assert codes(office, shop, later) == ["asked-too-soon"]
    for day in (10, 11, 12):
        shop.sell(100_000, at=datetime(2026, 9, day, 12), pan=OTHER_PAN)  # noqa: DTZ001
    later = ASKED + timedelta(days=30)
    assert ask_limit_raise(office, shop.actor, shop.key, later).key != asked.key


def test_a_closed_merchant_stays_closed_when_its_limits_are_raised(office, shop):
    trade(shop)
    asked = ask_limit_raise(office, shop.actor, shop.key, ASKED)
    office.host.set_merchant_open(shop.merchant.merchant_id, False)
    advance(office, ASKED + timedelta(hours=1))
    judge_limit_raise(office, REVIEWER, asked.key, ASKED, grant=True)
    assert not office.store.merchant(shop.merchant.merchant_id).open


def test_every_problem_is_named_at_once(office):
    shop = open_trading(office, plan="standard")
    sale = shop.sell(1000, at=datetime(2026, 8, 3, 12))  # noqa: DTZ001
    request_retrieval(office, OPERATOR, sale, DisputeReason.FRAUD, 1000, ASKED)
    stop_capability(office, OPERATOR, shop.key, "credit", "risk", ASKED)
    late = shop.merchant.model_copy(update={"contracted_at": "2026-08-01T00:00:00"})
    office.cabinet.put(late)
    assert codes(office, shop) == [
        "plan-not-raised",
        "too-early",
        "turnover-too-low",
        "open-dispute",
        "channel-stopped",
    ]


def test_nobody_raises_limits_but_a_reviewer(office, shop):
    trade(shop)
    asked = ask_limit_raise(office, shop.actor, shop.key, ASKED)
    assert limit_raises_of(office, shop.actor, shop.key) == [asked]
    for actor in (shop.actor, OPERATOR):
        with pytest.raises(NotAllowedError):
            judge_limit_raise(office, actor, asked.key, ASKED, grant=True)
    with pytest.raises(NotFoundError):
        ask_limit_raise(office, Actor(Role.MERCHANT, "A00000009"), shop.key, ASKED)
    with pytest.raises(NotFoundError):
        judge_limit_raise(office, REVIEWER, "L99999999", ASKED, grant=True)
