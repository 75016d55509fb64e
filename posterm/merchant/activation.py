"""Activation by the first swipe: a sale of the right size, its fee beside the plan's.

Source: acquirers in China take a terminal as active after a first swipe of 100 to 500 CNY, and tell merchants to
compare its fee with what was advertised.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from posterm.host.fees import FeeClass, fee_for
from posterm.host.records import TransactionRecord
from posterm.merchant.actor import SYSTEM, Actor
from posterm.merchant.annual_fee import charge_annual_fee
from posterm.merchant.capabilities import keep_standing
from posterm.merchant.cases import CaseTopic, open_case
from posterm.merchant.device import Device, need_device
from posterm.merchant.device_problems import refused
from posterm.merchant.inspection import order_inspection
from posterm.merchant.machines import MERCHANT
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office
from posterm.merchant.takings import sales_of


@dataclass(frozen=True, slots=True)
class FirstSwipe:
    """The first swipe and its fee, as charged and as the plan has it; money in minor units."""

    rrn: str
    amount_minor: int
    fee_minor: int
    planned_fee_minor: int

    @property
    def as_planned(self) -> bool:
        return self.fee_minor == self.planned_fee_minor


def first_swipe_of(office: Office, actor: Actor, serial: str) -> FirstSwipe:
    """What is shown of a device's first swipe. Raises: RefusedError: there was none; NotFoundError."""
    device = need_device(office, actor, serial)
    record = office.store.transaction(device.first_swipe) if device.first_swipe else None
    if record is None:
        raise refused("device-unused", "serial")
    return FirstSwipe(record.rrn, device.first_swipe_minor, device.first_fee_minor, device.planned_fee_minor)


def find_first_swipe(office: Office, device: Device) -> TransactionRecord | None:
    """The first sale that activates a device: neither too small nor too large."""
    terms = office.terms
    for record in sales_of(office, device):
        if terms.activation_minimum_minor <= record.amount_minor <= terms.activation_maximum_minor:
            return record
    return None


def first_swipe_changes(office: Office, device: Device, swipe: TransactionRecord, now: datetime) -> dict[str, object]:
    """What a device's document holds of its first swipe."""
    return {
        "activated_at": now.isoformat(),
        "first_swipe": swipe.ref,
        "first_swipe_minor": swipe.amount_minor,
        "first_fee_minor": swipe.fee_now_minor,
        "planned_fee_minor": planned_fee(office, device.merchant_id, swipe),
    }


def planned_fee(office: Office, merchant_id: str, record: TransactionRecord) -> int:
    """The fee that the merchant's plan asks for a payment, in minor units."""
    merchant = office.store.merchant(merchant_id)
    plan = office.host_terms.plans.get(merchant.plan) if merchant is not None else None
    if plan is None:
        return record.fee_now_minor
    fees = [
        fee_for(plan, FeeClass(record.card_class, record.channel, foreign), record.amount_minor)
        for foreign in (False, True)
    ]
    # The record does not say where the card is from; either fee is the plan's.
    return record.fee_now_minor if record.fee_now_minor in fees else fees[0]


def after_activation(office: Office, device: Device, now: datetime) -> None:
    """What begins with a device's first swipe: the merchant is live, fees and inspections come by the calendar."""
    merchant = office.cabinet.need(Merchant, device.merchant)
    if MERCHANT.takes(merchant.state, "activate"):
        keep_standing(office, office.move(MERCHANT, merchant, "activate", now), now)
    if device.first_fee_minor != device.planned_fee_minor:
        text = f"first swipe: {device.first_fee_minor} charged, {device.planned_fee_minor} by the plan (minor units)"
        open_case(office, SYSTEM, device.subject, CaseTopic.FEE, text, now, about=device.first_swipe)
    charge_annual_fee(office, device, now)
    order_inspection(office, device, now)
