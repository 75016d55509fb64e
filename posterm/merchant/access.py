"""Bearer tokens: who holds one acts in a role, and a merchant for its own account only.

A token is 32 random bytes. What is kept is its keyed fingerprint, by which it is found; whoever reads the store cannot
act with it. A token ends by the true time of day, however far the office's clock is moved. Leaves out scopes finer than
a role.

Source for the form on the wire: RFC 6750.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from posterm.merchant.actor import Actor, Role
from posterm.merchant.document import Document
from posterm.merchant.errors import MerchantError, UnknownTokenError
from posterm.merchant.machines import TOKEN
from posterm.merchant.office import Office

PREFIX: Final = "posterm_"
"""So that a token that was published by mistake can be found by its form."""

TOKEN_BYTES: Final = 32
HOURS_MAX: Final = 8760
ISSUED_ROLES: Final = (Role.MERCHANT, Role.REVIEWER, Role.OPERATOR)


class AccessToken(Document):
    """A token that was given out, by its fingerprint; both times are true ones."""

    kind: ClassVar[str] = "access-token"

    role: Role
    issued_at: str
    expires_at: str


class IssuedToken(BaseModel):
    """A token as its holder gets it, once. `name` is what it is revoked by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str
    name: str
    role: Role
    subject: str
    expires_at: str


def issue_token(
    office: Office, actor: Actor, role: Role, time_of_day: datetime, *, subject: str = "", hours: int | None = None
) -> IssuedToken:
    """Give out a token.

    Args:
        subject: the merchant's account, for that role only.
        hours: how long it is good for, at most a year; the office's terms say when left out.
    Raises: NotAllowedError; MerchantError: a role that nobody can have, an account where none or one is needed, or too
        many hours.
    """
    actor.must_be(Role.OPERATOR)
    if role not in ISSUED_ROLES:
        raise MerchantError(f"nobody acts as {role} with a token")
    if (role is Role.MERCHANT) != bool(subject):
        raise MerchantError("token: need an account for a merchant, and none for others")
    if hours is not None and not 1 <= hours <= HOURS_MAX:
        raise MerchantError(f"token: need 1 to {HOURS_MAX} hours")
    return new_token(office, role, subject, time_of_day, hours=hours)


def new_token(
    office: Office, role: Role, subject: str, time_of_day: datetime, *, hours: int | None = None
) -> IssuedToken:
    """A token for somebody who has proved who they are."""
    text = PREFIX + office.entropy(TOKEN_BYTES).hex()
    ends = (time_of_day + timedelta(hours=hours or office.terms.token_hours)).isoformat()
    with office.all_or_nothing():
        name = _name(office, text)
        office.cabinet.put(
            AccessToken(
                key=name,
                subject=subject,
                state=TOKEN.initial,
                role=role,
                issued_at=time_of_day.isoformat(),
                expires_at=ends,
            )
        )
    return IssuedToken(token=text, name=name, role=role, subject=subject, expires_at=ends)


def actor_with(office: Office, token: str, time_of_day: datetime) -> tuple[Actor, str]:
    """Who holds a token, and the token's name. Raises: UnknownTokenError: or revoked, or expired."""
    known = office.cabinet.get(AccessToken, _name(office, token))
    if known is None or known.state != TOKEN.initial or known.expires_at <= time_of_day.isoformat():
        raise UnknownTokenError("no such token, or one that has ended")
    return Actor(known.role, known.subject), known.key


def revoke_token(office: Office, actor: Actor, name: str, now: datetime) -> AccessToken:
    """End a token: one's own merchant's, or any. Raises: NotFoundError, NotNowError, NotAllowedError."""
    actor.must_be(Role.OPERATOR, Role.MERCHANT)
    known = office.cabinet.need(AccessToken, name)
    actor.must_own(known.subject, "token")
    return office.move(TOKEN, known, "revoke", now)


def _name(office: Office, token: str) -> str:
    return office.cabinet.fingerprint("token", token)
