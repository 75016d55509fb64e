"""Certificates and signatures of chip cards: recovered with the public key above them, and checked.

    CA key  ->  issuer certificate (90)  ->  issuer key  ->  signed static data (93)                 SDA
                                                         ->  ICC certificate (9F46)  ->  ICC key     DDA, CDA
                                                         ->  PIN key certificate (9F2D)              offline PIN

A signature is as long as the modulus that made it. Recovered, it reads 6A, format, content, SHA-1 hash, BC; what did
not fit into a certificate follows in a remainder beside it.

Source: EMV 4.4 Book 2, 5 (tables 5 to 7), 6 (tables 13, 14, 17, 19, 22), 7.1 and 7.2; annexes A2.1 and B2 (RSA).
Every check raises `CertificateError`, whose text names it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from posterm.emv.capk import EXPONENTS, MAX_MODULUS_BYTES, CaKey, CaKeyStore
from posterm.emv.errors import CertificateError, ObjectMissing
from posterm.sensitive import Sensitive

_HEADER: Final = 0x6A
_TRAILER: Final = 0xBC
_HASH_BYTES: Final = 20
_SHA_1: Final = 0x01
_RSA: Final = 0x01

_ISSUER_CERTIFICATE: Final = 0x02
_STATIC_DATA: Final = 0x03
_ICC_CERTIFICATE: Final = 0x04
_DYNAMIC_DATA: Final = 0x05

_MIN_KEY_BYTES: Final = 64
_CRYPTOGRAM_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An RSA public key recovered from a certificate."""

    modulus: bytes = field(repr=False)
    exponent: int

    @property
    def size(self) -> int:
        """Length of the modulus in bytes."""
        return len(self.modulus)


@dataclass(frozen=True, slots=True)
class KeyCertificate:
    """What a card holds of a key: certificate, remainder (empty when all fitted in), exponent (1 or 3 bytes)."""

    certificate: bytes = field(repr=False)
    remainder: bytes = field(repr=False)
    exponent: bytes


@dataclass(frozen=True, slots=True)
class DynamicData:
    """What a dynamic signature held. `cid`, `cryptogram` and `transaction_hash` are there with CDA only."""

    icc_dynamic_number: bytes
    cid: int | None = None
    cryptogram: bytes = b""
    transaction_hash: bytes = field(default=b"", repr=False)


def recover_issuer_key(card: KeyCertificate, ca: CaKey, pan: str, today: date, store: CaKeyStore) -> PublicKey:
    """The issuer's key from its certificate (90, 92, 9F32).

    Args:
        pan: digits; its first 3 to 8 must be the issuer the certificate names.
        store: for its revocation list.
    Raises: CertificateError: a check failed.
    Source: EMV 4.4 Book 2, 5.3.
    """
    what = "issuer certificate"
    above = PublicKey(ca.modulus, ca.exponent)
    content, digest = _recover(card.certificate, above, _ISSUER_CERTIFICATE, what)
    issuer, serial = content[1:5].hex().rstrip("f"), content[7:10]
    key, remainder = _key(what, card, content[10:14], content[14:])
    _check_hash(what, content + remainder + card.exponent, digest)
    if not (issuer.isdecimal() and 3 <= len(issuer) <= 8 and pan.startswith(issuer)):
        raise CertificateError(f"{what}: it names another issuer than the card number")
    _check_expiry(what, content[5:7], today)
    if store.is_revoked(ca.rid, ca.index, serial):
        raise CertificateError(f"{what}: it is on the revocation list")
    return key


def recover_icc_key(
    card: KeyCertificate, issuer: PublicKey, pan: str, today: date, static_data: bytes, *, for_pin: bool = False
) -> PublicKey:
    """The card's key from its certificate (9F46, 9F48, 9F47), or its PIN key (9F2D, 9F2F, 9F2E).

    Args:
        static_data: what the certificate also covers; nothing for a PIN key.
    Raises: CertificateError: a check failed.
    Source: EMV 4.4 Book 2, 6.4 and 7.1.
    """
    what = "PIN key certificate" if for_pin else "ICC certificate"
    content, digest = _recover(card.certificate, issuer, _ICC_CERTIFICATE, what)
    key, remainder = _key(what, card, content[16:20], content[20:])
    _check_hash(what, content + remainder + card.exponent + static_data, digest)
    if content[1:11].hex().rstrip("f") != pan:
        raise CertificateError(f"{what}: it names another card number")
    _check_expiry(what, content[11:13], today)
    return key


