"""The terminal's front on a command line: the card and PIN come from arguments, slips go to standard output.

A card is a test card by name or number, or what a keyboard-wedge stripe reader types: track 2 with its `=`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from posterm.bcd import is_digits
from posterm.console.errors import InputError
from posterm.hsm import Pin, PinError
from posterm.sensitive import Pan, SensitiveValueError, Track2
from posterm.terminal.effects import (
    Cancelled,
    CardCompleted,
    CardFailed,
    CardReply,
    CompleteCard,
    EnterPin,
    Keyed,
    PinReply,
    PresentCard,
    Print,
    Printed,
    PrinterFailed,
    Swiped,
)
from posterm.terminal.receipt import Document
from posterm.unionpay.transactions import Entry
from simulators.cards import TestCard, find_card
from simulators.swipe import PinPad


@dataclass(frozen=True, slots=True)
class Cardholder:
    """What the cardholder will do: put this card in this way, and type this PIN or none."""

    card: CardReply
    pin: Pin | None = field(default=None, repr=False)


@dataclass(slots=True)
class CommandFront:
    """A front whose cardholder is an argument. `paper` is given each document that is printed."""

    cardholder: Cardholder
    pin_pad: PinPad
    paper: Callable[[Document], None]

    def present(self, asked: PresentCard) -> CardReply:
        card = self.cardholder.card
        way = Entry.KEYED if isinstance(card, Keyed) else Entry.STRIPE
        return card if way in asked.entries else Cancelled()

    def enter_pin(self, asked: EnterPin) -> PinReply:
        return self.pin_pad.enter(self.cardholder.pin, asked.pan, asked.pik, asked.pin_format)

    def complete(self, asked: CompleteCard) -> CardCompleted | CardFailed:
        """A stripe has no say."""
        del asked
        return CardCompleted()

    def print(self, asked: Print) -> Printed | PrinterFailed:
        for document in asked.documents:
            self.paper(document)
        return Printed()


def cardholder(swipe: str, key: str, pin: str, *, no_pin: bool = False) -> Cardholder:
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
        return Cardholder(Swiped(known.track2 if known else _track2(swipe)), typed)
    if key:
        return Cardholder(Keyed(known.pan, known.expiry) if known else _keyed(key), typed)
    return Cardholder(Cancelled(), typed)


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
