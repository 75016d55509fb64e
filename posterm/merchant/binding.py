"""Binding: the code on the back ties a device to its merchant, a face check says that it is in the right hands.

Source: the order in which Chinese acquirers let a terminal be taken into use: scan the code on the back, real-name
check with the applicant's identity and face, a password for the device.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from posterm.host.errors import EnrolmentError
from posterm.host.placement import is_near, parse_location
from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.device import Device, device_in_hand
from posterm.merchant.device_label import parse_label
from posterm.merchant.device_problems import DEVICE_PROBLEMS, refuse_if, refused
from posterm.merchant.errors import RefusedError
from posterm.merchant.machines import DEVICE
from posterm.merchant.merchant import Merchant, TerminalSite
from posterm.merchant.office import Office
from posterm.merchant.personal import Secret
from posterm.merchant.shipment import SERVED, Shipment, ShipmentEnd, end_shipment

_PASSWORD: Final = re.compile(r"[0-9]{6}")
_RUNS: Final = "01234567890", "09876543210"


def bind_device(office: Office, actor: Actor, label: str, location: str, now: datetime, *, tusn: str = "") -> Device:
    """Tie the device whose code was scanned to the merchant it was sent to, here.

    Args:
        label: what the code on the back says.
        location: where it was scanned, `latitude,longitude`.
        tusn: the serial number that the device itself says, when it was asked.
    Raises: RefusedError: everything that stands against it; NotNowError: it is not on its way.
    """
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    serial, code = parse_label(label)
    with office.all_or_nothing():
        device = office.cabinet.get(Device, serial)
        if device is None:
            raise refused("serial-unknown", "label")
        if not device.merchant:
            raise refused("device-not-sent", "label")
        if actor.role is Role.MERCHANT and device.subject != actor.subject:
            raise refused("bound-elsewhere", "label")
        if not device.label:
            raise refused("label-spent", "label")
        merchant = office.cabinet.need(Merchant, device.merchant)
        refuse_if(
            [
                ("label-malformed", "label", device.label.reveal() != code),
                ("contract-not-in-force", "merchant", merchant.state not in SERVED),
                ("model-needs-other-plan", "model", device.model != merchant.device_model),
                ("tusn-differs", "tusn", tusn and tusn != serial),
                *place_problems(office, location, merchant.location),
            ]
        )
        bound = office.move(
            DEVICE,
            device,
            "bind",
            now,
            label=Secret(""),
            district=merchant.district,
            address=merchant.address,
            location=merchant.location or location,
        )
        set_site(office, bound)
        if office.cabinet.need(Shipment, bound.shipment).state == "SENT":  # nobody binds what has not arrived
            end_shipment(office, SYSTEM, bound.shipment, ShipmentEnd.DELIVERED, now)
        return bound


def real_name(
    office: Office, actor: Actor, serial: str, identity_number: str, face: bytes, password: str, now: datetime
) -> Device:
    """Check that the applicant holds the device, and give it a password of 6 digits.

    A face that is not the applicant's counts as a try; after too many, an operator has to unlock it.

    Raises: RefusedError: another identity or face, or a password that is too easy; NotNowError: it is not bound.
    """
    device = device_in_hand(office, actor, serial)
    DEVICE.after(device.state, "real-name")
    merchant = office.cabinet.need(Merchant, device.merchant)
    if device.face_tries >= office.terms.face_tries:
        raise refused("face-locked", "face")
    problems = [
        DEVICE_PROBLEMS[code].at(path)
        for code, path, is_so in (
            ("identity-differs", "identity_number", identity_of(office, identity_number) != merchant.identity),
            ("device-password-weak", "password", is_weak(password)),
        )
        if is_so
    ]
    if not problems and not office.is_same_face(device.subject, face):
        with office.all_or_nothing():
            office.move(DEVICE, device, "fail-face", now, face_tries=device.face_tries + 1)
        problems.append(DEVICE_PROBLEMS["face-differs"].at("face"))
    if problems:
        raise RefusedError(problems)
    with office.all_or_nothing():
        kept = Secret(password_of(office, serial, password))
        return office.move(DEVICE, device, "real-name", now, face_tries=0, password=kept)


def unlock_face(office: Office, actor: Actor, serial: str, now: datetime) -> Device:
    """Let the face check be tried again."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        return office.move(DEVICE, office.cabinet.need(Device, serial), "unlock-face", now, face_tries=0)


def identity_of(office: Office, number: str) -> str:
    """The fingerprint by which a merchant document names its legal person."""
    return office.cabinet.fingerprint("identity", number)


def password_of(office: Office, serial: str, password: str) -> str:
    """What is kept of a device's password."""
    return office.cabinet.fingerprint(f"device-password/{serial}", password)


def is_weak(password: str) -> bool:
    """True unless it is 6 digits, not all the same and not in a row."""
    is_easy = len(set(password)) == 1 or any(password in run for run in _RUNS)
    return _PASSWORD.fullmatch(password) is None or is_easy


def set_site(office: Office, device: Device) -> None:
    """Write down which device stands at a terminal's place."""
    office.cabinet.put(
        TerminalSite(
            key=device.terminal_id,
            subject=device.subject,
            merchant=device.merchant,
            merchant_id=device.merchant_id,
            district=device.district,
            address=device.address,
            location=device.location,
            serial=device.key,
        )
    )


def place_problems(office: Office, location: str, place: str) -> list[tuple[str, str, object]]:
    """What is wrong with where somebody is; nothing where no place is registered."""
    try:
        parse_location(location)
        far = bool(place) and not is_near(location, place, office.terms.location_radius_m)
    except EnrolmentError:
        return [("place-malformed", "location", True)]
    return [("place-differs", "location", far)]
