"""What a key is for: usage, algorithm, mode of use, exportability. Checked before any cryptography.

The letters are those of the key block header. SM4 has no letter in the standard; its numeric range is left to
proprietary algorithms, and `4` is taken from there.

Source: ANSI X9.143-2021, 6 (header: key usage, algorithm, mode of use, exportability); GB/T 32907-2016 (SM4).
Left out: asymmetric keys, HMAC keys, key version numbers, optional blocks.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class KeyUsage(StrEnum):
    """The one purpose of a key; the value is its key block usage code."""

    __hash__ = str.__hash__  # looked up on every call; an enumeration's own hash is written in Python

    KEY_ENCRYPTION = "K0"
    """Wraps other keys: TMK, ZMK."""
    PIN_ENCRYPTION = "P0"
    """Enciphers PIN blocks: PIK, TPK, ZPK."""
    MAC = "M0"
    """Makes and checks MACs: MAK, TAK."""
    DATA_ENCRYPTION = "D0"
    """Enciphers data: TDK."""
    STORAGE = "21"
    """Seals data at rest. From the range left to proprietary usages, where payShield has its data encryption keys."""
    FINGERPRINT = "M6"
    """Makes fingerprints of data at rest by CMAC."""
    PIN_VERIFICATION_IBM = "V1"
    """PVK of the IBM 3624 method."""
    PIN_VERIFICATION_VISA = "V2"
    """PVK of the Visa PVV method."""
    CARD_VERIFICATION = "C0"
    """CVK: makes and checks the values on a card's track, back and chip."""


class Algorithm(StrEnum):
    """A block cipher and its key length; the value is its name on the command line."""

    __hash__ = str.__hash__  # looked up on every call; an enumeration's own hash is written in Python

    DES = "des"
    TDES_DOUBLE = "tdes-double"
    TDES_TRIPLE = "tdes-triple"
    AES_128 = "aes-128"
    AES_192 = "aes-192"
    AES_256 = "aes-256"
    SM4 = "sm4"

    @property
    def key_bytes(self) -> int:
        """Length of a key in bytes."""
        return _SIZES[self][0]

    @property
    def block_bytes(self) -> int:
        """Length of a block in bytes."""
        return _SIZES[self][1]

    @property
    def letter(self) -> str:
        """The algorithm letter of a key block header; double and triple TDES share one."""
        return _LETTERS[self]

    @property
    def is_des(self) -> bool:
        """True for DES and both lengths of TDES."""
        return self in DES_FAMILY


class ModeOfUse(StrEnum):
    """What may be done with a key within its usage."""

    __hash__ = str.__hash__  # looked up on every call; an enumeration's own hash is written in Python

    ENCRYPT_AND_DECRYPT = "B"
    GENERATE_AND_VERIFY = "C"
    DECRYPT_ONLY = "D"
    ENCRYPT_ONLY = "E"
    GENERATE_ONLY = "G"
    VERIFY_ONLY = "V"
    NO_RESTRICTION = "N"


class Exportability(StrEnum):
    """Whether a key may leave under a key encryption key."""

    EXPORTABLE = "E"
    NON_EXPORTABLE = "N"
    SENSITIVE = "S"
    """Exportable under any key encryption key, including one of a non-standard form."""


class Operation(StrEnum):
    """What a command does with a key; `ModeOfUse` says which of these a key allows."""

    __hash__ = str.__hash__  # looked up on every call; an enumeration's own hash is written in Python

    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    GENERATE = "generate"
    VERIFY = "verify"


PERMITS: Final[dict[ModeOfUse, frozenset[Operation]]] = {
    ModeOfUse.ENCRYPT_AND_DECRYPT: frozenset({Operation.ENCRYPT, Operation.DECRYPT}),
    ModeOfUse.GENERATE_AND_VERIFY: frozenset({Operation.GENERATE, Operation.VERIFY}),
    ModeOfUse.DECRYPT_ONLY: frozenset({Operation.DECRYPT}),
    ModeOfUse.ENCRYPT_ONLY: frozenset({Operation.ENCRYPT}),
    ModeOfUse.GENERATE_ONLY: frozenset({Operation.GENERATE}),
    ModeOfUse.VERIFY_ONLY: frozenset({Operation.VERIFY}),
    ModeOfUse.NO_RESTRICTION: frozenset(Operation),
}

