"""The cardholder on a command line: the card and the PIN come from arguments.

A card is a test card by name or number, or what a keyboard-wedge stripe reader types: track 2 with its `=`.
"""

from __future__ import annotations

from posterm.bcd import is_digits
from posterm.console.errors import InputError
from posterm.hsm import Pin, PinError
from posterm.sensitive import Pan, SensitiveValueError, Track2
from posterm.terminal.effects import Keyed, Swiped
from simulators.cards import TestCard, find_card
from simulators.front import Hand


def cardholder(swipe: str, key: str, pin: str, *, no_pin: bool = False) -> Hand:
    """The cardholder that the command's options describe.

    Args:
        swipe: a test card's name or number, or track 2 data.
        key: a test card's name or number, or NUMBER:YYMM.
        pin: 4 to 12 digits; empty for the test card's own.
        no_pin: skip the PIN.
    Raises: InputError: both or neither way to give a card, no such card, or no PIN of that form.
    """
    if swipe and key:
        raise InputError("a card is swiped or keyed, not both", hint="give --swipe or --key")
    known = find_card(swipe or key)
    typed = None if no_pin else _pin(pin, known)
    if swipe:
        return Hand((Swiped(known.track2 if known else _track2(swipe)),), typed)
    if key:
        return Hand((Keyed(known.pan, known.expiry) if known else _keyed(key),), typed)
    return Hand(pin=typed)


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
