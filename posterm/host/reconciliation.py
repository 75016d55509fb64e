"""Reconciliation: what terminals, the host's records and the ledger say of one clearing date, and where they differ.

    host and ledger      each record's transfers move what the record says it adds, and its fee
    host and clearing    the closed date holds the sum of its records
    terminal and host    batches that were closed on the date: their totals, and items only one side has

Source: three-way reconciliation of terminal batch, host and ledger; the report is posterm's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from posterm.host.case import Desk
from posterm.host.chart import merchant_pending
from posterm.host.records import ClearingRecord, TransactionRecord, TransferKind, TransferRecord
from posterm.host.store import HostStore

_DATE_CHARACTERS = 10


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How much was compared, and every difference found."""

    clearing_date: str
    records: int
    batches: int
    gross_minor: int
    fee_minor: int
    differences: tuple[str, ...]


def reconcile(desk: Desk, clearing_date: str) -> Reconciliation:
    """Compare everything that is known of a clearing date."""
    store = desk.store
    with store.snapshot():
        records = store.transactions_cleared_on(clearing_date)
        reports = [report for report in store.reports() if report.at[:_DATE_CHARACTERS] == clearing_date]
        differences = [fault for record in records for fault in _ledger_faults(store, record)]
        for cleared in store.clearings_on(clearing_date):
            differences += _clearing_faults(cleared, records)
    for report in reports:
        batch = f"terminal {report.terminal_id} batch {report.batch}"
        if not report.equal:
            differences.append(f"{batch}: the terminal counted {report.terminal_totals}, the host {report.host_totals}")
        differences += [f"{batch}: only the host has {stan}" for stan in report.only_host]
        differences += [f"{batch}: only the terminal has {stan}" for stan in report.only_terminal]
    gross = sum(record.gross_minor for record in records)
    fee = sum(record.fee_minor for record in records)
    return Reconciliation(clearing_date, len(records), len(reports), gross, fee, tuple(differences))


def _ledger_faults(store: HostStore, record: TransactionRecord) -> list[str]:
    """A record whose transfers move something else than it says. One that was undone while its date was open says 0."""
    names = (f"{record.ref}/{number}" for number in range(1, record.transfers + 1))
    made = [store.transfer(name) for name in names]
    if None in made:
        return [f"transaction {record.ref}: a transfer of it is not in the ledger"]
    account = merchant_pending(record.merchant_id)
    moved = sum(_moved(transfer, account) for transfer in made if transfer is not None)
    said = record.gross_minor - record.fee_minor
    undone = record.reversed or (record.mti == "0400" and not record.gross_minor)
    if moved == said or (undone and not said):
        return []
    return [f"transaction {record.ref}: says {said}, the ledger moved {moved}"]


def _moved(transfer: TransferRecord, account: str) -> int:
    if transfer.kind != TransferKind.POSTED:
        return 0
    return transfer.amount * ((transfer.credit_account == account) - (transfer.debit_account == account))


def _clearing_faults(cleared: ClearingRecord, records: list[TransactionRecord]) -> list[str]:
    own = [record for record in records if record.merchant_id == cleared.merchant_id]
    gross, fee = sum(record.gross_minor for record in own), sum(record.fee_minor for record in own)
    if (gross, fee) == (cleared.gross_minor, cleared.fee_minor):
        return []
    cleared_said = f"cleared {cleared.gross_minor} less {cleared.fee_minor}"
    return [f"merchant {cleared.merchant_id}: {cleared_said}, its transactions give {gross} less {fee}"]
