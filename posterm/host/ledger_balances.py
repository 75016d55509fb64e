"""What each kind of transfer does to the four balances of the accounts on its sides."""

from __future__ import annotations

from typing import Final

from posterm.host.errors import LedgerError
from posterm.host.records import AccountRecord, TransferKind, TransferRecord

ENDS_A_HOLD: Final = frozenset(
    {TransferKind.POST_PENDING.value, TransferKind.VOID_PENDING.value, TransferKind.EXPIRE_PENDING.value}
)


def debited(account: AccountRecord, posted: int, held: int) -> AccountRecord:
    """The account after a transfer with these deltas debits it."""
    name, currency, kind, line, debit, credit, debit_held, credit_held = account
    return AccountRecord(name, currency, kind, line, debit + posted, credit, debit_held + held, credit_held)


def credited(account: AccountRecord, posted: int, held: int) -> AccountRecord:
    """The account after a transfer with these deltas credits it."""
    name, currency, kind, line, debit, credit, debit_held, credit_held = account
    return AccountRecord(name, currency, kind, line, debit, credit + posted, debit_held, credit_held + held)


def deltas(transfer: TransferRecord, pending: TransferRecord | None) -> tuple[int, int]:
    """What a transfer adds to the posted and to the pending balance of each of its sides. `pending` is what it ends."""
    if transfer.kind == TransferKind.POSTED:
        return transfer.amount, 0
    held = pending.amount if pending is not None else 0
    match transfer.kind:
        case TransferKind.PENDING:
            return 0, transfer.amount
        case TransferKind.POST_PENDING:
            return transfer.amount, -held
        case TransferKind.VOID_PENDING | TransferKind.EXPIRE_PENDING:
            return 0, -held
        case _:
            raise LedgerError(f"transfer {transfer.transfer_id}: no such kind of transfer")
