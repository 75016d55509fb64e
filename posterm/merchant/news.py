"""News: everything that happens to a merchant's things, numbered, from which messages and webhooks are made.

A state change that nobody was told of did not happen: services change a document with `Office.move`, which tells.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import Field

from posterm.merchant.document import Document


class News(Document):
    """One thing that happened. `key` counts from 1 within the office, ten digits.

    `topic` is what it is about and what happened, `application.approve`; `about` the document's key, `details` names
    and values that may be shown to the subject: no personal data in the clear.
    """

    kind: ClassVar[str] = "news"

    at: str
    topic: str
    about: str
    before: str = ""
    after: str = ""
    details: dict[str, str] = Field(default_factory=dict)


Listener = Callable[[Any, News, datetime], None]
"""Told the office, the news, and when."""

LISTENERS: Final[list[Listener]] = []
"""Who is told at once, in the transaction in which it happened."""
