"""Failed verifications by subject, in one SQLite file: a budget that was used up stays so after a restart.

Only failures write, with `synchronous=FULL`: what was counted is on the disk before the caller is answered. Every
verification asks, so what the file holds is kept in memory too. A subject is a keyed fingerprint; no card number stands
in here.

Source: SQLite documentation, WAL mode, STRICT and WITHOUT ROWID tables.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from posterm.runtime.errors import StoreError

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE failures (
    subject TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""
_COUNT = (
    "INSERT INTO failures (subject, count, last_at) VALUES (?, 1, ?)"
    " ON CONFLICT (subject) DO UPDATE SET count = count + 1, last_at = excluded.last_at"
)
_NONE = (0, 0)


class SqliteBudgets:
    """Counts of failures. One process at a time.

    Raises: StoreError: it cannot be opened, or a newer posterm made it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            _make_private(path)
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._prepare()
            rows = self._connection.execute("SELECT subject, count, last_at FROM failures")
            self._counted: dict[str, tuple[int, int]] = {subject: (count, at) for subject, count, at in rows}
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot open the budgets {path}: {error}") from None

    def _prepare(self) -> None:
        execute = self._connection.execute
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

    def failures(self, subject: str) -> tuple[int, int]:
        """How many there were, and when the last one was, in seconds."""
        return self._counted.get(subject, _NONE)

    def record_failure(self, subject: str, now: int) -> None:
        """Count one more; it is on the disk when this returns. Raises: StoreError."""
        self._write(_COUNT, (subject, now))
        self._counted[subject] = (self.failures(subject)[0] + 1, now)

    def clear(self, subject: str) -> None:
        """Forget a subject's failures; writes only when there are some. Raises: StoreError."""
        if subject in self._counted:
            self._write("DELETE FROM failures WHERE subject = ?", (subject,))
            del self._counted[subject]

    def _write(self, statement: str, values: tuple[str | int, ...]) -> None:
        try:
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise StoreError(f"cannot write the budgets {self._path}: {error}") from None

    def close(self) -> None:
        self._connection.close()


def _make_private(path: Path) -> None:
    """The file, for its owner alone; SQLite gives the files it keeps beside it the same mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
