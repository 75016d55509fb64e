"""A host's database of every older schema version is brought up to date when it is opened, and goes on working."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from posterm.hsm import KeyUsage
from posterm.runtime.errors import StoreError
from posterm.runtime.store import host_migrations
from posterm.runtime.store.host_tables import SCHEMA_VERSION, schema
from posterm.runtime.store.sqlite_host import SQLITE, SqliteHostStore
from posterm.unionpay.key_layout import tmk_algorithm
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import MID, Answer, HandTerminal, new_host, seeded_hsm

VECTORS = Path(__file__).parents[1] / "vectors/host"
PREAUTH_STAN, PREAUTH_AUTH_CODE, NEXT_STAN = "000015", "000018", 100


def old_file(path: Path, version: int) -> Path:
    db = sqlite3.connect(path)
    db.executescript((VECTORS / f"host-schema-{version}.sql").read_text(encoding="utf-8"))
    db.close()
    return path


@pytest.fixture(params=range(1, SCHEMA_VERSION))
def path(request, tmp_path) -> Path:
    return old_file(tmp_path / "host.sqlite", request.param)


def shape(path: Path) -> dict[str, object]:
    """Tables with their columns, and indexes with their definition; order and defaults do not matter."""
    db = sqlite3.connect(path)
    found: dict[str, object] = {}
    for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_schema"):
        if kind == "table":
            found[name] = sorted(row[1:4] + row[5:] for row in db.execute(f"PRAGMA table_info({name})"))
        elif sql:
            found[name] = sql
    db.close()
    return found


def test_a_migrated_file_has_the_tables_of_a_new_one(path, tmp_path):
    SqliteHostStore(path).close()
    SqliteHostStore(tmp_path / "new.sqlite").close()
    assert shape(path) == shape(tmp_path / "new.sqlite")


def test_the_ledger_of_a_migrated_file_is_proved(path):
    with SqliteHostStore(path) as store:
        proof = new_host(store, seeded_hsm()).ledger.prove()
        assert (proof.faults, proof.transfers) == ((), 20)


def terminal_of(store: SqliteHostStore) -> HandTerminal:
    hsm = seeded_hsm()
    host = new_host(store, hsm)
    algorithm = tmk_algorithm(host.profile.keys.layout)
    tmk = hsm.load_clear_key(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), KeyUsage.KEY_ENCRYPTION, algorithm)
    terminal = HandTerminal(host, hsm, tmk, next_stan=NEXT_STAN)
    assert terminal.sign_on().code == "00"
    return terminal


def test_a_host_goes_on_with_a_migrated_file(path):
    with SqliteHostStore(path) as store:
        terminal = terminal_of(store)
        assert terminal.batch == "000002"
        request = terminal.request(Kind.PREAUTH, 7000, stan=PREAUTH_STAN)
        preauth = Answer(request, PREAUTH_STAN, None, request.with_elements({38: PREAUTH_AUTH_CODE}))
        completion = terminal.follow(Kind.COMPLETION, preauth, 7000)
        assert completion.code == "00"
        assert terminal.reverse(completion).code == "00"
        terminal.wait(days=400)
        assert terminal.host.expire(terminal.now) == 0  # a hold of version 1 has no deadline
        assert terminal.sale(100).code == "00"
        assert terminal.host.ledger.prove().faults == ()


def test_accounts_get_their_kinds(path):
    with SqliteHostStore(path) as store:
        kinds = {account.account_id.split("/")[0]: account.kind for account in store.accounts()}
        cards = [account for account in store.accounts() if account.account_id.startswith("card/")]
        assert {account.kind for account in cards} == {"cardholder-debit", "cardholder-credit"}
        for account in cards:
            assert account.kind == f"cardholder-{store.card(account.account_id.removeprefix('card/')).kind}"
        assert (kinds["bank"], kinds["suspense"]) == ("bank", "suspense")
        new_host(store, seeded_hsm()).enrol_merchant(MID, "the same accounts, with the same terms")


def test_a_migration_that_fails_leaves_the_file_as_it_was(path, monkeypatch):
    before = shape(path)
    steps = {version: (*statements, "not SQL") for version, statements in host_migrations.SQLITE_STEPS.items()}
    monkeypatch.setattr("posterm.runtime.store.sqlite_host.SQLITE_STEPS", steps)
    with pytest.raises(StoreError, match="cannot open"):
        SqliteHostStore(path)
    assert shape(path) == before


def test_there_is_a_step_from_every_older_version():
    assert sorted(host_migrations.SQLITE_STEPS) == list(range(1, SCHEMA_VERSION))


def test_the_tables_change_only_with_the_schema_version():
    recorded = (VECTORS / f"schema-{SCHEMA_VERSION}.sql").read_text(encoding="utf-8")
    assert "".join(f"{statement};\n" for statement in schema(SQLITE)) == recorded
