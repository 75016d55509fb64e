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
    """The rows of one table in this batch: those read, and those put; and those kept from the batches before.

    Args:
        append_only: rows are added and never changed.
        keeps: its rows come again and again.
    """

    __slots__ = ("by_key", "changed", "keeps", "kept", "known", "table", "write")

    def __init__(self, table: Table[R], flavour: Flavour, *, append_only: bool = False, keeps: bool = False) -> None:
        self.table = table
        self.keeps = keeps
        self.kept: dict[Key, R] = {}
        self.by_key = table.by_key(flavour)
        self.write = table.insert(flavour) if append_only else table.put(flavour)
        self.known: dict[Key, R | None] = {}
        self.changed: dict[Key, R] = {}

    def keep(self) -> None:
        """The batch is in the database: keep its rows for the next one."""
        if self.keeps:
            if len(self.kept) > _KEPT_ROWS:
                self.kept.clear()
            self.kept.update({key: row for key, row in self.known.items() if row is not None})

    def forget(self) -> None:
        """The batch is over."""
        self.known.clear()
        self.changed.clear()
