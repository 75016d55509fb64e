"""SM2: signatures and encipherment over an elliptic curve, with SM3 as the hash.

    signature     r = e + x(kG), s = (k - r d) / (1 + d), both modulo n; e = SM3(Z, message)
    Z             SM3(length of the identity in bits, identity, a, b, G, public key): binds the signer's name
    encipherment  C1 = kG; C3 = SM3(x2, message, y2); C2 = message xor KDF(x2, y2), where (x2, y2) = kP

The order is C1, C3, C2, as GB/T 32918.4-2016 has it; C1 is 04 and both coordinates. The points are calculated on
integers of any length: unlike the other ciphers here, the time it takes depends on the private key and on k. What runs
beside a hostile neighbour should not sign with it.

Source: GB/T 32918.1 to .5-2016 (GM/T 0003), GB/T 32905-2016 (SM3).
Left out: key exchange, compressed points, ASN.1 forms, certificates.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from posterm.hsm.errors import CipherError, Sm2Error, Sm2Mismatch
from posterm.hsm.key_block import drawn
from posterm.hsm.primitives import sm3

USER_IDENTITY: Final = b"1234567812345678"
"""The identity of signers that have agreed on no other."""
COORDINATE_BYTES: Final = 32
LONGEST_IDENTITY: Final = 8_191
LONGEST_MESSAGE: Final = 65_536
_MOST_DRAWS: Final = 64

# The recommended curve y^2 = x^3 + ax + b over the integers modulo p, its base point and that point's order.
_P: Final = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFF
_A: Final = _P - 3
_B: Final = 0x28E9FA9E_9D9F5E34_4D5A9E4B_CF6509A7_F39789F5_15AB8F92_DDBCBD41_4D940E93
_N: Final = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123
_G: Final = (
    0x32C4AE2C_1F198119_5F990446_6A39C994_8FE30BBF_F2660BE1_715A4589_334C74C7,
    0xBC3736A2_F4F6779C_59BDCEE3_6B692153_D0A9877C_C62A4740_02DF32E5_2139F0A0,
)

_Jacobian = tuple[int, int, int]
_INFINITY: Final[_Jacobian] = (1, 1, 0)


@dataclass(frozen=True, slots=True)
class Sm2PublicKey:
    """A point of the curve other than infinity. Raises: Sm2Error: not on the curve."""

    x: int
    y: int

    def __post_init__(self) -> None:
        on_curve = (self.y * self.y - (self.x * self.x + _A) * self.x - _B) % _P == 0
        if not (0 <= self.x < _P and 0 <= self.y < _P and on_curve):
            raise Sm2Error("SM2: a public key is a point of the curve, this is not")

    @classmethod
    def parse(cls, data: bytes) -> Sm2PublicKey:
        """From 04 and both coordinates, 65 bytes, or the coordinates alone. Raises: Sm2Error: another form."""
        coordinates = data[1:] if len(data) == 2 * COORDINATE_BYTES + 1 and data[0] == 4 else data
        if len(coordinates) != 2 * COORDINATE_BYTES:
            raise Sm2Error(f"SM2: a public key is 04 and two coordinates, this has {len(data)} bytes")
        x, y = coordinates[:COORDINATE_BYTES], coordinates[COORDINATE_BYTES:]
        return cls(int.from_bytes(x, "big"), int.from_bytes(y, "big"))

    def encode(self) -> bytes:
        """04 and both coordinates, 65 bytes."""
        return b"\x04" + _bytes(self.x) + _bytes(self.y)

    def verify(self, message: bytes, signature: bytes, identity: bytes = USER_IDENTITY) -> None:
        """Hold a signature, r and s of 32 bytes each, against a message.

        Raises: Sm2Mismatch: it does not verify. Sm2Error: message or identity too long.
        """
        r = int.from_bytes(signature[:COORDINATE_BYTES], "big")
        s = int.from_bytes(signature[COORDINATE_BYTES:], "big")
        e = _digest(self, message, identity)
        t = (r + s) % _N
        if len(signature) != 2 * COORDINATE_BYTES or not (0 < r < _N and 0 < s < _N) or not t:
            raise Sm2Mismatch
        point = _affine(_add(_multiply(s, _G), _multiply(t, (self.x, self.y))))
        if point is None or (e + point[0]) % _N != r:
            raise Sm2Mismatch

    def encrypt(self, message: bytes, entropy: Callable[[int], bytes]) -> bytes:
        """Encipher 1 to 65,536 bytes: C1, C3, C2, 97 bytes more than the message.

        Raises: Sm2Error: another length. CipherError: entropy that gives no number.
        """
        if not 1 <= len(message) <= LONGEST_MESSAGE:
            raise Sm2Error(f"SM2: need 1 to {LONGEST_MESSAGE} bytes, found {len(message)}")
        for _ in range(_MOST_DRAWS):
            k = _scalar(entropy)
            shared = _affine(_multiply(k, (self.x, self.y)))
            if shared is None:
                continue
            mask = _derived(shared, len(message))
            if any(mask):
                c1 = Sm2PublicKey(*_point(_multiply(k, _G)))
                return c1.encode() + _check(shared, message) + _xor(message, mask)
        raise CipherError("entropy: it gives no number for SM2")


class Sm2PrivateKey:
    """A number from 1 to n - 2. Raises: Sm2Error: another, or not 32 bytes."""

    __slots__ = ("_d", "public")

    def __init__(self, key: bytes) -> None:
        d = int.from_bytes(key, "big")
        if len(key) != COORDINATE_BYTES or not 0 < d < _N - 1:
            raise Sm2Error("SM2: a private key is 32 bytes, a number from 1 to n - 2, this is not")
        self._d = d
        self.public = Sm2PublicKey(*_point(_multiply(d, _G)))

    @classmethod
    def generate(cls, entropy: Callable[[int], bytes]) -> Sm2PrivateKey:
        """A new random key. Raises: CipherError: entropy that gives no number."""
        return cls(_bytes(_scalar(entropy, _N - 1)))

    def sign(self, message: bytes, entropy: Callable[[int], bytes], identity: bytes = USER_IDENTITY) -> bytes:
        """A signature: r and s, 64 bytes.

        Raises: Sm2Error: message or identity too long. CipherError: entropy that gives no number.
        """
        e = _digest(self.public, message, identity)
        for _ in range(_MOST_DRAWS):
            k = _scalar(entropy)
            r = (e + _point(_multiply(k, _G))[0]) % _N
            s = pow(1 + self._d, -1, _N) * (k - r * self._d) % _N
            if r and s and r + k != _N:
                return _bytes(r) + _bytes(s)
        raise CipherError("entropy: it gives no number for SM2")

    def decrypt(self, enciphered: bytes) -> bytes:
        """What `Sm2PublicKey.encrypt` was given.

        Raises: Sm2Error: malformed, altered, or for another key: one text for all of them.
        """
        head, check = 2 * COORDINATE_BYTES + 1, COORDINATE_BYTES
        if not head + check < len(enciphered) <= head + check + LONGEST_MESSAGE or enciphered[0] != 4:
            raise Sm2Error(_NOT_DECIPHERED)
        try:
            c1 = Sm2PublicKey.parse(enciphered[:head])
        except Sm2Error:
            raise Sm2Error(_NOT_DECIPHERED) from None
        shared = _point(_multiply(self._d, (c1.x, c1.y)))
        masked = enciphered[head + check :]
        message = _xor(masked, _derived(shared, len(masked)))
        if not hmac.compare_digest(_check(shared, message), enciphered[head : head + check]):
            raise Sm2Error(_NOT_DECIPHERED)
        return message

    def __repr__(self) -> str:
        return "<Sm2PrivateKey>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("Sm2PrivateKey is not pickled: it would travel in the clear")


_NOT_DECIPHERED: Final = "SM2: malformed, altered, or enciphered for another key"


def identity_digest(key: Sm2PublicKey, identity: bytes = USER_IDENTITY) -> bytes:
    """Z, 32 bytes: what binds a signature to its signer. Raises: Sm2Error: an identity beyond 8,191 bytes."""
    if len(identity) > LONGEST_IDENTITY:
        raise Sm2Error(f"SM2: an identity is at most {LONGEST_IDENTITY} bytes, this has {len(identity)}")
    numbers = (_A, _B, *_G, key.x, key.y)
    return sm3((len(identity) * 8).to_bytes(2, "big") + identity + b"".join(map(_bytes, numbers)))


def _digest(key: Sm2PublicKey, message: bytes, identity: bytes) -> int:
    if len(message) > LONGEST_MESSAGE:
        raise Sm2Error(f"SM2: at most {LONGEST_MESSAGE} bytes are signed, this has {len(message)}")
    return int.from_bytes(sm3(identity_digest(key, identity) + message), "big")


def _derived(shared: tuple[int, int], size: int) -> bytes:
    """The key derivation function: SM3 of the point and a counter (GB/T 32918.4-2016, 5.4.3)."""
    seed = _bytes(shared[0]) + _bytes(shared[1])
    blocks = range(1, -(-size // COORDINATE_BYTES) + 1)
    return b"".join(sm3(seed + counter.to_bytes(4, "big")) for counter in blocks)[:size]


def _check(shared: tuple[int, int], message: bytes) -> bytes:
    return sm3(_bytes(shared[0]) + message + _bytes(shared[1]))


def _scalar(entropy: Callable[[int], bytes], limit: int = _N) -> int:
    """A number from 1 to `limit` - 1, drawn again when it is beyond."""
    for _ in range(_MOST_DRAWS):
        number = int.from_bytes(drawn(entropy, COORDINATE_BYTES), "big")
        if 0 < number < limit:
            return number
    raise CipherError("entropy: it gives no number for SM2")


# --- the curve, in Jacobian coordinates: (X, Y, Z) stands for (X / Z^2, Y / Z^3) --------------------------------------


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    if not y or not z:
        return _INFINITY
    zz, yy = z * z % _P, y * y % _P
    s = 4 * x * yy % _P
    m = 3 * (x - zz) * (x + zz) % _P  # 3x^2 + az^4, as a is -3
    x3 = (m * m - 2 * s) % _P
    return x3, (m * (s - x3) - 8 * yy * yy) % _P, 2 * y * z % _P


def _add(left: _Jacobian, right: _Jacobian) -> _Jacobian:
    if not left[2]:
        return right
    if not right[2]:
        return left
    x1, y1, z1 = left
    x2, y2, z2 = right
    zz1, zz2 = z1 * z1 % _P, z2 * z2 % _P
    u1, u2 = x1 * zz2 % _P, x2 * zz1 % _P
    s1, s2 = y1 * zz2 * z2 % _P, y2 * zz1 * z1 % _P
    h, r = (u2 - u1) % _P, (s2 - s1) % _P
    if not h:
        return _INFINITY if r else _double(left)
    hh = h * h % _P
    hhh, v = h * hh % _P, u1 * hh % _P
    x3 = (r * r - hhh - 2 * v) % _P
    return x3, (r * (v - x3) - s1 * hhh) % _P, h * z1 * z2 % _P


def _multiply(k: int, point: tuple[int, int]) -> _Jacobian:
    """k times a point by Montgomery's ladder: an addition and a doubling for each of 256 bits, whatever they are."""
    low, high = _INFINITY, (point[0], point[1], 1)
    for place in reversed(range(256)):
        total = _add(low, high)
        if k >> place & 1:
            low, high = total, _double(high)
        else:
            low, high = _double(low), total
    return low


def _affine(point: _Jacobian) -> tuple[int, int] | None:
    x, y, z = point
    if not z:
        return None
    inverse = pow(z, -1, _P)
    square = inverse * inverse % _P
    return x * square % _P, y * square * inverse % _P


def _point(point: _Jacobian) -> tuple[int, int]:
    found = _affine(point)
    if found is None:
        raise Sm2Error("SM2: the point at infinity is no point to go on with")
    return found


def _bytes(number: int) -> bytes:
    return number.to_bytes(COORDINATE_BYTES, "big")


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")
