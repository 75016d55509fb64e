"""The dictionary of chip card data objects: what a tag is called, how it is coded, and what may be printed of it.

One tag can mean different things: 9F6E is a form factor to Visa and third-party data to Mastercard. Name a `Scheme` to
get its meaning; without one the meaning EMV gives comes first.

    >>> find("9F02").name
    'Amount, Authorised (Numeric)'
    >>> find("9F6E", Scheme.KERNEL_3).name, find("9F6E", Scheme.KERNEL_4).name
    ('Form Factor Indicator (FFI)', 'Enhanced Contactless Reader Capabilities')

Source: see `posterm.emv.tag_table`, where the facts stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from posterm.emv import tag_table
from posterm.sensitive import mask_pan


class Scheme(Enum):
    """Whose meaning of a tag is wanted, where it differs."""

    KERNEL_2 = "Mastercard"
    KERNEL_3 = "Visa"
    KERNEL_4 = "American Express"
    KERNEL_5 = "JCB"
    UNIONPAY = "UnionPay"


@dataclass(frozen=True, slots=True)
class DataObject:
    """A row of the dictionary.

    `format` is a, an, ans, n, cn or b; `shortest` and `longest` are bytes, None where no book fixes them; `origin` is
    `card`, `terminal`, `issuer`, or empty.
    """

    tag: str
    name: str
    format: str = "b"
    shortest: int | None = None
    longest: int | None = None
    origin: str = ""

    def fits(self, value: bytes) -> bool:
        """True when the value has a length this object may have."""
        return (self.shortest is None or len(value) >= self.shortest) and (
            self.longest is None or len(value) <= self.longest
        )


def _rows(table: tuple[tuple[str, str, str, int | None, int | None, str], ...]) -> dict[str, DataObject]:
    return {row[0]: DataObject(*row) for row in table}


_GENERAL: Final = _rows(tag_table.GENERAL)
_BY_SCHEME: Final = {
    Scheme.KERNEL_2: _rows(tag_table.KERNEL_2),
    Scheme.KERNEL_3: _rows(tag_table.KERNEL_3),
    Scheme.KERNEL_4: _rows(tag_table.KERNEL_4),
    Scheme.KERNEL_5: _rows(tag_table.KERNEL_5),
    Scheme.UNIONPAY: _rows(tag_table.UNIONPAY),
}
_ANY_SCHEME: Final = (Scheme.UNIONPAY, Scheme.KERNEL_3, Scheme.KERNEL_2, Scheme.KERNEL_4, Scheme.KERNEL_5)

DOLS: Final = frozenset({"8C", "8D", "97", "9F38", "9F49", "9F4F", "9F51", "9F69"})
"""Objects that are data object lists: tags and lengths without values. 9F51 and 9F69 are so to kernel 2 only."""

PANS: Final = frozenset({"5A"})
TRACKS: Final = frozenset({"57", "9F6B"})
HIDDEN: Final = frozenset({"56", "58", "5F20", "5F21", "5F22", "5F23", "86", "99", "9F0B", "9F1F", "9F20", "9F24"})
"""Objects of which nothing is printed: stripes, names, PIN data, enciphered script commands."""

SENSITIVE: Final = PANS | TRACKS | HIDDEN


def find(tag: str, scheme: Scheme | None = None) -> DataObject | None:
    """What a tag means: to the scheme named, else to EMV, else to the first scheme that uses it. None: unknown."""
    if scheme is not None and (own := _BY_SCHEME[scheme].get(tag)) is not None:
        return own
    if (general := _GENERAL.get(tag)) is not None:
        return general
    return next((found for other in _ANY_SCHEME if (found := _BY_SCHEME[other].get(tag)) is not None), None)


def name_of(tag: str, scheme: Scheme | None = None) -> str:
    """The name of a tag, `unknown` when no book here lists it."""
    found = find(tag, scheme)
    return found.name if found else "unknown"


def format_of(tag: str) -> str:
    """The format of a tag by EMV's dictionary; `b` when unknown."""
    found = find(tag)
    return found.format if found else "b"


def printable(tag: str, value: bytes, scheme: Scheme | None = None) -> str:
    """A value as it may be printed: card numbers masked, stripes and names as stars, text as text, else hexadecimal.

    >>> printable("5A", bytes.fromhex("4761739001010010")), printable("50", b"UnionPay")
    ('476173******0010', "'UnionPay'")
    """
    if tag in PANS:
        return mask_pan(value.hex().upper().rstrip("F"))
    if tag in TRACKS:
        return mask_pan(value.hex().upper().split("D")[0]) + "D****"
    if tag in HIDDEN:
        return "*" * 6
    found = find(tag, scheme)
    if found and found.format in ("a", "an", "ans") and value and all(0x20 <= byte < 0x7F for byte in value):
        return repr(value.decode("ascii"))
    return value.hex().upper()
