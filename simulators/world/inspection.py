"""The evening's inspection: every book against every other, transaction by transaction.

the ledger             sums to zero; its balances are what its transfers give
a closed batch         the terminal's slip and the host's totals are the same
a journal entry        what it says has happened is what the ledger has moved from and to the payer, and no more:
                       a sale once, a reversed, declined or refused one not at all, a tip once
what a cashier saw     an approval stands or was taken back by name; a decline and a reversal moved nothing
an authorisation       holds what was approved under it, and nothing once it is completed, voided or expired
a hold                 belongs to one authorisation, and did not outlive its deadline
a sale                 gives back no more than it took
a payment by a code    stands as its order says, and was posted once at most: by the wallet that paid, with its own code
a limit                holds what stands of the transactions that count in it, kind of card by kind of card, and no more
                       than the plan allows but for what nobody was asked for
the merchant           is owed what the slips say
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from posterm.host import Host
from posterm.host.plan import MerchantPlan
from posterm.host.records import LimitUseRecord, TransactionRecord, TransferKind, TransferRecord
from posterm.terminal import Outcome, Result
from posterm.terminal.records import Delivery, JournalEntry, Status
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import TRANSACTIONS, Kind, Side
from simulators.world.customers import Receipt
from simulators.world.disks import HostDisk
from simulators.world.limit_count import PAYER, LimitCount
from simulators.world.order_count import order_faults

Place = tuple[str, str]
"""A terminal, and batch and trace number as in `000001-000012`."""

_SIGN: Final = {Side.DEBIT: 1, Side.CREDIT: -1, Side.NONE: 0}
_LEFT_AS: Final = {
    Outcome.APPROVED: Status.APPROVED,
    Outcome.APPROVED_OFFLINE: Status.APPROVED,
    Outcome.DECLINED: Status.DECLINED,
    Outcome.REVERSED: Status.REVERSED,
    Outcome.REVERSAL_PENDING: Status.REVERSED,
    Outcome.NOT_SENT: Status.NOT_SENT,
}
"""How the journal has a transaction in the evening, by what the cashier was told."""

_ASKS_ONLY: Final = frozenset({Kind.BALANCE, Kind.QR_QUERY})
_REFUNDS: Final = frozenset({Kind.REFUND, Kind.QR_REFUND})
_UNDELIVERED: Final = frozenset({Delivery.REFUSED, Delivery.FAILED, Delivery.OWED})


@dataclass(frozen=True, slots=True)
class Fault:
    """A disagreement, and whose it is: `terminal_id` and `stan` are empty where it is nobody's own."""

    text: str
    terminal_id: str = ""
    stan: str = ""

    def __str__(self) -> str:
        where = f"terminal {self.terminal_id}" if self.terminal_id else ""
        where += f", transaction {self.stan}" if self.stan else ""
        return f"{where}: {self.text}" if where else self.text


@dataclass(frozen=True, slots=True)
class TerminalBooks:
    """What one terminal has: every entry it ever made, the totals of each closed batch, and what was told."""

    terminal_id: str
    entries: tuple[JournalEntry, ...]
    slips: Mapping[str, Totals]
    results: tuple[Result, ...]
    settled: bool


