"""Where it starts: an enquiry that staff call back and answer, and the agents who may bring merchants.

Source: the publicly described ways to a terminal of a Chinese acquirer: a form on the web site, the official app, an
outlet, a bank, an authorised agent. Leaves out who of the staff calls.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from posterm.merchant.actor import Actor, Role
from posterm.merchant.applicant_problems import APPLICANT_PROBLEMS
from posterm.merchant.calendar import WAKES, working_days_on
from posterm.merchant.document import Document
from posterm.merchant.eligibility import ELIGIBLE, ApplicantType, ModelName
from posterm.merchant.errors import RefusedError
from posterm.merchant.identity import is_mobile
from posterm.merchant.machines import AGENT, ENQUIRY
from posterm.merchant.office import Office
from posterm.merchant.personal import Mobile, PersonName, PostalAddress
from posterm.merchant.problem import Problem

LONGEST_NAME, LONGEST_ADDRESS, LONGEST_REMARK = 64, 200, 500
_AGENT_CODE: Final = re.compile(r"[0-9A-Za-z]{1,32}")


class Source(StrEnum):
    """The way somebody came."""

    ENQUIRY = "enquiry"
    APP = "app"
    OUTLET = "outlet"
    BANK = "bank"
    AGENT = "agent"


class Agent(Document):
    """A company that may bring merchants; `key` is the code it signs with."""

    kind: ClassVar[str] = "agent"

    name: str


class Enquiry(Document):
    """Somebody wants to know. `tries` is how often the call-back reached nobody."""

    kind: ClassVar[str] = "enquiry"

    name: PersonName
    mobile: Mobile
    address: PostalAddress
    remark: str = ""
    at: str = ""
    tries: int = 0
    applicant_type: str = ""
    device: str = ""
    refused_for: str = ""


def authorize_agent(office: Office, actor: Actor, code: str, name: str, now: datetime) -> Agent:
    """Let an agent bring merchants; again, when that was revoked.

    Raises: RefusedError: a code that is not 1 to 32 letters and digits, or no name; NotNowError: it is authorized.
    """
    actor.must_be(Role.OPERATOR)
    problems = _text_problems("name", name, LONGEST_NAME)
    if _AGENT_CODE.fullmatch(code) is None:
        problems.append(APPLICANT_PROBLEMS["agent-code-malformed"].at("code"))
    if problems:
        raise RefusedError(problems)
    with office.all_or_nothing():
        known = office.cabinet.get(Agent, code)
        if known is not None:
            return office.move(AGENT, known, "authorize", now, name=name)
        agent = office.cabinet.put(Agent(key=code, state=AGENT.initial, name=name))
        office.tell(agent, "authorize", now, after=agent.state)
        return agent


def revoke_agent(office: Office, actor: Actor, code: str, now: datetime) -> Agent:
    """Let an agent bring no more merchants."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        return office.move(AGENT, office.cabinet.need(Agent, code), "revoke", now)


def agent_problems(office: Office, source: Source, agent: str) -> list[Problem]:
    """What is wrong with the way somebody came: nothing, or an agent who is not authorized."""
    if source is not Source.AGENT:
        return []
    known = office.cabinet.get(Agent, agent) if agent else None
    if known is not None and known.state == "AUTHORIZED":
        return []
    return [APPLICANT_PROBLEMS["agent-not-authorized"].at("agent")]


def enquire(
    office: Office, actor: Actor, *, name: str, mobile: str, address: str, remark: str = "", now: datetime
) -> Enquiry:
    """Leave an enquiry; staff call back within a working day. Raises: RefusedError: with everything that is wrong."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    problems = [
        *_text_problems("name", name, LONGEST_NAME),
        *_text_problems("address", address, LONGEST_ADDRESS),
        *(_text_problems("remark", remark, LONGEST_REMARK) if remark else ()),
    ]
    if not is_mobile(mobile):
        problems.append(APPLICANT_PROBLEMS["mobile-malformed"].at("mobile"))
    if problems:
        raise RefusedError(problems)
    with office.all_or_nothing():
        enquiry = Enquiry(
            key=f"E{office.cabinet.next_number('enquiry'):08d}",
            state=ENQUIRY.initial,
            due=working_days_on(office, now, office.terms.call_back_working_days).isoformat(),
            name=PersonName(name.strip()),
            mobile=Mobile(mobile),
            address=PostalAddress(address.strip()),
            remark=remark.strip(),
            at=now.isoformat(),
        )
        office.cabinet.put(enquiry)
        office.tell(enquiry, "open", now, after=enquiry.state)
        return enquiry


def call_back(office: Office, actor: Actor, key: str, now: datetime, *, reached: bool) -> Enquiry:
    """Say whether the call-back reached somebody who knows of the enquiry; after some misses it is given up."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        enquiry = office.cabinet.need(Enquiry, key)
        if reached:
            due = now + timedelta(days=office.terms.enquiry_days)
            return office.move(ENQUIRY, enquiry, "reach", now, due=due.isoformat())
        return _missed(office, enquiry, now)


def recommend(
    office: Office,
    actor: Actor,
    key: str,
    applicant_type: ApplicantType,
    now: datetime,
    *,
    device: ModelName | None = None,
) -> Enquiry:
    """Answer a verified enquiry with a device: the one that suits the sort of applicant, or another.

    Whoever may not have a terminal is refused, with the reason in `refused_for`.
    """
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        enquiry = office.cabinet.need(Enquiry, key)
        row = ELIGIBLE.get(applicant_type)
        changes = {"applicant_type": applicant_type.value}
        if row is None:
            return office.move(ENQUIRY, enquiry, "refuse", now, due="", refused_for="ordinary-person", **changes)
        due = (now + timedelta(days=office.terms.enquiry_days)).isoformat()
        return office.move(ENQUIRY, enquiry, "recommend", now, due=due, device=(device or row.device).value, **changes)


def answered_enquiry(office: Office, key: str, mobile: str) -> Enquiry | None:
    """The answered enquiry of this mobile number, for whoever registers with it."""
    found = office.cabinet.get(Enquiry, key)
    return found if found is not None and found.state == "ANSWERED" and found.mobile == Mobile(mobile) else None


def follow_up(office: Office, enquiry: Enquiry, now: datetime) -> Enquiry:
    """Note that the enquiry has led to an account."""
    return office.move(ENQUIRY, enquiry, "apply", now, due="")


def _text_problems(path: str, text: str, longest: int) -> list[Problem]:
    if not text.strip():
        return [APPLICANT_PROBLEMS["field-missing"].at(path)]
    return [APPLICANT_PROBLEMS["field-too-long"].at(path)] if len(text) > longest else []


def _missed(office: Office, enquiry: Enquiry, now: datetime) -> Enquiry:
    tries = enquiry.tries + 1
    if tries >= office.terms.call_back_tries:
        return office.move(ENQUIRY, enquiry, "give-up", now, due="", tries=tries)
    due = working_days_on(office, now, office.terms.call_back_working_days).isoformat()
    return office.move(ENQUIRY, enquiry, "miss", now, due=due, tries=tries)


def _wake(office: Office, enquiry: Enquiry, now: datetime) -> None:
    if enquiry.state == ENQUIRY.initial:
        _missed(office, enquiry, now)
    elif enquiry.state == "VERIFIED":
        office.cabinet.put(enquiry.model_copy(update={"due": ""}))
    else:
        office.move(ENQUIRY, enquiry, "lapse", now, due="")


WAKES[Enquiry] = _wake
