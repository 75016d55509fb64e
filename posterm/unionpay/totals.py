"""DE 48: settlement totals, batch upload items, upload end and tip. Which one it is depends on the message.

Source: Q/CUP 009 as restated by acquirer terminal specifications. All of it is digits; lengths are digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from posterm.bcd import is_digits
from posterm.sensitive import Pan, SensitiveValueError
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.transactions import Side

ITEMS_PER_UPLOAD = 8
_ITEM_DIGITS = 40
_BLOCK_DIGITS = 31


class Reconciliation(StrEnum):
    """The code at the end of each block of totals."""

    REQUEST = "0"
    EQUAL = "1"
    DIFFERENT = "2"
    ERROR = "3"


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts and sums of one batch, in minor units. Equal totals compare equal."""

    debit_minor: int = 0
    debit_count: int = 0
    credit_minor: int = 0
    credit_count: int = 0

    def plus(self, side: Side, amount_minor: int) -> Totals:
        """These totals with one more transaction on `side`; `Side.NONE` changes nothing."""
        if side is Side.DEBIT:
            return Totals(self.debit_minor + amount_minor, self.debit_count + 1, self.credit_minor, self.credit_count)
        if side is Side.CREDIT:
            return Totals(self.debit_minor, self.debit_count, self.credit_minor + amount_minor, self.credit_count + 1)
        return self

    @property
    def net_minor(self) -> int:
        """What the merchant is owed; negative when refunds and voids outweigh sales."""
        return self.debit_minor - self.credit_minor

    @property
    def digits(self) -> str:
        return f"{self.debit_minor:012d}{self.debit_count:03d}{self.credit_minor:012d}{self.credit_count:03d}"


@dataclass(frozen=True, slots=True)
class SettlementTotals:
    """The 62 digits of an 0500 or 0510: domestic cards, then foreign cards."""

    domestic: Totals
    foreign: Totals = field(default_factory=Totals)
    code: Reconciliation = Reconciliation.REQUEST
    foreign_code: Reconciliation = Reconciliation.REQUEST

    @property
    def digits(self) -> str:
        """Raises: LayoutError: a count over 999 or a sum over 12 digits."""
        digits = self.domestic.digits + self.code.value + self.foreign.digits + self.foreign_code.value
        if len(digits) != 2 * _BLOCK_DIGITS or not is_digits(digits):
            raise LayoutError("the batch is too large for DE 48: at most 999 transactions and 12 digits a side")
        return digits

    @classmethod
    def parse(cls, digits: str) -> Self:
        """Raises: LayoutError."""
        if len(digits) != 2 * _BLOCK_DIGITS or not is_digits(digits):
            raise LayoutError(f"DE 48 settlement totals: need 62 digits, have {len(digits)}")
        domestic, foreign = digits[:_BLOCK_DIGITS], digits[_BLOCK_DIGITS:]
        return cls(_block(domestic), _block(foreign), _code(domestic[-1]), _code(foreign[-1]))


def _block(digits: str) -> Totals:
    return Totals(int(digits[0:12]), int(digits[12:15]), int(digits[15:27]), int(digits[27:30]))


def _code(digit: str) -> Reconciliation:
    try:
        return Reconciliation(digit)
    except ValueError:
        raise LayoutError(f"DE 48 reconciliation code {digit}: need 0 to 3") from None


@dataclass(frozen=True, slots=True)
class UploadItem:
    """One stripe transaction of a batch upload, 40 digits: card class 00 domestic or 01 foreign, STAN, PAN, amount.

    A payment by a code has no PAN, and zeros in its place.
    """

    stan: str
    pan: Pan | None
    amount_minor: int
    card_class: str = "00"

    @property
    def digits(self) -> str:
        """Raises: LayoutError: an amount over 12 digits, or a trace number or card class of another length."""
        number = self.pan.reveal() if self.pan is not None else ""
        digits = f"{self.card_class}{self.stan}{number:0>20}{self.amount_minor:012d}"
        if len(digits) != _ITEM_DIGITS or not is_digits(digits):
            raise LayoutError(f"a batch upload item has {_ITEM_DIGITS} digits, this would have {len(digits)}")
        return digits


def pack_upload(items: Sequence[UploadItem]) -> str:
    """DE 48 of an 0320/201. Raises: LayoutError: not 1 to 8 items."""
    if not 1 <= len(items) <= ITEMS_PER_UPLOAD:
        raise LayoutError(f"a batch upload holds 1 to {ITEMS_PER_UPLOAD} items, not {len(items)}")
    return f"{len(items):02d}" + "".join(item.digits for item in items)


def parse_upload(digits: str) -> list[UploadItem]:
    """Raises: LayoutError: count, length or a PAN that does not fit."""
    count = int(digits[:2]) if len(digits) >= 2 and is_digits(digits) else 0
    if not 1 <= count <= ITEMS_PER_UPLOAD or len(digits) != 2 + count * _ITEM_DIGITS:
        raise LayoutError(f"DE 48 batch upload: {len(digits)} digits are not a count of 1 to 8 and 40 for each item")
    return list(_items(digits[2:]))


def _items(digits: str) -> Iterable[UploadItem]:
    for number, start in enumerate(range(0, len(digits), _ITEM_DIGITS), 1):
        item = digits[start : start + _ITEM_DIGITS]
        try:
            digits_of_card = item[8:28].lstrip("0")
            pan = Pan(digits_of_card) if digits_of_card else None
        except SensitiveValueError as error:
            raise LayoutError(f"DE 48 batch upload, item {number}: {error}") from None
        if not int(item[2:8]):
            raise LayoutError(f"DE 48 batch upload, item {number}: no transaction has trace number 000000")
        yield UploadItem(item[2:8], pan, int(item[28:40]), item[0:2])


def pack_upload_end(items: int) -> str:
    """DE 48 of the upload end: the number of items uploaded, 4 digits. Raises: LayoutError: over 9999."""
    if not 0 <= items <= 9999:
        raise LayoutError(f"an upload end counts at most 9999 items, not {items}")
    return f"{items:04d}"


def parse_upload_end(digits: str) -> int:
    """Raises: LayoutError."""
    if len(digits) != 4 or not is_digits(digits):
        raise LayoutError(f"DE 48 upload end: need 4 digits, have {len(digits)}")
    return int(digits)
