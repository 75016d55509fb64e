"""Forms: one without a fault for each sort of applicant, and every fault with its code and its place."""

from __future__ import annotations

from datetime import date

import pytest

from posterm.merchant.application import edit_application, start_application, what_is_missing
from posterm.merchant.eligibility import ELIGIBLE, OLD_CERTIFICATES, ApplicantType, PaperKind
from posterm.merchant.form import ApplicationForm
from posterm.merchant.form_checks import form_problems
from posterm.merchant.form_problems import FORM_PROBLEMS
from posterm.merchant.terms import OfficeTerms
from posterm.merchant.trades import TRADES
from tests.merchant.hand_applicant import (
    bank_card,
    credit_code,
    form,
    identity_number,
    new_applicant,
    refused_with,
    registration_number,
)
from tests.merchant.hand_office import NOW

TODAY = date(2026, 6, 1)
INDIVIDUAL, COMPANY, MICRO = ApplicantType.INDIVIDUAL_BUSINESS, ApplicantType.COMPANY, ApplicantType.MICRO


def merged(applicant_type: ApplicantType, changes: dict[str, object]) -> ApplicationForm:
    whole = form(applicant_type)
    for path, value in changes.items():
        part, _, name = path.rpartition(".")
        (whole[part] if part else whole)[name] = value
    return ApplicationForm.model_validate(whole)


def found(applicant_type: ApplicantType, changes: dict[str, object], *without: PaperKind, **shown) -> set[str]:
    filled = merged(applicant_type, changes)
    papers = frozenset({*ELIGIBLE[applicant_type].papers, *shown.get("more", ())} - {*without})
    return {f"{each.code} at {each.path}" for each in form_problems(filled, papers, TODAY, OfficeTerms())}


@pytest.mark.parametrize("applicant_type", ELIGIBLE)
def test_a_good_form_has_no_problem(applicant_type):
    assert found(applicant_type, {}) == set()


FAULTS = [
    (MICRO, {"nature": 8}, "nature-mismatch at nature"),
    (MICRO, {"registered_name": ""}, "field-missing at registered_name"),
    (MICRO, {"registered_name": "好味道"}, "field-length at registered_name"),
    (MICRO, {"registered_name": "1234567890"}, "name-not-chinese at registered_name"),
    (MICRO, {"trading_name": "好" * 33}, "field-length at trading_name"),
    (MICRO, {"trading_name": "好运彩票店"}, "name-sensitive at trading_name"),
    (MICRO, {"registered_name": "上海套现服务部"}, "name-sensitive at registered_name"),
    (MICRO, {"business": ""}, "field-missing at business"),
    (MICRO, {"district": ""}, "field-missing at district"),
    (MICRO, {"district": "310000"}, "district-unknown at district"),
    (MICRO, {"district": "990101"}, "district-unknown at district"),
    (MICRO, {"address": "上海市静安区南京西路100号"}, "address-outside-district at address"),
    (MICRO, {"address": "上海市黄浦区南京东路"}, "address-not-precise at address"),
    (MICRO, {"address": ""}, "field-missing at address"),
    (MICRO, {"location": ""}, "field-missing at location"),
    (MICRO, {"location": "31.2355"}, "location-malformed at location"),
    (MICRO, {"location": "51.5,0.1"}, "location-malformed at location"),
    (MICRO, {"mcc": ""}, "field-missing at mcc"),
    (MICRO, {"mcc": "0000"}, "trade-unknown at mcc"),
    (MICRO, {"mcc": "7995"}, "trade-forbidden at mcc"),
    (MICRO, {"licence": {"number": credit_code()}}, "field-not-used at licence"),
    (INDIVIDUAL, {"licence.number": ""}, "field-missing at licence.number"),
    (INDIVIDUAL, {"licence.number": credit_code()[:-1] + "A"}, "licence-number-malformed at licence.number"),
    (INDIVIDUAL, {"licence.number": identity_number()}, "licence-is-identity at licence.number"),
    (INDIVIDUAL, {"licence.name": "别家小吃店"}, "licence-name-differs at licence.name"),
    (INDIVIDUAL, {"licence.name": ""}, "field-missing at licence.name"),
    (INDIVIDUAL, {"licence.valid_to": "2026-05-31"}, "licence-expired at licence.valid_to"),
    (INDIVIDUAL, {"licence.valid_from": "2026-06-02"}, "date-order at licence.valid_from"),
    (INDIVIDUAL, {"licence.valid_to": "soon"}, "date-malformed at licence.valid_to"),
    (MICRO, {"legal_person.name": ""}, "field-missing at legal_person.name"),
    (MICRO, {"legal_person.number": ""}, "field-missing at legal_person.number"),
    (MICRO, {"legal_person.number": identity_number()[:-1] + "A"}, "identity-malformed at legal_person.number"),
    (MICRO, {"legal_person.number": identity_number(born="20300101")}, "identity-malformed at legal_person.number"),
    (MICRO, {"legal_person.number": identity_number(born="20110602")}, "person-too-young at legal_person.number"),
    (
        MICRO,
        {"legal_person.identity_type": "02", "legal_person.number": "E1"},
        "identity-malformed at legal_person.number",
    ),
    (MICRO, {"legal_person.valid_to": "2026-05-31"}, "identity-expired at legal_person.valid_to"),
    (MICRO, {"legal_person.valid_from": ""}, "field-missing at legal_person.valid_from"),
    (MICRO, {"contact_name": ""}, "field-missing at contact_name"),
    (MICRO, {"contact_mobile": ""}, "field-missing at contact_mobile"),
    (MICRO, {"contact_mobile": "138"}, "mobile-malformed at contact_mobile"),
    (MICRO, {"bank_account.number": ""}, "field-missing at bank_account.number"),
    (MICRO, {"bank_account.number": "6217001200000000011"}, "account-malformed at bank_account.number"),
    (MICRO, {"bank_account.bank_name": ""}, "field-missing at bank_account.bank_name"),
    (MICRO, {"bank_account.bank_code": ""}, "field-missing at bank_account.bank_code"),
    (MICRO, {"bank_account.bank_code": "105"}, "field-malformed at bank_account.bank_code"),
    (MICRO, {"bank_account.holder": "李四"}, "account-name-differs at bank_account.holder"),
    (MICRO, {"bank_account.holder": ""}, "field-missing at bank_account.holder"),
    (MICRO, {"settlement_person": {"name": "李四"}}, "settlement-person-not-allowed at settlement_person"),
    (MICRO, {"terminal_count": 0}, "field-malformed at terminal_count"),
    (MICRO, {"terminal_count": 6}, "too-many-terminals at terminal_count"),
    (MICRO, {"monthly_turnover_minor": -1}, "field-malformed at monthly_turnover_minor"),
    (MICRO, {"mcc": "5812", "business": "餐饮"}, "permit-missing at papers[FOOD_QUALIFICATION_PROOF]"),
    (INDIVIDUAL, {"mcc": "5137", "business": "服装批发"}, "lease-missing at papers[HT]"),
]


