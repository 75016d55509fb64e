"""Double entry: each transfer debits one account and credits another; nothing is edited, corrections are transfers.

    posted          moves the posted balances
    pending         moves the pending balances: a hold
    post-pending    ends a hold and posts its amount, or less
    void-pending    ends a hold and posts nothing

A transfer's identifier is its idempotency key. A group of transfers is linked: all of it or nothing. The limit of an
account is looked at when the whole group has been applied, so a group may release a hold and use it at once.

Source: double-entry bookkeeping; two-phase and linked transfers as in TigerBeetle's data model. Leaves out expiry of
holds, and debit limits on accounts that owe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from posterm.amount import MAX_MINOR
from posterm.host.errors import LedgerError
from posterm.host.records import AccountRecord, TransferKind, TransferRecord
from posterm.host.store import HostStore

MAX_GROUP = 1000
"""Transfers in one linked group: a hold for each incremental authorisation, and the completion."""


class Outcome(Enum):
    """What became of a group."""

    POSTED = "posted"
    REPEATED = "repeated"
    """The same group was posted before; nothing was done."""
    INSUFFICIENT = "insufficient"
    """An account would fall below its limit; nothing was done."""


def merchant_pending(merchant_id: str) -> str:
    """The account of what a merchant's open batches have earned."""
    return f"merchant/{merchant_id}/pending"


def merchant_payable(merchant_id: str) -> str:
    """The account of what a merchant's settled batches have earned."""
    return f"merchant/{merchant_id}/payable"


def bank(currency: str) -> str:
    """The account opening balances come from."""
    return f"bank/{currency}"


def suspense(currency: str) -> str:
    """The account for what cannot be attributed yet."""
    return f"suspense/{currency}"


@dataclass(frozen=True, slots=True)
class LedgerProof:
    """The result of `Ledger.prove`: how much was read, and every fault found."""

    accounts: int
    transfers: int
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """True when the ledger is sound."""
        return not self.faults


class Ledger:
    """Accounts and transfers over a store."""

    def __init__(self, store: HostStore) -> None:
        self._store = store

    def open_account(self, account_id: str, currency: str, *, limited: bool = False, credit_line: int = 0) -> None:
        """Make sure an account is there. Raises: LedgerError: it is there with other terms."""
        found = self._store.account(account_id)
        if found is None:
            self._store.put_account(AccountRecord(account_id, currency, limited, credit_line))
        elif (found.currency, found.limited, found.credit_line) != (currency, limited, credit_line):
            raise LedgerError(f"account {account_id} is open already with another currency or limit")

    def account(self, account_id: str) -> AccountRecord:
        """Raises: LedgerError: no such account."""
        found = self._store.account(account_id)
        if found is None:
            raise LedgerError(f"no account {account_id}")
        return found

    def apply(self, group: Sequence[TransferRecord]) -> Outcome:
        """Post a linked group.

        Raises: LedgerError: an identifier used with other content, an unknown account, a currency that is not the
            accounts', an amount that is not 1 to 12 digits, or nothing pending to end. Nothing is posted then.
        """
        if len(group) > MAX_GROUP:
            raise LedgerError(f"a group holds at most {MAX_GROUP} transfers, not {len(group)}")
        if self._posted_before(group):
            return Outcome.REPEATED
        accounts: dict[str, AccountRecord] = {}
        bounded: set[str] = set()
        ended: set[str] = set()
        for transfer in group:
            self._check(transfer, ended)
            debit = self._loaded(accounts, transfer.debit_account, transfer.currency)
            credit = self._loaded(accounts, transfer.credit_account, transfer.currency)
            pending = self._store.transfer(transfer.resolves) if transfer.resolves else None
            accounts[debit.account_id] = _debited(debit, transfer, pending)
            accounts[credit.account_id] = _credited(credit, transfer, pending)
            if debit.limited and not transfer.forced and transfer.kind in (TransferKind.POSTED, TransferKind.PENDING):
                bounded.add(debit.account_id)
        if any(accounts[account_id].available < 0 for account_id in bounded):
            return Outcome.INSUFFICIENT
        for account in accounts.values():
            self._store.put_account(account)
        for transfer in group:
            self._store.add_transfer(transfer)
        return Outcome.POSTED

    def prove(self) -> LedgerProof:
        """Recompute every balance from the transfers and check that each currency sums to zero."""
        faults: list[str] = []
        computed: dict[str, AccountRecord] = {}
        seen: dict[str, TransferRecord] = {}
        ended: set[str] = set()
        for transfer in self._store.transfers():
            faults += _replay(computed, seen, ended, transfer)
        stored = {account.account_id: account for account in self._store.accounts()}
        for account_id in sorted(computed.keys() | stored.keys()):
            faults += _compare(account_id, stored.get(account_id), computed.get(account_id))
        faults += _sums(stored.values())
        return LedgerProof(len(stored), len(seen), tuple(faults))

    def _posted_before(self, group: Sequence[TransferRecord]) -> bool:
        before = 0
        for transfer in group:
            found = self._store.transfer(transfer.transfer_id)
            if found is not None and replace(found, at=transfer.at) != transfer:
                raise LedgerError(f"transfer {transfer.transfer_id} is posted already with other content")
            before += found is not None
        if len({transfer.transfer_id for transfer in group}) != len(group):
            raise LedgerError("a group names the same transfer twice")
        if before and before != len(group):
            raise LedgerError("a part of the group is posted already")
        return bool(group) and before == len(group)

    def _check(self, transfer: TransferRecord, ended: set[str]) -> None:
        if not 0 < transfer.amount <= MAX_MINOR:
            raise LedgerError(f"transfer {transfer.transfer_id}: need an amount of 1 to 12 digits")
        if transfer.debit_account == transfer.credit_account:
            raise LedgerError(f"transfer {transfer.transfer_id}: debits and credits the same account")
        ends = transfer.kind in (TransferKind.POST_PENDING, TransferKind.VOID_PENDING)
        if ends != bool(transfer.resolves):
            raise LedgerError(f"transfer {transfer.transfer_id}: {transfer.kind} and what it ends do not agree")
        if not ends:
            return
        pending = self._store.transfer(transfer.resolves)
        if pending is None or pending.kind != TransferKind.PENDING:
            raise LedgerError(f"transfer {transfer.transfer_id}: nothing pending to end")
        if transfer.resolves in ended or self._store.resolution(transfer.resolves) is not None:
            raise LedgerError(f"transfer {transfer.transfer_id}: the pending transfer has ended already")
        ended.add(transfer.resolves)
        same = (pending.debit_account, pending.credit_account, pending.currency)
        if same != (transfer.debit_account, transfer.credit_account, transfer.currency):
            raise LedgerError(f"transfer {transfer.transfer_id}: other accounts than the pending transfer's")
        if transfer.amount > pending.amount:
            raise LedgerError(f"transfer {transfer.transfer_id}: more than the pending transfer holds")

    def _loaded(self, accounts: dict[str, AccountRecord], account_id: str, currency: str) -> AccountRecord:
        account = accounts.get(account_id) or self.account(account_id)
        if account.currency != currency:
            raise LedgerError(f"account {account_id} is kept in {account.currency}, not {currency}")
        return account


