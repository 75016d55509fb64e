"""The magic values are documented, each once."""

from __future__ import annotations

from pathlib import Path

from posterm.merchant.magic import MAGIC_VALUES, magic_outcome

PAGE = Path(__file__).parents[2] / "docs/devices.md"


def test_the_table_in_the_documentation_is_the_one_in_the_code():
    rows = "".join(f"| {row.where.value} | `{row.value}` | {row.meaning} |\n" for row in MAGIC_VALUES)
    table = "| Where | Value | What happens |\n|---|---|---|\n" + rows
    documented = PAGE.read_text(encoding="utf-8").split("<!-- magic values -->\n")[1]
    assert documented.split("<!-- end of magic values -->")[0].strip() == table.strip()


def test_no_place_has_a_value_twice():
    places = [(row.where, row.value) for row in MAGIC_VALUES]
    assert len(set(places)) == len(places)


def test_an_ordinary_value_does_nothing():
    for row in MAGIC_VALUES:
        assert magic_outcome(row.where, "") == ""
