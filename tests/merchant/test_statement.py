"""The daily statement: its sums are the ledger's, as data, as CSV and as PDF."""

from __future__ import annotations

import csv
from datetime import date, timedelta

import pytest

from posterm.merchant import NotFoundError
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import advance
from posterm.merchant.problem import Language
from posterm.merchant.settlement import begin_settlement
from posterm.merchant.statement import daily_statement, daily_statement_csv, daily_statement_pdf
from tests.merchant.hand_merchant import OTHER_PAN, open_trading
from tests.merchant.hand_office import NOW

DAY = NOW.date()


@pytest.fixture
def shop(office):
    shop = open_trading(office)
    begin_settlement(office, NOW)
    first = shop.terminal.sale(10_000)
    shop.sell(20_000, pan=OTHER_PAN)
    shop.terminal.refund(first, 2_500)
    shop.terminal.inquire()
    return shop


def test_a_statement_says_what_the_ledger_says(office, shop):
    statement = daily_statement(office, shop.actor, shop.key, DAY)
    assert [line.amount_minor for line in statement.lines] == [10_000, 20_000, -2_500]
    assert (statement.taken_minor, statement.given_minor, statement.fee_minor) == (30_000, 2_500, 170)
    assert statement.net_minor == shop.balance(f"merchant/{shop.merchant.merchant_id}/pending")
    assert (statement.due, statement.payout) == ("", "")


def test_a_closed_dates_statement_names_its_payout(office, shop):
    advance(office, NOW + timedelta(days=2))
    statement = daily_statement(office, shop.actor, shop.key, DAY)
    assert (statement.due, statement.payout_state) == ("2026-06-02", "succeeded")
    assert statement.payout == f"{shop.merchant.merchant_id}-2026-06-01"


@pytest.mark.parametrize(("language", "total"), [(Language.CHINESE, "合计"), (Language.ENGLISH, "Total")])
def test_the_csv_ends_with_the_sum_of_its_rows(office, shop, language, total):
    text = daily_statement_csv(office, shop.actor, shop.key, DAY, language=language).decode()
    rows = list(csv.reader(text.splitlines()))
    assert [row[-3:] for row in rows[1:]] == [
        ["100.00", "0.50", "99.50"],
        ["200.00", "1.20", "198.80"],
        ["-25.00", "0.00", "-25.00"],
        ["275.00", "1.70", "273.30"],
    ]
    assert rows[-1][0] == total
    assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize("language", Language)
def test_the_pdf_is_the_same_each_time(office, shop, language):
    made = daily_statement_pdf(office, shop.actor, shop.key, DAY, language=language)
    assert made.startswith(b"%PDF-")
    assert made == daily_statement_pdf(office, shop.actor, shop.key, DAY, language=language)


def test_a_day_without_sales_has_an_empty_statement(office, shop):
    statement = daily_statement(office, shop.actor, shop.key, date(2026, 5, 1))
    assert (statement.lines, statement.net_minor) == ((), 0)
    assert daily_statement_pdf(office, shop.actor, shop.key, date(2026, 5, 1)).startswith(b"%PDF-")


def test_no_statement_shows_a_card(office, shop):
    text = daily_statement(office, shop.actor, shop.key, DAY).model_dump_json()
    assert OTHER_PAN.reveal() not in text


def test_a_statement_is_its_merchants_own(office, shop):
    with pytest.raises(NotFoundError):
        daily_statement(office, Actor(Role.MERCHANT, "A00000009"), shop.key, DAY)
