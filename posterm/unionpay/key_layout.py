"""Field 62 of a sign-on answer: the working keys under the TMK, in one of the layouts acquirers use.

    001        24 bytes   PIK 8, KCV 4, MAK 8, KCV 4
    003        40         PIK 16, KCV, MAK 8 and 8 zero bytes, KCV
    003 short  32         the same without the zero bytes
    004        60         as 003, then TDK 16, KCV
    004 full   56 or 84   every slot holds 16 bytes and is used whole
    sm4        40, 57, 60 SM4 keys under an SM4 TMK: PIK 16, KCV, MAK 16, KCV, and with a track key TDK 16, KCV
    tagged     50, 75     25 bytes a key: attribute, key 16, check value 8; order MAK, PIK, TDK

A slot of 16 bytes whose second half is zero holds a single-length key; taking all of it as a key is the classic
first-day fault. This module cuts and joins bytes; the keys themselves are imported by the HSM.

Source: Q/CUP 009 (60.3 = 001, 003, 004) as restated by acquirer terminal specifications; the SM4 forms are acquirers'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from posterm.hsm import Algorithm
from posterm.unionpay.errors import LayoutError


class Role(StrEnum):
    """What a working key is for."""

    PIK = "PIK"
    MAK = "MAK"
    TDK = "TDK"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A working key as it travels: 8 or 16 bytes under the TMK, and its check value."""

    cryptogram: bytes
    kcv: bytes

    @property
    def single_length(self) -> bool:
        return len(self.cryptogram) == 8


@dataclass(frozen=True, slots=True)
class _Slot:
    role: Role
    size: int
    zero_fill: int = 0


_KCV_BYTES = 4
_SHORT_KCV_BYTES: Final = {"sm4-track-short": 3}
_SM4: Final = "sm4"
_TAGGED_KEY_BYTES, _TAGGED_KCV_BYTES = 16, 8
_TAGS: Final = {b"\x01": Role.MAK, b"\x02": Role.PIK, b"\x03": Role.TDK}
_LAYOUTS: Final[Mapping[str, tuple[_Slot, ...]]] = {
    "single": (_Slot(Role.PIK, 8), _Slot(Role.MAK, 8)),
    "double": (_Slot(Role.PIK, 16), _Slot(Role.MAK, 8, zero_fill=8)),
    "double-short": (_Slot(Role.PIK, 16), _Slot(Role.MAK, 8)),
    "double-full": (_Slot(Role.PIK, 16), _Slot(Role.MAK, 16)),
    "double-track": (_Slot(Role.PIK, 16), _Slot(Role.MAK, 8, zero_fill=8), _Slot(Role.TDK, 16)),
    "double-track-short": (_Slot(Role.PIK, 16), _Slot(Role.MAK, 8), _Slot(Role.TDK, 16)),
    "double-track-full": (_Slot(Role.PIK, 16), _Slot(Role.MAK, 16), _Slot(Role.TDK, 16)),
    "sm4": (_Slot(Role.PIK, 16), _Slot(Role.MAK, 16)),
    "sm4-track": (_Slot(Role.PIK, 16), _Slot(Role.MAK, 16), _Slot(Role.TDK, 16)),
    "sm4-track-short": (_Slot(Role.PIK, 16), _Slot(Role.MAK, 16), _Slot(Role.TDK, 16)),
    "tagged": (_Slot(Role.MAK, 16), _Slot(Role.PIK, 16)),
    "tagged-track": (_Slot(Role.MAK, 16), _Slot(Role.PIK, 16), _Slot(Role.TDK, 16)),
}
LAYOUT_NAMES: Final = tuple(_LAYOUTS)


def key_bytes(layout: str) -> dict[Role, int]:
    """The length in bytes of each key a layout carries. Raises: LayoutError: no such layout."""
    return {slot.role: slot.size for slot in _slots(layout)}


