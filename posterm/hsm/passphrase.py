"""Passphrases: stretched into a key, and kept as something that tells a right one from a wrong one.

Source: RFC 7914 (scrypt).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from posterm.hsm.errors import PassphraseError
from posterm.hsm.key_block import drawn

SHORTEST_PASSPHRASE: Final = 12
COST: Final = 15
"""scrypt takes 2 to this power of steps, and 32 MiB, for each guess at a passphrase."""
SALT_BYTES: Final = 16

_BLOCK_SIZE: Final = 8
_MEMORY: Final = 128 * _BLOCK_SIZE << (COST + 1)


def stretched(passphrase: str, salt: bytes) -> bytes:
    """32 bytes that take some work to find."""
    return hashlib.scrypt(
        passphrase.encode("utf-8"), salt=salt, n=1 << COST, r=_BLOCK_SIZE, p=1, maxmem=_MEMORY, dklen=32
    )


def require_long_enough(passphrase: str) -> None:
    """Raises: PassphraseError: fewer than 12 characters."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise PassphraseError(f"passphrase: need at least {SHORTEST_PASSPHRASE} characters, this is shorter")


def verifier(passphrase: str, entropy: Callable[[int], bytes]) -> str:
    """What is kept of a passphrase: salt and stretched, hexadecimal. Raises: PassphraseError: it is too short."""
    require_long_enough(passphrase)
    salt = drawn(entropy, SALT_BYTES)
    return salt.hex() + stretched(passphrase, salt).hex()


def verify_passphrase(kept: str, passphrase: str) -> None:
    """Raises: PassphraseError: it is another one than was kept."""
    salt, expected = bytes.fromhex(kept)[:SALT_BYTES], bytes.fromhex(kept)[SALT_BYTES:]
    if not hmac.compare_digest(stretched(passphrase, salt), expected):
        raise PassphraseError("passphrase: it is not the one")
