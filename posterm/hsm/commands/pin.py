"""PINs enciphered, and held against what the issuer keeps: IBM 3624 offset, Visa PVV.

Source: ISO 9564-1 (PIN handling), Thales payShield (IBM 3624 and PVV parameters).
"""

from __future__ import annotations

import hmac

from posterm.hsm import pin_block, pin_verify
from posterm.hsm.commands.pin_forms import decrypt_pin, form_for
from posterm.hsm.errors import PinError, PinMismatch
from posterm.hsm.key_block import drawn
from posterm.hsm.needs import (
    DECRYPT_PIN,
    ENCRYPT_PIN,
    GENERATE_OFFSET,
    GENERATE_PVV,
    VERIFY_OFFSET,
    VERIFY_PVV,
)
from posterm.hsm.pin_block import FILL_BYTES, FILLED, Pin, PinFormat
from posterm.hsm.variant_key import KeyReference
from posterm.hsm.vault import KeyVault
from posterm.sensitive import Pan


class PinCommands(KeyVault):
    """PIN encipherment and verification."""

    __slots__ = ()

    def encrypt_pin(self, pik: KeyReference, pin: Pin | None, form: PinFormat, pan: Pan | None) -> bytes:
        """An enciphered PIN block: 8 bytes, or 16 under SM4 and AES.

        Args:
            pin: None for `PinFormat.NO_PIN` alone.
            form: under SM4, `ISO_0` and `NO_PAN` mean their 16-byte forms. AES keys take `ISO_4` alone.
            pan: needed by forms that bind it.
        Raises: KeyUsageError: no PIN encryption key, or its cipher and the form differ in block length.
            PinError: PIN or PAN missing, or a PIN too many.
        """
        opened = self._open(pik, ENCRYPT_PIN)
        form = form_for(opened.algorithm, form)
        if form is PinFormat.NO_PIN:
            clear = pin_block.encode(form, pin, pan)
            return opened.cipher.encrypt(clear.ljust(opened.cipher.block_bytes, b"\xff"))
        if pin is None:
            raise PinError(f"PIN block: the form {form} needs a PIN")
        fill = drawn(self._entropy, FILL_BYTES) if form in FILLED else b""
        return pin_block.encipher(opened.cipher, pin_block.encode_digits(form, pin.reveal(), pan, fill), form, pan)

    def generate_pin_offset(
        self,
        pvk: KeyReference,
        pin: Pin,
        pan: Pan,
        *,
        validation_data: str | None = None,
        decimalisation_table: str = pin_verify.DECIMALISATION_TABLE,
    ) -> str:
        """The IBM 3624 offset of a PIN: what the issuer keeps to verify it. As many digits as the PIN.

        Args:
            validation_data: 16 hexadecimal digits; the 12 rightmost PAN digits before the check digit and `FFFF` when
                left out. `pin_verify.validation_data_from_template` makes it from the payShield form.
            decimalisation_table: 16 digits, at least 8 different, none more than 4 times.
        Raises: KeyUsageError: no IBM PIN verification key. PinError: validation data or table of another form.
        """
        opened = self._open(pvk, GENERATE_OFFSET)
        if validation_data is None:
            validation_data = pin_verify.default_validation_data(pan)
        digits = pin.reveal()
        natural = pin_verify.natural_pin(opened.cipher, len(digits), validation_data, decimalisation_table)
        return pin_verify.offset_of(digits, natural)

    def verify_pin(
        self,
        pik: KeyReference,
        block: bytes,
        form: PinFormat,
        pan: Pan,
        *,
        pvk: KeyReference,
        offset: str,
        validation_data: str | None = None,
        decimalisation_table: str = pin_verify.DECIMALISATION_TABLE,
    ) -> None:
        """Hold an enciphered PIN block against the issuer's IBM 3624 offset.

        Args:
            offset: 4 to 12 digits; its length is the check length, and the PIN must have the same.
            validation_data, decimalisation_table: as for `generate_pin_offset`.
        Raises: PinMismatch: another PIN. PinBlockError: no PIN in the block. KeyUsageError: either key.
            PinError: offset, validation data or table of another form.
        """
        opened = self._open(pik, DECRYPT_PIN)
        verifier = self._open(pvk, VERIFY_OFFSET)
        pin_verify.require_offset(offset)
        if validation_data is None:
            validation_data = pin_verify.default_validation_data(pan)
        natural = pin_verify.natural_pin(verifier.cipher, len(offset), validation_data, decimalisation_table)
        _, digits = decrypt_pin(opened, block, form_for(opened.algorithm, form), pan)
        if not hmac.compare_digest(digits, pin_verify.pin_from_offset(offset, natural)):
            raise PinMismatch

    def generate_pvv(self, pvk: KeyReference, pin: Pin, pan: Pan, *, key_index: int = 1) -> str:
        """The Visa PIN verification value of a PIN, 4 digits: what the issuer keeps to verify it.

        Args:
            key_index: 0 to 6, which of the issuer's PVKs this is.
        Raises: KeyUsageError: no Visa PIN verification key. PinError: another index.
        """
        opened = self._open(pvk, GENERATE_PVV)
        return pin_verify.pvv(opened.cipher, pin.reveal(), pan, key_index)

    def verify_pin_pvv(
        self,
        pik: KeyReference,
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
            PinError: a PVV or index of another form.
        """
        opened = self._open(pik, DECRYPT_PIN)
        verifier = self._open(pvk, VERIFY_PVV)
        pin_verify.require_pvv(pvv)
        _, digits = decrypt_pin(opened, block, form_for(opened.algorithm, form), pan)
        if not hmac.compare_digest(pin_verify.pvv(verifier.cipher, digits, pan, key_index), pvv):
            raise PinMismatch
