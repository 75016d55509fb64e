"""Money: an integer count of minor units and a currency.

Source: ISO 4217 (numeric codes and exponents). Leaves out currencies no supported scheme settles in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from posterm.errors import AmountError

MAX_MINOR = 999_999_999_999
"""The largest amount DE 4 (n12) can carry."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency: alphabetic code, numeric code (3 digits) and the number of decimals."""

    code: str
    number: str
    exponent: int

    def __str__(self) -> str:
        return self.code


_TABLE = (
    Currency("CNY", "156", 2),
    Currency("HKD", "344", 2),
    Currency("MOP", "446", 2),
    Currency("TWD", "901", 2),
    Currency("JPY", "392", 0),
    Currency("KRW", "410", 0),
    Currency("SGD", "702", 2),
    Currency("THB", "764", 2),
    Currency("USD", "840", 2),
    Currency("EUR", "978", 2),
    Currency("GBP", "826", 2),
    Currency("KWD", "414", 3),
)
_BY_CODE = {currency.code: currency for currency in _TABLE}
_BY_NUMBER = {currency.number: currency for currency in _TABLE}

CNY = _BY_CODE["CNY"]


def currency(name: str) -> Currency:
    """Find a currency by its alphabetic or numeric code.

    Raises: AmountError: no such currency here.

    >>> currency("156") is currency("CNY")
    True
    """
    found = _BY_CODE.get(name.upper()) or _BY_NUMBER.get(name)
    if found is None:
        # The text is not repeated: people paste card numbers into the wrong field.
        raise AmountError("no such currency", hint="use an ISO 4217 code such as CNY or 156")
    return found


@dataclass(frozen=True, slots=True, order=False)
class Amount:
    """A non-negative amount of one currency in minor units, at most twelve digits.

    >>> Amount.parse("12.34", CNY)
    Amount(minor=1234, currency=CNY)
    >>> print(Amount(1234, CNY))
    12.34
    """

    minor: int
    currency: Currency = CNY

    def __post_init__(self) -> None:
        if not 0 <= self.minor <= MAX_MINOR:
            raise AmountError("an amount has 1 to 12 digits and no sign")

    @classmethod
    def parse(cls, text: str, currency: Currency = CNY) -> Amount:
        """Read what a cashier types: `12.34`, `12.3` or `12`.

        Raises: AmountError: not a number, too many decimals or digits.
        """
        match = re.fullmatch(r"([0-9]{1,12})(?:\.([0-9]+))?", text.strip())
        if match is None:
            raise AmountError("not an amount", hint="write it like 12.34")
        whole, fraction = match[1], match[2] or ""
        if len(fraction) > currency.exponent:
            raise AmountError(f"{currency} has {currency.exponent} decimals, this amount has {len(fraction)}")
        return cls(int(whole + fraction.ljust(currency.exponent, "0")), currency)

    @property
    def digits(self) -> str:
        """The amount as DE 4 carries it: 12 digits."""
        return f"{self.minor:012d}"

    def __str__(self) -> str:
        if self.currency.exponent == 0:
            return str(self.minor)
        unit = 10**self.currency.exponent
        return f"{self.minor // unit}.{self.minor % unit:0{self.currency.exponent}d}"

    def __repr__(self) -> str:
        return f"Amount(minor={self.minor}, currency={self.currency.code})"

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.minor - self._same(other).minor, self.currency)

    def __lt__(self, other: Amount) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: Amount) -> bool:
        return self.minor <= self._same(other).minor

    def _same(self, other: Amount) -> Amount:
        if other.currency != self.currency:
            raise AmountError(f"cannot combine {self.currency} and {other.currency}")
        return other
