"""The proof of the ledger: every balance recomputed from nothing but the transfers, in one pass.

What is remembered on the way is one row for each account and one for each hold that is open at that point, so that a
ledger of millions of transfers is proved in little memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from posterm.host.chart import AccountKind
from posterm.host.ledger_balances import ENDS_A_HOLD, credited, debited, deltas
from posterm.host.records import AccountRecord, TransferKind, TransferRecord
from posterm.host.store import HostStore

_UNKNOWN_KIND = AccountKind.SUSPENSE.value
_COMPARED = ("currency", "debits_posted", "credits_posted", "debits_pending", "credits_pending")


@dataclass(frozen=True, slots=True)
class LedgerProof:
    """How much was read, and every fault found."""

    accounts: int
    transfers: int
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """True when the ledger is sound."""
        return not self.faults


@dataclass(slots=True)
class _Replay:
    """The ledger as its transfers make it."""

    accounts: dict[str, AccountRecord] = field(default_factory=dict)
    open_holds: dict[str, TransferRecord] = field(default_factory=dict)
    transfers: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, transfer: TransferRecord) -> None:
        self.transfers += 1
        pending = self.open_holds.pop(transfer.resolves, None) if transfer.kind in ENDS_A_HOLD else None
        if pending is None and transfer.kind in ENDS_A_HOLD:
            self.faults.append(f"transfer {transfer.transfer_id} ends nothing that is pending")
        if transfer.kind == TransferKind.PENDING:
            self.open_holds[transfer.transfer_id] = transfer
        posted, held = deltas(transfer, pending)
        for account_id, moved in ((transfer.debit_account, debited), (transfer.credit_account, credited)):
            account = self.accounts.get(account_id) or AccountRecord(account_id, transfer.currency, _UNKNOWN_KIND)
            if account.currency != transfer.currency:
                self.faults.append(f"transfer {transfer.transfer_id} mixes currencies in {account_id}")
            self.accounts[account_id] = moved(account, posted, held)


def prove(store: HostStore) -> LedgerProof:
    """Compare what the store says of accounts and holds with what its transfers give."""
    with store.snapshot():
        replay = _Replay()
        for transfer in store.transfers():
            replay.add(transfer)
        stored = {account.account_id: account for account in store.accounts()}
        open_holds = {hold.transfer_id: hold.deadline for hold in store.open_holds()}
    faults = replay.faults
    for account_id in sorted(replay.accounts.keys() | stored.keys()):
        faults += _account_faults(account_id, stored.get(account_id), replay.accounts.get(account_id))
    expected = {name: transfer.deadline for name, transfer in replay.open_holds.items()}
    faults += [
        f"hold {name}: its state or deadline is not what its transfers give"
        for name in sorted(expected.keys() | open_holds.keys())
        if expected.get(name) != open_holds.get(name)
    ]
    faults += _sum_faults(stored.values())
    return LedgerProof(len(stored), replay.transfers, tuple(faults))


def _account_faults(account_id: str, stored: AccountRecord | None, computed: AccountRecord | None) -> list[str]:
    if stored is None:
        return [f"account {account_id} has transfers but is not there"]
    expected = computed or AccountRecord(account_id, stored.currency, stored.kind)
    return [
        f"account {account_id}: {name} is {getattr(stored, name)}, its transfers give {getattr(expected, name)}"
        for name in _COMPARED
        if getattr(stored, name) != getattr(expected, name)
    ]


def _sum_faults(accounts: Iterable[AccountRecord]) -> list[str]:
    posted: dict[str, int] = {}
    pending: dict[str, int] = {}
    for account in accounts:
        posted[account.currency] = posted.get(account.currency, 0) + account.credits_posted - account.debits_posted
        held = account.credits_pending - account.debits_pending
        pending[account.currency] = pending.get(account.currency, 0) + held
    return [f"currency {code}: posted balances sum to {total}" for code, total in posted.items() if total] + [
        f"currency {code}: pending balances sum to {total}" for code, total in pending.items() if total
    ]
