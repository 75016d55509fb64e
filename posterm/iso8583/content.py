"""What the digits of an element mean, and whether they can mean it: dates, times, card numbers, currencies.

Source: ISO 8583:1987, 4.3.1 (date and time formats); ISO/IEC 7812-1 for card numbers; ISO 4217 for the size of codes.
Leaves out whether a currency exists, and whether a date lies in the past.
"""

from __future__ import annotations

import re
from calendar import monthrange

from posterm.bcd import is_digits
from posterm.sensitive import luhn_valid

_NAMED = frozenset({"pan", "amount", "currency", "track2"})
_TOKEN = re.compile(r"YYYY|YY|MM|DD|hh|mm|ss")
_TRACK_2 = re.compile(r"([0-9]{1,19})[=D]([0-9]{4}|[=D])([0-9]{3}|[=D])[0-9=D]*")
_MOST = {"MM": (1, 12), "DD": (1, 31), "hh": (0, 23), "mm": (0, 59), "ss": (0, 59)}
_LEAP_YEAR = 2000


def is_content(name: str) -> bool:
    """True for a name that `content_fault` knows: pan, amount, currency, track2, or a date pattern of YYYY YY MM DD
    hh mm ss, each at most once."""
    tokens = _TOKEN.findall(name)
    return name in _NAMED or (bool(tokens) and "".join(tokens) == name and len(set(tokens)) == len(tokens))


def content_fault(content: str, value: str, *, luhn: bool = False) -> tuple[str, str]:
    """The code and text of what is wrong with a value, both empty when nothing is; never with the value in them.

    Args:
        content: a name that `is_content` accepts.
        luhn: check the last digit of card numbers.
    """
    if content == "pan":
        return _pan_fault(value, luhn)
    if content == "amount":
        digits = value[1:] if value[:1] in ("C", "D") else value
        return ("", "") if digits and is_digits(digits) else ("amount", "need decimal digits, have another")
    if content == "currency":
        fits = len(value) == 3 and value.isascii() and (value.isdigit() or value.isalpha())
        return ("", "") if fits else ("currency", "need three digits or three letters, have another")
    if content == "track2":
        match = _TRACK_2.fullmatch(value)
        return _pan_fault(match[1], luhn) if match else ("track2", "need card number, separator, date and service code")
    return _date_fault(content, value)


def _pan_fault(value: str, luhn: bool) -> tuple[str, str]:
    if not 8 <= len(value) <= 19 or not is_digits(value):
        return "pan", "need 8 to 19 decimal digits, have another"
    if luhn and not luhn_valid(value):
        return "luhn", "need the check digit of the digits before it, have another"
    return "", ""


def _date_fault(pattern: str, value: str) -> tuple[str, str]:
    if len(value) != len(pattern) or not is_digits(value):
        return "date", f"need {pattern}, have another"
    fields = {token: int(value[place : place + len(token)]) for place, token in _places(pattern)}
    for token, (least, most) in _MOST.items():
        if token in fields and not least <= fields[token] <= most:
            return "date", f"need {token} from {least:02d} to {most:02d}, have another"
    if "DD" in fields and "MM" in fields:
        year = fields.get("YYYY", 2000 + fields.get("YY", 0)) or _LEAP_YEAR
        if fields["DD"] > monthrange(year, fields["MM"])[1]:
            return "date", "need a day of that month, have a later one"
    return "", ""


def _places(pattern: str) -> list[tuple[int, str]]:
    return [(match.start(), match[0]) for match in _TOKEN.finditer(pattern)]
