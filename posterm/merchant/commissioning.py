"""Taking a device into use: parameters and key at the host, first sign-on, and what is noticed of its payments.

The host is never asked to tell: `look_at_device` reads what it has kept, at once when somebody asks, and by itself
every day while there is something to wait for, every month later.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from posterm.hsm import KeyBlock
from posterm.merchant.activation import after_activation, find_first_swipe, first_swipe_changes
from posterm.merchant.actor import Actor
from posterm.merchant.binding import password_of
from posterm.merchant.calendar import WAKES
from posterm.merchant.deposit import count_deposit, is_held
from posterm.merchant.device import Device, device_in_hand
from posterm.merchant.device_problems import refused
from posterm.merchant.machines import DEVICE
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office
from posterm.merchant.suspension import Reason, stop, stop_again
from posterm.merchant.takings import count_takings
from posterm.unionpay.header import Requirement

_SOON: Final = timedelta(days=1)
_LATER: Final = timedelta(days=30)
_NAME_BYTES: Final = 40
_WAITING: Final = frozenset({"REAL_NAMED", "READY"})
_WATCHED: Final = frozenset({"REAL_NAMED", "READY", "ACTIVE", "SUSPENDED"})


def initialise_device(office: Office, actor: Actor, serial: str, password: str, now: datetime) -> Device:
    """Make a device's terminal known to the host: key, place, parameters. It has to sign on then.

    Args:
        password: the device's own.
    Raises: RefusedError: the password is wrong; NotNowError: it is not real-named.
    """
    device = device_in_hand(office, actor, serial)
    DEVICE.after(device.state, "initialise")
    if password_of(office, serial, password) != device.password.reveal():
        raise refused("device-password-wrong", "password")
    with office.all_or_nothing():
        merchant = office.cabinet.need(Merchant, device.merchant)
        host = office.host
        host.enrol_terminal(device.terminal_id, device.merchant_id, KeyBlock(device.tmk.reveal()))
        place_at_host(office, device)
        host.set_parameters(device.terminal_id, first_parameters(merchant.name))
        host.request_action(device.terminal_id, Requirement.DOWNLOAD_PARAMETERS)
        host.set_terminal_open(device.terminal_id, is_open=not device.suspended_for)
        terminal = office.store.terminal(device.terminal_id)
        batch = terminal.batch if terminal is not None else "000001"
        return office.move(
            DEVICE,
            device,
            "initialise",
            now,
            initialised_at=now.isoformat(),
            first_batch=batch,
            due=(now + _SOON).isoformat(),
        )


def place_at_host(office: Office, device: Device) -> None:
    """Let the host refuse payments from another device or another place."""
    office.host.place_terminal(
        device.terminal_id,
        serial=device.key,
        location=device.location,
        radius_m=office.terms.location_radius_m if device.location else 0,
    )


def first_parameters(name: str) -> dict[str, str]:
    """What a terminal is told at its first download; the merchant's name in at most 40 bytes."""
    short = name.encode("gb18030")[:_NAME_BYTES].decode("gb18030", errors="ignore")
    return {"response_timeout_s": "60", "reversal_attempts": "3", "master_key_index": "1", "merchant_name": short}


def look_at_device(office: Office, actor: Actor, serial: str, now: datetime) -> Device:
    """Notice what the host has seen of a device: its first sign-on, its first swipe, its takings, or none."""
    device = device_in_hand(office, actor, serial)
    with office.all_or_nothing():
        return _look(office, device, now)


def _look(office: Office, device: Device, now: datetime) -> Device:
    if device.state not in _WATCHED or not device.initialised_at:
        return office.cabinet.put(device.model_copy(update={"due": ""}))
    terminal = office.store.terminal(device.terminal_id)
    if device.state == "REAL_NAMED" and terminal is not None and terminal.signed_on:
        device = office.move(DEVICE, device, "sign-on", now, signed_on_at=now.isoformat())
        if device.activated_at:
            device = office.move(DEVICE, device, "resume", now)
        device = stop_again(office, device, now)
    if device.state == "READY":
        swipe = find_first_swipe(office, device)
        if swipe is not None:
            device = office.move(DEVICE, device, "activate", now, **first_swipe_changes(office, device, swipe, now))
            after_activation(office, device, now)
    device = count_takings(office, device)
    count_deposit(office, device.merchant, now)
    waits = device.state in _WAITING or is_held(office, device.merchant)
    due = (now + (_SOON if waits else _LATER)).isoformat()
    device = office.cabinet.put(device.model_copy(update={"due": due}))
    unused_since = (now - timedelta(days=office.terms.unused_days)).isoformat()
    if device.state == "ACTIVE" and max(device.last_used_at, device.activated_at) < unused_since:
        device = stop(office, device, Reason.UNUSED, now)
    return device


def _wake(office: Office, device: Device, now: datetime) -> None:
    _look(office, device, now)


WAKES[Device] = _wake
