"""The office's clock: the time of day, and how far it has been moved ahead, so that weeks can be rehearsed in seconds.

It only ever goes ahead. What is due on the way happens in its order and at its own moment.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import ClassVar, Final

from posterm.host.store import HostStore
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import advance
from posterm.merchant.document import Document
from posterm.merchant.errors import MerchantError
from posterm.merchant.office import Office

KEY: Final = "office"
FURTHEST: Final = timedelta(days=3660)
"""How far one move may lead."""

_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class OfficeClock(Document):
    """How many seconds the office is ahead of the time of day."""

    kind: ClassVar[str] = "clock"

    ahead_s: int = 0


def office_time(office: Office, time_of_day: datetime) -> datetime:
    """The office's time, to the second."""
    return time_of_day.replace(microsecond=0) + ahead_of_day(office.store)


def ahead_of_day(store: HostStore) -> timedelta:
    """How far the clock of the office on this store has been moved; nothing where there is none."""
    record = store.document(OfficeClock.kind, KEY)
    return timedelta(seconds=json.loads(record.body)["ahead_s"] if record is not None else 0)


def move_clock(office: Office, actor: Actor, span: str, time_of_day: datetime) -> datetime:
    """Let time pass, with everything that happens in it.

    Args:
        span: a number and a unit, `90s`, `15m`, `8h`, `3d`, `2w`.
    Returns: the office's time afterwards.
    Raises: NotAllowedError; MerchantError: not a span of time, or one of more than ten years.
    """
    actor.must_be(Role.OPERATOR)
    passed = parse_span(span)
    with office.all_or_nothing():
        until = office_time(office, time_of_day) + passed
        advance(office, until)
        before = office.cabinet.get(OfficeClock, KEY) or OfficeClock(key=KEY)
        office.cabinet.put(before.model_copy(update={"ahead_s": before.ahead_s + int(passed.total_seconds())}))
    return until


def parse_span(text: str) -> timedelta:
    """A span of time, at most ten years.

    >>> parse_span("3d")
    datetime.timedelta(days=3)

    Raises: MerchantError.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise MerchantError("span of time: need a number and one of s, m, h, d, w", hint="3d is three days")
    span = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if span > FURTHEST:
        raise MerchantError(f"span of time: need at most {FURTHEST.days} days")
    return span
