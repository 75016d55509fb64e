"""The host's rows in an SQL database, whichever it is: its tables, and what is asked of them.

`unit_of_work` says how rows are known and written within a batch. The database itself is a `Database`: `sqlite_host`
and `postgres_host` each have one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

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
from posterm.runtime.store.host_tables import (
    ACCOUNTS,
    ADVANCES,
    BATCHES,
    CARD_USES,
    CARDS,
    CHIP_USES,
    CHIPS,
    CLEARING_DAYS,
    CLEARINGS,
    DOCUMENTS,
    EXCHANGES,
    FORWARDS,
    HOLDS,
    ISSUER_KEYS,
    KEYS,
    LIMIT_USES,
    MERCHANTS,
    NUMBER,
    PAYOUTS,
    REPORTS,
    ROUTES,
    SEQUENCES,
    TERMINALS,
    TRANSACTIONS,
    TRANSFERS,
    UPLOADS,
    SequenceRecord,
)
from posterm.runtime.store.unit_of_work import Database, Shelf, UnitOfWork

_TRANSFERS_AT_ONCE: Final = 1000


class SqlHostStore(UnitOfWork):
    """A `HostStore` over a database. Close it when done; it is its own context manager.

    Raises: StoreError: from every method, when the database cannot be read or written.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        flavour = database.flavour
        self._keys = Shelf(KEYS, flavour, keeps=True)
        self._merchants = Shelf(MERCHANTS, flavour, keeps=True)
        self._terminals = Shelf(TERMINALS, flavour, keeps=True)
        self._cards = Shelf(CARDS, flavour, keeps=True)
        self._issuer_keys = Shelf(ISSUER_KEYS, flavour, keeps=True)
        self._chips = Shelf(CHIPS, flavour, keeps=True)
        self._chip_uses = Shelf(CHIP_USES, flavour)
        self._accounts = Shelf(ACCOUNTS, flavour, keeps=True)
        self._transfers = Shelf(TRANSFERS, flavour, append_only=True)
        self._holds = Shelf(HOLDS, flavour)
        self._transactions = Shelf(TRANSACTIONS, flavour)
        self._limit_uses = Shelf(LIMIT_USES, flavour, keeps=True)
        self._card_uses = Shelf(CARD_USES, flavour, keeps=True)
        self._clearing_days = Shelf(CLEARING_DAYS, flavour, keeps=True)
        self._clearings = Shelf(CLEARINGS, flavour)
        self._advances = Shelf(ADVANCES, flavour)
        self._payouts = Shelf(PAYOUTS, flavour)
        self._documents = Shelf(DOCUMENTS, flavour)
        self._routes = Shelf(ROUTES, flavour)
        self._forwards = Shelf(FORWARDS, flavour)
        self._exchanges = Shelf(EXCHANGES, flavour)
        self._batches = Shelf(BATCHES, flavour, keeps=True)
        self._uploads = Shelf(UPLOADS, flavour)
        self._reports = Shelf(REPORTS, flavour)
        self._sequences = Shelf(SEQUENCES, flavour, keeps=True)
        self._shelves = (
            self._keys,
            self._terminals,
            self._cards,
            self._chips,
            self._chip_uses,
            self._transfers,
            self._holds,
            self._transactions,
            self._card_uses,
            self._clearings,
            self._advances,
            self._payouts,
            self._documents,
            self._routes,
            self._forwards,
            self._exchanges,
            self._batches,
            self._uploads,
            self._reports,
            self._clearing_days,
            self._limit_uses,
            self._merchants,
            self._issuer_keys,
            self._accounts,
            self._sequences,
        )

    # --- rows

    def next_number(self, sequence: str) -> int:
        number = self._database.next_number(sequence)
        if number is not None:
            return number
        if not self._depth:
            with self.batch():
                return self.next_number(sequence)
        found = self._get(self._sequences, sequence)
        number = 1 if found is None else found.last + 1
        self._put(self._sequences, SequenceRecord(sequence, number))
        return number

    def key(self, use: str) -> KeyRecord | None:
        return self._get(self._keys, use)

    def put_key(self, record: KeyRecord) -> None:
        self._put(self._keys, record)

    def merchant(self, merchant_id: str) -> MerchantRecord | None:
        return self._get(self._merchants, merchant_id)

    def put_merchant(self, record: MerchantRecord) -> None:
        self._put(self._merchants, record)

    def merchants(self) -> Iterable[MerchantRecord]:
        return self._listed(self._merchants, "", (), _any)

    def terminal(self, terminal_id: str) -> TerminalRecord | None:
        return self._get(self._terminals, terminal_id)

    def put_terminal(self, record: TerminalRecord) -> None:
        self._put(self._terminals, record)

    def terminals(self) -> Iterable[TerminalRecord]:
        return self._listed(self._terminals, "", (), _any)

    def card(self, fingerprint: str) -> CardRecord | None:
        return self._get(self._cards, fingerprint)

    def put_card(self, record: CardRecord) -> None:
        self._put(self._cards, record)

    def issuer_keys(self, prefix: str) -> IssuerKeyRecord | None:
        return self._get(self._issuer_keys, prefix)

    def put_issuer_keys(self, record: IssuerKeyRecord) -> None:
        self._put(self._issuer_keys, record)

    def chip(self, chip: str) -> ChipRecord | None:
        return self._get(self._chips, chip)

    def put_chip(self, record: ChipRecord) -> None:
        self._put(self._chips, record)

    def chip_use(self, use: str) -> ChipUseRecord | None:
        return self._get(self._chip_uses, use)

    def put_chip_use(self, record: ChipUseRecord) -> None:
        self._put(self._chip_uses, record)

    def account(self, account_id: str) -> AccountRecord | None:
        return self._get(self._accounts, account_id)

    def put_account(self, record: AccountRecord) -> None:
        self._put(self._accounts, record)

    def accounts(self) -> Iterable[AccountRecord]:
        return self._listed(self._accounts, "", (), _any)

    def transfer(self, transfer_id: str) -> TransferRecord | None:
        return self._get(self._transfers, transfer_id)

    def transfers_named(self, transfer_ids: Sequence[str]) -> list[TransferRecord | None]:
        return self._get_all(self._transfers, transfer_ids)

    def add_transfer(self, record: TransferRecord) -> None:
        self._put(self._transfers, record)

    def transfers(self) -> Iterator[TransferRecord]:
        """All of them in order, read as they are asked for; what this batch has added comes last."""
        page = f"WHERE {NUMBER} > ? ORDER BY {NUMBER} LIMIT ?"
        statement, last = self._sql(TRANSFERS.select(page, with_number=True)), 0
        while rows := self._database.all(statement, (last, _TRANSFERS_AT_ONCE)):
            last = rows[-1][0]
            for row in rows:
                yield TRANSFERS.build(row[1:])
        yield from list(self._transfers.changed.values())

    def hold(self, transfer_id: str) -> HoldRecord | None:
        return self._get(self._holds, transfer_id)

    def put_hold(self, record: HoldRecord) -> None:
        self._put(self._holds, record)

    def open_holds(self) -> Iterable[HoldRecord]:
        return self._listed(self._holds, "WHERE ended_by = ''", (), lambda hold: not hold.ended_by)

    def holds_due(self, now: str, most: int) -> list[HoldRecord]:
        condition = "WHERE ended_by = '' AND deadline <> '' AND deadline <= ? ORDER BY deadline, transfer_id LIMIT ?"
        # Some of the rows read may have been ended by this batch.
        values = (now, most + len(self._holds.changed))
        due = self._listed(self._holds, condition, values, lambda hold: not hold.ended_by and hold.is_due(now))
        return sorted(due, key=lambda hold: (hold.deadline, hold.transfer_id))[:most]

    def transaction(self, ref: str) -> TransactionRecord | None:
        return self._get(self._transactions, ref)

    def transactions_named(self, refs: Sequence[str]) -> list[TransactionRecord | None]:
        return self._get_all(self._transactions, refs)

    def put_transaction(self, record: TransactionRecord) -> None:
        self._put(self._transactions, record)

    def transactions_by_rrn(self, merchant_id: str, rrn: str) -> list[TransactionRecord]:
        return self._listed(
            self._transactions,
            "WHERE rrn = ? AND merchant_id = ?",
            (rrn, merchant_id),
            lambda record: (record.rrn, record.merchant_id) == (rrn, merchant_id),
        )

    def transactions_by_auth_code(self, merchant_id: str, auth_code: str) -> list[TransactionRecord]:
        return self._listed(
            self._transactions,
            "WHERE auth_code = ? AND merchant_id = ? AND auth_code <> ''",
            (auth_code, merchant_id),
            lambda record: bool(auth_code) and (record.auth_code, record.merchant_id) == (auth_code, merchant_id),
        )

    def transactions_in_batch(self, terminal_id: str, batch: str) -> list[TransactionRecord]:
        return self._listed(
            self._transactions,
            "WHERE terminal_id = ? AND batch = ?",
            (terminal_id, batch),
            lambda record: (record.terminal_id, record.batch) == (terminal_id, batch),
        )

    def transactions_cleared_on(self, clearing_date: str) -> list[TransactionRecord]:
        return self._listed(
            self._transactions,
            "WHERE clearing_date = ?",
            (clearing_date,),
            lambda record: record.clearing_date == clearing_date,
        )

    def limit_use(self, use: str) -> LimitUseRecord | None:
        return self._get(self._limit_uses, use)

    def put_limit_use(self, record: LimitUseRecord) -> None:
        self._put(self._limit_uses, record)

    def limit_uses(self) -> Iterable[LimitUseRecord]:
        return self._listed(self._limit_uses, "", (), _any)

    def card_use(self, use: str) -> CardUseRecord | None:
        return self._get(self._card_uses, use)

    def put_card_use(self, record: CardUseRecord) -> None:
        self._put(self._card_uses, record)

    def clearing_day(self, clearing_date: str) -> ClearingDayRecord | None:
        return self._get(self._clearing_days, clearing_date)

    def put_clearing_day(self, record: ClearingDayRecord) -> None:
        self._put(self._clearing_days, record)

    def open_clearing_days(self) -> list[ClearingDayRecord]:
        return self._listed(self._clearing_days, "WHERE closed_at = ''", (), lambda record: not record.closed_at)

    def clearing(self, clearing_date: str, merchant_id: str) -> ClearingRecord | None:
        return self._get(self._clearings, (clearing_date, merchant_id))

    def put_clearing(self, record: ClearingRecord) -> None:
        self._put(self._clearings, record)

    def clearings_on(self, clearing_date: str) -> list[ClearingRecord]:
        return self._listed(
            self._clearings,
            "WHERE clearing_date = ?",
            (clearing_date,),
            lambda record: record.clearing_date == clearing_date,
        )

    def clearings_unpaid(self) -> list[ClearingRecord]:
        return self._listed(self._clearings, "WHERE payout = ''", (), lambda record: not record.payout)

    def advance(self, clearing_date: str, merchant_id: str) -> AdvanceRecord | None:
        return self._get(self._advances, (clearing_date, merchant_id))

    def put_advance(self, record: AdvanceRecord) -> None:
        self._put(self._advances, record)

    def advances_on(self, clearing_date: str) -> list[AdvanceRecord]:
        return self._listed(
            self._advances,
            "WHERE clearing_date = ?",
            (clearing_date,),
            lambda record: record.clearing_date == clearing_date,
        )

    def payout(self, payout_id: str) -> PayoutRecord | None:
        return self._get(self._payouts, payout_id)

    def put_payout(self, record: PayoutRecord) -> None:
        self._put(self._payouts, record)

    def payouts(self) -> Iterable[PayoutRecord]:
        return self._listed(self._payouts, "", (), _any)

    def document(self, kind: str, key: str) -> DocumentRecord | None:
        return self._get(self._documents, (kind, key))

    def put_document(self, record: DocumentRecord) -> None:
        self._put(self._documents, record)

    def documents(self, kind: str, *, subject: str | None = None, state: str | None = None) -> list[DocumentRecord]:
        asked = {"kind": kind, "subject": subject, "state": state}
        wanted = {column: value for column, value in asked.items() if value is not None}
        return self._listed(
            self._documents,
            "WHERE " + " AND ".join(f"{column} = ?" for column in wanted),
            tuple(wanted.values()),
            lambda record: all(getattr(record, column) == value for column, value in wanted.items()),
        )

    def documents_due(self, until: str, most: int) -> list[DocumentRecord]:
        condition = "WHERE due <> '' AND due <= ? ORDER BY due, kind, key LIMIT ?"
        # Some of the rows read may have been put off by this batch.
        values = (until, most + len(self._documents.changed))
        found = self._listed(
            self._documents, condition, values, lambda record: bool(record.due) and record.due <= until
        )
        return sorted(found, key=lambda record: (record.due, record.kind, record.key))[:most]

    def route(self, ref: str) -> RouteRecord | None:
        return self._get(self._routes, ref)

    def put_route(self, record: RouteRecord) -> None:
        self._put(self._routes, record)

    def routes_waiting(self) -> list[RouteRecord]:
        return self._listed(
            self._routes, "WHERE state = 'waiting'", (), lambda record: record.state == RouteState.WAITING
        )

    def forward(self, forward_id: str) -> ForwardRecord | None:
        return self._get(self._forwards, forward_id)

    def put_forward(self, record: ForwardRecord) -> None:
        self._put(self._forwards, record)

    def forwards_due(self, issuer: str, most: int) -> list[ForwardRecord]:
        condition = "WHERE code = '' AND issuer = ? ORDER BY forward_id LIMIT ?"
        # Some of the rows read may have been acknowledged in this batch.
        values = (issuer, most + len(self._forwards.changed))
        return self._listed(
            self._forwards, condition, values, lambda record: not record.code and record.issuer == issuer
        )[:most]

    def exchange(self, ref: str) -> ExchangeRecord | None:
        return self._get(self._exchanges, ref)

    def put_exchange(self, record: ExchangeRecord) -> None:
        self._put(self._exchanges, record)

    def batch_record(self, terminal_id: str, batch: str) -> BatchRecord | None:
        return self._get(self._batches, (terminal_id, batch))

    def put_batch_record(self, record: BatchRecord) -> None:
        self._put(self._batches, record)

    def open_batches(self) -> list[BatchRecord]:
        return self._listed(self._batches, "WHERE open = 1", (), lambda record: record.open)

    def put_upload(self, record: UploadRecord) -> None:
        self._put(self._uploads, record)

    def uploads(self, terminal_id: str, batch: str) -> list[UploadRecord]:
        return self._listed(
            self._uploads,
            "WHERE terminal_id = ? AND batch = ?",
            (terminal_id, batch),
            lambda record: (record.terminal_id, record.batch) == (terminal_id, batch),
        )

    def report(self, terminal_id: str, batch: str) -> SettlementReport | None:
        return self._get(self._reports, (terminal_id, batch))

    def put_report(self, record: SettlementReport) -> None:
        self._put(self._reports, record)

    def reports(self) -> Iterable[SettlementReport]:
        return self._listed(self._reports, "", (), _any)


def _any(_record: object) -> bool:
    return True
