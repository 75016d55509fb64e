"""Personal data: values that print masked everywhere, are sealed in every store, and are found by a keyed fingerprint.

A document's field of one of these types is written as its mask wherever a document is dumped (an answer, a report, a
log), and sealed only where the cabinet dumps it for the store. The clear value is asked for with `reveal()`.

Source: the masks that Chinese apps show for names, mobile, identity and account numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler, SerializationInfo, ValidationInfo
from pydantic_core import core_schema

SEAL, UNSEAL = "seal", "unseal"
"""Keys of the context with which the cabinet dumps and reads: text to text."""


class Personal:
    """A text about a person. Equal to another of its type with the same text.

    >>> Mobile("13800138000")
    Mobile(138****8000)
    """

    __slots__ = ("_text",)
    shown: ClassVar[tuple[int, int]] = (0, 0)
    """How many characters at the beginning and at the end are shown."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The clear text."""
        return self._text

    @property
    def masked(self) -> str:
        """What may be shown."""
        first, last = self.shown
        hidden = len(self._text) - first - last
        if hidden <= 0:
            return "*" * len(self._text)
        return self._text[:first] + "*" * hidden + self._text[len(self._text) - last :]

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.masked})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._text == other._text

    def __hash__(self) -> int:
        return hash((type(self), self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def read(value: object, info: ValidationInfo) -> Personal:
            if isinstance(value, cls):
                return value
            if not isinstance(value, str):
                raise ValueError("need text")  # noqa: TRY004  pydantic takes no TypeError
            unseal: Callable[[str], str] | None = (info.context or {}).get(UNSEAL)
            return cls(unseal(value) if unseal is not None and value else value)

        def write(value: Personal, info: SerializationInfo) -> str:
            seal: Callable[[str], str] | None = (info.context or {}).get(SEAL)
            if seal is None:
                return value.masked
            return seal(value.reveal()) if value else ""

        return core_schema.with_info_plain_validator_function(
            read,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                write, info_arg=True, return_schema=core_schema.str_schema()
            ),
        )


class PersonName(Personal):
    """A person's name: the family name is shown."""

    __slots__ = ()
    shown = (1, 0)


class PostalAddress(Personal):
    """Where somebody lives or may be met: the province or city is shown."""

    __slots__ = ()
    shown = (3, 0)


class Mobile(Personal):
    """A mobile number, 11 digits."""

    __slots__ = ()
    shown = (3, 4)


class IdentityNumber(Personal):
    """The number of an identity document."""

    __slots__ = ()
    shown = (3, 2)


class AccountNumber(Personal):
    """The number of a bank account or card."""

    __slots__ = ()
    shown = (0, 4)


class Secret(Personal):
    """What is never shown at all: a password's hash, a webhook's key, a device's password."""

    __slots__ = ()
