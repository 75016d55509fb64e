"""A card of this process as a reader offers it.

Source: EMV 4.4 Book 1, 9.2.2: a terminal's transport layer hides from its applications which protocol a card speaks.
"""

from __future__ import annotations

from posterm.emv.atr import parse_atr
from posterm.runtime.t0 import transmit_t0
from posterm.runtime.vpcd import PoweredCard


class CardReader:
    """A `Reader` over a card object of this process. A T=0 card is spoken to accordingly.

    Args:
        card: what is in it.
        contactless: the card was tapped, not inserted.
    """

    def __init__(self, card: PoweredCard, name: str = "in process", *, contactless: bool = False) -> None:
        self.name = name
        self.contactless = contactless
        self._card = card
        self._by_t0 = False

    def power_on(self) -> bytes:
        """Power the card, or reset it. Returns: its answer to reset. Raises: AtrError: it is none."""
        atr = self._card.power_on()
        self._by_t0 = not self.contactless and parse_atr(atr).first_protocol == 0
        return atr

    def transmit(self, apdu: bytes) -> bytes:
        """Carry one command to the card. Returns: data and status word; empty when the card is gone."""
        return transmit_t0(self._card.transmit, apdu) if self._by_t0 else self._card.transmit(apdu)

    def power_off(self) -> None:
        """Take the power away. The card object forgets when it gets power again."""
