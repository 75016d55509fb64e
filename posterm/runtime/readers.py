"""A card of this process as a reader offers it.

Source: EMV 4.4 Book 1, 9.2.2: a terminal's transport layer hides from its applications which protocol a card speaks.
"""

from __future__ import annotations

from collections.abc import Callable

from posterm.emv.atr import parse_atr
from posterm.emv.t0 import over_t0
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
        self._transmit: Callable[[bytes], bytes] = card.transmit

    def power_on(self) -> bytes:
        """Power the card, or reset it. Returns: its answer to reset. Raises: AtrError: it is none."""
        atr = self._card.power_on()
        by_t0 = not self.contactless and parse_atr(atr).first_protocol == 0
        self._transmit = over_t0(self._card.transmit) if by_t0 else self._card.transmit
        return atr

    def transmit(self, apdu: bytes) -> bytes:
        """Carry one command to the card. Returns: data and status word; empty when the card is gone."""
        return self._transmit(apdu)

    def power_off(self) -> None:
        """Take the power away. The card object forgets when it gets power again."""
