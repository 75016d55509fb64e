"""Fields that PIN commands share: PINs under the LMK, offsets, decimalisation tables, validation data, DUKPT.

Source: Thales payShield, PIN commands; ANSI X9.24-1 and -3 (key serial numbers).
Left out: key serial numbers with their leading padding left off; tables in user storage or enciphered.
"""

from __future__ import annotations

from binascii import hexlify, unhexlify
from dataclasses import replace

from posterm.hsm.errors import PinError
from posterm.hsm.host_commands.errors import (
    DESTINATION_KEY,
    INVALID_DECIMALISATION_TABLE,
    INVALID_INDEX,
    INVALID_INPUT,
    NO_VALID_PIN_BLOCK,
    PIN_LENGTH,
    HostCommandRefusal,
)
from posterm.hsm.host_commands.fields import Field, digits, key, text
from posterm.hsm.pin_verify import require_decimalisation_table, validation_data_from_template
from posterm.sensitive import Pan

OFFSET_CHARACTERS = 12
PIN_BLOCK = Field("PIN block", "16/32 H")
OFFSET = Field("offset", "12 H", meaning="left-justified, filled with F")
PVV = Field("PVV", "4 N")
LMK_PIN = Field("PIN under the LMK", "5-13 N or `J` and 32 H")

CHECK_LENGTH = replace(digits("check length", 2, "the shortest PIN, 04 to 12"), codes=(PIN_LENGTH,))
TABLE = Field(
    "decimalisation table",
    "16 N",
    "[0-9]{16}",
    "at least 8 different digits, none more than 4 times",
    convert=lambda value: _table(value.decode("ascii")),
    codes=(INVALID_DECIMALISATION_TABLE,),
)
VALIDATION_DATA = text("PIN validation data", "12 A", "[0-9A-FN]{12}", "hexadecimal digits and one N")
KSN_DESCRIPTOR = text("KSN descriptor", "3 H", "[0-9A-F]{3}", "not looked at")
KSN = Field(
    "key serial number",
    "20/24 H",
    "[0-9A-F]{24}|[0-9A-F]{20}",
    "10 bytes for TDES, 12 for AES, in full",
    convert=unhexlify,
)
PVK_INDEX = Field("PVK index", "1 N", "[0-9]", "0 to 6", INVALID_INDEX, lambda value: _index(value))


def lmk_pin(name: str = "PIN under the LMK") -> Field:
    """A PIN as `posterm.hsm.lmk_pin` has it."""
    return replace(text(name, LMK_PIN.size, "J[0-9A-F]{32}|[0-9]{5,13}"), codes=(NO_VALID_PIN_BLOCK,))


def offset(name: str = "offset") -> Field:
    """An IBM 3624 offset without its fill."""
    return Field(name, "12 H", "[0-9F]{12}", OFFSET.meaning, convert=lambda value: _offset(value))


def pvv(name: str = "PVV") -> Field:
    """A Visa PIN verification value."""
    return digits(name, 4, number=False)


def ibm_pvk(parity: str = DESTINATION_KEY) -> Field:
    """A PVK of the IBM method: any length."""
    return key("PVK", "002", parity=parity)


def visa_pvk(parity: str = DESTINATION_KEY) -> Field:
    """A PVK pair of the Visa method."""
    return key("PVK pair", "002", plain=(32,), parity=parity)


def bdk() -> Field:
    """A base derivation key."""
    return key("BDK", "009", plain=(32,))


def validation_data(template: str, pan: Pan) -> str:
    """The 16 digits that a template of 12 characters gives for a card."""
    try:
        return validation_data_from_template(template, pan)
    except PinError:
        raise HostCommandRefusal(INVALID_INPUT) from None


def require_check_length(check_length: int, pin_length: int) -> None:
    """Refuse a PIN that is shorter than the check length. Raises: HostCommandRefusal."""
    if not 4 <= check_length <= OFFSET_CHARACTERS or pin_length < check_length:
        raise HostCommandRefusal(PIN_LENGTH)


def filled(offset_digits: str) -> bytes:
    """An offset as an answer has it."""
    return offset_digits.ljust(OFFSET_CHARACTERS, "F").encode("ascii")


def hexadecimal_of(block: bytes) -> bytes:
    """Bytes as the hexadecimal digits of an answer."""
    return hexlify(block).upper()


def _table(table: str) -> str:
    try:
        require_decimalisation_table(table)
    except PinError:
        raise HostCommandRefusal(INVALID_DECIMALISATION_TABLE) from None
    return table


def _offset(value: bytes) -> str:
    found = value.rstrip(b"F")
    if not found.isdigit() or len(found) < 4:
        raise HostCommandRefusal(INVALID_INPUT)
    return found.decode("ascii")


def _index(value: bytes) -> int:
    if value > b"6":
        raise HostCommandRefusal(INVALID_INDEX)
    return int(value)
