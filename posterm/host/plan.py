"""A merchant's plan: what it pays, how much it may take, when it is paid, and what makes its cards suspicious.

A plan is data with a default for every knob; the files in `posterm/host/data/plans` are the built-in ones. Money is
minor units, rates are percent as decimal text, kept as whole parts per million so that every fee is exact.

Source: rates, limits and cycles as Chinese acquirers publish them; the split after the card price list of 2016-09-06
(issuer at most 0.35 % debit, capped at 13.00, 0.45 % credit; network 0.0325 % from each side, capped at 3.25 each).
Leaves out classes of merchants: a class is a plan of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

PARTS = 1_000_000
"""A rate is in parts of this."""

CardClass = Literal["debit", "credit"]
Channel = Literal["chip", "stripe", "keyed", "qr"]
Period = Literal["transaction", "day", "month"]


def _parts_per_million(percent: object) -> object:
    if not isinstance(percent, str):
        return percent
    try:
        parts = Decimal(percent) * (PARTS // 100)
    except ArithmeticError:
        raise ValueError("need a percentage as decimal text") from None
    if parts != int(parts):
        raise ValueError("need a percentage with at most 4 decimals")
    return int(parts)


Rate = Annotated[int, BeforeValidator(_parts_per_million), Field(ge=0, le=PARTS)]
"""Parts per million; a file writes it as percent, `"0.60"`."""

Minor = Annotated[int, Field(ge=0, le=999_999_999_999)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FeeRow(_Section):
    """What the merchant pays for a kind of payment: a rate between floor and cap, rounded for each transaction."""

    card: CardClass | Literal["any"] = "any"
    channel: Literal["qr", "card", "any"] = "any"
    scheme: Literal["domestic", "foreign", "any"] = "any"
    rate: Rate
    floor_minor: Minor = 0
    cap_minor: Minor | None = None
    rounding: Literal["half-up", "half-even", "up", "down"] = "half-up"

    @model_validator(mode="after")
    def _floor_under_cap(self) -> FeeRow:
        if self.cap_minor is not None and self.floor_minor > self.cap_minor:
            raise ValueError("the floor is over the cap")
        return self


class SplitRow(_Section):
    """Who gets which part of a fee. The network takes its rate twice, from the issuer's and the acquirer's part."""

    card: CardClass | Literal["any"] = "any"
    issuer_rate: Rate = 0
    issuer_cap_minor: Minor | None = None
    network_rate: Rate = 0
    network_cap_minor: Minor | None = None
    agent_rate: Rate = 0
    """Of what is left to the acquirer."""


class LimitRow(_Section):
    """How much may be taken of a kind of payment: in one transaction, a calendar day or a calendar month.

    `of` says whose takings are counted together: the merchant's, or those of all merchants of its owner.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    card: CardClass | Literal["any"] = "any"
    channel: Channel | Literal["any", "card"] = "any"
    kind: Literal["purchase", "preauth", "any"] = "any"
    per: Period
    of: Literal["merchant", "owner"] = "merchant"
    most_minor: Minor
    code: Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")] = "61"


class Risk(_Section):
    """Rules about one card at one merchant. A count of 0 switches a rule off."""

    same_card_sales_max: Annotated[int, Field(ge=0, le=100)] = 0
    same_card_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    inquiries_before_sale: Annotated[int, Field(ge=0, le=100)] = 0
    inquiry_seconds: Annotated[int, Field(ge=1, le=3600)] = 60


class Terms(_Section):
    """When the merchant is paid. Each payout of D0 costs what instant ones do."""

    cycle: Literal["T+1", "D+1", "D0"] = "T+1"
    cut_off_hour: Annotated[int, Field(ge=1, le=24)] = 23


class Instant(_Section):
    """What being paid at once costs; whether a merchant may ask for it before a date is closed, when, and how much."""

    is_open: bool = False
    rate: Rate = 0
    fee_minor: Minor = 0
    most_minor: Minor | None = None
    """For each clearing date; None: all that is earned."""
    from_hour: Annotated[int, Field(ge=0, le=23)] = 9
    until_hour: Annotated[int, Field(ge=1, le=24)] = 22
    working_days_only: bool = False


class MerchantPlan(_Section):
    """All terms of a merchant. Frozen; build another with `model_copy(update=…)` or a TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    description: str = ""
    minimum_minor: Minor = 0
    credit_open: bool = True
    refund_fee: Literal["keep", "return", "proportional"] = "keep"
    fees: tuple[FeeRow, ...] = ()
    split: tuple[SplitRow, ...] = ()
    limits: tuple[LimitRow, ...] = ()
    risk: Risk = Risk()
    terms: Terms = Terms()
    instant: Instant = Instant()

    @model_validator(mode="after")
    def _limits_have_names_of_their_own(self) -> MerchantPlan:
        names = [row.name for row in self.limits]
        if len(set(names)) != len(names):
            raise ValueError("two limits have the same name")
        return self

    @cached_property
    def limits_by_name(self) -> Mapping[str, LimitRow]:
        return {row.name: row for row in self.limits}
