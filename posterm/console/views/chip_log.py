"""A dialogue with a card, decoded: each command with the data objects it carries, each answer with those in it.

What a command carries is named by the list the card gave for it before. Card numbers and tracks are masked, a PIN is
never there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.text import Text

from posterm import tlv
from posterm.console.views import tlv as objects
from posterm.emv.apdu import SUCCESS, Command, Response, status_meaning
from posterm.emv.dol import parse_dol
from posterm.emv.errors import ApduError, DolError
from posterm.emv.transcript import Entry, PoweredOn, Turn
from posterm.tlv import TlvError

_LISTS: Final = {"GET PROCESSING OPTIONS": ("9F38",), "GENERATE AC": ("8C", "8D"), "INTERNAL AUTHENTICATE": ("9F49",)}
"""Which list names what a command carries: the second GENERATE AC has one of its own."""

_OPEN: Final = frozenset({"SELECT", "EXTERNAL AUTHENTICATE"})
"""Commands whose data are shown as they are: names and the issuer's cryptogram."""


class ChipLog:
    """Reads a dialogue from its beginning; remembers the lists the card gave."""

    def __init__(self, *, unmask: bool = False) -> None:
        self._unmask = unmask
        self._lists: dict[str, bytes] = {}
        self._cryptograms = 0

    def lines(self, entries: Iterable[Entry], columns: int) -> Iterator[Text]:
        """The dialogue in lines of at most so many cells."""
        for entry in entries:
            if isinstance(entry, PoweredOn):
                yield Text(f"@ {entry.atr.hex().upper()}", "bold", end="")
                continue
            command = _command(entry)
            yield Text(f"> {self._asked(entry, command)}", "bold", end="")
            for part in self._carried(command):
                yield from objects.lines(part, columns, unmask=self._unmask)
            yield Text(f"< {_status(entry)}", "cyan", end="")
            found = self._answered(entry, command)
            if found:
                yield from objects.lines(found, columns, unmask=self._unmask)

    def document(self, entries: Iterable[Entry]) -> list[dict[str, Any]]:
        """The dialogue for machines."""
        rows: list[dict[str, Any]] = []
        for entry in entries:
            if isinstance(entry, PoweredOn):
                rows.append({"atr": entry.atr.hex().upper()})
                continue
            command = _command(entry)
            carried = [objects.document(part, unmask=self._unmask) for part in self._carried(command)]
            rows.append(
                {
                    "command": self._asked(entry, command),
                    "carries": carried[0] if carried else [],
                    "sw": entry.answer[-2:].hex().upper(),
                    "objects": objects.document(self._answered(entry, command), unmask=self._unmask),
                }
            )
        return rows

    def _asked(self, turn: Turn, command: Command | None) -> str:
        if command is None:
            return f"{len(turn.command)} bytes that are no command"
        shown = f"{turn.command[:4].hex().upper()} {command.name}"
        if not command.data:
            return shown
        if command.name in _OPEN or (self._unmask and not command.carries_pin):
            return f"{shown} {command.data.hex().upper()}"
        return f"{shown}, {len(command.data)} bytes"

    def _carried(self, command: Command | None) -> Iterator[tuple[objects.Item, ...]]:
        """The values a command carries, when a list says what they are."""
        if command is None or command.name not in _LISTS:
            return
        names = _LISTS[command.name]
        name = names[min(self._cryptograms, len(names) - 1)]
        self._cryptograms += command.name == "GENERATE AC"
        values = command.data
        if command.name == "GET PROCESSING OPTIONS":
            values = next((value for tag, value in _parsed(values) if tag == "83"), b"")
        try:
            wanted = parse_dol(self._lists.get(name, b""))
        except DolError:
            return
        if wanted and sum(size for _, size in wanted) == len(values):
            yield objects.items(tlv.build(_divided(wanted, values)))

    def _answered(self, turn: Turn, command: Command | None) -> tuple[objects.Item, ...]:
        data = turn.answer[:-2]
        if command is not None and command.name == "SELECT":
            self._lists.clear()
            self._cryptograms = 0
        self._lists |= {tag: value for tag, value in _deep(data) if tag in ("9F38", "8C", "8D", "9F49")}
        if command is not None and data[:1] == b"\x80":
            data = _named(command.name, data)
        try:
            return objects.items(data)
        except TlvError:
            return ()


def _command(turn: Turn) -> Command | None:
    try:
        return Command.parse(turn.command)
    except ApduError:
        return None


def _status(turn: Turn) -> str:
    try:
        answer = Response.parse(turn.answer)
    except ApduError:
        return "no answer"
    size = f", {len(answer.data)} bytes" if answer.data else ""
    return f"{answer.sw:04X} {'success' if answer.sw == SUCCESS else status_meaning(answer.sw)}{size}"


def _named(command: str, data: bytes) -> bytes:
    """An answer of format 1 with its values named. Source: EMV 4.4 Book 3, 6.5.5, 6.5.8 and 6.5.9."""
    value = next((value for tag, value in _parsed(data) if tag == "80"), b"")
    match command:
        case "GET PROCESSING OPTIONS":
            return tlv.build([("82", value[:2]), ("94", value[2:])])
        case "GENERATE AC":
            return tlv.build(_divided((("9F27", 1), ("9F36", 2), ("9F26", 8), ("9F10", len(value) - 11)), value))
        case "INTERNAL AUTHENTICATE":
            return tlv.build([("9F4B", value)])
        case _:
            return data


def _divided(wanted: Iterable[tuple[str, int]], values: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    for tag, size in wanted:
        yield tag, values[at : at + max(size, 0)]
        at += size


def _parsed(data: bytes) -> list[tuple[str, bytes]]:
    try:
        return tlv.parse(data)
    except TlvError:
        return []


def _deep(data: bytes) -> list[tuple[str, bytes]]:
    try:
        return tlv.parse_deep(data)
    except TlvError:
        return []
