"""The host's rows in one SQLite file: what `batch()` ended is on the disk.

Write-ahead log with `synchronous=FULL`: a commit returns when the log is on the disk, and `sqlite_log` puts the log
into the file. One connection, one thread. For several host processes on one ledger there is `postgres_host`.

The schema version stands in `user_version`. A file of an older one is brought up to date when it is opened, in one
transaction; a file of a newer one is refused.

Source: SQLite documentation, WAL mode, PRAGMA user_version.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from posterm.runtime.errors import StoreError
from posterm.runtime.store.host_migrations import SQLITE_STEPS
from posterm.runtime.store.host_tables import SCHEMA_VERSION, Flavour, schema
from posterm.runtime.store.sql_host import SqlHostStore
from posterm.runtime.store.sqlite_log import LogCopier
from posterm.runtime.store.unit_of_work import Row, Writes

SQLITE: Final = Flavour(
    mark="?",
    text="TEXT",
    integer="INTEGER",
    counted="INTEGER PRIMARY KEY",
    plain_end=" STRICT, WITHOUT ROWID",
    counted_end=" STRICT",
)
_BUSY_TIMEOUT_S: Final = 5.0
_KEPT_STATEMENTS: Final = 256
_LOG_PAGES: Final = 64_000
"""Pages the log may have before a COMMIT puts them into the file. `sqlite_log` does it long before, out of its way."""
_CACHE_KIB: Final = 65_536
"""Pages kept in memory, at most: the inner pages of every index of a ledger of millions of transfers."""


class SqliteHostStore(SqlHostStore):
    """A `HostStore` in a file. Raises: StoreError: it cannot be opened, is of a newer posterm, or not a host's."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(SqliteDatabase(path))


class SqliteDatabase:
    """One connection to one file."""

    flavour = SQLITE

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        self._data_version: Row | None = None
        self._log = LogCopier(self.name)
        with self._translated("open"):
            self.connection = sqlite3.connect(
                self.name, timeout=_BUSY_TIMEOUT_S, isolation_level=None, cached_statements=_KEPT_STATEMENTS
            )
        try:
            with self._translated("open"):
                self._prepare()
        except StoreError:
            self.connection.close()
            raise

    def close(self) -> None:
        self._log.close()
        with self._translated("close"):
            self.connection.close()

    def one(self, statement: str, values: Row) -> Row | None:
        try:
            found: Row | None = self.connection.execute(statement, values).fetchone()
        except sqlite3.Error as error:
            raise self._fault("read", error) from None
        return found

    def all(self, statement: str, values: Row) -> list[Row]:
        try:
            return self.connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._fault("read", error) from None

    def begin(self) -> bool:
        """Source: SQLite documentation, PRAGMA data_version: it changes when another connection has committed."""
        with self._translated("begin"):
            self._log.finish(self.connection)
            self.connection.execute("BEGIN IMMEDIATE")
            before, self._data_version = self._data_version, self.connection.execute("PRAGMA data_version").fetchone()
        return before == self._data_version

    def begin_snapshot(self) -> None:
        with self._translated("begin"):
            self.connection.execute("BEGIN")

    def commit(self, writes: Writes) -> None:
        with self._translated("write"):
            for statement, rows in writes:
                self.connection.executemany(statement, rows)
        with self._translated("commit"):
            self.connection.execute("COMMIT")
        self._log.wrote(sum(len(rows) for _, rows in writes))

    def roll_back(self) -> None:
        """Undo, even where SQLite has rolled back by itself already."""
        with self._translated("undo"):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def next_number(self, sequence: str) -> int | None:  # noqa: ARG002
        return None

    def _prepare(self) -> None:
        """Make the tables of a new file, or bring an older one up to date."""
        version = self._version()  # before anything is changed in a file that is not ours
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        self.connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if version == SCHEMA_VERSION:
            return
        self.connection.execute("BEGIN IMMEDIATE")
        version = self._version()  # another process may have been faster
        steps = schema(SQLITE) if not version else ()
        for past in range(version, SCHEMA_VERSION) if version else ():
            steps += SQLITE_STEPS[past]
        for statement in steps:
            self.connection.execute(statement)
        self.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self.connection.execute("COMMIT")

    def _version(self) -> int:
        """The schema version, 0 for an empty file."""
        version = int(self.connection.execute("PRAGMA user_version").fetchone()[0])
        if not version and self.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise StoreError(f"{self.name} is an SQLite file, but not one of a posterm host")
        if version not in range(SCHEMA_VERSION + 1):
            raise StoreError(
                f"{self.name} has schema version {version}, this posterm knows {SCHEMA_VERSION}",
                hint="it was made by a newer posterm; use that one, or another file",
            )
        return version

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError) as error:
            raise self._fault(doing, error) from None

    def _fault(self, doing: str, error: Exception) -> StoreError:
        return StoreError(f"{self.name}: cannot {doing}: {error}", hint=_hint(error))


def _hint(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    hints = {
        "SQLITE_FULL": "the disk is full",
        "SQLITE_BUSY": "another process has the file open",
        "SQLITE_LOCKED": "another process has the file open",
        "SQLITE_CANTOPEN": "does the directory exist, and may it be written?",
        "SQLITE_READONLY": "may the file be written?",
        "SQLITE_NOTADB": "the file is no SQLite file",
    }
    return hints.get(name, "")
