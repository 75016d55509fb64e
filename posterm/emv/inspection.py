"""Everything a card shows to whoever asks: its directory, and of each application what a terminal reads.

No transaction is made: nothing is verified, authenticated or approved. A card counts GET PROCESSING OPTIONS all the
same, so its transaction counter goes up by one for each application.

Source: EMV 4.4 Book 1, 12.3.2 (directory) and 12.3.3 (list of AIDs); Book 3, 6.5.7 (GET DATA), 6.5.8 (GET PROCESSING
OPTIONS), 10.2 (records), annex D (transaction log); EMV Contactless Book B, 3.3 (PPSE).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from posterm import tlv
from posterm.emv.apdu import ANY_LENGTH, FILE_INVALIDATED, SUCCESS, Command, Response
from posterm.emv.dol import build_dol_data, parse_dol
from posterm.emv.errors import DolError, Stop
from posterm.tlv import TlvError

PSE: Final = b"1PAY.SYS.DDF01"
PPSE: Final = b"2PAY.SYS.DDF01"
MAX_APPLICATIONS: Final = 16
MAX_RECORDS: Final = 64
MAX_LOG_RECORDS: Final = 30
COUNTERS: Final = ("9F36", "9F13", "9F17", "9F4F", "9F79", "9F78", "9F77", "9F6D")
"""What GET DATA is asked for: transaction counters, PIN tries, log format, electronic cash."""

_READABLE: Final = (SUCCESS, FILE_INVALIDATED)


@dataclass(frozen=True, slots=True)
class Part:
    """One answer of the card: what was asked, its data objects, its status word."""

    asked: str
    data: bytes = field(repr=False)
    sw: int


@dataclass(frozen=True, slots=True)
class ApplicationContents:
    """What one application showed. `log` are its last transactions, each as data objects."""

    df_name: bytes
    parts: tuple[Part, ...]
    log: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class CardContents:
    """What a card showed. `whole` is False when it was withdrawn before the end."""

    directory: tuple[Part, ...]
    applications: tuple[ApplicationContents, ...]
    whole: bool = True


Inspection = Generator[Command, Response | None, CardContents]
_Asking = Generator[Command, Response | None, Response]


def inspect_card(aids: Iterable[bytes], values: Mapping[str, bytes], *, contactless: bool) -> Inspection:
    """Read a card; yields commands and is sent answers, None for a card that is gone.

    Args:
        aids: the applications to try where the card has no directory.
        values: what the card may ask for in its PDOL, by tag.
    """
    directory: list[Part] = []
    applications: list[ApplicationContents] = []
    try:
        names = yield from _directory(directory, contactless)
        if not names:
            names = yield from _try_names(aids)
        for name in names[:MAX_APPLICATIONS]:
            contents = yield from _application(name, values)
            applications.append(contents)
    except Stop:
        return CardContents(tuple(directory), tuple(applications), whole=False)
    return CardContents(tuple(directory), tuple(applications))


def _directory(parts: list[Part], contactless: bool) -> Generator[Command, Response | None, list[bytes]]:
    """The names the card's own list gives."""
    name = PPSE if contactless else PSE
    selected = yield from _ask(parts, f"SELECT {name.decode('ascii')}", _select(name))
    if selected.sw not in _READABLE:
        return []
    if not contactless:
        sfi = _first(selected.data, "88")
        for number in range(1, MAX_RECORDS + 1):
            if not sfi:
                break
            record = yield from _ask(parts, f"record {number} of SFI {sfi[0]}", _read_record(sfi[0], number))
            if record.sw != SUCCESS:
                parts.pop()
                break
    return list(dict.fromkeys(value for part in parts for tag, value in _objects(part.data) if tag == "4F" and value))


def _try_names(aids: Iterable[bytes]) -> Generator[Command, Response | None, list[bytes]]:
    """The names that answer to SELECT. A card that answers to every name gives its first one only once."""
    found: dict[bytes, None] = {}
    for aid in aids:
        answer = yield from _ask([], "", _select(aid))
        name = _first(answer.data, "84")
        if answer.sw in _READABLE and name.startswith(aid):
            found[name] = None
    return list(found)


