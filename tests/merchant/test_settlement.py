"""Settlement: the daily round, what the bank refuses and how it is tried again, and another account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from posterm.host.channels import MerchantChannel
from posterm.host.chart import bank, merchant_payable
from posterm.host.errors import AdvanceRefusedError
from posterm.host.records import TransferKind, TransferRecord
from posterm.merchant import NotAllowedError, NotFoundError, NotNowError, RefusedError
from posterm.merchant.account_change import account_changes_of, judge_account, propose_account
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import advance
from posterm.merchant.capabilities import capabilities_of
from posterm.merchant.form import AccountType
from posterm.merchant.merchant import Merchant
from posterm.merchant.news import News
from posterm.merchant.personal import AccountNumber, PersonName
from posterm.merchant.settlement import (
    SettlementRound,
    begin_settlement,
    payouts_of,
    retry_payout,
    settle,
    take_advance,
)
from posterm.merchant.sub_channel import SubChannel, confirm_real_name
from tests.merchant.hand_applicant import contracted
from tests.merchant.hand_merchant import OPERATOR, REVIEWER, bank_account, open_trading
from tests.merchant.hand_office import NOW

OTHER = Actor(Role.MERCHANT, "A00000009")
PAID = 9950
"""100.00 by debit card, less 0.50 %."""


def after_two_rounds(office, *, part: str = "0001"):
    shop = open_trading(office, account=bank_account(part))
    begin_settlement(office, NOW)
    shop.sell(10_000)
    advance(office, NOW + timedelta(days=2))
    return shop


def states(shop) -> list[tuple[str, int, str]]:
    return [(each.state, each.attempt, each.reason) for each in payouts_of(shop.office, shop.actor, shop.key)]


def test_what_was_sold_is_in_the_bank_on_the_next_working_day(office):
    shop = after_two_rounds(office)
    (payout,) = payouts_of(office, shop.actor, shop.key)
    assert (payout.state, payout.amount_minor, payout.changed_at) == ("succeeded", PAID, "2026-06-02T09:30:00")
    assert shop.balance(merchant_payable(shop.merchant.merchant_id)) == 0
    assert office.ledger.prove().holds
    topics = [news.topic for news in office.cabinet.find(News, subject=shop.merchant.subject)]
    assert topics[-3:] == ["payout.create", "payout.send", "payout.succeed"]


def test_the_round_is_made_every_day_and_begun_once(office):
    first = begin_settlement(office, NOW)
    assert begin_settlement(office, NOW + timedelta(days=9)) == first
    advance(office, NOW + timedelta(days=3))
    daily = office.cabinet.need(SettlementRound, "office")
    assert (daily.last_at, daily.due) == ("2026-06-04T09:00:00", "2026-06-05T09:00:00")


@pytest.mark.parametrize(
    ("part", "reason"),
    [("9981", "bank-refused-name"), ("9982", "bank-refused-account"), ("9983", "bank-refused-frozen")],
)
def test_a_refused_payout_comes_back_and_goes_to_another_account(office, part, reason):
    shop = after_two_rounds(office, part=part)
    assert states(shop) == [("returned", 1, reason)]
    assert shop.balance(merchant_payable(shop.merchant.merchant_id)) == PAID
    now = NOW + timedelta(days=2)
    proposed = propose_account(office, shop.actor, shop.key, bank_account("0002"), now)
    advance(office, now + timedelta(hours=1))
    judge_account(office, REVIEWER, proposed.key, now, accept=True)
    advance(office, now + timedelta(days=1))
    assert states(shop) == [("succeeded", 2, "")]
    assert shop.balance(merchant_payable(shop.merchant.merchant_id)) == 0


def test_a_payout_refused_once_is_taken_when_it_is_tried_again(office):
    shop = after_two_rounds(office, part="9984")
    payout = payouts_of(office, shop.actor, shop.key)[0]
    assert (payout.state, payout.reason) == ("returned", "bank-refused-account")
    before = shop.balance(bank("156"))
    now = NOW + timedelta(days=2)
    assert retry_payout(office, shop.actor, payout.key, now).state == "created"
    settle(office, OPERATOR, now)
    advance(office, now + timedelta(hours=1))
    assert states(shop) == [("succeeded", 2, "")]
    assert shop.balance(bank("156")) == before - PAID
    with pytest.raises(NotNowError):
        retry_payout(office, shop.actor, payout.key, now)


def test_what_refunds_have_eaten_up_is_not_tried_again_by_itself(office):
    shop = after_two_rounds(office, part="9983")
    now = NOW + timedelta(days=2)
    (payout,) = payouts_of(office, shop.actor, shop.key)
    payable = merchant_payable(shop.merchant.merchant_id)
    office.ledger.apply(
        [TransferRecord("x", TransferKind.POSTED.value, payable, bank("156"), 1, "156", now.isoformat())]
    )
    with pytest.raises(NotNowError, match="less is payable"):
        retry_payout(office, shop.actor, payout.key, now)
    proposed = propose_account(office, shop.actor, shop.key, bank_account("0002"), now)
    advance(office, now + timedelta(hours=1))
    judge_account(office, REVIEWER, proposed.key, now, accept=True)
    assert states(shop) == [("returned", 1, "bank-refused-frozen")]


def test_a_merchant_is_not_paid_at_once_unless_its_plan_says_so(office):
    shop = open_trading(office)
    shop.sell(10_000)
    with pytest.raises(AdvanceRefusedError):
        take_advance(office, shop.actor, shop.key, "w1", 0, NOW)


def test_payouts_are_the_merchants_own(office):
    shop = after_two_rounds(office, part="9981")
    (payout,) = payouts_of(office, shop.actor, shop.key)
    with pytest.raises(NotFoundError):
        payouts_of(office, OTHER, shop.key)
    with pytest.raises(NotFoundError):
        retry_payout(office, OTHER, payout.key, NOW)
    with pytest.raises(NotAllowedError):
        settle(office, shop.actor, NOW)
    assert payout.account.reveal() not in payout.model_dump_json()


def codes(office, shop, account) -> list[tuple[str, str]]:
    with pytest.raises(RefusedError) as refused:
        propose_account(office, shop.actor, shop.key, account, NOW)
    return [(problem.code, problem.path) for problem in refused.value.problems]


def test_every_problem_of_an_account_is_named_at_once(office):
    shop = open_trading(office)
    wrong = bank_account().model_copy(
        update={"number": AccountNumber("6217"), "bank_code": "12", "holder": PersonName("李四")}
    )
    assert codes(office, shop, wrong) == [
        ("account-number-malformed", "account.number"),
        ("bank-code-malformed", "account.bank_code"),
        ("account-holder-differs", "account.holder"),
    ]
    assert codes(office, shop, bank_account()) == [("account-unchanged", "account.number")]
    corporate = bank_account("0002").model_copy(update={"account_type": AccountType.CORPORATE})
    assert codes(office, shop, corporate) == [("account-holder-differs", "account.holder")]


def test_one_change_of_account_at_a_time(office):
    shop = open_trading(office)
    change = propose_account(office, shop.actor, shop.key, bank_account("0002"), NOW)
    assert codes(office, shop, bank_account("0003")) == [("change-under-review", "")]
    advance(office, NOW + timedelta(hours=1))
    judge_account(office, REVIEWER, change.key, NOW, accept=False, reason="资料不全")
    assert office.cabinet.need(Merchant, shop.key).bank_account == bank_account()
    assert [each.state for each in account_changes_of(office, shop.actor, shop.key)] == ["REFUSED"]
    assert propose_account(office, shop.actor, shop.key, bank_account("0003"), NOW).key != change.key


def test_an_account_that_its_bank_does_not_confirm_is_refused(office):
    shop = open_trading(office)
    change = propose_account(office, shop.actor, shop.key, bank_account("9991"), NOW)
    advance(office, NOW + timedelta(hours=1))
    (refused,) = account_changes_of(office, shop.actor, shop.key)
    assert (refused.key, refused.state) == (change.key, "REFUSED")
    assert [problem.code for problem in refused.problems] == ["account-check-failed"]
    with pytest.raises(NotAllowedError):
        judge_account(office, shop.actor, change.key, NOW, accept=True)
    with pytest.raises(NotNowError):
        judge_account(office, REVIEWER, change.key, NOW, accept=True)


def test_a_contract_in_force_opens_what_the_merchants_money_needs(office):
    actor, merchant, _, now = contracted(office)
    channels = {each.channel: each.state for each in capabilities_of(office, actor, merchant.key)}
    assert (channels["debit"], channels["wechat"]) == ("allowed", "requested")
    assert office.cabinet.get(SettlementRound, "office") is not None
    advance(office, now + timedelta(days=14))
    for _ in range(2):
        confirm_real_name(office, actor, merchant.key, SubChannel.WECHAT, now)
    channels = {each.channel: each.state for each in capabilities_of(office, actor, merchant.key)}
    assert (channels[MerchantChannel.WECHAT], channels[MerchantChannel.ALIPAY]) == ("allowed", "requested")
    assert office.store.merchant(merchant.merchant_id).closed_channels[0] == "alipay"
