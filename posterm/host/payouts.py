"""Payouts: what is payable goes to the merchant's bank account, and comes back when the bank refuses it.

    created --send--> sent --succeed--> succeeded
                       | --fail--> failed --return--> returned --retry--> created

A payout is a hold on what is payable until it has succeeded, so nothing is paid twice; returning it releases the hold.
A merchant whose refunds exceed its sales is paid nothing until later dates make up for it.

Source: payout states as acquirers publish them; two-phase transfers of `ledger`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from posterm.host.case import Desk
from posterm.host.chart import AccountKind, bank, fee_income, merchant_payable
from posterm.host.errors import PayoutError
from posterm.host.plan import PARTS, MerchantPlan
from posterm.host.records import ClearingRecord, PayoutRecord, PayoutState, TransferKind, TransferRecord

TRANSITIONS: Final[dict[str, tuple[PayoutState, PayoutState]]] = {
    "send": (PayoutState.CREATED, PayoutState.SENT),
    "succeed": (PayoutState.SENT, PayoutState.SUCCEEDED),
    "fail": (PayoutState.SENT, PayoutState.FAILED),
    "return": (PayoutState.FAILED, PayoutState.RETURNED),
    "retry": (PayoutState.RETURNED, PayoutState.CREATED),
}
"""What may be done with a payout: in which state, and which state it leads to."""


def create_payouts(desk: Desk, now: datetime) -> tuple[PayoutRecord, ...]:
    """Make a payout for every merchant to whom something is due, of all that is due and in no payout yet."""
    due: dict[tuple[str, str], list[ClearingRecord]] = {}
    for cleared in desk.store.clearings_unpaid():
        if cleared.due <= now.date().isoformat():
            due.setdefault((cleared.merchant_id, cleared.currency), []).append(cleared)
    made = (_create(desk, cleared, now) for _, cleared in sorted(due.items()))
    return tuple(payout for payout in made if payout is not None)


def move_payout(desk: Desk, payout_id: str, action: str, now: datetime, *, reason: str = "") -> PayoutRecord:
    """Take a payout one step on. `action` is a key of `TRANSITIONS`, `reason` why the bank refused.

    Raises: PayoutError: unknown payout or action, another state, or a retry of more than is payable.
    """
    payout = desk.store.payout(payout_id)
    if payout is None:
        raise PayoutError(f"no payout {payout_id}")
    if action not in TRANSITIONS:
        raise PayoutError(f"payout {payout_id}: no such action; there are {', '.join(TRANSITIONS)}")
    needed, leads_to = TRANSITIONS[action]
    if payout.state != needed:
        raise PayoutError(f"payout {payout_id}: to {action} it needs to be {needed}, it is {payout.state}")
    moved = payout._replace(state=leads_to.value, changed_at=now.isoformat())
    if action == "fail":
        moved = moved._replace(reason=reason)
    if action == "retry":
        if desk.ledger.account(merchant_payable(payout.merchant_id)).available < payout.amount_minor:
            raise PayoutError(f"payout {payout_id}: less is payable by now")
        moved = moved._replace(attempt=payout.attempt + 1, reason="")
    transfer = _TRANSFERS.get(action)
    if transfer is not None:
        desk.ledger.apply([transfer(moved)])
    desk.store.put_payout(moved)
    return moved


def instant_fee(plan: MerchantPlan, amount: int) -> int:
    """What being paid at once costs: a rate, rounded half up, and a fee for each payout, in minor units."""
    return (2 * amount * plan.instant.rate + PARTS) // (2 * PARTS) + plan.instant.fee_minor


def _create(desk: Desk, cleared: list[ClearingRecord], now: datetime) -> PayoutRecord | None:
    merchant_id, currency = cleared[-1].merchant_id, cleared[-1].currency
    merchant = desk.store.merchant(merchant_id)
    total = sum(each.due_minor for each in cleared)
    if merchant is None or total <= 0:
        return None
    plan = desk.plan_of(merchant)
    fee = instant_fee(plan, total) if plan.terms.cycle == "D0" else 0
    if fee >= total:
        return None
    payout = PayoutRecord(
        payout_id=f"{merchant_id}-{cleared[-1].clearing_date}",
        merchant_id=merchant_id,
        currency=currency,
        amount_minor=total - fee,
        due=max(each.due for each in cleared),
        state=PayoutState.CREATED.value,
        changed_at=now.isoformat(),
        fee_minor=fee,
    )
    group = [held(payout)]
    if fee:
        acquirer, payable = fee_income(AccountKind.FEE_ACQUIRER, currency), merchant_payable(merchant_id)
        posted, name = TransferKind.POSTED.value, f"payout/{payout.payout_id}/fee"
        group.append(TransferRecord(name, posted, payable, acquirer, fee, currency, payout.changed_at))
    desk.ledger.apply(group)
    desk.store.put_payout(payout)
    for each in cleared:
        desk.store.put_clearing(each._replace(payout=payout.payout_id))
    return payout


def _hold_name(payout: PayoutRecord) -> str:
    return f"payout/{payout.payout_id}/{payout.attempt}"


def held(payout: PayoutRecord) -> TransferRecord:
    """The hold on what is payable for one attempt at a payout."""
    payable, pending = merchant_payable(payout.merchant_id), TransferKind.PENDING.value
    account, name = bank(payout.currency), _hold_name(payout)
    return TransferRecord(name, pending, payable, account, payout.amount_minor, payout.currency, payout.changed_at)


def _paid(payout: PayoutRecord) -> TransferRecord:
    return _ending(payout, TransferKind.POST_PENDING, "paid")


def _returned(payout: PayoutRecord) -> TransferRecord:
    return _ending(payout, TransferKind.VOID_PENDING, "returned")


def _ending(payout: PayoutRecord, kind: TransferKind, name: str) -> TransferRecord:
    hold = held(payout)
    ended = f"{hold.transfer_id}/{name}"
    return hold._replace(transfer_id=ended, kind=kind.value, resolves=hold.transfer_id)


_TRANSFERS: Final[dict[str, Callable[[PayoutRecord], TransferRecord]]] = {
    "succeed": _paid,
    "return": _returned,
    "retry": held,
}
