"""Card values: CVV, CVV2, iCVV, CAVV; dCVV and CVC3 under the card's own key.

Source: as `posterm.hsm.card_values`.
"""

from __future__ import annotations

import hmac

from posterm.hsm import card_values
from posterm.hsm.card_values import CardValue
from posterm.hsm.errors import CardValueError, CardValueMismatch
from posterm.hsm.guard import Verification
from posterm.hsm.keys import Algorithm
from posterm.hsm.mac import MacKey
from posterm.hsm.needs import DERIVE_CARD_VALUE_KEY, GENERATE_CARD_VALUE, VERIFY_CARD_VALUE
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
            _require_same(expected, value)

    def generate_cavv(self, cvk: KeyReference, pan: Pan, transaction_number: str, result_codes: str) -> str:
        """The CAVV of a 3-D Secure transaction: 3 digits.

        Args:
            transaction_number: the 4 digits of the authentication transaction number that count.
            result_codes: authentication result and second factor, 3 digits.
        Raises: KeyUsageError: no card verification key. CardValueError: other lengths.
        """
        opened = self._open(cvk, GENERATE_CARD_VALUE)
        return card_values.cavv(opened.mac, pan, transaction_number, result_codes)

    def verify_cavv(self, cvk: KeyReference, value: str, pan: Pan, transaction_number: str, result_codes: str) -> None:
        """Raises: CardValueMismatch: another value. KeyUsageError, CardValueError: as `generate_cavv`."""
        opened = self._open(cvk, VERIFY_CARD_VALUE)
        expected = card_values.cavv(opened.mac, pan, transaction_number, result_codes)
        with self._counting(Verification.CARD_VALUE, cvk, pan):
            _require_same(expected, value)

    # --- contactless magnetic stripe ----------------------------------------------------------------------------------

    def generate_dcvv(
        self, mk: KeyReference, pan: Pan, expiry: str, service_code: str, atc: int, *, sequence: str = "00"
    ) -> str:
        """The dCVV of a contactless transaction: 3 digits.

        Args:
            mk: the issuer's master key for it, usage E4; the card's key comes of it by option A.
            expiry: YYMM.
            atc: the application transaction counter.
            sequence: the PAN sequence number, 2 digits.
        Raises: KeyUsageError: no such master key. CardValueError: the fields, or a counter beyond 2 bytes.
        """
        card = self._open(mk, DERIVE_CARD_VALUE_KEY).issuer.card(pan, sequence)
        return card_values.dcvv(MacKey(Algorithm.TDES_DOUBLE, card.clear), pan, expiry, service_code, atc)

    def verify_dcvv(
        self,
        mk: KeyReference,
        value: str,
        pan: Pan,
        expiry: str,
        service_code: str,
        atc: int,
        *,
        sequence: str = "00",
    ) -> None:
        """Raises: CardValueMismatch: another value. KeyUsageError, CardValueError: as `generate_dcvv`."""
        expected = self.generate_dcvv(mk, pan, expiry, service_code, atc, sequence=sequence)
        with self._counting(Verification.CARD_VALUE, mk, pan):
            _require_same(expected, value)

    def generate_cvc3(
        self,
        mk: KeyReference,
        pan: Pan,
        track_template: bytes,
        atc: int,
        unpredictable_number: bytes,
        *,
        sequence: str = "00",
    ) -> str:
        """The CVC3 of a contactless transaction: 5 digits, of which the card sends as many as its bitmap says.

        Args:
            mk: the issuer's master key for it, usage E4; the card's key comes of it by option A.
            track_template: static track 1 or track 2 data; 1 to 256 bytes.
            unpredictable_number: 4 bytes, as digits packed.
        Raises: KeyUsageError: no such master key. CardValueError: other lengths.
        """
        card = self._open(mk, DERIVE_CARD_VALUE_KEY).issuer.card(pan, sequence)
        return card_values.cvc3(card.clear, track_template, atc, unpredictable_number)

    def verify_cvc3(
        self,
        mk: KeyReference,
        value: str,
        pan: Pan,
        track_template: bytes,
        atc: int,
        unpredictable_number: bytes,
        *,
        sequence: str = "00",
    ) -> None:
        """Hold the digits that a card sent, 2 to 5, against the rightmost of its CVC3.

        Raises: CardValueMismatch: other digits. CardValueError: another number of them, or as `generate_cvc3`.
        """
        if not 2 <= len(value) <= 5:
            raise CardValueError(f"CVC3: need 2 to 5 digits, found {len(value)}")
        expected = self.generate_cvc3(mk, pan, track_template, atc, unpredictable_number, sequence=sequence)
        with self._counting(Verification.CARD_VALUE, mk, pan):
            _require_same(expected[-len(value) :], value)


def _card_value(opened: OpenKey, kind: CardValue, pan: Pan, expiry: str, service_code: str, month_first: bool) -> str:
    placed = expiry[2:] + expiry[:2] if month_first else expiry
    return card_values.card_value(opened.mac, pan, placed, card_values.service_code_for(kind, service_code))


def _require_same(expected: str, value: str) -> None:
    if not hmac.compare_digest(expected.encode("ascii"), value.encode("utf-8", "replace")):
        raise CardValueMismatch