def verify_static_data(signature: bytes, issuer: PublicKey, static_data: bytes) -> bytes:
    """Check signed static application data (93).

    Returns: the data authentication code (9F45), 2 bytes.
    Raises: CertificateError: a check failed.
    Source: EMV 4.4 Book 2, 5.4.
    """
    what = "signed static data"
    content, digest = _recover(signature, issuer, _STATIC_DATA, what)
    _check_algorithm(what, content[1])
    _check_hash(what, content + static_data, digest)
    return content[2:4]


def verify_dynamic_data(signature: bytes, icc: PublicKey, terminal_data: bytes) -> DynamicData:
    """Check the signature INTERNAL AUTHENTICATE gave.

    Args:
        terminal_data: what the terminal sent: the values of the DDOL.
    Raises: CertificateError: a check failed.
    Source: EMV 4.4 Book 2, 6.5.2.
    """
    what = "signed dynamic data"
    dynamic = _dynamic(signature, icc, terminal_data, what)
    return DynamicData(_icc_dynamic_number(dynamic, what))


def verify_combined_data(
    signature: bytes, icc: PublicKey, unpredictable_number: bytes, cid: int, transaction_data: bytes
) -> DynamicData:
    """Check the signature of a GENERATE AC answer (CDA).

    Args:
        unpredictable_number: 9F37, 4 bytes.
        cid: 9F27 as the answer has it in the clear.
        transaction_data: the values of PDOL, CDOL1 and, the second time, CDOL2, then the objects of the answer except
            9F4B, in their order.
    Raises: CertificateError: a check failed.
    Source: EMV 4.4 Book 2, 6.6.2.
    """
    what = "signed combined data"
    dynamic = _dynamic(signature, icc, unpredictable_number, what)
    number = _icc_dynamic_number(dynamic, what)
    rest = dynamic[1 + len(number) :]
    if len(rest) < 1 + _CRYPTOGRAM_BYTES + _HASH_BYTES:
        raise CertificateError(f"{what}: it holds no cryptogram")
    signed_cid, cryptogram = rest[0], rest[1 : 1 + _CRYPTOGRAM_BYTES]
    transaction_hash = rest[1 + _CRYPTOGRAM_BYTES : 1 + _CRYPTOGRAM_BYTES + _HASH_BYTES]
    if signed_cid != cid:
        raise CertificateError(f"{what}: the cryptogram information differs from that in the clear")
    if transaction_hash != _sha1(transaction_data):
        raise CertificateError(f"{what}: the transaction data hash does not hold")
    return DynamicData(number, signed_cid, cryptogram, transaction_hash)


def pin_block(pin: Sensitive) -> bytes:
    """The PIN as a card takes it: ISO 9564 format 2, 8 bytes, clear. Source: EMV 4.4 Book 3, 6.5.12.

    Raises: CertificateError: not 4 to 12 digits.
    """
    digits = pin.reveal()
    if not 4 <= len(digits) <= 12 or not (digits.isascii() and digits.isdecimal()):
        raise CertificateError("PIN: need 4 to 12 digits")
    return bytes.fromhex(f"2{len(digits):X}{digits}".ljust(16, "F"))


def encipher_pin(pin: Sensitive, challenge: bytes, key: PublicKey, draw: Callable[[int], bytes]) -> bytes:
    """The PIN enciphered for the card, as long as the key.

    Args:
        challenge: 8 bytes from GET CHALLENGE.
        draw: gives as many random bytes as asked.
    Source: EMV 4.4 Book 2, 7.2.
    """
    block = bytes((0x7F,)) + pin_block(pin) + challenge
    block += draw(key.size - len(block))
    enciphered = pow(int.from_bytes(block, "big"), key.exponent, int.from_bytes(key.modulus, "big"))
    return enciphered.to_bytes(key.size, "big")


