"""Advances: a merchant that asks is paid at once what it has earned on a date that is still open.

An advance moves what is pending to payable, less its fee, and goes to the bank as any other payout; closing the date
then moves that much less. It never exceeds what is earned by then, so only a later refund can make a date owe. Asking
again under the same key gives the same payout.

    D5   over the merchant's quota for the date, or more than it has earned
    D6   instant payouts are not open for the merchant
    D7   outside the hours of instant payouts, or no working day where they are needed

Source: real-time settlement (D0) and its answer codes as one Chinese acquirer's host gives them.
"""

from __future__ import annotations

from datetime import datetime

from posterm.host.case import Desk
from posterm.host.chart import AccountKind, fee_income, merchant_payable, merchant_pending
from posterm.host.clearing import date_of
from posterm.host.errors import AdvanceRefusedError, EnrolmentError
from posterm.host.payouts import held, instant_fee
from posterm.host.plan import Instant
from posterm.host.records import AdvanceRecord, MerchantRecord, PayoutRecord, PayoutState, TransferKind, TransferRecord


def available(desk: Desk, merchant: MerchantRecord, clearing_date: str) -> int:
    """What a merchant has earned on an open date, less its fees and what was advanced of it before."""
    records = desk.store.transactions_cleared_on(clearing_date)
    earned = sum(each.gross_minor - each.fee_minor for each in records if each.merchant_id == merchant.merchant_id)
    return earned - advanced(desk, merchant.merchant_id, clearing_date)


def advanced(desk: Desk, merchant_id: str, clearing_date: str) -> int:
    """What was advanced of a date, with fees."""
    found = desk.store.advance(clearing_date, merchant_id)
    return 0 if found is None else found.amount_minor


def request_advance(desk: Desk, merchant_id: str, key: str, amount: int, now: datetime) -> PayoutRecord:
    """Pay at once. `amount` in minor units is what leaves what was earned, the fee included; 0 for all there is.

    Args:
        key: names this wish, 1 to 32 letters and digits; the same key gives the same payout.
    Returns: the payout, which goes on as every other does.
    Raises: AdvanceRefusedError: with its answer code. EnrolmentError: no such merchant, or a key that cannot be.
    """
    merchant = desk.store.merchant(merchant_id)
    if merchant is None:
        raise EnrolmentError(f"no merchant {merchant_id!r}")
    if not (0 < len(key) <= 32 and key.isascii() and key.isalnum()):
        raise EnrolmentError("an advance needs a key of 1 to 32 letters and digits")
    payout_id = f"{merchant_id}-advance-{key}"
    known = desk.store.payout(payout_id)
    if known is not None:
        return known
    plan = desk.plan_of(merchant)
    instant = plan.instant
    _refuse_closed(desk, instant, merchant, now)
    day = date_of(plan, now).isoformat()
    found = desk.store.clearing_day(day)
    left = available(desk, merchant, day) if found is not None and not found.closed_at else 0
    taken = amount or left
    before = desk.store.advance(day, merchant_id) or AdvanceRecord(day, merchant_id)
    if taken <= 0 or taken > left:
        raise AdvanceRefusedError("D5", f"merchant {merchant_id}: {max(left, 0)} can be advanced, not {taken}")
    if instant.most_minor is not None and before.amount_minor + taken > instant.most_minor:
        raise AdvanceRefusedError("D5", f"merchant {merchant_id}: over the quota of {instant.most_minor} for {day}")
    fee = instant_fee(plan, taken)
    if fee >= taken:
        raise AdvanceRefusedError("D5", f"merchant {merchant_id}: the fee of {fee} leaves nothing of {taken}")
    at, currency = now.isoformat(), merchant.currency
    payout = PayoutRecord(payout_id, merchant_id, currency, taken - fee, day, PayoutState.CREATED.value, at, fee)
    desk.ledger.apply(_transfers(payout))
    desk.store.put_payout(payout)
    desk.store.put_advance(before._replace(amount_minor=before.amount_minor + taken, count=before.count + 1))
    return payout


def _refuse_closed(desk: Desk, instant: Instant, merchant: MerchantRecord, now: datetime) -> None:
    if not instant.is_open or not merchant.open:
        raise AdvanceRefusedError("D6", f"merchant {merchant.merchant_id}: instant payouts are not open")
    if not instant.from_hour <= now.hour < instant.until_hour:
        hours = f"{instant.from_hour}:00 to {instant.until_hour}:00"
        raise AdvanceRefusedError("D7", f"merchant {merchant.merchant_id}: instant payouts are made from {hours}")
    if instant.working_days_only and not desk.terms.working_days.is_working(now.date()):
        raise AdvanceRefusedError("D7", f"merchant {merchant.merchant_id}: instant payouts are made on working days")


def _transfers(payout: PayoutRecord) -> list[TransferRecord]:
    """What was advanced becomes payable, its fee income, and the rest a hold for the bank: linked."""
    pending, payable = merchant_pending(payout.merchant_id), merchant_payable(payout.merchant_id)
    posted, name, at = TransferKind.POSTED.value, f"payout/{payout.payout_id}", payout.changed_at
    currency, whole = payout.currency, payout.amount_minor + payout.fee_minor
    group = [TransferRecord(f"{name}/advanced", posted, pending, payable, whole, currency, at)]
    if payout.fee_minor:
        acquirer = fee_income(AccountKind.FEE_ACQUIRER, currency)
        group.append(TransferRecord(f"{name}/fee", posted, payable, acquirer, payout.fee_minor, currency, at))
    return [*group, held(payout)]
