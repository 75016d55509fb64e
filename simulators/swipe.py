"""A stripe reader and a PIN pad, with the hand of a cardholder on them.

The PIN pad enciphers what is typed before anyone else sees it: the terminal core gets a block, never a PIN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from posterm.hsm import KeyBlock, Pin, PinFormat, SoftHsm
from posterm.sensitive import Pan
from posterm.terminal.effects import Cancelled, CardReply, Keyed, PinEntered, PinReply, PinSkipped, PresentCard, Swiped
from posterm.unionpay.transactions import Entry
from simulators.cards import TestCard


@dataclass(frozen=True, slots=True)
class Hand:
    """What the cardholder does: with which card, how, and with which PIN.

    `pin` None skips the PIN; a wrong one is typed as it is.
    """

    card: TestCard
    pin: Pin | None = field(default=None, repr=False)
    how: Literal["swipe", "swipe-track3", "key"] = "swipe"

    @classmethod
    def of(cls, card: TestCard, *, with_pin: bool = True) -> Hand:
        """A cardholder who swipes and knows the PIN."""
        return cls(card, card.pin if with_pin else None)

    def present(self, asked: PresentCard) -> CardReply:
        """Put the card to the terminal, if it takes cards that way."""
        if self.how == "key":
            return Keyed(self.card.pan, self.card.expiry) if Entry.KEYED in asked.entries else Cancelled()
        if Entry.STRIPE not in asked.entries:
            return Cancelled()
        if self.how == "swipe-track3":
            return Swiped(None, self.card.track3)
        return Swiped(self.card.track2)


@dataclass(frozen=True, slots=True)
class PinPad:
    """The keypad with the terminal's HSM behind it; `block_without_pin` makes an all-F block of a skipped PIN."""

    hsm: SoftHsm
    block_without_pin: bool = False

    def enter(self, pin: Pin | None, pan: Pan, pik: KeyBlock, pin_format: PinFormat) -> PinReply:
        """Encipher what is typed."""
        if pin is not None:
            return PinEntered(self.hsm.encrypt_pin(pik, pin, pin_format, pan))
        if self.block_without_pin:
            return PinEntered(self.hsm.encrypt_pin(pik, None, PinFormat.NO_PIN, None))
        return PinSkipped()