def _recover(signature: bytes, above: PublicKey, form: int, what: str) -> tuple[bytes, bytes]:
    """What lies between header and hash, format byte first, and the hash."""
    if len(signature) != above.size:
        raise CertificateError(f"{what}: need {above.size} bytes, as the key above it, have {len(signature)}")
    if above.size < _MIN_KEY_BYTES:
        raise CertificateError(f"{what}: the key above it is too short")
    value = pow(int.from_bytes(signature, "big"), above.exponent, int.from_bytes(above.modulus, "big"))
    block = value.to_bytes(above.size, "big")
    if block[0] != _HEADER or block[-1] != _TRAILER:
        raise CertificateError(f"{what}: the recovered data do not start with 6A and end with BC")
    if block[1] != form:
        raise CertificateError(f"{what}: need format {form:02X}, have another")
    return block[1 : -1 - _HASH_BYTES], block[-1 - _HASH_BYTES : -1]


def _key(what: str, card: KeyCertificate, description: bytes, room: bytes) -> tuple[PublicKey, bytes]:
    """The key in a certificate, and the remainder that belongs to it.

    Args:
        description: hash algorithm, key algorithm, modulus length, exponent length.
        room: the leftmost part of the modulus, filled with BB when the modulus is shorter.
    """
    _check_algorithm(what, description[0])
    if description[1] != _RSA:
        raise CertificateError(f"{what}: need key algorithm 01, have another")
    size, exponent = description[2], int.from_bytes(card.exponent, "big")
    if not _MIN_KEY_BYTES <= size <= MAX_MODULUS_BYTES or len(card.exponent) != description[3]:
        raise CertificateError(f"{what}: modulus and exponent have not the lengths it names")
    if exponent not in EXPONENTS:
        raise CertificateError(f"{what}: need an exponent of 3 or 65537, have another")
    # A remainder counts only when the certificate has no room for the whole modulus: NI > NCA - 36, NIC > NI - 42.
    remainder = card.remainder if size > len(room) else b""
    if size > len(room) and not remainder:
        raise ObjectMissing(f"{what}: need a remainder of {size - len(room)} bytes, have none")
    modulus = room[:size] + remainder
    if len(modulus) != size:
        raise CertificateError(f"{what}: need a remainder of {size - len(room)} bytes, have {len(remainder)}")
    return PublicKey(modulus, exponent), remainder


def _dynamic(signature: bytes, icc: PublicKey, terminal_data: bytes, what: str) -> bytes:
    """The ICC dynamic data, the length byte of the dynamic number first. Source: EMV 4.4 Book 2, tables 17 and 22."""
    content, digest = _recover(signature, icc, _DYNAMIC_DATA, what)
    _check_algorithm(what, content[1])
    _check_hash(what, content + terminal_data, digest)
    length = content[2]
    if length > len(content) - 3:
        raise CertificateError(f"{what}: need {length} bytes of dynamic data, have {len(content) - 3}")
    return content[3 : 3 + length]


def _icc_dynamic_number(dynamic: bytes, what: str) -> bytes:
    """9F4C: 2 to 8 bytes after their length byte, which the length of the dynamic data counts."""
    length = dynamic[0] if dynamic else 0
    number = dynamic[1 : 1 + length]
    if not 2 <= length <= 8 or len(number) != length:
        raise CertificateError(f"{what}: need an ICC dynamic number of 2 to 8 bytes after its length, have another")
    return number


def _check_algorithm(what: str, algorithm: int) -> None:
    if algorithm != _SHA_1:
        raise CertificateError(f"{what}: need hash algorithm 01, have another")


def _check_hash(what: str, signed: bytes, digest: bytes) -> None:
    if _sha1(signed) != digest:
        raise CertificateError(f"{what}: the hash does not hold")


def _check_expiry(what: str, mmyy: bytes, today: date) -> None:
    """A certificate is good through the last day of the month it names."""
    digits = mmyy.hex()
    if not digits.isdecimal() or not 1 <= int(digits[:2]) <= 12:
        raise CertificateError(f"{what}: need an expiry MMYY, have something else")
    if (today.year, today.month) > (century(int(digits[2:])), int(digits[:2])):
        raise CertificateError(f"{what}: it has expired")


def century(year: int) -> int:
    """A year of two digits in full: 00 to 49 are 2000 to 2049. Source: EMV 4.4 Book 4, 6.7.3.

    >>> century(49), century(50)
    (2049, 1950)
    """
    return year + (2000 if year < 50 else 1900)


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()