def key_algorithm(layout: str, key_bytes: int) -> Algorithm:
    """What a working key of this layout and length is a key for."""
    if layout.startswith(_SM4):
        return Algorithm.SM4
    return Algorithm.DES if key_bytes == Algorithm.DES.key_bytes else Algorithm.TDES_DOUBLE


def tmk_algorithm(layout: str) -> Algorithm:
    """What the TMK is a key for where working keys come in this layout; 16 bytes either way."""
    return Algorithm.SM4 if layout.startswith(_SM4) else Algorithm.TDES_DOUBLE


def pack_keys(layout: str, keys: Mapping[Role, WrappedKey]) -> bytes:
    """Build field 62. Raises: LayoutError: a key is missing or has another length than the layout gives it."""
    parts: list[bytes] = []
    for slot in _slots(layout):
        key = keys.get(slot.role)
        if key is None or len(key.cryptogram) != slot.size:
            raise LayoutError(f"key layout {layout} needs a {slot.role} of {slot.size} bytes")
        if layout.startswith("tagged"):
            tag = next(tag for tag, role in _TAGS.items() if role is slot.role)
            parts.append(tag + key.cryptogram + key.kcv.ljust(_TAGGED_KCV_BYTES, b"\x00"))
        else:
            parts.append(key.cryptogram + bytes(slot.zero_fill) + key.kcv[: check_value_bytes(layout)])
    return b"".join(parts)


def parse_keys(layout: str, field: bytes) -> dict[Role, WrappedKey]:
    """Cut field 62 into keys; a 16-byte MAK whose second half is zero comes out as 8 bytes.

    Raises: LayoutError: the field's length is not the layout's, or a tag is unknown or doubled.
    """
    if layout.startswith("tagged"):
        return _parse_tagged(layout, field)
    slots, kcv_bytes = _slots(layout), check_value_bytes(layout)
    need = sum(slot.size + slot.zero_fill + kcv_bytes for slot in slots)
    if len(field) != need:
        raise LayoutError(f"DE 62 key layout {layout}: need {need} bytes, have {len(field)}")
    keys: dict[Role, WrappedKey] = {}
    at = 0
    for slot in slots:
        end = at + slot.size + slot.zero_fill
        cryptogram, kcv = field[at:end], field[end : end + kcv_bytes]
        keys[slot.role] = WrappedKey(_without_zero_half(cryptogram), kcv)
        at = end + kcv_bytes
    return keys


def _parse_tagged(layout: str, field: bytes) -> dict[Role, WrappedKey]:
    size = 1 + _TAGGED_KEY_BYTES + _TAGGED_KCV_BYTES
    need = size * len(_slots(layout))
    if len(field) != need:
        raise LayoutError(f"DE 62 key layout {layout}: need {need} bytes, have {len(field)}")
    keys: dict[Role, WrappedKey] = {}
    for at in range(0, need, size):
        role = _TAGS.get(field[at : at + 1])
        if role is None or role in keys:
            raise LayoutError(f"DE 62 key layout {layout}: the attribute at byte {at} is unknown or doubled")
        cryptogram = field[at + 1 : at + 1 + _TAGGED_KEY_BYTES]
        check_value = field[at + 1 + _TAGGED_KEY_BYTES : at + size]
        kcv = check_value[:_KCV_BYTES] if not any(check_value[_KCV_BYTES:]) else check_value
        keys[role] = WrappedKey(_without_zero_half(cryptogram), kcv)
    return keys


def _without_zero_half(cryptogram: bytes) -> bytes:
    return cryptogram[:8] if len(cryptogram) == 16 and not any(cryptogram[8:]) else cryptogram


def check_value_bytes(layout: str) -> int:
    """The length in bytes of a check value in this layout."""
    return _SHORT_KCV_BYTES.get(layout, _KCV_BYTES)


def _slots(layout: str) -> tuple[_Slot, ...]:
    slots = _LAYOUTS.get(layout)
    if slots is None:
        raise LayoutError(f"no key layout {layout!r}; there are {', '.join(_LAYOUTS)}")
    return slots
