"""PINs and the clear PIN blocks that carry them.

    ISO_0        8 bytes   0 L P P P P P/F … F F   xor   0 0 0 0 <12 PAN digits>
    NO_PAN       8 bytes   0 L P P P P P/F … F F
    NO_PIN       8 bytes   F F … F                 some acquirers want it where no PIN was entered
    SM4_PAN     16 bytes   as ISO_0, the PAN digits at the right end of 16 bytes
    SM4_NO_PAN  16 bytes   as NO_PAN, filled to 16 bytes
    ISO_1        8 bytes   1 L P P P P P/R … R R   for where there is no PAN yet; R is any nibble
    ISO_2        8 bytes   2 L P P P P P/F … F F   for the way between reader and chip, and in card scripts
    ISO_3        8 bytes   3 L P P P P P/R … R R   xor   0 0 0 0 <12 PAN digits>; R is A to F
    ISO_4       16 bytes   4 L P P P P P/A … A A <16 random nibbles>, for AES. The PAN comes in between two
                           encipherments: E(E(PIN field) xor PAN field)
    DIEBOLD      8 bytes   P P P P P/F … F F       of old cash machines; its length shows by where the fill begins

L is the PIN's length in hexadecimal, P its digits, and the PAN digits are the 12 rightmost before the check digit.

Source: ISO 9564-1:2017, 9.3.2 to 9.3.5 (formats 0, 1, 3) and 9.4 (format 4); ISO 9564-3 (format 2); Q/CUP 009 (with
and without PAN; its national-cipher edition for SM4); Thales payShield, format 03 (DIEBOLD).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from itertools import product
from typing import Final

from posterm.bcd import is_digits
from posterm.hsm.errors import CipherError, PinBlockError, PinError
from posterm.hsm.primitives import BlockCipher
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

    __hash__ = str.__hash__  # looked up on every call; an enumeration's own hash is written in Python

    ISO_0 = "iso-0"
    NO_PAN = "no-pan"
    NO_PIN = "no-pin"
    SM4_PAN = "sm4-pan"
    SM4_NO_PAN = "sm4-no-pan"
    ISO_1 = "iso-1"
    ISO_2 = "iso-2"
    ISO_3 = "iso-3"
    ISO_4 = "iso-4"
    DIEBOLD = "diebold"

    @property
    def block_bytes(self) -> int:
        """Length of the clear block: 8 or 16 bytes. A NO_PIN block is as long as the cipher's."""
        return 16 if self in _WIDE else 8

    @property
    def binds_pan(self) -> bool:
        """True when the PAN is part of the block."""
        return self in PAN_BOUND


_WIDE: Final = frozenset({PinFormat.SM4_PAN, PinFormat.SM4_NO_PAN, PinFormat.ISO_4})
PAN_BOUND: Final = frozenset({PinFormat.ISO_0, PinFormat.SM4_PAN, PinFormat.ISO_3, PinFormat.ISO_4})
_PAN_IN_BLOCK: Final = PAN_BOUND - {PinFormat.ISO_4}
FILLED: Final = frozenset({PinFormat.ISO_1, PinFormat.ISO_3, PinFormat.ISO_4})
"""The forms with random fill, of which two blocks for one PIN differ."""
FILL_BYTES: Final = 8
"""Entropy one block with random fill takes."""

# The same form for a cipher of 16-byte blocks.
WIDENED: Final = {
    PinFormat.ISO_0: PinFormat.SM4_PAN,
    PinFormat.NO_PAN: PinFormat.SM4_NO_PAN,
    PinFormat.SM4_PAN: PinFormat.SM4_PAN,
    PinFormat.SM4_NO_PAN: PinFormat.SM4_NO_PAN,
}

