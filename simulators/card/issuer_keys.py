"""The test issuers: their master keys for chip cards, and the test certification authorities over them.

There is one issuer for each scheme. An issuer's host loads the same master keys (`master_keys`), and a terminal that
takes these cards the public keys of the authorities (`authority`, index B7, which no published key set uses).

Source: EMV 4.4 Book 2, 8.3 (master keys), 11.2 (certification authority keys).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from posterm.emv.capk import CaKey, Use, checksum_of
from posterm.hsm.cryptogram import Cvn
from posterm.hsm.emv_keys import card_key
from posterm.hsm.emv_script import ScriptKeys
from posterm.sensitive import Pan
from simulators.card import rsa
from simulators.card.rsa import RsaKey

AUTHORITY_INDEX: Final = 0xB7
AUTHORITY_EXPIRES: Final = date(2049, 12, 31)
AUTHORITY_BITS: Final = 1408
ISSUER_BITS: Final = 1152

RIDS: Final = {
    "unionpay": "A000000333",
    "visa": "A000000003",
    "mastercard": "A000000004",
    "jcb": "A000000065",
    "amex": "A000000025",
    "discover": "A000000152",
}
"""The registered application provider of each scheme."""


@dataclass(frozen=True, slots=True, repr=False)
class MasterKeys:
    """An issuer's master keys, 16 bytes each, odd parity: cryptograms, script MAC, script encipherment, CVC3."""

    cryptogram: bytes
    integrity: bytes
    confidentiality: bytes
    cvc3: bytes

    def __repr__(self) -> str:
        return "<MasterKeys>"

    def for_card(self, cvn: Cvn, pan: Pan, sequence: str) -> CardKeys:
        """What the issuer puts into one card."""

        def derived(master: bytes) -> bytes:
            return card_key(master, pan, sequence, option_b=cvn.option_b)

        script = ScriptKeys(derived(self.cryptogram), derived(self.integrity), derived(self.confidentiality))
        return CardKeys(script, self.cvc3_for(pan))

    def cvc3_for(self, pan: Pan) -> bytes:
        """The key behind a stripe that changes. A stripe has no sequence number: it is taken as 00."""
        return card_key(self.cvc3, pan)


@dataclass(frozen=True, slots=True, repr=False)
class CardKeys:
    """The symmetric keys of one card."""

    script: ScriptKeys
    """Its cryptogram key among them."""
    cvc3: bytes

    @property
    def cryptogram(self) -> bytes:
        return self.script.cryptogram


@cache
def master_keys(scheme: str) -> MasterKeys:
    """The master keys of the scheme's test issuer."""
    cryptogram, integrity, confidentiality, cvc3 = (
        _test_key(f"{purpose} of the {scheme} test issuer")
        for purpose in ("cryptograms", "script integrity", "script confidentiality", "CVC3")
    )
    return MasterKeys(cryptogram, integrity, confidentiality, cvc3)


def authority_key(scheme: str) -> RsaKey:
    """The key pair of the scheme's test certification authority."""
    return rsa.key(f"authority/{scheme}", AUTHORITY_BITS)


def issuer_key(scheme: str) -> RsaKey:
    """The key pair of the scheme's test issuer."""
    return rsa.key(f"issuer/{scheme}", ISSUER_BITS)


@cache
def authority(scheme: str) -> CaKey:
    """The public key a terminal needs for the scheme's test cards."""
    pair = authority_key(scheme)
    rid, exponent = bytes.fromhex(RIDS[scheme]), int.from_bytes(pair.exponent, "big")
    checksum = checksum_of(rid, AUTHORITY_INDEX, pair.modulus, exponent)
    return CaKey(
        rid, AUTHORITY_INDEX, pair.modulus, exponent, checksum, AUTHORITY_EXPIRES, Use.TEST, "posterm test cards"
    )


def authorities() -> tuple[CaKey, ...]:
    """Those of all schemes."""
    return tuple(authority(scheme) for scheme in RIDS)


def _test_key(purpose: str) -> bytes:
    """A key everybody can make: the first 16 bytes of SHA-256 over its purpose, with odd parity."""
    digest = hashlib.sha256(purpose.encode()).digest()[:16]
    return bytes(byte & 0xFE | (byte.bit_count() - (byte & 1) + 1) % 2 for byte in digest)
