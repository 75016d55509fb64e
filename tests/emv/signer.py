"""Signs certificates and card data for tests, with one RSA key that stands for CA, issuer and card alike.

Written from the tables of EMV 4.4 Book 2 (6, 7, 14, 17, 22); shares nothing with what it tests.
"""

from __future__ import annotations

import hashlib

from posterm.emv.capk import CaKey, checksum_of
from posterm.emv.certificates import KeyCertificate, PublicKey

# The first primes over SHA-256("posterm test p" || i), and likewise q, that leave 2 when divided by 3.
_P = int(
    "FD21C0779714FA79B48C6ED6644926D148A80BEB32F30ACC3D4C1A36F0AF55C8"
    "71FFFB79395FDE5646FDC62FC23A93CE4DA6BAD2502AB8B4ECDE78C119C4E529",
    16,
)
_Q = int(
    "CE1D3FBDE85F13C9FA38ACBBCBC1C431B1A338047E266B66A1280AEDCC327D7C"
    "BBBE046B84CC3674491D338205449E77C30EB4286447DAC4B711DC4BFF4BF4A3",
    16,
)
_D = pow(3, -1, (_P - 1) * (_Q - 1))
SIZE = 128
MODULUS = (_P * _Q).to_bytes(SIZE, "big")
KEY = PublicKey(MODULUS, 3)


def ca_key(rid: bytes, index: int) -> CaKey:
    """The signer's key as a CA key."""
    return CaKey(rid, index, MODULUS, 3, checksum_of(rid, index, MODULUS, 3))


def decipher(value: bytes) -> bytes:
    """The private operation."""
    return pow(int.from_bytes(value, "big"), _D, _P * _Q).to_bytes(SIZE, "big")


def sign(content: bytes, covered: bytes, *, header: int = 0x6A, trailer: int = 0xBC) -> bytes:
    """A signature over `content`, format byte first and filled to the key, and over what it covers besides."""
    assert len(content) == SIZE - 22
    digest = hashlib.sha1(content + covered).digest()
    return decipher(bytes((header,)) + content + digest + bytes((trailer,)))


def issuer_certificate(pan: str, *, expires: str = "1230", serial: bytes = b"\x00\x00\x01") -> KeyCertificate:
    """The signer's key as an issuer's, under the signer's as CA key."""
    description = bytes((0x01, 0x01, SIZE, 1))
    issuer = bytes.fromhex(pan[:6] + "FF")
    room = SIZE - 36
    content = b"\x02" + issuer + bytes.fromhex(expires) + serial + description + MODULUS[:room]
    return KeyCertificate(sign(content, MODULUS[room:] + b"\x03"), MODULUS[room:], b"\x03")


def icc_certificate(
    pan: str,
    *,
    expires: str = "1230",
    covered: bytes = b"",
    exponent: bytes = b"\x03",
    form: int = 0x04,
    header: int = 0x6A,
    trailer: int = 0xBC,
    hash_algorithm: int = 0x01,
    key_algorithm: int = 0x01,
    size: int = SIZE,
    exponent_length: int = 1,
) -> KeyCertificate:
    """The signer's key as a card's, under the signer's as issuer key; parts can be made wrong."""
    description = bytes((hash_algorithm, key_algorithm, size, exponent_length))
    owner = bytes.fromhex(pan.ljust(20, "F"))
    room = SIZE - 42
    content = bytes((form,)) + owner + bytes.fromhex(expires) + b"\x00\x00\x02" + description + MODULUS[:room]
    signature = sign(content, MODULUS[room:] + exponent + covered, header=header, trailer=trailer)
    return KeyCertificate(signature, MODULUS[room:], exponent)


def static_signature(covered: bytes, code: bytes = b"\xda\xc1") -> bytes:
    """Signed static application data (93)."""
    return sign((b"\x03\x01" + code).ljust(SIZE - 22, b"\xbb"), covered)


def dynamic_signature(dynamic: bytes, covered: bytes) -> bytes:
    """Signed dynamic application data (9F4B). `dynamic` starts with the length byte LDD."""
    return sign((b"\x05\x01" + dynamic).ljust(SIZE - 22, b"\xbb"), covered)


def combined_signature(
    number: bytes, cid: int, cryptogram: bytes, transaction: bytes, unpredictable_number: bytes
) -> bytes:
    """The signature of a GENERATE AC answer."""
    dynamic = bytes((len(number),)) + number + bytes((cid,)) + cryptogram + hashlib.sha1(transaction).digest()
    return dynamic_signature(bytes((len(dynamic),)) + dynamic, unpredictable_number)
