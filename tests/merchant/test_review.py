"""The review: each reason reached by a magic value or a real fault; then corrected, disputed, surveyed."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from posterm.merchant import MerchantError, NotAllowedError, NotFoundError, NotNowError, OfficeTerms
from posterm.merchant.application import Application, drop_application, edit_application, start_application
from posterm.merchant.calendar import advance
from posterm.merchant.contracting import contract_of
from posterm.merchant.device import take_into_stock
from posterm.merchant.eligibility import ApplicantType, PaperKind
from posterm.merchant.form_problems import FORM_PROBLEMS
from posterm.merchant.machines import DEVICE
from posterm.merchant.magic import MAGIC_VALUES, Where, magic_outcome
from posterm.merchant.merchant import Merchant
from posterm.merchant.news import News
from posterm.merchant.paper_problems import PAPER_PROBLEMS
from posterm.merchant.papers import hand_in_paper
from posterm.merchant.review import (
    approve_application,
    put_on_black_list,
    reconsider_application,
    reject_application,
    submit_application,
    take_off_black_list,
    waiting_applications,
)
from posterm.merchant.review_problems import REVIEW_PROBLEMS
from posterm.merchant.survey import Survey, cancel_survey, miss_survey, order_survey, report_survey
from tests.merchant.hand_applicant import (
    MOBILE,
    OPERATOR,
    REVIEWER,
    approved,
    bank_card,
    credit_code,
    form,
    identity_number,
    new_applicant,
    new_application,
    picture,
    refused_with,
    registration_number,
)
from tests.merchant.hand_office import NOW, new_office

INDIVIDUAL, COMPANY, MICRO = ApplicantType.INDIVIDUAL_BUSINESS, ApplicantType.COMPANY, ApplicantType.MICRO
SOON, LATER = NOW + timedelta(hours=1), NOW + timedelta(days=7)


@pytest.fixture
def ann(office):
    return new_applicant(office)[0]


def part(name: str, applicant_type: ApplicantType = INDIVIDUAL, **changes: Any) -> dict[str, Any]:
    """A part of the good form with some changes."""
    return {name: {**form(applicant_type)[name], **changes}}


def submitted(office, actor, applicant_type: ApplicantType = INDIVIDUAL, **changes: Any) -> Application:
    draft = new_application(office, actor, applicant_type, **changes)
    return submit_application(office, actor, draft.key, NOW)


def now_is(office, application: Application) -> Application:
    return office.cabinet.need(Application, application.key)


def problems_of(application: Application) -> list[str]:
    return [f"{each.code} at {each.path}" for each in application.problems]


# --- the way ------------------------------------------------------------------------------------------------------


def test_a_review_takes_minutes_for_the_checks_and_working_days_for_the_verdict(office, ann):
    application = submitted(office, ann)
    assert application.state == "REVIEW_ING"
    advance(office, SOON)
    assert now_is(office, application).state == "MANUAL_AUDIT"
    advance(office, NOW + timedelta(days=1))
    assert now_is(office, application).state == "MANUAL_AUDIT"
    advance(office, NOW + timedelta(days=3))
    decided = now_is(office, application)
    assert (decided.state, decided.decided_at[:10], decided.decided_by) == ("WAIT_FOR_CONTACT", "2026-06-03", "system")
    assert office.cabinet.need(Merchant, application.merchant).state == "APPROVED"


def test_holidays_are_no_working_days(office, ann):
    draft = new_application(office, ann, COMPANY)
    friday = NOW.replace(month=6, day=5)
    submit_application(office, ann, draft.key, friday)
    advance(office, friday + timedelta(days=3))
    assert now_is(office, draft).state == "MANUAL_AUDIT"
    advance(office, friday + timedelta(days=5))
    assert now_is(office, draft).state == "WAIT_FOR_CONTACT"


def test_a_reviewer_decides_earlier(office, ann):
    application = submitted(office, ann)
    with pytest.raises(NotNowError, match="a reviewer decides in MANUAL_AUDIT"):
        approve_application(office, REVIEWER, application.key, NOW)
    advance(office, SOON)
    assert [each.key for each in waiting_applications(office, REVIEWER)] == [application.key]
    assert approve_application(office, REVIEWER, application.key, SOON).decided_by == "reviewer"
    with pytest.raises(NotNowError):
        reject_application(office, REVIEWER, application.key, [("scene-not-genuine", "")], SOON)


@pytest.mark.parametrize("decide", [approve_application, waiting_applications])
def test_only_reviewers_decide(office, ann, decide):
    application = submitted(office, ann)
    for actor in (ann, OPERATOR):
        with pytest.raises(NotAllowedError):
            decide(*(office, actor, application.key, NOW)[: 2 if decide is waiting_applications else 4])


def test_without_a_simulated_reviewer_an_application_waits_and_says_so():
    office = new_office(terms=OfficeTerms(simulated_reviewer=False, password_cost=4))
    ann, _ = new_applicant(office)
    application = submitted(office, ann, contact_mobile="13800009994")
    advance(office, NOW + timedelta(days=10))
    assert now_is(office, application).state == "MANUAL_AUDIT"
    assert office.cabinet.find(Survey) == []
    assert sum(news.topic == "application.wait" for news in office.cabinet.find(News)) >= 5


def test_a_licensed_applicant_may_be_approved_by_the_checks_alone():
    office = new_office(terms=OfficeTerms(automatic_approval=True, password_cost=4))
    ann, _ = new_applicant(office)
    company, micro = submitted(office, ann, COMPANY), submitted(office, ann, MICRO, seed=2)
    advance(office, SOON)
    assert (now_is(office, company).state, now_is(office, micro).state) == ("WAIT_FOR_CONTACT", "MANUAL_AUDIT")


def test_what_is_missing_is_said_when_it_is_submitted(office, ann):
    draft = start_application(office, ann, ann.subject, MICRO, NOW)
    edit_application(office, ann, draft.key, form(), NOW)
    with refused_with(*["paper-missing"] * 3, *["scene-missing"] * 3):
        submit_application(office, ann, draft.key, NOW)
    assert now_is(office, draft).state == "NO_COMMIT"


def test_an_application_is_submitted_once(office, ann):
    application = submitted(office, ann)
    with pytest.raises(NotNowError):
        submit_application(office, ann, application.key, NOW)
    with pytest.raises(NotNowError):
        edit_application(office, ann, application.key, {"business": "水果"}, NOW)
    with pytest.raises(NotNowError):
        drop_application(office, ann, application.key, NOW)


def test_another_merchant_finds_no_such_application(office, ann):
    application = new_application(office, ann)
    bob, _ = new_applicant(office, "13900000001")
    for ask in (submit_application, drop_application):
        with pytest.raises(NotFoundError):
            ask(office, bob, application.key, NOW)
    with pytest.raises(NotFoundError):
        edit_application(office, bob, application.key, {}, NOW)
    with pytest.raises(NotFoundError):
        reconsider_application(office, bob, application.key, "please", NOW)


# --- reasons ------------------------------------------------------------------------------------------------------

PRE_CHECK = [
    (part("legal_person", number=identity_number("991")), "aml-hit at legal_person.number"),
    (part("legal_person", number=identity_number("992")), "blacklisted at legal_person.number"),
]
AUTOMATIC = [
    (part("licence", number=credit_code("9991")), "licence-not-found at licence.number"),
    (part("licence", number=credit_code("9992")), "licence-cancelled at licence.number"),
    (part("licence", number=credit_code("9993")), "licence-registered-otherwise at licence.number"),
    (part("bank_account", number=bank_card("9991")), "four-elements-differ at bank_account.number"),
    ({"device_serial": "UNKNOWN1"}, "device-unknown at device_serial"),
    ({"device_serial": "BOUND1"}, "device-bound at device_serial"),
    ({"device_serial": "ESIGN1"}, "device-not-allowed at device_serial"),
]
MANUAL = [
    ({"business": "房地产咨询"}, "trade-does-not-fit at business"),
    ({"contact_mobile": "13800009991"}, "phone-unreachable at contact_mobile"),
    ({"contact_mobile": "13800009992"}, "phone-unreachable at contact_mobile"),
    ({"contact_mobile": "13800009993"}, "scene-not-found at address"),
]
PHOTOS = [
    ({"blurred": True}, "photo-blurred at papers[MERCHANT_PHOTO]"),
    ({"dark": True}, "photo-covered at papers[MERCHANT_PHOTO]"),
    ({"Software": "GIMP 2.10"}, "photo-edited at papers[MERCHANT_PHOTO]"),
    ({"Copyright": "Shutterstock"}, "scene-not-genuine at papers[MERCHANT_PHOTO]"),
]
NAMES = [reason for _, reason in (*PRE_CHECK, *AUTOMATIC, *MANUAL, *PHOTOS)]


@pytest.mark.parametrize(("changes", "reason"), PRE_CHECK, ids=[reason for _, reason in PRE_CHECK])
def test_the_pre_check_fails_at_once(office, ann, changes, reason):
    application = submitted(office, ann, **changes)
    assert (application.state, problems_of(application)) == ("COMMIT_FAIL", [reason])
    assert office.cabinet.need(Merchant, application.merchant).state == "CREATED"


@pytest.mark.parametrize(("changes", "reason"), AUTOMATIC, ids=[reason for _, reason in AUTOMATIC])
def test_the_automatic_checks_reject(office, ann, changes, reason):
    for serial, model in (("BOUND1", "smart"), ("ESIGN1", "e-sign")):
        device = take_into_stock(office, OPERATOR, serial, model, NOW)
        if serial == "BOUND1":
            office.move(DEVICE, device, "ship", NOW)
    application = submitted(office, ann, **changes)
    advance(office, SOON)
    rejected = now_is(office, application)
    assert (rejected.state, problems_of(rejected)) == ("INNER_CHECK_REJECTED", [reason])
    assert office.cabinet.need(Merchant, application.merchant).state == "CREATED"


@pytest.mark.parametrize(
    ("changes", "reason"), MANUAL, ids=[f"{reason} {place}" for place, (_, reason) in enumerate(MANUAL)]
)
def test_the_reviewer_rejects(office, ann, changes, reason):
    application = submitted(office, ann, **changes)
    advance(office, SOON)
    assert now_is(office, application).state == "MANUAL_AUDIT"
    advance(office, LATER)
    rejected = now_is(office, application)
    assert (rejected.state, problems_of(rejected)) == ("INNER_CHECK_REJECTED", [reason])


@pytest.mark.parametrize(("made", "reason"), PHOTOS, ids=[reason for _, reason in PHOTOS])
def test_unfit_photos_are_rejected(office, ann, made, reason):
    draft = new_application(office, ann)
    hand_in_paper(office, ann, draft.key, PaperKind.DOOR, picture(1, **made), NOW)
    submit_application(office, ann, draft.key, NOW)
    advance(office, SOON)
    assert reason in problems_of(now_is(office, draft))


def test_everything_found_is_said_at_once(office, ann):
    changes = part("licence", number=credit_code("9991")) | part("bank_account", number=bank_card("9991"))
    application = submitted(office, ann, **changes)
    advance(office, SOON)
    assert problems_of(now_is(office, application)) == [
        "licence-not-found at licence.number",
        "four-elements-differ at bank_account.number",
    ]


def test_a_licence_of_before_the_merger_is_looked_up_too():
    assert magic_outcome(Where.LICENCE, registration_number("9992")) == "licence-cancelled"


def test_a_licence_that_expires_while_it_waits_is_rejected(office, ann):
    application = submitted(office, ann, **part("licence", valid_to="2026-06-02"))
    advance(office, LATER)
    assert problems_of(now_is(office, application)) == ["licence-expired at licence.valid_to"]


def test_one_person_has_only_so_many_merchants():
    office = new_office(terms=OfficeTerms(merchants_per_identity=2, password_cost=4))
    applications = []
    for number in range(3):
        actor, _ = new_applicant(office, f"1380000000{number}")
        applications.append(submitted(office, actor, seed=number + 1))
    advance(office, SOON)
    (rejected,) = (each for each in map(partial(now_is, office), applications) if each.problems)
    assert problems_of(rejected) == ["too-many-merchants at legal_person.number"]


@pytest.mark.parametrize("number", [identity_number(), credit_code()])
def test_who_is_on_the_black_list_does_not_pass_until_taken_off(office, ann, number):
    put_on_black_list(office, REVIEWER, number)
    application = submitted(office, ann)
    assert [each.code for each in application.problems] == ["blacklisted"]
    take_off_black_list(office, REVIEWER, number)
    edit_application(office, ann, application.key, {}, NOW)
    assert submit_application(office, ann, application.key, NOW).state == "REVIEW_ING"


def test_every_reason_of_the_table_is_reached_in_these_tests():
    tested_elsewhere = {"contract-not-signed", "too-many-merchants"}
    before_the_review = {*FORM_PROBLEMS, *PAPER_PROBLEMS} - {reason.split(" at ")[0] for reason in NAMES}
    assert {reason.split(" at ")[0] for reason in NAMES} | tested_elsewhere == set(REVIEW_PROBLEMS) - before_the_review


def test_every_magic_value_names_a_reason_or_what_the_tests_see_of_it():
    seen = {"phone-unreachable-once", "survey-fails", "survey-passes", "alipay-rejects", "wechat-rejects"}
    of_the_review = {row.outcome for row in MAGIC_VALUES if row.where in (Where.IDENTITY, Where.LICENCE, Where.MOBILE)}
    assert of_the_review - set(REVIEW_PROBLEMS) == seen


# --- after a rejection --------------------------------------------------------------------------------------------


def test_a_rejected_application_is_corrected_and_submitted_again(office, ann):
    application = submitted(office, ann, business="房地产咨询")
    advance(office, LATER)
    edited = edit_application(office, ann, application.key, {"business": "水果零售"}, LATER)
    assert (edited.state, edited.problems) == ("NO_COMMIT", ())
    again = submit_application(office, ann, application.key, LATER)
    assert again.rounds == 2
    advance(office, LATER + timedelta(days=4))
    assert now_is(office, application).state == "WAIT_FOR_CONTACT"


def test_a_rejection_is_disputed_once_and_looked_at_again(office, ann):
    application = submitted(office, ann, contact_mobile="13800009992")
    advance(office, LATER)
    disputed = reconsider_application(office, ann, application.key, "电话已恢复", LATER)
    assert disputed.state == "MANUAL_AUDIT"
    advance(office, LATER + timedelta(days=4))
    assert now_is(office, application).state == "WAIT_FOR_CONTACT"


def test_a_dispute_that_changes_nothing_is_the_last(office, ann):
    application = submitted(office, ann, contact_mobile="13800009991")
    advance(office, LATER)
    reconsider_application(office, ann, application.key, "请复议", LATER)
    advance(office, LATER + timedelta(days=4))
    assert problems_of(now_is(office, application)) == ["phone-unreachable at contact_mobile"]
    with pytest.raises(NotNowError, match="was reconsidered already"):
        reconsider_application(office, ann, application.key, "请再复议", LATER + timedelta(days=4))


@pytest.mark.parametrize(("statement", "code"), [(" ", "field-missing"), ("x" * 1001, "field-length")])
def test_a_dispute_needs_a_statement(office, ann, statement, code):
    application = submitted(office, ann, business="房地产咨询")
    advance(office, LATER)
    with refused_with(f"{code} at statement"):
        reconsider_application(office, ann, application.key, statement, LATER)


def test_an_approved_application_is_not_disputed(office, ann):
    decided, later = approved(office, ann, INDIVIDUAL)
    with pytest.raises(NotNowError):
        reconsider_application(office, ann, decided.key, "请复议", later)


def test_a_reviewer_rejects_for_reasons_of_the_table_alone(office, ann):
    application = submitted(office, ann)
    advance(office, SOON)
    for reasons, fault in (
        ([], "has 1 to 50 reasons"),
        ([("scene-not-genuine", "")] * 51, "has 1 to 50 reasons"),
        ([("scene-not-genuine", "x" * 201)], "a place of 200 characters"),
        ([("ugly", "address")], "no such reason: ugly"),
    ):
        with pytest.raises(MerchantError, match=fault):
            reject_application(office, REVIEWER, application.key, reasons, SOON)
    rejected = reject_application(office, REVIEWER, application.key, [("scene-not-genuine", "papers[OTHERS]")], SOON)
    assert (rejected.decided_by, problems_of(rejected)) == ("reviewer", ["scene-not-genuine at papers[OTHERS]"])


def test_a_dropped_application_closes_its_merchant(office, ann):
    draft = new_application(office, ann)
    assert drop_application(office, ann, draft.key, NOW).state == "DROPPED"
    assert office.cabinet.need(Merchant, draft.merchant).state == "CLOSED"


# --- surveys ------------------------------------------------------------------------------------------------------


def test_a_survey_by_itself_finds_the_shop(office, ann):
    application = submitted(office, ann, contact_mobile="13800009994")
    advance(office, LATER)
    (survey,) = office.cabinet.find(Survey)
    assert (survey.state, survey.opening_hours, survey.problems) == ("DONE", "08:00-20:00", ())
    assert now_is(office, application).state == "WAIT_FOR_CONTACT"


@pytest.fixture
def surveyed(office, ann) -> tuple[Application, Survey]:
    application = submitted(office, ann)
    advance(office, SOON)
    return application, order_survey(office, REVIEWER, application.key, NOW + timedelta(days=5), SOON)


def test_the_verdict_waits_for_an_ordered_survey(office, surveyed):
    application, _ = surveyed
    with pytest.raises(NotNowError, match="waits for site survey"):
        approve_application(office, REVIEWER, application.key, SOON)
    with pytest.raises(NotNowError, match="already"):
        order_survey(office, REVIEWER, application.key, NOW + timedelta(days=5), SOON)
    advance(office, NOW + timedelta(days=4))
    assert now_is(office, application).state == "MANUAL_AUDIT"


@pytest.mark.parametrize("at", [SOON, NOW - timedelta(days=1), SOON + timedelta(days=61)])
def test_a_survey_is_ordered_for_a_time_to_come(office, ann, at):
    application = submitted(office, ann)
    advance(office, SOON)
    with refused_with("survey-time at at"):
        order_survey(office, REVIEWER, application.key, at, SOON)


@pytest.mark.parametrize(("is_genuine", "state"), [(True, "WAIT_FOR_CONTACT"), (False, "INNER_CHECK_REJECTED")])
def test_what_a_survey_finds_decides(office, surveyed, is_genuine, state):
    application, survey = surveyed
    report_survey(office, OPERATOR, survey.key, SOON, is_genuine=is_genuine, remark="seen")
    advance(office, LATER)
    assert now_is(office, application).state == state


def test_a_survey_that_meets_nobody_is_repeated_or_cancelled(office, surveyed):
    application, survey = surveyed
    missed = miss_survey(office, OPERATOR, survey.key, NOW + timedelta(days=6), SOON)
    assert (missed.state, missed.misses, missed.due[:10]) == ("ORDERED", 1, "2026-06-07")
    cancel_survey(office, REVIEWER, survey.key, SOON)
    assert approve_application(office, REVIEWER, application.key, SOON).state == "WAIT_FOR_CONTACT"


def test_a_survey_of_an_earlier_round_is_forgotten(office, ann, surveyed):
    application, survey = surveyed
    report_survey(office, OPERATOR, survey.key, SOON, is_genuine=False)
    advance(office, LATER)
    edit_application(office, ann, application.key, {"address": "上海市黄浦区福州路5号"}, LATER)
    submit_application(office, ann, application.key, LATER)
    advance(office, LATER + timedelta(days=5))
    assert now_is(office, application).state == "WAIT_FOR_CONTACT"


def test_no_contract_is_offered_before_the_approval(office, ann):
    application = submitted(office, ann)
    assert contract_of(office, ann, application.merchant) is None
    assert MOBILE not in " ".join(str(news) for news in office.cabinet.find(News))
