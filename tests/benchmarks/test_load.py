"""The load benchmark: what it measures works, and its bars are held against what was measured."""

from __future__ import annotations

import pytest

from benchmarks.load import growth, parts, run


def found(share=0.3, p99=5.0, **more):
    row = {"connections": 16, "echo_per_s": 1000.0, "host_per_s": share * 1000, "share": share} | more
    return {"machine": "here", "lock_step": [row], "open_loop": {"latency_ms": {"p99": p99}}}


@pytest.mark.parametrize(
    ("share", "said"), [(0.5, "goal of 0.50 is met"), (0.25, "least, 0.25, is met"), (0.24, "NOT met")]
)
def test_the_share_of_the_echo_is_held_against_both_bars(share, said):
    assert run.verdicts(found(share))[0].endswith(said)


def test_latency_and_the_other_server_have_their_bars():
    good = run.verdicts(found(p99=9.9, iso8583sim_per_s=60))
    bad = run.verdicts(found(p99=10.1, iso8583sim_per_s=61))
    assert ["NOT met" in line for line in good[1:]] == [False, False]
    assert ["NOT met" in line for line in bad[1:]] == [True, True]


def test_a_table_has_a_line_for_each_row():
    assert run.table([{"a_b": 1, "c": "x"}, {"a_b": 2, "c": "y"}]).splitlines() == [
        "| a b | c |",
        "|---:|---:|",
        "| 1 | x |",
        "| 2 | y |",
    ]


@pytest.mark.parametrize("name", parts.STORES)
def test_every_store_takes_the_sales_that_are_measured(name):
    with parts.opened(name) as store:
        counter = parts.Counter(store)
        assert len(counter.batches(32, 16)) == 2
        assert counter.host.ledger.prove().holds


def test_every_check_of_a_sale_is_measured():
    names = [row["check"] for row in parts.checks(64)]
    assert {"mac", "pin", "duplicate", "card", "limits"} <= set(names)
    assert names[-1] == "whole sale, in memory"


def test_a_ledger_that_was_filled_proves_and_takes_sales():
    with parts.opened("memory") as store:
        counter = parts.Counter(store)
        filling = growth.Filling(counter, store)
        filling.fill(2_100)
        filling.fill(2_500)
        counter.batches(16, 16)
        proof = counter.host.ledger.prove()
        assert proof.holds
        assert proof.transfers == parts.TERMINALS + 2 * (1 + 2_500 + 16)
        refs = [transfer.transaction for transfer in store.transfers() if transfer.transaction]
        assert len(set(refs)) == 1 + 2_500 + 16
        assert None not in store.transactions_named(refs)
