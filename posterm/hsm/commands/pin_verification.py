"""PINs held against what the issuer keeps, IBM 3624 offset or Visa PVV, and what is kept for a new one.

Source: ISO 9564-1 (PIN handling), Thales payShield (DA, DC, EA, EC, BK, DU, CU, FW; IBM 3624 and PVV parameters).
"""

from __future__ import annotations

import hmac

from posterm.hsm import pin_verify
from posterm.hsm.commands.pin_forms import decrypt_pin, form_for
from posterm.hsm.dukpt_key import WorkingKey
from posterm.hsm.errors import PinMismatch
from posterm.hsm.guard import Activity, Verification
from posterm.hsm.needs import DECRYPT_PIN, GENERATE_OFFSET, GENERATE_PVV, VERIFY_OFFSET, VERIFY_PVV
from posterm.hsm.pin_block import Pin, PinFormat
from posterm.hsm.pin_verify import DECIMALISATION_TABLE
from posterm.hsm.variant_key import KeyReference
from posterm.hsm.vault import KeyVault, OpenKey
from posterm.sensitive import Pan


class PinVerification(KeyVault):
    """PIN verification, offsets and PVVs."""

    __slots__ = ()

    # --- IBM 3624 -----------------------------------------------------------------------------------------------------

    def generate_pin_offset(
        self,
        pvk: KeyReference,
        pin: Pin,
        pan: Pan,
        *,
        validation_data: str | None = None,
        decimalisation_table: str = DECIMALISATION_TABLE,
    ) -> str:
        """The IBM 3624 offset of a PIN: what the issuer keeps to verify it. As many digits as the PIN.

        Args:
            validation_data: 16 hexadecimal digits; the 12 rightmost PAN digits before the check digit and `FFFF` when
                left out. `pin_verify.validation_data_from_template` makes it from the payShield form.
            decimalisation_table: 16 digits, at least 8 different, none more than 4 times.
        Raises: KeyUsageError: no IBM PIN verification key. PinError: validation data or table of another form.
            NotAuthorizedError: PIN data are not permitted now.
        """
        opened = self._open(pvk, GENERATE_OFFSET)
        self._permit(Activity.PIN_DATA)
        return _offset(opened, pin.reveal(), pan, validation_data, decimalisation_table)

    def generate_pin_offset_of_block(
        self,
        pik: WorkingKey,
        block: bytes,
        form: PinFormat,
        pan: Pan,
        *,
        pvk: KeyReference,
        validation_data: str | None = None,
        decimalisation_table: str = DECIMALISATION_TABLE,
    ) -> str:
        """The offset of the PIN in an enciphered block.

        Raises: as `generate_pin_offset`, and PinBlockError: no PIN in the block.
        """
        opened = self._open(pvk, GENERATE_OFFSET)
        source = self._open(pik, DECRYPT_PIN)
        self._permit(Activity.PIN_DATA)
        with self._counting(Verification.PIN, pik):
            digits = _digits(source, block, form, pan)
        return _offset(opened, digits, pan, validation_data, decimalisation_table)

    def verify_pin(
        self,
        pik: WorkingKey,
        block: bytes,
        form: PinFormat,
        pan: Pan,
        *,
        pvk: KeyReference,
        offset: str,
        validation_data: str | None = None,
        decimalisation_table: str = DECIMALISATION_TABLE,
    ) -> None:
        """Hold an enciphered PIN block against the issuer's IBM 3624 offset.

        Args:
            offset: 4 to 12 digits; its length is the check length, and the PIN must have the same.
            validation_data, decimalisation_table: as for `generate_pin_offset`.
        Raises: PinMismatch: another PIN. PinBlockError: no PIN in the block. KeyUsageError: either key.
            PinError: offset, validation data or table of another form. BudgetSpentError: too many failures before.
        """
        source = self._open(pik, DECRYPT_PIN)
        verifier = self._open(pvk, VERIFY_OFFSET)
        expected = _pin_of_offset(verifier, offset, pan, validation_data, decimalisation_table)
        with self._counting(Verification.PIN, pvk, pan):
            if not hmac.compare_digest(_digits(source, block, form, pan), expected):
                raise PinMismatch

    def change_pin_offset(
        self,
        pik: WorkingKey,
        block: bytes,
        new_block: bytes,
        form: PinFormat,
        pan: Pan,
        *,
        pvk: KeyReference,
        offset: str,
        validation_data: str | None = None,
        decimalisation_table: str = DECIMALISATION_TABLE,
    ) -> str:
        """The offset of a cardholder's new PIN, once the present one has verified.

        Raises: as `verify_pin`; PinBlockError for either block.
        """
        opened = self._open(pvk, GENERATE_OFFSET)
        self.verify_pin(
            pik,
            block,
            form,
            pan,
            pvk=pvk,
            offset=offset,
            validation_data=validation_data,
            decimalisation_table=decimalisation_table,
        )
        digits = _digits(self._open(pik, DECRYPT_PIN), new_block, form, pan)
        return _offset(opened, digits, pan, validation_data, decimalisation_table)

    # --- Visa PVV -----------------------------------------------------------------------------------------------------

    def generate_pvv(self, pvk: KeyReference, pin: Pin, pan: Pan, *, key_index: int = 1) -> str:
        """The Visa PIN verification value of a PIN, 4 digits: what the issuer keeps to verify it.

        Args:
            key_index: 0 to 6, which of the issuer's PVKs this is.
        Raises: KeyUsageError: no Visa PIN verification key. PinError: another index. NotAuthorizedError: PIN data are
            not permitted now.
        """
        opened = self._open(pvk, GENERATE_PVV)
        self._permit(Activity.PIN_DATA)
        return pin_verify.pvv(opened.cipher, pin.reveal(), pan, key_index)

    def generate_pvv_of_block(
        self, pik: WorkingKey, block: bytes, form: PinFormat, pan: Pan, *, pvk: KeyReference, key_index: int = 1
    ) -> str:
        """The PIN verification value of the PIN in an enciphered block.

        Raises: as `generate_pvv`, and PinBlockError: no PIN in the block.
        """
        opened = self._open(pvk, GENERATE_PVV)
        source = self._open(pik, DECRYPT_PIN)
        self._permit(Activity.PIN_DATA)
        with self._counting(Verification.PIN, pik):
            digits = _digits(source, block, form, pan)
        return pin_verify.pvv(opened.cipher, digits, pan, key_index)

    def verify_pin_pvv(
        self,
        pik: WorkingKey,
        block: bytes,
        form: PinFormat,
        pan: Pan,
        *,
        pvk: KeyReference,
        pvv: str,
        key_index: int = 1,
    ) -> None:
        """Hold an enciphered PIN block against the issuer's PIN verification value. Only 4 PIN digits count in it.

        Raises: PinMismatch: another PIN. PinBlockError: no PIN in the block. KeyUsageError: either key.
            PinError: a PVV or index of another form. BudgetSpentError: too many failures before.
        """
        source = self._open(pik, DECRYPT_PIN)
        verifier = self._open(pvk, VERIFY_PVV)
        pin_verify.require_pvv(pvv)
        with self._counting(Verification.PIN, pvk, pan):
            digits = _digits(source, block, form, pan)
            if not hmac.compare_digest(pin_verify.pvv(verifier.cipher, digits, pan, key_index), pvv):
                raise PinMismatch

    def change_pin_pvv(
        self,
        pik: WorkingKey,
        block: bytes,
        new_block: bytes,
        form: PinFormat,
        pan: Pan,
        *,
        pvk: KeyReference,
        pvv: str,
        key_index: int = 1,
    ) -> str:
        """The PVV of a cardholder's new PIN, once the present one has verified.

        Raises: as `verify_pin_pvv`; PinBlockError for either block.
        """
        opened = self._open(pvk, GENERATE_PVV)
        self.verify_pin_pvv(pik, block, form, pan, pvk=pvk, pvv=pvv, key_index=key_index)
        digits = _digits(self._open(pik, DECRYPT_PIN), new_block, form, pan)
        return pin_verify.pvv(opened.cipher, digits, pan, key_index)

    # --- comparison ---------------------------------------------------------------------------------------------------

    def compare_pins(
        self,
        pik: WorkingKey,
        block: bytes,
        form: PinFormat,
        pan: Pan,
        *,
        kept_key: KeyReference,
        kept_block: bytes,
        kept_form: PinFormat,
    ) -> None:
        """Hold an enciphered PIN block against the one that the issuer keeps, which may be of another key and form.

        Raises: PinMismatch: another PIN. PinBlockError: no PIN in either block. KeyUsageError: either key.
            BudgetSpentError: too many failures before.
        """
        source, kept = self._open(pik, DECRYPT_PIN), self._open(kept_key, DECRYPT_PIN)
        with self._counting(Verification.PIN, kept_key, pan):
            digits = _digits(source, block, form, pan)
            if not hmac.compare_digest(digits, _digits(kept, kept_block, kept_form, pan)):
                raise PinMismatch


def _digits(opened: OpenKey, block: bytes, form: PinFormat, pan: Pan) -> str:
    return decrypt_pin(opened, block, form_for(opened.algorithm, form), pan)[1]


def _offset(pvk: OpenKey, digits: str, pan: Pan, validation_data: str | None, table: str) -> str:
    if validation_data is None:
        validation_data = pin_verify.default_validation_data(pan)
    return pin_verify.offset_of(digits, pin_verify.natural_pin(pvk.cipher, len(digits), validation_data, table))


def _pin_of_offset(pvk: OpenKey, offset: str, pan: Pan, validation_data: str | None, table: str) -> str:
    pin_verify.require_offset(offset)
    if validation_data is None:
        validation_data = pin_verify.default_validation_data(pan)
    natural = pin_verify.natural_pin(pvk.cipher, len(offset), validation_data, table)
    return pin_verify.pin_from_offset(offset, natural)
