"""Site surveys: a reviewer asks somebody to visit the place, within its opening hours, before there is a verdict."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from posterm.merchant.actor import Actor, Role
from posterm.merchant.application import Application
from posterm.merchant.calendar import WAKES, working_days_on
from posterm.merchant.document import Document
from posterm.merchant.errors import NotNowError, RefusedError
from posterm.merchant.machines import APPLICATION, SURVEY
from posterm.merchant.office import Office
from posterm.merchant.problem import Problem
from posterm.merchant.review_checks import survey_problems
from posterm.merchant.review_problems import REVIEW_PROBLEMS, SURVEY_PROBLEMS

LATEST: Final = timedelta(days=60)
"""How far ahead a survey is ordered at most."""


class Survey(Document):
    """A visit to the place of an application's `round`. `problems` is what was found there."""

    kind: ClassVar[str] = "survey"

    application: str
    round: int
    address: str
    opening_hours: str
    at: str
    misses: int = 0
    remark: str = ""
    problems: tuple[Problem, ...] = ()


def order_survey(office: Office, actor: Actor, application_key: str, at: datetime, now: datetime) -> Survey:
    """Have the place visited at a time; the verdict waits for it.

    Raises: RefusedError: not a time to come within 60 days; NotNowError: no verdict is awaited.
    """
    actor.must_be(Role.REVIEWER)
    _must_be_soon(at, now)
    with office.all_or_nothing():
        application = office.cabinet.need(Application, application_key)
        if open_survey(office, application) is not None:
            raise NotNowError(f"application: {application_key} waits for a site survey already")
        application = office.move(APPLICATION, application, "survey", now)
        survey = Survey(
            key=f"S{office.cabinet.next_number('survey'):08d}",
            subject=application.subject,
            state=SURVEY.initial,
            due=at.isoformat(),
            application=application.key,
            round=application.rounds,
            address=application.form.address,
            opening_hours=application.form.opening_hours,
            at=at.isoformat(),
        )
        office.cabinet.put(survey)
        office.tell(survey, "order", now, after=survey.state)
        return survey


def report_survey(
    office: Office, actor: Actor, key: str, now: datetime, *, is_genuine: bool, remark: str = ""
) -> Survey:
    """Say what the visit found."""
    actor.must_be(Role.REVIEWER, Role.OPERATOR)
    with office.all_or_nothing():
        survey = office.cabinet.need(Survey, key)
        found = () if is_genuine else (REVIEW_PROBLEMS["scene-not-found"].at("address"),)
        return office.move(SURVEY, survey, "visit", now, due="", problems=found, remark=remark)


def miss_survey(office: Office, actor: Actor, key: str, at: datetime, now: datetime) -> Survey:
    """Say that nobody was there to be visited; it is tried again at a time. Raises: RefusedError, NotNowError."""
    actor.must_be(Role.REVIEWER, Role.OPERATOR)
    _must_be_soon(at, now)
    with office.all_or_nothing():
        survey = office.cabinet.need(Survey, key)
        return office.move(SURVEY, survey, "miss", now, at=at.isoformat(), due=at.isoformat(), misses=survey.misses + 1)


def cancel_survey(office: Office, actor: Actor, key: str, now: datetime) -> Survey:
    """Go on without a visit."""
    actor.must_be(Role.REVIEWER)
    with office.all_or_nothing():
        return office.move(SURVEY, office.cabinet.need(Survey, key), "cancel", now, due="")


def open_survey(office: Office, application: Application) -> Survey | None:
    """The survey that this application's verdict waits for."""
    ordered = office.cabinet.find(Survey, subject=application.subject, state=SURVEY.initial)
    return next((survey for survey in ordered if survey.application == application.key), None)


def _must_be_soon(at: datetime, now: datetime) -> None:
    if not now < at <= now + LATEST:
        raise RefusedError([SURVEY_PROBLEMS["survey-time"].at("at")])


def _wake(office: Office, survey: Survey, now: datetime) -> None:
    """The visit is made by a simulated visitor, or goes on waiting for a real one."""
    if not office.terms.simulated_reviewer:
        waiting = survey.model_copy(update={"due": working_days_on(office, now, 1).isoformat()})
        office.tell(office.cabinet.put(waiting), "wait", now)
        return
    form = office.cabinet.need(Application, survey.application).form
    office.move(SURVEY, survey, "visit", now, due="", problems=tuple(survey_problems(form)))


WAKES[Survey] = _wake
