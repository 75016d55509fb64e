"""HMAC: a MAC made with a hash function, under a key of any length.

Source: FIPS 198-1, ISO/IEC 9797-2 (MAC algorithm 2), RFC 2104; truncation after NIST SP 800-107, 5.3.3.
Left out: SHA-3.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Final

from posterm.hsm.errors import KeyCheckError, MacError, MacMismatch
from posterm.hsm.mac import LONGEST_DATA, SHORTEST_MAC

LONGEST_KEY: Final = 1_024
SHORTEST_KEY: Final = 8


class HashAlgorithm(StrEnum):
    """The hash an HMAC is made with; the value is its name."""

    SHA_1 = "sha1"
    SHA_224 = "sha224"
    SHA_256 = "sha256"
    SHA_384 = "sha384"
    SHA_512 = "sha512"

    @property
    def digest_bytes(self) -> int:
        return {"sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}[self.value]


def hash_mac(algorithm: HashAlgorithm, key: bytes, data: bytes, length: int | None = None) -> bytes:
    """The HMAC over at most 65,536 bytes.

    Args:
        key: 8 to 1,024 bytes.
        length: how many bytes of it, from the left: at least 4; all when left out.
    Raises: KeyCheckError: the key's length. MacError: too much data, or a length it has not.
    """
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise KeyCheckError(f"an HMAC key is {SHORTEST_KEY} to {LONGEST_KEY} bytes, this has {len(key)}")
    if len(data) > LONGEST_DATA:
        raise MacError(f"HMAC {algorithm}: at most {LONGEST_DATA} bytes of data, this has {len(data)}")
    asked = algorithm.digest_bytes if length is None else length
    if not SHORTEST_MAC <= asked <= algorithm.digest_bytes:
        raise MacError(f"HMAC {algorithm}: it has {SHORTEST_MAC} to {algorithm.digest_bytes} bytes, not {asked}")
    return hmac.digest(key, data, algorithm.value)[:asked]


def verify_hash_mac(algorithm: HashAlgorithm, key: bytes, data: bytes, mac: bytes, length: int | None = None) -> None:
    """Raises: MacMismatch: `mac` is not what `hash_mac` gives. KeyCheckError: the key's length."""
    if not hmac.compare_digest(hash_mac(algorithm, key, data, length), mac):
        raise MacMismatch(f"HMAC {algorithm}: it does not verify over {len(data)} bytes of data")
