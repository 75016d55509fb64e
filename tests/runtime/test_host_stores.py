"""One suite for every store of the host, and what only the SQLite file has to show."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import get_type_hints

import pytest

from posterm.host import HostStore, MemoryHostStore
from posterm.host.records import (
    AccountRecord,
    BatchRecord,
    CardRecord,
    ExchangeRecord,
    MerchantRecord,
    SettlementReport,
    TerminalRecord,
    TransactionRecord,
    TransferRecord,
    UploadRecord,
)
from posterm.runtime.errors import StoreError
from posterm.runtime.store.sqlite_host import SCHEMA_VERSION, SqliteHostStore
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import BALANCE, NOW, PAN, PIN, TRACK_TAIL, Place, new_host, open_place, seeded_hsm


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HostStore]:
    if request.param == "memory":
        yield MemoryHostStore()
        return
    with SqliteHostStore(tmp_path / "host.db") as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "host.db"


def full(record: type, **given):
    """A record with something other than the default in every field."""
    hints = get_type_hints(record)
    samples = {str: "文 a'b", int: 123_456_789_012, bool: True}
    return record(**{field.name: samples.get(hints[field.name], ("x", "文")) for field in fields(record)} | given)


class Undo(Exception):  # noqa: N818
    """Raised to undo."""


ROWS = [
    ("merchant", "put_merchant", full(MerchantRecord), ("merchant_id",), {"name": "new"}),
    ("terminal", "put_terminal", full(TerminalRecord), ("terminal_id",), {"batch": "000002", "parameters": ()}),
    ("card", "put_card", full(CardRecord), ("fingerprint",), {"pin_failures": 2}),
    ("account", "put_account", full(AccountRecord), ("account_id",), {"debits_posted": 5}),
    ("transaction", "put_transaction", full(TransactionRecord), ("ref",), {"reversed": False, "holds": ("h",)}),
    ("exchange", "put_exchange", full(ExchangeRecord), ("ref",), {"content": "other"}),
    ("batch_record", "put_batch_record", full(BatchRecord), ("terminal_id", "batch"), {"open": False}),
    ("report", "put_report", full(SettlementReport), ("terminal_id", "batch"), {"net_minor": -5, "only_host": ()}),
]


@pytest.mark.parametrize(("get", "put", "record", "key", "change"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_comes_back_as_it_was_put_and_is_replaced(store, get, put, record, key, change):
    keys = [getattr(record, name) for name in key]
    assert getattr(store, get)(*keys) is None
    getattr(store, put)(record)
    assert getattr(store, get)(*keys) == record
    getattr(store, put)(replace(record, **change))
    assert getattr(store, get)(*keys) == replace(record, **change)


def transfer(name: str, **more) -> TransferRecord:
    return replace(full(TransferRecord, resolves="", transfer_id=name), **more)


def test_transfers_come_back_in_the_order_they_were_added(store):
    added = [transfer("z"), transfer("a"), transfer("m", resolves="z", kind="void-pending")]
    for record in added:
        store.add_transfer(record)
    assert list(store.transfers()) == added
    assert store.transfer("a") == added[1]
    assert store.resolution("z") == added[2]
    assert (store.transfer("x"), store.resolution("a"), store.resolution("")) == (None, None, None)


def test_numbers_go_up_by_one_for_each_sequence(store):
    assert [store.next_number("a"), store.next_number("a"), store.next_number("b")] == [1, 2, 1]


def test_transactions_are_listed_by_batch_rrn_and_authorisation_code(store):
    base = full(TransactionRecord, terminal_id="T", merchant_id="M", batch="000001", rrn="R1", auth_code="A1")
    first, second = replace(base, ref="2"), replace(base, ref="1", rrn="R2", auth_code="")
    other = replace(base, ref="3", merchant_id="N", terminal_id="U")
    for record in (first, second, other):
        store.put_transaction(record)
    assert store.transactions_in_batch("T", "000001") == [second, first]
    assert store.transactions_by_rrn("M", "R1") == [first]
    assert store.transactions_by_auth_code("M", "A1") == [first]
    assert store.transactions_by_auth_code("M", "") == []
    store.put_transaction(replace(second, auth_code="A1"))
    assert [record.ref for record in store.transactions_by_auth_code("M", "A1")] == ["1", "2"]


def test_terminals_accounts_reports_batches_and_uploads_are_listed_in_order(store):
    for name in ("b", "a"):
        store.put_terminal(full(TerminalRecord, terminal_id=name))
        store.put_account(full(AccountRecord, account_id=name))
        store.put_report(full(SettlementReport, terminal_id=name))
        store.put_batch_record(full(BatchRecord, terminal_id=name, batch="1"))
        store.put_upload(full(UploadRecord, terminal_id="T", batch="1", stan=name))
    store.put_batch_record(full(BatchRecord, terminal_id="c", batch="1", open=False))
    store.put_upload(full(UploadRecord, terminal_id="T", batch="1", stan="a", amount_minor=7))
    assert [row.terminal_id for row in store.terminals()] == ["a", "b"]
    assert [row.account_id for row in store.accounts()] == ["a", "b"]
    assert [row.terminal_id for row in store.reports()] == ["a", "b"]
    assert [row.terminal_id for row in store.open_batches()] == ["a", "b"]
    assert [(row.stan, row.amount_minor) for row in store.uploads("T", "1")] == [("a", 7), ("b", 123_456_789_012)]
    assert store.uploads("T", "2") == []


def fail(within, *actions) -> None:
    """Do the actions inside `within` and leave it by an exception."""

    def failing() -> None:
        with within:
            for action in actions:
                action()
            raise Undo

    with pytest.raises(Undo):
        failing()


def test_an_exception_undoes_the_batch(store):
    store.put_merchant(MerchantRecord("m", "before"))
    fail(
        store.batch(),
        lambda: store.put_merchant(MerchantRecord("m", "after")),
        lambda: store.put_merchant(MerchantRecord("n", "new")),
        lambda: store.next_number("s"),
        lambda: store.put_upload(full(UploadRecord, terminal_id="T", batch="1", stan="1")),
        lambda: store.add_transfer(transfer("t", resolves="p")),
    )
    assert store.merchant("m") == MerchantRecord("m", "before")
    assert (store.merchant("n"), store.transfer("t"), store.resolution("p")) == (None, None, None)
    assert store.uploads("T", "1") == []
    assert store.next_number("s") == 1


def test_an_exception_undoes_its_savepoint_and_no_more(store):
    def inner() -> None:
        with store.savepoint():
            store.put_merchant(MerchantRecord("gone", "1"))

    with store.batch():
        with store.savepoint():
            store.put_merchant(MerchantRecord("kept", "1"))
        fail(store.savepoint(), lambda: store.put_merchant(MerchantRecord("kept", "2")), inner)
        store.put_merchant(MerchantRecord("last", "1"))
    assert store.merchant("kept") == MerchantRecord("kept", "1")
    assert (store.merchant("gone"), store.merchant("last")) == (None, MerchantRecord("last", "1"))


def test_a_savepoint_alone_is_a_batch(store):
    fail(store.savepoint(), lambda: store.put_merchant(MerchantRecord("m", "1")))
    with store.savepoint():
        store.put_merchant(MerchantRecord("n", "1"))
    assert (store.merchant("m"), store.merchant("n")) == (None, MerchantRecord("n", "1"))


def play_a_day(place: Place) -> list[bytes]:
    terminal = place.terminal
    with place.store.batch():
        sale = terminal.sale(1000)
        terminal.sale(2000, pin="000000")
    terminal.void(sale)
    preauth = terminal.preauth(5000)
    terminal.follow(Kind.PREAUTH_ADD, preauth, 500)
    completion = terminal.follow(Kind.COMPLETION, preauth, 5200)
    terminal.reverse(completion)
    terminal.refund(terminal.sale(700), 200)
    terminal.offline_sale(300)
    terminal.settle(Totals(1, 1, 0, 0))
    terminal.upload([(sale.stan, 1000)])
    terminal.upload_notice("30", "000090", 60, network="206")
    terminal.end(2, different=True)
    return [place.terminal.repeat().reply.frame]


def test_a_day_ends_the_same_in_every_store(store):
    place, model = open_place(store=store), open_place()
    assert play_a_day(place) == play_a_day(model)
    assert place.host.ledger.prove().faults == ()
    assert list(store.accounts()) == list(model.store.accounts())
    assert list(store.transfers()) == list(model.store.transfers())
    assert list(store.reports()) == list(model.store.reports())
    listed = store.transactions_in_batch("10000001", "000001")
    assert listed == model.store.transactions_in_batch("10000001", "000001")


# --- the file


def test_a_host_goes_on_where_it_stopped(path):
    with SqliteHostStore(path) as store:
        place = open_place(store=store)
        sale = place.terminal.sale(1000)
    with SqliteHostStore(path) as store:
        terminal = place.terminal
        terminal.host = new_host(store, seeded_hsm())
        assert terminal.repeat().reply.frame == sale.reply.frame
        assert terminal.void(sale).code == "00"
        assert terminal.host.ledger.prove().holds
        assert terminal.host.ledger.account(f"card/{place.card}").available == BALANCE


def test_what_was_not_committed_is_gone_and_what_was_is_there(path):
    store = SqliteHostStore(path)
    with store.batch():
        store.put_merchant(MerchantRecord("kept", "1"))
    store._db.execute("BEGIN IMMEDIATE")
    store.put_merchant(MerchantRecord("lost", "1"))
    store._db.close()  # as a kill would
    with SqliteHostStore(path) as again:
        assert (again.merchant("kept"), again.merchant("lost")) == (MerchantRecord("kept", "1"), None)


COUNTING = """
import sys
from posterm.host.records import MerchantRecord
from posterm.runtime.store.sqlite_host import SqliteHostStore
store = SqliteHostStore(sys.argv[1])
while True:
    with store.batch():
        number = store.next_number("count")
        store.put_merchant(MerchantRecord(str(number), "x" * 500))
    print(number, flush=True)
