"""Requests that come twice: what was answered to the first is answered to the second, and nothing is done again.

A caller names a request with a key of its own. The answer is kept, sealed, in the same transaction as what the request
did, and good for a day of true time, however far the office's clock is moved.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from posterm.merchant.document import Document
from posterm.merchant.errors import OtherRequestError
from posterm.merchant.office import Office
from posterm.merchant.personal import Secret

KEPT: Final = timedelta(days=1)
LONGEST_KEY: Final = 255


class KeptAnswer(Document):
    """What was answered to a request; `request` is a fingerprint of what was asked, `until` a true time."""

    kind: ClassVar[str] = "kept-answer"

    request: str
    until: str
    body: Secret


def kept_answer(office: Office, caller: str, key: str, request: bytes, time_of_day: datetime) -> KeptAnswer | None:
    """What was answered to this request before; None when it is new.

    Args:
        caller: who asks; each has keys of its own.
        request: everything that was asked.
    Raises: OtherRequestError: the key was used for something else.
    """
    known = office.cabinet.get(KeptAnswer, _name(office, caller, key))
    if known is None or known.until <= time_of_day.isoformat():
        return None
    if known.request != _digest(office, request):
        raise OtherRequestError("the idempotency key was used for another request")
    return known


def keep_answer(office: Office, caller: str, key: str, request: bytes, time_of_day: datetime, *, body: str) -> None:
    """Keep what is about to be answered."""
    office.cabinet.put(
        KeptAnswer(
            key=_name(office, caller, key),
            request=_digest(office, request),
            until=(time_of_day + KEPT).isoformat(),
            body=Secret(body),
        )
    )


def _name(office: Office, caller: str, key: str) -> str:
    return office.cabinet.fingerprint("idempotency-key", f"{caller}\n{key}")


def _digest(office: Office, request: bytes) -> str:
    return office.cabinet.fingerprint("request", request.hex())
