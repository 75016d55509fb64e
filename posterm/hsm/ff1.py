"""FF1: encipherment of a row of digits into as many digits, under an AES key and a tweak.

Ten rounds of a Feistel network over the two halves; each adds to one half what AES makes of the other.

Source: NIST SP 800-38G, 5.1 (algorithms 7 and 8).
Left out: radices other than ten, numbers longer than 36 digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from posterm.bcd import is_digits
from posterm.hsm.errors import PinError
from posterm.hsm.primitives import aes_cbc_encrypt

SHORTEST: Final = 2
LONGEST: Final = 36
_ROUNDS: Final = 10
_RADIX: Final = 10


def encrypt(key: bytes, tweak: bytes, digits: str) -> str:
    """Encipher 2 to 36 digits under an AES key.

    Raises: PinError: another length, or not digits.

    >>> encrypt(bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"), b"", "0123456789")
    '2433477484'
    """
    u, v, f = _halves(key, tweak, digits)
    a, b = int(digits[:u]), int(digits[u:])
    for i in range(_ROUNDS):
        a, b = b, (a + f(i, b)) % _RADIX ** (u if i % 2 == 0 else v)
    return f"{a:0{u}d}{b:0{v}d}"


def decrypt(key: bytes, tweak: bytes, digits: str) -> str:
    """The reverse of `encrypt`. Raises: as `encrypt`."""
    u, v, f = _halves(key, tweak, digits)
    a, b = int(digits[:u]), int(digits[u:])
    for i in reversed(range(_ROUNDS)):
        a, b = (b - f(i, a)) % _RADIX ** (u if i % 2 == 0 else v), a
    return f"{a:0{u}d}{b:0{v}d}"


def _halves(key: bytes, tweak: bytes, digits: str) -> tuple[int, int, Callable[[int, int], int]]:
    """The lengths of the two halves, and the round function."""
    n = len(digits)
    if not SHORTEST <= n <= LONGEST or not is_digits(digits):
        raise PinError(f"format-preserving encipherment: need {SHORTEST} to {LONGEST} digits, found something else")
    u = n // 2
    v = n - u
    b_bytes = -(-(_RADIX**v - 1).bit_length() // 8)
    d_bytes = 4 * -(-b_bytes // 4) + 4
    fixed = bytes([1, 2, 1]) + _RADIX.to_bytes(3, "big") + bytes([10, u]) + n.to_bytes(4, "big")
    fixed += len(tweak).to_bytes(4, "big") + tweak + bytes((-len(tweak) - b_bytes - 1) % 16)

    def f(i: int, half: int) -> int:
        block = aes_cbc_encrypt(key, bytes(16), fixed + bytes([i]) + half.to_bytes(b_bytes, "big"))[-16:]
        return int.from_bytes(block[:d_bytes], "big")

    return u, v, f
