"""Which request an answer belongs to, and how near it came when it belongs to none.

An answer carries the message type of its request with the function digit plus one, and repeats the elements that
tell one request from another. Which these are differs from link to link, so they are a setting, by message type.

Source: ISO 8583:1987, 1993 and 2003: message functions, and the trace, terminal, reference and institution elements
that a response returns unchanged.
Leaves out what an answer says; only whose it is matters here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from posterm.iso8583.errors import LinkSettingError, NotSentError
from posterm.iso8583.message import Message

Element = int | str
"""An element number, or a path into one: 11, "60.3"."""

KeyRule = tuple[Element, ...] | Callable[[Message], Hashable]
"""Elements to compare, or a function that makes of a request and of its answer the same value."""

SHOWN: Final = frozenset({3, 7, 11, 12, 13, 15, 24, 28, 32, 33, 37, 39, 41, 42, 49, 70})
"""Elements whose values a report may quote: none of them holds account, card or key data."""

_QUOTED_CHARACTERS = 40
_UNANSWERED = "4"  # the notification of 1993 and 2003 is sent for information


def is_request(mti: str) -> bool:
    """True when the sender of this type asks or tells; False when it answers.

    Source: ISO 8583:1993, third digit: 0, 2, 4, 6 and 8 begin an exchange, the odd ones end it.
    """
    return len(mti) == 4 and mti[2] in "02468"


def answer_mti(mti: str) -> str:
    """The type that answers this one; empty when none does.

    A repeat, whose last digit is odd, is answered like the first attempt.

    >>> answer_mti("0200"), answer_mti("0421"), answer_mti("1644")
    ('0210', '0430', '')
    """
    if not is_request(mti) or mti[2] == _UNANSWERED or not mti.isdigit():
        return ""
    return f"{mti[:2]}{int(mti[2]) + 1}{int(mti[3]) // 2 * 2}"


@dataclass(frozen=True, slots=True)
class Pairing:
    """How answers find their requests.

    Args:
        elements: what an answer must repeat of its request. An element that the request does not carry is not asked
            of its answer, so the host may assign it.
        by_mti: other rules for certain request types; the rule of "0400" holds for its repeat "0401" too.
        answer_mti: the type that answers a request type, empty for none.
        shown: the elements whose values reports may quote; of all others they say only that they differ.
    Raises: LinkSettingError: a rule that is neither elements nor a function.
    """

    elements: KeyRule = (11, 41, 37, 32)
    by_mti: Mapping[str, KeyRule] = field(default_factory=dict)
    answer_mti: Callable[[str], str] = answer_mti
    shown: frozenset[Element] = SHOWN

    def __post_init__(self) -> None:
        rules: list[tuple[str, object]] = [("elements", self.elements), *self.by_mti.items()]
        for name, rule in rules:
            if not callable(rule) and not (isinstance(rule, tuple) and rule):
                raise LinkSettingError(f"pairing, {name}: need a tuple of elements or a function, have {rule!r}")

    def expect(self, request: Message) -> AnswerKey:
        """What the answer to a request must look like.

        Raises: NotSentError: the request has none of the elements that could tell its answer, or the rule failed.
        """
        mti = request.mti
        first_attempt = f"{mti[:3]}{int(mti[3]) // 2 * 2}" if len(mti) == 4 and mti.isdigit() else mti
        rule = self.by_mti.get(mti) or self.by_mti.get(first_attempt) or self.elements
        if callable(rule):
            values = _values(rule, request)
            if values is None:
                raise NotSentError(f"{mti}: the pairing function failed on the request")
            return AnswerKey(self.answer_mti(mti), rule, values)
        carried = tuple(element for element in rule if element in request)
        values = _values(carried, request)
        if not carried or values is None:
            raise NotSentError(
                f"{mti}: need one of DE {' '.join(map(str, rule))} to know its answer by, have none",
                hint="name other elements for this message type in Pairing.by_mti",
            )
        return AnswerKey(self.answer_mti(mti), carried, values)


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """The type and values by which an answer is known; content stays out of its repr."""

    mti: str
    rule: KeyRule
    values: tuple[Hashable, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """One element in which an answer is not the one expected. `asked` and `found` are empty when not to be shown."""

    element: Element
    asked: str = ""
    found: str = ""
    missing: bool = False

    def __str__(self) -> str:
        name = self.element if self.element in ("MTI", "key") else f"DE {self.element}"
        if self.missing:
            return f"{name} is missing"
        return f"{name} is {self.found}, not {self.asked}" if self.asked else f"{name} differs"


Entry = TypeVar("Entry")


class AnswerIndex(Generic[Entry]):
    """Entries by the answer they expect, in the order they were added."""

    def __init__(self) -> None:
        self._entries: dict[AnswerKey, Entry] = {}
        self._rules: dict[str, dict[KeyRule, int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: AnswerKey) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[tuple[AnswerKey, Entry]]:
        return iter(self._entries.items())

    def get(self, key: AnswerKey) -> Entry | None:
        """The entry of a key, if there is one."""
        return self._entries.get(key)

    def add(self, key: AnswerKey, entry: Entry) -> None:
        """Put an entry at the end, in place of one with the same key."""
        self.remove(key)
        self._entries[key] = entry
        rules = self._rules.setdefault(key.mti, {})
        rules[key.rule] = rules.get(key.rule, 0) + 1

    def remove(self, key: AnswerKey) -> Entry | None:
        """Take an entry out; None when there was none."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            rules = self._rules[key.mti]
            rules[key.rule] -= 1
            if not rules[key.rule]:
                del rules[key.rule]
            if not rules:
                del self._rules[key.mti]
        return entry

    def drop_oldest(self) -> None:
        """Take the first entry out."""
        self.remove(next(iter(self._entries)))

    def find(self, answer: Message) -> AnswerKey | None:
        """The key this answer fits; of several the one that compares the most elements.

        Raises: UnpackError: an element to be compared is malformed inside.
        """
        for rule in sorted(self._rules.get(answer.mti, ()), key=_strictness, reverse=True):
            values = _values(rule, answer)
            if values is not None and (key := AnswerKey(answer.mti, rule, values)) in self._entries:
                return key
        return None