def _application(name: bytes, values: Mapping[str, bytes]) -> Generator[Command, Response | None, ApplicationContents]:
    parts: list[Part] = []
    selected = yield from _ask(parts, "SELECT", _select(name))
    if selected.sw not in _READABLE:
        return ApplicationContents(name, tuple(parts))
    yield from _files(parts, _first(selected.data, "9F38"), values)
    log_format = b""
    for tag in COUNTERS:
        answer = yield from _ask(parts, f"GET DATA {tag}", _get_data(tag))
        if answer.sw != SUCCESS:
            parts.pop()
        elif tag == "9F4F":
            log_format = _first(answer.data, tag)
    log = yield from _log(_first(selected.data, "9F4D"), log_format)
    return ApplicationContents(name, tuple(parts), log)


def _files(parts: list[Part], pdol: bytes, values: Mapping[str, bytes]) -> Generator[Command, Response | None, None]:
    """Begin the application and read the records it lists."""
    try:
        related = build_dol_data(parse_dol(pdol), values)
    except DolError:
        return
    # Byte 83 and its length stand around the values, so there is room for 252 of them. Book 3, 6.5.8.3.
    command = Command(0x80, 0xA8, 0, 0, tlv.build([("83", related[:252])]), le=ANY_LENGTH)
    answer = yield from _ask([], "", command)
    data = answer.data
    if data[:1] == b"\x80" and (primitive := _first(data, "80")):
        data = tlv.build([("82", primitive[:2]), ("94", primitive[2:])])
    parts.append(Part("GET PROCESSING OPTIONS", data, answer.sw))
    if answer.sw != SUCCESS:
        return
    for sfi, number in _listed(_first(data, "94")):
        yield from _ask(parts, f"record {number} of SFI {sfi}", _read_record(sfi, number))


def _log(entry: bytes, log_format: bytes) -> Generator[Command, Response | None, tuple[bytes, ...]]:
    """The transaction log: records without tags, laid out as 9F4F says."""
    try:
        layout = parse_dol(log_format)
    except DolError:
        return ()
    if len(entry) != 2 or not layout or not 11 <= entry[0] <= 30:
        return ()
    found: list[bytes] = []
    for number in range(1, min(entry[1], MAX_LOG_RECORDS) + 1):
        answer = yield from _ask([], "", _read_record(entry[0], number))
        if answer.sw != SUCCESS:
            break
        items, at = [], 0
        for tag, size in layout:
            items.append((tag, answer.data[at : at + size]))
            at += size
        found.append(tlv.build(items))
    return tuple(found)


def _ask(parts: list[Part], asked: str, command: Command) -> _Asking:
    answer = yield command
    if answer is None:
        raise Stop("the card is gone")
    parts.append(Part(asked, answer.data, answer.sw))
    return answer


def _listed(afl: bytes) -> Iterable[tuple[int, int]]:
    """The records of a file locator, as many as are read. Source: Book 3, 10.2."""
    records = [
        (afl[at] >> 3, number)
        for at in range(0, len(afl) - 3, 4)
        for number in range(afl[at + 1], afl[at + 2] + 1)
        if 1 <= afl[at] >> 3 <= 30 and number
    ]
    return list(dict.fromkeys(records))[:MAX_RECORDS]


def _objects(data: bytes) -> list[tuple[str, bytes]]:
    """The objects of an answer, those of its templates too; none when it is malformed."""
    try:
        return tlv.parse_deep(data)
    except TlvError:
        return []


def _first(data: bytes, tag: str) -> bytes:
    return next((value for found, value in _objects(data) if found == tag), b"")


def _select(name: bytes) -> Command:
    return Command(0x00, 0xA4, 0x04, 0x00, name, le=ANY_LENGTH)


def _read_record(sfi: int, number: int) -> Command:
    return Command(0x00, 0xB2, number, sfi << 3 | 0x04, le=ANY_LENGTH)


def _get_data(tag: str) -> Command:
    number = int(tag, 16)
    return Command(0x80, 0xCA, number >> 8, number & 0xFF, le=ANY_LENGTH)
