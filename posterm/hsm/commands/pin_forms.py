"""Which form of PIN block goes with which cipher, and the PIN in an enciphered block.

Source: ISO 9564-1 (formats), Q/CUP 009 (the forms of SM4).
"""

from __future__ import annotations

from typing import Final

from posterm.hsm import pin_block
from posterm.hsm.errors import KeyUsageError, PinBlockError
from posterm.hsm.keys import AES_FAMILY, DES_FAMILY, Algorithm
from posterm.hsm.pin_block import WIDENED, PinFormat
from posterm.hsm.vault import OpenKey
from posterm.sensitive import Pan


def decrypt_pin(opened: OpenKey, block: bytes, form: PinFormat, pan: Pan | None) -> tuple[bytes, str]:
    """The clear block and the digits in it; `form` as the cipher has it."""
    if len(block) != opened.cipher.block_bytes:
        raise PinBlockError
    if form is PinFormat.ISO_4:
        clear = pin_block.decipher_iso_4(opened.cipher, block, pan)
    else:
        clear = opened.cipher.decrypt(block)
    return clear, pin_block.digits_of(form, clear, pan)


def form_for(algorithm: Algorithm, form: PinFormat) -> PinFormat:
    """The form as this cipher's block length has it."""
    found = FORMS.get((algorithm, form))
    if found is None:
        raise KeyUsageError(f"PIN block: a {algorithm} key does not encipher the form {form}")
    return found


# A cipher of 16-byte blocks takes the wide form of what is asked for, one of 8-byte blocks no wide form at all; AES
# has a form of its own.
FORMS: Final = {
    **{(cipher, form): form for cipher in DES_FAMILY for form in PinFormat if form.block_bytes == 8},
    **{(Algorithm.SM4, form): wide for form, wide in WIDENED.items()},
    (Algorithm.SM4, PinFormat.NO_PIN): PinFormat.NO_PIN,
    **{(cipher, PinFormat.ISO_4): PinFormat.ISO_4 for cipher in AES_FAMILY},
}
