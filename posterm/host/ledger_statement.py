"""The statement of an account: every transfer that moved its posted balance, with the balance after it.

Holds move no money and are left out; what they end in is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from posterm.host.chart import Side
from posterm.host.ledger_balances import credited, debited, deltas
from posterm.host.records import AccountRecord, TransferKind, TransferRecord
from posterm.host.store import HostStore

_MOVES_MONEY = frozenset({TransferKind.POSTED.value, TransferKind.POST_PENDING.value})


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line: what the transfer did to the account, who was on its other side, and the balance after it."""

    transfer: TransferRecord
    other_account: str
    side: Side
    balance: int


def statement(store: HostStore, account: AccountRecord) -> Iterator[StatementLine]:
    """The lines of an account, oldest first, read as they are asked for."""
    running = AccountRecord(account.account_id, account.currency, account.kind)
    for transfer in store.transfers():
        if transfer.kind not in _MOVES_MONEY:
            continue
        if transfer.debit_account == account.account_id:
            running, other, side = debited(running, *deltas(transfer, None)), transfer.credit_account, Side.DEBIT
        elif transfer.credit_account == account.account_id:
            running, other, side = credited(running, *deltas(transfer, None)), transfer.debit_account, Side.CREDIT
        else:
            continue
        yield StatementLine(transfer, other, side, running.balance)
