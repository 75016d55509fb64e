"""Card ranges (BIN table): scheme, class and issuer of a card from the first digits of its number.

The longest prefix that fits wins. What an issuer knows of its own card goes before the class given here.

Source: ISO/IEC 7812-1, issuer identification numbers; ranges as the card schemes publish them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST_PREFIX: Final = 12


class CardRange(BaseModel):
    """All cards whose number begins with `prefix`. `card` is empty where a scheme has both classes in a range."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: Annotated[str, Field(pattern=rf"^[0-9]{{1,{LONGEST_PREFIX}}}$")]
    scheme: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    card: Literal["debit", "credit", ""] = ""
    issuer: Annotated[str, Field(pattern=r"^[0-9]{0,11}$")] = ""
    blocked: Annotated[str, Field(pattern=r"^([0-9A-Z]{2})?$")] = ""
    """The answer code for the whole range, where it is on the black list."""


class CardRanges:
    """A table of ranges."""

    def __init__(self, ranges: Iterable[CardRange]) -> None:
        self._by_prefix = {row.prefix: row for row in ranges}
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix}, reverse=True)

    def __len__(self) -> int:
        return len(self._by_prefix)

    def find(self, pan: str) -> CardRange | None:
        """The range of a card number, None when it is in none."""
        for length in self._lengths:
            found = self._by_prefix.get(pan[:length])
            if found is not None:
                return found
        return None
