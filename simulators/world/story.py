"""What happened in a world, note by note, and the story of one transaction told from it.

Notes are taken as they come, unread: only the story of a transaction that broke is ever written out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from posterm.errors import PostermError
from posterm.iso8583 import Message
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.profile import AcquirerProfile
from posterm.unionpay.transactions import find_transaction
from simulators.network import Passage
from simulators.world.clock import MORNING, Clock

NO_DETAILS: Final[Mapping[str, str]] = MappingProxyType({})
NOTES_TOLD: Final = 200
"""A story is cut off after so many notes."""

_TOLD_BY_ITS_MESSAGE: Final = frozenset({"header"})
_WHERE: Final = frozenset({"terminal", "stan", "mti"})


class Note(NamedTuple):
    """One thing that happened at a terminal, on its line, or at the host for it.

    `frame` is what it happened to: a message, or with `enveloped` a whole frame without its length. `passage` is how
    the line carried it.
    """

    at_s: float
    terminal_id: str
    who: str
    what: str
    details: Mapping[str, str]
    frame: bytes
    enveloped: bool
    passage: Passage | None


class Story:
    """All notes of a world."""

    def __init__(self, clock: Clock, profile: AcquirerProfile) -> None:
        self._clock = clock
        self._profile = profile
        self.notes: list[Note] = []

    def note(
        self,
        terminal_id: str,
        who: str,
        what: str,
        details: Mapping[str, str] | None = None,
        *,
        frame: bytes = b"",
        enveloped: bool = False,
        passage: Passage | None = None,
    ) -> None:
        """Remember that something happened now."""
        at_s = self._clock.elapsed_s
        self.notes.append(Note(at_s, terminal_id, who, what, details or NO_DETAILS, frame, enveloped, passage))

    def of(self, terminal_id: str, stans: Collection[str]) -> list[str]:
        """The story of some transactions of a terminal, a line for each note."""
        lines = list(self._told(terminal_id, stans))
        cut = len(lines) - NOTES_TOLD
        return [*lines[:NOTES_TOLD], f"... and {cut} more"] if cut > 0 else lines

    def _told(self, terminal_id: str, stans: Collection[str]) -> Iterator[str]:
        at_hand, begun = "", None
        about: dict[str, str] = {}  # what a void, a query or whatever closes a payment names, by its own trace number
        for note in self.notes:
            if note.terminal_id != terminal_id:
                continue
            message = self._message(note)
            named = note.details.get("stan") or (str(message.get(11, "")) if message is not None else "")
            if message is not None and 61 in message:
                about[named] = str(message[61])[6:12]
            if note.who == "people":
                at_hand, begun = "", note
            elif note.who == "terminal" and named:
                at_hand = named
                if begun is not None and (named in stans or about.get(named) in stans):
                    yield self._line(begun, None)
                begun = None
            number = named or at_hand
            if number in stans or about.get(number) in stans:
                yield self._line(note, message)

    def _message(self, note: Note) -> Message | None:
        if not note.frame:
            return None
        try:
            wire = open_envelope(note.frame).wire if note.enveloped else note.frame
            return self._profile.dialect.unpack(wire)
        except PostermError:
            return None

    def _line(self, note: Note, message: Message | None) -> str:
        at = MORNING + timedelta(seconds=note.at_s)
        hidden = _TOLD_BY_ITS_MESSAGE if message is not None else _WHERE
        details = " ".join(f"{name}={text}" for name, text in note.details.items() if name not in hidden)
        what = note.what if note.passage is None else f"{note.what} {note.passage}:"
        parts = (what, _described(message) if message is not None else "", details)
        return f"{at:%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}  {note.who:<8}  {' '.join(filter(None, parts))}"


def _described(message: Message) -> str:
    """A message in a few words: type, trace number, kind, amount and answer code; nothing that names a card."""
    texts = {number: str(message[number]) for number in (3, 4, 11, 25, 39, 60) if number in message}
    row = find_transaction(message.mti, texts.get(3, ""), texts.get(25, ""), texts.get(60, "")[:2])
    parts = [message.mti, texts.get(11, "")]
    if row is not None:
        parts.append(row.name.lower())
    if 4 in texts:
        parts.append(f"{int(texts[4]) // 100}.{int(texts[4]) % 100:02d}")
    if 39 in texts:
        parts.append(f"39={texts[39]}")
    return " ".join(filter(None, parts))
