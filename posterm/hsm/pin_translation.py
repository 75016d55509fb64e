"""Which PIN block may become which: the table that stands before every translation.

    from \\ to          a form with PAN        NO_PAN, DIEBOLD     ISO_1, ISO_2    NO_PIN
    a form with PAN    the same PAN           by permission       never           never
    NO_PAN, DIEBOLD    allowed                allowed             never           never
    ISO_1              allowed                never               never           never
    ISO_2, NO_PIN      never                  never               never           never

Format 1 carries no PAN and format 2 is for the chip: a block turned into one of them could be tried against any card.
Another PAN, and a weaker cipher, need an explicit permission. Format 1 to the link's form without PAN gives up
nothing, and is left out all the same: nobody needs it.

Source: ISO 9564-1:2017, 9.5 (PIN block translation restrictions); PCI PIN Security 3.1, requirement 3-3; Q/CUP 009
(the form without PAN).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from posterm.hsm.errors import PinError, PinTranslationError
from posterm.hsm.keys import STRENGTH_BITS, Algorithm
from posterm.hsm.needs import PIN_CIPHERS
from posterm.hsm.pin_block import PAN_BOUND, PinFormat


class Rule(Enum):
    """What the table says about one form becoming another."""

    ALLOWED = "allowed"
    BY_PERMISSION = "by permission"
    """It gives up the PAN binding."""
    NEVER = "never"


_WITHOUT_PAN: Final = frozenset({PinFormat.NO_PAN, PinFormat.SM4_NO_PAN, PinFormat.DIEBOLD})
_SOURCES: Final = PAN_BOUND | _WITHOUT_PAN | {PinFormat.ISO_1}


def _rule(source: PinFormat, target: PinFormat) -> Rule:
    if source in _SOURCES and target in PAN_BOUND:
        return Rule.ALLOWED
    if source in _WITHOUT_PAN and target in _WITHOUT_PAN:
        return Rule.ALLOWED
    if source in PAN_BOUND and target in _WITHOUT_PAN:
        return Rule.BY_PERMISSION
    return Rule.NEVER


RULES: Final = {(source, target): _rule(source, target) for source in PinFormat for target in PinFormat}

ALWAYS_ALLOWED: Final = frozenset(
    (source, source_form, target, target_form)
    for (source_form, target_form), rule in RULES.items()
    if rule is Rule.ALLOWED
    for source in PIN_CIPHERS
    for target in PIN_CIPHERS
    if STRENGTH_BITS[target] >= STRENGTH_BITS[source]
)
"""Cipher and form before and after, of every translation that keeps the PAN and needs no permission."""


def require_allowed(
    source: tuple[Algorithm, PinFormat], target: tuple[Algorithm, PinFormat], *, weaker: bool, pan_change: bool
) -> None:
    """Refuse a translation that the table forbids, or that needs a permission which is not there.

    Args:
        weaker: a weaker cipher and giving up the PAN binding are permitted.
        pan_change: another PAN is permitted, or the PAN stays.
    Raises: PinTranslationError: forbidden. PinError: a form without a PIN.
    """
    (source_cipher, source_form), (target_cipher, target_form) = source, target
    if PinFormat.NO_PIN in (source_form, target_form):
        raise PinError("PIN translation: the form without a PIN has none to carry")
    rule = RULES[source_form, target_form]
    if rule is Rule.NEVER:
        raise PinTranslationError(f"PIN translation: from {source_form} to {target_form} is never permitted")
    if not weaker and STRENGTH_BITS[target_cipher] < STRENGTH_BITS[source_cipher]:
        raise PinTranslationError(
            f"PIN translation: from {source_cipher} to the weaker {target_cipher} is not permitted"
        )
    if not weaker and rule is Rule.BY_PERMISSION:
        raise PinTranslationError(
            f"PIN translation: from {source_form} to {target_form}, which does not bind the PAN, is not permitted"
        )
    if not pan_change:
        raise PinTranslationError("PIN translation: to another PAN is not permitted")
