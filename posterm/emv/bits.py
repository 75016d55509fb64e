"""Bit fields of chip cards and terminals. A flag's name says what the bit means, as the book words it.

    >>> print(Tvr.EXPIRED_APPLICATION | Tvr.DEFAULT_TDOL_USED)
    byte 2 bit 7 expired application; byte 5 bit 8 default TDOL used
    >>> Tvr.EXPIRED_APPLICATION.to_bytes().hex()
    '0040000000'

Bits are numbered as the books do: byte 1 is the leftmost, bit 8 the most significant.

Source: EMV 4.4 Book 3, annex C (C1 AIP, C2 application usage control, C5 TVR, C6 TSI); Book 4, annex A (A2 terminal
capabilities, A3 additional terminal capabilities); EMV Contactless Book C-3, annex A (TTQ, CTQ). Leaves out the bits
EMV 4.4 added for biometrics and for signatures on elliptic curves: no kernel here sets them, and they print as
reserved.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import KEEP, Enum, IntFlag
from typing import Self

_UPPER = frozenset(
    {
        "SDA",
        "DDA",
        "CDA",
        "ICC",
        "PIN",
        "CVM",
        "AC",
        "TDOL",
        "AIP",
        "EMV",
        "CRT",
        "RF",
        "ATM",
        "ATMS",
        "TC",
        "AAC",
        "ARQC",
    }
    | {"MSD", "ODA", "FDDA", "ID"}
)


class Bits(IntFlag, boundary=KEEP):
    """Base of the bit fields. Unknown bits are kept, so that what is read is what is written."""

    def to_bytes(self, *_: object, **__: object) -> bytes:
        """The field as it travels."""
        return int(self).to_bytes(_SIZES[type(self)], "big")

    @classmethod
    def from_value(cls, value: bytes) -> Self:
        """Read the field; bytes it lacks count as zero, bytes beyond it are ignored."""
        size = _SIZES[cls]
        return cls(int.from_bytes(value[:size].ljust(size, b"\x00"), "big"))

    def lines(self) -> Iterator[str]:
        """One line per bit that is set: `byte 2 bit 7 expired application`."""
        size = _SIZES[type(self)]
        for place in range(size * 8 - 1, -1, -1):
            if self >> place & 1:
                member = type(self)(1 << place)
                byte, bit = size - place // 8, place % 8 + 1
                yield f"byte {byte} bit {bit} {_meaning(member.name)}"

    def __str__(self) -> str:
        return "; ".join(self.lines()) or "none"


def _bit(size: int, byte: int, bit: int) -> int:
    return 1 << ((size - byte) * 8 + bit - 1)


def _meaning(name: str | None) -> str:
    """`SDA_FAILED` as `SDA failed`."""
    if name is None:
        return "reserved"
    return " ".join(word if word in _UPPER else word.lower() for word in name.split("_"))


class Tvr(Bits):
    """Terminal verification results (tag 95). Source: EMV 4.4 Book 3, C5."""

    NONE = 0
    OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED = _bit(5, 1, 8)
    SDA_FAILED = _bit(5, 1, 7)
    ICC_DATA_MISSING = _bit(5, 1, 6)
    CARD_ON_TERMINAL_EXCEPTION_FILE = _bit(5, 1, 5)
    DDA_FAILED = _bit(5, 1, 4)
    CDA_FAILED = _bit(5, 1, 3)
    SDA_SELECTED = _bit(5, 1, 2)
    DIFFERENT_APPLICATION_VERSIONS = _bit(5, 2, 8)
    EXPIRED_APPLICATION = _bit(5, 2, 7)
    APPLICATION_NOT_YET_EFFECTIVE = _bit(5, 2, 6)
    REQUESTED_SERVICE_NOT_ALLOWED = _bit(5, 2, 5)
    NEW_CARD = _bit(5, 2, 4)
    CARDHOLDER_VERIFICATION_NOT_SUCCESSFUL = _bit(5, 3, 8)
    UNRECOGNISED_CVM = _bit(5, 3, 7)
    PIN_TRY_LIMIT_EXCEEDED = _bit(5, 3, 6)
    PIN_PAD_NOT_PRESENT_OR_NOT_WORKING = _bit(5, 3, 5)
    PIN_PAD_PRESENT_BUT_PIN_NOT_ENTERED = _bit(5, 3, 4)
    ONLINE_PIN_ENTERED = _bit(5, 3, 3)
    FLOOR_LIMIT_EXCEEDED = _bit(5, 4, 8)
    LOWER_CONSECUTIVE_OFFLINE_LIMIT_EXCEEDED = _bit(5, 4, 7)
    UPPER_CONSECUTIVE_OFFLINE_LIMIT_EXCEEDED = _bit(5, 4, 6)
    SELECTED_RANDOMLY_FOR_ONLINE = _bit(5, 4, 5)
    MERCHANT_FORCED_ONLINE = _bit(5, 4, 4)
    DEFAULT_TDOL_USED = _bit(5, 5, 8)
    ISSUER_AUTHENTICATION_FAILED = _bit(5, 5, 7)
    SCRIPT_FAILED_BEFORE_FINAL_AC = _bit(5, 5, 6)
    SCRIPT_FAILED_AFTER_FINAL_AC = _bit(5, 5, 5)


class Tsi(Bits):
    """Transaction status information (tag 9B). Source: EMV 4.4 Book 3, C6."""

    NONE = 0
    OFFLINE_DATA_AUTHENTICATION_PERFORMED = _bit(2, 1, 8)
    CARDHOLDER_VERIFICATION_PERFORMED = _bit(2, 1, 7)
    CARD_RISK_MANAGEMENT_PERFORMED = _bit(2, 1, 6)
    ISSUER_AUTHENTICATION_PERFORMED = _bit(2, 1, 5)
    TERMINAL_RISK_MANAGEMENT_PERFORMED = _bit(2, 1, 4)
    SCRIPT_PERFORMED = _bit(2, 1, 3)


class Aip(Bits):
    """Application interchange profile (tag 82). Source: EMV 4.4 Book 3, C1; Book C-2, annex A (bit 2 and byte 2)."""

    SDA_SUPPORTED = _bit(2, 1, 7)
    DDA_SUPPORTED = _bit(2, 1, 6)
    CARDHOLDER_VERIFICATION_SUPPORTED = _bit(2, 1, 5)
    TERMINAL_RISK_MANAGEMENT_TO_BE_PERFORMED = _bit(2, 1, 4)
    ISSUER_AUTHENTICATION_BY_EXTERNAL_AUTHENTICATE = _bit(2, 1, 3)
    ON_DEVICE_CARDHOLDER_VERIFICATION_SUPPORTED = _bit(2, 1, 2)
    CDA_SUPPORTED = _bit(2, 1, 1)
    EMV_MODE_SUPPORTED = _bit(2, 2, 8)
    RELAY_RESISTANCE_SUPPORTED = _bit(2, 2, 1)


class Auc(Bits):
    """Application usage control (tag 9F07). Source: EMV 4.4 Book 3, C2."""

    DOMESTIC_CASH = _bit(2, 1, 8)
    INTERNATIONAL_CASH = _bit(2, 1, 7)
    DOMESTIC_GOODS = _bit(2, 1, 6)
    INTERNATIONAL_GOODS = _bit(2, 1, 5)
    DOMESTIC_SERVICES = _bit(2, 1, 4)
    INTERNATIONAL_SERVICES = _bit(2, 1, 3)
    ATMS = _bit(2, 1, 2)
    OTHER_THAN_ATMS = _bit(2, 1, 1)
    DOMESTIC_CASHBACK = _bit(2, 2, 8)
    INTERNATIONAL_CASHBACK = _bit(2, 2, 7)


class TerminalCapabilities(Bits):
    """What the terminal can do (tag 9F33). Source: EMV 4.4 Book 4, A2."""

    MANUAL_KEY_ENTRY = _bit(3, 1, 8)
    MAGNETIC_STRIPE = _bit(3, 1, 7)
    ICC_WITH_CONTACTS = _bit(3, 1, 6)
    PLAINTEXT_OFFLINE_PIN = _bit(3, 2, 8)
    ENCIPHERED_ONLINE_PIN = _bit(3, 2, 7)
    SIGNATURE = _bit(3, 2, 6)
    ENCIPHERED_OFFLINE_PIN = _bit(3, 2, 5)
    NO_CVM_REQUIRED = _bit(3, 2, 4)
    SDA = _bit(3, 3, 8)
    DDA = _bit(3, 3, 7)
    CARD_CAPTURE = _bit(3, 3, 6)
    CDA = _bit(3, 3, 4)


class AdditionalTerminalCapabilities(Bits):
    """What the terminal can do besides (tag 9F40). Source: EMV 4.4 Book 4, A3."""

    CASH = _bit(5, 1, 8)
    GOODS = _bit(5, 1, 7)
    SERVICES = _bit(5, 1, 6)
    CASHBACK = _bit(5, 1, 5)
    INQUIRY = _bit(5, 1, 4)
    TRANSFER = _bit(5, 1, 3)
    PAYMENT = _bit(5, 1, 2)
    ADMINISTRATIVE = _bit(5, 1, 1)
    CASH_DEPOSIT = _bit(5, 2, 8)
    NUMERIC_KEYS = _bit(5, 3, 8)
    ALPHABETIC_AND_SPECIAL_KEYS = _bit(5, 3, 7)
    COMMAND_KEYS = _bit(5, 3, 6)
    FUNCTION_KEYS = _bit(5, 3, 5)
    PRINT_FOR_ATTENDANT = _bit(5, 4, 8)
    PRINT_FOR_CARDHOLDER = _bit(5, 4, 7)
    DISPLAY_FOR_ATTENDANT = _bit(5, 4, 6)
    DISPLAY_FOR_CARDHOLDER = _bit(5, 4, 5)
    CODE_TABLE_10 = _bit(5, 4, 2)
    CODE_TABLE_9 = _bit(5, 4, 1)
    CODE_TABLE_8 = _bit(5, 5, 8)
    CODE_TABLE_7 = _bit(5, 5, 7)
    CODE_TABLE_6 = _bit(5, 5, 6)
    CODE_TABLE_5 = _bit(5, 5, 5)
    CODE_TABLE_4 = _bit(5, 5, 4)
    CODE_TABLE_3 = _bit(5, 5, 3)
    CODE_TABLE_2 = _bit(5, 5, 2)
    CODE_TABLE_1 = _bit(5, 5, 1)


class Ttq(Bits):
    """Terminal transaction qualifiers (tag 9F66). Source: EMV Contactless Book C-3, annex A."""

    MSD_SUPPORTED = _bit(4, 1, 8)
    CONTACTLESS_EMV_SUPPORTED = _bit(4, 1, 6)
    CONTACT_EMV_SUPPORTED = _bit(4, 1, 5)
    OFFLINE_ONLY = _bit(4, 1, 4)
    ONLINE_PIN_SUPPORTED = _bit(4, 1, 3)
    SIGNATURE_SUPPORTED = _bit(4, 1, 2)
    ODA_FOR_ONLINE_SUPPORTED = _bit(4, 1, 1)
    ONLINE_CRYPTOGRAM_REQUIRED = _bit(4, 2, 8)
    CVM_REQUIRED = _bit(4, 2, 7)
    OFFLINE_PIN_WITH_CONTACTS_SUPPORTED = _bit(4, 2, 6)
    ISSUER_UPDATE_SUPPORTED = _bit(4, 3, 8)
    CONSUMER_DEVICE_CVM_SUPPORTED = _bit(4, 3, 7)
    FDDA_VERSION_1_SUPPORTED = _bit(4, 4, 8)


class Ctq(Bits):
    """Card transaction qualifiers (tag 9F6C). Source: EMV Contactless Book C-3, annex A."""

    ONLINE_PIN_REQUIRED = _bit(2, 1, 8)
    SIGNATURE_REQUIRED = _bit(2, 1, 7)
    GO_ONLINE_IF_ODA_FAILS_AND_READER_CAN = _bit(2, 1, 6)
    SWITCH_INTERFACE_IF_ODA_FAILS = _bit(2, 1, 5)
    GO_ONLINE_IF_APPLICATION_EXPIRED = _bit(2, 1, 4)
    SWITCH_INTERFACE_FOR_CASH = _bit(2, 1, 3)
    SWITCH_INTERFACE_FOR_CASHBACK = _bit(2, 1, 2)
    CONSUMER_DEVICE_CVM_PERFORMED = _bit(2, 2, 8)
    CARD_SUPPORTS_ISSUER_UPDATE = _bit(2, 2, 7)


_SIZES: dict[type[Bits], int] = {
    Tvr: 5,
    Tsi: 2,
    Aip: 2,
    Auc: 2,
    TerminalCapabilities: 3,
    AdditionalTerminalCapabilities: 5,
    Ttq: 4,
    Ctq: 2,
}
"""Bytes of each field."""


class CryptogramType(Enum):
    """What a card made, or was asked for: bits 8-7 of the CID (9F27) and of P1. Source: EMV 4.4 Book 3, 6.5.5."""

    AAC = 0x00
    TC = 0x40
    ARQC = 0x80
    RESERVED = 0xC0

    @classmethod
    def of(cls, byte: int) -> CryptogramType:
        """The type in a CID or a P1."""
        return cls(byte & 0xC0)
