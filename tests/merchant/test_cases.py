"""Cases: who may do what with them, deadlines that pass, and numbers that are not kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from posterm.merchant import NotAllowedError, NotFoundError, NotNowError, RefusedError
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import advance
from posterm.merchant.cases import (
    MOST_MESSAGES,
    Case,
    CaseTopic,
    answer_case,
    ask_merchant,
    cases_of,
    close_case,
    need_case,
    open_case,
    reopen_case,
    solve_case,
    take_case,
)
from posterm.merchant.free_text import MOST_CHARACTERS, free_text
from posterm.merchant.news import News
from tests.merchant.hand_office import NOW

ANN, BOB = Actor(Role.MERCHANT, "A00000001"), Actor(Role.MERCHANT, "A00000002")
STAFF = Actor(Role.OPERATOR)


@pytest.fixture
def case(office) -> Case:
    return open_case(office, ANN, ANN.subject, CaseTopic.FEE, "费率不对", NOW, about="2/1/2/3/4")


def topics(office) -> list[str]:
    return [news.topic for news in office.cabinet.find(News)]


def test_a_case_is_worked_on_asked_about_answered_and_solved(office, case):
    take_case(office, STAFF, case.key, NOW)
    ask_merchant(office, STAFF, case.key, "请提供签购单", NOW)
    answer_case(office, ANN, case.key, "已上传", NOW)
    solved = solve_case(office, STAFF, case.key, "差额已退回", NOW)
    assert solved.state == "SOLVED"
    assert [message.by for message in solved.messages] == [Role.MERCHANT, Role.OPERATOR, Role.MERCHANT, Role.OPERATOR]
    assert topics(office) == ["case.open", "case.take", "case.ask", "case.answer", "case.solve"]
    assert close_case(office, ANN, case.key, NOW).state == "CLOSED"


def test_a_case_nobody_answers_is_escalated(office, case):
    advance(office, NOW + timedelta(days=office.terms.case_answer_days))
    escalated = office.cabinet.need(Case, case.key)
    assert (escalated.state, escalated.escalated, escalated.due) == ("ESCALATED", True, "")
    assert take_case(office, STAFF, case.key, NOW).escalated


def test_a_case_the_merchant_does_not_answer_is_solved_and_then_closed(office, case):
    take_case(office, STAFF, case.key, NOW)
    ask_merchant(office, STAFF, case.key, "请提供签购单", NOW)
    advance(office, NOW + timedelta(days=office.terms.case_merchant_days))
    assert office.cabinet.need(Case, case.key).state == "SOLVED"
    advance(office, NOW + timedelta(days=office.terms.case_merchant_days + office.terms.case_close_days))
    assert office.cabinet.need(Case, case.key).state == "CLOSED"


def test_a_solved_case_may_be_reopened_and_a_closed_one_not(office, case):
    take_case(office, STAFF, case.key, NOW)
    solve_case(office, STAFF, case.key, "已处理", NOW)
    assert reopen_case(office, ANN, case.key, "没有收到", NOW).state == "IN_WORK"
    solve_case(office, STAFF, case.key, "已处理", NOW)
    close_case(office, STAFF, case.key, NOW)
    with pytest.raises(NotNowError):
        reopen_case(office, ANN, case.key, "没有收到", NOW)
    with pytest.raises(NotNowError):
        answer_case(office, ANN, case.key, "喂", NOW)


def test_the_same_complaint_again_goes_on_with_the_case(office, case):
    again = open_case(office, ANN, ANN.subject, CaseTopic.FEE, "还没有回复", NOW, about=case.about)
    assert (again.key, len(again.messages)) == (case.key, 2)
    assert open_case(office, ANN, ANN.subject, CaseTopic.FEE, "另一笔", NOW, about="other").key != case.key


def test_a_merchant_has_its_own_cases_only(office, case):
    assert cases_of(office, ANN) == [case]
    assert cases_of(office, BOB, subject=ANN.subject) == []
    assert cases_of(office, STAFF, state="OPEN") == [case]
    with pytest.raises(NotFoundError):
        need_case(office, BOB, case.key)
    with pytest.raises(NotFoundError):
        open_case(office, BOB, ANN.subject, CaseTopic.OTHER, "x", NOW)


@pytest.mark.parametrize("event", [take_case, ask_merchant, solve_case])
def test_a_merchant_does_not_do_the_staffs_work(office, case, event):
    arguments = (NOW,) if event is take_case else ("text", NOW)
    with pytest.raises(NotAllowedError):
        event(office, ANN, case.key, *arguments)


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_text_is_refused(office, case, text):
    with pytest.raises(RefusedError) as refused:
        answer_case(office, ANN, case.key, text, NOW)
    assert [problem.code for problem in refused.value.problems] == ["text-missing"]


def test_a_case_takes_so_many_messages_and_no_more(office, case):
    full = case.model_copy(update={"messages": case.messages * MOST_MESSAGES})
    office.cabinet.put(full)
    with pytest.raises(RefusedError) as refused:
        answer_case(office, ANN, case.key, "more", NOW)
    assert [problem.code for problem in refused.value.problems] == ["too-many-messages"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("card 6212345678901265", "card ************1265"),
        ("id 11010119900307001X!", "id **************001X!"),
        ("62123456 78901265", "*************1265"),
        ("2026-06-01, 100.00", "2026-06-01, 100.00"),
        ("x" * 3000, "x" * MOST_CHARACTERS),
    ],
)
def test_long_numbers_are_not_kept(written, kept):
    assert free_text(written) == kept
