"""What a key is for: usage, algorithm, mode of use, exportability. Checked before any cryptography.

The letters are those of the key block header. SM4 has no letter in the standard; its numeric range is left to
proprietary algorithms, and `4` is taken from there.

Source: ANSI X9.143-2021, 6 (header: key usage, algorithm, mode of use, exportability); GB/T 32907-2016 (SM4).
Left out: asymmetric keys, key version numbers, optional blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class KeyUsage(StrEnum):
    """The one purpose of a key; the value is its key block usage code."""

    __hash__ = str.__hash__  # looked up on every call; an enumeration's own hash is written in Python

    BASE_DERIVATION = "B0"
    """BDK: gives the initial DUKPT key of each device."""
    INITIAL_DUKPT = "B1"
    """The initial DUKPT key of one device (IK, IPEK)."""
    CARD_VERIFICATION = "C0"
    """CVK: makes and checks the values on a card's track, back and chip."""
    DATA_ENCRYPTION = "D0"
    """Enciphers data: TDK, ZEK, DEK."""
    EMV_CRYPTOGRAM = "E0"
    """Issuer's master key for application cryptograms (MK-AC)."""
    EMV_CONFIDENTIALITY = "E1"
    """Issuer's master key for the encipherment of scripts (MK-SMC)."""
    EMV_INTEGRITY = "E2"
    """Issuer's master key for the MAC of scripts (MK-SMI)."""
    EMV_DATA_AUTHENTICATION = "E3"
    """Issuer's master key for data authentication codes (MK-DAC)."""
    EMV_DYNAMIC_NUMBERS = "E4"
    """Issuer's master key for dynamic numbers, and for dCVV and CVC3 (MK-DN, MK-CVC3)."""
    EMV_PERSONALISATION = "E5"
    """Protects what a card is personalised with."""
    EMV_OTHER = "E6"
    KEY_ENCRYPTION = "K0"
    """Wraps other keys: TMK, ZMK."""
    KEY_BLOCK_PROTECTION = "K1"
    """KBPK: seals key blocks that go to others."""
    MAC = "M0"
    """Makes and checks MACs of every algorithm but HMAC: MAK, TAK, ZAK."""
    MAC_ISO9797_1 = "M1"
    """ISO 9797-1, algorithm 1, alone."""
    MAC_ISO9797_3 = "M3"
    """ISO 9797-1, algorithm 3, alone."""
    FINGERPRINT = "M6"
    """CMAC alone; makes fingerprints of data at rest."""
    HMAC = "M7"
    PIN_ENCRYPTION = "P0"
    """Enciphers PIN blocks: PIK, TPK, ZPK."""
    PIN_VERIFICATION_IBM = "V1"
    """PVK of the IBM 3624 method."""
    PIN_VERIFICATION_VISA = "V2"
    """PVK of the Visa PVV method."""
    STORAGE = "21"
    """Seals data at rest. From the range left to proprietary usages, where payShield has its data encryption keys."""


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
    DERIVE_ONLY = "X"
    """Only other keys come of it."""


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
    DERIVE = "derive"


