"""Kernel 7: UnionPay's quick ICS (QuickPass), and with it the offline purchase from electronic cash by a tap.

The course is kernel 3's. Electronic cash needs nothing from the kernel: the card takes the amount from its balance and
answers with a TC. What is left arrives as 9F5D.

Source: EMV Contactless Book C-7, 5 (requirements of kernel 7); JR/T 0025.12 (qPBOC). Leaves out the card's own log.
"""

from __future__ import annotations

from typing import Final

from posterm.emv.contactless.outcome import KernelOutcome
from posterm.emv.contactless.quick import Clauses, run
from posterm.emv.contactless.tap import Tap
from posterm.emv.exchange import Exchange

CLAUSES: Final = Clauses(
    book="EMV Contactless Book C-7",
    initiation="5",
    decision="5",
    restrictions="5",
    authentication="5",
    verification="5",
)


def perform(tap: Tap) -> Exchange[KernelOutcome]:
    """One tap with kernel 7. Raises: CardDataError, Stop."""
    return (yield from run(tap, CLAUSES))
