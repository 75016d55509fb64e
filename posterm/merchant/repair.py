"""Repair and exchange: a device is collected, comes back or is replaced by another, and is bound anew.

A repaired device is bound at once, and needs the real-name check and a new sign-on. A replaced one is closed; the one
in its place is sent like a first one and gets the terminal number that is free now.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from posterm.merchant.actor import Actor, Role
from posterm.merchant.device import Device, close_at_host, close_device, device_in_hand
from posterm.merchant.device_problems import refused
from posterm.merchant.document import Document
from posterm.merchant.free_text import free_text
from posterm.merchant.machines import DEVICE, REPAIR
from posterm.merchant.office import Office
from posterm.merchant.takings import taken_by

_ENDS = frozenset({"RETURNED", "CANCELLED"})


class Repair(Document):
    """One repair. `replaced_by` is a shipment's key when the device was exchanged."""

    kind: ClassVar[str] = "repair"

    device: str
    fault: str
    note: str = ""
    reported_at: str = ""
    ended_at: str = ""
    replaced_by: str = ""


def report_repair(office: Office, actor: Actor, serial: str, fault: str, now: datetime, *, note: str = "") -> Repair:
    """Ask for a repair; the device takes no payments from now on.

    Raises: RefusedError: it is reported already; NotNowError: it is not in use.
    """
    device = device_in_hand(office, actor, serial)
    if any(repair.state not in _ENDS for repair in repairs_of(office, device)):
        raise refused("repair-open", "serial")
    with office.all_or_nothing():
        repair = Repair(
            key=f"R{office.cabinet.next_number('repair'):08d}",
            subject=device.subject,
            state=REPAIR.initial,
            device=serial,
            fault=fault,
            note=free_text(note),
            reported_at=now.isoformat(),
        )
        taken = taken_by(office, device)
        office.move(DEVICE, device, "fault", now, taken_minor=taken, initialised_at="", first_batch="", due="")
        close_at_host(office, device)
        office.cabinet.put(repair)
        office.tell(repair, "report", now, after=repair.state, fault=fault)
        return repair


def repairs_of(office: Office, device: Device) -> list[Repair]:
    """Repairs of a device, the oldest first."""
    return [repair for repair in office.cabinet.find(Repair, subject=device.subject) if repair.device == device.key]


def cancel_repair(office: Office, actor: Actor, key: str, now: datetime) -> Repair:
    """Take a report back; the device is bound again, and has to be taken into use. Raises: NotNowError."""
    repair = need_repair(office, actor, key)
    with office.all_or_nothing():
        cancelled = office.move(REPAIR, repair, "cancel", now, ended_at=now.isoformat())
        office.move(DEVICE, office.cabinet.need(Device, repair.device), "return", now)
        return cancelled


def collect_device(office: Office, actor: Actor, key: str, now: datetime) -> Repair:
    """The device is with whoever repairs it."""
    return _step(office, actor, key, "collect", now)


def finish_repair(office: Office, actor: Actor, key: str, now: datetime) -> Repair:
    """The device works again."""
    return _step(office, actor, key, "repair", now)


def exchange_device(office: Office, actor: Actor, key: str, now: datetime) -> Repair:
    """The device is beyond repair: it is closed, and its terminal number free for another."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        repair = _step(office, actor, key, "exchange", now)
        close_device(office, office.cabinet.need(Device, repair.device), "exchange", now)
        return repair


def hand_over(office: Office, actor: Actor, key: str, now: datetime, *, shipment: str = "") -> Repair:
    """The repaired device, or another in its place, is with the merchant."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        repair = office.cabinet.need(Repair, key)
        was_exchanged = repair.state == "EXCHANGED"
        returned = office.move(
            REPAIR, repair, "hand-over", now, ended_at=now.isoformat(), replaced_by=shipment if was_exchanged else ""
        )
        if not was_exchanged:
            office.move(DEVICE, office.cabinet.need(Device, repair.device), "return", now)
        return returned


def need_repair(office: Office, actor: Actor, key: str) -> Repair:
    """A repair that the actor may see. Raises: NotFoundError."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    repair = office.cabinet.need(Repair, key)
    actor.must_own(repair.subject, Repair.kind)
    return repair


def _step(office: Office, actor: Actor, key: str, event: str, now: datetime) -> Repair:
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        return office.move(REPAIR, office.cabinet.need(Repair, key), event, now)
