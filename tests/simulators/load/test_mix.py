"""What is asked and when: shares as they are written, and arrivals that come from a seed alone."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter

import pytest

from simulators.load.mix import (
    DEEDS,
    READERS,
    USUAL_MIX,
    USUAL_READERS,
    Customers,
    Mix,
    arrival_times,
    parse_shares,
)

SECONDS = 200


def arrivals(kind, seed="1", rate=50.0):
    return list(itertools.takewhile(lambda at: at < SECONDS, arrival_times(rate, kind, seed)))


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("sale=1", {"sale": 1.0}),
        ("sale=80, void=20.5", {"sale": 80.0, "void": 20.5}),
        ("void=0,sale=1", {"void": 0, "sale": 1}),
    ],
)
def test_shares_are_read_as_written(text, shares):
    assert parse_shares(text, DEEDS) == shares


@pytest.mark.parametrize(
    "text", ["", "sale", "sale=x", "sale=-1", "sale=nan", "sale=inf", "sale=0", "refund=1", "sale=1,,"]
)
def test_shares_that_make_no_sense_are_refused(text):
    with pytest.raises(ValueError, match="need"):
        parse_shares(text, DEEDS)


def test_the_usual_mix_has_known_names_only():
    assert set(USUAL_MIX) <= set(DEEDS)
    assert set(USUAL_READERS) <= set(READERS)


def test_customers_of_one_seed_want_the_same():
    mix = Mix(USUAL_MIX, USUAL_READERS)
    first, again, other = (Customers(mix, seed) for seed in ("1", "1", "2"))
    wanted = [first.next() for _ in range(50)]
    assert wanted == [again.next() for _ in range(50)]
    assert wanted != [other.next() for _ in range(50)]


def test_customers_keep_to_the_shares():
    customers = Customers(Mix({"sale": 3, "void": 1}, {"tap": 1, "chip": 0}), "1")
    wanted = [customers.next() for _ in range(4000)]
    deeds = Counter(each.deed for each in wanted)
    assert 2800 < deeds["sale"] < 3200
    assert {each.reader for each in wanted} == {"tap"}


def test_constant_arrivals_are_equally_far_apart():
    times = arrivals("constant")
    assert len(times) == pytest.approx(50 * SECONDS, abs=1)
    assert {round(later - earlier, 6) for earlier, later in itertools.pairwise(times)} == {0.02}


def test_poisson_arrivals_have_the_rate_and_the_spread_of_an_exponential():
    times = arrivals("poisson")
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) == pytest.approx(50 * SECONDS, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.1)
    assert times == arrivals("poisson")
    assert times != arrivals("poisson", seed="2")
