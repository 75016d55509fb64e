"""What host commands say of a key that is to be made: its scheme, and for a key block its attributes.

    scheme      1 A    Z, X, U, T, Y under a variant LMK; S under a key-block LMK; 0 for the usual one
    group       ;ZLK   scheme under the ZMK, scheme under the LMK, check value type: 0 for 16 digits, 1 for 6
    attributes  #      usage 2 A, algorithm 2 A, mode of use 1 A, version 2 N, exportability 1 A, optional blocks 2 N

Source: Thales payShield, key scheme table, key block attributes.
Left out: key version numbers other than 00, optional blocks.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from posterm.hsm.commands.key_exchange import BlockForm, KeyForm, VariantForm
from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import (
    INVALID_KEY_TYPE,
    INVALID_SCHEME,
    KEY_FUNCTION_NOT_PERMITTED,
    SOURCE_KEY,
    HostCommandRefusal,
)
from posterm.hsm.host_commands.fields import KEY_BLOCK, Field, as_text
from posterm.hsm.key_types import KEY_TYPES
from posterm.hsm.keys import Algorithm, Exportability, KeyUsage, ModeOfUse
from posterm.hsm.variant_key import KeyReference, VariantKey

KEY_TYPE_CODES: Final = {code: code for code in KEY_TYPES} | {KEY_BLOCK: KEY_BLOCK}
"""Key types of three characters: every one that is known, and the one that stands for a key block."""
SHORT_KEY_TYPES: Final = {code[1:]: code for code in KEY_TYPES if code[0] == "0"}
"""Key types of two characters, for those without a variant."""

ALGORITHMS: Final = {
    "D1": Algorithm.DES,
    "T2": Algorithm.TDES_DOUBLE,
    "T3": Algorithm.TDES_TRIPLE,
    "A1": Algorithm.AES_128,
    "A2": Algorithm.AES_192,
    "A3": Algorithm.AES_256,
    "41": Algorithm.SM4,
}
"""Algorithm and key length by their two characters; SM4's are posterm's own."""
_BY_SCHEME: Final = {"Z": Algorithm.DES, "X": Algorithm.TDES_DOUBLE, "U": Algorithm.TDES_DOUBLE} | dict.fromkeys(
    "TY", Algorithm.TDES_TRIPLE
)
PARTS: Final = {"Z": 1, "X": 2, "U": 2, "Y": 3, "T": 3}
"""How many parts of 8 bytes a key of each scheme has."""
_PLAIN_SCHEMES: Final = {16: "Z", 32: "X", 48: "Y"}
_MODES: Final = {mode.value: mode for mode in ModeOfUse}
_EXPORTABILITIES: Final = {found.value: found for found in Exportability}
_USAGES: Final = {usage.value: usage for usage in KeyUsage}


_OF_NEW_KEYS: Final = (SOURCE_KEY, INVALID_KEY_TYPE, KEY_FUNCTION_NOT_PERMITTED)
"""Codes of a key that cannot be made as it is described."""


class Attributes(NamedTuple):
    """What a key block is to say of its key."""

    usage: KeyUsage
    algorithm: Algorithm
    mode: ModeOfUse
    exportability: Exportability


class Schemes(NamedTuple):
    """The group that older commands may end with."""

    zmk: str
    lmk: str
    kcv_digits: int


def scheme(name: str = "key scheme (LMK)") -> Field:
    """One letter."""
    return Field(
        name,
        "1 A",
        "[0ZXUTYSR]",
        refuse=INVALID_SCHEME,
        convert=as_text,
        codes=_OF_NEW_KEYS,
    )


def group(name: str = "schemes and check value type") -> Field:
    """The optional group of older commands."""
    return Field(name, "`;` and 3 A", "(?:;[0ZXUTY][0ZXUTYS][0-2])?", convert=_group, meaning="optional")


def attributes(name: str = "key block attributes") -> Field:
    """The optional attributes of a key block."""
    pattern = "(?:#[0-9A-Z]{2}[0-9A-Z]{2}[A-Z]00[A-Z]00)?"
    return Field(name, "`#` and 10 A", pattern, convert=_attributes, meaning="for a key block", codes=_OF_NEW_KEYS)


def atalla_variant() -> Field:
    """One or two digits, or none."""
    return Field(
        "Atalla variant", "1 or 2 N", "[0-9]{0,2}", convert=lambda value: int(value or b"0"), meaning="optional"
    )


def form_of(commands: HostCommandSet, key_type: str, letter: str, described: Attributes | None = None) -> KeyForm:
    """What a key is to become.

    Raises: HostCommandRefusal: a scheme that is not of this LMK, or no key type and no attributes.
    """
    if commands.is_variant:
        if letter in "SR" or described is not None:
            raise HostCommandRefusal(INVALID_SCHEME)
        return VariantForm(key_type, "" if letter == "0" else letter)
    if letter not in "S0":
        raise HostCommandRefusal(INVALID_SCHEME)
    if described is not None:
        return BlockForm(described.usage, described.mode, described.exportability)
    usages = KEY_TYPES[key_type].usages if key_type in KEY_TYPES else ()
    if not usages:
        raise HostCommandRefusal(INVALID_KEY_TYPE)
    return BlockForm(usages[0])


def algorithm_of(letter: str, described: Attributes | None) -> Algorithm:
    """The algorithm of a new key: as its attributes say, or by its scheme; double-length TDES when neither does."""
    return described.algorithm if described is not None else _BY_SCHEME.get(letter, Algorithm.TDES_DOUBLE)


def scheme_of(field: str) -> str:
    """The scheme letter of a key field, whether it is written or not."""
    return field[0] if field[0] in PARTS else _PLAIN_SCHEMES.get(len(field), "")


def written_like(field: str, key: KeyReference | str) -> bytes:
    """A key as it goes into the answer: without its scheme letter when the field it comes from has none."""
    text = str(key)
    if not isinstance(key, VariantKey) and text[0] == "S":
        return text.encode("ascii")
    return (text if field[0] in PARTS else text.lstrip("ZXUTY")).encode("ascii")


def check_digits(commands: HostCommandSet, key: KeyReference, count: int) -> bytes:
    """The leftmost hexadecimal digits of a key's check value."""
    return commands.hsm.key_check_value(key, count // 2).hex().upper().encode("ascii")


def _group(value: bytes) -> Schemes | None:
    if not value:
        return None
    text = value.decode("ascii")
    return Schemes(text[1], text[2], 6 if text[3] == "1" else 16)


def _attributes(value: bytes) -> Attributes | None:
    if not value:
        return None
    text = value.decode("ascii")
    usage, algorithm = _USAGES.get(text[1:3]), ALGORITHMS.get(text[3:5])
    mode, exportability = _MODES.get(text[5]), _EXPORTABILITIES.get(text[8])
    if usage is None or algorithm is None or mode is None or exportability is None:
        raise HostCommandRefusal(INVALID_KEY_TYPE)
    return Attributes(usage, algorithm, mode, exportability)
