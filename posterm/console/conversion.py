"""A message of one dialect in another: every element that means the same there, and a list of what does not fit.

An element is carried over when the other dialect has its number, takes its value and gives the same value back; a
value that would be padded, cut or read differently is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from posterm.errors import PostermError
from posterm.iso8583 import Composite, Dialect, Message, PackError, UnpackError
from posterm.iso8583.check import VERSION_DIGITS

_MAC_ELEMENTS: Final = frozenset({64, 128, 192})


@dataclass(frozen=True, slots=True)
class NotCarried:
    """An element that the other dialect cannot have, and why; nothing of its content."""

    path: str
    name: str
    why: str


def convert(message: Message, source: Dialect, target: Dialect) -> tuple[Message, list[NotCarried]]:
    """The message as `target` has it, and everything of it that is not in there."""
    mti = _message_type(message.mti, target)
    carried: dict[int, Any] = {}
    lost: list[NotCarried] = []
    for number, value in message.items():
        element = source.elements.get(number)
        name = element.name if element else ""
        try:
            carried[number] = _carried(number, value, mti, source, target)
        except _DoesNotFitError as error:
            lost.append(NotCarried(str(number), name, str(error)))
    for fault in target.check(Message(mti, carried)):
        head = fault.path.split(".")[0]
        if fault.code in ("missing", "not-allowed", "echo") or not head or int(head) not in carried:
            continue
        del carried[int(head)]
        lost.append(NotCarried(head, source.elements[int(head)].name, f"{fault.text} ({target.name})"))
    return Message(mti, carried), sorted(lost, key=lambda each: int(each.path))


class _DoesNotFitError(PostermError):
    """Why an element is left behind."""


def _message_type(mti: str, target: Dialect) -> str:
    """The same class, function and origin in the version of the target."""
    version = VERSION_DIGITS.get(target.encodings.version, "")
    return version + mti[1:] if version and len(mti) == 4 else mti


def _carried(number: int, value: Any, mti: str, source: Dialect, target: Dialect) -> Any:
    element = target.elements.get(number)
    if element is None:
        raise _DoesNotFitError(f"{target.name} has no such element")
    if number in _MAC_ELEMENTS:
        raise _DoesNotFitError("a MAC holds for the bytes it was made over")
    plain = value.raw if isinstance(value, Composite) else value
    binary = element.format.kind == "b"
    if isinstance(value, Composite) and target.layout(number) is not None and not _same_inside(number, source, target):
        plain = _parts(value)
    elif isinstance(plain, bytes) != binary:
        raise _DoesNotFitError("text there, bytes here" if not binary else "bytes there, text here")
    try:
        packed = target.pack(Message(mti, {number: plain}))
        back = target.unpack(packed)[number]
    except (PackError, UnpackError) as error:
        raise _DoesNotFitError(_told(error)) from None
    if not isinstance(plain, Mapping):
        if (back.raw if isinstance(back, Composite) else back) != plain:
            raise _DoesNotFitError("it would be filled up to another length, and read as another value")
    elif _parts(back) != plain:
        raise _DoesNotFitError("its parts would be read as other values")
    return plain


def _same_inside(number: int, source: Dialect, target: Dialect) -> bool:
    here, there = source.layout(number), target.layout(number)
    return (
        here is not None
        and there is not None
        and here.spec == there.spec
        and here.codec == there.codec
        and (here.spec.kind == "ber-tlv" or here.codec != "raw" or source.encodings == target.encodings)
    )


def _parts(value: Any) -> Any:
    """A composite as plain parts, repeats as lists."""
    if not isinstance(value, Composite):
        return value
    parts: dict[str, Any] = {}
    try:
        for part_id, part in value.items_all():
            plain = _parts(part)
            if part_id in parts:
                earlier = parts[part_id]
                parts[part_id] = [*earlier, plain] if isinstance(earlier, list) else [earlier, plain]
            else:
                parts[part_id] = plain
    except UnpackError as error:
        raise _DoesNotFitError(f"it cannot be read: need {error.needed}, have {error.found}") from None
    return parts


def _told(error: PackError | UnpackError) -> str:
    """What was needed and found, without the place, which the path says."""
    return "need " + str(error).split("\n", maxsplit=1)[0].partition(": need ")[2]
