"""Numbers by which China knows people and businesses: parsed and checked by their check digits, never looked up.

Source: GB 11643-1999 (identity number, check digit ISO 7064 MOD 11-2), GB 32100-2015 (unified social credit code, MOD
31), GS 15-2006 (registration number of before 2015, 15 digits, ISO 7064 MOD 11,10), ISO/IEC 7812-1 (bank cards).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from posterm.sensitive import luhn_valid

_IDENTITY_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECK: Final = "10X98765432"
_CREDIT_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")
_CARD: Final = re.compile(r"[0-9]{13,19}")
_CORPORATE_ACCOUNT: Final = re.compile(r"[0-9]{8,28}")


def is_mobile(number: str) -> bool:
    """True for a mainland mobile number: 11 digits, 13 to 19 at the beginning."""
    return _MOBILE.fullmatch(number) is not None


def identity_check_digit(first: str) -> str:
    """The last character of an identity number.

    Args:
        first: the 17 digits before it.

    >>> identity_check_digit("11010519491231002")
    'X'
    """
    total = sum(int(digit) * weight for digit, weight in zip(first, _IDENTITY_WEIGHTS, strict=True))
    return _IDENTITY_CHECK[total % 11]


def birth_date(number: str) -> date | None:
    """The date of birth in an identity number; None when it is no such number, by form, date or check digit."""
    if re.fullmatch(r"[1-9][0-9]{16}[0-9X]", number) is None or identity_check_digit(number[:17]) != number[17]:
        return None
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def age(born: date, today: date) -> int:
    """Full years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def credit_check_character(first: str) -> str:
    """The last character of a unified social credit code.

    Args:
        first: the 17 characters before it.

    >>> credit_check_character("91350100M000100Y4")
    '3'
    """
    total = sum(_CREDIT_ALPHABET.index(char) * pow(3, place, 31) for place, char in enumerate(first))
    return _CREDIT_ALPHABET[-total % 31]


def is_credit_code(number: str) -> bool:
    """True for a unified social credit code: 18 characters, the last one right."""
    if len(number) != 18 or any(char not in _CREDIT_ALPHABET for char in number):
        return False
    return credit_check_character(number[:17]) == number[17]


def registration_check_digit(first: str) -> str:
    """The last digit of a registration number of before 2015.

    Args:
        first: the 14 digits before it.

    >>> registration_check_digit("11000000000000")
    '9'
    """
    product = 10
    for digit in first:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def is_registration_number(number: str) -> bool:
    """True for a business licence's number of before 2015: 15 digits, the last one right."""
    return re.fullmatch(r"[0-9]{15}", number) is not None and registration_check_digit(number[:14]) == number[14]


def is_bank_card(number: str) -> bool:
    """True for a card number: 13 to 19 digits, the last one right by the Luhn formula."""
    return _CARD.fullmatch(number) is not None and luhn_valid(number)


def is_corporate_account(number: str) -> bool:
    """True for a corporate account's number: 8 to 28 digits; banks have no check digit in common."""
    return _CORPORATE_ACCOUNT.fullmatch(number) is not None
