"""Installation by appointment: a technician brings a device into use at the merchant's place."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.device import device_in_hand
from posterm.merchant.device_problems import refuse_if
from posterm.merchant.document import Document
from posterm.merchant.free_text import free_text
from posterm.merchant.machines import VISIT
from posterm.merchant.office import Office


class Visit(Document):
    """One appointment for one device. `due` is when it counts as missed: the end of its day."""

    kind: ClassVar[str] = "visit"

    device: str
    at: str
    technician: str = ""
    report: str = ""


def book_visit(office: Office, actor: Actor, serial: str, at: datetime, now: datetime) -> Visit:
    """Book a visit on a working day to come. Raises: RefusedError."""
    device = device_in_hand(office, actor, serial)
    _refuse_early(office, at, now)
    with office.all_or_nothing():
        visit = Visit(
            key=f"V{office.cabinet.next_number('visit'):08d}",
            subject=device.subject,
            state=VISIT.initial,
            due=_end_of_day(at),
            device=serial,
            at=at.isoformat(),
        )
        office.cabinet.put(visit)
        office.tell(visit, "book", now, after=visit.state, at=visit.at)
        return visit


def book_again(office: Office, actor: Actor, key: str, at: datetime, now: datetime) -> Visit:
    """Book another day after a missed one. Raises: RefusedError, NotNowError."""
    visit = need_visit(office, actor, key)
    _refuse_early(office, at, now)
    with office.all_or_nothing():
        return office.move(VISIT, visit, "book", now, at=at.isoformat(), due=_end_of_day(at))


def finish_visit(office: Office, actor: Actor, key: str, technician: str, report: str, now: datetime) -> Visit:
    """The technician has been there."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        visit = office.cabinet.need(Visit, key)
        return office.move(
            VISIT, visit, "finish", now, technician=free_text(technician), report=free_text(report), due=""
        )


def cancel_visit(office: Office, actor: Actor, key: str, now: datetime) -> Visit:
    """Call a visit off. Raises: NotNowError."""
    visit = need_visit(office, actor, key)
    with office.all_or_nothing():
        return office.move(VISIT, visit, "cancel", now, due="")


def need_visit(office: Office, actor: Actor, key: str) -> Visit:
    """A visit that the actor may see. Raises: NotFoundError."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    visit = office.cabinet.need(Visit, key)
    actor.must_own(visit.subject, Visit.kind)
    return visit


def _refuse_early(office: Office, at: datetime, now: datetime) -> None:
    is_late = at.date() > now.date() and office.host_terms.working_days.is_working(at.date())
    refuse_if([("visit-too-early", "at", not is_late)])


def _end_of_day(at: datetime) -> str:
    return at.replace(hour=23, minute=59, second=59, microsecond=0).isoformat()


def _wake(office: Office, visit: Visit, now: datetime) -> None:
    office.move(VISIT, visit, "miss", now, due="")


WAKES[Visit] = _wake
