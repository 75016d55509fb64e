"""Faults of a message beyond its encoding, all of them: content that cannot be, elements its type does not allow.

Source: ISO 8583:1987, 4 (alphabets of data elements) and 4.2 (message types). Which elements a message type carries,
and which an answer repeats, stands in the dialect file under `[messages]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from posterm.iso8583.codec import Writer
from posterm.iso8583.composite import BoundLayout, Composite
from posterm.iso8583.content import content_fault
from posterm.iso8583.element import Element, MessageRule
from posterm.iso8583.errors import PackError, UnpackError
from posterm.iso8583.message import Message

VERSION_DIGITS = {"1987": "0", "1993": "1", "2003": "2"}
ANY = "x"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: the path of the element, a stable code, and what was needed and found, without content.

    `code` is one of those of PackError and UnpackError, or pan, luhn, amount, currency, track2, date, version,
    missing, not-allowed, echo.
    """

    path: str
    code: str
    text: str


def content_faults(
    message: Message, elements: Mapping[int, Element], writers: Mapping[int, Writer], *, version: str, luhn: bool
) -> Iterator[Fault]:
    """Values that do not fit their elements, insides that do not divide, dates and card numbers that cannot be."""
    mti = message.mti
    if len(mti) != 4 or not (mti.isascii() and mti.isdigit()):
        yield Fault("", "mti", "need 4 digits, have something else")
    elif version and mti[0] != VERSION_DIGITS[version]:
        yield Fault("", "version", f"need {VERSION_DIGITS[version]} as first digit of the type, have {mti[0]}")
    for number, value in message.items():
        element = elements.get(number)
        if element is None:
            yield Fault(str(number), "element", "need an element of this dialect, have another")
            continue
        plain = value.raw if isinstance(value, Composite) else value
        try:
            writers[number](plain)
        except PackError as error:
            yield Fault(error.path, error.code, _told(error))
            continue
        if isinstance(value, Composite):
            yield from inside_faults(value)
        if element.content and isinstance(plain, str):
            code, text = content_fault(element.content, plain, luhn=luhn)
            if code:
                yield Fault(str(number), code, text)


def inside_faults(composite: Composite) -> Iterator[Fault]:
    """Parts that cannot be read, depth first; those after one whose extent is unknown are not reached."""
    layout: BoundLayout = composite.layout
    try:
        known = list(composite)
    except UnpackError as error:
        yield Fault(error.path, error.code, f"need {error.needed}, have {error.found}")
        return
    for part_id in known:
        try:
            value = composite[part_id]
        except UnpackError as error:
            yield Fault(error.path or layout.path, error.code, f"need {error.needed}, have {error.found}")
            continue
        if isinstance(value, Composite):
            yield from inside_faults(value)


def message_faults(message: Message, rules: Mapping[str, MessageRule], request: Message | None) -> Iterator[Fault]:
    """Elements this message type must, may and must not have, and those an answer repeats from its request."""
    rule = rule_for(message.mti, rules)
    if rule is None:
        if rules:
            yield Fault("", "not-allowed", "need a message type that the dialect lists, have another")
        return
    for number in rule.must:
        if number not in message:
            yield Fault(str(number), "missing", "need this element, have none")
    allowed = None if rule.may is None else {*rule.must, *rule.may, *rule.echo}
    for number in message:
        if number in rule.never or (allowed is not None and number not in allowed):
            yield Fault(str(number), "not-allowed", "need no such element in this message type, have it")
    if request is None:
        return
    for number in rule.echo:
        if number in request and _plain(message.get(number)) != _plain(request[number]):
            found = "another value" if number in message else "none"
            yield Fault(str(number), "echo", f"need what the request had, have {found}")


def rule_for(mti: str, rules: Mapping[str, MessageRule]) -> MessageRule | None:
    """The rule of a message type: its own, else that of the pattern with the fewest `x` that fits."""
    fitting = [
        name
        for name in rules
        if len(mti) == len(name) and all(mark in (ANY, digit) for mark, digit in zip(name, mti, strict=True))
    ]
    return rules[min(fitting, key=lambda name: (name.count(ANY), name))] if fitting else None


def _plain(value: Any) -> Any:
    return value.raw if isinstance(value, Composite) else value


def _told(error: PackError) -> str:
    """The text of a PackError without the place it names, which the fault says by path."""
    return "need " + str(error).partition(": need ")[2]
