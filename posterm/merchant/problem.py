"""What is wrong with something handed in: a code, its place, what it means in two languages, and what to do.

Each part of the life cycle has its own table of kinds; `problems` is all of them. Source for the form: error, sub-error
and remedy as Adyen for Platforms gives them; requirements with errors as Stripe Connect does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Language(StrEnum):
    """In which language people are spoken to."""

    CHINESE = "zh"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """What a code means and what to do about it, in both languages."""

    code: str
    chinese: str
    english: str
    chinese_remedy: str
    english_remedy: str

    def at(self, path: str = "") -> Problem:
        """The problem at a place: names of fields joined with dots, `bank_account.holder`, `papers[BANK_CARD]`."""
        return Problem(
            code=self.code,
            path=path,
            chinese=self.chinese,
            english=self.english,
            chinese_remedy=self.chinese_remedy,
            english_remedy=self.english_remedy,
        )


class Problem(BaseModel):
    """Something wrong at one place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str
    path: str = ""
    chinese: str
    english: str
    chinese_remedy: str
    english_remedy: str

    def text(self, language: Language) -> str:
        """What is wrong."""
        return self.chinese if language is Language.CHINESE else self.english

    def remedy(self, language: Language) -> str:
        """What to do."""
        return self.chinese_remedy if language is Language.CHINESE else self.english_remedy


def kinds(*rows: tuple[str, str, str, str, str]) -> Mapping[str, ProblemKind]:
    """A table of kinds by code. Each row: code, Chinese, English, remedy in Chinese, remedy in English."""
    return {row[0]: ProblemKind(*row) for row in rows}
