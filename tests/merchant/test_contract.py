"""Contracts: offered, signed as they read, in force with the deposit, void when nobody signs; and as PDF."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader

from posterm.host.chart import merchant_deposit
from posterm.merchant import Actor, NotFoundError, NotNowError, OfficeTerms, Role
from posterm.merchant.application import Application, edit_application
from posterm.merchant.calendar import advance
from posterm.merchant.contract import Contract
from posterm.merchant.contract_pdf import contract_pdf, deposit_receipt_pdf
from posterm.merchant.contract_problems import CONTRACT_PROBLEMS
from posterm.merchant.contract_text import clauses, text_digest
from posterm.merchant.contracting import contract_of, pay_deposit, sign_contract
from posterm.merchant.deposit import Deposit, return_deposit
from posterm.merchant.eligibility import ApplicantType
from posterm.merchant.merchant import Merchant
from posterm.merchant.problem import Language
from posterm.merchant.review import submit_application
from tests.merchant.hand_applicant import approved, contracted, new_applicant, refused_with
from tests.merchant.hand_office import NOW, new_office


@pytest.fixture
def ann(office):
    return new_applicant(office)[0]


@pytest.fixture
def offered(office, ann):
    application, now = approved(office, ann, terminal_count=2)
    return contract_of(office, ann, application.merchant), now


def text_of(pdf: bytes) -> str:
    return "".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def test_an_offer_is_signed_by_the_acquirer_and_has_the_plan_s_fees(office, offered):
    contract, _ = offered
    plan = office.host_terms.plans["micro"]
    assert (contract.state, contract.contract_kind, contract.plan) == ("signing", "EC009", "micro")
    assert contract.fees == plan.fees
    assert contract.deposit_minor == 2 * office.terms.deposit_minor
    assert contract.signed_by_acquirer
    assert not contract.signed_by_merchant


def test_it_is_in_force_when_it_is_signed_and_the_deposit_is_paid(office, ann, offered):
    contract, now = offered
    assert not office.store.merchant(contract.merchant_id).open
    assert sign_contract(office, ann, contract.key, contract.digest, now).state == "signing"
    assert office.cabinet.need(Merchant, contract.merchant).state == "APPROVED"
    paid = pay_deposit(office, ann, contract.key, contract.deposit_minor, now)
    assert (paid.state, paid.in_force_at) == ("in-force", now.isoformat())
    assert office.cabinet.need(Merchant, contract.merchant).state == "CONTRACTED"
    assert office.store.merchant(contract.merchant_id).open


def test_without_a_deposit_the_signature_is_enough():
    office = new_office(terms=OfficeTerms(deposit_minor=0, password_cost=4))
    ann, _ = new_applicant(office)
    application, now = approved(office, ann)
    contract = contract_of(office, ann, application.merchant)
    assert sign_contract(office, ann, contract.key, contract.digest, now).state == "in-force"
    assert office.cabinet.get(Deposit, application.merchant) is None


def test_another_text_is_not_signed(office, ann, offered):
    contract, now = offered
    with refused_with("contract-text-differs at digest"):
        sign_contract(office, ann, contract.key, "0" * 64, now)


def test_an_offer_that_was_changed_behind_its_digest_is_not_signed(office, ann, offered):
    contract, now = offered
    office.cabinet.put(contract.model_copy(update={"deposit_minor": 1}))
    with refused_with("contract-text-differs"):
        sign_contract(office, ann, contract.key, contract.digest, now)


def test_each_step_is_taken_once_and_in_order(office, ann, offered):
    contract, now = offered
    with refused_with("signature-missing"):
        pay_deposit(office, ann, contract.key, contract.deposit_minor, now)
    sign_contract(office, ann, contract.key, contract.digest, now)
    with refused_with("contract-signed"):
        sign_contract(office, ann, contract.key, contract.digest, now)
    with refused_with("deposit-amount at amount_minor"):
        pay_deposit(office, ann, contract.key, 1, now)
    pay_deposit(office, ann, contract.key, contract.deposit_minor, now)
    for again in (
        lambda: sign_contract(office, ann, contract.key, contract.digest, now),
        lambda: pay_deposit(office, ann, contract.key, contract.deposit_minor, now),
    ):
        with pytest.raises(NotNowError):
            again()
    assert office.ledger.account(merchant_deposit(contract.merchant_id)).balance == contract.deposit_minor


def test_every_problem_of_the_table_is_reached_here():
    assert set(CONTRACT_PROBLEMS) == {
        "contract-text-differs", "contract-signed", "signature-missing", "deposit-amount",
    }  # fmt: skip


def test_an_offer_nobody_signs_is_void_and_the_application_with_it(office, ann, offered):
    contract, now = offered
    late = now + timedelta(days=office.terms.contract_days)
    advance(office, late)
    assert office.cabinet.need(Contract, contract.key).state == "void"
    application = office.cabinet.need(Application, contract.application)
    assert (application.state, [each.code for each in application.problems]) == (
        "INNER_CHECK_REJECTED",
        ["contract-not-signed"],
    )
    edit_application(office, ann, application.key, {}, late)
    submit_application(office, ann, application.key, late)
    advance(office, late + timedelta(days=5))
    again = contract_of(office, ann, contract.merchant)
    assert (again.state, again.merchant_id, again.terminal_ids) == (
        "signing",
        contract.merchant_id,
        contract.terminal_ids,
    )
    assert again.key != contract.key


def test_another_merchant_finds_no_such_contract(office, offered):
    contract, now = offered
    bob = Actor(Role.MERCHANT, "A00000099")
    for ask in (
        lambda: sign_contract(office, bob, contract.key, contract.digest, now),
        lambda: pay_deposit(office, bob, contract.key, contract.deposit_minor, now),
        lambda: contract_pdf(office, bob, contract.key),
        lambda: contract_of(office, bob, contract.merchant),
    ):
        with pytest.raises(NotFoundError):
            ask()


@pytest.mark.parametrize(
    ("turnover", "applicant_type", "plan"),
    [
        (0, ApplicantType.COMPANY, "standard"),
        (99_999_999, ApplicantType.COMPANY, "standard"),
        (100_000_000, ApplicantType.COMPANY, "volume"),
        (100_000_000, ApplicantType.MICRO, "micro"),
    ],
)
def test_the_plan_follows_size_and_volume(office, turnover, applicant_type, plan):
    _, merchant, contract, _ = contracted(office, applicant_type, monthly_turnover_minor=turnover)
    assert merchant.plan == contract.plan == office.store.merchant(merchant.merchant_id).plan == plan


def test_the_text_says_fees_services_deposit_and_disputes_in_both_languages(offered):
    contract, _ = offered
    chinese, english = (
        "\n".join(line for heading, lines in clauses(contract, language) for line in (heading, *lines))
        for language in (Language.CHINESE, Language.ENGLISH)
    )
    for words in (("0.38%", "0.60%", "20.00元", "198.00元", "争议", contract.merchant_id), ("198.00 CNY", "Disputes")):
        text = chinese if "0.38%" in words else english
        assert all(word in text for word in words)
    assert text_digest(contract) == contract.digest


@pytest.mark.parametrize(("language", "words"), [("zh", "收单服务合同"), ("en", "Contract for acquiring services")])
def test_the_contract_is_a_pdf_that_another_library_reads(office, ann, offered, language, words):
    contract, now = offered
    unsigned = contract_pdf(office, ann, contract.key, language=Language(language))
    sign_contract(office, ann, contract.key, contract.digest, now)
    signed = contract_pdf(office, ann, contract.key, language=Language(language))
    assert unsigned[:5] == b"%PDF-"
    text = text_of(signed)
    assert words in text
    assert contract.digest in text
    assert contract.merchant_name in text
    assert f"{now:%Y-%m-%d %H:%M:%S}" in text
    assert ("未签署" in text_of(unsigned)) == (language == "zh")
    assert signed == contract_pdf(office, ann, contract.key, language=Language(language))


def test_the_receipt_says_what_was_paid_and_given_back(office):
    actor, merchant, contract, now = contracted(office)
    assert "99.00" in text_of(deposit_receipt_pdf(office, actor, contract.key))
    return_deposit(office, office.cabinet.need(Deposit, merchant.key), now + timedelta(days=1))
    text = text_of(deposit_receipt_pdf(office, actor, contract.key, language=Language.ENGLISH))
    assert "Returned on: 2026-06-05" in text


def test_there_is_no_receipt_before_a_deposit(office, ann, offered):
    contract, _ = offered
    with pytest.raises(NotFoundError):
        deposit_receipt_pdf(office, ann, contract.key)


def test_a_name_with_markup_in_it_is_only_text(office, ann):
    application, _ = approved(office, ann, registered_name="上海<b>好味道</b>&店", trading_name="{key}好味道")
    contract = contract_of(office, ann, application.merchant)
    assert "上海<b>好味道</b>&店" in text_of(contract_pdf(office, ann, contract.key))
    assert contract.offered_at > NOW.isoformat()
