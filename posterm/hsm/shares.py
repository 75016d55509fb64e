"""A secret divided into shares: any few of them give it back, fewer tell nothing.

Each byte of the secret is the value at 0 of a random polynomial over GF(256), of a degree one less than the threshold;
share n holds the values at n. A share is written as one line that can be typed in by hand:

    1-2of3-5C3A91F0-<the share's bytes, hexadecimal>-8D02E1B7
    │ │  │ │                                         └─ check over all that stands before it, 4 bytes
    │ │  │ └─ set: 4 bytes that all shares of one secret have in common, made from the secret
    │ │  └─ how many shares there are
    │ └─ threshold: how many of them it takes
    └─ number of this share

Source: A. Shamir, How to Share a Secret, CACM 22 (1979); the field is that of FIPS 197, 4.2.
Left out: shares that can be verified without the others, renewal of shares without the secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from posterm.hsm.errors import ShareError
from posterm.hsm.key_block import drawn

MOST_SHARES: Final = 16
LONGEST_SECRET: Final = 64

_CHECK_BYTES: Final = 4
_SET_TAG: Final = b"posterm set of shares 1"
_FORM: Final = re.compile(
    r"(?P<body>(?P<number>[0-9]{1,2})-(?P<threshold>[0-9]{1,2})of(?P<count>[0-9]{1,2})"
    r"-(?P<set_id>[0-9A-F]{8})-(?P<data>(?:[0-9A-F]{2})+))-(?P<check>[0-9A-F]{8})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Share:
    """One share of a secret. Its bytes show only in `text`, which is what goes to the one who keeps it."""

    number: int
    """1 to `count`."""
    threshold: int
    count: int
    set_id: str
    """8 hexadecimal digits."""
    data: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The share as it is written down."""
        body = f"{self.number}-{self.threshold}of{self.count}-{self.set_id}-{self.data.hex().upper()}"
        return f"{body}-{_check(body)}"

    @classmethod
    def parse(cls, text: str) -> Share:
        """A share as it was written down; blanks and the case of letters do not count.

        Raises: ShareError: another form, or a character that was misread.
        """
        match = _FORM.fullmatch("".join(text.split()).upper().replace("OF", "of"))
        if match is None:
            raise ShareError("secret share: need NUMBER-THRESHOLDofCOUNT-SET-DATA-CHECK, found text of another form")
        if not hmac.compare_digest(_check(match["body"]), match["check"]):
            raise ShareError("secret share: the check at its end does not match", hint="a character was misread")
        share = cls(
            int(match["number"]), int(match["threshold"]), int(match["count"]), match["set_id"],
            bytes.fromhex(match["data"]),
        )  # fmt: skip
        _require_possible(share.threshold, share.count, len(share.data))
        if not 1 <= share.number <= share.count:
            raise ShareError(f"secret share: need a number of 1 to {share.count}, found {share.number}")
        return share


def split(secret: bytes, *, threshold: int, count: int, entropy: Callable[[int], bytes]) -> tuple[Share, ...]:
    """Divide a secret.

    Args:
        secret: 1 to 64 bytes.
        threshold: how many shares give it back, 2 to `count`.
        count: how many there are, 2 to 16.
        entropy: called with a number of bytes, gives that many.
    Raises: ShareError: other numbers. CipherError: entropy that ran short.
    """
    _require_possible(threshold, count, len(secret))
    set_id = _set_of(secret)
    coefficients = [secret, *(drawn(entropy, len(secret)) for _ in range(threshold - 1))]
    return tuple(
        Share(number, threshold, count, set_id, _values_at(number, coefficients)) for number in range(1, count + 1)
    )


def combine(shares: Sequence[Share]) -> bytes:
    """The secret that shares of one set give; further ones than the threshold are held against it too.

    Raises: ShareError: too few, one twice, of several secrets, or shares that do not give the set's secret.
    """
    if not shares:
        raise ShareError("secret shares: need at least 2, found none")
    first = shares[0]
    if any(
        (each.set_id, each.threshold, each.count, len(each.data))
        != (first.set_id, first.threshold, first.count, len(first.data))
        for each in shares
    ):
        raise ShareError("secret shares: they are not all of one secret")
    if len({each.number for each in shares}) != len(shares):
        raise ShareError("secret shares: one of them was given twice")
    if len(shares) < first.threshold:
        raise ShareError(f"secret shares: need {first.threshold}, found {len(shares)}")
    secret = bytes(len(first.data))
    for share in shares:
        weight = _weight_at_zero(share.number, [each.number for each in shares])
        secret = bytes([total ^ _times(weight, byte) for total, byte in zip(secret, share.data, strict=True)])
    if not hmac.compare_digest(_set_of(secret), first.set_id):
        raise ShareError("secret shares: together they do not give the secret of their set", hint="one was altered")
    return secret


def _require_possible(threshold: int, count: int, size: int) -> None:
    if not 2 <= threshold <= count <= MOST_SHARES:
        raise ShareError(
            f"secret shares: need 2 to {MOST_SHARES} of which at least 2 are asked for, found {threshold} of {count}"
        )
    if not 1 <= size <= LONGEST_SECRET:
        raise ShareError(f"secret shares: need a secret of 1 to {LONGEST_SECRET} bytes, found {size}")


def _set_of(secret: bytes) -> str:
    return hmac.digest(secret, _SET_TAG, "sha256")[:_CHECK_BYTES].hex().upper()


def _check(body: str) -> str:
    return hashlib.sha256(body.encode("ascii")).digest()[:_CHECK_BYTES].hex().upper()


def _values_at(place: int, coefficients: Sequence[bytes]) -> bytes:
    """Every byte's polynomial at `place`, by Horner's rule."""
    value = bytes(len(coefficients[0]))
    for coefficient in reversed(coefficients):
        value = bytes([_times(place, high) ^ low for high, low in zip(value, coefficient, strict=True)])
    return value


def _weight_at_zero(number: int, numbers: Sequence[int]) -> int:
    """Lagrange's weight of one share for the value at 0."""
    above, below = 1, 1
    for other in numbers:
        if other != number:
            above = _times(above, other)
            below = _times(below, other ^ number)
    return _times(above, _inverse(below))


def _times(a: int, b: int) -> int:
    """The product in GF(256), without a branch or a table that the operands choose."""
    product = 0
    for _ in range(8):
        product ^= -(b & 1) & a
        a = (a << 1) ^ (-(a >> 7) & 0x11B)
        b >>= 1
    return product


def _inverse(a: int) -> int:
    """a to the 254th power: the group has 255 elements."""
    power, result = a, 1
    for _ in range(7):
        power = _times(power, power)
        result = _times(result, power)
    return result
