"""An application: a draft, its papers, and the way to a decision.

Source: `contractStatus` and the calls `addMer`, `queryContract` and `reconsiderSubmit` of Lakala's open platform. What
a review finds is in `review`; this is what the applicant does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field, ValidationError

from posterm.merchant.actor import Actor
from posterm.merchant.applicant import need_active
from posterm.merchant.document import Document
from posterm.merchant.eligibility import ELIGIBLE, ApplicantType, PaperKind
from posterm.merchant.errors import RefusedError
from posterm.merchant.form import ApplicationForm
from posterm.merchant.form_checks import form_problems
from posterm.merchant.form_problems import FORM_PROBLEMS
from posterm.merchant.machines import APPLICATION, MERCHANT
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office
from posterm.merchant.personal import SEAL
from posterm.merchant.problem import Problem


class Application(Document):
    """One application. `key` is its order number: 14 digits of time and 8 random ones.

    `papers` are keys of papers by what they show; `problems` what stands against it, and `doubts` what a person has to
    judge. `rounds` counts how often it was submitted; `statement` is what is said for it when a rejection is disputed.
    """

    kind: ClassVar[str] = "application"

    merchant: str
    form: ApplicationForm
    papers: dict[PaperKind, str] = Field(default_factory=dict)
    started_at: str = ""
    submitted_at: str = ""
    decided_at: str = ""
    decided_by: str = ""
    rounds: int = 0
    problems: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()
    statement: str = ""
    reconsidered: bool = False


def start_application(
    office: Office, actor: Actor, subject: str, applicant_type: ApplicantType, now: datetime
) -> Application:
    """Begin an application for somebody of this sort, with an empty form and a merchant still to be.

    Raises: RefusedError: an ordinary person, or an account that is not active.
    """
    applicant = need_active(office, actor, subject)
    row = ELIGIBLE.get(applicant_type)
    if row is None:
        raise RefusedError([FORM_PROBLEMS["ordinary-person"].at("applicant_type")])
    form = ApplicationForm(
        applicant_type=applicant_type,
        nature=row.natures[0],
        device_model=applicant.device_model or row.device,
        contact_mobile=applicant.mobile,
    )
    open_ones = sum(each.state != "CLOSED" for each in office.cabinet.find(Merchant, subject=subject))
    if open_ones >= office.terms.merchants_per_identity:
        raise RefusedError([FORM_PROBLEMS["too-many-applications"].at("")])
    with office.all_or_nothing():
        key = f"{now:%Y%m%d%H%M%S}{office.digits(8)}"
        merchant = Merchant(
            key=f"M{office.cabinet.next_number('merchant'):08d}",
            subject=subject,
            state=MERCHANT.initial,
            application=key,
            applicant_type=applicant_type,
        )
        application = Application(
            key=key,
            subject=subject,
            state=APPLICATION.initial,
            merchant=merchant.key,
            form=form,
            started_at=now.isoformat(),
        )
        office.cabinet.put(merchant)
        office.cabinet.put(application)
        office.tell(application, "start", now, after=application.state)
        return application


def edit_application(office: Office, actor: Actor, key: str, changes: Mapping[str, Any], now: datetime) -> Application:
    """Change fields of the form; what is not named stays as it is. A rejected application is a draft again by this.

    Args:
        changes: values by name, parts of the form as mappings of their own.
    Raises: RefusedError: a field that there is not or a value of another sort; NotNowError: it is being reviewed.
    """
    with office.all_or_nothing():
        application = editable_application(office, actor, key, now)
        form = _merged(application.form, changes)
        if form.applicant_type is ApplicantType.ORDINARY_PERSON:
            raise RefusedError([FORM_PROBLEMS["ordinary-person"].at("applicant_type")])
        return office.cabinet.put(application.model_copy(update={"form": form}))


def editable_application(office: Office, actor: Actor, key: str, now: datetime) -> Application:
    """The application as a draft: one that was refused is made one again. Raises: NotFoundError, NotNowError."""
    application = owned_application(office, actor, key)
    if application.state == APPLICATION.initial:
        return application
    return office.move(APPLICATION, application, "edit", now, due="", problems=(), doubts=())


def drop_application(office: Office, actor: Actor, key: str, now: datetime) -> Application:
    """Give up an application that nobody is reviewing, and its merchant. Raises: NotFoundError, NotNowError."""
    with office.all_or_nothing():
        application = owned_application(office, actor, key)
        dropped = office.move(APPLICATION, application, "drop", now, due="")
        office.move(MERCHANT, office.cabinet.need(Merchant, dropped.merchant), "close", now)
        return dropped


def owned_application(office: Office, actor: Actor, key: str) -> Application:
    """The application, when the actor may see it. Raises: NotFoundError."""
    application = office.cabinet.need(Application, key)
    actor.must_own(application.subject, Application.kind)
    return application


def what_is_missing(office: Office, actor: Actor, key: str, now: datetime) -> list[Problem]:
    """Everything that has to be put right before the application may be submitted, in one list."""
    application = owned_application(office, actor, key)
    return form_problems(application.form, frozenset(application.papers), now.date(), office.terms)


def with_clear_values(form: ApplicationForm) -> dict[str, Any]:
    """The form with what it holds of personal data in the clear; for whoever merges or checks it."""
    return form.model_dump(context={SEAL: lambda text: text})


def _merged(form: ApplicationForm, changes: Mapping[str, Any]) -> ApplicationForm:
    whole = with_clear_values(form)
    for name, value in changes.items():
        if isinstance(whole.get(name), dict) and isinstance(value, Mapping):
            whole[name] = {**whole[name], **value}
        else:
            whole[name] = value
    try:
        return ApplicationForm.model_validate(whole)
    except ValidationError as error:
        wrong = {".".join(map(str, each["loc"])): each["type"] for each in error.errors()}
        code = {
            path: "field-unknown" if kind == "extra_forbidden" else "field-malformed" for path, kind in wrong.items()
        }
        raise RefusedError(FORM_PROBLEMS[code[path]].at(path) for path in wrong) from None