@pytest.mark.parametrize(("applicant_type", "changes", "expected"), FAULTS, ids=[fault for _, _, fault in FAULTS])
def test_a_fault_is_said_with_its_code_and_place(applicant_type, changes, expected):
    assert expected in found(applicant_type, changes)


def test_everything_wrong_is_said_at_once():
    empty = ApplicationForm(applicant_type=COMPANY, nature=1)
    problems = form_problems(empty, frozenset(), TODAY, OfficeTerms())
    paths = [each.path for each in problems]
    assert len(paths) == len(set(paths))
    assert {"registered_name", "address", "mcc", "licence.number", "legal_person.name", "bank_account.holder"} <= {
        *paths
    }
    assert {f"papers[{kind}]" for kind in ELIGIBLE[COMPANY].papers} <= {*paths}


@pytest.mark.parametrize("applicant_type", ELIGIBLE)
def test_every_paper_of_the_table_is_asked_for(applicant_type):
    for kind in ELIGIBLE[applicant_type].papers:
        scene = kind in (PaperKind.DOOR, PaperKind.INSIDE, PaperKind.SURROUNDINGS)
        code = "scene-missing" if scene else "paper-missing"
        assert found(applicant_type, {}, kind) == {f"{code} at papers[{kind}]"}


def test_a_licence_of_before_the_merger_needs_the_two_other_certificates():
    older = {"licence.number": registration_number()}
    assert found(INDIVIDUAL, older) == {f"paper-missing at papers[{kind}]" for kind in OLD_CERTIFICATES}
    assert found(INDIVIDUAL, older, more=OLD_CERTIFICATES) == set()


def test_a_corporate_account_is_in_the_name_of_the_company():
    corporate = {"bank_account.account_type": "57", "bank_account.number": "31001234567890123"}
    assert found(COMPANY, corporate) == {"account-name-differs at bank_account.holder"}
    assert found(COMPANY, {**corporate, "bank_account.holder": "上海好味道小吃店"}) == set()
    assert "account-type-mismatch at bank_account.account_type" in found(INDIVIDUAL, corporate)


