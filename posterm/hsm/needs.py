"""What each command asks of the keys it takes: usage, operation, algorithms. One of each, compared by identity.

Source: ANSI X9.143-2021, 6 (key usage, mode of use, algorithm).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.hsm.keys import AES_FAMILY, DES_FAMILY, Algorithm, KeyUsage, Operation
from posterm.hsm.mac import KEY_ALGORITHMS


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """What a command asks of a key. Compared by identity: there is one of each, in the table below."""

    usage: KeyUsage
    operation: Operation
    algorithms: frozenset[Algorithm]


PIN_CIPHERS: Final = DES_FAMILY | AES_FAMILY | {Algorithm.SM4}

UNWRAP: Final = Need(KeyUsage.KEY_ENCRYPTION, Operation.DECRYPT, frozenset(Algorithm))
WRAP: Final = Need(KeyUsage.KEY_ENCRYPTION, Operation.ENCRYPT, frozenset(Algorithm))
ENCRYPT_PIN: Final = Need(KeyUsage.PIN_ENCRYPTION, Operation.ENCRYPT, PIN_CIPHERS)
DECRYPT_PIN: Final = Need(KeyUsage.PIN_ENCRYPTION, Operation.DECRYPT, PIN_CIPHERS)
GENERATE_OFFSET: Final = Need(KeyUsage.PIN_VERIFICATION_IBM, Operation.GENERATE, DES_FAMILY)
VERIFY_OFFSET: Final = Need(KeyUsage.PIN_VERIFICATION_IBM, Operation.VERIFY, DES_FAMILY)
_DOUBLE: Final = frozenset({Algorithm.TDES_DOUBLE})
GENERATE_PVV: Final = Need(KeyUsage.PIN_VERIFICATION_VISA, Operation.GENERATE, _DOUBLE)
VERIFY_PVV: Final = Need(KeyUsage.PIN_VERIFICATION_VISA, Operation.VERIFY, _DOUBLE)
GENERATE_CARD_VALUE: Final = Need(KeyUsage.CARD_VERIFICATION, Operation.GENERATE, _DOUBLE)
VERIFY_CARD_VALUE: Final = Need(KeyUsage.CARD_VERIFICATION, Operation.VERIFY, _DOUBLE)
ENCRYPT_TRACK: Final = Need(KeyUsage.DATA_ENCRYPTION, Operation.ENCRYPT, DES_FAMILY)
DECRYPT_TRACK: Final = Need(KeyUsage.DATA_ENCRYPTION, Operation.DECRYPT, DES_FAMILY)
SEAL: Final = Need(KeyUsage.STORAGE, Operation.ENCRYPT, AES_FAMILY)
UNSEAL: Final = Need(KeyUsage.STORAGE, Operation.DECRYPT, AES_FAMILY)
FINGERPRINT: Final = Need(KeyUsage.FINGERPRINT, Operation.GENERATE, AES_FAMILY)
GENERATE_MAC: Final = {form: Need(KeyUsage.MAC, Operation.GENERATE, keys) for form, keys in KEY_ALGORITHMS.items()}
VERIFY_MAC: Final = {form: Need(KeyUsage.MAC, Operation.VERIFY, keys) for form, keys in KEY_ALGORITHMS.items()}
