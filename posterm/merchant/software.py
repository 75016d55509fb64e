"""Remote updates: a software version or parameters are offered, taken, tried, and confirmed or rolled back.

What is not installed, or not confirmed, within the terms' hours is undone by itself.

Source: staged updates with trial and automatic roll-back, as update services for devices (Mender, RAUC) describe them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Final

from pydantic import Field

from posterm.host.registry import parameters_of
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.device import Device, device_in_hand
from posterm.merchant.device_models import MODELS
from posterm.merchant.device_problems import DEVICE_PROBLEMS, refuse_if, refused
from posterm.merchant.document import Document
from posterm.merchant.free_text import free_text
from posterm.merchant.machines import DEVICE, UPDATE
from posterm.merchant.office import Office
from posterm.merchant.problem import Problem
from posterm.merchant.suspension import stop_again
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.header import Requirement
from posterm.unionpay.parameters import pack_parameters

_VERSION: Final = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}")
_ENDS: Final = frozenset({"CONFIRMED", "WITHDRAWN"})


class Release(Document):
    """A version of a model's software. `key` is model and version with a stroke between; `digest` its SHA-256."""

    kind: ClassVar[str] = "release"

    digest: str
    size_bytes: int
    notes: str = ""


class Update(Document):
    """One update of one device: to `version`, or of `parameters`; what was there before stands beside it."""

    kind: ClassVar[str] = "update"

    device: str
    version: str = ""
    version_before: str = ""
    parameters: dict[str, str] = Field(default_factory=dict)
    parameters_before: dict[str, str] = Field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def publish_release(
    office: Office, actor: Actor, model: str, version: str, image: bytes, now: datetime, *, notes: str = ""
) -> Release:
    """Make a version known. Raises: RefusedError: it is known, or is none."""
    actor.must_be(Role.OPERATOR)
    key = f"{model}/{version}"
    refuse_if(
        [
            ("model-unknown", "model", model not in MODELS),
            ("release-malformed", "version", not _VERSION.fullmatch(version) or not image),
            ("release-known", "version", office.cabinet.get(Release, key)),
        ]
    )
    with office.all_or_nothing():
        digest = hashlib.sha256(image).hexdigest()
        release = office.cabinet.put(Release(key=key, digest=digest, size_bytes=len(image), notes=free_text(notes)))
        office.tell(release, "publish", now)
        return release


def offer_software(office: Office, actor: Actor, serial: str, version: str, now: datetime) -> Update:
    """Offer a version to a device, which hears of it with its next answer. Raises: RefusedError."""
    actor.must_be(Role.OPERATOR)
    device = office.cabinet.need(Device, serial)
    refuse_if(
        [
            ("release-unknown", "version", office.cabinet.get(Release, f"{device.model}/{version}") is None),
            ("device-unused", "serial", not device.initialised_at),
            ("update-running", "serial", _running(office, device)),
        ]
    )
    with office.all_or_nothing():
        office.host.request_action(device.terminal_id, Requirement.DOWNLOAD_SOFTWARE)
        return _offer(office, device, now, version=version, version_before=device.software)


def offer_parameters(office: Office, actor: Actor, serial: str, values: Mapping[str, str], now: datetime) -> Update:
    """Offer other parameters to a device; those not named stay. Raises: RefusedError."""
    actor.must_be(Role.OPERATOR)
    device = office.cabinet.need(Device, serial)
    try:
        pack_parameters(values)
    except LayoutError as error:
        raise refused("parameters-malformed", "values") from error
    refuse_if(
        [
            ("device-unused", "serial", not device.initialised_at),
            ("update-running", "serial", _running(office, device)),
        ]
    )
    with office.all_or_nothing():
        terminal = office.store.terminal(device.terminal_id)
        before = parameters_of(terminal) if terminal is not None else {}
        return _offer(office, device, now, parameters=before | dict(values), parameters_before=before)


def start_download(office: Office, actor: Actor, key: str, now: datetime) -> Update:
    """The device begins to take an update, and has the terms' hours for it. Raises: NotNowError: it cannot now."""
    update, device = _with_device(office, actor, key)
    with office.all_or_nothing():
        started = office.move(UPDATE, update, "download", now, due=_trial_ends(office, now))
        office.move(DEVICE, device, "update", now)
        if update.parameters:
            _give_parameters(office, device, update.parameters)
        return started


