"""DE 54: balances of an inquiry, and the accumulated amount of an incremental authorisation.

Source: ISO 8583:1987, DE 54; Q/CUP 009 for the `TA` form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from posterm.amount import MAX_MINOR, Amount, currency
from posterm.bcd import is_digits
from posterm.errors import AmountError
from posterm.unionpay.errors import LayoutError

_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Balance:
    """One balance: account type (10 savings, 30 credit), amount type (02 available), amount and its sign."""

    account_type: str
    amount_type: str
    amount: Amount
    debit: bool = False

    def pack(self) -> str:
        """The 20 characters.

        >>> Balance("10", "02", Amount(100000)).pack()
        '1002156C000000100000'
        """
        sign = "D" if self.debit else "C"
        return f"{self.account_type}{self.amount_type}{self.amount.currency.number}{sign}{self.amount.digits}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises: LayoutError."""
        if len(text) != _DIGITS or text[7] not in "CD" or not is_digits(text[:7] + text[8:]):
            raise LayoutError("DE 54 balance: need 20 characters, account, amount type, currency, C or D, 12 digits")
        try:
            amount = Amount(int(text[8:]), currency(text[4:7]))
        except AmountError as error:
            raise LayoutError(f"DE 54 balance: {error}") from None
        return cls(text[0:2], text[2:4], amount, text[7] == "D")


def pack_accumulated(minor: int) -> str:
    """DE 54 of an answered incremental authorisation: `TA`, the sum of all authorisations, 6 spare.

    Raises: LayoutError: the sum has over 12 digits or a sign.
    """
    if not 0 <= minor <= MAX_MINOR:
        raise LayoutError("DE 54 accumulated amount: at most 12 digits and no sign")
    return f"TA{minor:012d}      "


def parse_accumulated(text: str) -> int:
    """The accumulated amount in minor units. Raises: LayoutError."""
    if len(text) < 14 or not text.startswith("TA") or not is_digits(text[2:14]):
        raise LayoutError("DE 54 accumulated amount: need TA and 12 digits")
    return int(text[2:14])