def compare(key: AnswerKey, answer: Message, shown: frozenset[Element]) -> tuple[list[Difference], list[Element]]:
    """In what an answer differs from the one a key expects, and in which elements it agrees.

    Raises: UnpackError: an element to be compared is malformed inside.
    """
    differences = [] if answer.mti == key.mti else [Difference("MTI", key.mti, answer.mti or "unread")]
    agreeing: list[Element] = []
    if callable(key.rule):
        if _values(key.rule, answer) != key.values:
            differences.append(Difference("key"))
        else:
            agreeing.append("key")
        return differences, agreeing
    for element, asked in zip(key.rule, key.values, strict=True):
        found = _plain(answer.get(element))
        if found == asked:
            agreeing.append(element)
        elif found is None:
            differences.append(Difference(element, missing=True))
        elif element in shown:
            differences.append(Difference(element, _quoted(asked), _quoted(found)))
        else:
            differences.append(Difference(element))
    return differences, agreeing


def quoted_element(message: Message, element: int, shown: frozenset[Element]) -> str:
    """`DE 39 is 05`, or what may be said of it."""
    value = _plain(message.get(element))
    if value is None:
        return f"DE {element} is missing"
    return f"DE {element} is {_quoted(value)}" if element in shown else f"DE {element} is another"


def _strictness(rule: KeyRule) -> int:
    return 0 if callable(rule) else len(rule)


def _values(rule: KeyRule, message: Message) -> tuple[Hashable, ...] | None:
    """The values a rule compares; None when one is missing or the user's function failed."""
    if callable(rule):
        try:
            value = rule(message)
            hash(value)
        except Exception:  # whatever a user's function makes of a hostile message, the link goes on
            return None
        return (value,)
    values = tuple(_plain(message.get(element)) for element in rule)
    return None if None in values else values


def _plain(value: Any) -> Hashable:
    """A value as it is compared: text without the blanks that fill it up, a composite as it stood on the wire."""
    value = getattr(value, "raw", value)
    if isinstance(value, str):
        return value.rstrip(" ")
    if isinstance(value, (list, tuple)):  # a part that occurs several times
        return tuple(map(_plain, value))
    if isinstance(value, Mapping):
        return tuple((name, _plain(part)) for name, part in value.items())
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


def _quoted(value: Hashable) -> str:
    """A peer's value as one harmless word: no control characters, no end of line, not long."""
    text = value.hex().upper() if isinstance(value, bytes) else str(value)
    if not (text.isascii() and text.isprintable()):
        text = ascii(text)
    return text if 0 < len(text) <= _QUOTED_CHARACTERS else f"'{text[:_QUOTED_CHARACTERS]}'"
