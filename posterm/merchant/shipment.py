"""Shipments: devices on their way to a merchant, with everything that belongs to them and a tracking number.

What the carrier says comes from an operator, or by itself when the days of delivery have passed: then the tracking
number decides, as `magic` has it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.device import Device, back_to_stock, close_device, devices_of
from posterm.merchant.device_problems import refuse_if
from posterm.merchant.document import Document
from posterm.merchant.machines import DEVICE, SHIPMENT
from posterm.merchant.magic import Where, magic_outcome
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office

SERVED: Final = frozenset({"CONTRACTED", "LIVE", "RESTRICTED"})
"""States of a merchant in which it gets devices."""


_TRACKING: Final = re.compile(r"[0-9A-Za-z-]{1,40}")


class ShipmentEnd(StrEnum):
    """What becomes of a parcel on its way; events of `machines.SHIPMENT`."""

    DELIVERED = "deliver"
    LOST = "lose"
    CAME_BACK = "come-back"


class PackedPart(BaseModel):
    """One line of the list of parts; `serial` for devices only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chinese: str
    english: str
    serial: str = ""


class Shipment(Document):
    """One parcel. `parts` lists what is in it; `tracking` is the carrier's number, once it is sent."""

    kind: ClassVar[str] = "shipment"

    merchant: str
    devices: tuple[str, ...]
    terminals: tuple[str, ...]
    parts: tuple[PackedPart, ...]
    address: str
    tracking: str = ""
    packed_at: str = ""
    sent_at: str = ""
    ended_at: str = ""


def pack_shipment(
    office: Office, actor: Actor, merchant: str, serials: Sequence[str], now: datetime, *, again: str = ""
) -> Shipment:
    """Pack devices for a merchant, one for each terminal number that is free.

    Args:
        again: a shipment that was lost or came back, which this takes the place of.
    Raises: RefusedError: with everything that stands against it; NotNowError.
    """
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        owner = office.cabinet.need(Merchant, merchant)
        free = _free_numbers(office, owner)
        devices = [office.cabinet.get(Device, serial) for serial in serials]
        refuse_if(
            [
                ("contract-not-in-force", "merchant", owner.state not in SERVED),
                ("no-terminal-number", "serials", not serials or len(serials) > len(free)),
                *(
                    (code, f"serials[{place}]", is_so)
                    for place, device in enumerate(devices)
                    for code, is_so in _against(device, owner, serials[place] in serials[:place])
                ),
            ]
        )
        here = [device for device in devices if device is not None]
        key = again or f"S{office.cabinet.next_number('shipment'):08d}"
        shipment = Shipment(
            key=key,
            subject=owner.subject,
            state=SHIPMENT.initial,
            merchant=owner.key,
            devices=tuple(serials),
            terminals=free[: len(serials)],
            parts=tuple(part for device in here for part in _parts_of(device)),
            address=owner.address,
            packed_at=now.isoformat(),
        )
        for device in here:
            office.cabinet.put(device.model_copy(update={"shipment": key}))
        if again:
            before = office.cabinet.need(Shipment, again)
            return office.move(
                SHIPMENT,
                before,
                "pack",
                now,
                **{name: getattr(shipment, name) for name in Shipment.model_fields if name != "state"},
            )
        office.cabinet.put(shipment)
        office.tell(shipment, "pack", now, after=shipment.state)
        return shipment


def send_shipment(office: Office, actor: Actor, key: str, tracking: str, now: datetime) -> Shipment:
    """Hand a parcel to the carrier; its devices are the merchant's from now on."""
    actor.must_be(Role.OPERATOR)
    refuse_if([("tracking-malformed", "tracking", not _TRACKING.fullmatch(tracking))])
    with office.all_or_nothing():
        shipment = office.cabinet.need(Shipment, key)
        owner = office.cabinet.need(Merchant, shipment.merchant)
        due = now + timedelta(days=office.terms.delivery_days)
        sent = office.move(
            SHIPMENT, shipment, "send", now, tracking=tracking, sent_at=now.isoformat(), due=due.isoformat()
        )
        for serial, terminal_id in zip(sent.devices, sent.terminals, strict=True):
            office.move(
                DEVICE,
                office.cabinet.need(Device, serial),
                "ship",
                now,
                subject=owner.subject,
                merchant=owner.key,
                merchant_id=owner.merchant_id,
                terminal_id=terminal_id,
            )
        return sent


def end_shipment(office: Office, actor: Actor, key: str, event: ShipmentEnd, now: datetime) -> Shipment:
    """Say what became of a parcel: `deliver`, `lose` or `come-back`.

    Devices that came back are in stock again; lost ones are closed, and their keys gone.
    """
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        shipment = office.move(
            SHIPMENT, office.cabinet.need(Shipment, key), event, now, due="", ended_at=now.isoformat()
        )
        for device in [office.cabinet.need(Device, serial) for serial in shipment.devices]:
            if event is ShipmentEnd.CAME_BACK:
                back_to_stock(office, device, "return", now)
            elif event is ShipmentEnd.LOST:
                close_device(office, device, "withdraw", now)
        return shipment


def _free_numbers(office: Office, merchant: Merchant) -> tuple[str, ...]:
    """Terminal numbers of a merchant that no device has, and that lie in no parcel."""
    packed = [each.terminals for each in office.cabinet.find(Shipment, subject=merchant.subject, state="PACKED")]
    taken = {device.terminal_id for device in devices_of(office, merchant.key)}.union(*packed)
    return tuple(number for number in merchant.terminal_ids if number not in taken)


def _parts_of(device: Device) -> list[PackedPart]:
    first, *rest = device.of_model.parts
    serials = (device.key, *[""] * len(rest))
    return [
        PackedPart(chinese=chinese, english=english, serial=serial)
        for (chinese, english), serial in zip((first, *rest), serials, strict=True)
    ]


def _against(device: Device | None, merchant: Merchant, is_twice: bool) -> list[tuple[str, object]]:
    if device is None:
        return [("serial-unknown", True)]
    return [
        ("device-not-in-stock", device.state != "STOCK"),
        ("device-packed", device.shipment or is_twice),
        ("key-missing", not device.key_confirmed),
        ("model-needs-other-plan", device.model != merchant.device_model),
    ]


_ENDINGS: Final = {"parcel-lost": ShipmentEnd.LOST, "parcel-returned": ShipmentEnd.CAME_BACK}


def _wake(office: Office, shipment: Shipment, now: datetime) -> None:
    event = _ENDINGS.get(magic_outcome(Where.TRACKING, shipment.tracking), ShipmentEnd.DELIVERED)
    end_shipment(office, SYSTEM, shipment.key, event, now)


WAKES[Shipment] = _wake