_CONTROL: Final = {PinFormat.ISO_1: 1, PinFormat.ISO_2: 2, PinFormat.ISO_3: 3, PinFormat.ISO_4: 4}
_PIN_LENGTHS: Final = range(SHORTEST, LONGEST + 1)
_LENGTHS: Final = {form: {n: f"{_CONTROL.get(form, 0)}{n:X}" for n in _PIN_LENGTHS} for form in PinFormat}
_LENGTHS[PinFormat.DIEBOLD] = dict.fromkeys(_PIN_LENGTHS, "")
_FIELDS: Final = {form: {f"{_CONTROL.get(form, 0)}{n:X}": 2 + n for n in _PIN_LENGTHS} for form in PinFormat}
_FILL: Final = "F" * 32
_FILL_ISO_4: Final = "A" * 16
_FILL_ISO_3: Final = frozenset("ABCDEF")
_THREE_LETTERS: Final = ["".join(letters) for letters in product("ABCDEF", repeat=3)]


def encode(form: PinFormat, pin: Pin | None, pan: Pan | None, fill: bytes = b"") -> bytes:
    """Build a clear PIN block. Encipher it before it leaves this package.

    Args:
        pin: None for `NO_PIN` alone.
        pan: needed by the forms that bind the PAN, not looked at by the others. `ISO_4` takes it in `encipher`.
        fill: 8 bytes of entropy for the forms with random fill (`FILLED`).
    Returns: 8 or 16 bytes; for `ISO_4` the PIN field.
    Raises: PinError: a PIN or PAN is missing, or there is one where there must be none. CipherError: entropy of
        another length.

    >>> encode(PinFormat.ISO_0, Pin("123456"), Pan("6212345678901265")).hex().upper()
    '061217139876FED9'
    """
    if form is PinFormat.NO_PIN:
        if pin is not None:
            raise PinError("PIN block: the form without a PIN takes none")
        return b"\xff" * 8
    if pin is None:
        raise PinError(f"PIN block: the form {form} needs a PIN")
    return encode_digits(form, pin.reveal(), pan, fill)


def encode_digits(form: PinFormat, digits: str, pan: Pan | None, fill: bytes = b"") -> bytes:
    """As `encode`, from the 4 to 12 bare digits of a PIN known to be one; for use inside this package."""
    size = 16 if form in _WIDE else 8
    text = _LENGTHS[form][len(digits)] + digits
    if form in FILLED:
        text = _filled(form, text, fill)
    field = int((text + _FILL)[: size * 2], 16)
    if form in _PAN_IN_BLOCK:
        field ^= _pan_field(form, pan)
    return field.to_bytes(size, "big")


def encipher(cipher: BlockCipher, clear: bytes, form: PinFormat, pan: Pan | None) -> bytes:
    """A clear block under a PIN key: for `ISO_4` in two steps with the PAN between them.

    Raises: PinError: `ISO_4` without a PAN. CipherError: the cipher's blocks are of another length.
    """
    if form is not PinFormat.ISO_4:
        return cipher.encrypt(clear)
    masked = int.from_bytes(cipher.encrypt(clear), "big") ^ pan_field_iso_4(pan)
    return cipher.encrypt(masked.to_bytes(16, "big"))


def decipher_iso_4(cipher: BlockCipher, block: bytes, pan: Pan | None) -> bytes:
    """The PIN field of an enciphered `ISO_4` block of 16 bytes. Only with the right PAN is it one.

    Raises: PinError: no PAN.
    """
    masked = int.from_bytes(cipher.decrypt(block), "big") ^ pan_field_iso_4(pan)
    return cipher.decrypt(masked.to_bytes(16, "big"))