class Inspection:
    """One look at all books.

    Args:
        plan: has the merchant's limits.
        now: the host's time, as text.
        receipts: what customers were told on their telephones.
    """

    def __init__(
        self,
        host: Host,
        store: HostDisk,
        terminals: Iterable[TerminalBooks],
        plan: MerchantPlan,
        now: str,
        receipts: Iterable[Receipt] = (),
    ) -> None:
        self._host = host
        self._store = store
        self._terminals = tuple(terminals)
        self._now = now
        self._plan = plan
        self._receipts = tuple(receipts)
        self._transfers = list(store.transfers())
        self._moved = _moved_by_place(self._transfers)

    def faults(self) -> tuple[Fault, ...]:
        """Every disagreement; none when the books agree. Those of one transaction come first."""
        return tuple(self._found())

    def _found(self) -> Iterator[Fault]:
        for books in self._terminals:
            yield from self._terminal_faults(books)
        yield from self._unknown_to_terminals()
        yield from self._hold_faults()
        yield from self._refund_faults()
        yield from self._order_faults()
        yield from self._limit_faults()
        for books in self._terminals:
            yield from self._batch_faults(books)
        yield from map(Fault, self._host.ledger.prove().faults)

    def _terminal_faults(self, books: TerminalBooks) -> Iterator[Fault]:
        name = books.terminal_id
        for entry in books.entries:
            moved, said = self._moved.get((name, entry.key), 0), _said_minor(entry)
            if moved != said:
                yield Fault(
                    f"{entry.kind} left as {_left(entry)} is to move {said}, the ledger moved {moved}", name, entry.stan
                )
            yield from (Fault(text, name, entry.stan) for text in self._authorisation_faults(name, entry, books))
        left = {entry.stan: entry.status for entry in books.entries}
        for result in books.results:
            status = _LEFT_AS.get(result.outcome)
            if status is None or result.kind in _ASKS_ONLY or not result.stan:
                continue
            if left.get(result.stan) is not status:
                found = left.get(result.stan, "nothing")
                yield Fault(f"the cashier was told {result.outcome}, the journal has {found}", name, result.stan)

    def _authorisation_faults(self, name: str, entry: JournalEntry, books: TerminalBooks) -> Iterator[str]:
        """What a pre-authorisation holds at the host, against what was approved under it here."""
        if entry.kind is not Kind.PREAUTH:
            return
        record = self._record("1", name, entry)
        holds = record.holds if record is not None and record.stands else ()
        held = [hold for hold in holds if self._host.ledger.stands(hold, self._now)]
        open_minor = sum(self._host.ledger.transfer(hold).amount for hold in held)
        first = self._store.transfer(f"{record.ref}/1") if record is not None else None
        expired = first is not None and self._now >= first.deadline
        added = sum(
            other.amount_minor
            for other in books.entries
            if other.kind is Kind.PREAUTH_ADD
            and other.status is Status.APPROVED
            and (other.original_batch, other.original_stan) == (entry.batch, entry.stan)
        )
        is_open = entry.status is Status.APPROVED and not entry.undone_by
        said = entry.amount_minor + added if is_open and not expired else 0
        if open_minor != said:
            yield f"a pre-authorisation left as {_left(entry)} is to hold {said}, the host holds {open_minor}"

    def _unknown_to_terminals(self) -> Iterator[Fault]:
        known = {(books.terminal_id, entry.key) for books in self._terminals for entry in books.entries}
        for (name, key), minor in self._moved.items():
            if minor and (name, key) not in known:
                yield Fault(f"the ledger moved {minor} for what its journal never had", name, key[-6:])

    def _hold_faults(self) -> Iterator[Fault]:
        ends = {transfer.resolves: transfer for transfer in self._transfers if transfer.resolves}
        for transfer in self._transfers:
            if transfer.kind != TransferKind.PENDING or not transfer.deadline:
                continue
            end = ends.get(transfer.transfer_id)
            _, name, _, _, stan = transfer.transaction.split("/")
            if end is None and self._now >= transfer.deadline:
                yield Fault(f"the hold {transfer.transfer_id} has outlived its deadline", name, stan)
            if end is not None and end.kind != TransferKind.EXPIRE_PENDING and end.at >= transfer.deadline:
                yield Fault(f"the hold {transfer.transfer_id} was used after its deadline", name, stan)
        for hold in self._store.open_holds():
            pending = self._store.transfer(hold.transfer_id)
            if pending is not None and not self._is_held_by_somebody(pending):
                _, name, _, _, stan = pending.transaction.split("/")
                yield Fault(f"the hold {hold.transfer_id} belongs to no authorisation", name, stan)

    def _is_held_by_somebody(self, pending: TransferRecord) -> bool:
        """An authorisation, its addition, or the reversal that put the hold on again; each leads to the first."""
        record = self._store.transaction(pending.transaction)
        for _ in range(4):
            if record is None:
                return False
            if pending.transfer_id in record.holds:
                return record.stands
            record = self._store.transaction(record.original) if record.original else None
        return False

    def _refund_faults(self) -> Iterator[Fault]:
        refunds: dict[str, int] = defaultdict(int)
        for reference in {transfer.transaction for transfer in self._transfers}:
            record = self._store.transaction(reference) if reference else None
            if record is not None and record.kind in _REFUNDS and record.stands:
                refunds[record.original] += record.posted_minor
        for reference, minor in refunds.items():
            sale = self._store.transaction(reference)
            if sale is None or minor > sale.posted_minor or minor != sale.refunded_minor:
                _, name, _, _, stan = reference.split("/")
                took, noted = (sale.posted_minor, sale.refunded_minor) if sale is not None else (0, 0)
                yield Fault(f"refunds give back {minor}, the sale took {took} and has noted {noted}", name, stan)

    def _order_faults(self) -> Iterator[Fault]:
        for ref, text in order_faults(self._store, self._transfers, self._receipts):
            _, name, _, _, stan = ref.split("/")
            yield Fault(text, name, stan)

    def _limit_faults(self) -> Iterator[Fault]:
        count = LimitCount(self._store, self._transfers, self._plan)
        kept = {use.use: use for use in self._store.limit_uses()}
        for name in sorted(kept.keys() | count.rows.keys()):
            use, counted = kept.get(name, LimitUseRecord(name)), count.rows[name]
            if (counted.reserved_minor, counted.confirmed_minor) != (use.reserved_minor, use.confirmed_minor):
                has = f"has {use.reserved_minor} reserved and {use.confirmed_minor} confirmed"
                stands = f"{counted.reserved_minor} and {counted.confirmed_minor}"
                yield Fault(f"the limit {name} {has}, what stands makes {stands}")
            row = self._plan.limits_by_name.get(name.split("/")[2])
            if row is not None and use.taken_minor - counted.unasked_minor > row.most_minor:
                taken = f"{use.taken_minor}, {counted.unasked_minor} of it unasked"
                yield Fault(f"the limit {name} of {row.most_minor} is exceeded: {taken}")
        for record, row in count.too_large():
            text = f"{record.amount_minor} is over the limit {row.name} of {row.most_minor}"
            yield Fault(text, record.terminal_id, record.stan)

    def _batch_faults(self, books: TerminalBooks) -> Iterator[Fault]:
        if not books.settled:
            yield Fault("did not settle in the evening", books.terminal_id)
        for batch, slip in books.slips.items():
            host = self._host.totals(books.terminal_id, batch)
            if slip != host:
                yield Fault(f"batch {batch}: slip {slip.digits}, host {host.digits}", books.terminal_id)

    def _record(self, mti_class: str, name: str, entry: JournalEntry) -> TransactionRecord | None:
        terminal = self._store.terminal(name)
        merchant = terminal.merchant_id if terminal is not None else ""
        return self._store.transaction(f"{mti_class}/{name}/{merchant}/{entry.batch}/{entry.stan}")


