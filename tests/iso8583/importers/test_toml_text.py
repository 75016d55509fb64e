"""The text of a dialect reads back to the same dialect, for every one that comes with posterm."""

from __future__ import annotations

import pytest

from posterm.iso8583 import dialect_names, get_dialect, parse_dialect
from posterm.iso8583.importers import dialect_toml
from posterm.iso8583.importers.toml_text import printable


@pytest.mark.parametrize("name", dialect_names())
def test_the_text_of_a_dialect_reads_back_to_the_same_dialect(name: str) -> None:
    dialect = get_dialect(name)
    again = parse_dialect(dialect_toml(dialect, source="here", remarks=["one\nline"]).encode(), origin="again.toml")
    assert (again.name, again.title, again.encodings) == (dialect.name, dialect.title, dialect.encodings)
    assert dict(again.elements) == dict(dialect.elements)
    assert dict(again.messages) == dict(dialect.messages)


def test_names_with_quotes_and_control_codes_stay_one_line() -> None:
    assert printable('a "b"\n\x00\ud800 c\x7f') == 'a "b" c'
