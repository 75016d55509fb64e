"""A message with test values in the place of everything sensitive, each of the size and shape of what it replaces.

Card numbers become 4, zeros and a check digit; expiry dates December 2049; other digits zeros, letters X, bytes zero.
So does whatever else repeats the card number. MACs, which no longer hold, become zeros.

Source: ISO/IEC 7812-1 (check digit), ISO/IEC 7813 (tracks). The result is safe as far as the dialect says what is
sensitive; free text that its table does not call so is searched for the card number only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from posterm.iso8583 import Composite, Dialect, Element, Message, PackError, Part, UnpackError
from posterm.sensitive import luhn_valid

_MAC_ELEMENTS: Final = frozenset({64, 128, 192})
_PAN, _TRACK_2 = 2, 35
_DATE: Final = {"YYYY": "2049", "YY": "49", "MM": "12", "DD": "28", "hh": "00", "mm": "00", "ss": "00"}
_CARD_NUMBER: Final = re.compile(r"[0-9]{12,19}")
_TRACK: Final = re.compile(r"([0-9]{1,19})([=D])([0-9]{4})?(.*)", re.DOTALL)
_LEAST_PAN_DIGITS: Final = 12
_EMV: Final = {"5A": "pan", "57": "track2", "5F24": "YYMMDD", "5F25": "YYMMDD", "9F6B": "track2"}
"""Chip data objects that a terminal checks the form of. Source: EMV 4.4 Book 3, annex A."""


def redacted(message: Message, dialect: Dialect) -> Message:
    """The message with test values for everything that its dialect calls sensitive."""
    known = _card_number(message)
    changes: dict[int, Any] = {}
    for number, value in message.items():
        element = dialect.elements[number]
        if number in _MAC_ELEMENTS and isinstance(value, bytes):
            changes[number] = bytes(len(value))
        elif isinstance(value, Composite):
            changes[number] = _composite(value, element.sensitive, known)
        elif element.sensitive:
            changes[number] = _test_value(value, _content(element))
        else:
            changes[number] = _without(value, known)
    changed = {number: value for number, value in changes.items() if value != _plain(message[number])}
    return message.with_elements(changed)


def card_number_for_tests(digits: int) -> str:
    """A card number of so many digits that no issuer gives out: 4, zeros and the check digit.

    >>> card_number_for_tests(16)
    '4000000000000002'
    """
    if digits < 2:
        return "0" * digits
    head = "4" + "0" * (digits - 2)
    return next(head + check for check in "0123456789" if luhn_valid(head + check))


def _content(element: Element) -> str:
    if element.content:
        return element.content
    return {_PAN: "pan", _TRACK_2: "track2"}.get(element.number, "")


def _composite(value: Composite, sensitive: bool, known: str) -> Any:
    """The element with its sensitive parts replaced; as a whole when it cannot be put together again to its size."""
    try:
        rebuilt = value.layout.build(_parts(value, sensitive, known))
    except (UnpackError, PackError):
        return _test_value(value.raw, "") if sensitive else _without(value.raw, known)
    if len(rebuilt) != len(value.raw):
        return _test_value(value.raw, "") if sensitive else _without(value.raw, known)
    return rebuilt


def _parts(value: Composite, sensitive: bool, known: str) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for part_id, part_value in value.items_all():
        part = value.layout.part(part_id)
        secret = sensitive if part is None else part.sensitive
        new: Any
        if isinstance(part_value, Composite):
            new = _composite(part_value, secret, known)
        elif secret:
            new = _test_value(part_value, _EMV.get(part_id, "") if part is None or _is_bytes(part) else "")
        else:
            new = _without(part_value, known)
        if part_id in parts:
            earlier = parts[part_id]
            parts[part_id] = [*earlier, new] if isinstance(earlier, list) else [earlier, new]
        else:
            parts[part_id] = new
    return parts


def _is_bytes(part: Part) -> bool:
    return part.kind in ("b", "n")


def _test_value(value: Any, content: str) -> Any:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, bytes):
        return _test_bytes(value, content)
    return _test_text(value, content)


def _test_bytes(value: bytes, content: str) -> bytes:
    """Packed digits keep their filler; whatever is none becomes zeros."""
    digits = value.hex().upper()
    text = digits.rstrip("F")
    if content and re.fullmatch(r"[0-9]+D?[0-9]*", text):
        return bytes.fromhex(_test_text(text, content) + "F" * (len(digits) - len(text)))
    return bytes(len(value))


def _test_text(value: str, content: str) -> str:
    if content == "pan":
        return card_number_for_tests(len(value))
    if content == "track2":
        match = _TRACK.fullmatch(value)
        if match is None:
            return _shape(value)
        expiry = _DATE["YY"] + _DATE["MM"] if match[3] else ""
        return card_number_for_tests(len(match[1])) + match[2] + expiry + _blank(match[4])
    if content and set(content) <= set("YMDhms"):
        text = content
        for token, digits in _DATE.items():
            text = text.replace(token, digits)
        return text if len(text) == len(value) else _shape(value)
    return _shape(value)


def _shape(value: str) -> str:
    """Digits as zeros, letters as X, card numbers as one of a test card; what separates them stays."""
    pieces, at = [], 0
    for match in _CARD_NUMBER.finditer(value):
        digits = len(match[0])
        is_card = luhn_valid(match[0]) and match[0].strip("0")
        test = card_number_for_tests(digits) if is_card else "0" * digits
        pieces += [_blank(value[at : match.start()]), test]
        at = match.end()
    return "".join((*pieces, _blank(value[at:])))


def _blank(text: str) -> str:
    return "".join("0" if each.isdigit() else "X" if each.isalpha() else each for each in text)


def _card_number(message: Message) -> str:
    """The card number the message is about, from DE 2 or the track; empty when it has none."""
    for number in (_PAN, _TRACK_2):
        value = message.get(number)
        match = re.match(r"[0-9]{12,19}", value) if isinstance(value, str) else None
        if match is not None:
            return match[0]
    return ""


def _without(value: Any, known: str) -> Any:
    """The value with the card number of the message replaced where it stands in it, as text or packed."""
    if len(known) < _LEAST_PAN_DIGITS:
        return value
    if isinstance(value, str):
        return value.replace(known, card_number_for_tests(len(known)))
    if isinstance(value, bytes):
        replacement = card_number_for_tests(len(known))
        digits = value.hex().upper().replace(known, replacement)
        return bytes.fromhex(digits).replace(known.encode(), replacement.encode())
    return value


def _plain(value: Any) -> Any:
    return value.raw if isinstance(value, Composite) else value
