"""The host's records as SQL tables: a table for each record type, a column for each field.

Text stays text, integers and booleans are integers, tuples of text are JSON. What differs between the SQL of SQLite and
of PostgreSQL is a `Flavour`; all statements are built from it once. A change of a record or of an index is a new schema
version, with a step in `host_migrations`.

Source: SQLite documentation, STRICT and WITHOUT ROWID tables; PostgreSQL documentation, identity columns, collation "C"
(text sorts by code point everywhere).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import starmap
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar, get_type_hints

from posterm.host.records import (
    AccountRecord,
    AdvanceRecord,
    BatchRecord,
    CardRecord,
    CardUseRecord,
    ChipRecord,
    ChipUseRecord,
    ClearingDayRecord,
    ClearingRecord,
    DocumentRecord,
    ExchangeRecord,
    ForwardRecord,
    HoldRecord,
    IssuerKeyRecord,
    KeyRecord,
    LimitUseRecord,
    MerchantRecord,
    PayoutRecord,
    RouteRecord,
    SettlementReport,
    TerminalRecord,
    TransactionRecord,
    TransferRecord,
    UploadRecord,
)

SCHEMA_VERSION: Final = 9
NUMBER: Final = "number"
"""The column that counts the rows of a numbered table in the order they were added."""

_LISTS: Final = json.JSONEncoder(ensure_ascii=False)

Record = TypeVar("Record", bound=tuple[Any, ...])
"""A `NamedTuple` whose fields are text, integers, booleans or tuples of text."""
Key = str | tuple[str, ...]
"""What a row is found by: the value of its key column, or of all of them in order."""


class SequenceRecord(NamedTuple):
    """How far a named sequence of numbers has been given out."""

    name: str
    last: int


@dataclass(frozen=True, slots=True)
class Flavour:
    """What differs between two kinds of SQL. `mark` stands for an argument; the rest ends or begins a definition."""

    mark: str
    text: str
    integer: str
    counted: str
    plain_end: str
    counted_end: str


class Table(Generic[Record]):
    """One record type as a table: its columns, and the way between a row and a record.

    key_of  what a record is found by
    text    all text in a record's fields, one after the other: what a database must be able to keep

    Every row goes through these, so they are straight functions, made once from the columns.
    """

    key_of: Callable[[Record], Key]
    text: Callable[..., str]

    def __init__(self, name: str, record: type[Record], key: tuple[str, ...], *, numbered: bool = False) -> None:
        hints = get_type_hints(record)
        self.name = name
        self.record = record
        self.key = key
        self.numbered = numbered
        self.columns = tuple(hints)
        self.kinds = tuple(hints.values())
        self._lists = tuple(place for place, kind in enumerate(self.kinds) if kind not in (str, int, bool))
        self._flags = tuple(place for place, kind in enumerate(self.kinds) if kind is bool)
        self.key_of = attrgetter(*key)
        self._row = self._function("({},)", {str: "{}", int: "{}", bool: "+{}"}, "_json({0}) if {0} else ''")
        self.text = self._function("''.join(({},))", {str: "{}"}, "*{}")

    def _function(self, whole: str, by_kind: dict[type, str], of_list: str) -> Callable[..., Any]:
        """A function of a record's fields, whose source has a part for each field of these kinds."""
        patterns = [by_kind.get(kind, "") if kind in (str, int, bool) else of_list for kind in self.kinds]
        parts = [pattern.format(column) for column, pattern in zip(self.columns, patterns, strict=True) if pattern]
        source = f"lambda {', '.join(self.columns)}: {whole.format(', '.join(parts))}"
        made: Callable[..., Any] = eval(source, {"_json": _LISTS.encode})  # noqa: S307 - made of field names alone
        return made

    def rows(self, records: Iterable[Record]) -> list[tuple[Any, ...]]:
        """The records as values for the columns."""
        return list(starmap(self._row, records) if self._lists or self._flags else records)

    def build(self, row: tuple[Any, ...]) -> Record:
        """The record of a row."""
        if not self._lists and not self._flags:
            return self.record(*row)
        values = list(row)
        for place in self._lists:
            values[place] = tuple(json.loads(values[place])) if values[place] else ()
        for place in self._flags:
            values[place] = bool(values[place])
        return self.record(*values)

    # --- its SQL. Names are this module's own; every value is an argument.

    def create(self, flavour: Flavour) -> str:
        """The statement that makes the table."""
        columns = [
            f'"{column}" {flavour.integer if kind in (int, bool) else flavour.text} NOT NULL'
            for column, kind in zip(self.columns, self.kinds, strict=True)
        ]
        listed = ", ".join(f'"{column}"' for column in self.key)
        if self.numbered:
            parts = [f"{NUMBER} {flavour.counted}", *columns, f"UNIQUE ({listed})"]
            return f"CREATE TABLE {self.name} ({', '.join(parts)}){flavour.counted_end}"
        return f"CREATE TABLE {self.name} ({', '.join([*columns, f'PRIMARY KEY ({listed})'])}){flavour.plain_end}"

    def select(self, condition: str = "", *, with_number: bool = False) -> str:
        """The statement that reads rows; `condition` is everything behind the table's name."""
        listed = ", ".join(f'"{column}"' for column in self.columns)
        number = f"{NUMBER}, " if with_number else ""
        return f"SELECT {number}{listed} FROM {self.name} {condition}"  # noqa: S608

    def by_key(self, flavour: Flavour) -> str:
        """The statement that reads one row."""
        return self.select("WHERE " + " AND ".join(f'"{column}" = {flavour.mark}' for column in self.key))

    def keys_among(self, flavour: Flavour, count: int) -> str:
        """The statement that reads which of so many keys of one column are there."""
        one = f'SELECT "{self.key[0]}" FROM {self.name} WHERE "{self.key[0]}" = {flavour.mark}'  # noqa: S608
        return " UNION ALL ".join([one] * count)

    def insert(self, flavour: Flavour) -> str:
        """The statement that adds a row which must be new."""
        listed = ", ".join(f'"{column}"' for column in self.columns)
        marks = ", ".join([flavour.mark] * len(self.columns))
        return f"INSERT INTO {self.name} ({listed}) VALUES ({marks})"  # noqa: S608

    def put(self, flavour: Flavour) -> str:
        """The statement that adds a row, or puts it in the place of the one with its key."""
        listed = ", ".join(f'"{column}"' for column in self.key)
        changed = ", ".join(f'"{name}" = excluded."{name}"' for name in self.columns if name not in self.key)
        return f"{self.insert(flavour)} ON CONFLICT ({listed}) DO UPDATE SET {changed}"


