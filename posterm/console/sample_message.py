"""A message of a dialect, made from its own table: what shows how it looks on the wire, and what to try a decoder on.

The card number is one that no issuer gives out; there is no PIN and no MAC. Where the dialect has rules for message
types the sample keeps them.
"""

from __future__ import annotations

from typing import Any, Final

from posterm.console.redaction import card_number_for_tests
from posterm.iso8583 import Dialect, Element, Format, Message, PackError, Part, UnpackError
from posterm.iso8583.check import VERSION_DIGITS, rule_for

_CARRIED: Final = (2, 3, 4, 7, 11, 12, 13, 14, 18, 22, 25, 32, 35, 37, 41, 42, 43, 49, 55)
_VALUES: Final[dict[int, str]] = {
    4: "1000", 11: "1", 18: "5411", 22: "51", 24: "200", 32: "12345", 37: "000000000001", 49: "840",
}  # fmt: skip
_TIMES: Final = {7: "MMDDhhmmss", 12: "hhmmss", 13: "MMDD", 14: "YYMM"}
"""Used where the table does not say what the digits mean and they are as many."""
_TEXTS: Final[dict[int, str]] = {41: "TERM0001", 42: "MERCHANT0000001", 43: "POSTERM TEST SHOP"}
_DATE: Final = {"YYYY": "2030", "YY": "30", "MM": "12", "DD": "24", "hh": "15", "mm": "30", "ss": "59"}
_CHIP: Final = {"9F02": "000000001000", "9C": "00", "9F36": "0001"}
_POS_LINK: Final[dict[int, Any]] = {22: "021", 60: {"1": "22", "2": "000001", "3": "000"}}
"""What the table of `unionpay-pos` does not tell: a card that was swiped without a PIN, and a sale."""


def sample_message(dialect: Dialect) -> Message:
    """A purchase of 10.00, or what comes nearest to it among the types the dialect has rules for."""
    mti = _message_type(dialect)
    rule = rule_for(mti, dialect.messages)
    must = rule.must if rule is not None else ()
    allowed = None if rule is None or rule.may is None else {*rule.must, *rule.may}
    never = rule.never if rule is not None else ()
    own = _POS_LINK if dialect.name == "unionpay-pos" else {}
    values: dict[int, Any] = {}
    for number in sorted({*_CARRIED, *must, *own}):
        element = dialect.elements.get(number)
        if element is None or number in never or (allowed is not None and number not in allowed):
            continue
        value = own.get(number, _value(element, needed=number in must))
        if value is not None and _packs(dialect, mti, number, value):
            values[number] = value
    message = dialect.message(mti, values)
    wrong = {int(fault.path.split(".")[0]) for fault in dialect.check(message, luhn=True) if fault.path}
    return dialect.message(mti, {number: value for number, value in values.items() if number not in wrong})


def _message_type(dialect: Dialect) -> str:
    version = VERSION_DIGITS.get(dialect.encodings.version, "0")
    rules = dialect.messages
    for mti in (f"{version}200", f"{version}100", *(name.replace("x", "0") for name in rules)):
        if not rules or rule_for(mti, rules) is not None:
            return mti
    return f"{version}200"


def _packs(dialect: Dialect, mti: str, number: int, value: Any) -> bool:
    try:
        dialect.unpack(dialect.pack(Message(mti, {number: value})))
    except (PackError, UnpackError):
        return False
    return True


def _value(element: Element, *, needed: bool) -> Any:
    layout = element.layout
    if layout is None:
        return _of_format(element.number, element.format, element.content)
    if layout.kind == "ber-tlv":
        return _CHIP
    if not needed:
        return None
    if layout.kind in ("positional", "bitmap"):
        return {part.id: _of_part(part) for part in layout.parts}
    return {part.id: _of_part(part) for part in layout.lead} or None


def _of_part(part: Part) -> Any:
    if part.layout is not None:
        return {inner.id: _of_part(inner) for inner in part.layout.parts}
    value = _of_format(0, Format(part.kind, part.length or 4, minimum=part.minimum), "")
    return value.hex().upper() if isinstance(value, bytes) and part.kind != "b" else value


def _of_format(number: int, fmt: Format, content: str) -> str | bytes:
    length = fmt.length
    if not content and len(_TIMES.get(number, "")) == length:
        content = _TIMES[number]
    if content == "pan" or (number == 2 and fmt.kind == "n"):
        return card_number_for_tests(min(16, length))
    if content == "track2" or fmt.kind == "z":
        return f"{card_number_for_tests(16)}=30122010000000000000"[:length]
    if content == "currency":
        return "840"[:length]
    if content == "amount":
        return "D" + "1000".rjust(length, "0") if fmt.kind == "x+n" else "1000".rjust(min(length, 12), "0")
    if content:
        return _date(content)
    if fmt.kind == "b":
        return bytes(min(length, 8) if fmt.minimum == 0 and length > 8 else length)
    if fmt.kind == "x+n":
        return "D" + "0" * length
    if fmt.kind == "n":
        return _VALUES.get(number, "0")[:length].rjust(length if length <= 12 else 12, "0")
    text = _TEXTS.get(number) or _VALUES.get(number) or "X"
    return (text if fmt.kind != "a" else "A")[:length].ljust(length if length <= 40 else 1)


def _date(pattern: str) -> str:
    for token, digits in _DATE.items():
        pattern = pattern.replace(token, digits)
    return pattern
