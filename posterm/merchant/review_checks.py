"""What a review finds: what registers and banks say, what was measured in the papers, and what a person has to judge.

`magic` says when a register, a bank or a call answers badly.
"""

from __future__ import annotations

from datetime import datetime

from posterm.merchant.application import Application
from posterm.merchant.device import Device
from posterm.merchant.eligibility import ELIGIBLE
from posterm.merchant.form import ApplicationForm
from posterm.merchant.form_checks import form_problems
from posterm.merchant.machines import DEVICE
from posterm.merchant.magic import Where, magic_outcome
from posterm.merchant.marks import holders
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office
from posterm.merchant.papers import Paper
from posterm.merchant.problem import Problem
from posterm.merchant.review_problems import REVIEW_PROBLEMS
from posterm.merchant.trades import TRADES

IDENTITY_MARK = "identity"
BLACK_LIST_MARK = "black-list"


def identity_of(office: Office, form: ApplicationForm) -> str:
    """The fingerprint of the legal person's identity number."""
    return office.cabinet.fingerprint(IDENTITY_MARK, form.legal_person.number.reveal())


def pre_check(office: Office, application: Application) -> list[Problem]:
    """What must not even be looked at: black lists and the check against money laundering."""
    form = application.form
    found: list[Problem] = []
    for path, person in (
        ("legal_person.number", form.legal_person),
        ("settlement_person.number", form.settlement_person),
    ):
        number = person.number.reveal()
        outcome = magic_outcome(Where.IDENTITY, number)
        if number and holders(office, BLACK_LIST_MARK, number):
            outcome = "blacklisted"
        if outcome:
            found.append(REVIEW_PROBLEMS[outcome].at(path))
    if form.licence.number and holders(office, BLACK_LIST_MARK, form.licence.number):
        found.append(REVIEW_PROBLEMS["blacklisted"].at("licence.number"))
    return found


def automatic_problems(office: Office, application: Application, now: datetime) -> list[Problem]:
    """What no person has to judge: the form as it is today, the papers, registers, the bank and the device."""
    form = application.form
    found = form_problems(form, frozenset(application.papers), now.date(), office.terms)
    for key in application.papers.values():
        found += office.cabinet.need(Paper, key).problems
    if ELIGIBLE[form.applicant_type].has_licence:
        found += _magic(Where.LICENCE, form.licence.number, "licence.number")
    found += _magic(Where.ACCOUNT, form.bank_account.number.reveal(), "bank_account.number")
    if _merchants_of_identity(office, application) >= office.terms.merchants_per_identity:
        found.append(REVIEW_PROBLEMS["too-many-merchants"].at("legal_person.number"))
    if form.device_serial:
        found += _device_problems(office, form)
    return found


def doubts(application: Application) -> list[Problem]:
    """What a person has to judge."""
    form = application.form
    trade = TRADES.get(form.mcc)
    if trade is None or any(word in form.business.casefold() for word in trade.words):
        return []
    return [REVIEW_PROBLEMS["trade-does-not-fit"].at("business")]


def call_problems(application: Application) -> list[Problem]:
    """What the reviewer's call to the contact finds; it is made again when a rejection is disputed."""
    outcome = magic_outcome(Where.MOBILE, application.form.contact_mobile.reveal())
    unreached = outcome == "phone-unreachable" or (outcome == "phone-unreachable-once" and not application.reconsidered)
    return [REVIEW_PROBLEMS["phone-unreachable"].at("contact_mobile")] if unreached else []


def wants_survey(application: Application) -> bool:
    """True when a reviewer would want to see the place."""
    return magic_outcome(Where.MOBILE, application.form.contact_mobile.reveal()).startswith("survey-")


def survey_problems(form: ApplicationForm) -> list[Problem]:
    """What somebody finds who visits the place."""
    if magic_outcome(Where.MOBILE, form.contact_mobile.reveal()) != "survey-fails":
        return []
    return [REVIEW_PROBLEMS["scene-not-found"].at("address")]


def _magic(where: Where, text: str, path: str) -> list[Problem]:
    outcome = magic_outcome(where, text)
    return [REVIEW_PROBLEMS[outcome].at(path)] if outcome in REVIEW_PROBLEMS else []


def _merchants_of_identity(office: Office, application: Application) -> int:
    """How many other merchants the legal person has, or has asked for, that are not closed."""
    identity = identity_of(office, application.form)
    keys = holders(office, IDENTITY_MARK, application.form.legal_person.number.reveal())
    others = (office.cabinet.need(Merchant, key) for key in keys if key != application.merchant)
    return sum(other.identity == identity and other.state not in ("CREATED", "CLOSED") for other in others)


def _device_problems(office: Office, form: ApplicationForm) -> list[Problem]:
    """What is wrong with a device that the applicant says it has."""
    device = office.cabinet.get(Device, form.device_serial)
    if device is None:
        return [REVIEW_PROBLEMS["device-unknown"].at("device_serial")]
    found = {
        "device-bound": device.state != DEVICE.initial,
        "device-not-allowed": device.model != form.device_model,
    }
    return [REVIEW_PROBLEMS[code].at("device_serial") for code, holds in found.items() if holds]
