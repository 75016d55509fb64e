"""Cases: what a merchant asks, complains of or is asked about, with messages and deadlines.

Whoever has to answer has a deadline. One that staff miss escalates the case; one that the merchant misses solves it.
What is solved is closed after a while, and until then the merchant may reopen it.

Source: customer service of Chinese acquirers as publicly described; the states are posterm's own (`machines.CASE`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.document import Document
from posterm.merchant.errors import RefusedError
from posterm.merchant.free_text import free_text
from posterm.merchant.machines import CASE
from posterm.merchant.office import Office
from posterm.merchant.service_problems import SERVICE_PROBLEMS

MOST_MESSAGES: Final = 200
_ENDED: Final = frozenset({"SOLVED", "CLOSED"})


class CaseTopic(StrEnum):
    """What a case is about."""

    FEE = "fee"
    PAYOUT = "payout"
    DEVICE = "device"
    LIMIT = "limit"
    ACCOUNT = "account"
    DISPUTE = "dispute"
    MARKETING = "marketing"
    OTHER = "other"


class CaseMessage(BaseModel):
    """What somebody wrote. `by` is a role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: str
    by: Role
    text: str


class Case(Document):
    """One case. `about` is the key of what it is about, such as a transaction's reference or a payout."""

    kind: ClassVar[str] = "case"

    topic: CaseTopic
    about: str = ""
    opened_at: str
    messages: tuple[CaseMessage, ...] = ()
    escalated: bool = False


def open_case(
    office: Office, actor: Actor, subject: str, topic: CaseTopic, text: str, now: datetime, *, about: str = ""
) -> Case:
    """Open a case. One that is not solved yet on the same topic and thing is gone on with instead.

    Args:
        subject: the merchant's account.
    Raises: NotFoundError: another merchant's account. RefusedError: an empty text.
    """
    actor.must_own(subject, "account")
    message = _message(actor, text, now)
    with office.all_or_nothing():
        for known in office.cabinet.find(Case, subject=subject):
            if about and (known.topic, known.about) == (topic, about) and known.state not in _ENDED:
                return office.cabinet.put(_with(known, message))
        opened = Case(
            key=f"C{office.cabinet.next_number('case'):08d}",
            subject=subject,
            state=CASE.initial,
            due=_in_days(now, office.terms.case_answer_days),
            topic=topic,
            about=about,
            opened_at=now.isoformat(),
            messages=(message,),
        )
        office.cabinet.put(opened)
        office.tell(opened, "open", now, after=opened.state, topic=str(topic))
        return opened


def cases_of(office: Office, actor: Actor, *, subject: str | None = None, state: str | None = None) -> list[Case]:
    """Cases, a merchant's own only, by key."""
    if actor.role is Role.MERCHANT:
        subject = actor.subject
    return office.cabinet.find(Case, subject=subject, state=state)


def need_case(office: Office, actor: Actor, key: str) -> Case:
    """A case. Raises: NotFoundError: there is none, or it is another's."""
    found = office.cabinet.need(Case, key)
    actor.must_own(found.subject, "case")
    return found


def take_case(office: Office, actor: Actor, key: str, now: datetime) -> Case:
    """Begin to work on a case."""
    actor.must_be(Role.OPERATOR, Role.REVIEWER)
    return _moved(office, need_case(office, actor, key), "take", now, office.terms.case_answer_days)


def ask_merchant(office: Office, actor: Actor, key: str, text: str, now: datetime) -> Case:
    """Ask the merchant something; it has to answer within the office's terms."""
    actor.must_be(Role.OPERATOR, Role.REVIEWER)
    case = _with(need_case(office, actor, key), _message(actor, text, now))
    return _moved(office, case, "ask", now, office.terms.case_merchant_days)


def answer_case(office: Office, actor: Actor, key: str, text: str, now: datetime) -> Case:
    """What the merchant says: the answer it was asked for, or a further message."""
    case = _with(need_case(office, actor, key), _message(actor, text, now))
    if CASE.takes(case.state, "answer"):
        return _moved(office, case, "answer", now, office.terms.case_answer_days)
    if case.state in _ENDED:
        CASE.after(case.state, "answer")
    with office.all_or_nothing():
        office.tell(case, "message", now)
        return office.cabinet.put(case)


def solve_case(office: Office, actor: Actor, key: str, text: str, now: datetime) -> Case:
    """Say how the case was solved."""
    actor.must_be(Role.OPERATOR, Role.REVIEWER)
    case = _with(need_case(office, actor, key), _message(actor, text, now))
    return _moved(office, case, "solve", now, office.terms.case_close_days)


def reopen_case(office: Office, actor: Actor, key: str, text: str, now: datetime) -> Case:
    """The merchant is not content."""
    case = _with(need_case(office, actor, key), _message(actor, text, now))
    return _moved(office, case, "reopen", now, office.terms.case_answer_days)


def close_case(office: Office, actor: Actor, key: str, now: datetime) -> Case:
    """End a solved case for good."""
    return _moved(office, need_case(office, actor, key), "close", now, None)


def _message(actor: Actor, text: str, now: datetime) -> CaseMessage:
    written = free_text(text)
    if not written:
        raise RefusedError([SERVICE_PROBLEMS["text-missing"].at("text")])
    return CaseMessage(at=now.isoformat(), by=actor.role, text=written)


def _with(case: Case, message: CaseMessage) -> Case:
    if len(case.messages) >= MOST_MESSAGES:
        raise RefusedError([SERVICE_PROBLEMS["too-many-messages"].at("messages")])
    return case.model_copy(update={"messages": (*case.messages, message)})


def _moved(office: Office, case: Case, event: str, now: datetime, days: int | None) -> Case:
    with office.all_or_nothing():
        due = "" if days is None else _in_days(now, days)
        return office.move(CASE, case, event, now, due=due, escalated=case.escalated or event == "escalate")


def _in_days(now: datetime, days: int) -> str:
    return (now + timedelta(days=days)).isoformat()


_WHEN_DUE: Final = {"OPEN": "escalate", "IN_WORK": "escalate", "WAITING_FOR_MERCHANT": "lapse", "SOLVED": "close"}


def _wake(office: Office, case: Case, now: datetime) -> None:
    event = _WHEN_DUE[case.state]
    if event == "lapse":
        case = _with(case, _message(SYSTEM, "没有回复 / no answer", now))
    _moved(office, case, event, now, office.terms.case_close_days if event == "lapse" else None)


WAKES[Case] = _wake