def _moved_by_place(transfers: Iterable[TransferRecord]) -> dict[Place, int]:
    """What payers gave, by the transaction it was taken for; what they were given back counts below zero."""
    moved: dict[Place, int] = defaultdict(int)
    for transfer in transfers:
        if not transfer.transaction or transfer.kind not in (TransferKind.POSTED, TransferKind.POST_PENDING):
            continue
        _, name, _, batch, stan = transfer.transaction.split("/")
        taken = transfer.debit_account.startswith(PAYER) - transfer.credit_account.startswith(PAYER)
        moved[name, f"{batch}-{stan}"] += taken * transfer.amount
    return dict(moved)


def _said_minor(entry: JournalEntry) -> int:
    """What an entry says it has taken from the card, or the wallet."""
    if entry.status is not Status.APPROVED or entry.delivery in _UNDELIVERED:
        return 0
    if entry.kind is Kind.TIP_ADJUST:
        return entry.tip_minor
    return _SIGN[TRANSACTIONS[entry.kind].side] * entry.amount_minor


def _left(entry: JournalEntry) -> str:
    undone = f", undone by {entry.undone_by}" if entry.undone_by else ""
    delivery = f", {entry.delivery}" if entry.delivery is not Delivery.NONE else ""
    return f"{entry.status}{delivery}{undone}"
