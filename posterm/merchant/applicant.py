"""The account of somebody who wants to take cards: registered by mobile number, verified by a code, with a password.

The code is in the news of the account, from which the message to the mobile is made. An account locks itself after
some wrong passwords, and is open again after a while or with a new password.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import ClassVar

from posterm.merchant.actor import Actor, Role
from posterm.merchant.applicant_problems import APPLICANT_PROBLEMS
from posterm.merchant.calendar import WAKES
from posterm.merchant.document import Document
from posterm.merchant.eligibility import ModelName
from posterm.merchant.enquiry import Source, agent_problems, answered_enquiry, follow_up
from posterm.merchant.errors import RefusedError
from posterm.merchant.identity import is_mobile
from posterm.merchant.machines import APPLICANT
from posterm.merchant.marks import add_mark, holders, take_mark
from posterm.merchant.office import Office
from posterm.merchant.password import SALT_BYTES, hash_password, is_password, password_problems
from posterm.merchant.personal import Mobile, Secret
from posterm.merchant.problem import Language

CODE_DIGITS = 6
_MOBILE_MARK = "mobile"


class Applicant(Document):
    """An account. `key` is the subject of everything that belongs to it.

    `password` is a hash; `code` the code that was sent last, empty when none is awaited.
    """

    kind: ClassVar[str] = "applicant"

    mobile: Mobile
    source: Source
    agent: str = ""
    enquiry: str = ""
    language: Language = Language.CHINESE
    device_model: ModelName | None = None
    registered_at: str = ""
    password: Secret = Secret("")
    code: Secret = Secret("")
    code_until: str = ""
    code_tries: int = 0
    wrong_passwords: int = 0


def register(
    office: Office,
    actor: Actor,
    mobile: str,
    now: datetime,
    *,
    source: Source = Source.APP,
    agent: str = "",
    enquiry: str = "",
    language: Language = Language.CHINESE,
) -> Applicant:
    """Open an account that has to be verified with the code now sent to the mobile.

    Raises: RefusedError: the mobile is malformed or has an account, the agent is not authorized.
    """
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    problems = agent_problems(office, source, agent)
    if not is_mobile(mobile):
        problems.append(APPLICANT_PROBLEMS["mobile-malformed"].at("mobile"))
    elif holders(office, _MOBILE_MARK, mobile):
        problems.append(APPLICANT_PROBLEMS["mobile-registered"].at("mobile"))
    if problems:
        raise RefusedError(problems)
    with office.all_or_nothing():
        key = f"A{office.cabinet.next_number('applicant'):08d}"
        asked = answered_enquiry(office, enquiry, mobile) if enquiry else None
        if asked is not None:
            follow_up(office, asked, now)
        applicant = Applicant(
            key=key,
            subject=key,
            state=APPLICANT.initial,
            due=(now + timedelta(days=office.terms.registration_days)).isoformat(),
            mobile=Mobile(mobile),
            source=source,
            agent=agent if source is Source.AGENT else "",
            enquiry=asked.key if asked is not None else "",
            device_model=ModelName(asked.device) if asked is not None else None,
            language=language,
            registered_at=now.isoformat(),
        )
        add_mark(office, _MOBILE_MARK, mobile, key)
        office.tell(applicant, "register", now, after=applicant.state)
        return _send_code(office, applicant, now)


def send_code(office: Office, actor: Actor, mobile: str, now: datetime) -> None:
    """Send a new code to a mobile that has an account; whether it has one is not told."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    with office.all_or_nothing():
        applicant = _by_mobile(office, mobile)
        if applicant is not None:
            _send_code(office, applicant, now)


def verify(office: Office, actor: Actor, mobile: str, code: str, password: str, now: datetime) -> Applicant:
    """Take the account into use with the code and a password. Raises: RefusedError, NotNowError."""
    applicant = _with_code(office, actor, mobile, code, password, now)
    with office.all_or_nothing():
        return office.move(APPLICANT, applicant, "verify", now, due="", **_new_password(office, password))


def reset_password(office: Office, actor: Actor, mobile: str, code: str, password: str, now: datetime) -> Applicant:
    """Set another password with a code; a locked account is open again. Raises: RefusedError, NotNowError."""
    applicant = _with_code(office, actor, mobile, code, password, now)
    with office.all_or_nothing():
        changes = {**_new_password(office, password), "due": ""}
        if applicant.state == "LOCKED":
            return office.move(APPLICANT, applicant, "unlock", now, **changes)
        return office.move(APPLICANT, applicant, "reset-password", now, **changes)


