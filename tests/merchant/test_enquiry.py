"""Enquiries: called back, answered with a device, refused or forgotten; and who may bring merchants."""

from __future__ import annotations

from datetime import timedelta

import pytest

from posterm.merchant import NotAllowedError, NotNowError, RefusedError
from posterm.merchant.actor import VISITOR
from posterm.merchant.applicant import register
from posterm.merchant.calendar import advance
from posterm.merchant.eligibility import ApplicantType, ModelName
from posterm.merchant.enquiry import (
    Enquiry,
    Source,
    authorize_agent,
    call_back,
    enquire,
    recommend,
    revoke_agent,
)
from tests.merchant.hand_applicant import MOBILE, OPERATOR
from tests.merchant.hand_office import NOW


@pytest.fixture
def enquiry(office) -> Enquiry:
    return enquire(office, VISITOR, name="王小明", mobile=MOBILE, address="上海市黄浦区", remark="小吃店", now=NOW)


def codes(refusal: pytest.ExceptionInfo[RefusedError]) -> set[tuple[str, str]]:
    return {(problem.code, problem.path) for problem in refusal.value.problems}


def test_an_enquiry_is_answered_with_the_device_that_suits(office, enquiry):
    call_back(office, OPERATOR, enquiry.key, NOW, reached=True)
    answered = recommend(office, OPERATOR, enquiry.key, ApplicantType.MICRO, NOW)
    assert (answered.state, answered.device) == ("ANSWERED", "e-sign")


def test_staff_may_recommend_another_device(office, enquiry):
    call_back(office, OPERATOR, enquiry.key, NOW, reached=True)
    answered = recommend(office, OPERATOR, enquiry.key, ApplicantType.MICRO, NOW, device=ModelName.SMART)
    assert answered.device == "smart"


def test_an_ordinary_person_is_refused_with_the_reason(office, enquiry):
    call_back(office, OPERATOR, enquiry.key, NOW, reached=True)
    refused = recommend(office, OPERATOR, enquiry.key, ApplicantType.ORDINARY_PERSON, NOW)
    assert (refused.state, refused.refused_for) == ("REFUSED", "ordinary-person")


def test_nobody_is_recommended_a_device_before_the_call_back(office, enquiry):
    with pytest.raises(NotNowError, match="OPEN does not take recommend"):
        recommend(office, OPERATOR, enquiry.key, ApplicantType.MICRO, NOW)


def test_an_answered_enquiry_chooses_the_device_of_the_account(office, enquiry):
    call_back(office, OPERATOR, enquiry.key, NOW, reached=True)
    recommend(office, OPERATOR, enquiry.key, ApplicantType.COMPANY, NOW)
    applicant = register(office, VISITOR, MOBILE, NOW, source=Source.ENQUIRY, enquiry=enquiry.key)
    assert applicant.device_model is ModelName.SMART
    assert office.cabinet.need(Enquiry, enquiry.key).state == "APPLIED"


def test_an_enquiry_of_another_mobile_chooses_nothing(office, enquiry):
    call_back(office, OPERATOR, enquiry.key, NOW, reached=True)
    recommend(office, OPERATOR, enquiry.key, ApplicantType.COMPANY, NOW)
    applicant = register(office, VISITOR, "13900000001", NOW, source=Source.ENQUIRY, enquiry=enquiry.key)
    assert (applicant.device_model, applicant.enquiry) == (None, "")


def test_nobody_reached_is_called_again_and_given_up(office, enquiry):
    assert call_back(office, OPERATOR, enquiry.key, NOW, reached=False).state == "OPEN"
    assert call_back(office, OPERATOR, enquiry.key, NOW, reached=False).tries == 2
    assert call_back(office, OPERATOR, enquiry.key, NOW, reached=False).state == "LAPSED"


def test_an_enquiry_nobody_looks_at_lapses_by_itself(office, enquiry):
    advance(office, NOW + timedelta(days=10))
    assert office.cabinet.need(Enquiry, enquiry.key).state == "LAPSED"


def test_an_answer_nobody_follows_lapses(office, enquiry):
    call_back(office, OPERATOR, enquiry.key, NOW, reached=True)
    recommend(office, OPERATOR, enquiry.key, ApplicantType.MICRO, NOW)
    advance(office, NOW + timedelta(days=31))
    assert office.cabinet.need(Enquiry, enquiry.key).state == "LAPSED"


def test_everything_wrong_with_an_enquiry_is_said_at_once(office):
    with pytest.raises(RefusedError) as refusal:
        enquire(office, VISITOR, name=" ", mobile="123", address="", remark="x" * 501, now=NOW)
    assert codes(refusal) == {
        ("field-missing", "name"),
        ("field-missing", "address"),
        ("field-too-long", "remark"),
        ("mobile-malformed", "mobile"),
    }


def test_a_merchant_does_not_answer_enquiries(office, enquiry):
    with pytest.raises(NotAllowedError):
        call_back(office, VISITOR, enquiry.key, NOW, reached=True)


def test_who_enquires_is_masked_when_shown(office, enquiry):
    shown = enquiry.model_dump_json()
    assert "王**" in shown
    assert "王小明" not in shown
    assert MOBILE not in shown
    assert "黄浦区" not in office.store.document("enquiry", enquiry.key).body


def test_an_authorized_agent_brings_applicants(office):
    authorize_agent(office, OPERATOR, "AG01", "上海代理", NOW)
    assert register(office, VISITOR, MOBILE, NOW, source=Source.AGENT, agent="AG01").agent == "AG01"


@pytest.mark.parametrize("agent", ["AG01", "AG02", ""])
def test_an_agent_who_is_not_authorized_is_refused(office, agent):
    authorize_agent(office, OPERATOR, "AG01", "上海代理", NOW)
    revoke_agent(office, OPERATOR, "AG01", NOW)
    with pytest.raises(RefusedError) as refusal:
        register(office, VISITOR, MOBILE, NOW, source=Source.AGENT, agent=agent)
    assert codes(refusal) == {("agent-not-authorized", "agent")}


def test_a_revoked_agent_may_be_authorized_again(office):
    authorize_agent(office, OPERATOR, "AG01", "上海代理", NOW)
    revoke_agent(office, OPERATOR, "AG01", NOW)
    assert authorize_agent(office, OPERATOR, "AG01", "上海代理", NOW).state == "AUTHORIZED"
    with pytest.raises(NotNowError):
        authorize_agent(office, OPERATOR, "AG01", "上海代理", NOW)


@pytest.mark.parametrize(
    ("code", "name", "problem"),
    [
        ("", "上海代理", ("agent-code-malformed", "code")),
        ("a/b", "上海代理", ("agent-code-malformed", "code")),
        ("x" * 33, "上海代理", ("agent-code-malformed", "code")),
        ("AG01", " ", ("field-missing", "name")),
        ("AG01", "代" * 65, ("field-too-long", "name")),
    ],
)
def test_an_agent_has_a_code_and_a_name(office, code, name, problem):
    with pytest.raises(RefusedError) as refusal:
        authorize_agent(office, OPERATOR, code, name, NOW)
    assert codes(refusal) == {problem}
