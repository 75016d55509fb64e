"""The commands the kernel sends. Source: EMV 4.4 Book 1, 11.2 and 11.3; Book 3, 6.5."""

from __future__ import annotations

from typing import Final

from posterm import tlv
from posterm.emv.apdu import ANY_LENGTH, Command

PSE: Final = b"1PAY.SYS.DDF01"
_PLAINTEXT_PIN: Final = 0x80
_ENCIPHERED_PIN: Final = 0x88


def select(name: bytes, *, following: bool = False) -> Command:
    """SELECT by name, the first or the next application whose name starts so."""
    return Command(0x00, 0xA4, 0x04, 0x02 if following else 0x00, name, ANY_LENGTH)


def read_record(sfi: int, record: int) -> Command:
    """READ RECORD by number in a short file."""
    return Command(0x00, 0xB2, record, sfi << 3 | 0x04, le=ANY_LENGTH)


def get_processing_options(pdol_values: bytes) -> Command:
    """GET PROCESSING OPTIONS with the values the PDOL asked for."""
    return Command(0x80, 0xA8, 0x00, 0x00, tlv.build([("83", pdol_values)]), ANY_LENGTH)


def get_data(tag: str) -> Command:
    """GET DATA of one object with a tag of two bytes."""
    high, low = bytes.fromhex(tag)
    return Command(0x80, 0xCA, high, low, le=ANY_LENGTH)


def internal_authenticate(ddol_values: bytes) -> Command:
    """INTERNAL AUTHENTICATE over the values the DDOL asked for."""
    return Command(0x00, 0x88, 0x00, 0x00, ddol_values, ANY_LENGTH)


def get_challenge() -> Command:
    """GET CHALLENGE: eight random bytes."""
    return Command(0x00, 0x84, 0x00, 0x00, le=ANY_LENGTH)


def verify(pin_data: bytes, *, enciphered: bool) -> Command:
    """VERIFY with a clear format 2 block or the enciphered PIN."""
    return Command(0x00, 0x20, 0x00, _ENCIPHERED_PIN if enciphered else _PLAINTEXT_PIN, pin_data)


def generate_ac(reference: int, cdol_values: bytes) -> Command:
    """GENERATE AC. `reference` is P1: type in bits 8-7, CDA request in bit 5."""
    return Command(0x80, 0xAE, reference, 0x00, cdol_values, ANY_LENGTH)


def external_authenticate(issuer_authentication_data: bytes) -> Command:
    """EXTERNAL AUTHENTICATE with tag 91's value."""
    return Command(0x00, 0x82, 0x00, 0x00, issuer_authentication_data)


def compute_cryptographic_checksum(udol_values: bytes) -> Command:
    """COMPUTE CRYPTOGRAPHIC CHECKSUM over the values the UDOL asked for. Source: EMV Contactless Book C-2, 5.3."""
    return Command(0x80, 0x2A, 0x8E, 0x80, udol_values, ANY_LENGTH)
