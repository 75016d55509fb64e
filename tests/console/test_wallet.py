"""Chip cards on the command line: who they are, and that they remember."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posterm.console.errors import InputError
from posterm.console.front import Presented, cardholder
from posterm.console.wallet import put_back, take_card
from posterm.runtime.errors import StoreError
from posterm.terminal.effects import Inserted, Swiped, Tapped
from simulators.cards import find_card


def counter(memory: dict) -> int:
    return next(iter(memory["applications"].values()))["atc"]


def test_what_a_card_remembers_outlasts_the_command(tmp_path: Path) -> None:
    card = take_card(tmp_path, "debit")
    memory = card.memory()
    name = next(iter(memory["applications"]))
    memory["applications"][name]["atc"] += 5
    card.restore(memory)
    put_back(tmp_path, card)
    assert take_card(tmp_path, "debit").memory() == memory
    assert take_card(tmp_path, "credit").memory() != memory


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"profile": "another", "applications": {}})])
def test_a_file_that_is_not_this_cards_is_refused(tmp_path: Path, content: str) -> None:
    put_back(tmp_path, take_card(tmp_path, "debit"))
    (path,) = (tmp_path / "cards").iterdir()
    path.write_text(content)
    with pytest.raises(StoreError, match="memory of this card"):
        take_card(tmp_path, "debit")


def test_a_card_there_is_none_of_is_named_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        take_card(tmp_path, "no-such-card")


@pytest.mark.parametrize(("way", "reply"), [("insert", Inserted), ("tap", Tapped)])
@pytest.mark.parametrize("name", ["debit", "unionpay-credit", "visa-debit"])
def test_a_test_card_or_a_ready_card_is_inserted_or_tapped_with_its_own_pin(
    tmp_path: Path, way: str, reply: type, name: str
) -> None:
    hand = cardholder(Presented(**{way: name}), "", cards=tmp_path)
    assert isinstance(hand.ways[0], reply)
    assert isinstance(hand.ways[-1], Swiped)
    known = find_card({"unionpay-credit": "credit"}.get(name, name))
    assert hand.pin == known.pin
    assert cardholder(Presented(**{way: name}), "", no_pin=True, cards=tmp_path).pin is None


def test_a_card_without_a_chip_is_not_inserted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no chip"):
        cardholder(Presented(insert="stripe"), "", cards=tmp_path)


def test_a_card_is_presented_in_one_way(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="swipe and insert"):
        cardholder(Presented(swipe="debit", insert="debit"), "", cards=tmp_path)
