"""Key types of a variant local master key: under which pair and variant a type is enciphered, and what it is good for.

A key type is three characters: the variant (0 to 9), then the pair's code. Such a key has no header to say what it may
be used for; its type says it, for several usages at once in the older types. The mode is always without restriction.

    code   LMK pair      code   LMK pair      code   LMK pair
    00     04-05         06     22-23         0B     32-33
    01     06-07         07     24-25         0C     34-35
    02     14-15         08     26-27         0D     36-37
    03     16-17         09     28-29         0E     38-39
    04     18-19         0A     30-31
    05     20-21

Source: Thales payShield, variant key type table; the usages are those of ANSI X9.143-2021 that hold the same keys.
Left out: RSA keys; the types of schemes that posterm does not speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.hsm.errors import KeyBlockError
from posterm.hsm.keys import DES_FAMILY, USAGES, Algorithm, KeyUsage

# The place of each pair among the twenty, by its code: half the number of its first LMK.
_PAIR_OF: Final = {"00": 2, "01": 3} | {f"0{code}": place for place, code in enumerate("23456789ABCDE", start=7)}


@dataclass(frozen=True, slots=True)
class KeyType:
    """One row of the key type table."""

    code: str
    name: str
    usages: tuple[KeyUsage, ...]
    """The first is the one it gets when it becomes a key block; none for a type that no command takes."""

    @property
    def algorithms(self) -> frozenset[Algorithm]:
        """DES and TDES of the lengths its usages take."""
        return DES_FAMILY & frozenset().union(*(USAGES[usage].algorithms for usage in self.usages))

    @property
    def pair(self) -> int:
        """The place of its LMK pair, 0 to 19; LMK 04-05 is pair 2."""
        return pair_of(self.code)

    @property
    def variant(self) -> int:
        """0 to 9."""
        return int(self.code[0])


def pair_of(code: str) -> int:
    """The place of a key type's LMK pair, 0 to 19. Raises: KeyBlockError: not the form of a key type.

    >>> pair_of("001")
    3
    """
    pair = _PAIR_OF.get(code[1:])
    if pair is None or len(code) != 3 or code[0] not in "0123456789":
        raise KeyBlockError("variant LMK: a key type is a variant 0 to 9 and a pair 00 to 0E, this is not")
    return pair


def key_type(code: str) -> KeyType:
    """A row of the table. Raises: KeyBlockError: a type that is not in it."""
    found = KEY_TYPES.get(code)
    if found is None:
        raise KeyBlockError("variant LMK: this key type is not known here")
    return found


_KEK: Final = (KeyUsage.KEY_ENCRYPTION, KeyUsage.KEY_BLOCK_PROTECTION)
_MAC: Final = (KeyUsage.MAC, KeyUsage.MAC_ISO9797_1, KeyUsage.MAC_ISO9797_3, KeyUsage.FINGERPRINT)
_PVK: Final = (KeyUsage.PIN_VERIFICATION_IBM, KeyUsage.PIN_VERIFICATION_VISA)

KEY_TYPES: Final = {
    row.code: row
    for row in (
        KeyType("000", "ZMK", _KEK),
        KeyType("001", "ZPK", (KeyUsage.PIN_ENCRYPTION,)),
        KeyType("002", "PVK, TPK, TMK", (KeyUsage.PIN_ENCRYPTION, *_KEK, *_PVK)),
        KeyType("003", "TAK", _MAC),
        KeyType("006", "WWK", ()),
        KeyType("008", "ZAK", _MAC),
        KeyType("009", "BDK", (KeyUsage.BASE_DERIVATION,)),
        KeyType("609", "BDK, type 2", (KeyUsage.BASE_DERIVATION,)),
        KeyType("302", "IKEY", (KeyUsage.INITIAL_DUKPT,)),
        KeyType("109", "MK-AC", (KeyUsage.EMV_CRYPTOGRAM,)),
        KeyType("209", "MK-SMI", (KeyUsage.EMV_INTEGRITY,)),
        KeyType("309", "MK-SMC", (KeyUsage.EMV_CONFIDENTIALITY,)),
        KeyType("409", "MK-DAC", (KeyUsage.EMV_DATA_AUTHENTICATION,)),
        KeyType("509", "MK-DN", (KeyUsage.EMV_DYNAMIC_NUMBERS,)),
        KeyType("709", "MK-CVC3", (KeyUsage.EMV_DYNAMIC_NUMBERS,)),
        KeyType("00A", "ZEK", (KeyUsage.DATA_ENCRYPTION,)),
        KeyType("00B", "DEK", (KeyUsage.DATA_ENCRYPTION,)),
        KeyType("30B", "TEK", (KeyUsage.DATA_ENCRYPTION,)),
        KeyType("402", "CVK", (KeyUsage.CARD_VERIFICATION,)),
        KeyType("70D", "TPK", (KeyUsage.PIN_ENCRYPTION,)),
        KeyType("80D", "TMK", _KEK),
    )
}
"""Every key type by its code."""
