"""Marketing: discounts before authorization, who pays for them in the ledger, and what is given back."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from posterm.host.chart import AccountKind, acquirer_account
from posterm.merchant import NotAllowedError, NotFoundError, NotNowError, RefusedError
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import advance
from posterm.merchant.campaigns import (
    CampaignTerms,
    CampaignType,
    Coupon,
    Funder,
    create_campaign,
    end_campaign,
    issue_coupons,
    running_campaigns,
)
from posterm.merchant.offers import (
    MOST_COUPONS,
    drop_offer,
    give_back_offer,
    need_offer,
    price_sale,
    receipt_lines,
    take_offer,
)
from posterm.merchant.personal import Mobile
from posterm.merchant.points import points_of
from posterm.merchant.problem import Language
from tests.merchant.hand_merchant import OPERATOR, REVIEWER, open_trading
from tests.merchant.hand_office import NOW

BEGINS, ENDS = date(2026, 6, 1), date(2026, 6, 30)
MEMBER = Mobile("13800138000")
MARKETING, POINTS = (acquirer_account(kind, "156") for kind in (AccountKind.MARKETING, AccountKind.POINTS))


@pytest.fixture
def shop(office):
    return open_trading(office)


def terms(kind=CampaignType.COUPON, **given) -> CampaignTerms:
    fields = {"type": kind, "name": "六月优惠", "begins": BEGINS, "ends": ENDS}
    if kind is CampaignType.POINTS:
        fields |= {"points_per_yuan": 1, "point_minor": 5}
    else:
        fields |= {"threshold_minor": 10_000, "discount_minor": 1_000}
    return CampaignTerms(**fields | given)


def campaign(shop, kind=CampaignType.COUPON, funded_by=Funder.ACQUIRER, **given):
    return create_campaign(shop.office, OPERATOR, shop.key, terms(kind, funded_by=funded_by, **given), NOW)


def coupon(shop, **given) -> str:
    return issue_coupons(shop.office, OPERATOR, campaign(shop, **given).key, 1, NOW)[0].key


def price(shop, amount=10_000, now=NOW, **given):
    return price_sale(shop.office, shop.actor, shop.key, amount, now, **given)


def pay(shop, offer, **given):
    answer = shop.terminal.sale(offer.payable_minor, **given)
    assert answer.code == "00"
    return answer, take_offer(shop.office, shop.actor, offer.key, shop.ref(answer), NOW)


def balance(shop, account: str) -> int:
    found = shop.office.store.account(account)
    return found.balance if found is not None else 0


def pending(shop) -> int:
    return shop.balance(f"merchant/{shop.merchant.merchant_id}/pending")


def codes(call, *arguments, **given) -> list[str]:
    with pytest.raises(RefusedError) as refused:
        call(*arguments, **given)
    return [problem.code for problem in refused.value.problems]


@pytest.mark.parametrize(("funder", "more"), [(Funder.ACQUIRER, 1_000), (Funder.MERCHANT, 0)])
def test_a_coupon_lowers_what_the_card_pays_and_its_funder_bears_it(office, shop, funder, more):
    code = coupon(shop, funded_by=funder)
    offer = price(shop, coupons=(code,))
    assert offer.payable_minor == 9_000
    pay(shop, offer)
    assert office.cabinet.need(Coupon, code).state == "REDEEMED"
    assert (pending(shop), balance(shop, MARKETING)) == (9_000 - 45 + more, more)
    office.host.close_clearing(NOW + timedelta(days=1))
    assert office.store.clearing("2026-06-01", shop.merchant.merchant_id).gross_minor == 9_000 + more
    assert office.host.reconcile("2026-06-01").differences == ()
    assert office.ledger.prove().holds


def test_the_best_discount_from_a_threshold_is_taken_by_itself(shop):
    campaign(shop, CampaignType.THRESHOLD)
    campaign(shop, CampaignType.THRESHOLD, threshold_minor=20_000, discount_minor=3_000)
    assert price(shop, 9_999).payable_minor == 9_999
    assert price(shop, 10_000).payable_minor == 9_000
    assert price(shop, 20_000).payable_minor == 17_000


@pytest.mark.parametrize("funder", Funder)
def test_points_are_earned_spent_and_owed_by_their_funder(shop, funder):
    campaign(shop, CampaignType.POINTS, funded_by=funder)
    pay(shop, price(shop, member=MEMBER))
    owner = shop.merchant.subject
    assert points_of(shop.office, owner, shop.key, MEMBER).balance == 100
    owed = 500 if funder is Funder.ACQUIRER else 0
    assert (balance(shop, POINTS), balance(shop, MARKETING)) == (owed, owed)
    offer = price(shop, 1_000, member=MEMBER, points=100)
    assert (offer.payable_minor, points_of(shop.office, owner, shop.key, MEMBER).balance) == (500, 0)
    before = pending(shop)
    pay(shop, offer)
    assert pending(shop) - before == 500 - 3 + owed
    assert balance(shop, POINTS) == (25 if owed else 0)
    assert points_of(shop.office, owner, shop.key, MEMBER).balance == 5
    assert shop.office.ledger.prove().holds


def test_an_offer_holds_its_coupon_and_points_until_it_lapses(office, shop):
    campaign(shop, CampaignType.POINTS)
    pay(shop, price(shop, member=MEMBER))
    code = coupon(shop)
    offer = price(shop, coupons=(code,), member=MEMBER, points=60)
    assert codes(price, shop, coupons=(code,), member=MEMBER, points=60) == ["coupon-used", "points-short"]
    advance(office, NOW + timedelta(minutes=office.terms.offer_minutes))
    assert need_offer(office, shop.actor, offer.key).state == "LAPSED"
    again = price(shop, coupons=(code,), member=MEMBER, points=60)
    drop_offer(office, shop.actor, again.key, NOW)
    assert office.cabinet.need(Coupon, code).state == "ISSUED"
    with pytest.raises(NotNowError):
        drop_offer(office, shop.actor, again.key, NOW)


@pytest.mark.parametrize("undo", ["void", "refund"])
@pytest.mark.parametrize("by_itself", [True, False])
def test_what_does_not_stand_is_given_back_wholly(office, shop, undo, by_itself):
    campaign(shop, CampaignType.POINTS)
    pay(shop, price(shop, member=MEMBER))
    before = (balance(shop, MARKETING), balance(shop, POINTS))
    code = coupon(shop)
    answer, offer = pay(shop, price(shop, coupons=(code,), member=MEMBER, points=50))
    if undo == "void":
        assert shop.terminal.void(answer).code == "00"
    else:
        assert shop.terminal.refund(answer, offer.payable_minor).code == "00"
    if by_itself:
        advance(office, NOW + timedelta(days=1))
    else:
        give_back_offer(office, shop.actor, offer.key, NOW)
    assert need_offer(office, shop.actor, offer.key).state == "GIVEN_BACK"
    assert office.cabinet.need(Coupon, code).state == "ISSUED"
    assert points_of(office, offer.subject, shop.key, MEMBER).balance == 100
    assert (balance(shop, MARKETING), balance(shop, POINTS)) == before
    assert office.ledger.prove().holds


def test_a_payment_that_stands_keeps_its_offer(office, shop):
    _, offer = pay(shop, price(shop, coupons=(coupon(shop),)))
    with pytest.raises(NotNowError, match="its payment stands"):
        give_back_offer(office, shop.actor, offer.key, NOW)
    advance(office, NOW + timedelta(days=2))
    assert need_offer(office, shop.actor, offer.key).state == "TAKEN"


def test_an_offer_is_settled_by_its_own_payment_only_and_once(office, shop):
    early = shop.terminal.sale(9_000)
    offer, other = price(shop, coupons=(coupon(shop),), now=NOW), price(shop, 9_000, now=NOW)
    dear = shop.terminal.sale(10_000)
    right = shop.terminal.sale(9_000)
    take = lambda key, answer: take_offer(office, shop.actor, key, shop.ref(answer), NOW)  # noqa: E731
    assert codes(take, offer.key, dear) == ["offer-not-met"]
    take(offer.key, right)
    assert codes(take, other.key, right) == ["offer-not-met"]
    with pytest.raises(NotNowError):
        take(offer.key, early)


def test_a_receipt_shows_price_discounts_and_what_was_paid(shop):
    campaign(shop, CampaignType.POINTS)
    offer = price(shop, coupons=(coupon(shop),), member=MEMBER)
    assert receipt_lines(offer, Language.CHINESE) == [
        ("原价", "100.00"),
        ("六月优惠", "-10.00"),
        ("实付", "90.00"),
        ("本次积分", "90"),
    ]
    assert receipt_lines(offer, Language.ENGLISH)[-1] == ("POINTS EARNED", "90")


def test_coupons_that_cannot_be_used_are_named(shop):
    code = coupon(shop)
    assert codes(price, shop, coupons=("0", code, code)) == ["coupon-unknown", "coupon-used"]
    assert codes(price, shop, 9_999, coupons=(code,)) == ["coupon-not-yet"]
    assert codes(price, shop, coupons=(code,), now=NOW + timedelta(days=30)) == ["coupon-used"]
    many = issue_coupons(shop.office, OPERATOR, campaign(shop).key, MOST_COUPONS + 1, NOW)
    assert codes(price, shop, 100_000, coupons=tuple(each.key for each in many)) == ["coupon-not-yet"]


def test_nothing_is_given_away_for_nothing(shop):
    codes_ = [coupon(shop, threshold_minor=1_001) for _ in range(2)]
    assert codes(price, shop, 2_000, coupons=tuple(codes_)) == ["nothing-left-to-pay"]
    assert codes(price, shop, 0) == ["nothing-left-to-pay"]
    assert codes(price, shop, member=MEMBER, points=1) == ["points-short"]


def test_a_campaign_ends_on_its_last_day_and_its_coupons_with_it(office, shop):
    code = coupon(shop)
    advance(office, NOW + timedelta(days=40))
    assert office.cabinet.need(Coupon, code).state == "EXPIRED"
    assert running_campaigns(office, shop.merchant.subject, shop.key, NOW) == []


def test_a_coupon_in_use_when_its_campaign_ends_expires_when_it_is_released(office, shop):
    made = campaign(shop)
    code = issue_coupons(office, OPERATOR, made.key, 1, NOW)[0].key
    offer = price(shop, coupons=(code,))
    end_campaign(office, OPERATOR, made.key, NOW)
    assert office.cabinet.need(Coupon, code).state == "RESERVED"
    drop_offer(office, shop.actor, offer.key, NOW)
    assert office.cabinet.need(Coupon, code).state == "EXPIRED"
    with pytest.raises(NotNowError):
        end_campaign(office, OPERATOR, made.key, NOW)


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"ends": date(2026, 5, 31)}, ["campaign-period"]),
        ({"begins": date(2026, 7, 1)}, ["campaign-period"]),
        ({"ends": date(9999, 12, 31)}, ["campaign-period"]),
        ({"discount_minor": 0}, ["campaign-terms"]),
        ({"discount_minor": 10_000}, ["campaign-terms"]),
        ({"points_per_yuan": 1}, ["campaign-terms"]),
        ({"kind": CampaignType.POINTS, "point_minor": 0}, ["campaign-terms"]),
        ({"kind": CampaignType.POINTS, "discount_minor": 5}, ["campaign-terms"]),
        ({"funded_by": Funder.ACQUIRER}, ["not-by-merchant"]),
    ],
)
def test_terms_that_do_not_fit_are_refused(office, shop, given, problems):
    assert codes(create_campaign, office, shop.actor, shop.key, terms(**given), NOW) == problems


@pytest.mark.parametrize("count", [0, 1001])
def test_coupons_are_issued_in_reasonable_numbers(office, shop, count):
    assert codes(issue_coupons, office, OPERATOR, campaign(shop).key, count, NOW) == ["campaign-terms"]


def test_a_threshold_has_no_coupons(office, shop):
    made = campaign(shop, CampaignType.THRESHOLD)
    assert codes(issue_coupons, office, OPERATOR, made.key, 1, NOW) == ["campaign-terms"]


def test_campaigns_and_offers_are_their_merchants_own(office, shop):
    other = Actor(Role.MERCHANT, "A00000009")
    made, offer = campaign(shop), price(shop)
    with pytest.raises(NotFoundError):
        issue_coupons(office, other, made.key, 1, NOW)
    with pytest.raises(NotFoundError):
        drop_offer(office, other, offer.key, NOW)
    with pytest.raises(NotFoundError):
        price_sale(office, other, shop.key, 100, NOW)
    with pytest.raises(NotAllowedError):
        create_campaign(office, REVIEWER, shop.key, terms(), NOW)
