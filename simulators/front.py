"""A terminal's front with a cardholder before it: stripe reader, chip slot, antenna, PIN pad, printer.

The PIN pad enciphers what is typed before anyone else sees it: the terminal core gets a block, never a PIN. The one PIN
that is typed for a card goes to the card.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from posterm.hsm import HsmPort, KeyBlock, Pin, PinFormat
from posterm.sensitive import Pan
from posterm.terminal.effects import (
    Cancelled,
    CardAnswered,
    CardGone,
    CardReply,
    ChipReply,
    ChoiceReply,
    Chosen,
    EnterOfflinePin,
    EnterPin,
    Inserted,
    Keyed,
    OfflinePinReply,
    Pause,
    PauseReply,
    PinEntered,
    PinReply,
    PinSkipped,
    PinTyped,
    PresentCard,
    Print,
    Printed,
    PrinterFailed,
    ScanCode,
    Scanned,
    ScanReply,
    SelectApplication,
    ShowCode,
    Swiped,
    Tapped,
    Transceive,
    Waited,
)
from posterm.terminal.receipt import Document
from posterm.unionpay.transactions import Entry
from simulators.cards import TestCard

TRIES_MAX: Final = 3
"""How often a cardholder puts the same card to the terminal in the same way."""


class Chip(Protocol):
    """A chip card as a reader has it. `contactless` is set before it is powered."""

    contactless: bool

    def power_on(self) -> bytes:
        """Power it, or reset it. Returns: its answer to reset."""

    def transmit(self, apdu: bytes) -> bytes:
        """A command APDU for the answer APDU; empty when the card is gone."""


class Telephone(Protocol):
    """A customer's telephone with a wallet on it."""

    def code(self) -> str:
        """What it shows to the merchant's scanner, or camera; empty when the customer has thought better of it."""

    def scan(self, text: str) -> None:
        """It is held before a code that the terminal shows."""

    def wait(self) -> None:
        """What its holder does while the terminal waits: give a password, or not."""


@dataclass(frozen=True, slots=True)
class Hand:
    """What a cardholder does: put this card to the terminal in these ways, and type this PIN or none.

    The first of the ways that the terminal takes is tried first; the next one when the terminal asks again. A wrong PIN
    is typed as it is.
    """

    ways: tuple[CardReply, ...] = ()
    pin: Pin | None = field(default=None, repr=False)
    chip: Chip | None = field(default=None, repr=False)
    telephone: Telephone | None = field(default=None, repr=False)
    """What it shows to a scanner, and scans."""
    application: int = 0
    """The place of the application that is chosen when the terminal asks."""

    @classmethod
    def swiping(cls, card: TestCard, pin: Pin | None = None) -> Hand:
        """A swipe; the card's own track 2."""
        return cls((Swiped(card.track2),), pin)

    @classmethod
    def swiping_track_3(cls, card: TestCard, pin: Pin | None = None) -> Hand:
        """A swipe of a card whose second track cannot be read."""
        return cls((Swiped(None, card.track3),), pin)

    @classmethod
    def keying(cls, card: TestCard, pin: Pin | None = None) -> Hand:
        """The number and expiry typed in."""
        return cls((Keyed(card.pan, card.expiry),), pin)

    @classmethod
    def inserting(cls, chip: Chip, pin: Pin | None = None, *, stripe: TestCard | None = None) -> Hand:
        """A card put into the slot; its stripe swiped where the chip cannot be read and the terminal takes that."""
        swipe = (Swiped(stripe.track2),) if stripe is not None else ()
        return cls((Inserted(), *swipe), pin, chip)

    @classmethod
    def tapping(cls, chip: Chip, pin: Pin | None = None, *, stripe: TestCard | None = None) -> Hand:
        """A card held to the antenna; put in, or swiped, where the terminal asks for that."""
        swipe = (Swiped(stripe.track2),) if stripe is not None else ()
        return cls((Tapped(), Inserted(), *swipe), pin, chip)

    @classmethod
    def empty(cls) -> Hand:
        """Nobody there: whoever is asked for a card cancels."""
        return cls()


