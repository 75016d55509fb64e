"""A bucket of requests fills up steadily, one for each caller."""

from __future__ import annotations

import pytest

from posterm.api import rate_limit
from posterm.api.rate_limit import RateLimit


def test_a_bucket_empties_and_fills_up_again():
    now = [0.0]
    limit = RateLimit(60, lambda: now[0])
    for _ in range(60):
        assert limit.wait_s("ann") == 0
        limit.take("ann")
    assert limit.wait_s("ann") == pytest.approx(1)
    assert limit.wait_s("bob") == 0
    now[0] = 0.5
    assert limit.wait_s("ann") == pytest.approx(0.5)
    now[0] = 1000
    assert limit.wait_s("ann") == 0


def test_those_who_asked_long_ago_are_forgotten(monkeypatch):
    monkeypatch.setattr(rate_limit, "CALLERS_MAX", 2)
    limit = RateLimit(1, lambda: 0.0)
    for caller in ("ann", "bob", "cid"):
        limit.take(caller)
    assert [limit.wait_s(caller) > 0 for caller in ("ann", "bob", "cid")] == [False, True, True]
