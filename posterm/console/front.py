"""The cardholder on a command line: the card and the PIN come from arguments.

A card is a test card by name or number, or what a keyboard-wedge stripe reader types: track 2 with its `=`. One that is
inserted or tapped is a test card, a ready card of `simulators.card`, or a profile file of one's own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from posterm.bcd import is_digits
from posterm.console.errors import InputError
from posterm.console.wallet import take_card
from posterm.hsm import Pin, PinError
from posterm.sensitive import Pan, SensitiveValueError, Track2
from posterm.terminal.effects import Keyed, Swiped
from simulators.cards import TestCard, find_card
from simulators.front import Chip, Hand


@dataclass(frozen=True, slots=True)
class Presented:
    """How a card is put to the terminal: one of these names it.

    Args:
        swipe: a test card's name or number, or track 2 data.
        key: a test card's name or number, or NUMBER:YYMM.
        insert, tap: a test card's name or number, a ready card's name, or a card profile file.
        reader: a reader of this machine, with any card in it.
    """

    swipe: str = ""
    key: str = ""
    insert: str = ""
    tap: str = ""
    reader: str = ""

    @property
    def ways(self) -> list[str]:
        """The ways that were named."""
        return [name for name in ("swipe", "key", "insert", "tap", "reader") if getattr(self, name)]


def cardholder(how: Presented, pin: str, *, no_pin: bool = False, cards: Path | None = None) -> Hand:
    """The cardholder that the command's options describe.

    Args:
        pin: 4 to 12 digits; empty for the card's own.
        no_pin: skip the PIN.
        cards: the folder in which chip cards remember; needed to insert and to tap.
    Raises: InputError: several ways to give a card, no such card, or no PIN of that form. StoreError.
    """
    if len(how.ways) > 1:
        raise InputError(f"a card is presented in one way, not by {' and '.join(how.ways)}")
    if how.insert or how.tap:
        return _with_chip(how, pin, no_pin=no_pin, cards=cards)
    known = find_card(how.swipe or how.key)
    typed = None if no_pin else _pin(pin, known)
    if how.swipe:
        return Hand((Swiped(known.track2 if known else _track2(how.swipe)),), typed)
    if how.key:
        return Hand((Keyed(known.pan, known.expiry) if known else _keyed(how.key),), typed)
    return Hand(pin=typed)


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A telephone of which only the code it shows is known."""

    text: str

    def code(self) -> str:
        return self.text

    def scan(self, text: str) -> None:
        """Whoever scans does so with a telephone elsewhere."""

    def wait(self) -> None:
        """A password is given elsewhere, too."""


def holding(code: str) -> Hand:
    """A customer who shows a payment code, or a face."""
    return Hand(telephone=ShownCode(code))


def holder_of(reader: Chip, pin: str, *, no_pin: bool = False) -> Hand:
    """The cardholder before a reader of this machine.

    Args:
        pin: 4 to 12 digits; asked for, unseen, when it is left out and there is someone to ask.
    Raises: InputError: no PIN of that form.
    """
    if not pin and not no_pin and sys.stdin.isatty():
        pin = typer.prompt("PIN, enter for none", default="", hide_input=True, show_default=False)
    typed = None if no_pin else _pin(pin, None)
    return Hand.tapping(reader, typed) if reader.contactless else Hand.inserting(reader, typed)


def _with_chip(how: Presented, pin: str, *, no_pin: bool, cards: Path | None) -> Hand:
    named = find_card(how.insert or how.tap)
    if cards is None or (named is not None and not named.chip):
        raise InputError("this card has no chip", hint="`posterm cards` lists the test cards")
    chip = take_card(cards, named.name if named is not None else how.insert or how.tap)
    known = named or find_card(chip.profile.holder.pan)
    typed = None if no_pin else _pin(pin, known) or Pin(chip.profile.holder.pin)
    hand = Hand.inserting if how.insert else Hand.tapping
    return hand(chip, typed, stripe=known)


def _pin(text: str, known: TestCard | None) -> Pin | None:
    if not text:
        return known.pin if known else None
    try:
        return Pin(text)
    except PinError as error:
        raise InputError(str(error)) from None


def _track2(text: str) -> Track2:
    try:
        return Track2(text)
    except SensitiveValueError as error:
        hint = "`posterm cards` lists the test cards; a stripe reader types ;NUMBER=YYMM...?"
        raise InputError(f"--swipe: no test card of that name, and {error}", hint=hint) from None


def _keyed(text: str) -> Keyed:
    number, _, expiry = text.partition(":")
    hint = "write NUMBER:YYMM, or the name of a test card (`posterm cards`)"
    if len(expiry) != 4 or not is_digits(expiry) or not 1 <= int(expiry[2:]) <= 12:
        raise InputError("--key: no test card of that name, and no number with an expiry", hint=hint)
    try:
        return Keyed(Pan(number), expiry)
    except SensitiveValueError as error:
        raise InputError(f"--key: no test card of that name, and {error}", hint=hint) from None
