"""What happens by itself when time passes: documents whose `due` has come, each in turn and at its own moment.

A part of the life cycle names its kinds of documents here, with the function that is called when one is due. It must
change the document's `due`, or take it off; a document that stays due is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from posterm.merchant.document import Document
from posterm.merchant.errors import MerchantError
from posterm.merchant.office import Office

Wake = Callable[[Office, Any, datetime], None]
"""Told the office, the document, and the moment at which it was due."""

WAKES: Final[dict[type[Document], Wake]] = {}
"""What is done for each kind of document when it is due."""

MOST: Final = 1_000_000
"""Documents that one call looks at."""


def advance(office: Office, until: datetime) -> int:
    """Do everything that is due by a moment, the earliest first. Returns: how many documents were looked at.

    Raises: MerchantError: a document that stays due at the same moment, or one of a kind that nobody looks after.
    """
    kinds = {kind.kind: kind for kind in WAKES}
    limit = until.isoformat()
    for done in range(MOST):
        document = next(office.cabinet.due(kinds, limit, 1), None)
        if document is None:
            return done
        at = datetime.fromisoformat(document.due)
        with office.all_or_nothing():
            WAKES[type(document)](office, document, at)
        left = office.cabinet.get(type(document), document.key)
        if left is not None and left.due and left.due <= document.due:
            raise MerchantError(f"{document.kind} {document.key} is still due at {document.due}")
    raise MerchantError(f"more than {MOST} documents were due")


def working_days_on(office: Office, start: datetime, days: int) -> datetime:
    """The same time of day, so many working days later."""
    day = start.date()
    for _ in range(days):
        day = office.host_terms.working_days.next_after(day)
    return datetime.combine(day, start.time())
