"""A batch of rows as one unit of work, over any SQL database.

Within a batch a row is read once and then known; what is put is known too, and goes to the database all together when
the batch ends. So a row that a hundred requests change is written once, a savepoint costs nothing, and a database
across the network is asked for no more than it must. Lists are read from the database and laid over with what the batch
has changed. Outside a batch nothing is known, and every `put` is a batch of its own.

Where the database can tell that nobody else has written since the last batch, rows that come again and again
(terminals, cards, accounts) are known from batch to batch too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from posterm.runtime.errors import StoreError
from posterm.runtime.store.host_tables import Flavour, Key, Table

R = TypeVar("R", bound=tuple[Any, ...])
Row = tuple[Any, ...]
Writes = Sequence[tuple[str, list[Row]]]
"""Statements in order, each with the rows it is run for."""

_KEPT_ROWS: Final = 20_000
"""Of one table, from batch to batch."""

_KEYS_AT_ONCE: Final = 128
"""A power of two, and fewer than the terms that SQLite takes in a compound SELECT."""

_ABSENT: Any = object()


class Database(Protocol):
    """A connection that runs SQL and raises nothing but `StoreError`s."""

    flavour: Flavour
    name: str

    def one(self, statement: str, values: Row) -> Row | None: ...
    def all(self, statement: str, values: Row) -> list[Row]: ...
    def begin(self) -> bool:
        """Begin to write. Returns: True when it is certain that nobody else has written since the last commit."""
        ...

    def commit(self, writes: Writes) -> None:
        """Write and make durable, or raise and have nothing of the batch."""
        ...

    def roll_back(self) -> None: ...
    def begin_snapshot(self) -> None: ...
    def next_number(self, sequence: str) -> int | None:
        """The next number, where the database gives it out by itself; None where it is a row like others."""
        ...

    def close(self) -> None: ...


class Shelf(Generic[R]):
    """The rows of one table that are known in this batch, and those of them that it has put.

    Args:
        append_only: rows are added and never changed.
        keeps: its rows come again and again, and are still known in the next batch.
    """

    __slots__ = ("_among", "by_key", "changed", "flavour", "keeps", "known", "table", "write")

    def __init__(self, table: Table[R], flavour: Flavour, *, append_only: bool = False, keeps: bool = False) -> None:
        self.table = table
        self.flavour = flavour
        self.keeps = keeps
        self.by_key = table.by_key(flavour)
        self.write = table.insert(flavour) if append_only else table.put(flavour)
        self.known: dict[Key, R | None] = {}
        self.changed: dict[Key, R] = {}
        self._among: dict[int, str] = {}

    def keys_among(self, keys: list[str]) -> tuple[str, Row]:
        """The statement that reads which of these keys are there, and its values.

        The last key fills up to a power of two: so there are few statements, and a database keeps them prepared.
        """
        count = 1 << (len(keys) - 1).bit_length()
        statement = self._among.get(count)
        if statement is None:
            statement = self._among[count] = self.table.keys_among(self.flavour, count)
        return statement, (*keys, *keys[-1:] * (count - len(keys)))

    def end(self, *, well: bool) -> None:
        """The batch is over, and in the database when all went well: then the next one may know its rows."""
        self.changed.clear()
        if not (well and self.keeps and len(self.known) <= _KEPT_ROWS):
            self.known.clear()


class UnitOfWork:
    """Batches of rows over a database: a store is one with shelves. Close it when done; it is its own context manager.

    Raises: StoreError: from every method, when the database cannot be read or written.
    """

    _shelves: tuple[Shelf[Any], ...]
    """In the order they are written in, the same for every host: who waits for a row waits in one direction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._depth = 0
        self._reading = False
        self._undo: list[tuple[Shelf[Any], Key, Any]] = []

    def close(self) -> None:
        """Close the connection. What was not committed is gone."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # --- all or nothing

    def batch(self) -> _Batch:
        """All or nothing, durable when it ends; within a batch, a part of it."""
        return _Batch(self)

    savepoint = batch

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read within it is as it stood at one moment."""
        if self._depth or self._reading:
            yield
            return
        self._database.begin_snapshot()
        self._reading = True
        try:
            yield
        finally:
            self._reading = False
            self._database.roll_back()

    def _begin(self) -> int:
        """Begin a batch, or a part of one. Returns: how far what may be undone has got."""
        if not self._depth and not self._database.begin():
            for shelf in self._shelves:
                shelf.known.clear()
        self._depth += 1
        return len(self._undo)

    def _end(self, mark: int, *, well: bool) -> None:
        """End a batch, or a part of one: keep all of it or nothing."""
        if self._depth > 1:
            self._depth -= 1
            if not well:
                self._undo_back_to(mark)
            return
        try:
            if well:
                self._database.commit(self._writes())
        except BaseException:
            well = False
            raise
        finally:
            self._depth = 0
            self._undo.clear()
            for shelf in self._shelves:
                if shelf.known:
                    shelf.end(well=well)
            if not well:
                self._database.roll_back()

    def _undo_back_to(self, mark: int) -> None:
        """Put rows back, or forget them: the database still has them as they were before the batch."""
        while len(self._undo) > mark:
            shelf, key, before = self._undo.pop()
            if before is None:
                del shelf.changed[key], shelf.known[key]
            else:
                shelf.changed[key] = shelf.known[key] = before

    def _writes(self) -> Writes:
        return [(shelf.write, shelf.table.rows(shelf.changed.values())) for shelf in self._shelves if shelf.changed]

    # --- rows, for the store

    def _get(self, shelf: Shelf[R], key: Key) -> R | None:
        if not self._depth:
            return self._read(shelf, key)
        found = shelf.known.get(key, _ABSENT)
        if found is _ABSENT:
            found = shelf.known[key] = self._read(shelf, key)
        return found

    def _read(self, shelf: Shelf[R], key: Key) -> R | None:
        row = self._database.one(shelf.by_key, (key,) if isinstance(key, str) else key)
        return None if row is None else shelf.table.build(row)

    def _get_all(self, shelf: Shelf[R], keys: Sequence[str]) -> list[R | None]:
        """Rows of a table whose key is one column. Most are new, so the database is asked first which are there."""
        known = shelf.known if self._depth else {}
        unknown = [key for key in keys if key not in known]
        for at in range(0, len(unknown), _KEYS_AT_ONCE):
            asked = unknown[at : at + _KEYS_AT_ONCE]
            there = set(self._database.all(*shelf.keys_among(asked)))
            for key in asked:
                known[key] = self._read(shelf, key) if (key,) in there else None
        return [known[key] for key in keys]

    def _put(self, shelf: Shelf[R], record: R) -> None:
        if not self._depth:
            with self.batch():
                self._put(shelf, record)
            return
        table = shelf.table
        text = table.text(*record)
        # Refuse text that no database takes now, while only one request is undone by it.
        if "\0" in text or not (text.isascii() or _encodes(text)):
            raise StoreError(f"{self._database.name}: cannot keep a text in {table.name} that is not Unicode")
        key = table.key_of(record)
        self._undo.append((shelf, key, shelf.changed.get(key)))
        shelf.changed[key] = shelf.known[key] = record

    def _listed(self, shelf: Shelf[R], condition: str, values: Row, fits: Callable[[R], bool]) -> list[R]:
        """The rows that fit, by key: those of the database, and over them those of this batch."""
        rows = self._database.all(self._sql(shelf.table.select(condition)), values)
        records = [shelf.table.build(row) for row in rows]
        found = {key: record for record in records if (key := shelf.table.key_of(record)) not in shelf.changed}
        found |= {key: record for key, record in shelf.changed.items() if fits(record)}
        return [found[key] for key in sorted(found)]

    def _sql(self, statement: str) -> str:
        mark = self._database.flavour.mark
        return statement if mark == "?" else statement.replace("?", mark)


class _Batch:
    """What `UnitOfWork.batch` gives."""

    __slots__ = ("_mark", "_store")

    def __init__(self, store: UnitOfWork) -> None:
        self._store = store
        self._mark = 0

    def __enter__(self) -> None:
        self._mark = self._store._begin()  # noqa: SLF001 - its own store's

    def __exit__(self, kind: type[BaseException] | None, _fault: object, _trace: TracebackType | None) -> None:
        self._store._end(self._mark, well=kind is None)  # noqa: SLF001


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
