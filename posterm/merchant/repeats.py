"""Requests that come twice: what was answered to the first is answered to the second, and nothing is done again.

A caller names a request with a key of its own. The answer is kept, sealed, in the same transaction as what the request
did, and forgotten after a day.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from posterm.merchant.calendar import WAKES
from posterm.merchant.document import Document
from posterm.merchant.errors import OtherRequestError
from posterm.merchant.office import Office
from posterm.merchant.personal import Secret

KEPT: Final = timedelta(days=1)
LONGEST_KEY: Final = 255


class KeptAnswer(Document):
    """What was answered to a request; `request` is a fingerprint of what was asked. Empty once it is forgotten."""

    kind: ClassVar[str] = "kept-answer"

    request: str
    status: int
    body: Secret


def kept_answer(office: Office, caller: str, key: str, request: bytes) -> KeptAnswer | None:
    """What was answered to this request before; None when it is new.

    Args:
        caller: who asks; each has keys of its own.
        request: everything that was asked.
    Raises: OtherRequestError: the key was used for something else.
    """
    known = office.cabinet.get(KeptAnswer, _name(office, caller, key))
    if known is None or not known.due:
        return None
    if known.request != _digest(office, request):
        raise OtherRequestError("the idempotency key was used for another request")
    return known


def keep_answer(
    office: Office, caller: str, key: str, request: bytes, now: datetime, *, status: int, body: str
) -> None:
    """Keep what is about to be answered."""
    office.cabinet.put(
        KeptAnswer(
            key=_name(office, caller, key),
            due=(now + KEPT).isoformat(),
            request=_digest(office, request),
            status=status,
            body=Secret(body),
        )
    )


def _forget(office: Office, answer: KeptAnswer, _now: datetime) -> None:
    office.cabinet.put(answer.model_copy(update={"due": "", "request": "", "body": Secret("")}))


def _name(office: Office, caller: str, key: str) -> str:
    return office.cabinet.fingerprint("idempotency-key", f"{caller}\n{key}")


def _digest(office: Office, request: bytes) -> str:
    return office.cabinet.fingerprint("request", request.hex())


WAKES[KeptAnswer] = _forget
