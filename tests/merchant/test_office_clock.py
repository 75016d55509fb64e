"""The office's clock goes ahead, never back, and what is due on the way happens."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import pytest

from posterm.merchant import MerchantError, NotAllowedError
from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.document import Document
from posterm.merchant.office_clock import move_clock, office_time, parse_span
from tests.merchant.hand_office import NOW


class Alarm(Document):
    """Something that is due."""

    kind: ClassVar[str] = "alarm"


def test_it_is_the_time_of_day_until_it_is_moved(office):
    assert office_time(office, NOW.replace(microsecond=7)) == NOW
    assert move_clock(office, SYSTEM, "3d", NOW) == NOW + timedelta(days=3)
    assert move_clock(office, SYSTEM, "2h", NOW) == NOW + timedelta(days=3, hours=2)
    assert office_time(office, NOW + timedelta(minutes=1)) == NOW + timedelta(days=3, hours=2, minutes=1)


def test_what_is_due_on_the_way_happens(office, monkeypatch):
    woken = []
    monkeypatch.setitem(
        WAKES, Alarm, lambda office, alarm, now: (woken.append(now), office.cabinet.put(Alarm(key="1")))
    )
    office.cabinet.put(Alarm(key="1", due=(NOW + timedelta(days=1)).isoformat()))
    move_clock(office, Actor(Role.OPERATOR), "23h", NOW)
    assert woken == []
    move_clock(office, Actor(Role.OPERATOR), "2w", NOW)
    assert woken == [NOW + timedelta(days=1)]


@pytest.mark.parametrize("text", ["", "3", "d", "-3d", "3 d", "3y", "3d ", "999999w", "٣d"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(MerchantError, match="span of time"):
        parse_span(text)


def test_a_merchant_does_not_move_the_clock(office):
    with pytest.raises(NotAllowedError):
        move_clock(office, Actor(Role.MERCHANT, "ann"), "1d", NOW)