def install_update(office: Office, actor: Actor, key: str, now: datetime, *, digest: str = "") -> Update:
    """The device has taken and installed it, on trial. A damaged image fails the update, and the device goes on.

    Args:
        digest: SHA-256 of what the device has, hexadecimal; not asked of parameters.
    """
    update, device = _with_device(office, actor, key)
    release = office.cabinet.get(Release, f"{device.model}/{update.version}")
    is_whole = release is None or hmac.compare_digest(release.digest.encode(), digest.lower().encode())
    with office.all_or_nothing():
        if not is_whole:
            return _undo(office, update, device, "fail", now, DEVICE_PROBLEMS["image-damaged"].at("digest"))
        return office.move(UPDATE, update, "install", now, due=_trial_ends(office, now))


def confirm_update(office: Office, actor: Actor, key: str, now: datetime) -> Update:
    """The device works with it."""
    update, device = _with_device(office, actor, key)
    with office.all_or_nothing():
        confirmed = office.move(UPDATE, update, "confirm", now, due="")
        software = update.version or device.software
        stop_again(office, office.move(DEVICE, device, "finish", now, software=software), now)
        if update.version:
            office.host.request_action(device.terminal_id, Requirement.NONE)
        return confirmed


def roll_back(office: Office, actor: Actor, key: str, now: datetime) -> Update:
    """The device goes back to what it had. Raises: NotNowError: nothing is on trial."""
    update, device = _with_device(office, actor, key)
    with office.all_or_nothing():
        return _undo(office, update, device, "roll-back", now)


def withdraw_update(office: Office, actor: Actor, key: str, now: datetime) -> Update:
    """Take an offer back."""
    actor.must_be(Role.OPERATOR)
    update, device = _with_device(office, actor, key)
    with office.all_or_nothing():
        office.host.request_action(device.terminal_id, Requirement.NONE)
        return office.move(UPDATE, update, "withdraw", now)


def offer_again(office: Office, actor: Actor, key: str, now: datetime) -> Update:
    """Offer what has failed or was rolled back once more."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        return office.move(UPDATE, office.cabinet.need(Update, key), "offer", now, problems=())


def _offer(office: Office, device: Device, now: datetime, **what: object) -> Update:
    key = f"U{office.cabinet.next_number('update'):08d}"
    update = Update.model_validate(
        {"key": key, "subject": device.subject, "state": UPDATE.initial, "device": device.key, **what}
    )
    office.cabinet.put(update)
    office.tell(update, "offer", now, after=update.state)
    return update


def _running(office: Office, device: Device) -> bool:
    found = office.cabinet.find(Update, subject=device.subject)
    return any(update.device == device.key and update.state not in _ENDS for update in found)


def _with_device(office: Office, actor: Actor, key: str) -> tuple[Update, Device]:
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    update = office.cabinet.need(Update, key)
    actor.must_own(update.subject, Update.kind)
    return update, device_in_hand(office, actor, update.device)


def _undo(office: Office, update: Update, device: Device, event: str, now: datetime, *problems: Problem) -> Update:
    """End an update by an event that leaves the device with what it had."""
    ended = office.move(UPDATE, update, event, now, due="", problems=problems)
    if update.parameters:
        _give_parameters(office, device, update.parameters_before)
    if device.state == "UPDATING":
        stop_again(office, office.move(DEVICE, device, "roll-back", now), now)
    return ended


def _give_parameters(office: Office, device: Device, values: Mapping[str, str]) -> None:
    office.host.set_parameters(device.terminal_id, values)
    office.host.request_action(device.terminal_id, Requirement.DOWNLOAD_PARAMETERS)


def _trial_ends(office: Office, now: datetime) -> str:
    return (now + timedelta(hours=office.terms.update_trial_hours)).isoformat()


def _wake(office: Office, update: Update, now: datetime) -> None:
    event = "roll-back" if update.state == "INSTALLED" else "fail"
    _undo(office, update, office.cabinet.need(Device, update.device), event, now)


WAKES[Update] = _wake
