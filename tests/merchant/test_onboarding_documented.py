"""The document on becoming a merchant has every row of the tables it shows, and no other."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from posterm.merchant.applicant_problems import APPLICANT_PROBLEMS
from posterm.merchant.contract_problems import CONTRACT_PROBLEMS
from posterm.merchant.eligibility import ELIGIBLE, PaperKind
from posterm.merchant.magic import MAGIC_VALUES
from posterm.merchant.review_problems import REVIEW_PROBLEMS, SURVEY_PROBLEMS
from posterm.merchant.trades import TRADES
from tests.structure.source_tree import ROOT

PROBLEMS = {**REVIEW_PROBLEMS, **APPLICANT_PROBLEMS, **SURVEY_PROBLEMS, **CONTRACT_PROBLEMS}
TABLES = (ROOT / "docs/onboarding.md").read_text(encoding="utf-8").split("\n\n")


def documented(head: str) -> list[list[str]]:
    """The cells of every row of the tables that begin with this head."""
    tables = [block.splitlines() for block in TABLES if block.startswith(f"| {head} |")]
    assert tables
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for table in tables for row in table[2:]]


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ("`applicant_type`", ELIGIBLE),
        ("kind", PaperKind),
        ("MCC", TRADES),
        ("code", PROBLEMS),
    ],
)
def test_a_table_has_every_row(head: str, rows: Iterable[str]):
    assert sorted(cells[0] for cells in documented(head)) == sorted(map(str, rows))


def test_every_problem_is_documented_as_it_is_said():
    for code, chinese, english, remedy in documented("code"):
        kind = PROBLEMS[code]
        assert (kind.chinese, kind.english, kind.english_remedy) == (chinese, english, remedy)


def test_every_magic_value_is_documented():
    rows = [(row.where.value, row.value, row.outcome, row.meaning) for row in MAGIC_VALUES]
    assert [tuple(cells) for cells in documented("where")] == rows
