"""The review: a pre-check at once, automatic checks after some minutes, a reviewer's verdict after some working days.

A reviewer may decide earlier, order a survey of the place, or reject for any reason of the table. What nobody has
decided in time is decided by the findings when `terms.simulated_reviewer` is set, and goes on waiting when it is not.

Source: `contractStatus` of Lakala's open platform; two to three working days as acquirers in China advertise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.application import Application, owned_application
from posterm.merchant.calendar import WAKES, working_days_on
from posterm.merchant.contracting import offer_contract
from posterm.merchant.eligibility import ELIGIBLE
from posterm.merchant.errors import MerchantError, NotNowError, RefusedError
from posterm.merchant.form_checks import form_problems
from posterm.merchant.machines import APPLICATION, MERCHANT
from posterm.merchant.marks import add_mark, take_mark
from posterm.merchant.merchant import Merchant
from posterm.merchant.network_entry import enter_network
from posterm.merchant.office import Office
from posterm.merchant.problem import Problem
from posterm.merchant.review_checks import (
    BLACK_LIST_MARK,
    IDENTITY_MARK,
    automatic_problems,
    call_problems,
    doubts,
    identity_of,
    pre_check,
    wants_survey,
)
from posterm.merchant.review_problems import REVIEW_PROBLEMS
from posterm.merchant.sub_channel import apply_to_sub_channels
from posterm.merchant.survey import Survey, open_survey, order_survey

LONGEST_STATEMENT = 1000
MOST_REASONS, LONGEST_PATH = 50, 200


def submit_application(office: Office, actor: Actor, key: str, now: datetime) -> Application:
    """Hand in an application. The pre-check is made at once: it is under review then, or COMMIT_FAIL.

    Raises: RefusedError: with everything that is wrong with the form and its papers; NotNowError.
    """
    with office.all_or_nothing():
        application = owned_application(office, actor, key)
        APPLICATION.after(application.state, "submit")
        missing = form_problems(application.form, frozenset(application.papers), now.date(), office.terms)
        if missing:
            raise RefusedError(missing)
        application = office.move(
            APPLICATION, application, "submit", now,
            rounds=application.rounds + 1, submitted_at=now.isoformat(), problems=(), doubts=(),
            statement="", reconsidered=False, decided_at="", decided_by="",
        )  # fmt: skip
        found = pre_check(office, application)
        if found:
            return office.move(APPLICATION, application, "pre-check-fails", now, problems=tuple(found))
        _merchant_under_review(office, application, now)
        due = now + timedelta(minutes=office.terms.automatic_review_minutes)
        return office.move(APPLICATION, application, "pre-check-passes", now, due=due.isoformat())


def approve_application(office: Office, actor: Actor, key: str, now: datetime) -> Application:
    """Approve: numbers are issued, the contract is offered, the sub-channels are asked.

    Raises: NotNowError: the automatic checks or a site survey are not done, or it is decided.
    """
    actor.must_be(Role.REVIEWER)
    with office.all_or_nothing():
        return _approve(office, _decidable(office, key), actor, now)


def reject_application(
    office: Office, actor: Actor, key: str, reasons: Sequence[tuple[str, str]], now: datetime
) -> Application:
    """Reject for reasons of the table.

    Args:
        reasons: code and place of each, at most 50; a place is at most 200 characters.
    Raises: MerchantError: none or too many, or one that the table does not have; NotNowError.
    """
    actor.must_be(Role.REVIEWER)
    if not 1 <= len(reasons) <= MOST_REASONS or any(len(path) > LONGEST_PATH for _, path in reasons):
        raise MerchantError(
            f"a rejection has 1 to {MOST_REASONS} reasons, each at a place of {LONGEST_PATH} characters"
        )
    unknown = [code for code, _ in reasons if code not in REVIEW_PROBLEMS]
    if unknown:
        raise MerchantError(f"no such reason: {', '.join(unknown)}", hint=f"there are {', '.join(REVIEW_PROBLEMS)}")
    with office.all_or_nothing():
        application = _decidable(office, key)
        return _reject(office, application, [REVIEW_PROBLEMS[code].at(path) for code, path in reasons], actor, now)


def reconsider_application(office: Office, actor: Actor, key: str, statement: str, now: datetime) -> Application:
    """Dispute a rejection, once for each time it was submitted: a person looks at it again.

    Raises: RefusedError: no statement; NotNowError: it was disputed before, or is not rejected.
    """
    with office.all_or_nothing():
        application = owned_application(office, actor, key)
        if application.reconsidered:
            raise NotNowError(f"application: {key} was reconsidered already; correct it and submit it again")
        if not statement.strip() or len(statement) > LONGEST_STATEMENT:
            code = "field-length" if statement.strip() else "field-missing"
            raise RefusedError([REVIEW_PROBLEMS[code].at("statement")])
        application = office.move(
            APPLICATION, application, "reconsider", now,
            statement=statement.strip(), reconsidered=True, due=_verdict_due(office, now),
        )  # fmt: skip
        _merchant_under_review(office, application, now)
        return application


def put_on_black_list(office: Office, actor: Actor, number: str) -> None:
    """Let no application pass with this identity or licence number."""
    actor.must_be(Role.REVIEWER)
    add_mark(office, BLACK_LIST_MARK, number, BLACK_LIST_MARK)


def take_off_black_list(office: Office, actor: Actor, number: str) -> None:
    """Let applications with this identity or licence number pass again."""
    actor.must_be(Role.REVIEWER)
    take_mark(office, BLACK_LIST_MARK, number, BLACK_LIST_MARK)


def waiting_applications(office: Office, actor: Actor) -> list[Application]:
    """What waits for a reviewer's verdict, by order number."""
    actor.must_be(Role.REVIEWER)
    return office.cabinet.find(Application, state="MANUAL_AUDIT")