"""


def test_what_a_killed_process_had_committed_is_there_whole(path):
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", COUNTING, str(path)], stdout=subprocess.PIPE, text=True) as child:
            told = [int(child.stdout.readline()) for _ in range(15)]
            child.kill()
            told += [int(line) for line in child.stdout if line.endswith("\n")]
        with SqliteHostStore(path) as store:
            (committed,) = store._db.execute("SELECT last FROM sequences WHERE name = 'count'").fetchone()
            assert committed in (told[-1], told[-1] + 1)
            assert all(store.merchant(str(number)) is not None for number in range(1, committed + 1))


def test_commits_are_on_the_disk_when_they_return(path):
    with SqliteHostStore(path) as store:
        assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_no_card_number_pin_or_key_stands_in_the_file(path):
    with SqliteHostStore(path) as store:
        place = open_place(store=store)
        play_a_day(place)
        written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    pan = PAN.reveal()
    secrets = [
        pan.encode(),
        bytes.fromhex(pan),
        pan[6:12].encode() + pan[12:].encode(),
        TRACK_TAIL[5:].encode(),
        PIN.encode(),
    ]
    secrets += [f"{TRACK_TAIL[1:]}".encode(), bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")]
    assert [place for place, secret in enumerate(secrets) if secret in written] == []
    assert b"621234******1265" in written


def test_a_file_of_a_newer_posterm_is_refused(path):
    SqliteHostStore(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(StoreError, match=f"schema version {SCHEMA_VERSION + 1}") as caught:
        SqliteHostStore(path)
    assert "newer posterm" in caught.value.hint


def test_a_file_that_is_not_a_hosts_is_refused_and_left_alone(path):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE notes (text TEXT)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not one of a posterm host"):
        SqliteHostStore(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"not a database, only some text" * 100)
    with pytest.raises(StoreError, match="cannot open") as caught:
        SqliteHostStore(path)
    assert caught.value.hint == "the file is no SQLite file"


def test_a_directory_that_is_not_there_is_named_in_the_error(tmp_path):
    with pytest.raises(StoreError, match="nowhere") as caught:
        SqliteHostStore(tmp_path / "nowhere" / "host.db")
    assert "directory" in caught.value.hint


def test_a_closed_store_raises_its_own_error(path):
    store = SqliteHostStore(path)
    store.close()
    for call in (
        lambda: store.merchant("m"),
        lambda: store.put_merchant(MerchantRecord("m", "1")),
        lambda: store.next_number("s"),
        lambda: list(store.transfers()),
        lambda: store.batch().__enter__(),
    ):
        with pytest.raises(StoreError):
            call()


def test_the_file_itself_refuses_a_second_end_of_a_hold_and_a_transfer_twice(path):
    with SqliteHostStore(path) as store:
        store.add_transfer(transfer("v", resolves="h"))
        for again in (transfer("w", resolves="h"), transfer("v")):
            with pytest.raises(StoreError, match="cannot write"):
                store.add_transfer(again)


def test_a_full_disk_fails_the_batch_and_the_store_recovers(path):
    with SqliteHostStore(path) as store:
        place = open_place(store=store)
        place.terminal.sale(1000)
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        answers, gave_up = [], False
        try:
            with store.batch():
                answers = [place.terminal.sale(100 + number) for number in range(200)]
        except StoreError:
            gave_up = True
        assert gave_up or {answer.code for answer in answers} <= {"00", "96"}
        store._db.execute("PRAGMA max_page_count = 1000000")
        place.terminal.next_stan = 500
        assert place.terminal.sale(77).code == "00"
        assert place.host.ledger.prove().faults == ()
        approved = sum(100 + at for at, answer in enumerate(answers) if answer.code == "00" and not gave_up)
        assert place.earned == 1077 + approved


def test_times_are_those_the_host_was_given(path):
    with SqliteHostStore(path) as store:
        place = open_place(store=store)
        place.terminal.sale(1000)
        assert {record.at for record in store.transfers() if record.transaction} == {NOW.isoformat()}
