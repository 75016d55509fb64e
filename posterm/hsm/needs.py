"""What each command asks of the keys it takes: usages, operation, algorithms. One of each, compared by identity.

Source: ANSI X9.143-2021, 6 (key usage, mode of use, algorithm).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.hsm.keys import AES_FAMILY, DES_FAMILY, USAGES, Algorithm, KeyUsage, Operation
from posterm.hsm.mac import KEY_ALGORITHMS, MacAlgorithm


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """What a command asks of a key. Compared by identity: there is one of each, in the table below."""

    usages: frozenset[KeyUsage]
    operation: Operation
    algorithms: frozenset[Algorithm]

    def __str__(self) -> str:
        return " or ".join(sorted(self.usages))


def _need(operation: Operation, algorithms: frozenset[Algorithm], *usages: KeyUsage) -> Need:
    return Need(frozenset(usages), operation, algorithms)


_DOUBLE: Final = frozenset({Algorithm.TDES_DOUBLE})
PIN_CIPHERS: Final = DES_FAMILY | AES_FAMILY | {Algorithm.SM4}

# Keys.
UNWRAP: Final = _need(Operation.DECRYPT, frozenset(Algorithm), KeyUsage.KEY_ENCRYPTION)
WRAP: Final = _need(Operation.ENCRYPT, frozenset(Algorithm), KeyUsage.KEY_ENCRYPTION)
_KBPKS: Final = USAGES[KeyUsage.KEY_BLOCK_PROTECTION].algorithms
UNWRAP_BLOCK: Final = _need(Operation.DECRYPT, _KBPKS, KeyUsage.KEY_BLOCK_PROTECTION)
WRAP_BLOCK: Final = _need(Operation.ENCRYPT, _KBPKS, KeyUsage.KEY_BLOCK_PROTECTION)

# PIN.
ENCRYPT_PIN: Final = _need(Operation.ENCRYPT, PIN_CIPHERS, KeyUsage.PIN_ENCRYPTION)
DECRYPT_PIN: Final = _need(Operation.DECRYPT, PIN_CIPHERS, KeyUsage.PIN_ENCRYPTION)
GENERATE_OFFSET: Final = _need(Operation.GENERATE, DES_FAMILY, KeyUsage.PIN_VERIFICATION_IBM)
VERIFY_OFFSET: Final = _need(Operation.VERIFY, DES_FAMILY, KeyUsage.PIN_VERIFICATION_IBM)
GENERATE_PVV: Final = _need(Operation.GENERATE, _DOUBLE, KeyUsage.PIN_VERIFICATION_VISA)
VERIFY_PVV: Final = _need(Operation.VERIFY, _DOUBLE, KeyUsage.PIN_VERIFICATION_VISA)

# Card values.
GENERATE_CARD_VALUE: Final = _need(Operation.GENERATE, _DOUBLE, KeyUsage.CARD_VERIFICATION)
VERIFY_CARD_VALUE: Final = _need(Operation.VERIFY, _DOUBLE, KeyUsage.CARD_VERIFICATION)
DERIVE_CARD_VALUE_KEY: Final = _need(Operation.DERIVE, _DOUBLE, KeyUsage.EMV_DYNAMIC_NUMBERS)

# DUKPT.
DERIVE_DUKPT: Final = _need(Operation.DERIVE, _DOUBLE | AES_FAMILY, KeyUsage.BASE_DERIVATION, KeyUsage.INITIAL_DUKPT)
DERIVE_INITIAL_KEY: Final = _need(Operation.DERIVE, _DOUBLE | AES_FAMILY, KeyUsage.BASE_DERIVATION)

# EMV.
DERIVE_CRYPTOGRAM_KEY: Final = _need(Operation.DERIVE, _DOUBLE, KeyUsage.EMV_CRYPTOGRAM)
DERIVE_INTEGRITY_KEY: Final = _need(Operation.DERIVE, _DOUBLE, KeyUsage.EMV_INTEGRITY)
DERIVE_CONFIDENTIALITY_KEY: Final = _need(Operation.DERIVE, _DOUBLE, KeyUsage.EMV_CONFIDENTIALITY)

# Data.
ENCRYPT_TRACK: Final = _need(Operation.ENCRYPT, DES_FAMILY, KeyUsage.DATA_ENCRYPTION)
DECRYPT_TRACK: Final = _need(Operation.DECRYPT, DES_FAMILY, KeyUsage.DATA_ENCRYPTION)
ENCRYPT_DATA: Final = _need(Operation.ENCRYPT, frozenset(Algorithm), KeyUsage.DATA_ENCRYPTION)
DECRYPT_DATA: Final = _need(Operation.DECRYPT, frozenset(Algorithm), KeyUsage.DATA_ENCRYPTION)
SEAL: Final = _need(Operation.ENCRYPT, AES_FAMILY, KeyUsage.STORAGE)
UNSEAL: Final = _need(Operation.DECRYPT, AES_FAMILY, KeyUsage.STORAGE)
FINGERPRINT: Final = _need(Operation.GENERATE, AES_FAMILY, KeyUsage.FINGERPRINT)

# MAC: a key for every algorithm, or one for this algorithm alone.
_OWN_USAGE: Final = {
    MacAlgorithm.X9_9: KeyUsage.MAC_ISO9797_1,
    MacAlgorithm.ISO9797_1_PAD1: KeyUsage.MAC_ISO9797_1,
    MacAlgorithm.ISO9797_1_PAD2: KeyUsage.MAC_ISO9797_1,
    MacAlgorithm.ISO9797_1_PAD3: KeyUsage.MAC_ISO9797_1,
    MacAlgorithm.X9_19: KeyUsage.MAC_ISO9797_3,
    MacAlgorithm.ISO9797_3_PAD2: KeyUsage.MAC_ISO9797_3,
    MacAlgorithm.ISO9797_3_PAD3: KeyUsage.MAC_ISO9797_3,
    MacAlgorithm.TDES_CMAC: KeyUsage.FINGERPRINT,
    MacAlgorithm.AES_CMAC: KeyUsage.FINGERPRINT,
}
GENERATE_MAC: Final = {
    form: _need(Operation.GENERATE, keys, KeyUsage.MAC, _OWN_USAGE.get(form, KeyUsage.MAC))
    for form, keys in KEY_ALGORITHMS.items()
}
VERIFY_MAC: Final = {
    form: _need(Operation.VERIFY, keys, KeyUsage.MAC, _OWN_USAGE.get(form, KeyUsage.MAC))
    for form, keys in KEY_ALGORITHMS.items()
}
