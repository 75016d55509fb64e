"""Card values: CVV, CVV2, iCVV.

Source: as `posterm.hsm.card_values`.
"""

from __future__ import annotations

import hmac

from posterm.hsm import card_values
from posterm.hsm.card_values import CardValue
from posterm.hsm.errors import CardValueMismatch
from posterm.hsm.guard import Verification
from posterm.hsm.needs import GENERATE_CARD_VALUE, VERIFY_CARD_VALUE
from posterm.hsm.variant_key import KeyReference
from posterm.hsm.vault import KeyVault, OpenKey
from posterm.sensitive import Pan


class CardCommands(KeyVault):
    """Card verification values."""

    __slots__ = ()

    def generate_card_value(
        self,
        cvk: KeyReference,
        kind: CardValue,
        pan: Pan,
        expiry: str,
        service_code: str = "",
        *,
        month_first: bool = False,
    ) -> str:
        """CVV, CVV2 or iCVV of a card: 3 digits.

        Args:
            expiry: YYMM.
            service_code: 3 digits for CVV; the others have their own.
            month_first: put the expiry in as MMYY, as some issuers do for CVV2.
        Raises: KeyUsageError: no card verification key. CardValueError: expiry or service code of another form.
        """
        opened = self._open(cvk, GENERATE_CARD_VALUE)
        return _card_value(opened, kind, pan, expiry, service_code, month_first)

    def verify_card_value(
        self,
        cvk: KeyReference,
        kind: CardValue,
        value: str,
        pan: Pan,
        expiry: str,
        service_code: str = "",
        *,
        month_first: bool = False,
    ) -> None:
        """Raises: CardValueMismatch: another value. KeyUsageError, CardValueError: as `generate_card_value`."""
        opened = self._open(cvk, VERIFY_CARD_VALUE)
        expected = _card_value(opened, kind, pan, expiry, service_code, month_first)
        with self._counting(Verification.CARD_VALUE, cvk, pan):
            if not hmac.compare_digest(expected.encode("ascii"), value.encode("utf-8", "replace")):
                raise CardValueMismatch


def _card_value(opened: OpenKey, kind: CardValue, pan: Pan, expiry: str, service_code: str, month_first: bool) -> str:
    placed = expiry[2:] + expiry[:2] if month_first else expiry
    return card_values.card_value(opened.mac, pan, placed, card_values.service_code_for(kind, service_code))
