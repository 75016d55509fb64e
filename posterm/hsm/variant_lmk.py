"""Variant local master keys: a key enciphered under the pair of its type, written as a scheme letter and hexadecimal.

    Z or none   single length            16 digits
    X           double length, plain     32      Y   triple, plain       48
    U           double, with variants    32      T   triple, variants    48

A key type, of those in `key_types`, names a pair and a variant. The variant changes the first byte of the pair's left
half; under U and T each 8-byte part has a variant of its own on the first byte of the right half. Under a zone master
key the same scheme variants are laid on the right half of that key, or on the middle one of three.

Source: Thales payShield, variant LMK scheme, key type table and test LMK set, published samples with an Atalla variant.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor
from typing import Final

from posterm.hsm.errors import KeyBlockError, KeyCheckError
from posterm.hsm.key_types import pair_of
from posterm.hsm.keys import Algorithm
from posterm.hsm.primitives import BlockCipher, check_value, encrypt_once

PAIRS: Final = 20
PAIR_BYTES: Final = 16

# The test LMK set printed in the manuals; anyone can open what it enciphers.
_TEST_PAIRS: Final = tuple(
    bytes.fromhex(pair)
    for pair in (
        "01010101010101017902CD1FD36EF8BA",
        "20202020202020203131313131313131",
        "40404040404040405151515151515151",
        "61616161616161617070707070707070",
        "80808080808080809191919191919191",
        "A1A1A1A1A1A1A1A1B0B0B0B0B0B0B0B0",
        "C1C1010101010101D0D0010101010101",
        "E0E0010101010101F1F1010101010101",
        "1C587F1C13924FEF0101010101010101",
        "01010101010101010101010101010101",
        "02020202020202020404040404040404",
        "07070707070707071010101010101010",
        "13131313131313131515151515151515",
        "16161616161616161919191919191919",
        "1A1A1A1A1A1A1A1A1C1C1C1C1C1C1C1C",
        "23232323232323232525252525252525",
        "26262626262626262929292929292929",
        "2A2A2A2A2A2A2A2A2C2C2C2C2C2C2C2C",
        "2F2F2F2F2F2F2F2F3131313131313131",
        "01010101010101010101010101010101",
    )
)

_PIN_PAIR: Final = 1  # LMK 02-03
_VARIANTS: Final = (0, 0xA6, 0x5A, 0x6A, 0xDE, 0x2B, 0x50, 0x74, 0x9C, 0xFA)
_SCHEME_VARIANTS: Final = {"U": (0xA6, 0x5A), "T": (0x6A, 0xDE, 0x2B)}
_PARTS: Final = {"Z": 1, "X": 2, "U": 2, "Y": 3, "T": 3}
_SCHEMES: Final = {1: "Z", 2: "U", 3: "T"}
_FIELD: Final = re.compile(r"(?P<scheme>[ZXUTY]?)(?P<digits>(?:[0-9A-F]{16}){1,3})", re.ASCII)


class VariantLmk:
    """Twenty pairs of TDES keys, each with its variants.

    Args:
        pairs: 20 of 16 bytes; the first is LMK 00-01.
    Raises: KeyBlockError: another number or length.
    """

    __slots__ = ("_ciphers", "_pairs", "check_value", "is_test", "pin_key")

    def __init__(self, pairs: tuple[bytes, ...]) -> None:
        if len(pairs) != PAIRS or any(len(pair) != PAIR_BYTES for pair in pairs):
            raise KeyBlockError(f"a variant local master key is {PAIRS} pairs of {PAIR_BYTES} bytes, this is not")
        self._pairs = pairs
        self._ciphers: dict[tuple[str, str, int], BlockCipher] = {}
        together = reduce(xor, (int.from_bytes(pair, "big") for pair in pairs)).to_bytes(PAIR_BYTES, "big")
        self.check_value = check_value(Algorithm.TDES_DOUBLE, together, 3)
        """3 bytes that name the LMK without telling it; posterm's own."""
        self.pin_key = encrypt_once(Algorithm.TDES_DOUBLE, pairs[_PIN_PAIR], bytes(8) + bytes([0xFF] * 8))
        """An AES key for the PINs that are kept under this LMK."""
        self.is_test = pairs == _TEST_PAIRS
        """True for the published test set, under which nothing real may be kept."""

    @classmethod
    def test(cls) -> VariantLmk:
        """The published test set."""
        return cls(_TEST_PAIRS)

    def encrypt_key(self, key: bytes, key_type: str, scheme: str = "") -> str:
        """A key as it is written under this LMK.

        Args:
            key: 8, 16 or 24 bytes.
            key_type: three characters, such as 001.
            scheme: Z, X, U, T or Y; Z, U or T by the key's length when left out. Z is not written.
        Raises: KeyCheckError: the key's length, or a scheme that does not go with it. KeyBlockError: no such key type.
        """
        scheme = _scheme_for(key, scheme)
        parts = [
            self._cipher(key_type, scheme, place).encrypt(key[place * 8 : place * 8 + 8])
            for place in range(len(key) // 8)
        ]
        return ("" if scheme == "Z" else scheme) + b"".join(parts).hex().upper()

    def decrypt_key(self, field: str, key_type: str) -> bytes:
        """The clear key in a field, 8, 16 or 24 bytes of odd parity.

        A field of 32 digits without a letter is read as X, one of 48 as Y.

        Raises: KeyBlockError: not a key field, or no such key type. KeyCheckError: parity, which tells that the field
            is of another type or LMK.
        """
        scheme, enciphered = parse_field(field)
        parts = [
            self._cipher(key_type, scheme, place).decrypt(enciphered[place * 8 : place * 8 + 8])
            for place in range(len(enciphered) // 8)
        ]
        return require_odd_parity(b"".join(parts))

    def _cipher(self, key_type: str, scheme: str, place: int) -> BlockCipher:
        cipher = self._ciphers.get((key_type, scheme, place))
        if cipher is None:
            clear = bytearray(self._pairs[pair_of(key_type)])
            clear[0] ^= _VARIANTS[int(key_type[0])]
            clear[8] ^= _SCHEME_VARIANTS.get(scheme, (0, 0, 0))[place]
            cipher = self._ciphers[key_type, scheme, place] = BlockCipher(Algorithm.TDES_DOUBLE, bytes(clear))
        return cipher

    def __repr__(self) -> str:
        return f"<VariantLmk{' test' if self.is_test else ''}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("VariantLmk is not pickled: it would travel in the clear")


def with_atalla_variant(zmk: bytes, variant: int) -> bytes:
    """A zone master key as a network of Atalla HSMs uses it for one purpose.

    The variant, in the upper five bits, is laid on the first byte of each 8-byte part.

    Args:
        variant: 0 to 31; 0 changes nothing.
    Raises: KeyCheckError: another variant.
    """
    if not 0 <= variant <= 31:
        raise KeyCheckError(f"Atalla variant: it is 0 to 31, this is {variant}")
    return bytes([byte ^ variant << 3 if place % 8 == 0 else byte for place, byte in enumerate(zmk)])


def encrypt_under_zmk(zmk: bytes, key: bytes, scheme: str = "") -> str:
    """A key as it goes to another under a zone master key, 16 or 24 bytes. Raises: as `VariantLmk.encrypt_key`."""
    scheme = _scheme_for(key, scheme)
    parts = [_zmk_cipher(zmk, scheme, place).encrypt(key[place * 8 : place * 8 + 8]) for place in range(len(key) // 8)]
    return ("" if scheme == "Z" else scheme) + b"".join(parts).hex().upper()


def decrypt_under_zmk(zmk: bytes, field: str) -> bytes:
    """The clear key in a field under a zone master key of 16 or 24 bytes; its parity is not looked at.

    Raises: KeyBlockError: not a key field.
    """
    scheme, enciphered = parse_field(field)
    parts = [
        _zmk_cipher(zmk, scheme, place).decrypt(enciphered[place * 8 : place * 8 + 8])
        for place in range(len(enciphered) // 8)
    ]
    return b"".join(parts)


def parse_field(field: str) -> tuple[str, bytes]:
    """The scheme letter and the enciphered key of a field. Raises: KeyBlockError: not a key field."""
    match = _FIELD.fullmatch(field)
    if match is None:
        raise KeyBlockError("key field: need a scheme letter and 16, 32 or 48 hexadecimal digits, found something else")
    parts = len(match["digits"]) // 16
    scheme = match["scheme"] or {1: "Z", 2: "X", 3: "Y"}[parts]
    if _PARTS[scheme] != parts:
        raise KeyBlockError(f"key field: scheme {scheme} has {_PARTS[scheme] * 16} digits, this has {parts * 16}")
    return scheme, bytes.fromhex(match["digits"])


def require_odd_parity(key: bytes) -> bytes:
    """The key itself. Raises: KeyCheckError: a byte with an even number of bits set."""
    if not all(byte.bit_count() & 1 for byte in key):
        raise KeyCheckError(
            "key: its parity is not odd",
            hint="it was enciphered under another key or as another key type, or its scheme letter is wrong",
        )
    return key


def _scheme_for(key: bytes, scheme: str) -> str:
    if len(key) not in (8, 16, 24):
        raise KeyCheckError(f"key: a key is 8, 16 or 24 bytes here, this has {len(key)}")
    chosen = scheme or _SCHEMES[len(key) // 8]
    if _PARTS.get(chosen) != len(key) // 8:
        raise KeyCheckError(f"key: this scheme does not go with a key of {len(key)} bytes")
    return chosen


def _zmk_cipher(zmk: bytes, scheme: str, place: int) -> BlockCipher:
    algorithm = {16: Algorithm.TDES_DOUBLE, 24: Algorithm.TDES_TRIPLE}.get(len(zmk))
    if algorithm is None:
        raise KeyCheckError(f"key: a zone master key is 16 or 24 bytes here, this has {len(zmk)}")
    clear = bytearray(zmk)
    clear[8] ^= _SCHEME_VARIANTS.get(scheme, (0, 0, 0))[place]
    return BlockCipher(algorithm, bytes(clear))
