"""Merchants' lives over months and years, held against a recount of their slips."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulators.lives.recount import faults_of, fee_of
from simulators.lives.years import Years

TOWNS, MERCHANTS_EACH, TWO_YEARS = 8, 125, 730


def played(seed: int, merchants: int, days: int) -> Years:
    print(f"seed {seed}")  # noqa: T201  to play the same lives again
    years = Years(seed, merchants, days)
    years.run()
    return years


@pytest.fixture(scope="module")
def months() -> Years:
    return played(1, 4, 150)


def test_some_months_agree_with_the_recount(months):
    assert list(faults_of(months)) == []
    codes = {slip.code for shop in months.shops for slip in shop.slips}
    assert {"00", "C3"} <= codes
    assert len(months.shops) == 4


def test_the_recount_sees_a_sale_too_many(months):
    shop = months.shops[0]
    forgotten = shop.slips.pop(next(place for place, slip in enumerate(shop.slips) if slip.code == "00"))
    assert list(faults_of(months))
    shop.slips.append(replace(forgotten, minor=forgotten.minor + 1))
    assert list(faults_of(months))
    shop.slips[-1] = forgotten
    shop.slips.sort(key=lambda slip: slip.at)


def test_the_same_seed_lives_the_same_lives():
    one, other = (played(3, 1, 40) for _ in range(2))
    assert one.shops[0].slips == other.shops[0].slips


def test_the_recount_rounds_each_fee_by_itself(months):
    slip = months.shops[0].slips[0]
    assert fee_of(replace(slip, card="credit", minor=1_850)) == 11
    assert fee_of(replace(slip, card="debit", minor=10_000_000)) == 2000


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 100 + TOWNS))
def test_two_years_of_a_thousand_merchants_agree_with_the_recount(seed):
    years = played(seed, MERCHANTS_EACH, TWO_YEARS)
    assert len(years.shops) == MERCHANTS_EACH
    assert list(faults_of(years)) == []
