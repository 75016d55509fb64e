"""Kernel 3: Visa's quick VSDC.

Source: EMV Contactless Book C-3. Leaves out MSD, issuer updates by a second tap, and the reset of offline counters.
"""

from __future__ import annotations

from typing import Final

from posterm.emv.contactless.outcome import KernelOutcome
from posterm.emv.contactless.quick import Clauses, run
from posterm.emv.contactless.tap import Tap
from posterm.emv.exchange import Exchange

CLAUSES: Final = Clauses(
    book="EMV Contactless Book C-3",
    initiation="5.2",
    decision="5.4",
    restrictions="5.5",
    authentication="5.6",
    verification="5.7",
)


def perform(tap: Tap) -> Exchange[KernelOutcome]:
    """One tap with kernel 3. Raises: CardDataError, Stop."""
    return (yield from run(tap, CLAUSES))
