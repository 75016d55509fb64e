"""What a merchant has sold, looked at: by hour, day, channel and card class; tickets, refunds, returning cards, fees.

A sale counts as it stands now, with its tip and without what was voided. A card is known by a token that says nothing
about its number and is another one for each merchant's owner.

Source: the figures that acquirers' apps show to merchants. The arithmetic is Polars'.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from posterm.host.records import TransactionRecord
from posterm.merchant.actor import Actor
from posterm.merchant.enrolled import enrolled_merchant, is_purchase, records_between
from posterm.merchant.errors import RefusedError
from posterm.merchant.money_problems import MONEY_PROBLEMS
from posterm.merchant.office import Office

if TYPE_CHECKING:
    import polars

LONGEST: Final = timedelta(days=3 * 366)
TOKEN_CHARACTERS: Final = 16
_SALE, _REFUND = "sale", "refund"
_REFUNDS: Final = frozenset({"refund", "qr-refund"})


class Slice(BaseModel):
    """The sales of one hour, day, channel or card class. `share` is of all sales' amount, 0 to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    count: int
    amount_minor: int
    fee_minor: int
    share: float


class SalesReport(BaseModel):
    """A merchant's sales over a period. Rates are fractions, 0 to 1.

    `refund_rate` is refunded money over money taken; a card returns when it pays on more than one day.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    merchant: str
    first: date
    last: date
    sales: int
    amount_minor: int
    average_minor: int
    refunds: int
    refunded_minor: int
    refund_rate: float
    fee_minor: int
    fee_rate: float
    cards: int
    returning_cards: int
    returning_rate: float
    by_hour: tuple[Slice, ...]
    by_day: tuple[Slice, ...]
    by_channel: tuple[Slice, ...]
    by_class: tuple[Slice, ...]


def analyse_sales(office: Office, actor: Actor, key: str, first: date, last: date) -> SalesReport:
    """A merchant's sales on some clearing dates.

    Args:
        key: the merchant's.
        last: the last day, at most three years after the first.
    Raises: NotFoundError. RefusedError: no such period.
    """
    import polars as pl

    frame = sales_frame(office, actor, key, first, last)
    sales = frame.filter(pl.col("what") == _SALE)
    refunds = frame.filter(pl.col("what") == _REFUND)
    amount, fee, refunded = (int(column.sum()) for column in (sales["amount"], frame["fee"], refunds["amount"]))
    days_of_cards = sales.filter(pl.col("card") != "").group_by("card").agg(pl.col("day").n_unique())
    cards, returning = days_of_cards.height, days_of_cards.filter(pl.col("day") > 1).height
    return SalesReport(
        merchant=key,
        first=first,
        last=last,
        sales=sales.height,
        amount_minor=amount,
        average_minor=amount // sales.height if sales.height else 0,
        refunds=refunds.height,
        refunded_minor=refunded,
        refund_rate=_rate(refunded, amount),
        fee_minor=fee,
        fee_rate=_rate(fee, amount),
        cards=cards,
        returning_cards=returning,
        returning_rate=_rate(returning, cards),
        by_hour=_slices(sales, "hour", amount),
        by_day=_slices(sales, "day", amount),
        by_channel=_slices(sales, "channel", amount),
        by_class=_slices(sales, "class", amount),
    )


def export_sales(office: Office, actor: Actor, key: str, first: date, last: date) -> bytes:
    """A merchant's sales and refunds as CSV in UTF-8, one row each. Raises: NotFoundError, RefusedError."""
    return sales_frame(office, actor, key, first, last).write_csv().encode()


def sales_frame(office: Office, actor: Actor, key: str, first: date, last: date) -> polars.DataFrame:
    """Sales and refunds in rows: what, time, day, hour, channel, class, card, amount and fee in minor units.

    Raises: NotFoundError, RefusedError.
    """
    import polars as pl

    merchant = enrolled_merchant(office, actor, key)
    if not timedelta(0) <= last - first <= LONGEST:
        raise RefusedError([MONEY_PROBLEMS["period"].at("last")])
    records = records_between(office, frozenset((merchant.merchant_id,)), first, last)
    columns = {
        "what": pl.String,
        "time": pl.String,
        "day": pl.String,
        "hour": pl.String,
        "channel": pl.String,
        "class": pl.String,
        "card": pl.String,
        "amount": pl.Int64,
        "fee": pl.Int64,
    }
    rows = list(_rows(office, merchant.identity or key, records))
    return pl.DataFrame(rows, schema=columns, orient="row").sort("time")


def _rows(office: Office, owner: str, records: Iterable[TransactionRecord]) -> Iterable[tuple[str | int, ...]]:
    tokens: dict[str, str] = {"": ""}
    for record in records:
        what, amount, fee = _counted(record)
        if not what:
            continue
        if record.card not in tokens:
            token = office.cabinet.fingerprint("card-token", f"{owner}/{record.card}")
            tokens[record.card] = token[:TOKEN_CHARACTERS]
        place = (record.channel, record.card_class, tokens[record.card])
        yield (what, record.at[:19], record.clearing_date, record.at[11:13], *place, amount, fee)


def _counted(record: TransactionRecord) -> tuple[str, int, int]:
    """What a record is here, with its amount and fee; nothing for what does not count by itself."""
    if is_purchase(record) and not record.voided_by:
        return _SALE, record.posted_minor, record.fee_now_minor if not record.refunded_minor else record.fee_minor
    if record.kind in _REFUNDS and record.stands and not record.voided_by:
        return _REFUND, -record.gross_minor, record.fee_minor
    return "", 0, 0


def _slices(sales: polars.DataFrame, by: str, whole: int) -> tuple[Slice, ...]:
    import polars as pl

    grouped = sales.group_by(by).agg(pl.len().alias("count"), pl.col("amount").sum(), pl.col("fee").sum()).sort(by)
    return tuple(
        Slice(
            name=str(row[by]),
            count=row["count"],
            amount_minor=row["amount"],
            fee_minor=row["fee"],
            share=_rate(row["amount"], whole),
        )
        for row in grouped.iter_rows(named=True)
    )


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
