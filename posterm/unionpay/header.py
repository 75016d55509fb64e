"""The 12-digit header between TPDU and MTI, and what the host asks for in its sixth digit.

Source: Q/CUP 009 as restated by acquirer terminal specifications.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from posterm.unionpay.errors import HeaderError

HEADER_BYTES = 6


class ApplicationClass(StrEnum):
    """Header digits 1 and 2: what kind of card started the exchange."""

    STRIPE_PAYMENT = "60"
    CHIP_PAYMENT = "61"
    STRIPE_VALUE_ADDED = "62"
    CHIP_VALUE_ADDED = "63"


class Requirement(StrEnum):
    """Header digit 6, set by the host in responses: what the terminal has to do before its next sale.

    The reserved ones have no published meaning; a terminal tells that it was asked and goes on.
    """

    __hash__ = str.__hash__  # looked up with every answer; an enumeration's own hash is written in Python

    NONE = "0"
    DOWNLOAD_PARAMETERS = "1"
    UPLOAD_STATUS = "2"
    SIGN_ON = "3"
    UPDATE_CA_KEYS = "4"
    DOWNLOAD_AID_PARAMETERS = "5"
    DOWNLOAD_SOFTWARE = "6"
    DOWNLOAD_BIN_BLACK_LIST = "7"
    DOWNLOAD_RATE_TABLE = "8"
    DOWNLOAD_CONTACTLESS_PARAMETERS = "9"
    RESERVED_A = "A"
    DOWNLOAD_NO_PIN_WHITE_LIST = "B"
    DOWNLOAD_NO_PIN_BLACK_LIST = "C"
    RESERVED_D = "D"
    RESERVED_E = "E"
    RESERVED_F = "F"


@dataclass(frozen=True, slots=True)
class Header:
    """The header as 12 hexadecimal digits, by name.

    >>> Header.parse("603100310000").requirement
    <Requirement.NONE: '0'>
    """

    application_class: str = ApplicationClass.STRIPE_PAYMENT.value
    version: str = "31"
    state: str = "0"
    requirement: Requirement = Requirement.NONE
    reserved: str = "310000"

    @classmethod
    def parse(cls, digits: str) -> Self:
        """Raises: HeaderError: not 12 hexadecimal digits."""
        digits = digits.upper()
        if len(digits) != 2 * HEADER_BYTES or not set(digits) <= set("0123456789ABCDEF"):
            raise HeaderError("the header is not 12 digits")
        return cls(digits[0:2], digits[2:4], digits[4], Requirement(digits[5]), digits[6:12])

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Read the 6 bytes on the wire. Raises: HeaderError."""
        return cls.parse(packed.hex())

    @property
    def digits(self) -> str:
        return self.application_class + self.version + self.state + self.requirement.value + self.reserved

    def pack(self) -> bytes:
        return bytes.fromhex(self.digits)

    def asking(self, requirement: Requirement) -> Header:
        """The same header with another processing requirement, for a host's response."""
        return replace(self, requirement=requirement)
