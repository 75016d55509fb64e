"""Latencies: what the histograms keep, and that waiting to be sent is not left out."""

from __future__ import annotations

import pytest

from simulators.load.errors import PartMissingError
from simulators.load.measured import HIGHEST_US, Latencies, Measured


def test_percentiles_are_good_to_three_digits():
    latencies = Latencies()
    for milliseconds in range(1, 1001):
        latencies.record(milliseconds / 1000)
    assert latencies.count == 1000
    assert latencies.at_ms(50) == pytest.approx(500, rel=0.002)
    assert latencies.at_ms(99) == pytest.approx(990, rel=0.002)
    assert latencies.percentiles_ms()["max"] == pytest.approx(1000, rel=0.002)


def test_without_answers_there_is_no_latency():
    assert Latencies().percentiles_ms() == {"p50": 0, "p90": 0, "p99": 0, "p99.9": 0, "max": 0}


def test_what_is_out_of_range_counts_at_its_end():
    latencies = Latencies()
    latencies.record(-1.0)
    latencies.record(10_000.0)
    assert latencies.count == 2
    assert latencies.at_ms(100) == pytest.approx(HIGHEST_US / 1000, rel=0.002)


def test_a_stall_shows_in_the_latency_of_all_that_were_due_meanwhile():
    measured = Measured()
    for due in range(100):  # one request each 10 ms; the host stands still for the first second, then answers at once
        sent = max(due * 0.01, 1.0)
        measured.answered(due * 0.01, sent, sent + 0.001)
    assert measured.since_sent.at_ms(99) == pytest.approx(1, rel=0.01)
    assert measured.latencies.at_ms(50) == pytest.approx(500, rel=0.05)


def test_what_processes_measured_adds_up():
    parts = []
    for place in range(2):
        part = Measured()
        for number in range(10):
            part.second(number // 5).due += 1
            part.answered(number * 0.2, number * 0.2, number * 0.2 + 0.010 * (place + 1))
        parts.append(part)
    total = Measured()
    for part in parts:
        total.add_packed(part.pack())
    assert total.latencies.count == 20
    assert total.latencies.at_ms(100) == pytest.approx(20, rel=0.002)
    assert [total.seconds[at].due for at in (0, 1)] == [10, 10]
    assert sum(each.answered for each in total.seconds.values()) == 20


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "hdrh.histogram", None)
    with pytest.raises(PartMissingError, match="hdrhistogram") as caught:
        Latencies()
    assert "posterm[load]" in caught.value.hint
