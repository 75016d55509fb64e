"""What each kind of transfer does to the four balances of the accounts on its sides."""

from __future__ import annotations

from typing import Final

from posterm.host.errors import LedgerError
from posterm.host.records import AccountRecord, TransferKind, TransferRecord

ENDS_A_HOLD: Final = frozenset(
    {TransferKind.POST_PENDING.value, TransferKind.VOID_PENDING.value, TransferKind.EXPIRE_PENDING.value}
)


def debited(account: AccountRecord, transfer: TransferRecord, pending: TransferRecord | None) -> AccountRecord:
    """The account after a transfer debits it. `pending` is what the transfer ends."""
    posted, held = _deltas(transfer, pending)
    return _moved(account, posted, 0, held, 0)


def credited(account: AccountRecord, transfer: TransferRecord, pending: TransferRecord | None) -> AccountRecord:
    """The account after a transfer credits it. `pending` is what the transfer ends."""
    posted, held = _deltas(transfer, pending)
    return _moved(account, 0, posted, 0, held)


def _deltas(transfer: TransferRecord, pending: TransferRecord | None) -> tuple[int, int]:
    """What a transfer adds to the posted and to the pending balance of each of its sides."""
    held = pending.amount if pending is not None else 0
    match transfer.kind:
        case TransferKind.POSTED:
            return transfer.amount, 0
        case TransferKind.PENDING:
            return 0, transfer.amount
        case TransferKind.POST_PENDING:
            return transfer.amount, -held
        case TransferKind.VOID_PENDING | TransferKind.EXPIRE_PENDING:
            return 0, -held
        case _:
            raise LedgerError(f"transfer {transfer.transfer_id}: no such kind of transfer")


def _moved(account: AccountRecord, debit: int, credit: int, debit_held: int, credit_held: int) -> AccountRecord:
    return AccountRecord(
        account.account_id,
        account.currency,
        account.kind,
        account.credit_line,
        account.debits_posted + debit,
        account.credits_posted + credit,
        account.debits_pending + debit_held,
        account.credits_pending + credit_held,
    )
