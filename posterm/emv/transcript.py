"""Dialogues with a card as text: written, read, and played back.

    @ 3B6500002063CB6A00          the card was powered on; its answer to reset
    > 80A80000 02 8300 00         a command, in groups as one likes
    < 6985                        the card's answer, status word last
    < -                           no answer: the card was withdrawn

What stands after two blanks or a `#` is a remark, and so is a line that starts with none of the three marks. A
transcript holds what the card sent, card number included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from posterm.emv.apdu import Command, Response, status_meaning
from posterm.emv.errors import ApduError, TranscriptError

MAX_TURNS: Final = 10_000
_REMARK: Final = re.compile(r"\s{2,}|\s*#")


@dataclass(frozen=True, slots=True)
class PoweredOn:
    """The card was powered on, or reset."""

    atr: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """A command and its answer; no bytes: the card was gone."""

    command: bytes = field(repr=False)
    answer: bytes = field(repr=False)


Entry = PoweredOn | Turn


def parse_transcript(text: str) -> list[Entry]:
    """Read a transcript.

    Raises: TranscriptError: not hexadecimal, an answer without a command, a command without an answer, too many lines.
    """
    entries: list[Entry] = []
    command: bytes | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        mark, content = line.strip()[:1], line.strip()[1:].strip()
        if mark not in ("@", ">", "<") or not content:
            continue
        value = _bytes_of(_REMARK.split(content, maxsplit=1)[0], number)
        if len(entries) >= MAX_TURNS:
            raise TranscriptError(f"line {number}: need at most {MAX_TURNS} turns, have more")
        if (mark == "<") != (command is not None):
            raise TranscriptError(f"line {number}: need {'an answer' if command else 'a command'}, have the other")
        if mark == "<" and command is not None:
            entries.append(Turn(command, value))
            command = None
        elif mark == "@":
            entries.append(PoweredOn(value))
        else:
            command = value
    if command is not None:
        raise TranscriptError("the last command has no answer")
    return entries


def write_transcript(entries: Iterable[Entry], remark: Callable[[Turn], Iterable[str]] | None = None) -> str:
    """Write a transcript. `remark` gives further lines for a turn, such as its decoded objects."""
    lines: list[str] = []
    for entry in entries:
        if isinstance(entry, PoweredOn):
            lines.append(f"@ {entry.atr.hex().upper()}")
            continue
        lines.append(f"> {entry.command.hex().upper()}{_remark_on_command(entry.command)}")
        lines.append(f"< {entry.answer.hex().upper() or '-'}{_remark_on_answer(entry.answer)}")
        lines.extend(f"    # {line}" for line in (remark(entry) if remark else ()))
    return "\n".join(lines) + "\n"


class Recorder:
    """Passes commands on and keeps what went by: `Recorder(reader.transmit)` is called like `reader.transmit`."""

    def __init__(self, transmit: Callable[[bytes], bytes]) -> None:
        self._transmit = transmit
        self.entries: list[Entry] = []

    def __call__(self, apdu: bytes) -> bytes:
        answer = self._transmit(apdu)
        self.entries.append(Turn(apdu, answer))
        return answer


class Replay:
    """A card that says what a transcript says, to the same commands in the same order. It is a `Reader`."""

    name = "transcript"

    def __init__(self, entries: Iterable[Entry], *, contactless: bool = False) -> None:
        self.contactless = contactless
        self._entries = list(entries)
        self._turns = iter([entry for entry in self._entries if isinstance(entry, Turn)])
        self.turns_left = sum(isinstance(entry, Turn) for entry in self._entries)

    def power_on(self) -> bytes:
        """The first answer to reset of the transcript, or empty."""
        return next((entry.atr for entry in self._entries if isinstance(entry, PoweredOn)), b"")

    def transmit(self, apdu: bytes) -> bytes:
        """The answer the transcript has. Raises: TranscriptError: another command than it has, or none is left."""
        turn = next(self._turns, None)
        if turn is None:
            raise TranscriptError(f"the transcript is at its end, the command is {_name(apdu)}")
        self.turns_left -= 1
        if turn.command != apdu:
            raise TranscriptError(
                f"the transcript has {_name(turn.command)} here, the command is {_name(apdu)}",
                hint="the terminal's data, date or random numbers differ from those of the recording",
            )
        return turn.answer

    def power_off(self) -> None:
        """Nothing to do."""


def _bytes_of(text: str, line: int) -> bytes:
    if text.strip() == "-":
        return b""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise TranscriptError(f"line {line}: need hexadecimal digits, have something else") from None


def _name(apdu: bytes) -> str:
    try:
        return f"{Command.parse(apdu).name} {apdu[:4].hex().upper()}"
    except ApduError:
        return "no command"


def _remark_on_command(apdu: bytes) -> str:
    try:
        return f"    {Command.parse(apdu).name}"
    except ApduError:
        return ""


def _remark_on_answer(apdu: bytes) -> str:
    try:
        return f"    {status_meaning(Response.parse(apdu).sw)}"
    except ApduError:
        return "    no answer" if not apdu else ""
