"""Double entry: each transfer debits one account and credits another; nothing is edited, corrections are transfers.

    posted            moves the posted balances
    pending           moves the pending balances: a hold, which may have a deadline
    post-pending      ends a hold and posts its amount, or less
    void-pending      ends a hold and posts nothing
    expire-pending    ends a hold whose deadline has come; `expire` makes them

A transfer's identifier is its idempotency key: the same transfer again does nothing, another one under its name is
refused. A group of transfers is linked: all of it or nothing. The bounds of accounts are looked at when the whole group
has been applied, so a group may release a hold and use it at once. A hold is over when its deadline has come, whether
`expire` has been run since or not. A transfer that found too little is not kept, and may be tried again.

Source: double-entry bookkeeping; two-phase and linked transfers as in TigerBeetle's data model. Leaves out exchange
between currencies, which takes an account in each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from posterm.amount import MAX_MINOR
from posterm.host.chart import CHART, AccountKind, Side
from posterm.host.errors import HoldEndedError, LedgerError, TransferConflictError
from posterm.host.ledger_balances import ENDS_A_HOLD, credited, debited, deltas
from posterm.host.ledger_proof import LedgerProof, prove
from posterm.host.records import AccountRecord, HoldRecord, TransferKind, TransferRecord
from posterm.host.store import HostStore

MAX_GROUP: Final = 1000
"""Transfers in one linked group: a hold for each incremental authorisation, and the completion."""

MAX_BALANCE: Final = 2**63 - 1
"""The largest sum any store keeps exactly, in minor units."""

_EXPIRED_AT_ONCE: Final = 256
_TAKES: Final = frozenset({TransferKind.POSTED.value, TransferKind.PENDING.value})


class Outcome(Enum):
    """What became of a group."""

    POSTED = "posted"
    REPEATED = "repeated"
    """The same group was posted before; nothing was done."""
    INSUFFICIENT = "insufficient"
    """An account would fall below its bound; nothing was done."""


class Ledger:
    """Accounts and transfers over a store."""

    def __init__(self, store: HostStore) -> None:
        self._store = store

    def open_account(self, account_id: str, currency: str, kind: AccountKind, *, credit_line: int = 0) -> None:
        """Make sure an account is there. Raises: LedgerError: it is there with other terms."""
        found = self._store.account(account_id)
        if found is None:
            self._store.put_account(AccountRecord(account_id, currency, kind.value, credit_line))
        elif (found.currency, found.kind, found.credit_line) != (currency, kind, credit_line):
            raise LedgerError(f"account {account_id} is open already with another currency, kind or credit line")

    def account(self, account_id: str) -> AccountRecord:
        """Raises: LedgerError: no such account."""
        found = self._store.account(account_id)
        if found is None:
            raise LedgerError(f"no account {account_id}")
        return found

    def transfer(self, transfer_id: str) -> TransferRecord:
        """Raises: LedgerError: no such transfer."""
        found = self._store.transfer(transfer_id)
        if found is None:
            raise LedgerError(f"the transfer {transfer_id} is not in the ledger")
        return found

    def apply(self, group: Sequence[TransferRecord]) -> Outcome:
        """Post a linked group.

        Raises:
            TransferConflictError: an identifier used with other content. `at` is not compared.
            HoldEndedError: what it ends has ended, or is past its deadline.
            LedgerError: an unknown account, a currency that is not the accounts', an amount that is not 1 to 12 digits,
                a balance that grows over `MAX_BALANCE`, or nothing pending to end. Nothing is posted then.
        """
        if len(group) > MAX_GROUP:
            raise LedgerError(f"a group holds at most {MAX_GROUP} transfers, not {len(group)}")
        if self._posted_before(group):
            return Outcome.REPEATED
        accounts: dict[str, AccountRecord] = {}
        bounded: set[str] = set()
        holds: dict[str, HoldRecord] = {}
        for transfer in group:
            posted, held = deltas(transfer, self._check(transfer, holds))
            debit = self._loaded(accounts, transfer.debit_account, transfer.currency)
            credit = self._loaded(accounts, transfer.credit_account, transfer.currency)
            accounts[debit.account_id] = debited(debit, posted, held)
            accounts[credit.account_id] = credited(credit, posted, held)
            if transfer.kind in _TAKES and not transfer.forced:
                for account, grows_by in ((debit, Side.CREDIT), (credit, Side.DEBIT)):
                    row = CHART[account.kind]
                    if row.bounded and row.side is grows_by:
                        bounded.add(account.account_id)
        for account_id in bounded:
            if accounts[account_id].available < 0:
                return Outcome.INSUFFICIENT
        self._write(group, accounts, holds)
        return Outcome.POSTED

    def expire(self, now: str, ended_one: Callable[[TransferRecord], None] | None = None) -> int:
        """End every hold whose deadline has come. Returns: how many; `ended_one` is told each."""
        ended = 0
        while due := self._store.holds_due(now, _EXPIRED_AT_ONCE):
            for hold in due:
                pending = self.transfer(hold.transfer_id)
                self.apply(
                    [
                        pending._replace(
                            transfer_id=f"{hold.transfer_id}/expired",
                            kind=TransferKind.EXPIRE_PENDING.value,
                            at=now,
                            resolves=hold.transfer_id,
                            deadline="",
                            corrects="",
                        )
                    ]
                )
                if ended_one is not None:
                    ended_one(pending)
            ended += len(due)
        return ended

    def stands(self, transfer_id: str, now: str) -> bool:
        """True while a pending transfer is neither ended nor past its deadline."""
        hold = self._store.hold(transfer_id)
        return hold is not None and hold.stands(now)

    def deadline(self, transfer_id: str) -> str:
        """When a pending transfer ends by itself; empty when never, or when there is none."""
        hold = self._store.hold(transfer_id)
        return "" if hold is None else hold.deadline

    def release(self, transfer_id: str, new_id: str, at: str, transaction: str) -> TransferRecord:
        """The transfer that voids a pending one; not applied. Raises: LedgerError: no such transfer."""
        return self.transfer(transfer_id)._replace(
            transfer_id=new_id,
            kind=TransferKind.VOID_PENDING.value,
            at=at,
            transaction=transaction,
            resolves=transfer_id,
            deadline="",
        )

    def inverse(self, transfer_id: str, new_id: str, at: str, transaction: str) -> TransferRecord | None:
        """The transfer that undoes one: money back, a hold released, or a released hold put on again; not applied.

        It is forced, and names what it corrects.

        Returns: None for a hold that is over because its deadline has come: there is nothing to undo.
        Raises: LedgerError: no such transfer, or one that ended a hold at its deadline.
        """
        transfer = self.transfer(transfer_id)
        undone = transfer._replace(
            transfer_id=new_id, at=at, transaction=transaction, forced=True, corrects=transfer_id
        )
        if transfer.kind == TransferKind.PENDING:
            deadline = self.deadline(transfer_id)
            if deadline and at >= deadline:
                return None
            return undone._replace(kind=TransferKind.VOID_PENDING.value, resolves=transfer_id, deadline="")
        if transfer.kind == TransferKind.VOID_PENDING:
            deadline = self.deadline(transfer.resolves)
            if deadline and at >= deadline:
                return None
            return undone._replace(kind=TransferKind.PENDING.value, resolves="", deadline=deadline)
        if transfer.kind == TransferKind.EXPIRE_PENDING:
            raise LedgerError(f"transfer {transfer_id}: a hold that has expired is not put on again")
        return undone._replace(
            kind=TransferKind.POSTED.value,
            resolves="",
            debit_account=transfer.credit_account,
            credit_account=transfer.debit_account,
        )

    def prove(self) -> LedgerProof:
        """Recompute every balance from the transfers and check that each currency sums to zero."""
        return prove(self._store)

    def _posted_before(self, group: Sequence[TransferRecord]) -> bool:
        found = self._store.transfers_named([transfer.transfer_id for transfer in group])
        before = len(found) - found.count(None)
        for transfer, record in zip(group, found, strict=True) if before else ():
            if record is not None and record._replace(at=transfer.at) != transfer:
                raise TransferConflictError(f"transfer {transfer.transfer_id} is posted already with other content")
        if len(group) > 1 and len({transfer.transfer_id for transfer in group}) != len(group):
            raise LedgerError("a group names the same transfer twice")
        if before and before != len(group):
            raise TransferConflictError("a part of the group is posted already")
        return bool(before)

    def _check(self, transfer: TransferRecord, holds: dict[str, HoldRecord]) -> TransferRecord | None:
        """What a transfer ends. The state of holds after it is put into `holds`."""
        name = transfer.transfer_id
        if not 0 < transfer.amount <= MAX_MINOR:
            raise LedgerError(f"transfer {name}: need an amount of 1 to 12 digits")
        if transfer.debit_account == transfer.credit_account:
            raise LedgerError(f"transfer {name}: debits and credits the same account")
        if transfer.corrects and self._store.transfer(transfer.corrects) is None:
            raise LedgerError(f"transfer {name}: what it corrects is not in the ledger")
        if transfer.deadline and transfer.kind != TransferKind.PENDING:
            raise LedgerError(f"transfer {name}: only a pending one has a deadline")
        ends = transfer.kind in ENDS_A_HOLD
        if ends != bool(transfer.resolves):
            raise LedgerError(f"transfer {name}: {transfer.kind} and what it ends do not agree")
        if transfer.kind == TransferKind.PENDING:
            if transfer.deadline and transfer.at >= transfer.deadline:
                raise LedgerError(f"transfer {name}: its deadline has come before it begins")
            holds[name] = HoldRecord(name, transfer.deadline)
        return self._ended(transfer, holds) if ends else None

    def _ended(self, transfer: TransferRecord, holds: dict[str, HoldRecord]) -> TransferRecord:
        """The pending transfer that one ends, after every check that it may."""
        name = transfer.transfer_id
        pending = self._store.transfer(transfer.resolves)
        hold = holds.get(transfer.resolves) or self._store.hold(transfer.resolves)
        if pending is None or hold is None:
            raise LedgerError(f"transfer {name}: nothing pending to end")
        if hold.ended_by:
            raise HoldEndedError(f"transfer {name}: the pending transfer has ended already")
        if hold.is_due(transfer.at) != (transfer.kind == TransferKind.EXPIRE_PENDING):
            found = "past its deadline" if hold.is_due(transfer.at) else "not at its deadline yet"
            raise HoldEndedError(f"transfer {name}: the pending transfer is {found}")
        same = (pending.debit_account, pending.credit_account, pending.currency)
        if same != (transfer.debit_account, transfer.credit_account, transfer.currency):
            raise LedgerError(f"transfer {name}: other accounts than the pending transfer's")
        if transfer.amount > pending.amount:
            raise LedgerError(f"transfer {name}: more than the pending transfer holds")
        holds[transfer.resolves] = HoldRecord(hold.transfer_id, hold.deadline, name)
        return pending

    def _loaded(self, accounts: dict[str, AccountRecord], account_id: str, currency: str) -> AccountRecord:
        account = accounts.get(account_id) or self.account(account_id)
        if account.currency != currency:
            raise LedgerError(f"account {account_id} is kept in {account.currency}, not {currency}")
        return account

    def _write(
        self, group: Sequence[TransferRecord], accounts: dict[str, AccountRecord], holds: dict[str, HoldRecord]
    ) -> None:
        for account in accounts.values():
            sums = (account.debits_posted, account.credits_posted, account.debits_pending, account.credits_pending)
            if max(sums) > MAX_BALANCE:
                raise LedgerError(f"account {account.account_id}: its balance would grow over {MAX_BALANCE}")
        for account in accounts.values():
            self._store.put_account(account)
        for transfer in group:
            self._store.add_transfer(transfer)
        for hold in holds.values():
            self._store.put_hold(hold)
