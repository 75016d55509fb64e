"""What only the SQLite file of a host has to show: durability, faults of the disk, and files it must not touch."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from posterm.host.records import MerchantRecord, UploadRecord
from posterm.runtime.errors import StoreError
from posterm.runtime.store.host_tables import SCHEMA_VERSION
from posterm.runtime.store.sqlite_host import SqliteHostStore
from tests.host.hand_terminal import BALANCE, NOW, PAN, PIN, TRACK_TAIL, new_host, open_place, seeded_hsm
from tests.runtime.host_rows import play_a_day, transfer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "host.db"


def kill_within_a_batch(store: SqliteHostStore) -> None:
    store.put_merchant(MerchantRecord("lost", "1"))
    connection(store).close()  # as a kill would


def put_merchants(store: SqliteHostStore, *names: str) -> None:
    for name in names:
        store.put_merchant(MerchantRecord(name, "undone"))


def connection(store: SqliteHostStore) -> sqlite3.Connection:
    return store._database.connection


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
    with pytest.raises(StoreError, match="closed"), store.batch():
        kill_within_a_batch(store)
    with SqliteHostStore(path) as again:
        assert (again.merchant("kept"), again.merchant("lost")) == (MerchantRecord("kept", "1"), None)


def test_a_batch_sees_what_another_connection_has_written_since_the_last_one(path):
    with SqliteHostStore(path) as store, SqliteHostStore(path) as other:
        for name in ("first", "second"):
            with store.batch():
                store.put_merchant(MerchantRecord("shop", name))
        with store.batch():
            assert store.merchant("shop") == MerchantRecord("shop", "second")
        other.put_merchant(MerchantRecord("shop", "third"))
        with store.batch():
            assert store.merchant("shop") == MerchantRecord("shop", "third")


def test_a_row_is_read_once_while_nobody_else_writes(path):
    with SqliteHostStore(path) as store:
        store.put_merchant(MerchantRecord("shop", "1"))
        with store.batch():
            assert store.merchant("shop") is not None
        statements: list[str] = []
        connection(store).set_trace_callback(statements.append)
        with store.batch():
            assert store.merchant("shop") == MerchantRecord("shop", "1")
        assert [statement for statement in statements if "merchants" in statement] == []


def test_what_a_batch_undid_is_not_kept_for_the_next_one(path):
    with SqliteHostStore(path) as store:
        store.put_merchant(MerchantRecord("shop", "before"))
        with pytest.raises(StoreError, match="Unicode"), store.batch():
            put_merchants(store, "shop", "new", "bad\0")
        with store.batch():
            assert (store.merchant("shop"), store.merchant("new")) == (MerchantRecord("shop", "before"), None)


COUNTING = """
import sys
from posterm.host.records import MerchantRecord, UploadRecord
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
            (committed,) = connection(store).execute("SELECT last FROM sequences WHERE name = 'count'").fetchone()
            assert committed in (told[-1], told[-1] + 1)
            assert all(store.merchant(str(number)) is not None for number in range(1, committed + 1))


def test_commits_are_on_the_disk_when_they_return(path):
    with SqliteHostStore(path) as store:
        assert connection(store).execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection(store).execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_batch_asks_once_for_the_rows_of_all_its_requests(path):
    place = open_place()
    sales = [place.terminal.sale(1000 + number) for number in range(8)]
    frames = place.terminal.frames[-len(sales) :]
    asked: list[str] = []
    with SqliteHostStore(path) as store:
        host = open_place(store=store).host
        connection(store).set_trace_callback(asked.append)
        with store.batch():
            replies = host.handle_all(frames, place.terminal.now)
        connection(store).set_trace_callback(None)
    assert replies == [sale.reply for sale in sales]
    for table in ("transactions", "transfers"):
        assert sum(statement.startswith("SELECT") and f"FROM {table} " in statement for statement in asked) == 1


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
        lambda: store.snapshot().__enter__(),
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
        pages = connection(store).execute("PRAGMA page_count").fetchone()[0]
        connection(store).execute(f"PRAGMA max_page_count = {pages}")
        answers, gave_up = [], False
        try:
            with store.batch():
                answers = [place.terminal.sale(100 + number) for number in range(200)]
        except StoreError:
            gave_up = True
        assert gave_up or {answer.code for answer in answers} <= {"00", "96"}
        connection(store).execute("PRAGMA max_page_count = 1000000")
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


@pytest.mark.parametrize("text", ["a\0b", "\ud800"], ids=["zero byte", "half a character"])
def test_text_that_no_database_takes_undoes_its_own_request_only(path, text):
    def bad() -> None:
        with store.savepoint():
            store.put_merchant(MerchantRecord("n", text))

    with SqliteHostStore(path) as store:
        with store.batch():
            store.put_merchant(MerchantRecord("m", "1"))
            with pytest.raises(StoreError, match="not Unicode"):
                bad()
        assert (store.merchant("m"), store.merchant("n")) == (MerchantRecord("m", "1"), None)


def test_a_number_too_large_for_the_file_fails_the_batch_with_the_stores_own_error(path):
    with SqliteHostStore(path) as store:
        with pytest.raises(StoreError, match="cannot write"):
            store.put_upload(UploadRecord("T", "1", "1", "", 2**64))
        assert store.uploads("T", "1") == []
