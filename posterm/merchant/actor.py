"""Who asks: a role, and whose things it may touch. Every service function takes an `Actor` and asks here first.

A merchant touches only what has its own subject; a reviewer judges, an operator runs the fleet and the money, the
system is what happens by itself when time passes. What an actor may not see is answered as if it were not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from posterm.merchant.errors import NotAllowedError, NotFoundError


class Role(StrEnum):
    """What somebody is to the back office."""

    MERCHANT = "merchant"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """A role and, for a merchant, the subject it stands for: the identifier of its account (`applicant`)."""

    role: Role
    subject: str = ""

    def must_be(self, *roles: Role) -> None:
        """Raises: NotAllowedError: none of these roles. The system may do everything."""
        if self.role not in roles and self.role is not Role.SYSTEM:
            raise NotAllowedError(f"this needs the role {' or '.join(roles)}, not {self.role}")

    def must_own(self, subject: str, what: str = "document") -> None:
        """Raises: NotFoundError: a merchant asks for what is another's or nobody's."""
        if self.role is Role.MERCHANT and (not subject or self.subject != subject):
            raise NotFoundError(f"no such {what}")


SYSTEM: Final = Actor(Role.SYSTEM)
VISITOR: Final = Actor(Role.MERCHANT)
"""Somebody who has no account yet: may enquire and register, and owns nothing."""