def entry_of(way: CardReply) -> Entry:
    """How a card is read that is presented in this way."""
    match way:
        case Inserted() | Tapped():
            return way.entry
        case Swiped():
            return Entry.STRIPE
        case Keyed():
            return Entry.KEYED
        case Cancelled():
            return Entry.UNKNOWN


@dataclass(frozen=True, slots=True)
class PinPad:
    """The keypad with the terminal's HSM behind it."""

    hsm: HsmPort

    def enter(self, pin: Pin | None, pan: Pan, pik: KeyBlock, pin_format: PinFormat) -> PinReply:
        """Encipher what is typed."""
        return PinSkipped() if pin is None else PinEntered(self.hsm.encrypt_pin(pik, pin, pin_format, pan))


@dataclass(slots=True)
class Front:
    """Readers, PIN pad, screen and printer. `paper` is given each document that is printed; the printer never fails.

    `pause` lets time pass and says what time it is then; without one nobody waits. `screen` shows a code.
    """

    hand: Hand
    pin_pad: PinPad
    paper: Callable[[Document], None]
    pause_for: Callable[[float], datetime] | None = None
    screen: Callable[[ShowCode], None] | None = None
    _tried: list[Entry] = field(default_factory=list, init=False)
    _in_reader: Chip | None = field(default=None, init=False, repr=False)

    def present(self, asked: PresentCard) -> CardReply:
        """The way tried least so far of those the terminal takes."""
        if not asked.again:
            self._tried.clear()
        open_ways = [way for way in self.hand.ways if entry_of(way) in asked.entries]
        way = min(open_ways, key=lambda way: self._tried.count(entry_of(way)), default=Cancelled())
        if self._tried.count(entry_of(way)) >= TRIES_MAX:
            return Cancelled()
        self._tried.append(entry_of(way))
        chip = self.hand.chip
        if chip is None or not isinstance(way, Inserted | Tapped):
            return way
        self._in_reader = chip
        chip.contactless = isinstance(way, Tapped)
        return type(way)(chip.power_on())

    def transceive(self, asked: Transceive) -> ChipReply:
        """The chip in the slot or at the antenna; none when there is none any more."""
        answer = self._in_reader.transmit(asked.apdu) if self._in_reader is not None else b""
        return CardAnswered(answer) if answer else CardGone()

    def scan(self, asked: ScanCode) -> ScanReply:
        """What the telephone shows; one who is told that it was no code has no other."""
        telephone = self.hand.telephone
        text = telephone.code() if telephone is not None and not asked.again else ""
        return Scanned(text) if text else Cancelled()

    def show_code(self, asked: ShowCode) -> None:
        if self.screen is not None:
            self.screen(asked)
        if self.hand.telephone is not None:
            self.hand.telephone.scan(asked.text)

    def pause(self, asked: Pause) -> PauseReply:
        """Time passes; the telephone's holder may do something meanwhile."""
        if self.pause_for is None:
            return Cancelled()
        now = self.pause_for(asked.seconds)
        if self.hand.telephone is not None:
            self.hand.telephone.wait()
        return Waited(now)

    def select(self, asked: SelectApplication) -> ChoiceReply:
        return Chosen(min(self.hand.application, len(asked.labels) - 1))

    def enter_pin(self, asked: EnterPin) -> PinReply:
        return self.pin_pad.enter(self.hand.pin, asked.pan, asked.pik, asked.pin_format)

    def enter_offline_pin(self, asked: EnterOfflinePin) -> OfflinePinReply:
        """What is typed at once; a cardholder who is told that it was wrong has no other."""
        return PinSkipped() if self.hand.pin is None or asked.wrong_before else PinTyped(self.hand.pin)

    def return_card(self) -> None:
        self._in_reader = None

    def print(self, asked: Print) -> Printed | PrinterFailed:
        for document in asked.documents:
            self.paper(document)
        return Printed()
