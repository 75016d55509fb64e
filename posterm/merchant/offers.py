"""Offers: what a sale costs after discounts, priced before it is authorized and settled after.

An offer takes up the coupons and points it uses, so that nobody else spends them, and lapses when no payment comes. The
terminal asks for the reduced amount only. What the acquirer pays of the discounts then reaches the merchant as an
adjustment that is cleared with the payment; what the merchant pays is simply not taken. When the payment does not
stand, all of it is given back.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from posterm.host import AccountKind
from posterm.host.adjustments import Adjustment, AdjustmentKind
from posterm.host.records import TransactionRecord
from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.campaigns import Campaign, CampaignType, Coupon, Funder, running_campaigns
from posterm.merchant.contract_text import yuan
from posterm.merchant.document import Document
from posterm.merchant.enrolled import enrolled_merchant, is_purchase, need_transaction
from posterm.merchant.errors import NotNowError, RefusedError
from posterm.merchant.machines import COUPON, OFFER
from posterm.merchant.marks import add_mark, holders
from posterm.merchant.merchant import Merchant
from posterm.merchant.money_problems import MONEY_PROBLEMS
from posterm.merchant.office import Office
from posterm.merchant.personal import Mobile
from posterm.merchant.points import change_points, open_accounts, owe_points, points_of
from posterm.merchant.problem import Language, Problem

MOST_COUPONS: Final = 10
_MINOR_PER_YUAN: Final = 100
_PAID_FOR: Final = "offer-payment"


class Discount(BaseModel):
    """One part of what is taken off. `of_points` counts the points it costs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    campaign: str
    name: str
    funded_by: Funder
    amount_minor: int
    coupon: str = ""
    of_points: int = 0


class Offer(Document):
    """A priced sale. `payable_minor` is what the card is charged, `transaction` the payment that was made for it."""

    kind: ClassVar[str] = "offer"

    merchant: str
    merchant_id: str
    at: str
    amount_minor: int
    payable_minor: int
    discounts: tuple[Discount, ...] = ()
    member: Mobile = Mobile("")
    points_campaign: str = ""
    points_earned: int = 0
    transaction: str = ""


def price_sale(
    office: Office,
    actor: Actor,
    key: str,
    amount_minor: int,
    now: datetime,
    *,
    coupons: tuple[str, ...] = (),
    member: Mobile = Mobile(""),  # noqa: B008 - frozen
    points: int = 0,
) -> Offer:
    """Say what a sale costs, and hold what it uses until it is paid.

    Args:
        key: the merchant's.
        coupons: codes, at most 10.
        member: whose points are spent and earned, empty for nobody's.
        points: how many are spent.
    Raises: NotFoundError. RefusedError: with every problem.
    """
    merchant = enrolled_merchant(office, actor, key)
    running = running_campaigns(office, merchant.subject, key, now)
    loyalty = next((each for each in running if each.terms.type is CampaignType.POINTS), None)
    found, problems = _coupons(office, running, merchant, amount_minor, coupons)
    discounts = [*_threshold(running, amount_minor), *found]
    if points:
        have = points_of(office, merchant.subject, key, member).balance if member else 0
        if loyalty is None or not 0 < points <= have:
            problems.append(MONEY_PROBLEMS["points-short"].at("points"))
        else:
            discounts.append(_discount(loyalty, points * loyalty.terms.point_minor, of_points=points))
    payable = amount_minor - sum(discount.amount_minor for discount in discounts)
    if payable <= 0:
        problems.append(MONEY_PROBLEMS["nothing-left-to-pay"].at("amount_minor"))
    if problems:
        raise RefusedError(problems)
    earned = payable // _MINOR_PER_YUAN * loyalty.terms.points_per_yuan if loyalty is not None and member else 0
    with office.all_or_nothing():
        offer = Offer(
            key=f"O{office.cabinet.next_number('offer'):010d}",
            subject=merchant.subject,
            state=OFFER.initial,
            due=(now + timedelta(minutes=office.terms.offer_minutes)).isoformat(),
            merchant=key,
            merchant_id=merchant.merchant_id,
            at=now.isoformat(),
            amount_minor=amount_minor,
            payable_minor=payable,
            discounts=tuple(discounts),
            member=member,
            points_campaign=loyalty.key if loyalty is not None else "",
            points_earned=earned,
        )
        office.cabinet.put(offer)
        _move_coupons(office, offer, "reserve", now, offer.key)
        _move_spent_points(office, offer, -1, "spend", now)
        office.tell(offer, "open", now, after=offer.state)
        return offer


