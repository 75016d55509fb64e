"""Standing still: a device may be stopped for several reasons at once, and goes on when the last one is gone.

The host refuses what a stopped device asks: C1 where the acquirer has it, else 58.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from posterm.merchant.actor import Actor, Role
from posterm.merchant.device import Device, close_at_host, device_in_hand
from posterm.merchant.errors import NotAllowedError, NotNowError
from posterm.merchant.machines import DEVICE
from posterm.merchant.office import Office


class Reason(StrEnum):
    """Why a device stands still."""

    INSPECTION = "inspection"
    LOCATION = "location"
    UNUSED = "unused"
    ANNUAL_FEE = "annual-fee"
    RISK = "risk"


BY_HAND: Final = frozenset({Reason.RISK, Reason.LOCATION, Reason.UNUSED})
"""Reasons that somebody may take away; the others go when what they are about is done."""


def suspend_device(office: Office, actor: Actor, serial: str, now: datetime) -> Device:
    """Stop a device that is under suspicion. Raises: NotNowError: it is stopped for that already, or not in use."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        device = office.cabinet.need(Device, serial)
        if Reason.RISK in device.suspended_for or not device.initialised_at or device.state == "CLOSED":
            raise NotNowError(f"device {serial}: {device.state} does not take suspend")
        return stop(office, device, Reason.RISK, now)


def resume_device(office: Office, actor: Actor, serial: str, reason: Reason, now: datetime) -> Device:
    """Take a reason away. A merchant may do so for a device that was not used, an operator for more.

    Raises: NotAllowedError, NotNowError: it does not stand still for that.
    """
    device = device_in_hand(office, actor, serial)
    if reason not in BY_HAND:
        raise NotAllowedError(f"a device that stands still for {reason} goes on by itself when that is done")
    if reason is not Reason.UNUSED:
        actor.must_be(Role.OPERATOR)
    if reason not in device.suspended_for:
        raise NotNowError(f"device {serial} does not stand still for {reason}")
    with office.all_or_nothing():
        changes = {"last_used_at": now.isoformat()} if reason is Reason.UNUSED else {}
        return lift(office, device.model_copy(update=changes), reason, now)


def stop(office: Office, device: Device, reason: Reason, now: datetime) -> Device:
    """Stop a device for a reason, once; at the host at once, in whatever state it is."""
    if reason in device.suspended_for:
        return device
    reasons = (*device.suspended_for, str(reason))
    close_at_host(office, device)
    if DEVICE.takes(device.state, "suspend"):
        stopped = office.move(DEVICE, device, "suspend", now, suspended_for=reasons)
    else:
        stopped = office.cabinet.put(device.model_copy(update={"suspended_for": reasons}))
    office.tell(stopped, "stop", now, reason=str(reason))
    return stopped


def lift(office: Office, device: Device, reason: Reason, now: datetime) -> Device:
    """Take a reason away; a device without any goes on as it was."""
    left = tuple(each for each in device.suspended_for if each != reason)
    lifted = office.cabinet.put(device.model_copy(update={"suspended_for": left}))
    if left or lifted.state == "CLOSED":
        return lifted
    if lifted.initialised_at:
        office.host.set_terminal_open(lifted.terminal_id, is_open=True)
    if lifted.state != "SUSPENDED":
        return lifted
    return office.move(DEVICE, lifted, "clear" if lifted.activated_at else "clear-unused", now)


def stop_again(office: Office, device: Device, now: datetime) -> Device:
    """Stop a device that came back into use while there were reasons against it."""
    if not device.suspended_for or not DEVICE.takes(device.state, "suspend"):
        return device
    close_at_host(office, device)
    return office.move(DEVICE, device, "suspend", now)
