"""What the back office keeps: documents, each a frozen pydantic model with a kind, a key and an owner.

Documents lie in the host's store, in the same transaction as the ledger: what a document says was paid was posted. A
change is a new document put in place of the old one. Times are ISO 8601 text in local time, dates likewise, money is
minor units.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """One thing the back office knows.

    `subject` is the identifier of the merchant's account it belongs to, empty for what is nobody's. `due` is when the
    calendar looks at it again, empty for never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: ClassVar[str]

    key: str
    subject: str = ""
    state: str = ""
    due: str = ""
