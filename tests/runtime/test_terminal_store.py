"""The terminal's store on disk: all or nothing, one process, and nothing that can be read by a thief."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from posterm.runtime.errors import StoreError
from posterm.runtime.store.sqlite_terminal import SCHEMA_VERSION, SqliteTerminalStore
from posterm.terminal import Change


def contents(store: SqliteTerminalStore) -> dict[tuple[str, str], object]:
    return {(kind, key): dict(document) for kind, key, document in store.load()}


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "terminal.sqlite"
    with SqliteTerminalStore(path) as store:
        store.commit([Change("journal", "1", {"a": 1}), Change("journal", "2", {"b": "消费"})])
        store.commit([Change("journal", "1", None), Change("registers", "1", {"c": None})])
    with SqliteTerminalStore(path) as store:
        assert contents(store) == {("journal", "2"): {"b": "消费"}, ("registers", "1"): {"c": None}}


def test_documents_come_back_in_the_order_they_were_first_put(tmp_path: Path) -> None:
    with SqliteTerminalStore(tmp_path / "t.sqlite") as store:
        for key in ("9", "1", "5"):
            store.commit([Change("journal", key, {})])
        store.commit([Change("journal", "9", {"changed": True})])
        assert [key for _, key, _ in store.load()] == ["9", "1", "5"]


def test_a_commit_that_fails_leaves_nothing_of_itself(tmp_path: Path) -> None:
    with SqliteTerminalStore(tmp_path / "t.sqlite") as store:
        store.commit([Change("journal", "1", {"a": 1})])
        with pytest.raises(TypeError):
            store.commit([Change("journal", "1", None), Change("journal", "2", {"bad": object()})])
        assert contents(store) == {("journal", "1"): {"a": 1}}


def test_a_second_process_is_refused_at_once_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    program = (
        "import sys\nfrom pathlib import Path\nfrom posterm.runtime.errors import StoreError\n"
        "from posterm.runtime.store.sqlite_terminal import SqliteTerminalStore\n"
        "try:\n    SqliteTerminalStore(Path(sys.argv[1]))\nexcept StoreError as error:\n"
        "    print(error, '|', error.hint)"
    )
    with SqliteTerminalStore(path):
        done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert "another process uses" in done.stdout
    assert "wait for it" in done.stdout


def test_a_store_of_a_newer_posterm_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    SqliteTerminalStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(StoreError, match="newer posterm"):
        SqliteTerminalStore(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="cannot open"):
        SqliteTerminalStore(path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot open"):
        SqliteTerminalStore(tmp_path / "file" / "t.sqlite")
