"""PINs as a host keeps them: under the local master key.

    variant LMK, TDES key-block LMK     as many digits as the PIN and one more: a zero and the PIN by FF1, with the 12
                                        rightmost PAN digits before the check digit as the tweak
    AES key-block LMK                   J and 32 hexadecimal digits: an ISO 9564-1 format 4 block
    the published variant test LMK      a zero and the PIN, as they are: there is nothing to keep secret under it

How a payShield enciphers a PIN under its LMK is not published, so PINs do not move from one to posterm; the form of the
test LMK is that of the published samples. There are few PINs of four digits, and whoever may ask this HSM as often as
he likes finds any of them: the verification budgets stand against that, not this cipher.

Source: Thales payShield (lengths of the fields, `J`); NIST SP 800-38G (FF1); ISO 9564-1:2017, 9.4 (format 4).
"""

from __future__ import annotations

import re
from typing import Final

from posterm.hsm import ff1, pin_block
from posterm.hsm.errors import PinBlockError, PinError
from posterm.hsm.keys import Algorithm
from posterm.hsm.lmk import Lmk
from posterm.hsm.pin_block import LONGEST, SHORTEST, Pin, PinFormat
from posterm.hsm.primitives import BlockCipher, aes_algorithm
from posterm.hsm.variant_lmk import VariantLmk
from posterm.sensitive import Pan

_AES_FORM: Final = re.compile(r"J[0-9A-F]{32}", re.ASCII)
_DIGITS_FORM: Final = re.compile(rf"[0-9]{{{SHORTEST + 1},{LONGEST + 1}}}", re.ASCII)


def wrap_pin(lmk: Lmk | VariantLmk, pin: Pin, pan: Pan, fill: bytes) -> str:
    """A PIN under a local master key.

    Args:
        pan: its 12 rightmost digits before the check digit are used.
        fill: 8 bytes of entropy, for the AES form.
    """
    digits = pin.reveal()
    if isinstance(lmk, VariantLmk) and lmk.is_test:
        return "0" + digits
    if _is_aes(lmk):
        bound = _bound(pan)
        clear = pin_block.encode_digits(PinFormat.ISO_4, digits, bound, fill)
        return "J" + pin_block.encipher(_cipher(lmk), clear, PinFormat.ISO_4, bound).hex().upper()
    return ff1.encrypt(lmk.pin_key, pan.pan12.encode("ascii"), "0" + digits)


def unwrap_pin(lmk: Lmk | VariantLmk, text: str, pan: Pan) -> Pin:
    """The PIN in what `wrap_pin` gave.

    Raises: PinError: not its form. PinBlockError: of another PAN or local master key, as far as that shows.
    """
    if _is_aes(lmk):
        if _AES_FORM.fullmatch(text) is None:
            raise PinError("PIN under the LMK: need J and 32 hexadecimal digits, found something else")
        bound = _bound(pan)
        clear = pin_block.decipher_iso_4(_cipher(lmk), bytes.fromhex(text[1:]), bound)
        return pin_block.decode(PinFormat.ISO_4, clear, bound)
    if _DIGITS_FORM.fullmatch(text) is None:
        raise PinError(f"PIN under the LMK: need {SHORTEST + 1} to {LONGEST + 1} digits, found something else")
    if isinstance(lmk, VariantLmk) and lmk.is_test:
        return Pin(text[1:])  # the published samples have other digits than zero there, too
    text = ff1.decrypt(lmk.pin_key, pan.pan12.encode("ascii"), text)
    if text[0] != "0":
        raise PinBlockError
    return Pin(text[1:])


def _is_aes(lmk: Lmk | VariantLmk) -> bool:
    return isinstance(lmk, Lmk) and lmk.version == "1"


def _cipher(lmk: Lmk | VariantLmk) -> BlockCipher:
    algorithm: Algorithm = aes_algorithm(lmk.pin_key)
    return BlockCipher(algorithm, lmk.pin_key)


def _bound(pan: Pan) -> Pan:
    # Some commands give the whole PAN and some its twelve digits: the block is bound to what all of them have.
    return Pan(pan.pan12 + "0")
