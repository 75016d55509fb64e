"""Campaigns and coupons: what a merchant's customers are given off, when, and who pays for it.

    coupon        an amount off, once for each coupon, from a threshold on
    threshold     an amount off every sale from a threshold on
    points        points for every whole yuan paid, each worth so much off a later sale

A merchant pays for its own campaigns; those of the acquirer are made by its staff.

Source: coupons, discounts from a threshold and points as Chinese acquirers offer them to merchants; posterm's own form.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.document import Document
from posterm.merchant.enrolled import enrolled_merchant
from posterm.merchant.errors import RefusedError
from posterm.merchant.free_text import free_text
from posterm.merchant.machines import CAMPAIGN, COUPON
from posterm.merchant.money_problems import MONEY_PROBLEMS
from posterm.merchant.office import Office
from posterm.merchant.problem import Problem

LONGEST: Final = timedelta(days=3 * 366)
"""How far ahead a campaign may end."""

MOST_COUPONS: Final = 1000
"""Coupons that are issued at once."""

CODE_DIGITS: Final = 14

Minor = Annotated[int, Field(ge=0, le=100_000_000)]


class CampaignType(StrEnum):
    """How customers get something off."""

    COUPON = "coupon"
    THRESHOLD = "threshold"
    POINTS = "points"


class Funder(StrEnum):
    """Who pays for it."""

    MERCHANT = "merchant"
    ACQUIRER = "acquirer"


class CampaignTerms(BaseModel):
    """What a campaign gives. `ends` is its last day; `points_per_yuan` and `point_minor` are for points only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: CampaignType
    name: Annotated[str, Field(min_length=1, max_length=40)]
    funded_by: Funder = Funder.MERCHANT
    begins: date
    ends: date
    threshold_minor: Minor = 0
    discount_minor: Minor = 0
    points_per_yuan: Annotated[int, Field(ge=0, le=100)] = 0
    point_minor: Annotated[int, Field(ge=0, le=100)] = 0


class Campaign(Document):
    """A campaign of one merchant."""

    kind: ClassVar[str] = "campaign"

    merchant: str
    terms: CampaignTerms

    def runs(self, now: datetime) -> bool:
        """True from its first day through its last, unless it was ended before."""
        return self.state == "RUNNING" and self.terms.begins <= now.date() <= self.terms.ends


class Coupon(Document):
    """A coupon. `key` is its code, 14 digits; `offer` is the priced sale it is in use for."""

    kind: ClassVar[str] = "coupon"

    campaign: str
    merchant: str
    offer: str = ""


def create_campaign(office: Office, actor: Actor, key: str, terms: CampaignTerms, now: datetime) -> Campaign:
    """Begin a campaign of a merchant. `key` is the merchant's. Raises: NotFoundError. RefusedError."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    merchant = enrolled_merchant(office, actor, key)
    problems = _problems(actor, terms, now)
    if problems:
        raise RefusedError(problems)
    with office.all_or_nothing():
        campaign = Campaign(
            key=f"K{office.cabinet.next_number('campaign'):08d}",
            subject=merchant.subject,
            state=CAMPAIGN.initial,
            due=_after(terms.ends),
            merchant=key,
            terms=terms.model_copy(update={"name": free_text(terms.name)}),
        )
        office.cabinet.put(campaign)
        office.tell(campaign, "start", now, after=campaign.state)
        return campaign


def end_campaign(office: Office, actor: Actor, key: str, now: datetime) -> Campaign:
    """End a campaign before its last day; coupons that are out expire with it. Raises: NotFoundError, NotNowError."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    campaign = need_campaign(office, actor, key)
    with office.all_or_nothing():
        return _end(office, campaign, now)


def issue_coupons(office: Office, actor: Actor, key: str, count: int, now: datetime) -> list[Coupon]:
    """Issue so many coupons of a campaign, at most 1000 at once.

    Raises: NotFoundError. RefusedError: it gives none, or does not run.
    """
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    campaign = need_campaign(office, actor, key)
    if campaign.terms.type is not CampaignType.COUPON or campaign.state != "RUNNING" or not 0 < count <= MOST_COUPONS:
        raise RefusedError([MONEY_PROBLEMS["campaign-terms"].at("count")])
    with office.all_or_nothing():
        coupons = [office.cabinet.put(_coupon(office, campaign)) for _ in range(count)]
        office.tell(campaign, "issue", now, before=campaign.state, after=campaign.state, count=str(count))
        return coupons


def need_campaign(office: Office, actor: Actor, key: str) -> Campaign:
    """A campaign. Raises: NotFoundError: there is none, or it is another's."""
    found = office.cabinet.need(Campaign, key)
    actor.must_own(found.subject, "campaign")
    return found


def running_campaigns(office: Office, subject: str, merchant: str, now: datetime) -> list[Campaign]:
    """Campaigns of a merchant that run now, by number."""
    known = office.cabinet.find(Campaign, subject=subject, state="RUNNING")
    return [campaign for campaign in known if campaign.merchant == merchant and campaign.runs(now)]


def _problems(actor: Actor, terms: CampaignTerms, now: datetime) -> list[Problem]:
    problems = []
    if not now.date() <= terms.ends <= now.date() + LONGEST or terms.ends < terms.begins:
        problems.append(MONEY_PROBLEMS["campaign-period"].at("terms.ends"))
    if terms.funded_by is Funder.ACQUIRER and actor.role is Role.MERCHANT:
        problems.append(MONEY_PROBLEMS["not-by-merchant"].at("terms.funded_by"))
    gives_points = bool(terms.points_per_yuan and terms.point_minor)
    uses_points = bool(terms.points_per_yuan or terms.point_minor)
    gives_off = terms.discount_minor > 0 and terms.discount_minor < max(terms.threshold_minor, 1)
    fits = (gives_points and not terms.discount_minor) if terms.type is CampaignType.POINTS else gives_off
    if not fits or (uses_points and terms.type is not CampaignType.POINTS):
        problems.append(MONEY_PROBLEMS["campaign-terms"].at("terms"))
    return problems


def _coupon(office: Office, campaign: Campaign) -> Coupon:
    code = office.digits(CODE_DIGITS)
    while office.cabinet.get(Coupon, code) is not None:
        code = office.digits(CODE_DIGITS)
    return Coupon(
        key=code,
        subject=campaign.subject,
        state=COUPON.initial,
        due=_after(campaign.terms.ends),
        campaign=campaign.key,
        merchant=campaign.merchant,
    )


def _after(last: date) -> str:
    return datetime.combine(last + timedelta(days=1), time()).isoformat()


def _end(office: Office, campaign: Campaign, now: datetime) -> Campaign:
    for coupon in office.cabinet.find(Coupon, subject=campaign.subject, state="ISSUED"):
        if coupon.campaign == campaign.key:
            office.move(COUPON, coupon, "expire", now, due="")
    return office.move(CAMPAIGN, campaign, "end", now, due="")


def _wake_campaign(office: Office, campaign: Campaign, now: datetime) -> None:
    _end(office, campaign, now)


def _wake_coupon(office: Office, coupon: Coupon, now: datetime) -> None:
    """Its last day is over; one that is in use at this moment expires when it is released."""
    if COUPON.takes(coupon.state, "expire"):
        office.move(COUPON, coupon, "expire", now, due="")
    else:
        office.cabinet.put(coupon.model_copy(update={"due": ""}))


WAKES[Campaign] = _wake_campaign
WAKES[Coupon] = _wake_coupon
