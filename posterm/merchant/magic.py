"""Magic values: what to write into a field so that a register, a bank or a visit answers badly.

No register, bank, carrier or telephone is asked here; all of them answer well unless the value says otherwise. Digits
before a check digit are free to choose, so every magic number is a well-formed one. Pictures need no magic: what is
wrong with them is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Where(StrEnum):
    """Where a magic value stands."""

    IDENTITY = "identity number, the 3 digits before the last"
    LICENCE = "licence number, the 4 characters before its last 2 (18 characters) or its last (15 digits)"
    ACCOUNT = "account number, the 4 digits before the last"
    MOBILE = "contact mobile, the last 4 digits"
    TRACKING = "tracking number of a parcel, the last 4 characters"


@dataclass(frozen=True, slots=True)
class MagicValue:
    """One row: what a value does, as a code and in words."""

    where: Where
    value: str
    outcome: str
    meaning: str


MAGIC_VALUES: Final = (
    MagicValue(Where.IDENTITY, "991", "aml-hit", "the check against money laundering hits"),
    MagicValue(Where.IDENTITY, "992", "blacklisted", "the person is on the industry's black list"),
    MagicValue(Where.LICENCE, "9991", "licence-not-found", "the register has no such licence"),
    MagicValue(Where.LICENCE, "9992", "licence-cancelled", "the register says it was cancelled"),
    MagicValue(Where.LICENCE, "9993", "licence-registered-otherwise", "the register has another name for it"),
    MagicValue(Where.ACCOUNT, "9991", "four-elements-differ", "the bank says that name, identity or mobile differ"),
    MagicValue(Where.ACCOUNT, "9981", "bank-refused-name", "payouts are refused: the holder differs"),
    MagicValue(Where.ACCOUNT, "9982", "bank-refused-account", "payouts are refused: there is no such account"),
    MagicValue(Where.ACCOUNT, "9983", "bank-refused-frozen", "payouts are refused: the account is frozen"),
    MagicValue(Where.ACCOUNT, "9984", "bank-refused-once", "a payout is refused once, and taken when tried again"),
    MagicValue(Where.MOBILE, "9991", "phone-unreachable", "nobody answers the reviewer's call"),
    MagicValue(Where.MOBILE, "9992", "phone-unreachable-once", "nobody answers the first call; the second is answered"),
    MagicValue(Where.MOBILE, "9993", "survey-fails", "a survey is ordered, and finds no such shop"),
    MagicValue(Where.MOBILE, "9994", "survey-passes", "a survey is ordered, and finds the shop"),
    MagicValue(Where.MOBILE, "9995", "alipay-rejects", "Alipay does not confirm the real name at first"),
    MagicValue(Where.MOBILE, "9996", "wechat-rejects", "WeChat does not confirm the real name at first"),
    MagicValue(Where.TRACKING, "9991", "parcel-lost", "the carrier loses the parcel"),
    MagicValue(Where.TRACKING, "9992", "parcel-returned", "the parcel cannot be delivered, and comes back"),
)
_BY_PLACE: Final = {(row.where, row.value): row.outcome for row in MAGIC_VALUES}
_PART: Final[dict[Where, Callable[[str], str]]] = {
    Where.IDENTITY: lambda text: text[14:17] if len(text) == 18 else "",
    Where.LICENCE: lambda text: text[12:16] if len(text) == 18 else text[10:14],
    Where.ACCOUNT: lambda text: text[-5:-1],
    Where.MOBILE: lambda text: text[-4:],
    Where.TRACKING: lambda text: text[-4:],
}


def magic_outcome(where: Where, text: str) -> str:
    """What a value does, empty when it is an ordinary one.

    >>> magic_outcome(Where.MOBILE, "13800009991")
    'phone-unreachable'
    """
    return _BY_PLACE.get((where, _PART[where](text)), "")
