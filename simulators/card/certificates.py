"""Certificates and signatures as an issuer and a card make them, byte by byte.

    issuer certificate    90, remainder 92     signed by the certification authority
    ICC certificate       9F46, remainder 9F48 signed by the issuer, over the static data too
    PIN key certificate   9F2D, remainder 9F2F signed by the issuer
    signed static data    93                   signed by the issuer
    signed dynamic data   9F4B                 signed by the card

Every one is `6A ‖ body ‖ SHA-1 ‖ BC`; the hash also covers what the certificate has no room for.

Certificates and static data of a card are kept once made: a test loads the same card many times.

Source: EMV 4.4 Book 2, tables 1, 2, 3, 6, 7, 12, 13, 17 and 22 (what each consists of), A2.1 (signatures).
Leaves out other hash algorithms than SHA-1 and other ciphers than RSA: EMV cards in use have none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from simulators.card.rsa import RsaKey

HASH_BYTES: Final = 20
_KEPT: Final = 256
_SHA_1: Final = b"\x01"
_RSA: Final = b"\x01"
_ISSUER, _STATIC, _ICC, _DYNAMIC = b"\x02", b"\x03", b"\x04", b"\x05"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate, and the rest of the public key that does not fit into it (may be empty)."""

    certificate: bytes
    remainder: bytes


@lru_cache(maxsize=_KEPT)
def issuer_certificate(authority: RsaKey, issuer: RsaKey, bin_digits: str, expiry: str, serial: bytes) -> Certificate:
    """The issuer's public key, certified.

    Args:
        bin_digits: the 3 to 8 leftmost digits of the cards' numbers.
        expiry: YYMM; the certificate is good through the last day of the month.
        serial: 3 bytes.
    """
    head = _ISSUER + bytes.fromhex(bin_digits.ljust(8, "F")) + _month_first(expiry) + serial + _SHA_1 + _RSA
    return _certificate(authority, head, issuer, b"")


@lru_cache(maxsize=_KEPT)
def icc_certificate(
    issuer: RsaKey, icc: RsaKey, pan: str, expiry: str, serial: bytes, static_data: bytes = b""
) -> Certificate:
    """A public key of the card, certified: with `static_data` the one for signatures, without it the one for PINs."""
    head = _ICC + bytes.fromhex(pan.ljust(20, "F")) + _month_first(expiry) + serial + _SHA_1 + _RSA
    return _certificate(issuer, head, icc, static_data)


@lru_cache(maxsize=_KEPT)
def signed_static_data(issuer: RsaKey, authentication_code: bytes, static_data: bytes) -> bytes:
    """Signed static application data.

    Args:
        authentication_code: the data authentication code, 2 bytes, which the terminal gets back as 9F45.
    """
    body = _STATIC + _SHA_1 + authentication_code
    return _signed(issuer, body.ljust(issuer.size_bytes - HASH_BYTES - 2, b"\xbb"), static_data)


def signed_dynamic_data(icc: RsaKey, dynamic_data: bytes, terminal_data: bytes) -> bytes:
    """Signed dynamic application data.

    Args:
        dynamic_data: begins with the length of the ICC dynamic number.
        terminal_data: what the hash covers besides: the DDOL's values, the unpredictable number.
    """
    body = _DYNAMIC + _SHA_1 + bytes((len(dynamic_data),)) + dynamic_data
    return _signed(icc, body.ljust(icc.size_bytes - HASH_BYTES - 2, b"\xbb"), terminal_data)


def _certificate(signer: RsaKey, head: bytes, key: RsaKey, tail: bytes) -> Certificate:
    head += bytes((key.size_bytes, len(key.exponent)))
    room = signer.size_bytes - HASH_BYTES - 2 - len(head)
    body = head + key.modulus[:room].ljust(room, b"\xbb")
    remainder = key.modulus[room:]
    return Certificate(_signed(signer, body, remainder + key.exponent + tail), remainder)


def _signed(signer: RsaKey, body: bytes, tail: bytes) -> bytes:
    digest = hashlib.sha1(body + tail, usedforsecurity=False).digest()
    return signer.private(b"\x6a" + body + digest + b"\xbc")


def _month_first(expiry: str) -> bytes:
    return bytes.fromhex(expiry[2:] + expiry[:2])
