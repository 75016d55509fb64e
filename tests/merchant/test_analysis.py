"""Analysis: its figures are those of a recount by hand, and cards are known by tokens."""

from __future__ import annotations

import csv
import random
from datetime import date, datetime, timedelta

import pytest

from posterm.merchant import NotFoundError, RefusedError
from posterm.merchant.actor import Actor, Role
from posterm.merchant.analysis import analyse_sales, export_sales
from posterm.merchant.sales_plot import plot_sales
from tests.merchant.hand_merchant import OTHER_PAN, PAN, open_trading
from tests.merchant.hand_office import NOW

FIRST, LAST = date(2026, 6, 1), date(2026, 6, 7)
PLAIN = {PAN: ("debit", 50), OTHER_PAN: ("credit", 60)}
"""Card class and rate in parts of 10,000."""


@pytest.fixture
def shop(office):
    return open_trading(office)


@pytest.mark.parametrize("seed", range(3))
def test_a_week_of_sales_counts_up_to_what_was_sold(office, shop, seed):
    rng = random.Random(seed)
    sold: list[tuple[datetime, object, int]] = []
    refunded = 0
    for day in range(7):
        for _ in range(6):
            at = NOW.replace(hour=rng.randrange(8, 22)) + timedelta(days=day)
            pan, amount = rng.choice(list(PLAIN)), rng.randrange(1, 500) * 100
            shop.terminal.now = at
            answer = shop.terminal.sale(amount, pan=pan)
            if rng.random() < 0.2:
                assert shop.terminal.void(answer).code == "00"
                continue
            sold.append((at, pan, amount))
            if rng.random() < 0.3:
                part = rng.randrange(1, amount)
                assert shop.terminal.refund(answer, part, pan=pan).code == "00"
                refunded += part
    report = analyse_sales(office, shop.actor, shop.key, FIRST, LAST)
    total = sum(amount for _, _, amount in sold)
    assert (report.sales, report.amount_minor, report.refunded_minor) == (len(sold), total, refunded)
    assert report.average_minor == total // len(sold)
    assert report.refund_rate == pytest.approx(refunded / total, abs=1e-4)
    for parts, name_of in (
        (report.by_hour, lambda at, _: f"{at:%H}"),
        (report.by_day, lambda at, _: at.date().isoformat()),
        (report.by_class, lambda _, pan: PLAIN[pan][0]),
    ):
        by_hand: dict[str, int] = {}
        for at, pan, amount in sold:
            by_hand[name_of(at, pan)] = by_hand.get(name_of(at, pan), 0) + amount
        assert {part.name: part.amount_minor for part in parts} == by_hand
        assert sum(part.count for part in parts) == len(sold)
        assert sum(part.share for part in parts) == pytest.approx(1, abs=0.01)


def test_a_card_returns_when_it_pays_on_another_day(office, shop):
    for day, pan in ((0, PAN), (0, PAN), (0, OTHER_PAN), (2, OTHER_PAN)):
        shop.sell(1000, at=NOW + timedelta(days=day), pan=pan)
    report = analyse_sales(office, shop.actor, shop.key, FIRST, LAST)
    assert (report.cards, report.returning_cards, report.returning_rate) == (2, 1, 0.5)


def test_fees_are_what_was_charged(office, shop):
    shop.sell(10_000, pan=PAN)
    shop.sell(10_000, pan=OTHER_PAN)
    report = analyse_sales(office, shop.actor, shop.key, FIRST, LAST)
    assert (report.fee_minor, report.fee_rate) == (110, 0.0055)
    assert {part.name: part.fee_minor for part in report.by_class} == {"debit": 50, "credit": 60}


def test_the_export_has_a_row_for_each_and_tokens_for_cards(office, shop):
    answer = shop.terminal.sale(10_000)
    shop.terminal.refund(answer, 2_000)
    text = export_sales(office, shop.actor, shop.key, FIRST, LAST).decode()
    rows = list(csv.DictReader(text.splitlines()))
    assert [(row["what"], row["amount"], row["fee"]) for row in rows] == [
        ("sale", "10000", "50"),
        ("refund", "2000", "0"),
    ]
    assert len({row["card"] for row in rows}) == 1
    assert rows[0]["card"] not in (shop.cards["debit"], "")
    assert PAN.reveal() not in text


def test_nothing_sold_is_nothing_to_divide_by(office, shop):
    report = analyse_sales(office, shop.actor, shop.key, FIRST, LAST)
    assert (report.sales, report.average_minor, report.refund_rate, report.by_hour) == (0, 0, 0.0, ())


@pytest.mark.parametrize(("form", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_plot_is_the_same_each_time(office, shop, form, magic):
    for day in range(2):
        shop.sell(1000 * (day + 1), at=NOW + timedelta(days=day))
    first, second = (plot_sales(office, shop.actor, shop.key, FIRST, LAST, form=form) for _ in range(2))
    assert first.startswith(magic)
    assert first == second


def test_the_last_day_of_all_has_a_report(office, shop):
    assert analyse_sales(office, shop.actor, shop.key, date.max, date.max).sales == 0


@pytest.mark.parametrize("last", [date(2026, 5, 31), date(2036, 1, 1)])
def test_a_period_that_cannot_be_is_refused(office, shop, last):
    with pytest.raises(RefusedError) as refused:
        analyse_sales(office, shop.actor, shop.key, FIRST, last)
    assert [problem.code for problem in refused.value.problems] == ["period"]


def test_sales_are_their_merchants_own(office, shop):
    with pytest.raises(NotFoundError):
        analyse_sales(office, Actor(Role.MERCHANT, "A00000009"), shop.key, FIRST, LAST)