def test_somebody_else_is_paid_with_a_letter_and_an_identity():
    other = {
        "settlement_person": {
            "name": "李四",
            "number": identity_number("202"),
            "valid_from": "2020-01-01",
            "valid_to": "2040-01-01",
        },
        "bank_account.holder": "李四",
    }
    assert found(COMPANY, other) == {
        "paper-missing at papers[ID_CARD_FRONT]",
        "paper-missing at papers[ID_CARD_BEHIND]",
        "paper-missing at papers[NO_LEGAL_PERSON_SETT_AUTH_LETTER]",
    }
    assert "account-name-differs at bank_account.holder" in found(COMPANY, {**other, "bank_account.holder": "王小明"})


def test_a_passport_is_an_identity_too():
    passport = {"legal_person.identity_type": "02", "legal_person.number": "E12345678"}
    assert found(MICRO, passport) == set()


def test_an_ordinary_person_has_no_form():
    problems = form_problems(
        ApplicationForm(applicant_type=ApplicantType.ORDINARY_PERSON), frozenset(), TODAY, OfficeTerms()
    )
    assert [each.code for each in problems] == ["ordinary-person"]


def test_every_problem_of_the_table_is_reached():
    reached = {fault.split(" at ")[0] for _, _, fault in FAULTS}
    others = {
        "ordinary-person", "field-unknown", "account-type-mismatch", "paper-missing", "scene-missing",
        "too-many-applications",
    }  # fmt: skip
    assert reached | others == set(FORM_PROBLEMS)


@pytest.mark.parametrize("problem", FORM_PROBLEMS.values(), ids=list(FORM_PROBLEMS))
def test_a_problem_says_in_both_languages_what_it_is_and_what_to_do(problem):
    assert all((problem.chinese, problem.english, problem.chinese_remedy, problem.english_remedy))
    assert all(char >= "一" for char in problem.chinese[:1])
    assert problem.english.isascii()
    assert problem.english_remedy.isascii()


@pytest.mark.parametrize("trade", TRADES.values(), ids=list(TRADES))
def test_a_trade_fits_its_own_names(trade):
    assert any(word in trade.chinese for word in trade.words) or any(word in trade.english for word in trade.words)


# --- drafts -------------------------------------------------------------------------------------------------------


def test_a_draft_is_filled_in_part_by_part(office):
    ann, _ = new_applicant(office)
    draft = start_application(office, ann, ann.subject, MICRO, NOW)
    before = len(what_is_missing(office, ann, draft.key, NOW))
    edit_application(office, ann, draft.key, {"legal_person": {"name": "王小明"}}, NOW)
    edited = edit_application(office, ann, draft.key, {"legal_person": {"number": identity_number()}}, NOW)
    assert edited.form.legal_person.name.reveal() == "王小明"
    assert len(what_is_missing(office, ann, draft.key, NOW)) == before - 2


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"colour": "red"}, "field-unknown at colour"),
        ({"legal_person": {"colour": "red"}}, "field-unknown at legal_person.colour"),
        ({"terminal_count": "many"}, "field-malformed at terminal_count"),
        ({"legal_person": "王小明"}, "field-malformed at legal_person"),
        ({"legal_person": {"number": 1}}, "field-malformed at legal_person.number"),
        ({"registered_name": "x" * 1001}, "field-malformed at registered_name"),
        ({"applicant_type": "ordinary-person"}, "ordinary-person at applicant_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_change_that_does_not_fit_is_refused_whole(office, changes, problem):
    ann, _ = new_applicant(office)
    draft = start_application(office, ann, ann.subject, MICRO, NOW)
    with refused_with(problem):
        edit_application(office, ann, draft.key, {"address": "上海", **changes}, NOW)
    assert what_is_missing(office, ann, draft.key, NOW)[0].path == "registered_name"


def test_an_account_begins_only_so_many_applications(office):
    ann, _ = new_applicant(office)
    for _ in range(office.terms.merchants_per_identity):
        start_application(office, ann, ann.subject, MICRO, NOW)
    with refused_with("too-many-applications"):
        start_application(office, ann, ann.subject, MICRO, NOW)


def test_what_an_application_holds_of_a_person_is_masked_and_sealed(office):
    ann, _ = new_applicant(office)
    draft = start_application(office, ann, ann.subject, MICRO, NOW)
    edited = edit_application(office, ann, draft.key, form(), NOW)
    kept = office.store.document("application", draft.key).body
    for text in (kept, edited.model_dump_json(), repr(edited)):
        for secret in ("王小明", identity_number(), bank_card(), "13800000001"):
            assert secret not in text
