"""RSA keys for test cards: made from a seed, and the private operation by the Chinese remainder theorem.

A key has a label; the label is its seed. Making one takes a tenth of a second or more, so those of the ready cards and
of the test certification authorities are kept in `ready_keys.toml`, as this module made them.

Source: EMV 4.4 Book 2, B2.1 (exponent 3); FIPS 186-5, A.1 and B.3.1 (primes, Miller-Rabin).
Leaves out every protection against someone who measures: these keys are published.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Final

from simulators.card.stream import Stream

EXPONENT: Final = 3
_ROUNDS: Final = 8
"""Miller-Rabin rounds: for random candidates of 512 bits and more, fewer would do."""


def _primorial(limit: int) -> int:
    product = 1
    for number in range(3, limit, 2):
        if math.gcd(number, product) == 1:
            product *= number
    return product


_SMALL_PRIMES: Final = _primorial(1_000)


@dataclass(frozen=True, repr=False)
class RsaKey:
    """An RSA key pair. Prints nothing of itself."""

    p: int
    q: int

    @cached_property
    def modulus(self) -> bytes:
        return (self.p * self.q).to_bytes(self.size_bytes, "big")

    @cached_property
    def size_bytes(self) -> int:
        return (self.p * self.q).bit_length() // 8

    @property
    def exponent(self) -> bytes:
        return bytes((EXPONENT,))

    @cached_property
    def _crt(self) -> tuple[int, int, int]:
        return (pow(EXPONENT, -1, self.p - 1), pow(EXPONENT, -1, self.q - 1), pow(self.q, -1, self.p))

    def private(self, block: bytes) -> bytes:
        """The private operation, for signing and for deciphering: as many bytes as the modulus has.

        Args:
            block: as long as the modulus and, as a number, less than it.
        """
        d_p, d_q, inverse = self._crt
        number = int.from_bytes(block, "big")
        left, right = pow(number, d_p, self.p), pow(number, d_q, self.q)
        return (right + self.q * (inverse * (left - right) % self.p)).to_bytes(self.size_bytes, "big")


def key(label: str, bits: int) -> RsaKey:
    """The key of that label: a ready one, or one made now.

    Args:
        bits: of the modulus; a multiple of 16.
    """
    ready = _ready_keys().get(f"{label}/{bits}")
    return ready if ready is not None else make_key(label, bits)


@cache
def make_key(label: str, bits: int) -> RsaKey:
    """Make the key of that label."""
    stream = Stream(f"{label}/{bits}")
    p = _prime(stream, bits // 2)
    q = _prime(stream, bits // 2)
    while q == p:
        q = _prime(stream, bits // 2)
    return RsaKey(p, q)


@cache
def _ready_keys() -> dict[str, RsaKey]:
    text = (resources.files("simulators.card") / "ready_keys.toml").read_text("utf-8")
    return {label: RsaKey(int(row["p"], 16), int(row["q"], 16)) for label, row in tomllib.loads(text).items()}


def _prime(stream: Stream, bits: int) -> int:
    """A prime with its two highest bits set, so that a product of two is full, and fit for the exponent."""
    while True:
        candidate = int.from_bytes(stream.draw(bits // 8), "big") | 3 << bits - 2 | 1
        fits = candidate % EXPONENT == EXPONENT - 1 and math.gcd(candidate, _SMALL_PRIMES) == 1
        if fits and _is_probably_prime(candidate, stream):
            return candidate


def _is_probably_prime(number: int, stream: Stream) -> bool:
    odd, twos = number - 1, 0
    while not odd & 1:
        odd, twos = odd >> 1, twos + 1
    return all(_passes(number, odd, twos, base) for base in _bases(number, stream))


def _bases(number: int, stream: Stream) -> list[int]:
    size = number.bit_length() // 8
    return [2, *(int.from_bytes(stream.draw(size), "big") % (number - 3) + 2 for _ in range(_ROUNDS - 1))]


def _passes(number: int, odd: int, twos: int, base: int) -> bool:
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False
