"""The host killed at any moment, its disk full, its store locked: what was answered is kept, and nothing is damaged."""

from __future__ import annotations

import random
import sqlite3
import threading
from pathlib import Path

import pytest

from posterm.host import Ledger
from posterm.runtime.errors import StoreError
from posterm.runtime.store.host_store import FILE_NAME
from posterm.runtime.store.sql_host import SqlHostStore
from posterm.runtime.store.sqlite_host import SqliteHostStore
from tests.host.hand_terminal import HandTerminal, new_host
from tests.runtime.killed_host import HostProcess, Place, at_work, compare, open_tills, own_hsm
from tests.runtime.served_host import ANSWER_S, ECHO, play, read_frame, served_store

TILLS = 6


def kill_again_and_again(folder: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    place = Place(folder)
    tills = open_tills(place, TILLS, seed)
    host = HostProcess(place)
    for _ in range(rounds):
        host.start()
        with at_work(tills, host.port) as answered:
            assert answered.wait(ANSWER_S)
            threading.Event().wait(chance.random() * 0.15)
            host.kill()
        compare(place, tills)
    host.start()
    with at_work(tills, host.port) as answered:
        assert answered.wait(ANSWER_S)
    host.stop()
    compare(place, tills)
    assert all(till.unanswered is None for till in tills)
    assert sum(till.answers for till in tills) > rounds


def test_a_host_killed_under_load_has_what_it_answered_and_nothing_else(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=3, seed=20_611)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(3))
def test_a_host_killed_a_hundred_times_has_what_it_answered_and_nothing_else(tmp_path: Path, seed: int) -> None:
    kill_again_and_again(tmp_path, rounds=40, seed=seed)


def test_a_host_whose_disk_is_full_answers_nobody_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    place = Place(tmp_path)
    tills = open_tills(place, TILLS, seed=3)
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    host = HostProcess(place, largest_file=size + 100_000)
    host.start()
    with at_work(tills, host.port):
        pass
    while any(till.unanswered is None for till in tills):  # each has met the full disk
        with at_work(tills, host.port) as answered:
            assert answered.wait(ANSWER_S)
            threading.Event().wait(0.2)
    host.stop()
    compare(place, tills)
    host = HostProcess(place)
    host.start()
    with at_work(tills, host.port) as answered:
        assert answered.wait(ANSWER_S)
        threading.Event().wait(0.2)
    host.stop()
    assert all(till.unanswered is None for till in tills)
    compare(place, tills)


def test_a_locked_store_closes_connections_and_is_taken_up_again(tmp_path: Path) -> None:
    async def scene() -> None:
        store = SqliteHostStore(tmp_path / FILE_NAME)
        async with served_store(store) as host:
            assert await host.echo() == "00"
            store._database.connection.execute("PRAGMA busy_timeout = 20")
            other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            reader, writer = await host.connect()
            writer.write(ECHO)
            assert await read_frame(reader) == b""
            writer.close()
            assert "commit-failed" in host.told
            assert "locked" in host.service.store_fault
            other.execute("ROLLBACK")
            other.close()
            assert await host.echo() == "00"
            assert host.service.store_fault == ""
        store.close()

    play(scene)


def sell_until_it_fails(store: SqlHostStore, terminal: HandTerminal) -> tuple[int, StoreError]:
    """A sale a batch. Returns: how many were kept, and why the next was not."""
    for kept in range(10_000):
        try:
            with store.batch():
                assert terminal.sale(100).code == "00"
        except StoreError as error:
            return kept, error
    raise AssertionError("nothing failed")


def test_a_store_that_may_not_grow_fails_whole_batches_and_nothing_of_them_is_kept(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (till,) = open_tills(place, 1, seed=4)
    with place.open() as store:
        connection = store._database.connection  # type: ignore[attr-defined]
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        till.terminal.host = new_host(store, own_hsm())
        kept, fault = sell_until_it_fails(store, till.terminal)
        assert fault.hint == "the disk is full"
        terminal = till.terminal
        assert len(store.transactions_in_batch(terminal.terminal_id, terminal.batch)) == kept
        assert Ledger(store).prove().faults == ()
        connection.execute("PRAGMA max_page_count = 1000000")
        assert till.terminal.sale(100).code == "00"
