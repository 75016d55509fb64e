"""Data at rest: sealing what a store must hold, and fingerprints by which it is found again.

A sealed value is 12 bytes of nonce, the cipher text, and 16 bytes of tag; its context (which record, which column) is
authenticated with it, so that it cannot be moved to another place. A fingerprint is the AES-CMAC of a value: equal
values have equal fingerprints, and without the key nobody can try card numbers against them.

Source: NIST SP 800-38D (GCM), NIST SP 800-38B (CMAC).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from posterm.hsm.errors import SealedDataError
from posterm.hsm.key_block import drawn
from posterm.hsm.primitives import AuthenticationFailed, KeptCmac, aes_algorithm, aes_gcm

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
LONGEST_DATA: Final = 65_536


class AtRestKey:
    """A key for data at rest with its kept contexts. `key` is 16 or 32 bytes of AES."""

    __slots__ = ("_cmac", "_gcm")

    def __init__(self, key: bytes) -> None:
        self._gcm = aes_gcm(key)
        self._cmac = KeptCmac(aes_algorithm(key), key)

    def seal(self, plaintext: bytes, context: bytes, entropy: Callable[[int], bytes]) -> bytes:
        """Raises: SealedDataError: more than 65,536 bytes. CipherError: entropy that is no nonce."""
        if len(plaintext) > LONGEST_DATA:
            raise SealedDataError(f"at most {LONGEST_DATA} bytes are sealed at once, this has {len(plaintext)}")
        nonce = drawn(entropy, NONCE_BYTES)
        return nonce + self._gcm.encrypt(nonce, plaintext, context)

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        """Raises: SealedDataError: altered, of another key, or from another place."""
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise SealedDataError(f"sealed data is at least {NONCE_BYTES + TAG_BYTES} bytes, this has {len(sealed)}")
        try:
            return self._gcm.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
        except AuthenticationFailed:
            raise SealedDataError("sealed data: altered, of another key, or from another place") from None

    def fingerprint(self, data: bytes) -> str:
        """32 hexadecimal digits."""
        return self._cmac.of(data).hex()

    def __repr__(self) -> str:
        return "<AtRestKey>"
