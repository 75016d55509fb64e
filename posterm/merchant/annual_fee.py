"""The yearly fee of a device: due a year after its activation, with a reminder before and the device stopped after.

Paid by transfer it goes from bank to the acquirer's service income; paid out of earnings it is an adjustment, cleared
like a payment. Source: the yearly service fee as Chinese acquirers describe it; amounts and days are terms.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from posterm.host.adjustments import Adjustment, AdjustmentKind
from posterm.host.chart import bank
from posterm.host.records import TransferKind, TransferRecord
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.deposit import CURRENCY, service_income
from posterm.merchant.device import Device
from posterm.merchant.document import Document
from posterm.merchant.machines import ANNUAL_FEE
from posterm.merchant.office import Office
from posterm.merchant.suspension import Reason, lift, stop

YEAR = timedelta(days=365)


class PaidBy(StrEnum):
    """Where the money for a fee comes from."""

    TRANSFER = "transfer"
    EARNINGS = "earnings"


class AnnualFee(Document):
    """One year's fee of one device. `pay_by` is the day from which it counts as due."""

    kind: ClassVar[str] = "annual-fee"

    device: str
    merchant_id: str
    amount_minor: int
    pay_by: str
    ended_at: str = ""
    paid_by: str = ""


def charge_annual_fee(office: Office, device: Device, start: datetime) -> AnnualFee | None:
    """Ask for the fee of the year that begins; None when the terms ask nothing."""
    amount = office.terms.annual_fee_minor
    if not amount:
        return None
    pay_by = start + YEAR
    remind = max(start, pay_by - timedelta(days=office.terms.annual_fee_reminder_days))
    fee = AnnualFee(
        key=f"F{office.cabinet.next_number('annual-fee'):08d}",
        subject=device.subject,
        state=ANNUAL_FEE.initial,
        due=remind.isoformat(),
        device=device.key,
        merchant_id=device.merchant_id,
        amount_minor=amount,
        pay_by=pay_by.isoformat(),
    )
    office.cabinet.put(fee)
    office.tell(fee, "charge", start, after=fee.state, amount=str(amount), pay_by=fee.pay_by)
    return fee


def pay_annual_fee(office: Office, actor: Actor, key: str, now: datetime, *, by: PaidBy = PaidBy.TRANSFER) -> AnnualFee:
    """Pay a fee; a device that was stopped for it goes on. Raises: NotNowError: it is paid or waived."""
    fee = need_fee(office, actor, key)
    with office.all_or_nothing():
        paid = office.move(ANNUAL_FEE, fee, "pay", now, due="", ended_at=now.isoformat(), paid_by=str(by))
        income = service_income(office)
        if by is PaidBy.EARNINGS:
            office.host.adjust(
                Adjustment(f"annual-fee/{key}", AdjustmentKind.SERVICE_FEE, fee.merchant_id, -fee.amount_minor, income),
                now,
            )
        else:
            posted = TransferKind.POSTED.value
            name = f"annual-fee/{key}"
            office.ledger.apply(
                [TransferRecord(name, posted, bank(CURRENCY), income, fee.amount_minor, CURRENCY, now.isoformat())]
            )
        _go_on(office, paid, now)
        return paid


def waive_annual_fee(office: Office, actor: Actor, key: str, now: datetime) -> AnnualFee:
    """Ask for a fee no more. Raises: NotNowError."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        fee = office.cabinet.need(AnnualFee, key)
        waived = office.move(ANNUAL_FEE, fee, "waive", now, due="", ended_at=now.isoformat())
        _go_on(office, waived, now)
        return waived


def need_fee(office: Office, actor: Actor, key: str) -> AnnualFee:
    """A fee that the actor may see. Raises: NotFoundError."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    fee = office.cabinet.need(AnnualFee, key)
    actor.must_own(fee.subject, AnnualFee.kind)
    return fee


def _go_on(office: Office, fee: AnnualFee, now: datetime) -> None:
    device = office.cabinet.need(Device, fee.device)
    if device.merchant_id != fee.merchant_id or device.state == "CLOSED":
        return
    lift(office, device, Reason.ANNUAL_FEE, now)
    charge_annual_fee(office, device, datetime.fromisoformat(fee.pay_by))


def _wake(office: Office, fee: AnnualFee, now: datetime) -> None:
    device = office.cabinet.need(Device, fee.device)
    if device.merchant_id != fee.merchant_id or device.state == "CLOSED":
        office.move(ANNUAL_FEE, fee, "waive", now, due="", ended_at=now.isoformat())
    elif fee.state == "DUE":
        last = datetime.fromisoformat(fee.pay_by) + timedelta(days=office.terms.annual_fee_grace_days)
        office.move(ANNUAL_FEE, fee, "remind", now, due=max(last, now + timedelta(seconds=1)).isoformat())
    else:
        office.move(ANNUAL_FEE, fee, "suspend", now, due="")
        stop(office, device, Reason.ANNUAL_FEE, now)


WAKES[AnnualFee] = _wake