def log_in(office: Office, actor: Actor, mobile: str, password: str, now: datetime) -> Applicant:
    """The account of a mobile number and its password.

    Raises: RefusedError: one of them is wrong, or the account is locked after too many wrong ones.
    """
    actor.must_be(Role.MERCHANT)
    applicant = _by_mobile(office, mobile)
    if applicant is None or applicant.state not in ("ACTIVE", "LOCKED"):
        raise _refused("login-failed")
    if applicant.state == "LOCKED":
        raise _refused("account-locked")
    if is_password(password, applicant.password.reveal()):
        if applicant.wrong_passwords:
            applicant = office.cabinet.put(applicant.model_copy(update={"wrong_passwords": 0}))
        return applicant
    with office.all_or_nothing():
        wrong = applicant.wrong_passwords + 1
        if wrong < office.terms.login_tries:
            office.cabinet.put(applicant.model_copy(update={"wrong_passwords": wrong}))
        else:
            due = (now + timedelta(minutes=office.terms.lock_minutes)).isoformat()
            office.move(APPLICANT, applicant, "lock", now, wrong_passwords=0, due=due)
    raise _refused("login-failed")


def choose_device(office: Office, actor: Actor, subject: str, model: ModelName, now: datetime) -> Applicant:
    """Choose the model of the devices that the account's next applications are for."""
    actor.must_own(subject, Applicant.kind)
    with office.all_or_nothing():
        applicant = office.cabinet.need(Applicant, subject)
        return office.move(APPLICANT, applicant, "choose-device", now, device_model=model)


def choose_language(office: Office, actor: Actor, subject: str, language: Language, now: datetime) -> Applicant:
    """Choose the language of messages."""
    actor.must_own(subject, Applicant.kind)
    with office.all_or_nothing():
        applicant = office.cabinet.need(Applicant, subject)
        return office.move(APPLICANT, applicant, "choose-language", now, language=language)


def close_account(office: Office, actor: Actor, subject: str, now: datetime) -> Applicant:
    """Close an account that has no merchant any more; its mobile may be registered again.

    Raises: RefusedError: a merchant of it is not closed; NotNowError.
    """
    actor.must_own(subject, Applicant.kind)
    with office.all_or_nothing():
        applicant = office.cabinet.need(Applicant, subject)
        if any(record.state != "CLOSED" for record in office.store.documents("merchant", subject=subject)):
            raise _refused("merchant-open")
        take_mark(office, _MOBILE_MARK, applicant.mobile.reveal(), subject)
        return office.move(APPLICANT, applicant, "close", now, due="", password=Secret(""), code=Secret(""))


def need_active(office: Office, actor: Actor, subject: str) -> Applicant:
    """The account, verified and open. Raises: NotFoundError: another's; RefusedError: it is locked or not verified."""
    actor.must_own(subject, Applicant.kind)
    applicant = office.cabinet.need(Applicant, subject)
    if applicant.state != "ACTIVE":
        raise _refused("account-locked" if applicant.state == "LOCKED" else "account-not-active")
    return applicant


def _send_code(office: Office, applicant: Applicant, now: datetime) -> Applicant:
    code = office.digits(CODE_DIGITS)
    until = now + timedelta(minutes=office.terms.verification_code_minutes)
    sent = office.cabinet.put(
        applicant.model_copy(update={"code": Secret(code), "code_until": until.isoformat(), "code_tries": 0})
    )
    office.tell(sent, "send-code", now, code=code)
    return sent


def _with_code(office: Office, actor: Actor, mobile: str, code: str, password: str, now: datetime) -> Applicant:
    """The account, when code and new password are right; a wrong code counts as a try."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    applicant = _by_mobile(office, mobile)
    problems = password_problems(password)
    if applicant is None or not applicant.code:
        problems.append(APPLICANT_PROBLEMS["code-wrong"].at("code"))
    elif now.isoformat() > applicant.code_until or applicant.code_tries >= office.terms.verification_tries:
        problems.append(APPLICANT_PROBLEMS["code-expired"].at("code"))
    elif not hmac.compare_digest(applicant.code.reveal().encode(), code.encode()):
        problems.append(APPLICANT_PROBLEMS["code-wrong"].at("code"))
        office.cabinet.put(applicant.model_copy(update={"code_tries": applicant.code_tries + 1}))
    if problems or applicant is None:
        raise RefusedError(problems)
    return applicant


def _new_password(office: Office, password: str) -> dict[str, object]:
    kept = hash_password(password, office.entropy(SALT_BYTES), office.terms.password_cost)
    return {"password": Secret(kept), "code": Secret(""), "code_until": "", "code_tries": 0, "wrong_passwords": 0}


def _by_mobile(office: Office, mobile: str) -> Applicant | None:
    known = holders(office, _MOBILE_MARK, mobile) if is_mobile(mobile) else ()
    return office.cabinet.get(Applicant, known[0]) if known else None


def _refused(code: str, path: str = "") -> RefusedError:
    return RefusedError([APPLICANT_PROBLEMS[code].at(path)])


def _wake(office: Office, applicant: Applicant, now: datetime) -> None:
    if applicant.state == "LOCKED":
        office.move(APPLICANT, applicant, "unlock", now, due="")
        return
    take_mark(office, _MOBILE_MARK, applicant.mobile.reveal(), applicant.key)
    office.move(APPLICANT, applicant, "lapse", now, due="", code=Secret(""))


WAKES[Applicant] = _wake
