"""Which dialect bytes are in: every dialect is tried on them, behind every header they may begin with.

A dialect that reads them to the end goes before one that does not, fewer faults before more (those of content first,
then those of the message type), one that was read further before one that broke off early.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from posterm.bcd import is_digits
from posterm.iso8583 import CUPS_HEADER, TPDU, VISA_HEADER, Dialect, Framing, FramingError, UnpackError
from posterm.iso8583.check import VERSION_DIGITS

_POS_HEADER_BYTES: Final = 6
_OF_THE_MESSAGE: Final = frozenset({"missing", "not-allowed", "echo"})


@dataclass(frozen=True, slots=True)
class Start:
    """A place at which the message may begin, and what would stand before it."""

    offset: int
    before: str


@dataclass(frozen=True, slots=True)
class Finding:
    """How far one dialect reads the bytes.

    `offset` is the byte at which it stops making sense, counted from the first byte of the input; `path`, `code` and
    `text` say why. All are empty when the dialect fits; then `faults` counts what is wrong with the content,
    `message_faults` what is wrong for the message type.
    """

    dialect: str
    start: Start
    fits: bool
    mti: str
    elements: int
    offset: int = 0
    path: str = ""
    code: str = ""
    text: str = ""
    faults: int = 0
    message_faults: int = 0
    read: int = 0

    def rank(self) -> tuple[bool, int, int, int, int]:
        """The smaller, the better the dialect fits."""
        first = self.faults if self.fits else -self.read
        return not self.fits, first, self.message_faults, -self.elements, self.start.offset


def diagnose(data: bytes, dialects: Iterable[Dialect]) -> list[Finding]:
    """The best each dialect makes of the bytes, the dialect that fits best first."""
    starts = list(possible_starts(data))
    best = [min((_try(data, dialect, start) for start in starts), key=Finding.rank) for dialect in dialects]
    return sorted(best, key=lambda each: (each.rank(), each.dialect))


def possible_starts(data: bytes) -> Iterator[Start]:
    """Every place at which the message can begin; the length in front has to be that of what follows."""
    seen: set[int] = set()
    for at, length in [(0, ""), *_lengths(data)]:
        for offset, header in _headers(data, at):
            if offset < len(data) and offset not in seen:
                seen.add(offset)
                yield Start(offset, ", ".join(part for part in (length, header) if part))


def _lengths(data: bytes) -> Iterator[tuple[int, str]]:
    forms = {2: ("be16", "bcd16"), 4: ("be32", "ascii4")}
    for size, names in forms.items():
        head, follows = data[:size], len(data) - size
        values = {names[0]: int.from_bytes(head, "big")}
        text = head.hex() if size == 2 else head.decode("latin-1")
        if is_digits(text):
            values[names[1]] = int(text)
        for name, value in values.items():
            if value in (follows, follows + size) and follows > 0:
                yield size, f"length {name}{', which counts itself' if value == follows + size else ''}"
                break


def _headers(data: bytes, at: int) -> Iterator[tuple[int, str]]:
    yield at, ""
    for header, name in ((CUPS_HEADER, "CUPS header"), (VISA_HEADER, "Visa header")):
        try:
            yield at + len(Framing(headers=(header,)).split(data[at:]).headers[0]), name
        except (FramingError, IndexError):
            continue
    if data[at : at + 1] == b"\x60":
        yield at + TPDU.size, "TPDU"
        yield at + TPDU.size + _POS_HEADER_BYTES, "TPDU and header"


def _try(data: bytes, dialect: Dialect, start: Start) -> Finding:
    wire = data[start.offset :]
    try:
        message = dialect.unpack(wire)
    except UnpackError as error:
        partial = error.partial
        known = bool(partial.mti) and _is_type(partial.mti, dialect)
        return Finding(
            dialect.name,
            start,
            fits=False,
            mti=partial.mti,
            elements=len(partial),
            offset=start.offset + error.offset,
            path=error.path,
            code=error.code,
            text=f"need {error.needed}, have {error.found}",
            read=error.offset + 1 if known else 0,
        )
    found = dialect.check(message)
    of_the_message = sum(each.code in _OF_THE_MESSAGE for each in found)
    return Finding(
        dialect.name,
        start,
        fits=True,
        mti=message.mti,
        elements=len(message),
        faults=len(found) - of_the_message + (0 if _is_type(message.mti, dialect) else 1),
        message_faults=of_the_message,
    )


def _is_type(mti: str, dialect: Dialect) -> bool:
    """True when this can be a message type of the dialect's version."""
    version = VERSION_DIGITS.get(dialect.encodings.version)
    return (mti[0] == version if version else mti[0] in "012") and mti[1] in "12345678" and mti[2] in "012345678"
