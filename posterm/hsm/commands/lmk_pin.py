"""PINs as a host keeps them, under the local master key: from PIN blocks, into PIN blocks, held against PIN blocks.

Source: Thales payShield (BA, NG, JC, JE, JG, BC, BE).
"""

from __future__ import annotations

import hmac

from posterm.hsm import pin_block
from posterm.hsm.commands.pin_forms import decrypt_pin, form_for
from posterm.hsm.dukpt_key import WorkingKey
from posterm.hsm.errors import PinMismatch
from posterm.hsm.guard import Activity, Verification
from posterm.hsm.key_block import drawn
from posterm.hsm.lmk import Lmk
from posterm.hsm.lmk_pin import unwrap_pin, wrap_pin
from posterm.hsm.needs import DECRYPT_PIN, ENCRYPT_PIN
from posterm.hsm.pin_block import FILL_BYTES, FILLED, Pin, PinFormat
from posterm.hsm.variant_lmk import VariantLmk
from posterm.hsm.vault import KeyVault
from posterm.sensitive import Pan


class LmkPinCommands(KeyVault):
    """PINs under a local master key; `variant` chooses which, where there are two."""

    __slots__ = ()

    def wrap_pin(self, pin: Pin, pan: Pan, *, variant: bool = False) -> str:
        """A clear PIN under the local master key, as `posterm.hsm.lmk_pin` has it.

        Raises: NotAuthorizedError: clear PINs are not permitted now.
        """
        self._permit(Activity.CLEAR_PINS)
        return self._wrapped(pin, pan, variant)

    def unwrap_pin(self, text: str, pan: Pan, *, variant: bool = False) -> Pin:
        """The clear PIN, to give out.

        Raises: PinError, PinBlockError: not of this PAN and local master key. NotAuthorizedError: as `wrap_pin`.
        """
        self._permit(Activity.CLEAR_PINS)
        return self.kept_pin(text, pan, variant=variant)

    def kept_pin(self, text: str, pan: Pan, *, variant: bool = False) -> Pin:
        """The PIN for another command, such as `generate_pvv`. Raises: PinError, PinBlockError: as `unwrap_pin`."""
        return unwrap_pin(self._pin_lmk(variant), text, pan)

    def pin_from_block(self, pik: WorkingKey, block: bytes, form: PinFormat, pan: Pan, *, variant: bool = False) -> str:
        """The PIN of an enciphered block, under the local master key. Raises: PinBlockError. KeyUsageError."""
        opened = self._open(pik, DECRYPT_PIN)
        with self._counting(Verification.PIN, pik):
            _, digits = decrypt_pin(opened, block, form_for(opened.algorithm, form), pan)
        return self._wrapped(Pin(digits), pan, variant)

    def pin_to_block(self, pik: WorkingKey, text: str, form: PinFormat, pan: Pan, *, variant: bool = False) -> bytes:
        """A PIN under the local master key, as an enciphered block. Raises: as `unwrap_pin` and `encrypt_pin`."""
        opened = self._open(pik, ENCRYPT_PIN)
        form = form_for(opened.algorithm, form)
        fill = drawn(self._entropy, FILL_BYTES) if form in FILLED else b""
        clear = pin_block.encode(form, self.kept_pin(text, pan, variant=variant), pan, fill)
        return pin_block.encipher(opened.cipher, clear, form, pan)

    def compare_pin(
        self, pik: WorkingKey, block: bytes, form: PinFormat, pan: Pan, text: str, *, variant: bool = False
    ) -> None:
        """Hold an enciphered block against a PIN under the local master key.

        Raises: PinMismatch: another PIN. PinBlockError: no PIN in the block. KeyUsageError: no PIN key.
        """
        opened = self._open(pik, DECRYPT_PIN)
        expected = self.kept_pin(text, pan, variant=variant)
        with self._counting(Verification.PIN, pik, pan):
            _, digits = decrypt_pin(opened, block, form_for(opened.algorithm, form), pan)
            if not hmac.compare_digest(digits, expected.reveal()):
                raise PinMismatch

    def _wrapped(self, pin: Pin, pan: Pan, variant: bool) -> str:
        return wrap_pin(self._pin_lmk(variant), pin, pan, drawn(self._entropy, FILL_BYTES))

    def _pin_lmk(self, variant: bool) -> Lmk | VariantLmk:
        return self._variants() if variant else self._lmk