def _decidable(office: Office, key: str) -> Application:
    application = office.cabinet.need(Application, key)
    if application.state != "MANUAL_AUDIT":
        raise NotNowError(f"application: {key} is {application.state}; a reviewer decides in MANUAL_AUDIT")
    survey = open_survey(office, application)
    if survey is not None:
        raise NotNowError(f"application: {key} waits for site survey {survey.key}")
    return application


def _decision(actor: Actor, now: datetime) -> dict[str, object]:
    return {"decided_at": now.isoformat(), "decided_by": actor.role.value}


def _verdict_due(office: Office, now: datetime) -> str:
    return working_days_on(office, now, office.terms.manual_review_working_days).isoformat()


def _merchant_under_review(office: Office, application: Application, now: datetime) -> Merchant:
    form = application.form
    merchant = office.cabinet.need(Merchant, application.merchant)
    identity = identity_of(office, form)
    add_mark(office, IDENTITY_MARK, form.legal_person.number.reveal(), merchant.key)
    return office.move(
        MERCHANT, merchant, "submit", now,
        applicant_type=form.applicant_type, name=form.registered_name, trading_name=form.trading_name, mcc=form.mcc,
        district=form.district, address=form.address, location=form.location, device_model=form.device_model,
        identity=identity, bank_account=form.bank_account,
    )  # fmt: skip


def _approve(office: Office, application: Application, actor: Actor, now: datetime) -> Application:
    approved = office.move(
        APPLICATION, application, "approve", now, **_decision(actor, now), due="", problems=(), doubts=()
    )
    merchant = office.cabinet.need(Merchant, approved.merchant)
    numbers = enter_network(office, merchant, approved.form)
    merchant = office.move(MERCHANT, merchant, "approve", now, approved_at=now.isoformat(), **numbers)
    offer_contract(office, merchant, now)
    apply_to_sub_channels(office, merchant, approved.form.contact_mobile, now)
    return approved


def _reject(
    office: Office, application: Application, problems: Sequence[Problem], actor: Actor, now: datetime
) -> Application:
    rejected = office.move(
        APPLICATION, application, "reject", now, **_decision(actor, now), due="", problems=tuple(problems), doubts=()
    )
    office.move(MERCHANT, office.cabinet.need(Merchant, rejected.merchant), "reject", now)
    return rejected


def _wake(office: Office, application: Application, now: datetime) -> None:
    if application.state == "REVIEW_ING":
        _review_automatically(office, application, now)
    elif open_survey(office, application) is not None or not office.terms.simulated_reviewer:
        waiting = application.model_copy(update={"due": working_days_on(office, now, 1).isoformat()})
        office.tell(office.cabinet.put(waiting), "wait", now)
    else:
        _judge(office, application, now)


def _review_automatically(office: Office, application: Application, now: datetime) -> None:
    found = automatic_problems(office, application, now)
    if found:
        _reject(office, application, found, SYSTEM, now)
        return
    judged = tuple(doubts(application))
    licensed = ELIGIBLE[application.form.applicant_type].has_licence
    if office.terms.automatic_approval and licensed and not judged:
        _approve(office, application, SYSTEM, now)
        return
    due = _verdict_due(office, now)
    referred = office.move(APPLICATION, application, "refer", now, doubts=judged, due=due)
    if office.terms.simulated_reviewer and wants_survey(referred):
        order_survey(office, SYSTEM, referred.key, working_days_on(office, now, 1), now)


def _judge(office: Office, application: Application, now: datetime) -> None:
    """The verdict of a reviewer who goes by the findings alone."""
    found = [*doubts(application), *call_problems(application), *automatic_problems(office, application, now)]
    for survey in office.cabinet.find(Survey, subject=application.subject):
        if survey.application == application.key and survey.round == application.rounds:
            found += survey.problems
    if found:
        _reject(office, application, found, SYSTEM, now)
    else:
        _approve(office, application, SYSTEM, now)


WAKES[Application] = _wake
