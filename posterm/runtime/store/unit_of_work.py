"""What a batch of the host's rows is made of: the database it goes to, and what it has read and put, table by table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from posterm.runtime.store.host_tables import Flavour, Key, Table

R = TypeVar("R", bound=tuple[Any, ...])
Row = tuple[Any, ...]
Writes = Sequence[tuple[str, list[Row]]]
"""Statements in order, each with the rows it is run for."""

_KEPT_ROWS: Final = 20_000
"""Of one table, from batch to batch."""


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

    def keys_among(self, count: int) -> str:
        """The statement that reads which of so many keys are there."""
        statement = self._among.get(count)
        if statement is None:
            statement = self._among[count] = self.table.keys_among(self.flavour, count)
        return statement

    def end(self, *, well: bool) -> None:
        """The batch is over, and in the database when all went well: then the next one may know its rows."""
        self.changed.clear()
        if not (well and self.keeps and len(self.known) <= _KEPT_ROWS):
            self.known.clear()
