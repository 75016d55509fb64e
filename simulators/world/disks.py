"""Disks that fail: the stores of terminal and host, in memory, with faults at their writes.

What a disk gives back after a fault is what it had before: a commit is all or nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from posterm.host import MemoryHostStore
from posterm.host.records import (
    AccountRecord,
    BatchRecord,
    DocumentRecord,
    ExchangeRecord,
    HoldRecord,
    TerminalRecord,
    TransactionRecord,
    TransferRecord,
)
from posterm.runtime.errors import StoreError
from posterm.terminal import MemoryTerminalStore
from posterm.terminal.records import JournalEntry, Status
from posterm.terminal.store import Change
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import Kind
from simulators.network import Faults

WRITES_BEFORE_A_FAULT: Final = 12
"""A fault comes at one of so many writes, or, when there are fewer, with the commit."""


class PowerCut(BaseException):
    """Power is gone. No code of terminal or host may catch this."""


class TerminalDisk(MemoryTerminalStore):
    """A terminal's store. It also remembers what a terminal forgets when a batch is closed, for the inspection.

    `faults` is asked at every commit, as it may change.
    """

    def __init__(self, randomness: random.Random, faults: Callable[[], Faults]) -> None:
        super().__init__()
        self._random = randomness
        self._faults = faults
        self._journal: dict[str, Mapping[str, Any]] = {}
        self._in_flight = ""
        self.slips: dict[str, Totals] = {}
        """What the terminal counted in each batch it has closed."""

    @property
    def entries(self) -> list[JournalEntry]:
        """Every journal entry there ever was, as it was left."""
        return [JournalEntry.from_document(document) for document in self._journal.values()]

    def standing(self, kinds: Collection[Kind]) -> list[Mapping[str, Any]]:
        """The documents of everything of these kinds that was approved, finished and not undone, unread."""
        finished = (document for key, document in self._journal.items() if key != self._in_flight)
        approved = (document for document in finished if document["status"] == Status.APPROVED)
        return [document for document in approved if document["kind"] in kinds and not document["undone_by"]]

    def commit(self, changes: Iterable[Change]) -> None:
        changes, faults = list(changes), self._faults()
        if self._random.random() < faults.terminal_store_fails:
            raise StoreError("the simulated disk is full")
        super().commit(changes)
        for change in changes:
            self._remember(change)
        if self._random.random() < faults.power_cut:
            raise PowerCut

    def _remember(self, change: Change) -> None:
        if change.kind == "reversal":
            pending = change.document
            self._in_flight = f"{pending['batch']}-{pending['stan']}" if pending is not None else ""
        if change.document is None:
            return
        if change.kind == "journal":
            self._journal[change.key] = change.document
        elif change.kind == "registers" and (slip := change.document["last_slip"]) is not None:
            self.slips[str(slip["batch"])] = _totals(str(slip["terminal"]))


def _totals(digits: str) -> Totals:
    """Totals from their 30 digits."""
    return Totals(int(digits[:12]), int(digits[12:15]), int(digits[15:27]), int(digits[27:30]))


class HostDisk(MemoryHostStore):
    """A host's store. `arm` decides what goes wrong in the next batch."""

    def __init__(self) -> None:
        super().__init__()
        self._fault: BaseException | None = None
        self._writes_left = 0

    @property
    def rows(self) -> list[TransactionRecord]:
        """Every request on record."""
        return list(self._transactions.values())

    def arm(self, fault: BaseException | None, writes: int = 0) -> None:
        """Raise `fault` after so many writes, or at the commit; None for a disk that works."""
        self._fault, self._writes_left = fault, writes

    @contextmanager
    def batch(self) -> Iterator[None]:
        """As always; a fault that no write has met comes just before the commit."""
        with super().batch():
            yield
            self._writes_left = 0
            self._write()

    def _write(self) -> None:
        if self._fault is None:
            return
        self._writes_left -= 1
        if self._writes_left < 0:
            fault, self._fault = self._fault, None
            raise fault

    def put_terminal(self, record: TerminalRecord) -> None:
        self._write()
        super().put_terminal(record)

    def put_account(self, record: AccountRecord) -> None:
        self._write()
        super().put_account(record)

    def add_transfer(self, record: TransferRecord) -> None:
        self._write()
        super().add_transfer(record)

    def put_hold(self, record: HoldRecord) -> None:
        self._write()
        super().put_hold(record)

    def put_transaction(self, record: TransactionRecord) -> None:
        self._write()
        super().put_transaction(record)

    def put_exchange(self, record: ExchangeRecord) -> None:
        self._write()
        super().put_exchange(record)

    def put_batch_record(self, record: BatchRecord) -> None:
        self._write()
        super().put_batch_record(record)

    def put_document(self, record: DocumentRecord) -> None:
        self._write()
        super().put_document(record)
