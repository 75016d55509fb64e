"""What an issuer keeps to verify a PIN without the PIN: the IBM 3624 offset, and the Visa PIN verification value.

    natural PIN = decimalise(E_PVK(validation data)), leftmost digits
    offset      = PIN - natural PIN, digit by digit, modulo 10
    PVV         = the first 4 decimal digits of E_PVK(11 PAN digits, key index, first 4 PIN digits); when there are
                  fewer, the first letters follow as 0 to 5

The check length is the PIN's length. Validation data is 16 hexadecimal digits. Left to itself it is the 12 rightmost
PAN digits before the check digit, then `FFFF`. Issuers that personalise on a payShield give it as 12 characters of
which one is `N`, where the 5 rightmost of those digits are put in: `validation_data_from_template` fills it in.

Source: IBM 3624 PIN calculation as described for z/OS ICSF (PIN formats and algorithms); Thales payShield DE and DA;
Visa PVV as described for z/OS ICSF and payShield DG.
Left out: PIN lengths beyond 12, encrypted decimalisation tables.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from posterm.bcd import is_digits
from posterm.hsm.errors import PinError
from posterm.hsm.primitives import BlockCipher
from posterm.sensitive import Pan

DECIMALISATION_TABLE: Final = "0123456789012345"
"""The usual table: A to F become 0 to 5."""

_HEXADECIMAL: Final = "0123456789ABCDEF"
_SUMS: Final = bytes.maketrans(bytes(range(0x60, 0x73)), b"0123456789012345678")
"""The digit for the sum of two ASCII digits, which never carries out of its byte; as all of them are added at once."""
_MINUS: Final = {(x, y): str((int(x) - int(y)) % 10) for x in "0123456789" for y in "0123456789"}
_TEMPLATE: Final = re.compile(r"[0-9A-F]{0,11}N[0-9A-F]{0,11}", re.ASCII)


def default_validation_data(pan: Pan) -> str:
    """The 12 rightmost PAN digits before the check digit, then `FFFF`.

    >>> default_validation_data(Pan("6212345678901265"))
    '234567890126FFFF'
    """
    return pan.pan12 + "FFFF"


def validation_data_from_template(template: str, pan: Pan) -> str:
    """Put the 5 rightmost PAN digits before the check digit in place of `N`.

    Args:
        template: 12 characters, hexadecimal digits and exactly one `N`.
    Returns: 16 digits.
    Raises: PinError: another form.

    >>> validation_data_from_template("621234567N89", Pan("6212345678901265"))
    '6212345679012689'
    """
    if len(template) != 12 or _TEMPLATE.fullmatch(template) is None:
        raise PinError("PIN validation data: a template is 12 characters, 11 hexadecimal digits and one N, this is not")
    return template.replace("N", pan.pan12[-5:])


def natural_pin(pvk: BlockCipher, length: int, validation_data: str, decimalisation_table: str) -> str:
    """The PIN the account data gives, `length` digits.

    Args:
        length: 4 to 12.
        validation_data: 16 hexadecimal digits, upper case.
        decimalisation_table: 16 decimal digits; what 0 to F become.
    Raises: PinError: validation data or table of another form.
    """
    if len(validation_data) != 16 or validation_data.strip(_HEXADECIMAL):
        raise PinError("PIN validation data: need 16 hexadecimal digits in upper case, found something else")
    table = _translation(decimalisation_table)
    return pvk.encrypt(bytes.fromhex(validation_data)).hex()[:length].encode("ascii").translate(table).decode("ascii")


def offset_of(pin: str, natural: str) -> str:
    """`pin` minus `natural`, digit by digit, modulo 10. Both have the same length."""
    return "".join([_MINUS[pair] for pair in zip(pin, natural, strict=True)])


def pin_from_offset(offset: str, natural: str) -> str:
    """`natural` plus `offset`, digit by digit, modulo 10. Raises: PinError: not digits, or not as many."""
    if len(offset) != len(natural) or not is_digits(offset + natural):
        raise PinError(f"PIN offset: need {len(natural)} digits, found {len(offset)} characters or another form")
    sums = int.from_bytes(offset.encode("ascii"), "big") + int.from_bytes(natural.encode("ascii"), "big")
    return sums.to_bytes(len(offset), "big").translate(_SUMS).decode("ascii")


PVV_DIGITS: Final = 4
_LETTERS_AS_DIGITS: Final = str.maketrans("abcdef", "012345")


def pvv(pvk: BlockCipher, pin: str, pan: Pan, key_index: int) -> str:
    """The Visa PIN verification value, 4 digits.

    Args:
        pin: 4 to 12 digits; the leftmost 4 count.
        pan: its 11 rightmost digits before the check digit count.
        key_index: 0 to 6, which of the issuer's PVKs this is.
    Raises: PinError: another index.
    """
    return decimalised(pvk.encrypt(bytes.fromhex(pvv_input(pin, pan, key_index))), PVV_DIGITS)


def pvv_input(pin: str, pan: Pan, key_index: int) -> str:
    """The 16 digits that `pvv` enciphers. Raises: PinError: an index that is not 0 to 6."""
    if not 0 <= key_index <= 6:
        raise PinError(f"PIN verification value: a key index is 0 to 6, this is {key_index}")
    return f"{pan.pan12[-11:]}{key_index}{pin[:PVV_DIGITS]}"


def decimalised(block: bytes, count: int) -> str:
    """The first `count` decimal digits of a block; when there are fewer, its letters follow as 0 to 5."""
    text = block.hex()
    digits = "".join([character for character in text if character <= "9"])[:count]
    if len(digits) == count:
        return digits
    letters = [character for character in text if character > "9"][: count - len(digits)]
    return digits + "".join(letters).translate(_LETTERS_AS_DIGITS)


def require_pvv(value: str) -> None:
    """Raises: PinError: not 4 digits."""
    if len(value) != PVV_DIGITS or not is_digits(value):
        raise PinError(f"PIN verification value: need 4 digits, found {len(value)} characters of another form")


def require_offset(offset: str) -> None:
    """Raises: PinError: not 4 to 12 digits."""
    if not 4 <= len(offset) <= 12 or not is_digits(offset):
        raise PinError(f"PIN offset: need 4 to 12 digits, found {len(offset)} characters of another form")


def require_decimalisation_table(table: str) -> None:
    """Refuse a table that is malformed, or so poor in digits that answers to chosen tables would tell the PIN.

    Raises: PinError: not 16 digits, fewer than 8 different ones, or one of them more than 4 times.
    Source: Thales payShield, decimalisation table checks; Zielinski and Bond, UCAM-CL-TR-560 (the attack).
    """
    if len(table) != 16 or not is_digits(table):
        raise PinError(f"decimalisation table: need 16 digits, found {len(table)} characters of another form")
    different = set(table)
    if len(different) < 8 or any(table.count(digit) > 4 for digit in different):
        raise PinError("decimalisation table: need at least 8 different digits, none more than 4 times")


@lru_cache(maxsize=64)
def _translation(decimalisation_table: str) -> bytes:
    require_decimalisation_table(decimalisation_table)
    return bytes.maketrans(b"0123456789abcdef", decimalisation_table.encode("ascii"))
