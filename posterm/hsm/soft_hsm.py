"""The HSM in process: keys go by their blocks, PINs and keys are in the clear in here only.

What a command asks of its keys stands in `needs`; how they are opened, in `vault`.

Source: ISO 9564-1 (PIN handling), Q/CUP 009 (MAC, PIN and track of the POS link), Thales payShield (IBM 3624
parameters).
Left out: budgets for failed verifications, authorized states and the audit log, which need a store.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from posterm.hsm import card_values, pin_block, pin_verify, track
from posterm.hsm.at_rest import AtRestKey
from posterm.hsm.card_values import CardValue
from posterm.hsm.errors import CardValueMismatch, KeyUsageError, PinBlockError, PinError, PinMismatch
from posterm.hsm.key_block import KeyBlock, drawn
from posterm.hsm.keys import AES_FAMILY, DES_FAMILY, Algorithm
from posterm.hsm.lmk import Lmk
from posterm.hsm.mac import MacAlgorithm
from posterm.hsm.needs import (
    DECRYPT_PIN,
    DECRYPT_TRACK,
    ENCRYPT_PIN,
    ENCRYPT_TRACK,
    FINGERPRINT,
    GENERATE_CARD_VALUE,
    GENERATE_MAC,
    GENERATE_OFFSET,
    GENERATE_PVV,
    SEAL,
    UNSEAL,
    VERIFY_CARD_VALUE,
    VERIFY_MAC,
    VERIFY_OFFSET,
    VERIFY_PVV,
    Need,
)
from posterm.hsm.pin_block import FILL_BYTES, FILLED, WIDENED, Pin, PinFormat
from posterm.hsm.pin_translation import ALWAYS_ALLOWED, require_allowed
from posterm.hsm.vault import KEPT_KEYS, ExportedKey, KeyVault, OpenKey
from posterm.sensitive import Pan

__all__ = ["KEPT_KEYS", "ExportedKey", "SoftHsm"]


class SoftHsm(KeyVault):
    """A software HSM under one local master key.

    Args:
        lmk: seals the key blocks.
        entropy: called with a number of bytes, gives that many. Operating system randomness, or seeded in simulations.
        kept_keys: how many opened keys are kept at most; the one opened first goes first.
        allow_weaker_translation: let `translate_pin` go to a weaker cipher or give up the PAN binding.
        allow_pan_change: let `translate_pin` bind a block to another PAN.
    """

    __slots__ = ("_allow_pan_change", "_allow_weaker_translation")

    def __init__(
        self,
        lmk: Lmk,
        entropy: Callable[[int], bytes],
        *,
        kept_keys: int = KEPT_KEYS,
        allow_weaker_translation: bool = False,
        allow_pan_change: bool = False,
    ) -> None:
        super().__init__(lmk, entropy, kept_keys=kept_keys)
        self._allow_weaker_translation = allow_weaker_translation
        self._allow_pan_change = allow_pan_change

    # --- MAC ----------------------------------------------------------------------------------------------------------

    def generate_mac(self, key: KeyBlock, algorithm: MacAlgorithm, data: bytes) -> bytes:
        """The MAC over at most 65,536 bytes: 8 bytes as DE 64 carries them.

        Raises: KeyUsageError: no MAC key, or not one for `algorithm`. MacError: too much data.
        """
        opened = self._open(key, GENERATE_MAC[algorithm])
        return opened.mac.generate(algorithm, data)

    def verify_mac(self, key: KeyBlock, algorithm: MacAlgorithm, data: bytes, mac: bytes) -> None:
        """Raises: MacError: `mac` is not the MAC over `data`. KeyUsageError: as `generate_mac`."""
        opened = self._open(key, VERIFY_MAC[algorithm])
        opened.mac.verify(algorithm, data, mac)

    # --- PIN ----------------------------------------------------------------------------------------------------------

    def encrypt_pin(self, pik: KeyBlock, pin: Pin | None, form: PinFormat, pan: Pan | None) -> bytes:
        """An enciphered PIN block: 8 bytes, or 16 under SM4 and AES.

        Args:
            pin: None for `PinFormat.NO_PIN` alone.
            form: under SM4, `ISO_0` and `NO_PAN` mean their 16-byte forms. AES keys take `ISO_4` alone.
            pan: needed by forms that bind it.
        Raises: KeyUsageError: no PIN encryption key, or its cipher and the form differ in block length.
            PinError: PIN or PAN missing, or a PIN too many.
        """
        opened = self._open(pik, ENCRYPT_PIN)
        form = _form_for(opened.algorithm, form)
        if form is PinFormat.NO_PIN:
            clear = pin_block.encode(form, pin, pan)
            return opened.cipher.encrypt(clear.ljust(opened.cipher.block_bytes, b"\xff"))
        if pin is None:
            raise PinError(f"PIN block: the form {form} needs a PIN")
        fill = drawn(self._entropy, FILL_BYTES) if form in FILLED else b""
        return pin_block.encipher(opened.cipher, pin_block.encode_digits(form, pin.reveal(), pan, fill), form, pan)

    def generate_pin_offset(
        self,
        pvk: KeyBlock,
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
        pik: KeyBlock,
        block: bytes,
        form: PinFormat,
        pan: Pan,
        *,
        pvk: KeyBlock,
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
        _, digits = _decrypt_pin(opened, block, _form_for(opened.algorithm, form), pan)
        if not hmac.compare_digest(digits, pin_verify.pin_from_offset(offset, natural)):
            raise PinMismatch

    def generate_pvv(self, pvk: KeyBlock, pin: Pin, pan: Pan, *, key_index: int = 1) -> str:
        """The Visa PIN verification value of a PIN, 4 digits: what the issuer keeps to verify it.

        Args:
            key_index: 0 to 6, which of the issuer's PVKs this is.
        Raises: KeyUsageError: no Visa PIN verification key. PinError: another index.
        """
        opened = self._open(pvk, GENERATE_PVV)
        return pin_verify.pvv(opened.cipher, pin.reveal(), pan, key_index)

    def verify_pin_pvv(
        self, pik: KeyBlock, block: bytes, form: PinFormat, pan: Pan, *, pvk: KeyBlock, pvv: str, key_index: int = 1
    ) -> None:
        """Hold an enciphered PIN block against the issuer's PIN verification value. Only 4 PIN digits count in it.

        Raises: PinMismatch: another PIN. PinBlockError: no PIN in the block. KeyUsageError: either key.
            PinError: a PVV or index of another form.
        """
        opened = self._open(pik, DECRYPT_PIN)
        verifier = self._open(pvk, VERIFY_PVV)
        pin_verify.require_pvv(pvv)
        _, digits = _decrypt_pin(opened, block, _form_for(opened.algorithm, form), pan)
        if not hmac.compare_digest(pin_verify.pvv(verifier.cipher, digits, pan, key_index), pvv):
            raise PinMismatch

    def translate_pin(
        self,
        source_pik: KeyBlock,
        block: bytes,
        source_format: PinFormat,
        target_pik: KeyBlock,
        target_format: PinFormat,
        pan: Pan | None,
        *,
        target_pan: Pan | None = None,
    ) -> bytes:
        """Re-encipher a PIN block under another PIN key, and in another form where that is allowed.

        A form that binds the PAN is not turned into one that does not, nor is the block put under a weaker cipher or
        bound to another PAN, unless this HSM was built to allow it. `pin_translation` has the whole table.

        Args:
            target_pan: the PAN to bind the new block to, when it is to be another.
        Returns: 8 bytes, or 16 under SM4 and AES.
        Raises: PinBlockError: no PIN in the block. PinTranslationError: a translation that weakens, or is never
            allowed. KeyUsageError: either key. PinError: a form without a PIN, or no PAN for one that binds it.
        """
        source = self._open(source_pik, DECRYPT_PIN)
        target = self._open(target_pik, ENCRYPT_PIN)
        if target_pan is None and (source.algorithm, source_format, target.algorithm, target_format) in _PLAIN:
            # Form and PAN stay, and a sound block without fill has one form only: it is the block already.
            if len(block) != source.cipher.block_bytes:
                raise PinBlockError
            clear = source.cipher.decrypt(block)
            pin_block.digits_of(source_format, clear, pan)
            return target.cipher.encrypt(clear)
        source_form = _form_for(source.algorithm, source_format)
        form = _form_for(target.algorithm, target_format)
        changes_pan = target_pan is not None and target_pan != pan
        if changes_pan or (source.algorithm, source_form, target.algorithm, form) not in ALWAYS_ALLOWED:
            require_allowed(
                (source.algorithm, source_form),
                (target.algorithm, form),
                weaker=self._allow_weaker_translation,
                pan_change=self._allow_pan_change or not changes_pan,
            )
        bound_pan = pan if target_pan is None else target_pan
        _, digits = _decrypt_pin(source, block, source_form, pan)
        fill = drawn(self._entropy, FILL_BYTES) if form in FILLED else b""
        clear = pin_block.encode_digits(form, digits, bound_pan, fill)
        return pin_block.encipher(target.cipher, clear, form, bound_pan)

    # --- card values --------------------------------------------------------------------------------------------------

    def generate_card_value(
        self,
        cvk: KeyBlock,
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
        cvk: KeyBlock,
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
        if not hmac.compare_digest(expected.encode("ascii"), value.encode("utf-8", "replace")):
            raise CardValueMismatch

    # --- track --------------------------------------------------------------------------------------------------------

    def encrypt_track(self, tdk: KeyBlock, nibbles: str) -> str:
        """Encipher a track in place, as `posterm.hsm.track` describes.

        Args:
            nibbles: 17 to 107 of 0-9, A-F and `=`.
        Returns: as many nibbles in upper case, separators as D.
        Raises: KeyUsageError: no data key, or one of a cipher with 16-byte blocks. TrackError: no such track.
        """
        opened = self._open(tdk, ENCRYPT_TRACK)
        return track.in_place(nibbles, opened.cipher.encrypt)

    def decrypt_track(self, tdk: KeyBlock, nibbles: str) -> str:
        """The reverse of `encrypt_track`; separators come out as D."""
        opened = self._open(tdk, DECRYPT_TRACK)
        return track.in_place(nibbles, opened.cipher.decrypt)

    # --- data at rest -------------------------------------------------------------------------------------------------

    def seal(self, key: KeyBlock, plaintext: bytes, context: bytes) -> bytes:
        """Seal at most 65,536 bytes for a store; `context` names their place and is needed to unseal them.

        Returns: 28 bytes more than `plaintext`.
        Raises: KeyUsageError: no storage key. SealedDataError: too much data.
        """
        return self._at_rest(key, SEAL).seal(plaintext, context, self._entropy)

    def unseal(self, key: KeyBlock, sealed: bytes, context: bytes) -> bytes:
        """Raises: SealedDataError: altered, of another key, or from another place. KeyUsageError: no storage key."""
        return self._at_rest(key, UNSEAL).unseal(sealed, context)

    def fingerprint(self, key: KeyBlock, data: bytes) -> str:
        """32 hexadecimal digits by which a store finds a value it does not hold. Raises: KeyUsageError."""
        return self._at_rest(key, FINGERPRINT).fingerprint(data)

    def _at_rest(self, key: KeyBlock, need: Need) -> AtRestKey:
        at_rest = self._open(key, need).at_rest
        if at_rest is None:
            raise KeyUsageError(f"a {need.usage} key is an AES key")
        return at_rest


def _decrypt_pin(opened: OpenKey, block: bytes, form: PinFormat, pan: Pan | None) -> tuple[bytes, str]:
    """The clear block and the digits in it; `form` as the cipher has it."""
    if len(block) != opened.cipher.block_bytes:
        raise PinBlockError
    if form is PinFormat.ISO_4:
        clear = pin_block.decipher_iso_4(opened.cipher, block, pan)
    else:
        clear = opened.cipher.decrypt(block)
    return clear, pin_block.digits_of(form, clear, pan)


def _card_value(opened: OpenKey, kind: CardValue, pan: Pan, expiry: str, service_code: str, month_first: bool) -> str:
    placed = expiry[2:] + expiry[:2] if month_first else expiry
    return card_values.card_value(opened.mac, pan, placed, card_values.service_code_for(kind, service_code))


def _form_for(algorithm: Algorithm, form: PinFormat) -> PinFormat:
    """The form as this cipher's block length has it."""
    found = _FORMS.get((algorithm, form))
    if found is None:
        raise KeyUsageError(f"PIN block: a {algorithm} key does not encipher the form {form}")
    return found


# A cipher of 16-byte blocks takes the wide form of what is asked for, one of 8-byte blocks no wide form at all; AES
# has a form of its own.
_FORMS: Final = {
    **{(cipher, form): form for cipher in DES_FAMILY for form in PinFormat if form.block_bytes == 8},
    **{(Algorithm.SM4, form): wide for form, wide in WIDENED.items()},
    (Algorithm.SM4, PinFormat.NO_PIN): PinFormat.NO_PIN,
    **{(cipher, PinFormat.ISO_4): PinFormat.ISO_4 for cipher in AES_FAMILY},
}

# Translations that need no permission and leave the clear block as it is.
_PLAIN: Final = frozenset(
    (source, source_form, target, target_form)
    for source, source_form, target, target_form in ALWAYS_ALLOWED
    if source_form is target_form
    and source_form not in FILLED
    and _FORMS.get((source, source_form)) is source_form
    and _FORMS.get((target, target_form)) is target_form
)
