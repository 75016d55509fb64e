"""What every card reader offers, real or simulated."""

from __future__ import annotations

from typing import Protocol


class Reader(Protocol):
    """A slot or antenna with a card in it."""

    @property
    def name(self) -> str:
        """What the reader is called."""

    @property
    def contactless(self) -> bool:
        """True for an antenna."""

    def power_on(self) -> bytes:
        """Power the card, or reset it. Returns: its answer to reset."""

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one command APDU for the answer APDU; empty when the card is gone."""

    def power_off(self) -> None:
        """Take the power away."""