KEYS: Final = Table("keys", KeyRecord, ("use",))
MERCHANTS: Final = Table("merchants", MerchantRecord, ("merchant_id",))
TERMINALS: Final = Table("terminals", TerminalRecord, ("terminal_id",))
CARDS: Final = Table("cards", CardRecord, ("fingerprint",))
ISSUER_KEYS: Final = Table("issuer_keys", IssuerKeyRecord, ("prefix",))
CHIPS: Final = Table("chips", ChipRecord, ("chip",))
CHIP_USES: Final = Table("chip_uses", ChipUseRecord, ("use",))
ACCOUNTS: Final = Table("accounts", AccountRecord, ("account_id",))
TRANSFERS: Final = Table("transfers", TransferRecord, ("transfer_id",), numbered=True)
HOLDS: Final = Table("holds", HoldRecord, ("transfer_id",))
TRANSACTIONS: Final = Table("transactions", TransactionRecord, ("ref",), numbered=True)
LIMIT_USES: Final = Table("limit_uses", LimitUseRecord, ("use",))
CARD_USES: Final = Table("card_uses", CardUseRecord, ("use",))
CLEARING_DAYS: Final = Table("clearing_days", ClearingDayRecord, ("clearing_date",))
CLEARINGS: Final = Table("clearings", ClearingRecord, ("clearing_date", "merchant_id"))
ADVANCES: Final = Table("advances", AdvanceRecord, ("clearing_date", "merchant_id"))
PAYOUTS: Final = Table("payouts", PayoutRecord, ("payout_id",))
DOCUMENTS: Final = Table("documents", DocumentRecord, ("kind", "key"))
ROUTES: Final = Table("routes", RouteRecord, ("ref",))
FORWARDS: Final = Table("forwards", ForwardRecord, ("forward_id",))
EXCHANGES: Final = Table("exchanges", ExchangeRecord, ("ref",))
BATCHES: Final = Table("batches", BatchRecord, ("terminal_id", "batch"))
UPLOADS: Final = Table("uploads", UploadRecord, ("terminal_id", "batch", "stan"))
REPORTS: Final = Table("reports", SettlementReport, ("terminal_id", "batch"))
SEQUENCES: Final = Table("sequences", SequenceRecord, ("name",))

TABLES: Final[tuple[Table[Any], ...]] = (
    KEYS,
    MERCHANTS,
    TERMINALS,
    CARDS,
    ISSUER_KEYS,
    CHIPS,
    CHIP_USES,
    ACCOUNTS,
    TRANSFERS,
    HOLDS,
    TRANSACTIONS,
    LIMIT_USES,
    CARD_USES,
    CLEARING_DAYS,
    CLEARINGS,
    ADVANCES,
    PAYOUTS,
    DOCUMENTS,
    ROUTES,
    FORWARDS,
    EXCHANGES,
    BATCHES,
    UPLOADS,
    REPORTS,
    SEQUENCES,
)
INDEXES: Final = (
    # A pending transfer ends once: the ledger looks, and the database would refuse.
    "CREATE UNIQUE INDEX transfers_by_resolved ON transfers (resolves) WHERE resolves <> ''",
    "CREATE INDEX holds_by_deadline ON holds (deadline, transfer_id) WHERE ended_by = ''",
    "CREATE INDEX transactions_by_batch ON transactions (terminal_id, batch)",
    "CREATE INDEX transactions_by_rrn ON transactions (rrn)",
    "CREATE INDEX transactions_by_auth_code ON transactions (auth_code, merchant_id) WHERE auth_code <> ''",
    "CREATE INDEX transactions_by_clearing_date ON transactions (clearing_date)",
    "CREATE INDEX clearings_unpaid ON clearings (clearing_date, merchant_id) WHERE payout = ''",
    "CREATE INDEX documents_by_subject ON documents (kind, subject) WHERE subject <> ''",
    "CREATE INDEX documents_due ON documents (due, kind, key) WHERE due <> ''",
    "CREATE INDEX routes_waiting ON routes (ref) WHERE state = 'waiting'",
    "CREATE INDEX forwards_due ON forwards (issuer, forward_id) WHERE code = ''",
    "CREATE INDEX batches_open ON batches (terminal_id, batch) WHERE open = 1",
)


def schema(flavour: Flavour) -> tuple[str, ...]:
    """Every statement that makes the tables of an empty database."""
    return (*(table.create(flavour) for table in TABLES), *INDEXES)