def take_offer(office: Office, actor: Actor, key: str, transaction: str, now: datetime) -> Offer:
    """Settle an offer with the payment that was made for it.

    Args:
        key: the offer's.
        transaction: the payment's reference.
    Raises: NotFoundError; NotNowError: it has lapsed or was taken. RefusedError: the payment is another one.
    """
    offer = need_offer(office, actor, key)
    merchant = office.cabinet.need(Merchant, offer.merchant)
    record = need_transaction(office, actor, merchant, transaction)
    OFFER.after(offer.state, "take")
    fits = is_purchase(record) and not record.voided_by and record.posted_minor == offer.payable_minor
    if not fits or record.at < offer.at or holders(office, _PAID_FOR, transaction):
        raise RefusedError([MONEY_PROBLEMS["offer-not-met"].at("transaction")])
    with office.all_or_nothing():
        add_mark(office, _PAID_FOR, transaction, offer.key)
        taken = office.move(
            OFFER,
            offer,
            "take",
            now,
            transaction=transaction,
            due=(now + timedelta(days=office.terms.offer_watch_days)).isoformat(),
        )
        _move_coupons(office, taken, "redeem", now, offer.key)
        _settle(office, taken, record, +1, "discount", now)
        return taken


def drop_offer(office: Office, actor: Actor, key: str, now: datetime) -> Offer:
    """Give up an offer that nobody paid. Raises: NotFoundError, NotNowError."""
    offer = need_offer(office, actor, key)
    with office.all_or_nothing():
        return _lapse(office, offer, now)


def give_back_offer(office: Office, actor: Actor, key: str, now: datetime) -> Offer:
    """Undo an offer whose payment was voided, reversed or wholly refunded. A payment that stands keeps its offer.

    Raises: NotFoundError; NotNowError: its payment stands, or it was not taken.
    """
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    offer = need_offer(office, actor, key)
    OFFER.after(offer.state, "give-back")
    record = office.store.transaction(offer.transaction)
    if record is None or not _is_undone(record):
        raise NotNowError(f"offer {key}: its payment stands")
    with office.all_or_nothing():
        back = office.move(OFFER, offer, "give-back", now, due="")
        _move_coupons(office, back, "give-back", now, "")
        _move_spent_points(office, back, +1, "give-back", now)
        _settle(office, back, record, -1, "discount-back", now)
        return back


def need_offer(office: Office, actor: Actor, key: str) -> Offer:
    """An offer. Raises: NotFoundError: there is none, or it is another's."""
    found = office.cabinet.need(Offer, key)
    actor.must_own(found.subject, "offer")
    return found


def receipt_lines(offer: Offer, language: Language) -> list[tuple[str, str]]:
    """What a receipt says of an offer: names and values."""
    chinese = language is Language.CHINESE
    lines = [("原价" if chinese else "PRICE", yuan(offer.amount_minor))]
    lines += [(discount.name, f"-{yuan(discount.amount_minor)}") for discount in offer.discounts]
    lines.append(("实付" if chinese else "PAID", yuan(offer.payable_minor)))
    if offer.points_earned:
        lines.append(("本次积分" if chinese else "POINTS EARNED", str(offer.points_earned)))
    return lines


def _threshold(running: list[Campaign], amount: int) -> Iterable[Discount]:
    """The one discount from a threshold that takes off most."""
    fitting = [
        campaign
        for campaign in running
        if campaign.terms.type is CampaignType.THRESHOLD and amount >= campaign.terms.threshold_minor
    ]
    best = max(fitting, key=lambda campaign: campaign.terms.discount_minor, default=None)
    return () if best is None else (_discount(best, best.terms.discount_minor),)


