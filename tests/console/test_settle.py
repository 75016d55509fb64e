"""`posterm settle`: a day is closed, written out, paid and reconciled on the command line."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from posterm.runtime import clock
from posterm.runtime.store.sqlite_host import SqliteHostStore
from tests.host.hand_terminal import MID, open_place

DAY = "2026-06-01"


@pytest.fixture(autouse=True)
def sold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sale in the working directory's ledger, and a clock that says it is two days later."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "posterm-data" / "host"
    folder.mkdir(parents=True)
    with SqliteHostStore(folder / "host.sqlite") as store:
        open_place(store=store).terminal.sale(10_000)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 6, 3, 9, 0, 0))  # noqa: DTZ001 - the host's local time


def test_a_day_is_closed_paid_and_reconciled(posterm):
    closed = posterm("settle", "close").stdout.splitlines()
    assert closed[1].split() == [DAY, MID, "100.00", "0.00", "0.50", "99.50", "2026-06-02"]
    assert posterm("settle", "close").stdout == "no clearing date to close\n"
    (made,) = json.loads(posterm("settle", "pay", "--json").stdout)
    assert (made["amount_minor"], made["state"]) == (9_950, "created")
    assert posterm("settle", "pay").stdout == "nothing is due\n"
    for action, state in (("send", "sent"), ("fail", "failed"), ("return", "returned"), ("retry", "created")):
        said = posterm("settle", "payout", made["payout_id"], action, "--reason", "account closed")
        assert said.stdout == f"payout {made['payout_id']} is {state}\n"
    listed = posterm("settle", "payouts").stdout.splitlines()[1].split()
    assert listed[:5] == ["99.50", "0.00", "2026-06-02", "created", "2"]
    assert posterm("settle", "reconcile", DAY).stdout == "1 records, 0 batches, 0 differences\n"
    assert posterm("ledger", "prove").exit_code == 0


def test_the_file_of_a_day_comes_in_both_forms(posterm):
    as_csv, fixed = (posterm("settle", "file", DAY, "--form", form).stdout.splitlines() for form in ("csv", "fixed"))
    assert [line[0] for line in fixed] == ["D", "T"]
    assert [line[0] for line in as_csv] == ["l", "D", "T"]


def test_a_difference_ends_with_status_1(posterm):
    with SqliteHostStore("posterm-data/host/host.sqlite") as store:
        (record,) = (each for each in store.transactions_cleared_on(DAY) if each.gross_minor)
        store.put_transaction(record._replace(gross_minor=1))
    report = posterm("settle", "reconcile", DAY)
    assert (report.exit_code, "the ledger moved 9950" in report.stdout) == (1, True)
    assert posterm("settle", "reconcile", DAY, "--json").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["file", DAY, "--form", "pdf"], 2), (["payout", "none", "send"], 2)],
)
def test_what_cannot_be_is_refused(posterm, arguments, status):
    assert posterm("settle", *arguments).exit_code == status
