"""Every answer of a load held against the host's books: what was approved is in the ledger once, and nothing else is.

A request without an answer may have been carried out or not; its terminal would send a reversal. Both are right, and
what the host says of it is taken into account.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from posterm.host import HostStore
from posterm.host.chart import merchant_pending
from posterm.host.ledger import Ledger
from posterm.host.records import TransactionRecord, reference
from simulators.load.fleet import Fleet
from simulators.load.requests import Verdict

_MTIS: Final = {"sale": "0200", "preauth": "0100", "balance": "0200", "void": "0200", "reversal": "0400"}
_POSTS: Final = frozenset({"sale", "preauth", "void"})
_FAULTS_TOLD: Final = 20


@dataclass(slots=True)
class Books:
    """What was compared, and every difference (the first of them in words)."""

    asked: int = 0
    answered: int = 0
    approved: int = 0
    declined: dict[str, int] = field(default_factory=dict)
    """How many by answer code."""
    unanswered: int = 0
    approved_minor: int = 0
    """What the merchants have earned by what was approved and not undone, before fees."""
    transfers: int = 0
    """In the whole ledger, all of them recomputed."""
    differences: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def agree(self) -> bool:
        return not self.differences

    def differ(self, what: str) -> None:
        self.differences += 1
        if len(self.faults) < _FAULTS_TOLD:
            self.faults.append(what)


def compare_books(store: HostStore, fleet: Fleet, verdicts: Iterable[Verdict]) -> Books:
    """Compare what a fleet was answered with records and ledger. Raises: StoreError."""
    books = Books()
    with store.snapshot():
        earned, known = 0, 0
        for each in verdicts:
            earned += _compare_one(books, store, fleet, each)
            known += 1
        records = [
            record
            for number in range(fleet.terminals)
            for record in store.transactions_in_batch(fleet.terminal_id(number), fleet.batch)
        ]
        fees = sum(record.fee_minor for record in records)
        if len(records) > known:
            books.differ(f"{len(records)} requests on record, {known} were sent")
        ledger = Ledger(store)
        accounts = (store.account(merchant_pending(merchant_id)) for merchant_id in fleet.merchant_ids)
        balance = sum(account.balance for account in accounts if account is not None)
        if balance != earned - fees:
            books.differ(f"merchants have {balance}, need {earned - fees}: {earned} approved less {fees} of fees")
        proof = ledger.prove()
        books.transfers = proof.transfers
        for fault in proof.faults:
            books.differ(fault)
    books.approved_minor = earned
    return books


def _compare_one(books: Books, store: HostStore, fleet: Fleet, asked: Verdict) -> int:
    """Compare one request. Returns: what it adds to what merchants have earned."""
    terminal_id = fleet.terminal_id(asked.terminal)
    ref = reference(_MTIS[asked.deed], terminal_id, fleet.merchant_id(asked.terminal), fleet.batch, asked.stan)
    record = store.transaction(ref)
    books.asked += 1
    if not asked.code:
        books.unanswered += 1
        return record.gross_minor if record is not None else 0
    books.answered += 1
    if not asked.approved:
        books.declined[asked.code] = books.declined.get(asked.code, 0) + 1
        if record is not None and record.approved:
            books.differ(f"{ref}: answered {asked.code}, on record as approved")
        return 0
    books.approved += 1
    if record is None or not record.approved:
        books.differ(f"{ref}: approved, but not on record")
        return 0
    _compare_posting(books, store, asked, record)
    return {"sale": asked.amount_minor, "void": -asked.amount_minor, "reversal": -asked.amount_minor}.get(asked.deed, 0)


def _compare_posting(books: Books, store: HostStore, asked: Verdict, record: TransactionRecord) -> None:
    if asked.deed not in _POSTS:
        return
    transfer = store.transfer(f"{record.ref}/1")
    if transfer is None or transfer.amount != asked.amount_minor:
        found = "nothing" if transfer is None else str(transfer.amount)
        books.differ(f"{record.ref}: approved {asked.amount_minor}, the ledger has {found}")
