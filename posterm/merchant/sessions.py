"""Logging in over an interface: a mobile number and a password for a token."""

from __future__ import annotations

from datetime import datetime

from posterm.merchant.access import IssuedToken, new_token
from posterm.merchant.actor import Actor, Role
from posterm.merchant.applicant import log_in
from posterm.merchant.office import Office


def open_session(
    office: Office, actor: Actor, mobile: str, password: str, now: datetime, time_of_day: datetime
) -> IssuedToken:
    """Log in with mobile number and password, for a token. Raises: RefusedError."""
    applicant = log_in(office, actor, mobile, password, now)
    return new_token(office, Role.MERCHANT, applicant.key, time_of_day)
