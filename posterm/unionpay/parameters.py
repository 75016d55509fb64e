"""Field 62 of a terminal parameter download (60.3 = 360): two-digit codes, each followed by a value of known length.

Source: Q/CUP 009, terminal parameters, as restated by acquirer specifications. Two revisions of the table give code 12
to the time-out and to the merchant name; this is the one with the time-out, the name is code 22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from posterm.bcd import is_digits
from posterm.unionpay.errors import LayoutError


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row: its code, the name posterm gives it, its length in bytes, and whether it is digits."""

    code: str
    name: str
    length: int
    digits: bool = True


_TABLE: Final = (
    Parameter("11", "transactions_allowed", 32),
    Parameter("12", "response_timeout_s", 2),
    Parameter("13", "dial_retries", 1),
    Parameter("14", "phone_1", 14, digits=False),
    Parameter("15", "phone_2", 14, digits=False),
    Parameter("16", "phone_3", 14, digits=False),
    Parameter("17", "phone_management", 14, digits=False),
    Parameter("18", "tips_allowed", 1),
    Parameter("19", "tip_percent_max", 2),
    Parameter("20", "key_entry_allowed", 1),
    Parameter("21", "auto_sign_off", 1),
    Parameter("22", "merchant_name", 40, digits=False),
    Parameter("23", "reversal_attempts", 1),
    Parameter("24", "notice_delivery", 1),
    Parameter("25", "master_key_index", 1),
)
_BY_CODE: Final = {row.code: row for row in _TABLE}
_BY_NAME: Final = {row.name: row for row in _TABLE}
_CHARSET = "gb18030"


def pack_parameters(values: Mapping[str, str]) -> bytes:
    """Build field 62 from values by name. Raises: LayoutError: an unknown name or a value that does not fit."""
    parts: list[bytes] = []
    for name, value in values.items():
        row = _BY_NAME.get(name)
        if row is None:
            raise LayoutError(f"no terminal parameter {name!r}; there are {', '.join(_BY_NAME)}")
        if row.digits and not (value and is_digits(value)):
            raise LayoutError(f"terminal parameter {name}: need digits")
        try:
            packed = (value.rjust(row.length, "0") if row.digits else value).encode(_CHARSET)
        except UnicodeEncodeError:
            raise LayoutError(f"terminal parameter {name}: not {_CHARSET} text") from None
        if len(packed) > row.length:
            raise LayoutError(f"terminal parameter {name}: at most {row.length} bytes, have {len(packed)}")
        parts.append(row.code.encode("ascii") + packed.ljust(row.length))
    return b"".join(parts)


def parse_parameters(field: bytes) -> dict[str, str]:
    """Read field 62 whole. Raises: LayoutError: an unknown code, a value cut short or outside its alphabet."""
    values: dict[str, str] = {}
    at = 0
    while at < len(field):
        row = _BY_CODE.get(field[at : at + 2].decode("latin-1"))
        if row is None:
            raise LayoutError(f"DE 62 parameters: unknown code at byte {at}")
        raw = field[at + 2 : at + 2 + row.length]
        if len(raw) != row.length:
            raise LayoutError(f"DE 62 parameter {row.code}: need {row.length} bytes, have {len(raw)}")
        if row.digits and not raw.isdigit():
            raise LayoutError(f"DE 62 parameter {row.code}: not digits")
        try:
            values[row.name] = raw.decode(_CHARSET).rstrip()
        except UnicodeDecodeError:
            raise LayoutError(f"DE 62 parameter {row.code}: not {_CHARSET} text") from None
        at += 2 + row.length
    return values