PERMITS: Final[dict[ModeOfUse, frozenset[Operation]]] = {
    ModeOfUse.ENCRYPT_AND_DECRYPT: frozenset({Operation.ENCRYPT, Operation.DECRYPT}),
    ModeOfUse.GENERATE_AND_VERIFY: frozenset({Operation.GENERATE, Operation.VERIFY}),
    ModeOfUse.DECRYPT_ONLY: frozenset({Operation.DECRYPT}),
    ModeOfUse.ENCRYPT_ONLY: frozenset({Operation.ENCRYPT}),
    ModeOfUse.GENERATE_ONLY: frozenset({Operation.GENERATE}),
    ModeOfUse.VERIFY_ONLY: frozenset({Operation.VERIFY}),
    ModeOfUse.NO_RESTRICTION: frozenset(Operation),
    ModeOfUse.DERIVE_ONLY: frozenset({Operation.DERIVE}),
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
_TDES: Final = frozenset({Algorithm.TDES_DOUBLE, Algorithm.TDES_TRIPLE})
_DOUBLE: Final = frozenset({Algorithm.TDES_DOUBLE})
_EVERY: Final = frozenset(Algorithm)

_ENCRYPTS: Final = (
    ModeOfUse.ENCRYPT_AND_DECRYPT,
    ModeOfUse.DECRYPT_ONLY,
    ModeOfUse.ENCRYPT_ONLY,
    ModeOfUse.NO_RESTRICTION,
)
_AUTHENTICATES: Final = (
    ModeOfUse.GENERATE_AND_VERIFY,
    ModeOfUse.GENERATE_ONLY,
    ModeOfUse.VERIFY_ONLY,
    ModeOfUse.NO_RESTRICTION,
)
_DERIVES: Final = (ModeOfUse.DERIVE_ONLY, ModeOfUse.NO_RESTRICTION)


@dataclass(frozen=True, slots=True)
class UsageRule:
    """What the keys of a usage may be."""

    modes: tuple[ModeOfUse, ...]
    """The first is the one given to a new key."""
    algorithms: frozenset[Algorithm]
    """Empty for HMAC, whose keys are for no cipher."""


USAGES: Final[dict[KeyUsage, UsageRule]] = {
    KeyUsage.BASE_DERIVATION: UsageRule(_DERIVES, _DOUBLE | AES_FAMILY),
    KeyUsage.INITIAL_DUKPT: UsageRule(_DERIVES, _DOUBLE | AES_FAMILY),
    KeyUsage.CARD_VERIFICATION: UsageRule(_AUTHENTICATES, _DOUBLE),
    KeyUsage.DATA_ENCRYPTION: UsageRule(_ENCRYPTS, _EVERY),
    KeyUsage.EMV_CRYPTOGRAM: UsageRule(_DERIVES, _DOUBLE),
    KeyUsage.EMV_CONFIDENTIALITY: UsageRule(_DERIVES, _DOUBLE),
    KeyUsage.EMV_INTEGRITY: UsageRule(_DERIVES, _DOUBLE),
    KeyUsage.EMV_DATA_AUTHENTICATION: UsageRule(_DERIVES, _DOUBLE),
    KeyUsage.EMV_DYNAMIC_NUMBERS: UsageRule(_DERIVES, _DOUBLE),
    KeyUsage.EMV_PERSONALISATION: UsageRule((*_ENCRYPTS, ModeOfUse.DERIVE_ONLY), _TDES | AES_FAMILY),
    KeyUsage.EMV_OTHER: UsageRule(_DERIVES, _DOUBLE),
    KeyUsage.KEY_ENCRYPTION: UsageRule(_ENCRYPTS, _EVERY),
    KeyUsage.KEY_BLOCK_PROTECTION: UsageRule(_ENCRYPTS, _TDES | AES_FAMILY),
    KeyUsage.MAC: UsageRule(_AUTHENTICATES, _EVERY),
    KeyUsage.MAC_ISO9797_1: UsageRule(_AUTHENTICATES, DES_FAMILY),
    KeyUsage.MAC_ISO9797_3: UsageRule(_AUTHENTICATES, _DOUBLE),
    KeyUsage.FINGERPRINT: UsageRule(_AUTHENTICATES, _TDES | AES_FAMILY),
    KeyUsage.HMAC: UsageRule(_AUTHENTICATES, frozenset()),
    KeyUsage.PIN_ENCRYPTION: UsageRule(_ENCRYPTS, _EVERY),
    KeyUsage.PIN_VERIFICATION_IBM: UsageRule(_AUTHENTICATES, DES_FAMILY),
    KeyUsage.PIN_VERIFICATION_VISA: UsageRule(_AUTHENTICATES, _DOUBLE),
    KeyUsage.STORAGE: UsageRule(_ENCRYPTS[:3], AES_FAMILY),
}
"""X9.143, table of key usages: which modes of use and algorithms each usage may carry."""

PAYSHIELD_USAGES: Final = {
    "12": KeyUsage.CARD_VERIFICATION,  # CVC
    "13": KeyUsage.CARD_VERIFICATION,  # CVV
    "22": KeyUsage.DATA_ENCRYPTION,  # ZEK
    "23": KeyUsage.DATA_ENCRYPTION,  # TEK
    "51": KeyUsage.KEY_ENCRYPTION,  # TMK
    "52": KeyUsage.KEY_ENCRYPTION,  # ZMK
    "71": KeyUsage.PIN_ENCRYPTION,  # TPK
    "72": KeyUsage.PIN_ENCRYPTION,  # ZPK
}
"""The payShield's own usage codes, each with the usage of the standard that holds the same keys."""

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
