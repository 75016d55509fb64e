"""PIN blocks re-enciphered under another key, and in another form where `posterm.hsm.pin_translation` allows it.

Source: ISO 9564-1:2017, 9.5 (translation restrictions).
"""

from __future__ import annotations

from typing import Final

from posterm.hsm import pin_block
from posterm.hsm.commands.pin_forms import FORMS, decrypt_pin, form_for
from posterm.hsm.dukpt_key import DukptKey, WorkingKey
from posterm.hsm.errors import PinBlockError
from posterm.hsm.guard import Activity, Verification
from posterm.hsm.key_block import drawn
from posterm.hsm.keys import Algorithm
from posterm.hsm.needs import DECRYPT_PIN, ENCRYPT_PIN
from posterm.hsm.pin_block import FILL_BYTES, FILLED, LENGTH_OF, PinFormat
from posterm.hsm.pin_translation import ALWAYS_ALLOWED, require_allowed
from posterm.hsm.variant_key import KeyReference
from posterm.hsm.vault import KeyVault, PlainWay
from posterm.sensitive import Pan


class PinTranslation(KeyVault):
    """PIN blocks from one key to another.

    Args:
        allow_weaker_translation: let `translate_pin` go to a weaker cipher or give up the PAN binding.
        allow_pan_change: let `translate_pin` bind a block to another PAN.
    """

    __slots__ = ("_allow_pan_change", "_allow_weaker_translation")

    _allow_pan_change: bool
    _allow_weaker_translation: bool

    def translate_pin(
        self,
        source_pik: WorkingKey,
        block: bytes,
        source_format: PinFormat,
        target_pik: KeyReference,
        target_format: PinFormat,
        pan: Pan | None,
        *,
        target_pan: Pan | None = None,
    ) -> bytes:
        """Re-encipher a PIN block under another PIN key, and in another form where that is allowed.

        A form that binds the PAN is not turned into one that does not, nor is the block put under a weaker cipher or
        bound to another PAN, unless its guard permits it now, or this HSM was built to allow it and has no guard.
        `pin_translation` has the whole table.

        Args:
            target_pan: the PAN to bind the new block to, when it is to be another.
        Returns: 8 bytes, or 16 under SM4 and AES.
        Raises: PinBlockError: no PIN in the block. PinTranslationError: a translation that weakens, or is never
            allowed. KeyUsageError: either key. PinError: a form without a PIN, or no PAN for one that binds it.
            BudgetSpentError: too many malformed blocks before.
        """
        return self.translate_counted_pin(
            source_pik, block, source_format, target_pik, target_format, pan, target_pan=target_pan
        )[0]

    def translate_counted_pin(
        self,
        source_pik: WorkingKey,
        block: bytes,
        source_format: PinFormat,
        target_pik: KeyReference,
        target_format: PinFormat,
        pan: Pan | None,
        *,
        target_pan: Pan | None = None,
    ) -> tuple[bytes, int]:
        """As `translate_pin`, and the PIN's number of digits, which host commands tell."""
        plain = None
        if target_pan is None:
            plain = self._plain.get((source_pik, source_format, target_pik, target_format))
        if self._guard is None:
            if plain is not None:
                return _plainly(plain, block, pan)
            return self._translate(source_pik, block, source_format, target_pik, target_format, pan, target_pan)
        with self._counting(Verification.PIN, source_pik):
            if plain is not None:
                return _plainly(plain, block, pan)
            return self._translate(source_pik, block, source_format, target_pik, target_format, pan, target_pan)

    def _translate(
        self,
        source_pik: WorkingKey,
        block: bytes,
        source_format: PinFormat,
        target_pik: KeyReference,
        target_format: PinFormat,
        pan: Pan | None,
        target_pan: Pan | None,
    ) -> tuple[bytes, int]:
        source = self._open(source_pik, DECRYPT_PIN)
        target = self._open(target_pik, ENCRYPT_PIN)
        if target_pan is None and (source.algorithm, source_format, target.algorithm, target_format) in _PLAIN:
            ciphers = source.cipher.decrypt, target.cipher.encrypt
            plain = (*ciphers, source.cipher.block_bytes, LENGTH_OF[source_format])
            if not isinstance(source_pik, DukptKey):
                self._plain[source_pik, source_format, target_pik, target_format] = plain
            return _plainly(plain, block, pan)
        source_form = form_for(source.algorithm, source_format)
        form = form_for(target.algorithm, target_format)
        changes_pan = target_pan is not None and target_pan != pan
        if changes_pan or (source.algorithm, source_form, target.algorithm, form) not in ALWAYS_ALLOWED:
            self._require_allowed((source.algorithm, source_form), (target.algorithm, form), changes_pan=changes_pan)
        bound_pan = pan if target_pan is None else target_pan
        _, digits = decrypt_pin(source, block, source_form, pan)
        fill = drawn(self._entropy, FILL_BYTES) if form in FILLED else b""
        clear = pin_block.encode_digits(form, digits, bound_pan, fill)
        return pin_block.encipher(target.cipher, clear, form, bound_pan), len(digits)

    def _require_allowed(
        self, source: tuple[Algorithm, PinFormat], target: tuple[Algorithm, PinFormat], *, changes_pan: bool
    ) -> None:
        """Refuse what the table forbids and nobody permits; what a guard permits it writes down."""
        guard = self._guard
        if guard is None:
            weaker, pan_change = self._allow_weaker_translation, self._allow_pan_change
        else:
            weaker = guard.is_authorized(Activity.WEAKER_PIN_TRANSLATION)
            pan_change = guard.is_authorized(Activity.PAN_CHANGE)
        require_allowed(source, target, weaker=weaker, pan_change=pan_change or not changes_pan)
        if changes_pan:
            self._permit(Activity.PAN_CHANGE)
        if (*source, *target) not in ALWAYS_ALLOWED:
            self._permit(Activity.WEAKER_PIN_TRANSLATION)


def _plainly(plain: PlainWay, block: bytes, pan: Pan | None) -> tuple[bytes, int]:
    """Form and PAN stay, and a sound block without fill has one form only: it is the block already."""
    decrypt, encrypt, size, length_of = plain
    if len(block) != size:
        raise PinBlockError
    clear = decrypt(block)
    length = length_of(clear, pan)
    return encrypt(clear), length


# Translations that need no permission and leave the clear block as it is.
_PLAIN: Final = frozenset(
    (source, source_form, target, target_form)
    for source, source_form, target, target_form in ALWAYS_ALLOWED
    if source_form is target_form
    and source_form in LENGTH_OF
    and FORMS.get((source, source_form)) is source_form
    and FORMS.get((target, target_form)) is target_form
)
