"""What a terminal asks of the chip kernels: one exchange with a card, for one transaction.

`posterm.emv` has the kernels. A terminal works with whatever gives an exchange, so a test may put a scripted one here.
"""

from __future__ import annotations

from typing import Protocol

from posterm.emv.config import Transaction
from posterm.emv.exchange import Exchange
from posterm.emv.outcome import Outcome


class Kernels(Protocol):
    """The kernels of a terminal, with their configuration and keys."""

    def insert(self, transaction: Transaction) -> Exchange[Outcome]:
        """The contact kernel for a card that was put in."""

    def tap(self, transaction: Transaction) -> Exchange[Outcome]:
        """Entry point and contactless kernels for a card at the antenna."""
