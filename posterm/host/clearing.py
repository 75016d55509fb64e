"""Clearing: on which date a transaction counts, and closing a date.

A request counts on the date of the host's clock until its merchant's cut-off, and on the next date after it; never on a
date that is closed already. Closing a date moves what each merchant has earned on it from pending to payable, less its
fees and what was advanced of it, and splits the fees among their parties. Batches of terminals have nothing to do with
it: they are compared, not cleared. What is undone while its date is open counts nowhere; what is undone later counts
with the opposite sign on the date of the undoing.

Source: the cut-off and cycles of Chinese acquirers, T+1, D+1 and D0.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from posterm.host.case import Case, Desk, Refusal
from posterm.host.chart import FEE_KINDS, fee_clearing, fee_income, merchant_payable, merchant_pending
from posterm.host.fees import FeeParts, split_fee
from posterm.host.plan import MerchantPlan
from posterm.host.records import (
    ClearingDayRecord,
    ClearingRecord,
    MerchantRecord,
    TransactionRecord,
    TransferKind,
    TransferRecord,
)
from posterm.host.store import HostStore
from posterm.host.working_days import WorkingDays


def find_clearing_date(case: Case) -> Refusal | None:
    """Find out on which date the request counts; nothing is refused here."""
    case.clearing_date = open_date(case.desk.store, case.plan, case.now).isoformat()
    return None


def open_date(store: HostStore, plan: MerchantPlan, now: datetime) -> date:
    """The date of a moment, or the first after it that is not closed; noted as one that has transactions."""
    day = date_of(plan, now)
    while True:
        clearing_date = day.isoformat()
        found = store.clearing_day(clearing_date)
        if found is None:
            store.put_clearing_day(ClearingDayRecord(clearing_date))
        if found is None or not found.closed_at:
            return day
        day += timedelta(days=1)


def date_of(plan: MerchantPlan, now: datetime) -> date:
    """The clearing date of a moment. The cut-off itself still belongs to the day.

    >>> from posterm.host.data_files import built_in_plans
    >>> str(date_of(built_in_plans()["standard"], datetime(2026, 6, 1, 23, 0, 1)))
    '2026-06-02'
    """
    past = (now.hour, now.minute, now.second, now.microsecond) > (plan.terms.cut_off_hour, 0, 0, 0)
    return now.date() + timedelta(days=1) if past else now.date()


def due_date(plan: MerchantPlan, cleared: date, working_days: WorkingDays) -> date:
    """When a clearing date is paid: the next working day (T+1), the next day (D+1), or at once (D0)."""
    match plan.terms.cycle:
        case "T+1":
            return working_days.next_after(cleared)
        case "D+1":
            return cleared + timedelta(days=1)
        case "D0":
            return cleared


def close_dates(desk: Desk, now: datetime) -> tuple[ClearingRecord, ...]:
    """Close every date whose last cut-off has passed. Returns: what each merchant has earned on them."""
    last_cut_off = timedelta(hours=max(plan.terms.cut_off_hour for plan in desk.terms.plans.values()))
    cleared: list[ClearingRecord] = []
    for day in desk.store.open_clearing_days():
        ends = datetime.combine(date.fromisoformat(day.clearing_date), time(), tzinfo=now.tzinfo) + last_cut_off
        if now > ends:
            cleared += _close(desk, day, now)
    return tuple(cleared)


def was_cleared(desk: Desk, record: TransactionRecord) -> bool:
    """True when the date on which a transaction counts is closed."""
    day = desk.store.clearing_day(record.clearing_date)
    return day is not None and bool(day.closed_at)


def _close(desk: Desk, day: ClearingDayRecord, now: datetime) -> list[ClearingRecord]:
    store = desk.store
    by_merchant: dict[str, list[TransactionRecord]] = {}
    for record in store.transactions_cleared_on(day.clearing_date):
        if record.gross_minor or record.fee_minor:
            by_merchant.setdefault(record.merchant_id, []).append(record)
    for advance in store.advances_on(day.clearing_date):  # all of its sales may have been undone since
        by_merchant.setdefault(advance.merchant_id, [])
    cleared = []
    for merchant_id, records in sorted(by_merchant.items()):
        merchant = store.merchant(merchant_id)
        if merchant is not None:
            cleared.append(_clear(desk, merchant, day.clearing_date, records, now))
    store.put_clearing_day(day._replace(closed_at=now.isoformat()))
    return cleared


def _clear(
    desk: Desk, merchant: MerchantRecord, clearing_date: str, records: list[TransactionRecord], now: datetime
) -> ClearingRecord:
    plan = desk.plan_of(merchant)
    taken = [record for record in records if record.gross_minor > 0]
    given = [record for record in records if record.gross_minor < 0]
    advance = desk.store.advance(clearing_date, merchant.merchant_id)
    cleared = ClearingRecord(
        clearing_date,
        merchant.merchant_id,
        merchant.currency,
        now.isoformat(),
        due_date(plan, date.fromisoformat(clearing_date), desk.terms.working_days).isoformat(),
        debit_minor=sum(record.gross_minor for record in taken),
        debit_count=len(taken),
        credit_minor=-sum(record.gross_minor for record in given),
        credit_count=len(given),
        fee_minor=sum(record.fee_minor for record in records),
        advanced_minor=0 if advance is None else advance.amount_minor,
    )
    group = list(_transfers(cleared, parts_of(plan, records)))
    if group:
        desk.ledger.apply(group)
    desk.store.put_clearing(cleared)
    return cleared


def parts_of(plan: MerchantPlan, records: Iterable[TransactionRecord]) -> FeeParts:
    """Who gets what of the fees of some transactions, each split by itself."""
    parts = FeeParts()
    for record in records:
        if record.fee_minor:
            parts = parts.plus(split_fee(plan, record.card_class, record.gross_minor, record.fee_minor))
    return parts


def _transfers(cleared: ClearingRecord, parts: FeeParts) -> Iterable[TransferRecord]:
    """From pending to payable, and from the fees charged to each party; backwards where more came back."""
    merchant_id, currency = cleared.merchant_id, cleared.currency
    moves = [(merchant_pending(merchant_id), merchant_payable(merchant_id), cleared.due_minor)]
    shares = (parts.issuer, parts.network, parts.acquirer, parts.agent)
    moves += [
        (fee_clearing(currency), fee_income(kind, currency), share)
        for kind, share in zip(FEE_KINDS, shares, strict=True)
    ]
    for number, (source, target, amount) in enumerate(moves, start=1):
        if not amount:
            continue
        debit, credit = (source, target) if amount > 0 else (target, source)
        name = f"clearing/{cleared.clearing_date}/{merchant_id}/{number}"
        yield TransferRecord(name, TransferKind.POSTED.value, debit, credit, abs(amount), currency, cleared.at)