def pan_field_iso_4(pan: Pan | None) -> int:
    """The PAN field of format 4 as one number of 16 bytes: the PAN's length less 12, the PAN, zeros.

    Raises: PinError: no PAN.
    """
    if pan is None:
        raise PinError(f"PIN block: the form {PinFormat.ISO_4} needs the PAN")
    digits = pan.reveal()
    return int(f"{len(digits) - 12}{digits}".ljust(32, "0"), 16)


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
    if form in _PAN_IN_BLOCK:
        field = int.from_bytes(block, "big") ^ _pan_field(form, pan)
        if len(block) != size:
            raise PinBlockError
        text = field.to_bytes(size, "big").hex().upper()
    else:
        if len(block) != size:
            raise PinBlockError
        text = block.hex().upper()
    if form is PinFormat.DIEBOLD:
        digits = text.rstrip("F")
        if not digits.isdecimal() or len(digits) not in _PIN_LENGTHS:
            raise PinBlockError
        return digits
    end = _FIELDS[form].get(text[:2], 0)
    digits = text[2:end]
    if not digits.isdecimal():
        raise PinBlockError
    if form in FILLED:
        if not _is_random_fill(form, text, end):
            raise PinBlockError
    elif text[end:] != _FILL[: size * 2 - end]:
        raise PinBlockError
    return digits


def _is_random_fill(form: PinFormat, text: str, end: int) -> bool:
    """True when what follows the PIN is what a form with random fill has there."""
    if form is PinFormat.ISO_3:
        return _FILL_ISO_3.issuperset(text[end:])
    return form is PinFormat.ISO_1 or text[end:16] == _FILL_ISO_4[end:]


def _filled(form: PinFormat, text: str, fill: bytes) -> str:
    if len(fill) != FILL_BYTES:
        raise CipherError(f"PIN block: the form {form} takes {FILL_BYTES} bytes of entropy, this has {len(fill)}")
    if form is PinFormat.ISO_1:
        return (text + fill.hex())[:16]
    if form is PinFormat.ISO_4:
        return text.ljust(16, "A") + fill.hex()
    # Twelve letters A to F, three at a time: of 64 bits the bias is too small to be seen.
    number = int.from_bytes(fill, "big")
    letters = [_THREE_LETTERS[number // 216**place % 216] for place in range(4)]
    return (text + "".join(letters))[:16]


def _pan_field(form: PinFormat, pan: Pan | None) -> int:
    if pan is None:
        raise PinError(f"PIN block: the form {form} needs the PAN")
    return int(pan.reveal()[-13:-1], 16)  # a PAN has 13 digits at least


def _shape(form: PinFormat, length: int) -> tuple[int, int, int, int]:
    """A PIN length, with the masks that a block of this form has for it: fill, sixes on its digits, carries of them."""
    nibbles = form.block_bytes * 2
    fill = (1 << (nibbles - 2 - length) * 4) - 1
    ones = ((1 << length * 4) - 1) // 0xF << (nibbles - 2 - length) * 4
    return length, fill, ones * 6, ones << 4


def _length_of(form: PinFormat) -> Callable[[bytes, Pan | None], int]:
    """What finds how many digits the PIN of a clear block has: `digits_of` without the digits, and refuses as it does.

    The block is looked at as one number. Every nibble of the fill must be F; adding six to every digit must carry in
    none of them.
    """
    size = form.block_bytes
    length_shift = size * 8 - 8
    shapes = {_CONTROL.get(form, 0) << 4 | n: _shape(form, n) for n in _PIN_LENGTHS}
    has_pan = form in _PAN_IN_BLOCK

    def length_of(block: bytes, pan: Pan | None) -> int:
        field = int.from_bytes(block, "big")
        if has_pan:
            field ^= _pan_field(form, pan)
        shape = shapes.get(field >> length_shift) if len(block) == size else None
        if shape is None:
            raise PinBlockError
        length, fill, sixes, carries = shape
        if field & fill != fill or (field + sixes ^ field ^ sixes) & carries:
            raise PinBlockError
        return length

    return length_of


LENGTH_OF: Final = {
    form: _length_of(form) for form in PinFormat if form not in FILLED | {PinFormat.NO_PIN, PinFormat.DIEBOLD}
}
"""How many digits the PIN of a clear block has, for the forms with the length in front and no random fill.

Each takes the block and the PAN, and raises as `decode` does.
"""
