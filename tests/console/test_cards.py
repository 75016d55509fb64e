"""`posterm cards`: every test card with what a tester needs to know of it."""

from __future__ import annotations

import json

import pytest

from simulators.cards import TEST_CARDS


@pytest.mark.shows_test_data
def test_every_card_stands_in_the_table_within_80_columns(posterm):
    result = posterm("cards")
    assert (result.exit_code, result.stderr) == (0, "")
    for card in TEST_CARDS:
        line = next(line for line in result.stdout.splitlines() if line.split()[:1] == [card.name])
        assert card.pan.reveal() in line
        assert card.pin.reveal() in line
        assert card.description in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.shows_test_data
def test_json_holds_every_card(posterm):
    document = json.loads(posterm("cards", "--json").stdout)
    assert [entry["name"] for entry in document] == [card.name for card in TEST_CARDS]
    assert [entry["number"] for entry in document] == [card.pan.reveal() for card in TEST_CARDS]
    assert [entry["status"] for entry in document] == [card.status for card in TEST_CARDS]
    assert document[0]["balance_minor"] == 1_000_000_00
    assert document[1]["credit_line_minor"] == 50_000_00
