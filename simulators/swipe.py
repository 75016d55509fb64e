"""A terminal's front with a cardholder before it: stripe reader, PIN pad, printer.

The PIN pad enciphers what is typed before anyone else sees it: the terminal core gets a block, never a PIN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from posterm.hsm import HsmPort, KeyBlock, Pin, PinFormat
from posterm.sensitive import Pan
from posterm.terminal.effects import (
    Cancelled,
    CardCompleted,
    CardFailed,
    CardReply,
    CompleteCard,
    EnterPin,
    Keyed,
    PinEntered,
    PinReply,
    PinSkipped,
    PresentCard,
    Print,
    Printed,
    PrinterFailed,
    Swiped,
)
from posterm.terminal.receipt import Document
from posterm.unionpay.transactions import Entry
from simulators.cards import TestCard


@dataclass(frozen=True, slots=True)
class Hand:
    """What a cardholder does: put this card to the terminal in this way, and type this PIN or none.

    A wrong PIN is typed as it is.
    """

    card: CardReply
    pin: Pin | None = field(default=None, repr=False)

    @classmethod
    def swiping(cls, card: TestCard, pin: Pin | None = None) -> Hand:
        """A swipe; the card's own track 2."""
        return cls(Swiped(card.track2), pin)

    @classmethod
    def swiping_track_3(cls, card: TestCard, pin: Pin | None = None) -> Hand:
        """A swipe of a card whose second track cannot be read."""
        return cls(Swiped(None, card.track3), pin)

    @classmethod
    def keying(cls, card: TestCard, pin: Pin | None = None) -> Hand:
        """The number and expiry typed in."""
        return cls(Keyed(card.pan, card.expiry), pin)

    @classmethod
    def empty(cls) -> Hand:
        """Nobody there: whoever is asked for a card cancels."""
        return cls(Cancelled())

    def present(self, asked: PresentCard) -> CardReply:
        """Put the card to the terminal, if it takes cards that way."""
        way = Entry.KEYED if isinstance(self.card, Keyed) else Entry.STRIPE
        return self.card if way in asked.entries else Cancelled()


@dataclass(frozen=True, slots=True)
class PinPad:
    """The keypad with the terminal's HSM behind it."""

    hsm: HsmPort

    def enter(self, pin: Pin | None, pan: Pan, pik: KeyBlock, pin_format: PinFormat) -> PinReply:
        """Encipher what is typed."""
        return PinSkipped() if pin is None else PinEntered(self.hsm.encrypt_pin(pik, pin, pin_format, pan))


@dataclass(slots=True)
class Front:
    """Reader, PIN pad and printer. `paper` is given each document that is printed; the printer never fails."""

    hand: Hand
    pin_pad: PinPad
    paper: Callable[[Document], None]

    def present(self, asked: PresentCard) -> CardReply:
        return self.hand.present(asked)

    def enter_pin(self, asked: EnterPin) -> PinReply:
        return self.pin_pad.enter(self.hand.pin, asked.pan, asked.pik, asked.pin_format)

    def complete(self, asked: CompleteCard) -> CardCompleted | CardFailed:
        """A stripe has no say."""
        del asked
        return CardCompleted()

    def print(self, asked: Print) -> Printed | PrinterFailed:
        for document in asked.documents:
            self.paper(document)
        return Printed()
