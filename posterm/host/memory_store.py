"""The host's rows in memory, for simulation and tests. Leaves out durability.

Every change remembers what it replaced until the outermost `batch` or `savepoint` ends, so an exception undoes it.
Lists by another key (batch, RRN, authorisation code) are kept as references under the same rule.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

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
    RouteState,
    SettlementReport,
    TerminalRecord,
    TransactionRecord,
    TransferRecord,
    UploadRecord,
)

_ABSENT: Any = object()


class MemoryHostStore:
    """A `HostStore` in dictionaries."""

    def __init__(self) -> None:
        self._depth = 0
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self._numbers: dict[str, int] = {}
        self._keys: dict[str, KeyRecord] = {}
        self._merchants: dict[str, MerchantRecord] = {}
        self._terminals: dict[str, TerminalRecord] = {}
        self._cards: dict[str, CardRecord] = {}
        self._issuer_keys: dict[str, IssuerKeyRecord] = {}
        self._chips: dict[str, ChipRecord] = {}
        self._chip_uses: dict[str, ChipUseRecord] = {}
        self._accounts: dict[str, AccountRecord] = {}
        self._transfers: dict[str, TransferRecord] = {}
        self._holds: dict[str, HoldRecord] = {}
        self._open_holds: dict[str, HoldRecord] = {}
        self._transactions: dict[str, TransactionRecord] = {}
        self._refs: dict[tuple[str, str, str], dict[str, None]] = {}
        self._limit_uses: dict[str, LimitUseRecord] = {}
        self._card_uses: dict[str, CardUseRecord] = {}
        self._clearing_days: dict[str, ClearingDayRecord] = {}
        self._clearings: dict[tuple[str, str], ClearingRecord] = {}
        self._advances: dict[tuple[str, str], AdvanceRecord] = {}
        self._payouts: dict[str, PayoutRecord] = {}
        self._documents: dict[str, dict[str, DocumentRecord]] = {}
        self._documents_of: dict[tuple[str, str], dict[str, None]] = {}
        self._due: list[tuple[str, str, str]] = []
        self._routes: dict[str, RouteRecord] = {}
        self._waiting: dict[str, RouteRecord] = {}
        self._forwards: dict[str, ForwardRecord] = {}
        self._forwards_due: dict[str, ForwardRecord] = {}
        self._exchanges: dict[str, ExchangeRecord] = {}
        self._batches: dict[tuple[str, str], BatchRecord] = {}
        self._uploads: dict[tuple[str, str], tuple[UploadRecord, ...]] = {}
        self._reports: dict[tuple[str, str], SettlementReport] = {}

    def batch(self) -> AbstractContextManager[None]:
        return _AllOrNothing(self)

    def savepoint(self) -> AbstractContextManager[None]:
        return _AllOrNothing(self)

    def snapshot(self) -> AbstractContextManager[None]:
        return nullcontext()

    def next_number(self, sequence: str) -> int:
        number = self._numbers.get(sequence, 0) + 1
        self._set(self._numbers, sequence, number)
        return number

    def key(self, use: str) -> KeyRecord | None:
        return self._keys.get(use)

    def put_key(self, record: KeyRecord) -> None:
        self._set(self._keys, record.use, record)

    def merchant(self, merchant_id: str) -> MerchantRecord | None:
        return self._merchants.get(merchant_id)

    def put_merchant(self, record: MerchantRecord) -> None:
        self._set(self._merchants, record.merchant_id, record)

    def merchants(self) -> Iterable[MerchantRecord]:
        return [self._merchants[key] for key in sorted(self._merchants)]

    def terminal(self, terminal_id: str) -> TerminalRecord | None:
        return self._terminals.get(terminal_id)

    def put_terminal(self, record: TerminalRecord) -> None:
        self._set(self._terminals, record.terminal_id, record)

    def terminals(self) -> Iterable[TerminalRecord]:
        return [self._terminals[key] for key in sorted(self._terminals)]

    def card(self, fingerprint: str) -> CardRecord | None:
        return self._cards.get(fingerprint)

    def put_card(self, record: CardRecord) -> None:
        self._set(self._cards, record.fingerprint, record)

    def issuer_keys(self, prefix: str) -> IssuerKeyRecord | None:
        return self._issuer_keys.get(prefix)

    def put_issuer_keys(self, record: IssuerKeyRecord) -> None:
        self._set(self._issuer_keys, record.prefix, record)

    def chip(self, chip: str) -> ChipRecord | None:
        return self._chips.get(chip)

    def put_chip(self, record: ChipRecord) -> None:
        self._set(self._chips, record.chip, record)

    def chip_use(self, use: str) -> ChipUseRecord | None:
        return self._chip_uses.get(use)

    def put_chip_use(self, record: ChipUseRecord) -> None:
        self._set(self._chip_uses, record.use, record)

    def account(self, account_id: str) -> AccountRecord | None:
        return self._accounts.get(account_id)

    def put_account(self, record: AccountRecord) -> None:
        self._set(self._accounts, record.account_id, record)

    def accounts(self) -> Iterable[AccountRecord]:
        return [self._accounts[key] for key in sorted(self._accounts)]

    def transfer(self, transfer_id: str) -> TransferRecord | None:
        return self._transfers.get(transfer_id)

    def transfers_named(self, transfer_ids: Sequence[str]) -> list[TransferRecord | None]:
        return list(map(self._transfers.get, transfer_ids))

    def add_transfer(self, record: TransferRecord) -> None:
        self._set(self._transfers, record.transfer_id, record)

    def transfers(self) -> Iterable[TransferRecord]:
        return list(self._transfers.values())

    def hold(self, transfer_id: str) -> HoldRecord | None:
        return self._holds.get(transfer_id)

    def put_hold(self, record: HoldRecord) -> None:
        self._set(self._holds, record.transfer_id, record)
        if record.ended_by:
            self._drop(self._open_holds, record.transfer_id)
        else:
            self._set(self._open_holds, record.transfer_id, record)

    def open_holds(self) -> Iterable[HoldRecord]:
        return [self._open_holds[key] for key in sorted(self._open_holds)]

    def holds_due(self, now: str, most: int) -> list[HoldRecord]:
        due = [hold for hold in self._open_holds.values() if hold.is_due(now)]
        return sorted(due, key=lambda hold: (hold.deadline, hold.transfer_id))[:most]

    def transaction(self, ref: str) -> TransactionRecord | None:
        return self._transactions.get(ref)

    def transactions_named(self, refs: Sequence[str]) -> list[TransactionRecord | None]:
        return list(map(self._transactions.get, refs))

    def put_transaction(self, record: TransactionRecord) -> None:
        old = self._transactions.get(record.ref)
        self._set(self._transactions, record.ref, record)
        indexes = _indexes(record)
        before = _indexes(old) if old is not None else ()
        if indexes == before:
            return
        for index in before:
            self._drop(self._refs[index], record.ref)
        for index in indexes:
            self._set(self._refs.setdefault(index, {}), record.ref, None)

    def transactions_by_rrn(self, merchant_id: str, rrn: str) -> list[TransactionRecord]:
        return self._listed("rrn", merchant_id, rrn)

    def transactions_by_auth_code(self, merchant_id: str, auth_code: str) -> list[TransactionRecord]:
        return self._listed("auth", merchant_id, auth_code)

    def transactions_in_batch(self, terminal_id: str, batch: str) -> list[TransactionRecord]:
        return self._listed("batch", terminal_id, batch)

    def transactions_cleared_on(self, clearing_date: str) -> list[TransactionRecord]:
        return self._listed("cleared", "", clearing_date)

    def limit_use(self, use: str) -> LimitUseRecord | None:
        return self._limit_uses.get(use)

    def put_limit_use(self, record: LimitUseRecord) -> None:
        self._set(self._limit_uses, record.use, record)

    def limit_uses(self) -> Iterable[LimitUseRecord]:
        return [self._limit_uses[key] for key in sorted(self._limit_uses)]

    def card_use(self, use: str) -> CardUseRecord | None:
        return self._card_uses.get(use)

    def put_card_use(self, record: CardUseRecord) -> None:
        self._set(self._card_uses, record.use, record)

    def clearing_day(self, clearing_date: str) -> ClearingDayRecord | None:
        return self._clearing_days.get(clearing_date)

    def put_clearing_day(self, record: ClearingDayRecord) -> None:
        self._set(self._clearing_days, record.clearing_date, record)

    def open_clearing_days(self) -> list[ClearingDayRecord]:
        return [record for _, record in sorted(self._clearing_days.items()) if not record.closed_at]

    def clearing(self, clearing_date: str, merchant_id: str) -> ClearingRecord | None:
        return self._clearings.get((clearing_date, merchant_id))

    def put_clearing(self, record: ClearingRecord) -> None:
        self._set(self._clearings, (record.clearing_date, record.merchant_id), record)

    def clearings_on(self, clearing_date: str) -> list[ClearingRecord]:
        return [record for (date, _), record in sorted(self._clearings.items()) if date == clearing_date]

    def clearings_unpaid(self) -> list[ClearingRecord]:
        return [record for _, record in sorted(self._clearings.items()) if not record.payout]

    def advance(self, clearing_date: str, merchant_id: str) -> AdvanceRecord | None:
        return self._advances.get((clearing_date, merchant_id))

    def put_advance(self, record: AdvanceRecord) -> None:
        self._set(self._advances, (record.clearing_date, record.merchant_id), record)

    def advances_on(self, clearing_date: str) -> list[AdvanceRecord]:
        return [record for (date, _), record in sorted(self._advances.items()) if date == clearing_date]

    def payout(self, payout_id: str) -> PayoutRecord | None:
        return self._payouts.get(payout_id)

    def put_payout(self, record: PayoutRecord) -> None:
        self._set(self._payouts, record.payout_id, record)

    def payouts(self) -> Iterable[PayoutRecord]:
        return [self._payouts[key] for key in sorted(self._payouts)]

    def document(self, kind: str, key: str) -> DocumentRecord | None:
        return self._documents.get(kind, {}).get(key)

    def put_document(self, record: DocumentRecord) -> None:
        self._set(self._documents.setdefault(record.kind, {}), record.key, record)
        self._set(self._documents_of.setdefault((record.kind, record.subject), {}), record.key, None)
        if record.due:
            heapq.heappush(self._due, (record.due, record.kind, record.key))

    def documents(self, kind: str, *, subject: str | None = None, state: str | None = None) -> list[DocumentRecord]:
        rows = self._documents.get(kind, {})
        keys = rows if subject is None else self._documents_of.get((kind, subject), {})
        found = (rows[key] for key in sorted(keys) if key in rows)
        return [
            record
            for record in found
            if (subject is None or record.subject == subject) and (state is None or record.state == state)
        ]

    def documents_due(self, until: str, most: int) -> list[DocumentRecord]:
        found: list[DocumentRecord] = []
        seen: list[tuple[str, str, str]] = []
        while self._due and self._due[0][0] <= until and len(found) < most:
            entry = heapq.heappop(self._due)
            record = self.document(entry[1], entry[2])
            is_due = record is not None and record.due == entry[0]
            if is_due and record is not None and (not found or found[-1] != record):
                found.append(record)
            if is_due or self._depth:  # what a batch has put off may be due again when the batch is undone
                seen.append(entry)
        for entry in dict.fromkeys(seen):
            heapq.heappush(self._due, entry)
        return found

    def route(self, ref: str) -> RouteRecord | None:
        return self._routes.get(ref)

    def put_route(self, record: RouteRecord) -> None:
        self._set(self._routes, record.ref, record)
        if record.state == RouteState.WAITING:
            self._set(self._waiting, record.ref, record)
        else:
            self._drop(self._waiting, record.ref)

    def routes_waiting(self) -> list[RouteRecord]:
        return [self._waiting[ref] for ref in sorted(self._waiting)]

    def forward(self, forward_id: str) -> ForwardRecord | None:
        return self._forwards.get(forward_id)

    def put_forward(self, record: ForwardRecord) -> None:
        self._set(self._forwards, record.forward_id, record)
        if record.code:
            self._drop(self._forwards_due, record.forward_id)
        else:
            self._set(self._forwards_due, record.forward_id, record)

    def forwards_due(self, issuer: str, most: int) -> list[ForwardRecord]:
        due = sorted(name for name, record in self._forwards_due.items() if record.issuer == issuer)
        return [self._forwards_due[name] for name in due[:most]]

    def exchange(self, ref: str) -> ExchangeRecord | None:
        return self._exchanges.get(ref)

    def put_exchange(self, record: ExchangeRecord) -> None:
        self._set(self._exchanges, record.ref, record)

    def batch_record(self, terminal_id: str, batch: str) -> BatchRecord | None:
        return self._batches.get((terminal_id, batch))

    def put_batch_record(self, record: BatchRecord) -> None:
        self._set(self._batches, (record.terminal_id, record.batch), record)

    def open_batches(self) -> list[BatchRecord]:
        return [record for _, record in sorted(self._batches.items()) if record.open]

    def put_upload(self, record: UploadRecord) -> None:
        key = (record.terminal_id, record.batch)
        others = (item for item in self._uploads.get(key, ()) if item.stan != record.stan)
        self._set(self._uploads, key, tuple(sorted((*others, record), key=lambda item: item.stan)))

    def uploads(self, terminal_id: str, batch: str) -> list[UploadRecord]:
        return list(self._uploads.get((terminal_id, batch), ()))

    def report(self, terminal_id: str, batch: str) -> SettlementReport | None:
        return self._reports.get((terminal_id, batch))

    def put_report(self, record: SettlementReport) -> None:
        self._set(self._reports, (record.terminal_id, record.batch), record)

    def reports(self) -> Iterable[SettlementReport]:
        return [self._reports[key] for key in sorted(self._reports)]

    def _listed(self, index: str, owner: str, key: str) -> list[TransactionRecord]:
        return [self._transactions[ref] for ref in sorted(self._refs.get((index, owner, key), ()))]

    def _set(self, rows: dict[Any, Any], key: Any, value: Any) -> None:
        if self._depth:
            self._undo.append((rows, key, rows.get(key, _ABSENT)))
        rows[key] = value

    def _drop(self, rows: dict[Any, Any], key: Any) -> None:
        if key in rows:
            if self._depth:
                self._undo.append((rows, key, rows[key]))
            del rows[key]

    def _undo_back_to(self, mark: int) -> None:
        while len(self._undo) > mark:
            rows, key, old = self._undo.pop()
            if old is _ABSENT:
                rows.pop(key, None)
            else:
                rows[key] = old


class _AllOrNothing:
    """What `MemoryHostStore.batch` and `savepoint` give."""

    __slots__ = ("_mark", "_store")

    def __init__(self, store: MemoryHostStore) -> None:
        self._store = store
        self._mark = 0

    def __enter__(self) -> None:
        self._mark = len(self._store._undo)  # noqa: SLF001 - its own store's
        self._store._depth += 1  # noqa: SLF001

    def __exit__(self, kind: type[BaseException] | None, _fault: object, _trace: TracebackType | None) -> None:
        store = self._store
        if kind is not None:
            store._undo_back_to(self._mark)  # noqa: SLF001
        store._depth -= 1  # noqa: SLF001
        if not store._depth:  # noqa: SLF001
            store._undo.clear()  # noqa: SLF001


def _indexes(record: TransactionRecord) -> tuple[tuple[str, str, str], ...]:
    indexes = (
        ("batch", record.terminal_id, record.batch),
        ("rrn", record.merchant_id, record.rrn),
        ("cleared", "", record.clearing_date),
    )
    return (*indexes, ("auth", record.merchant_id, record.auth_code)) if record.auth_code else indexes
