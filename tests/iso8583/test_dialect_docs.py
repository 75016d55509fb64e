"""The chapter on dialects runs: its programs give what their comments say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from posterm.iso8583 import dialect_names

PAGE = (Path(__file__).parents[2] / "docs" / "dialects.md").read_text("utf-8")


def ran(word: str) -> dict[str, Any]:
    """The names a program of the page leaves behind."""
    program = next(text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if word in text)
    names: dict[str, Any] = {}
    exec(compile(program, "docs/dialects.md", "exec"), names)
    return names


def test_the_program_that_checks_a_file_finds_what_it_says() -> None:
    lint = ran("lint_dialect")["lint_dialect"]
    text = 'name = "acme"\n[elements]\n3 = { name = "Code", kind = "m", length = 6 }\n'
    assert f"# {lint(text)}" in PAGE


def test_the_program_that_imports_a_table_tells_what_is_left_out() -> None:
    found = ran("import_jpos")["found"]
    assert found.dialect.elements[11].name == "TRACE NUMBER"
    assert f"# {[str(item) for item in found.left_out]}" in PAGE


def test_the_program_that_writes_a_clearing_file_makes_one_block() -> None:
    names = ran("write_records")
    assert len(names["file"]) == 1014
    assert names["read_records"](names["file"]) == [names["header"]]


def test_every_dialect_has_its_source_in_the_chapter() -> None:
    sources = PAGE[PAGE.index("## Where the tables come from") :]
    assert [name for name in dialect_names() if f"`{name}`" not in sources] == []
