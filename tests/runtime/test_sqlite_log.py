"""The write-ahead log of a host's file is put into it while batches go on, and nobody notices."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from posterm.host.records import MerchantRecord
from posterm.runtime.store import sqlite_log
from posterm.runtime.store.sqlite_host import SqliteHostStore

BATCHES = 5_000
"""So many that a thread gets its turn, however busy the machine."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "host.db"


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_log, "ROWS_AT_ONCE", 20)


def times_begun_anew(path: Path) -> int:
    """The checkpoint sequence number in the log's header. Source: SQLite documentation, WAL file format."""
    with path.with_name(path.name + "-wal").open("rb") as log:
        return int.from_bytes(log.read(16)[12:])


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sqlite-log"]


def write_until_begun_anew(store: SqliteHostStore, path: Path, first: int = 0) -> int:
    """Batches of one row, until the log has begun anew. Returns: how many."""
    before = times_begun_anew(path) if first else 0
    for number in range(first, first + BATCHES):
        store.put_merchant(MerchantRecord(f"{number}", "x" * 500))
        if times_begun_anew(path) > before:
            return number + 1
    raise AssertionError(f"the log has grown for {BATCHES} batches")


def all_there(path: Path, count: int) -> bool:
    with SqliteHostStore(path) as store:
        return {merchant.merchant_id for merchant in store.merchants()} >= {f"{number}" for number in range(count)}


@pytest.mark.usefixtures("eager")
def test_the_log_begins_anew_while_batches_go_on_and_nothing_is_lost(path):
    with SqliteHostStore(path) as store:
        count = write_until_begun_anew(store, path)
        count = write_until_begun_anew(store, path, count)
    assert all_there(path, count)


@pytest.mark.usefixtures("eager")
def test_rows_stay_known_from_batch_to_batch(path):
    with SqliteHostStore(path) as store:
        store.put_merchant(MerchantRecord("shop", "1"))
        with store.batch():
            assert store.merchant("shop") is not None
        statements: list[str] = []
        store._database.connection.set_trace_callback(statements.append)
        write_until_begun_anew(store, path)
        with store.batch():
            assert store.merchant("shop") == MerchantRecord("shop", "1")
        assert [statement for statement in statements if statement.startswith("SELECT")] == []


def test_a_store_that_is_written_little_has_no_thread(path):
    with SqliteHostStore(path) as store:
        with store.batch():
            for number in range(sqlite_log.ROWS_AT_ONCE - 1):
                store.put_merchant(MerchantRecord(f"{number}", "x"))
        assert threads() == []


@pytest.mark.usefixtures("eager")
def test_the_thread_ends_with_the_store(path):
    for _ in range(2):
        with SqliteHostStore(path) as store:
            for number in range(100):
                store.put_merchant(MerchantRecord(f"{number}", "x"))
            assert len(threads()) == 1
        assert threads() == []


@pytest.mark.usefixtures("eager")
def test_a_disk_that_fails_the_thread_fails_no_batch(path, monkeypatch):
    tried = threading.Semaphore(0)

    def fail(_copier: sqlite_log.LogCopier) -> bool:
        tried.release()
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch, SqliteHostStore(path) as store:
        patch.setattr(sqlite_log.LogCopier, "_copy", fail)
        for number in range(60):
            store.put_merchant(MerchantRecord(f"{number}", "x"))
        assert tried.acquire(timeout=60)
        patch.undo()
        for number in range(60, 100):
            store.put_merchant(MerchantRecord(f"{number}", "x"))
        assert times_begun_anew(path) or write_until_begun_anew(store, path, 100)
    assert all_there(path, 100)


@pytest.mark.usefixtures("eager")
def test_a_reader_keeps_what_it_reads_and_the_log_until_it_is_done(path):
    with SqliteHostStore(path) as store, SqliteHostStore(path) as reader:
        store.put_merchant(MerchantRecord("0", "x"))
        with reader.snapshot():
            assert [merchant.merchant_id for merchant in reader.merchants()] == ["0"]
            for number in range(1, 200):
                store.put_merchant(MerchantRecord(f"{number}", "x"))
            assert [merchant.merchant_id for merchant in reader.merchants()] == ["0"]
            assert times_begun_anew(path) == 0
        count = write_until_begun_anew(store, path, 200)
    assert all_there(path, count)


@pytest.mark.usefixtures("eager")
def test_a_file_that_is_gone_is_not_made_again(path):
    copier = sqlite_log.LogCopier(str(path))
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        copier._copy()
    assert not path.exists()


def test_what_cannot_be_copied_at_the_end_is_no_fault_of_the_batch(path):
    copier = sqlite_log.LogCopier(str(path))
    copier._rest_is_small = True
    with closing(sqlite3.connect(path)) as connection:
        pass
    copier.finish(connection)
    assert not copier._rest_is_small


COUNTING = """
import sys
from posterm.host.records import MerchantRecord
from posterm.runtime.store import sqlite_log
from posterm.runtime.store.sqlite_host import SqliteHostStore
sqlite_log.ROWS_AT_ONCE = 10
store = SqliteHostStore(sys.argv[1])
while True:
    with store.batch():
        number = store.next_number("count")
        store.put_merchant(MerchantRecord(str(number - 1), "x" * 500))
    print(number, flush=True)
"""


def test_what_a_process_had_committed_is_there_when_it_is_killed_while_the_log_is_copied(path):
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", COUNTING, str(path)], stdout=subprocess.PIPE, text=True) as child:
            told = [int(child.stdout.readline()) for _ in range(150)]
            child.kill()
            told += [int(line) for line in child.stdout if line.endswith("\n")]
        assert all_there(path, told[-1])