def _coupons(
    office: Office, running: list[Campaign], merchant: Merchant, amount: int, codes: tuple[str, ...]
) -> tuple[list[Discount], list[Problem]]:
    campaigns = {campaign.key: campaign for campaign in running}
    discounts, problems = [], []
    for place, code in enumerate(codes[: MOST_COUPONS + 1]):
        coupon, path = office.cabinet.get(Coupon, code), f"coupons[{place}]"
        if coupon is None or coupon.merchant != merchant.key:
            problems.append(MONEY_PROBLEMS["coupon-unknown"].at(path))
        elif coupon.state != COUPON.initial or coupon.campaign not in campaigns or code in codes[:place]:
            problems.append(MONEY_PROBLEMS["coupon-used"].at(path))
        elif amount < campaigns[coupon.campaign].terms.threshold_minor or place >= MOST_COUPONS:
            problems.append(MONEY_PROBLEMS["coupon-not-yet"].at(path))
        else:
            campaign = campaigns[coupon.campaign]
            discounts.append(_discount(campaign, campaign.terms.discount_minor, coupon=code))
    return discounts, problems


def _discount(campaign: Campaign, amount: int, *, coupon: str = "", of_points: int = 0) -> Discount:
    terms = campaign.terms
    return Discount(
        campaign=campaign.key,
        name=terms.name,
        funded_by=terms.funded_by,
        amount_minor=amount,
        coupon=coupon,
        of_points=of_points,
    )


def _move_coupons(office: Office, offer: Offer, event: str, now: datetime, used_by: str) -> None:
    for discount in offer.discounts:
        if not discount.coupon:
            continue
        coupon = office.cabinet.need(Coupon, discount.coupon)
        moved = office.move(COUPON, coupon, event, now, offer=used_by)
        campaign = office.cabinet.need(Campaign, discount.campaign)
        if moved.state == COUPON.initial and (campaign.state != "RUNNING" or not moved.due):
            office.move(COUPON, moved, "expire", now, due="")


def _move_spent_points(office: Office, offer: Offer, sign: int, event: str, now: datetime) -> None:
    spent = sum(discount.of_points for discount in offer.discounts)
    if spent:
        points = points_of(office, offer.subject, offer.merchant, offer.member)
        change_points(office, points, sign * spent, event, now)


def _settle(office: Office, offer: Offer, record: TransactionRecord, sign: int, name: str, now: datetime) -> None:
    """Post the acquirer's part of an offer, and the points it earns; with a sign of -1 the opposite."""
    accounts = open_accounts(office, record.currency)
    by_acquirer = [discount for discount in offer.discounts if discount.funded_by is Funder.ACQUIRER]
    for account, parts in (
        (AccountKind.MARKETING, [each.amount_minor for each in by_acquirer if not each.of_points]),
        (AccountKind.POINTS, [each.amount_minor for each in by_acquirer if each.of_points]),
    ):
        if parts:
            office.host.adjust(
                Adjustment(
                    f"{offer.key}/{name}/{account}",
                    AdjustmentKind.DISCOUNT,
                    offer.merchant_id,
                    gross_minor=sign * sum(parts),
                    against=accounts[account],
                    original=record.ref,
                ),
                now,
            )
    if offer.points_earned:
        campaign = office.cabinet.need(Campaign, offer.points_campaign)
        points = points_of(office, offer.subject, offer.merchant, offer.member)
        change_points(office, points, sign * offer.points_earned, "earn" if sign > 0 else "give-back", now)
        if campaign.terms.funded_by is Funder.ACQUIRER:
            worth = sign * offer.points_earned * campaign.terms.point_minor
            owe_points(office, f"{offer.key}/{name}/earned", worth, record.currency, now)


def _lapse(office: Office, offer: Offer, now: datetime) -> Offer:
    lapsed = office.move(OFFER, offer, "lapse", now, due="")
    _move_coupons(office, lapsed, "release", now, "")
    _move_spent_points(office, lapsed, +1, "give-back", now)
    return lapsed


def _is_undone(record: TransactionRecord) -> bool:
    wholly_refunded = bool(record.posted_minor) and record.refunded_minor >= record.posted_minor
    return not record.stands or bool(record.voided_by) or wholly_refunded


def _wake(office: Office, offer: Offer, now: datetime) -> None:
    """No payment came in time; or it came, and it is looked at once more whether it still stands."""
    if OFFER.takes(offer.state, "lapse"):
        _lapse(office, offer, now)
        return
    record = office.store.transaction(offer.transaction)
    if record is not None and _is_undone(record):
        give_back_offer(office, SYSTEM, offer.key, now)
    else:
        office.cabinet.put(offer.model_copy(update={"due": ""}))


WAKES[Offer] = _wake
