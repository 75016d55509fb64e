"""The counter of the interface: who asks, how often they may, and whether the same was asked before.

What a request does, its answer for a repeat, and everything that was due stand in one transaction of the host's store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import Request

from posterm.api.errors import NoTokenError, TooManyRequestsError
from posterm.api.rate_limit import RateLimit
from posterm.merchant import Actor, NotAllowedError, Office, Role
from posterm.merchant.access import actor_with
from posterm.merchant.actor import VISITOR
from posterm.merchant.errors import UnknownTokenError
from posterm.merchant.repeats import keep_answer, kept_answer
from posterm.runtime.office_assembly import OpenOffice

_SCHEME: Final = "bearer "


@dataclass(frozen=True, slots=True)
class Asked:
    """A service is called with this: who asks, and both times."""

    office: Office
    actor: Actor
    now: datetime
    time_of_day: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """The body of an answer, and whether it is the one of an earlier request."""

    body: str
    is_repeated: bool = False


class ApiCounter:
    """Where requests arrive.

    Args:
        limit: requests of each token, and of each address without a token that is known.
    """

    def __init__(self, office: OpenOffice, limit: RateLimit) -> None:
        self.office = office
        self._limit = limit

    def answer(
        self,
        request: Request,
        roles: tuple[Role, ...],
        service: Callable[[Asked], str],
        *,
        content: bytes = b"",
        idempotency_key: str = "",
    ) -> Answered:
        """Carry out a request.

        Args:
            roles: who may ask; empty for anybody.
            service: does it, and gives the body of the answer.
            content: all that was asked for, by which a repeat is known.
            idempotency_key: the caller's name for the request; empty when it has none.
        Raises: ApiError, MerchantError, and whatever else of posterm's the service raises.
        """
        address, token = _address(request), _token(request)
        if not token:
            if roles:
                raise NoTokenError("this needs a token")
            self._admit(address)

        def carry_out(now: datetime, time_of_day: datetime) -> Answered:
            office = self.office.office
            actor, caller = self._caller(token, address, time_of_day) if token else (VISITOR, address)
            if roles and actor.role not in roles:
                raise NotAllowedError(f"this needs the role {' or '.join(roles)}, not {actor.role}")
            asked = Asked(office, actor, now, time_of_day)
            if not idempotency_key:
                return Answered(service(asked))
            known = kept_answer(office, caller, idempotency_key, content, time_of_day)
            if known is not None:
                return Answered(known.body.reveal(), is_repeated=True)
            body = service(asked)
            keep_answer(office, caller, idempotency_key, content, time_of_day, body=body)
            return Answered(body)

        return self.office.work_at(carry_out)

    def must_have_token(self, request: Request) -> None:
        """Raises: NoTokenError; TooManyRequestsError: from an address that has asked without one too often."""
        if not _token(request):
            self._admit(_address(request))
            raise NoTokenError("this needs a token", hint="Authorization: Bearer ...")

    def _caller(self, token: str, address: str, time_of_day: datetime) -> tuple[Actor, str]:
        """Who holds the token, and what its requests are counted under."""
        wait_s = self._limit.wait_s(address)
        if wait_s:
            raise TooManyRequestsError(wait_s)
        try:
            actor, name = actor_with(self.office.office, token, time_of_day)
        except UnknownTokenError:
            self._limit.take(address)
            raise
        self._admit(name)
        return actor, name

    def _admit(self, caller: str) -> None:
        wait_s = self._limit.wait_s(caller)
        if wait_s:
            raise TooManyRequestsError(wait_s)
        self._limit.take(caller)


def _address(request: Request) -> str:
    return f"address {request.client.host if request.client else ''}"


def _token(request: Request) -> str:
    header = request.headers.get("authorization", "")
    return header[len(_SCHEME) :].strip() if header[: len(_SCHEME)].lower() == _SCHEME else ""
