"""Documents: personal data masked when shown and sealed when kept, moves told as news, the calendar in order."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import pytest

from posterm.host.records import DocumentRecord
from posterm.hsm import HsmError
from posterm.merchant import MerchantError, NotFoundError, NotNowError
from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.calendar import WAKES, advance
from posterm.merchant.document import Document
from posterm.merchant.errors import NotAllowedError
from posterm.merchant.machines import CASE
from posterm.merchant.news import News
from posterm.merchant.personal import AccountNumber, IdentityNumber, Mobile, PersonName, Secret
from tests.merchant.hand_office import NOW


class Visit(Document):
    """A document of these tests."""

    kind: ClassVar[str] = "visit"

    name: PersonName = PersonName("")
    mobile: Mobile = Mobile("")
    note: str = ""


VISIT = Visit(
    key="1", subject="ann", state="OPEN", name=PersonName("张三丰"), mobile=Mobile("13800138000"), note="门口"
)


def test_a_document_comes_back_as_it_was_put(office):
    office.cabinet.put(VISIT)
    assert office.cabinet.need(Visit, "1") == VISIT
    assert office.cabinet.find(Visit, subject="ann", state="OPEN") == [VISIT]


def test_personal_data_is_masked_when_shown_and_sealed_when_kept(office):
    office.cabinet.put(VISIT)
    shown = VISIT.model_dump_json() + repr(VISIT)
    kept = office.store.document("visit", "1").body
    assert "张**" in shown
    assert "138****8000" in shown
    for text in (shown, kept):
        assert "张三丰" not in text
        assert "13800138000" not in text


def test_a_sealed_value_opens_in_its_own_document_only(office):
    office.cabinet.put(VISIT)
    record = office.store.document("visit", "1")
    office.store.put_document(DocumentRecord("visit", "2", body=record.body))
    with pytest.raises(HsmError):
        office.cabinet.need(Visit, "2")


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        (PersonName("张三"), "张*"),
        (IdentityNumber("110101199003070011"), "110*************11"),
        (AccountNumber("6222020000000000000"), "***************0000"),
        (Mobile("138"), "***"),
        (Secret("word"), "****"),
        (Mobile(""), ""),
    ],
)
def test_each_kind_of_personal_data_has_its_mask(value, masked):
    assert str(value) == value.masked == masked


def test_a_move_is_kept_and_told(office):
    office.cabinet.put(VISIT)
    office.move(CASE, VISIT, "take", NOW, note="begun")
    assert office.cabinet.need(Visit, "1").state == "IN_WORK"
    (news,) = office.cabinet.find(News, subject="ann")
    assert (news.topic, news.about, news.before, news.after) == ("visit.take", "1", "OPEN", "IN_WORK")


def test_a_move_that_the_state_does_not_take_changes_nothing(office):
    office.cabinet.put(VISIT)
    with pytest.raises(NotNowError, match="OPEN does not take solve; it takes take"):
        office.move(CASE, VISIT, "solve", NOW)
    assert office.cabinet.need(Visit, "1") == VISIT
    assert office.cabinet.find(News) == []


def test_what_is_not_there_is_not_found(office):
    with pytest.raises(NotFoundError, match="no visit '9'"):
        office.cabinet.need(Visit, "9")


@pytest.fixture
def woken(monkeypatch) -> list[tuple[str, str]]:
    seen: list[tuple[str, str]] = []

    def wake(office, document, now):
        seen.append((document.key, now.isoformat()))
        again = (now + timedelta(days=2)).isoformat() if document.note == "again" else ""
        note = "stuck" if document.note == "stuck" else ""
        office.cabinet.put(document.model_copy(update={"due": document.due if note else again, "note": note}))

    monkeypatch.setitem(WAKES, Visit, wake)
    return seen


def test_what_is_due_is_done_in_order_each_at_its_moment(office, woken):
    for key, days, note in (("a", 3, ""), ("b", 1, "again"), ("c", 30, "")):
        office.cabinet.put(Visit(key=key, due=(NOW + timedelta(days=days)).isoformat(), note=note))
    assert advance(office, NOW + timedelta(days=10)) == 3
    assert woken == [("b", "2026-06-02T10:00:00"), ("a", "2026-06-04T10:00:00"), ("b", "2026-06-04T10:00:00")]
    assert advance(office, NOW + timedelta(days=10)) == 0


def test_a_document_that_stays_due_is_an_error(office, woken):
    office.cabinet.put(Visit(key="a", due=NOW.isoformat(), note="stuck"))
    with pytest.raises(MerchantError, match="visit a is still due"):
        advance(office, NOW)


def test_a_merchant_sees_its_own_things_only():
    ann = Actor(Role.MERCHANT, "ann")
    ann.must_own("ann")
    with pytest.raises(NotFoundError, match="no such case"):
        ann.must_own("bob", "case")
    Actor(Role.REVIEWER).must_own("bob")


def test_a_role_that_is_not_allowed_is_refused():
    with pytest.raises(NotAllowedError, match="needs the role reviewer or operator, not merchant"):
        Actor(Role.MERCHANT, "ann").must_be(Role.REVIEWER, Role.OPERATOR)
    Actor(Role.REVIEWER).must_be(Role.REVIEWER)
    SYSTEM.must_be(Role.OPERATOR)