def inverse(transfer: TransferRecord, transfer_id: str, at: str, transaction: str) -> TransferRecord:
    """The transfer that undoes one: money back, a hold released, or a released hold put on again. It is forced."""
    undone = replace(transfer, transfer_id=transfer_id, at=at, transaction=transaction, forced=True)
    if transfer.kind == TransferKind.PENDING:
        return replace(undone, kind=TransferKind.VOID_PENDING.value, resolves=transfer.transfer_id)
    if transfer.kind == TransferKind.VOID_PENDING:
        return replace(undone, kind=TransferKind.PENDING.value, resolves="")
    return replace(
        undone,
        kind=TransferKind.POSTED.value,
        resolves="",
        debit_account=transfer.credit_account,
        credit_account=transfer.debit_account,
    )


def _deltas(transfer: TransferRecord, pending: TransferRecord | None) -> tuple[int, int]:
    """What a transfer adds to the posted and to the pending balance of each of its sides."""
    held = pending.amount if pending is not None else 0
    if transfer.kind == TransferKind.POSTED:
        return transfer.amount, 0
    if transfer.kind == TransferKind.PENDING:
        return 0, transfer.amount
    if transfer.kind == TransferKind.POST_PENDING:
        return transfer.amount, -held
    if transfer.kind == TransferKind.VOID_PENDING:
        return 0, -held
    raise LedgerError(f"transfer {transfer.transfer_id}: no such kind of transfer")


def _debited(account: AccountRecord, transfer: TransferRecord, pending: TransferRecord | None) -> AccountRecord:
    posted, held = _deltas(transfer, pending)
    return _moved(account, posted, 0, held, 0)


def _credited(account: AccountRecord, transfer: TransferRecord, pending: TransferRecord | None) -> AccountRecord:
    posted, held = _deltas(transfer, pending)
    return _moved(account, 0, posted, 0, held)


def _moved(account: AccountRecord, debit: int, credit: int, debit_held: int, credit_held: int) -> AccountRecord:
    return AccountRecord(
        account.account_id,
        account.currency,
        account.limited,
        account.credit_line,
        account.debits_posted + debit,
        account.credits_posted + credit,
        account.debits_pending + debit_held,
        account.credits_pending + credit_held,
    )


def _replay(
    accounts: dict[str, AccountRecord], seen: dict[str, TransferRecord], ended: set[str], transfer: TransferRecord
) -> list[str]:
    faults = []
    if transfer.transfer_id in seen:
        faults.append(f"transfer {transfer.transfer_id} stands twice")
    pending = seen.get(transfer.resolves) if transfer.resolves else None
    if transfer.resolves and (pending is None or transfer.resolves in ended):
        faults.append(f"transfer {transfer.transfer_id} ends nothing that is pending")
    ended.add(transfer.resolves)
    seen[transfer.transfer_id] = transfer
    for account_id, moved in ((transfer.debit_account, _debited), (transfer.credit_account, _credited)):
        account = accounts.get(account_id) or AccountRecord(account_id, transfer.currency)
        if account.currency != transfer.currency:
            faults.append(f"transfer {transfer.transfer_id} mixes currencies in {account_id}")
        accounts[account_id] = moved(account, transfer, pending)
    return faults


def _compare(account_id: str, stored: AccountRecord | None, computed: AccountRecord | None) -> list[str]:
    if stored is None:
        return [f"account {account_id} has transfers but is not there"]
    expected = computed or AccountRecord(account_id, stored.currency)
    return [
        f"account {account_id}: {name} is {getattr(stored, name)}, its transfers give {getattr(expected, name)}"
        for name in ("currency", "debits_posted", "credits_posted", "debits_pending", "credits_pending")
        if getattr(stored, name) != getattr(expected, name)
    ]


def _sums(accounts: Iterable[AccountRecord]) -> list[str]:
    posted: dict[str, int] = {}
    pending: dict[str, int] = {}
    for account in accounts:
        posted[account.currency] = posted.get(account.currency, 0) + account.credits_posted - account.debits_posted
        held = account.credits_pending - account.debits_pending
        pending[account.currency] = pending.get(account.currency, 0) + held
    return [f"currency {code}: posted balances sum to {total}" for code, total in posted.items() if total] + [
        f"currency {code}: pending balances sum to {total}" for code, total in pending.items() if total
    ]
