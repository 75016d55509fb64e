"""Bearer tokens: who holds one acts in a role, and a merchant for its own account only.

A token is 32 random bytes. What is kept is its keyed fingerprint, by which it is found; whoever reads the store cannot
act with it. Leaves out scopes finer than a role.

Source for the form on the wire: RFC 6750.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.document import Document
from posterm.merchant.errors import MerchantError, UnknownTokenError
from posterm.merchant.machines import TOKEN
from posterm.merchant.office import Office

PREFIX: Final = "posterm_"
"""So that a token that was published by mistake can be found by its form."""

TOKEN_BYTES: Final = 32
ISSUED_ROLES: Final = (Role.MERCHANT, Role.REVIEWER, Role.OPERATOR)


class AccessToken(Document):
    """A token that was given out, by its fingerprint. `due` is when it ends."""

    kind: ClassVar[str] = "access-token"

    role: Role
    issued_at: str


class IssuedToken(BaseModel):
    """A token as its holder gets it, once. `name` is what it is revoked by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str
    name: str
    role: Role
    subject: str
    expires_at: str


def issue_token(
    office: Office, actor: Actor, role: Role, now: datetime, *, subject: str = "", hours: int | None = None
) -> IssuedToken:
    """Give out a token.

    Args:
        subject: the merchant's account, for that role only.
        hours: how long it is good for; the office's terms say when left out.
    Raises: NotAllowedError; MerchantError: a role that nobody can have, or an account where none or one is needed.
    """
    actor.must_be(Role.OPERATOR)
    if role not in ISSUED_ROLES:
        raise MerchantError(f"nobody acts as {role} with a token")
    if (role is Role.MERCHANT) != bool(subject):
        raise MerchantError("token: need an account for a merchant, and none for others")
    return new_token(office, role, subject, now, hours=hours)


def new_token(office: Office, role: Role, subject: str, now: datetime, *, hours: int | None = None) -> IssuedToken:
    """A token for somebody who has proved who they are."""
    text = PREFIX + office.entropy(TOKEN_BYTES).hex()
    ends = (now + timedelta(hours=office.terms.token_hours if hours is None else hours)).isoformat()
    with office.all_or_nothing():
        name = _name(office, text)
        office.cabinet.put(
            AccessToken(key=name, subject=subject, state=TOKEN.initial, due=ends, role=role, issued_at=now.isoformat())
        )
    return IssuedToken(token=text, name=name, role=role, subject=subject, expires_at=ends)


def actor_with(office: Office, token: str, now: datetime) -> tuple[Actor, str]:
    """Who holds a token, and the token's name. Raises: UnknownTokenError: or revoked, or expired."""
    known = office.cabinet.get(AccessToken, _name(office, token))
    if known is None or known.state != TOKEN.initial or known.due <= now.isoformat():
        raise UnknownTokenError("no such token, or one that has ended")
    return Actor(known.role, known.subject), known.key


def revoke_token(office: Office, actor: Actor, name: str, now: datetime) -> AccessToken:
    """End a token: one's own merchant's, or any. Raises: NotFoundError, NotNowError, NotAllowedError."""
    actor.must_be(Role.OPERATOR, Role.MERCHANT)
    known = office.cabinet.need(AccessToken, name)
    actor.must_own(known.subject, "token")
    return office.move(TOKEN, known, "revoke", now, due="")


def _expire(office: Office, token: AccessToken, now: datetime) -> None:
    office.move(TOKEN, token, "expire", now, due="")


def _name(office: Office, token: str) -> str:
    return office.cabinet.fingerprint("token", token)


WAKES[AccessToken] = _expire
