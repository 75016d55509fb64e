"""A terminal's documents in one SQLite file.

Write-ahead log with `synchronous=FULL`: `commit` returns when the changes are on the disk, and after a power cut they
are there whole or not at all. One process at a time: a second one is refused at once instead of waiting.

Source: SQLite documentation, WAL mode and atomic commit.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from posterm.runtime.errors import StoreError
from posterm.terminal import Change

SCHEMA_VERSION = 1
_BUSY_TIMEOUT_S = 0.5
_SCHEMA = """
CREATE TABLE document (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, key)
) STRICT
"""


class SqliteTerminalStore:
    """The embedded default of a terminal's store.

    Args:
        path: the database file; its folder is made when there is none.
    Raises: StoreError: it cannot be opened, another process has it, or a newer posterm made it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot open the terminal's store {path}: {error.strerror}") from None
        try:
            self._connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        except sqlite3.Error as error:
            raise StoreError(f"cannot open the terminal's store {path}: {error}") from None
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise StoreError(
                    f"another process uses the terminal's store {path}",
                    hint="wait for it, or give this terminal its own store",
                ) from None
            raise StoreError(f"cannot open the terminal's store {path}: {error}") from None

    def _prepare(self) -> None:
        execute = self._connection.execute
        # Two processes on one journal would take the same trace numbers: the first one holds the file for itself.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        (version,) = execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            self._connection.close()
            raise StoreError(
                f"{self._path} was made by a newer posterm (schema {version}, this knows {SCHEMA_VERSION})"
            )
        execute("BEGIN IMMEDIATE")
        if version == 0:
            execute(_SCHEMA)
            execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        execute("COMMIT")

    def load(self) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
        """Every document, in the order in which each was first put. Raises: StoreError."""
        try:
            rows = self._connection.execute("SELECT kind, key, body FROM document ORDER BY sequence").fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"cannot read the terminal's store {self._path}: {error}") from None
        return [(kind, key, json.loads(body)) for kind, key, body in rows]

    def commit(self, changes: Iterable[Change]) -> None:
        """All changes or none, on the disk when this returns. Raises: StoreError; then nothing was changed."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for change in changes:
                    self._apply(change)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreError(f"cannot write the terminal's store {self._path}: {error}") from None

    def _apply(self, change: Change) -> None:
        if change.document is None:
            self._connection.execute("DELETE FROM document WHERE kind = ? AND key = ?", (change.kind, change.key))
        else:
            self._connection.execute(
                "INSERT INTO document (kind, key, body) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
                (change.kind, change.key, json.dumps(change.document, sort_keys=True, ensure_ascii=False)),
            )

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
