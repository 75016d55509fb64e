"""Inspection rounds: a window every half year in which a device is looked at, with a list, a picture and its place.

A device that fails, or is not shown in time, stands still until it has passed.

Source: the periodic inspection (巡检) of Chinese acquirers: clean, cable whole, software up to date, the right
device at its place.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from posterm.merchant.actor import Actor
from posterm.merchant.binding import place_problems
from posterm.merchant.calendar import WAKES
from posterm.merchant.device import Device
from posterm.merchant.device_problems import DEVICE_PROBLEMS
from posterm.merchant.document import Document
from posterm.merchant.machines import INSPECTION
from posterm.merchant.office import Office
from posterm.merchant.picture import measure, quality_problems
from posterm.merchant.problem import Problem
from posterm.merchant.suspension import Reason, lift, stop


class Findings(BaseModel):
    """What somebody who looks at a device says of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    serial: str
    location: str
    software: str
    is_clean: bool
    cable_is_whole: bool


class Inspection(Document):
    """One round for one device. `opens` is when its window begins, `is_open` whether it has begun."""

    kind: ClassVar[str] = "inspection"

    device: str
    merchant_id: str
    opens: str
    is_open: bool = False
    picture: str = ""
    problems: tuple[Problem, ...] = ()
    ended_at: str = ""


def order_inspection(office: Office, device: Device, now: datetime) -> Inspection:
    """Have a device inspected when the terms say so."""
    opens = (now + timedelta(days=max(1, office.terms.inspection_days))).isoformat()
    inspection = Inspection(
        key=f"I{office.cabinet.next_number('inspection'):08d}",
        subject=device.subject,
        state=INSPECTION.initial,
        due=opens,
        device=device.key,
        merchant_id=device.merchant_id,
        opens=opens,
    )
    office.cabinet.put(inspection)
    office.tell(inspection, "order", now, after=inspection.state, opens=opens)
    return inspection


def submit_inspection(
    office: Office, actor: Actor, key: str, findings: Findings, picture: bytes, now: datetime
) -> Inspection:
    """Hand in what was found. The document says whether it passed, and everything that was wrong.

    Args:
        picture: JPEG or PNG, as fit as a paper's; kept sealed.
    Raises: NotNowError: it is over.
    """
    inspection = need_inspection(office, actor, key)
    with office.all_or_nothing():
        device = office.cabinet.need(Device, inspection.device)
        problems = _problems(office, device, findings, picture)
        name = ""
        if picture:
            name = f"inspection-{key}-{office.cabinet.fingerprint('inspection-picture', picture.hex())}"
            office.pictures.put(name, office.cabinet.seal_bytes(picture, name))
        ended = office.move(
            INSPECTION,
            inspection,
            "fail" if problems else "pass",
            now,
            due="",
            picture=name,
            problems=tuple(problems),
            ended_at=now.isoformat(),
        )
        if problems:
            stop(office, device, Reason.INSPECTION, now)
        else:
            order_inspection(office, lift(office, device, Reason.INSPECTION, now), now)
        return ended


def repeat_inspection(office: Office, actor: Actor, key: str, now: datetime) -> Inspection:
    """Open a window again after a failed or missed round; the device stands still until it has passed."""
    inspection = need_inspection(office, actor, key)
    with office.all_or_nothing():
        closes = now + timedelta(days=max(1, office.terms.inspection_window_days))
        return office.move(
            INSPECTION, inspection, "repeat", now, due=closes.isoformat(), is_open=True, problems=(), ended_at=""
        )


def need_inspection(office: Office, actor: Actor, key: str) -> Inspection:
    """An inspection that the actor may see. Raises: NotFoundError."""
    inspection = office.cabinet.need(Inspection, key)
    actor.must_own(inspection.subject, Inspection.kind)
    return inspection


def _problems(office: Office, device: Device, findings: Findings, picture: bytes) -> list[Problem]:
    rows = [
        ("inspection-serial", "serial", findings.serial != device.key),
        *place_problems(office, findings.location, device.location),
        ("inspection-software", "software", findings.software != device.software),
        ("inspection-unclean", "is_clean", not findings.is_clean),
        ("inspection-cable", "cable_is_whole", not findings.cable_is_whole),
    ]
    facts, problems = measure(picture, "picture")
    if facts is not None:
        problems = quality_problems(facts, "picture", scene=True)
    return [DEVICE_PROBLEMS[code].at(path) for code, path, is_so in rows if is_so] + problems


def _wake(office: Office, inspection: Inspection, now: datetime) -> None:
    device = office.cabinet.need(Device, inspection.device)
    if device.merchant_id != inspection.merchant_id or device.state == "CLOSED":
        office.move(INSPECTION, inspection, "miss", now, due="", ended_at=now.isoformat())
    elif not inspection.is_open:
        closes = now + timedelta(days=max(1, office.terms.inspection_window_days))
        opened = office.cabinet.put(inspection.model_copy(update={"is_open": True, "due": closes.isoformat()}))
        office.tell(opened, "open", now, closes=opened.due)
    else:
        office.move(INSPECTION, inspection, "miss", now, due="", ended_at=now.isoformat())
        stop(office, device, Reason.INSPECTION, now)


WAKES[Inspection] = _wake
