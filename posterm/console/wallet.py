"""The chip cards of a command line: what a card remembers outlasts the command it was used in.

Counters, PIN tries and electronic cash of each card are kept in the data directory, in a file by the card's name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from posterm.console.errors import InputError
from posterm.runtime.errors import StoreError
from posterm.runtime.store.whole_file import write_whole
from simulators.card import Card, CardError, load

FOLDER: Final = "cards"


def take_card(directory: Path, name: str) -> Card:
    """A card as it was when it was put back last; a new one when it never was.

    Args:
        name: a ready card, a test card with a chip, or a profile file.
    Raises: InputError: no such card. StoreError: its file cannot be read, or is that of another card.
    """
    try:
        card = load(name)
    except CardError as error:
        raise InputError(str(error), hint="`posterm card list` lists the cards with a chip") from None
    path = _path(directory, card)
    try:
        memory = json.loads(path.read_text(encoding="ascii"))
        card.restore(memory if isinstance(memory, dict) else {})
    except FileNotFoundError:
        pass
    except (OSError, ValueError, CardError) as error:
        raise StoreError(f"{path}: not the memory of this card: {type(error).__name__}", hint="remove it") from None
    return card


def put_back(directory: Path, card: Card) -> None:
    """Keep what the card remembers. Raises: StoreError."""
    card.power_off()
    write_whole(_path(directory, card), json.dumps(card.memory()).encode("ascii"))


def _path(directory: Path, card: Card) -> Path:
    return directory / FOLDER / f"{card.name}.json"
