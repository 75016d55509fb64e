"""How a transaction with a chip ended, and everything a terminal needs to print, send or store of it.

Source: EMV 4.4 Book 4, 6.3.6 to 6.3.9 and A6; EMV Contactless Book A, 6.2 (outcomes of a contactless kernel).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum

from posterm.emv.bits import CryptogramType, Tsi, Tvr
from posterm.emv.trace import Trace


class Ending(StrEnum):
    """How it ended."""

    APPROVED = "approved"
    DECLINED = "declined"
    TERMINATED = "terminated"
    """Nothing was decided: the card does not fit, answered nonsense, or was withdrawn."""
    CANCELLED = "cancelled"
    """The cardholder or the cashier gave up."""
    TRY_AGAIN = "try again"
    """Present the same card once more; contactless only."""
    TRY_ANOTHER_INTERFACE = "try another interface"
    """Insert the card, or swipe it; contactless only."""
    TRY_ANOTHER_CARD = "try another card"
    """No application of this card can be used here."""


class Fallback(Enum):
    """Whether the magnetic stripe may be used instead. Source: EMV 4.4 Book 4, 6.7 and the schemes' fallback rules."""

    NOT_ALLOWED = "not allowed"
    """The chip spoke for its issuer: it declined, is blocked, or a transaction with it had begun."""
    STRIPE = "stripe"
    """The chip could not be read, or the terminal knows no application of it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one transaction.

    Attributes:
        reason: the rule that decided, in words.
        cryptogram: the last the card made; None when it made none.
        response_code: 8A as it went to the card: the host's, or Y1, Z1, Y3, Z3.
        online: the issuer answered. `host_approved`: and approved.
        signature: the cardholder has to sign. `online_pin`: a PIN went, or has to go, with the online request.
        data: all data objects by tag, card and terminal, as they stood at the end.
        script_results: 9F5B, five bytes for each script.
    """

    ending: Ending
    reason: str = ""
    fallback: Fallback = Fallback.NOT_ALLOWED
    cryptogram: CryptogramType | None = None
    response_code: str = ""
    online: bool = False
    host_approved: bool = False
    signature: bool = False
    online_pin: bool = False
    tvr: Tvr = Tvr.NONE
    tsi: Tsi = Tsi.NONE
    script_results: bytes = b""
    data: dict[str, bytes] = field(default_factory=dict, repr=False)
    trace: Trace = field(default_factory=Trace, repr=False, compare=False)

    @property
    def approved(self) -> bool:
        """True when goods may change hands."""
        return self.ending is Ending.APPROVED

    @property
    def reversal_needed(self) -> bool:
        """True when the host approved and the transaction was not: the host has to be told.

        Source: EMV 4.4 Book 4, 6.3.8 and 12.2.1.
        """
        return self.host_approved and not self.approved
