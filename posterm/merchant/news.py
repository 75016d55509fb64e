"""News: everything that happens to a merchant's things, numbered, from which messages and webhooks are made.

A state change that nobody was told of did not happen: services change a document with `Office.move`, which tells.
"""

from __future__ import annotations

from typing import ClassVar

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
