"""Relocation: a device may go to another place in its city, once that is filed and accepted.

Source: the People's Bank of China's notice 259 of 2021: a terminal's place is registered, and a move has to be.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import ClassVar, Final

from posterm.merchant.actor import Actor, Role
from posterm.merchant.binding import place_problems, set_site
from posterm.merchant.commissioning import place_at_host
from posterm.merchant.device import Device, device_in_hand
from posterm.merchant.device_problems import refuse_if
from posterm.merchant.document import Document
from posterm.merchant.free_text import free_text
from posterm.merchant.machines import RELOCATION
from posterm.merchant.office import Office
from posterm.merchant.suspension import Reason, lift

_CITY_DIGITS: Final = 4
_DISTRICT: Final = re.compile(r"[0-9]{6}")
_SHORTEST_ADDRESS, _LONGEST_ADDRESS = 6, 200


class Relocation(Document):
    """A move that was filed. `district` is the 6 digits of GB/T 2260; its first 4 are the city."""

    kind: ClassVar[str] = "relocation"

    device: str
    district: str
    address: str
    location: str
    reason: str = ""
    filed_at: str = ""
    decided_at: str = ""


def file_relocation(
    office: Office, actor: Actor, serial: str, district: str, address: str, location: str, now: datetime
) -> Relocation:
    """Ask to put a device somewhere else. Raises: RefusedError: with everything that stands against it."""
    device = device_in_hand(office, actor, serial)
    filed = [each for each in relocations_of(office, device) if each.state == "FILED"]
    refuse_if(
        [
            ("device-unused", "serial", not device.merchant or device.state in ("CLOSED", "SHIPPED")),
            ("relocation-open", "serial", filed),
            ("district-malformed", "district", not _DISTRICT.fullmatch(district)),
            ("other-city", "district", district[:_CITY_DIGITS] != device.district[:_CITY_DIGITS]),
            ("address-short", "address", not is_precise(address)),
            *place_problems(office, location, ""),
        ]
    )
    with office.all_or_nothing():
        relocation = Relocation(
            key=f"L{office.cabinet.next_number('relocation'):08d}",
            subject=device.subject,
            state=RELOCATION.initial,
            device=serial,
            district=district,
            address=address,
            location=location,
            filed_at=now.isoformat(),
        )
        office.cabinet.put(relocation)
        office.tell(relocation, "file", now, after=relocation.state)
        return relocation


def relocations_of(office: Office, device: Device) -> list[Relocation]:
    """Relocations of a device, the oldest first."""
    found = office.cabinet.find(Relocation, subject=device.subject)
    return [relocation for relocation in found if relocation.device == device.key]


def accept_relocation(office: Office, actor: Actor, key: str, now: datetime) -> Relocation:
    """Let the device sell at its new place, and only there."""
    actor.must_be(Role.OPERATOR, Role.REVIEWER)
    with office.all_or_nothing():
        relocation = office.move(
            RELOCATION, office.cabinet.need(Relocation, key), "accept", now, decided_at=now.isoformat()
        )
        device = office.cabinet.need(Device, relocation.device)
        moved = office.cabinet.put(
            device.model_copy(
                update={
                    "district": relocation.district,
                    "address": relocation.address,
                    "location": relocation.location,
                }
            )
        )
        set_site(office, moved)
        if moved.initialised_at:
            place_at_host(office, moved)
            lift(office, moved, Reason.LOCATION, now)
        return relocation


def refuse_relocation(office: Office, actor: Actor, key: str, reason: str, now: datetime) -> Relocation:
    """Leave the device where it is registered."""
    actor.must_be(Role.OPERATOR, Role.REVIEWER)
    with office.all_or_nothing():
        relocation = office.cabinet.need(Relocation, key)
        return office.move(RELOCATION, relocation, "refuse", now, reason=free_text(reason), decided_at=now.isoformat())


def cancel_relocation(office: Office, actor: Actor, key: str, now: datetime) -> Relocation:
    """Take a filing back. Raises: NotNowError: it is decided."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    relocation = office.cabinet.need(Relocation, key)
    actor.must_own(relocation.subject, Relocation.kind)
    with office.all_or_nothing():
        return office.move(RELOCATION, relocation, "cancel", now, decided_at=now.isoformat())


def is_precise(address: str) -> bool:
    """True for an address to the door or stall: long enough, and with a number in it."""
    return _SHORTEST_ADDRESS <= len(address) <= _LONGEST_ADDRESS and any(char.isdigit() for char in address)