# X9.143, table of key usages: which modes of use each usage may carry. The first is the one given to a new key.
MODES: Final[dict[KeyUsage, tuple[ModeOfUse, ...]]] = {
    KeyUsage.KEY_ENCRYPTION: (
        ModeOfUse.ENCRYPT_AND_DECRYPT,
        ModeOfUse.DECRYPT_ONLY,
        ModeOfUse.ENCRYPT_ONLY,
        ModeOfUse.NO_RESTRICTION,
    ),
    KeyUsage.PIN_ENCRYPTION: (
        ModeOfUse.ENCRYPT_AND_DECRYPT,
        ModeOfUse.DECRYPT_ONLY,
        ModeOfUse.ENCRYPT_ONLY,
        ModeOfUse.NO_RESTRICTION,
    ),
    KeyUsage.DATA_ENCRYPTION: (
        ModeOfUse.ENCRYPT_AND_DECRYPT,
        ModeOfUse.DECRYPT_ONLY,
        ModeOfUse.ENCRYPT_ONLY,
        ModeOfUse.NO_RESTRICTION,
    ),
    KeyUsage.MAC: (
        ModeOfUse.GENERATE_AND_VERIFY,
        ModeOfUse.GENERATE_ONLY,
        ModeOfUse.VERIFY_ONLY,
        ModeOfUse.NO_RESTRICTION,
    ),
    KeyUsage.STORAGE: (ModeOfUse.ENCRYPT_AND_DECRYPT, ModeOfUse.DECRYPT_ONLY, ModeOfUse.ENCRYPT_ONLY),
    KeyUsage.FINGERPRINT: (ModeOfUse.GENERATE_ONLY, ModeOfUse.GENERATE_AND_VERIFY),
    KeyUsage.PIN_VERIFICATION_IBM: (
        ModeOfUse.GENERATE_AND_VERIFY,
        ModeOfUse.GENERATE_ONLY,
        ModeOfUse.VERIFY_ONLY,
        ModeOfUse.NO_RESTRICTION,
    ),
    KeyUsage.PIN_VERIFICATION_VISA: (
        ModeOfUse.GENERATE_AND_VERIFY,
        ModeOfUse.GENERATE_ONLY,
        ModeOfUse.VERIFY_ONLY,
        ModeOfUse.NO_RESTRICTION,
    ),
    KeyUsage.CARD_VERIFICATION: (
        ModeOfUse.GENERATE_AND_VERIFY,
        ModeOfUse.GENERATE_ONLY,
        ModeOfUse.VERIFY_ONLY,
        ModeOfUse.NO_RESTRICTION,
    ),
}

_SIZES: Final = {
    Algorithm.DES: (8, 8),
    Algorithm.TDES_DOUBLE: (16, 8),
    Algorithm.TDES_TRIPLE: (24, 8),
    Algorithm.AES_128: (16, 16),
    Algorithm.AES_192: (24, 16),
    Algorithm.AES_256: (32, 16),
    Algorithm.SM4: (16, 16),
}

_LETTERS: Final = {
    Algorithm.DES: "D",
    Algorithm.TDES_DOUBLE: "T",
    Algorithm.TDES_TRIPLE: "T",
    Algorithm.AES_128: "A",
    Algorithm.AES_192: "A",
    Algorithm.AES_256: "A",
    Algorithm.SM4: "4",
}

DES_FAMILY: Final = frozenset({Algorithm.DES, Algorithm.TDES_DOUBLE, Algorithm.TDES_TRIPLE})
AES_FAMILY: Final = frozenset({Algorithm.AES_128, Algorithm.AES_192, Algorithm.AES_256})

# Effective bits against the best practical attack, for "is this weaker than that" (NIST SP 800-57 part 1, 5.6.1.1).
STRENGTH_BITS: Final = {
    Algorithm.DES: 56,
    Algorithm.TDES_DOUBLE: 112,
    Algorithm.TDES_TRIPLE: 112,
    Algorithm.AES_128: 128,
    Algorithm.SM4: 128,
    Algorithm.AES_192: 192,
    Algorithm.AES_256: 256,
}


def algorithm_of(letter: str, key_bytes: int) -> Algorithm | None:
    """The algorithm that a header letter and a key length name, or None when they name none."""
    return _BY_LETTER.get((letter, key_bytes))


_BY_LETTER: Final = {(_LETTERS[a], _SIZES[a][0]): a for a in Algorithm}
