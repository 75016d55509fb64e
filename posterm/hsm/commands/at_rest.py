"""Data at rest: sealed for a store, and found again by fingerprint.

Source: as `posterm.hsm.at_rest`.
"""

from __future__ import annotations

from posterm.hsm.needs import FINGERPRINT, SEAL, UNSEAL
from posterm.hsm.variant_key import KeyReference
from posterm.hsm.vault import KeyVault


class AtRestCommands(KeyVault):
    """Sealing and fingerprints."""

    __slots__ = ()

    def seal(self, key: KeyReference, plaintext: bytes, context: bytes) -> bytes:
        """Seal at most 65,536 bytes for a store; `context` names their place and is needed to unseal them.

        Returns: 28 bytes more than `plaintext`.
        Raises: KeyUsageError: no storage key. SealedDataError: too much data.
        """
        return self._open(key, SEAL).at_rest.seal(plaintext, context, self._entropy)

    def unseal(self, key: KeyReference, sealed: bytes, context: bytes) -> bytes:
        """Raises: SealedDataError: altered, of another key, or from another place. KeyUsageError: no storage key."""
        return self._open(key, UNSEAL).at_rest.unseal(sealed, context)

    def fingerprint(self, key: KeyReference, data: bytes) -> str:
        """32 hexadecimal digits by which a store finds a value it does not hold. Raises: KeyUsageError."""
        return self._open(key, FINGERPRINT).at_rest.fingerprint(data)
