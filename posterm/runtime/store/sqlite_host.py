"""The host's rows in one SQLite file: what `batch()` ended is on the disk.

Write-ahead log with `synchronous=FULL`: a commit returns when the log is on the disk. Each record type is a table of
its fields; statements are built once from them, and reading goes by primary key. One connection, one thread; several
host processes on one file are not what this is for.

The schema version stands in `user_version`; a file of a newer one is refused.

Source: SQLite documentation, WAL mode, STRICT and WITHOUT ROWID tables.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Generic, TypeVar, get_type_hints

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

SCHEMA_VERSION = 1
_BUSY_TIMEOUT_S = 5.0
_KEPT_STATEMENTS = 256

Record = TypeVar("Record")


class _Table(Generic[Record]):
    """One record type as a table: its statements, and the way between a row and a record."""

    def __init__(self, name: str, record: type[Record], key: tuple[str, ...], *, numbered: bool = False) -> None:
        hints = get_type_hints(record)
        self.record = record
        self.names = tuple(field.name for field in fields(record))  # type: ignore[arg-type]
        self.kinds = tuple(hints[name] for name in self.names)
        self._texts = tuple(place for place, kind in enumerate(self.kinds) if kind not in (str, int, bool))
        self._flags = tuple(place for place, kind in enumerate(self.kinds) if kind is bool)
        listed = ", ".join(f'"{column}"' for column in self.names)  # some are words of SQL
        marks = ", ".join("?" * len(self.names))
        changed = ", ".join(f'"{column}" = excluded."{column}"' for column in self.names if column not in key)
        insert = f"INSERT INTO {name} ({listed}) VALUES ({marks})"  # noqa: S608 - names are this module's own
        self.select = f"SELECT {listed} FROM {name}"  # noqa: S608
        self.by_key = f"{self.select} WHERE " + " AND ".join(f"{column} = ?" for column in key)
        self.put = f"{insert} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"
        self.add = insert
        columns = ", ".join(f'"{column}" {_column(kind)}' for column, kind in zip(self.names, self.kinds, strict=True))
        number = "number INTEGER PRIMARY KEY, " if numbered else ""
        unique = f"{'UNIQUE' if numbered else 'PRIMARY KEY'} ({', '.join(key)})"
        self.create = f"CREATE TABLE {name} ({number}{columns}, {unique}) STRICT" + (
            "" if numbered else ", WITHOUT ROWID"
        )

    def row(self, record: Record) -> tuple[Any, ...]:
        values = [getattr(record, name) for name in self.names]
        for place in self._texts:
            values[place] = json.dumps(values[place], ensure_ascii=False) if values[place] else ""
        return tuple(values)

    def build(self, row: tuple[Any, ...]) -> Record:
        values = list(row)
        for place in self._texts:
            values[place] = tuple(json.loads(values[place])) if values[place] else ()
        for place in self._flags:
            values[place] = bool(values[place])
        return self.record(*values)


def _column(kind: type) -> str:
    return "INTEGER NOT NULL" if kind in (int, bool) else "TEXT NOT NULL"


_MERCHANTS = _Table("merchants", MerchantRecord, ("merchant_id",))
_TERMINALS = _Table("terminals", TerminalRecord, ("terminal_id",))
_CARDS = _Table("cards", CardRecord, ("fingerprint",))
_ACCOUNTS = _Table("accounts", AccountRecord, ("account_id",))
_TRANSFERS = _Table("transfers", TransferRecord, ("transfer_id",), numbered=True)
_TRANSACTIONS = _Table("transactions", TransactionRecord, ("ref",), numbered=True)
_EXCHANGES = _Table("exchanges", ExchangeRecord, ("ref",))
_BATCHES = _Table("batches", BatchRecord, ("terminal_id", "batch"))
_UPLOADS = _Table("uploads", UploadRecord, ("terminal_id", "batch", "stan"))
_REPORTS = _Table("reports", SettlementReport, ("terminal_id", "batch"))
_TABLES: tuple[_Table[Any], ...] = (
    _MERCHANTS,
    _TERMINALS,
    _CARDS,
    _ACCOUNTS,
    _TRANSFERS,
    _TRANSACTIONS,
    _EXCHANGES,
    _BATCHES,
    _UPLOADS,
    _REPORTS,
)
_SCHEMA = (
    *(table.create for table in _TABLES),
    "CREATE TABLE sequences (name TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    # A pending transfer ends once: the ledger looks, and the file would refuse.
    "CREATE UNIQUE INDEX transfers_by_resolved ON transfers (resolves) WHERE resolves <> ''",
    "CREATE INDEX transactions_by_batch ON transactions (terminal_id, batch)",
    "CREATE INDEX transactions_by_rrn ON transactions (rrn)",
    "CREATE INDEX transactions_by_auth_code ON transactions (auth_code, merchant_id) WHERE auth_code <> ''",
    "CREATE INDEX batches_open ON batches (terminal_id, batch) WHERE open = 1",
)
_NEXT = (
    "INSERT INTO sequences (name, last) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET last = last + 1 RETURNING last"
)
_BY_RESOLVED = f"{_TRANSFERS.select} WHERE resolves = ? AND resolves <> ''"
_BY_RRN = f"{_TRANSACTIONS.select} WHERE rrn = ? AND merchant_id = ? ORDER BY ref"
_BY_AUTH_CODE = f"{_TRANSACTIONS.select} WHERE auth_code = ? AND merchant_id = ? AND auth_code <> '' ORDER BY ref"
_IN_BATCH = f"{_TRANSACTIONS.select} WHERE terminal_id = ? AND batch = ? ORDER BY ref"
_OPEN_BATCHES = f"{_BATCHES.select} WHERE open = 1 ORDER BY terminal_id, batch"
_UPLOADED = f"{_UPLOADS.select} WHERE terminal_id = ? AND batch = ? ORDER BY stan"


class SqliteHostStore:
    """A `HostStore` in a file. Close it when done; it is its own context manager.

    Raises: StoreError: from every method, when the file cannot be opened, read or written.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._depth = 0
        with self._translated("open"):
            self._db = sqlite3.connect(
                self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, cached_statements=_KEPT_STATEMENTS
            )
        try:
            with self._translated("open"):
                self._prepare()
        except StoreError:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file. What was not committed is gone."""
        with self._translated("close"):
            self._db.close()

    def __enter__(self) -> SqliteHostStore:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All or nothing, on the disk when it ends."""
        with self._translated("begin"):
            self._db.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
            with self._translated("commit"):
                self._db.execute("COMMIT")
        except BaseException:
            self._roll_back("ROLLBACK")
            raise
        finally:
            self._depth -= 1

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """All or nothing within a batch; outside one, a batch of its own."""
        if not self._depth:
            with self.batch():
                yield
            return
        if not self._db.in_transaction:
            # SQLite gives up a whole transaction on some faults; what follows must not run outside one.
            raise StoreError(f"{self._path}: the batch was given up after an earlier fault")
        name = f"s{self._depth}"
        with self._translated("savepoint"):
            self._db.execute(f"SAVEPOINT {name}")
        self._depth += 1
        try:
            yield
            with self._translated("release"):
                self._db.execute(f"RELEASE {name}")
        except BaseException:
            self._roll_back(f"ROLLBACK TO {name}", f"RELEASE {name}")
            raise
        finally:
            self._depth -= 1

    def next_number(self, sequence: str) -> int:
        with self._translated("number"):
            return int(self._db.execute(_NEXT, (sequence,)).fetchone()[0])

    def merchant(self, merchant_id: str) -> MerchantRecord | None:
        return self._one(_MERCHANTS, merchant_id)

    def put_merchant(self, record: MerchantRecord) -> None:
        self._put(_MERCHANTS, record)

    def terminal(self, terminal_id: str) -> TerminalRecord | None:
        return self._one(_TERMINALS, terminal_id)

    def put_terminal(self, record: TerminalRecord) -> None:
        self._put(_TERMINALS, record)

    def terminals(self) -> Iterable[TerminalRecord]:
        return self._all(_TERMINALS, f"{_TERMINALS.select} ORDER BY terminal_id")

    def card(self, fingerprint: str) -> CardRecord | None:
        return self._one(_CARDS, fingerprint)

    def put_card(self, record: CardRecord) -> None:
        self._put(_CARDS, record)

    def account(self, account_id: str) -> AccountRecord | None:
        return self._one(_ACCOUNTS, account_id)

    def put_account(self, record: AccountRecord) -> None:
        self._put(_ACCOUNTS, record)

    def accounts(self) -> Iterable[AccountRecord]:
        return self._all(_ACCOUNTS, f"{_ACCOUNTS.select} ORDER BY account_id")

    def transfer(self, transfer_id: str) -> TransferRecord | None:
        return self._one(_TRANSFERS, transfer_id)

    def add_transfer(self, record: TransferRecord) -> None:
        with self._translated("write"):
            self._db.execute(_TRANSFERS.add, _TRANSFERS.row(record))

    def transfers(self) -> Iterable[TransferRecord]:
        """All of them in order, read as they are asked for."""
        with self._translated("read"):
            for row in self._db.execute(f"{_TRANSFERS.select} ORDER BY number"):
                yield _TRANSFERS.build(row)

    def resolution(self, transfer_id: str) -> TransferRecord | None:
        found = self._all(_TRANSFERS, _BY_RESOLVED, transfer_id)
        return found[0] if found else None

    def transaction(self, ref: str) -> TransactionRecord | None:
        return self._one(_TRANSACTIONS, ref)

    def put_transaction(self, record: TransactionRecord) -> None:
        self._put(_TRANSACTIONS, record)

    def transactions_by_rrn(self, merchant_id: str, rrn: str) -> list[TransactionRecord]:
        return self._all(_TRANSACTIONS, _BY_RRN, rrn, merchant_id)

    def transactions_by_auth_code(self, merchant_id: str, auth_code: str) -> list[TransactionRecord]:
        return self._all(_TRANSACTIONS, _BY_AUTH_CODE, auth_code, merchant_id)

    def transactions_in_batch(self, terminal_id: str, batch: str) -> list[TransactionRecord]:
        return self._all(_TRANSACTIONS, _IN_BATCH, terminal_id, batch)

    def exchange(self, ref: str) -> ExchangeRecord | None:
        return self._one(_EXCHANGES, ref)

    def put_exchange(self, record: ExchangeRecord) -> None:
        self._put(_EXCHANGES, record)

    def batch_record(self, terminal_id: str, batch: str) -> BatchRecord | None:
        return self._one(_BATCHES, terminal_id, batch)

    def put_batch_record(self, record: BatchRecord) -> None:
        self._put(_BATCHES, record)

    def open_batches(self) -> list[BatchRecord]:
        return self._all(_BATCHES, _OPEN_BATCHES)

    def put_upload(self, record: UploadRecord) -> None:
        self._put(_UPLOADS, record)

    def uploads(self, terminal_id: str, batch: str) -> list[UploadRecord]:
        return self._all(_UPLOADS, _UPLOADED, terminal_id, batch)

    def report(self, terminal_id: str, batch: str) -> SettlementReport | None:
        return self._one(_REPORTS, terminal_id, batch)

    def put_report(self, record: SettlementReport) -> None:
        self._put(_REPORTS, record)

    def reports(self) -> Iterable[SettlementReport]:
        return self._all(_REPORTS, f"{_REPORTS.select} ORDER BY terminal_id, batch")

    def _prepare(self) -> None:
        """Make the tables of a new file. Raises: StoreError: another version, or not a host's file."""
        self._version()  # before anything is changed in a file that is not ours
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("BEGIN IMMEDIATE")
        if not self._version():
            for statement in _SCHEMA:
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._db.execute("COMMIT")

    def _version(self) -> int:
        """The schema version, 0 for an empty file."""
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if not version and self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise StoreError(f"{self._path} is an SQLite file, but not one of a posterm host")
        if version not in (0, SCHEMA_VERSION):
            raise StoreError(
                f"{self._path} has schema version {version}, this posterm knows {SCHEMA_VERSION}",
                hint="it was made by a newer posterm; use that one, or another file",
            )
        return version

    def _one(self, table: _Table[Record], *key: str) -> Record | None:
        try:
            row = self._db.execute(table.by_key, key).fetchone()
        except sqlite3.Error as error:
            raise self._fault("read", error) from None
        return None if row is None else table.build(row)

    def _all(self, table: _Table[Record], statement: str, *key: str) -> list[Record]:
        try:
            rows = self._db.execute(statement, key).fetchall()
        except sqlite3.Error as error:
            raise self._fault("read", error) from None
        return [table.build(row) for row in rows]

    def _put(self, table: _Table[Record], record: Record) -> None:
        try:
            self._db.execute(table.put, table.row(record))
        except sqlite3.Error as error:
            raise self._fault("write", error) from None

    def _roll_back(self, *statements: str) -> None:
        """Undo, even where SQLite has rolled back by itself already."""
        if not self._db.in_transaction:
            return
        for statement in statements:
            with self._translated("undo"):
                self._db.execute(statement)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._fault(doing, error) from None

    def _fault(self, doing: str, error: sqlite3.Error) -> StoreError:
        return StoreError(f"{self._path}: cannot {doing}: {error}", hint=_hint(error))


def _hint(error: sqlite3.Error) -> str:
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
