"""What may stand in a request: bounds for every text and number, made from what a service takes.

A service says which types it takes; that a text has an end and holds no control characters is said here, once for all.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, create_model, model_validator

from posterm.merchant.operation import Operation, Parameter

LONGEST_TEXT: Final = 2000
LARGEST_NUMBER: Final = 999_999_999_999
BODY_BYTES_MAX: Final = 24_000_000
"""A picture of 16 MB in base64, and what stands around it."""

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
NeededText = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Number = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
Key = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,79}$")]
"""What names something in a path."""

DocumentKey = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._/-]{0,159}$")]
"""The key of a document; some have parts."""

_BOUNDED: Final[dict[Any, Any]] = {str: Text, int: Number, bytes: Base64Bytes}


class RequestBody(BaseModel):
    """Base of the bodies: no field that is not known, no text that a database cannot keep."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _only_text(cls, value: Any) -> Any:
        pending = [value]
        while pending:
            each = pending.pop()
            if isinstance(each, str):
                must_be_text(each)
            elif isinstance(each, dict):
                pending.extend((*each.keys(), *each.values()))
            elif isinstance(each, list):
                pending.extend(each)
        return value


def must_be_text(text: str) -> str:
    """Text that every database keeps and every screen shows. Raises: ValueError."""
    if any(character < " " and character not in "\n\t" for character in text):
        raise ValueError("need text without control characters")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("need Unicode text") from None
    return text


def bounded(annotation: Any) -> Any:
    """A type as a request may hold it."""
    if annotation in (date, datetime):
        return annotation
    return _BOUNDED.get(annotation, _BOUNDED_OPTIONAL.get(annotation, annotation))


_BOUNDED_OPTIONAL: Final[dict[Any, Any]] = {plain | None: bound | None for plain, bound in _BOUNDED.items()}


def body_model(operation: Operation) -> type[RequestBody] | None:
    """The body of an operation: what its service takes and its path does not have; None when that is nothing."""
    fields = {parameter.name: _field(parameter) for parameter in in_body(operation)}
    if not fields:
        return None
    name = "".join(part.capitalize() for part in operation.name.split("-"))
    return create_model(f"{name}Request", __base__=RequestBody, **fields)  # type: ignore[call-overload,no-any-return]


def in_body(operation: Operation) -> list[Parameter]:
    """What an operation takes beside its path."""
    return [parameter for parameter in operation.parameters if parameter.name not in operation.in_path]


def _field(parameter: Parameter) -> tuple[Any, Any]:
    if parameter.is_needed:
        return NeededText if parameter.annotation is str else bounded(parameter.annotation), ...
    return bounded(parameter.annotation), parameter.default
