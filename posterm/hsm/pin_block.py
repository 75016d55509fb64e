"""PINs and the clear PIN blocks that carry them.

    ISO_0        8 bytes   0 L P P P P P/F … F F   xor   0 0 0 0 <12 PAN digits>
    NO_PAN       8 bytes   0 L P P P P P/F … F F
    NO_PIN       8 bytes   F F … F                 some acquirers want it where no PIN was entered
    SM4_PAN     16 bytes   as ISO_0, the PAN digits at the right end of 16 bytes
    SM4_NO_PAN  16 bytes   as NO_PAN, filled to 16 bytes

L is the PIN's length in hexadecimal, P its digits, and the PAN digits are the 12 rightmost before the check digit.

Source: ISO 9564-1:2017, 9.3.2 (format 0); Q/CUP 009 (with and without PAN; its national-cipher
edition for SM4).
Left out: ISO formats 1 to 4.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from posterm.bcd import is_digits
from posterm.hsm.errors import PinBlockError, PinError
from posterm.sensitive import Pan, Sensitive

SHORTEST: Final = 4
LONGEST: Final = 12


class Pin(Sensitive):
    """A PIN of 4 to 12 digits. It prints as stars, always six, so that not even its length shows.

    Raises: PinError: another length, or not digits.

    >>> Pin("1234")
    <Pin ******>
    """

    __slots__ = ()
    kind = "PIN"

    def __init__(self, digits: str) -> None:
        if not SHORTEST <= len(digits) <= LONGEST or not is_digits(digits):
            raise PinError("a PIN is 4 to 12 digits, this is not")
        super().__init__(digits)


class PinFormat(StrEnum):
    """The form of a clear PIN block; the value is its name on the command line."""

    ISO_0 = "iso-0"
    NO_PAN = "no-pan"
    NO_PIN = "no-pin"
    SM4_PAN = "sm4-pan"
    SM4_NO_PAN = "sm4-no-pan"

    @property
    def block_bytes(self) -> int:
        """Length of the clear block: 8 or 16 bytes. A NO_PIN block is as long as the cipher's."""
        return 16 if self in _WIDE else 8

    @property
    def binds_pan(self) -> bool:
        """True when the PAN is part of the block."""
        return self in PAN_BOUND


_WIDE: Final = frozenset({PinFormat.SM4_PAN, PinFormat.SM4_NO_PAN})
PAN_BOUND: Final = frozenset({PinFormat.ISO_0, PinFormat.SM4_PAN})

# The same form for a cipher of 16-byte blocks.
WIDENED: Final = {
    PinFormat.ISO_0: PinFormat.SM4_PAN,
    PinFormat.NO_PAN: PinFormat.SM4_NO_PAN,
    PinFormat.SM4_PAN: PinFormat.SM4_PAN,
    PinFormat.SM4_NO_PAN: PinFormat.SM4_NO_PAN,
}

_LENGTH: Final = {length: f"0{length:X}" for length in range(SHORTEST, LONGEST + 1)}
_FIELDS: Final = {f"0{length:X}": (2 + length, length) for length in range(SHORTEST, LONGEST + 1)}
_FILL: Final = "F" * 32


def encode(form: PinFormat, pin: Pin | None, pan: Pan | None) -> bytes:
    """Build a clear PIN block. Encipher it before it leaves this package.

    Args:
        pin: None for `NO_PIN` alone.
        pan: needed by the forms that bind the PAN, not looked at by the others.
    Returns: 8 or 16 bytes.
    Raises: PinError: a PIN or PAN is missing, or there is one where there must be none.

    >>> encode(PinFormat.ISO_0, Pin("123456"), Pan("6212345678901265")).hex().upper()
    '061217139876FED9'
    """
    if form is PinFormat.NO_PIN:
        if pin is not None:
            raise PinError("PIN block: the form without a PIN takes none")
        return b"\xff" * 8
    if pin is None:
        raise PinError(f"PIN block: the form {form} needs a PIN")
    return encode_digits(form, pin.reveal(), pan)


def encode_digits(form: PinFormat, digits: str, pan: Pan | None) -> bytes:
    """As `encode`, from the 4 to 12 bare digits of a PIN known to be one; for use inside this package."""
    size = 16 if form in _WIDE else 8
    field = int((_LENGTH[len(digits)] + digits + _FILL)[: size * 2], 16)
    if form in PAN_BOUND:
        field ^= _pan_field(form, pan)
    return field.to_bytes(size, "big")


def decode(form: PinFormat, block: bytes, pan: Pan | None) -> Pin:
    """The PIN in a clear block.

    Raises:
        PinBlockError: anything is wrong with the block, its length included; never what.
        PinError: the form carries no PIN, or needs a PAN and there is none.
    """
    return Pin(digits_of(form, block, pan))


def digits_of(form: PinFormat, block: bytes, pan: Pan | None) -> str:
    """As `decode`, the bare digits: for use inside this package, where building the type would be half the work."""
    if form is PinFormat.NO_PIN:
        raise PinError("PIN block: the form without a PIN holds none")
    size = 16 if form in _WIDE else 8
    if form in PAN_BOUND:
        field = int.from_bytes(block, "big") ^ _pan_field(form, pan)
        if len(block) != size:
            raise PinBlockError
        text = field.to_bytes(size, "big").hex().upper()
    else:
        if len(block) != size:
            raise PinBlockError
        text = block.hex().upper()
    end, length = _FIELDS.get(text[:2], (2, 0))
    digits = text[2:end]
    if not length or not digits.isdecimal() or text[end:] != _FILL[: size * 2 - end]:
        raise PinBlockError
    return digits


def _pan_field(form: PinFormat, pan: Pan | None) -> int:
    if pan is None:
        raise PinError(f"PIN block: the form {form} needs the PAN")
    return int(pan.pan12, 16)
