"""`posterm ledger`: accounts, transfers and statements as people and machines read them, and the proof."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from posterm.host.chart import CHART
from posterm.host.records import TransferKind
from posterm.runtime.store.sqlite_host import SqliteHostStore
from tests.host.hand_terminal import MID, open_place
from tests.structure.test_documented import table_rows

PENDING = f"merchant/{MID}/pending"


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ledger with two sales, a void and a hold in the working directory. Returns: the card's account."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "posterm-data" / "host"
    folder.mkdir(parents=True)
    with SqliteHostStore(folder / "host.sqlite") as store:
        place = open_place(store=store)
        sale = place.terminal.sale(1250)
        place.terminal.sale(3000)
        place.terminal.void(sale)
        place.terminal.preauth(7000)
    return f"card/{place.card}"


def opened() -> SqliteHostStore:
    return SqliteHostStore("posterm-data/host/host.sqlite")


def test_accounts_are_listed_with_their_money(posterm, card):
    lines = posterm("ledger", "accounts").stdout.splitlines()
    assert lines[0].split() == ["BALANCE", "HELD", "AVAILABLE", "CURRENCY", "ACCOUNT", "KIND"]
    listed = {line.split()[4]: line.split() for line in lines[1:]}
    assert listed[card] == ["9,970.00", "70.00", "9,900.00", "CNY", card, "cardholder-debit"]
    assert listed["bank/156"] == ["10,000.00", "0.00", "10,000.00", "CNY", "bank/156", "bank"]
    assert len({line.index(".") for line in lines[1:]}) == 1


def test_accounts_of_one_kind(posterm, card):
    lines = posterm("ledger", "accounts", "--kind", "merchant-pending").stdout.splitlines()
    assert [line.split()[4] for line in lines[1:]] == [PENDING]


def test_transfers_say_what_they_end_and_correct(posterm, card):
    with opened() as store:
        void, fee = (made for made in store.transfers() if made.corrects)
    assert (void.amount, fee.amount) == (1250, 6)
    shown = posterm("ledger", "transfers", "--json").stdout
    assert [entry["corrects"] for entry in json.loads(shown)].count(void.corrects) == 1
    text = "".join(posterm("ledger", "transfers").stdout.split())
    assert f"corrects{void.corrects}" in text
    assert "until2026-07-0112:00" in text


def test_transfers_are_chosen_by_account_kind_and_number(posterm, card):
    def amounts(*options: str) -> list[int]:
        return [entry["amount"] for entry in json.loads(posterm("ledger", "transfers", "--json", *options).stdout)]

    assert amounts() == [1_000_000, 1250, 6, 3000, 15, 1250, 6, 7000]
    assert amounts("--last", "2") == [6, 7000]
    assert amounts("--kind", "pending") == [7000]
    assert amounts("--account", "bank/156") == [1_000_000]


def test_a_statement_runs_to_the_balance(posterm, card):
    lines = json.loads(posterm("ledger", "statement", PENDING, "--json").stdout)
    assert [(line["side"], line["amount"], line["balance"]) for line in lines] == [
        ("credit", 1250, 1250),
        ("debit", 6, 1244),
        ("credit", 3000, 4244),
        ("debit", 15, 4229),
        ("debit", 1250, 2979),
        ("credit", 6, 2985),
    ]
    assert {line["other_account"] for line in lines} == {card, "fee/clearing/156"}
    table = posterm("ledger", "statement", PENDING).stdout.splitlines()
    assert table[0].split()[:4] == ["TIME", "DEBIT", "CREDIT", "BALANCE"]
    balances = [line.split()[3] for line in table if line.startswith("2026-06-01")]
    assert balances == ["12.50", "12.44", "42.44", "42.29", "29.79", "29.85"]


def test_an_account_that_grows_by_debits_is_stated_on_its_own_side(posterm, card):
    (line,) = json.loads(posterm("ledger", "statement", "bank/156", "--json").stdout)
    assert (line["side"], line["balance"]) == ("debit", 1_000_000)


@pytest.mark.parametrize("command", [["accounts"], ["transfers"], ["statement", PENDING]])
def test_csv_and_json_say_the_same(posterm, card, command):
    rows = list(csv.DictReader(io.StringIO(posterm("ledger", *command, "--csv").stdout)))
    documents = json.loads(posterm("ledger", *command, "--json").stdout)
    assert rows == [{key: str(value) for key, value in document.items()} for document in documents] != []


def test_csv_and_json_exclude_each_other(posterm, card):
    refused = posterm("ledger", "accounts", "--csv", "--json")
    assert (refused.exit_code, "exclude" in refused.stderr) == (2, True)


def test_nothing_to_list_is_said(posterm, card):
    assert posterm("ledger", "statement", "suspense/156").stdout == "nothing to list\n"
    assert posterm("ledger", "statement", "suspense/156", "--json").stdout == "[]\n"
    assert posterm("ledger", "statement", "suspense/156", "--csv").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["accounts", "--kind", "gold"], "no such kind of account"),
        (["transfers", "--kind", "gift"], "no such kind of transfer"),
        (["statement", "card/none"], "no account card/none"),
    ],
)
def test_what_is_not_there_is_a_mistake(posterm, card, arguments, found):
    refused = posterm("ledger", *arguments)
    assert (refused.exit_code, found in refused.stderr) == (2, True)


def test_a_sound_ledger_is_proved(posterm, card):
    proved = posterm("ledger", "prove")
    assert (proved.exit_code, proved.stdout) == (0, "11 accounts, 8 transfers, 0 faults\n")
    assert json.loads(posterm("ledger", "prove", "--json").stdout) == {"accounts": 11, "transfers": 8, "faults": []}


def test_an_account_that_differs_is_named_and_ends_with_status_1(posterm, card):
    with opened() as store:
        store.put_account(store.account(PENDING)._replace(credits_posted=1))
    proved = posterm("ledger", "prove")
    assert proved.exit_code == 1
    assert f"account {PENDING}: credits_posted is 1, its transfers give 4256" in proved.stdout
    assert "currency 156: posted balances sum to" in proved.stdout
    assert posterm("ledger", "prove", "--json").exit_code == 1


def test_looking_makes_no_ledger(posterm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = posterm("ledger", "accounts")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: there is no ledger in ")
    assert list(tmp_path.iterdir()) == []


def test_one_looks_while_the_host_is_writing(posterm, card):
    with opened() as store, store.batch():
        store.put_account(store.account(PENDING)._replace(credits_posted=1))
        assert posterm("ledger", "prove").exit_code == 0


def test_the_chart_in_the_documents_is_that_of_the_ledger():
    rows = [row for row in table_rows("ledger.md") if row[0].startswith("`") and len(row) == 4]
    assert rows == [
        [f"`{kind}`", row.side.value, "yes" if row.bounded else "no", row.purpose] for kind, row in CHART.items()
    ]


def test_every_kind_of_transfer_is_documented():
    named = [row[0].strip("`") for row in table_rows("ledger.md") if len(row) == 2]
    assert [name for name in named if name in set(TransferKind)] == list(TransferKind)
