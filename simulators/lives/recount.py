"""The recount: what the books must say of some years, worked out from the merchants' slips alone.

It knows the published terms (rates, limits, deposit, yearly fee) as plain numbers of its own, and shares no arithmetic
with the host or the back office.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from posterm.host.chart import merchant_deposit, merchant_payable, merchant_pending
from posterm.merchant.deposit import Deposit, service_income
from posterm.merchant.eligibility import ApplicantType
from posterm.merchant.statement import daily_statement_csv
from simulators.lives.years import Shop, Slip, Years

CREDIT_RATE, DEBIT_RATE, DEBIT_CAP = Decimal("0.0060"), Decimal("0.0050"), Decimal(2000)
MINIMUM: Final = 100
MICRO_CREDIT: Final = {False: (100_000, 100_000, 1_000_000), True: (500_000, 500_000, 5_000_000)}
"""Most of credit cards in a transaction, a day and a month, before and after a raise."""
DEPOSIT_TARGET, DEPOSIT_DAYS = 500_000, timedelta(days=90)
_AMOUNT, _FEE = 7, 8
"""Columns of a statement."""
_STOPPED: Final = ("C1", "97", "58")


def faults_of(years: Years) -> Iterator[str]:
    """Everything that the books say otherwise; nothing when they agree."""
    ledger = years.town.host.ledger
    yield from ledger.prove().faults
    paid: dict[str, int] = defaultdict(int)
    for payout in years.town.store.payouts():
        paid[payout.merchant_id] += payout.amount_minor if payout.state == "succeeded" else 0
    for shop in years.shops:
        merchant_id = shop.life.merchant.merchant_id
        gross = sum(slip.minor for slip in shop.approved)
        fees = sum(fee_of(slip) for slip in shop.approved)
        owed = (
            ledger.account(merchant_pending(merchant_id)).balance
            + ledger.account(merchant_payable(merchant_id)).balance
        )
        if owed + paid[merchant_id] != gross - fees:
            yield f"{merchant_id}: {owed} owed and {paid[merchant_id]} paid, by the slips {gross} less {fees}"
        yield from _by_date(years, shop, merchant_id)
        yield from _limits(shop)
        yield from _deposit(years, shop, merchant_id)
    yield from _service_income(years)


def fee_of(slip: Slip) -> int:
    """The fee of a sale, rounded by itself."""
    exact = slip.minor * CREDIT_RATE if slip.card == "credit" else min(slip.minor * DEBIT_RATE, DEBIT_CAP)
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def _by_date(years: Years, shop: Shop, merchant_id: str) -> Iterator[str]:
    """What each clearing date has earned, as a statement of that day says."""
    days: dict[str, list[Slip]] = defaultdict(list)
    for slip in shop.approved:
        days[slip.at.date().isoformat()].append(slip)
    for day, slips in days.items():
        cleared = years.town.store.clearing(day, merchant_id)
        wanted = (sum(slip.minor for slip in slips), sum(fee_of(slip) for slip in slips), len(slips))
        found = (cleared.gross_minor, cleared.fee_minor, cleared.debit_count) if cleared is not None else None
        if found != wanted:
            yield f"{merchant_id} {day}: cleared {found}, by the slips {wanted}"
        yield from _statement(years, shop, day, slips)


def _statement(years: Years, shop: Shop, day: str, slips: list[Slip]) -> Iterator[str]:
    """The merchant's statement of the day has a line for each slip and their total."""
    key = shop.life.merchant.key
    written = daily_statement_csv(years.town.office, shop.life.actor, key, date.fromisoformat(day)).decode()
    _, *lines, total = csv.reader(written.splitlines())
    found = sorted((line[_AMOUNT], line[_FEE]) for line in lines)
    wanted = sorted((_yuan(slip.minor), _yuan(fee_of(slip))) for slip in slips)
    sums = [_yuan(sum(slip.minor for slip in slips)), _yuan(sum(fee_of(slip) for slip in slips))]
    if found != wanted or total[_AMOUNT : _FEE + 1] != sums:
        yield f"{key} {day}: the statement says {total[_AMOUNT:]} in {len(lines)} lines, {len(slips)} slips {sums}"


def _yuan(minor: int) -> str:
    return str(Decimal(minor).scaleb(-2))


def _service_income(years: Years) -> Iterator[str]:
    """What was earned beside payments: the yearly fees that merchants remember, and the deposits that were kept."""
    cabinet = years.town.office.cabinet
    fees = sum(shop.fees_paid_minor for shop in years.shops)
    kept = sum(deposit.amount_minor for deposit in cabinet.find(Deposit, state="FORFEITED"))
    found = years.town.host.ledger.account(service_income(years.town.office)).balance
    if found != fees + kept:
        yield f"{found} earned beside payments, by the merchants {fees} of fees and {kept} of deposits"


def _limits(shop: Shop) -> Iterator[str]:
    """Each refusal had its reason, and nothing was approved that had one."""
    if shop.life.applicant_type is not ApplicantType.MICRO:
        return
    taken: dict[str, int] = defaultdict(int)
    for slip in shop.slips:
        if slip.code in _STOPPED:
            continue
        day, month = slip.at.date().isoformat(), slip.at.date().isoformat()[:7]
        is_raised = shop.raised_at is not None and slip.at > shop.raised_at
        each, daily, monthly = MICRO_CREDIT[is_raised]
        code = "00"
        if slip.card == "credit":
            if slip.minor > each:
                code = "C3"
            elif taken[day] + slip.minor > daily:
                code = "C4"
            elif taken[month] + slip.minor > monthly:
                code = "C5"
        if slip.code != code:
            yield f"{shop.life.serial} {slip}: the limits say {code}"
        if slip.code == "00" and slip.card == "credit":
            taken[day] += slip.minor
            taken[month] += slip.minor


def _deposit(years: Years, shop: Shop, merchant_id: str) -> Iterator[str]:
    """The deposit went back when enough was taken in time, was kept when it was not, and waits before that."""
    kept = years.town.office.cabinet.get(Deposit, shop.life.merchant.key)
    if kept is None:
        yield f"{merchant_id}: no deposit"
        return
    ends = shop.opened_at + DEPOSIT_DAYS
    taken = sum(slip.minor for slip in shop.approved if slip.at < ends - timedelta(days=1))
    late = sum(slip.minor for slip in shop.approved if slip.at <= ends + timedelta(days=1))
    balance = years.town.host.ledger.account(merchant_deposit(merchant_id)).balance
    if taken >= DEPOSIT_TARGET and kept.state != "REFUNDED":
        yield f"{merchant_id}: the deposit is {kept.state} though {taken} was taken in time"
    if late < DEPOSIT_TARGET and kept.state == "REFUNDED":
        yield f"{merchant_id}: the deposit is REFUNDED though only {late} was taken in time"
    if balance != (kept.amount_minor if kept.state in ("HELD", "TARGET_MET") else 0):
        yield f"{merchant_id}: {balance} stands for a deposit that is {kept.state}"
