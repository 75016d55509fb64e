"""What a card showed, as lines and as a document: every answer with its data objects by name, masked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from posterm.console.views import tlv as objects
from posterm.emv.apdu import SUCCESS, status_meaning
from posterm.emv.atr import parse_atr
from posterm.emv.errors import AtrError
from posterm.emv.inspection import ApplicationContents, CardContents, Part
from posterm.tlv import TlvError


def lines(reader: str, atr: bytes, contents: CardContents, columns: int, *, unmask: bool) -> Iterator[Text]:
    """The card for people: its answer to reset, its directory, one application after the other."""
    yield Text(f"{reader}: answer to reset {atr.hex().upper()}{_protocols(atr)}", "bold", end="")
    for part in contents.directory:
        yield from _part_lines(part, columns, unmask)
    for application in contents.applications:
        yield Text("")
        yield Text(_heading(application), "bold", end="")
        for part in application.parts:
            yield from _part_lines(part, columns, unmask)
        for number, entry in enumerate(application.log, start=1):
            yield Text(f"-- transaction {number} of the log", "cyan", end="")
            yield from objects.lines(objects.items(entry), columns, unmask=unmask)
    if not contents.whole:
        yield Text("the card was withdrawn", "bold red", end="")
    elif not contents.applications:
        yield Text("no application", "bold red", end="")


def document(atr: bytes, contents: CardContents, *, unmask: bool) -> dict[str, Any]:
    """The card for machines."""
    return {
        "atr": atr.hex().upper(),
        "whole": contents.whole,
        "directory": [_part_document(part, unmask) for part in contents.directory],
        "applications": [
            {
                "df_name": application.df_name.hex().upper(),
                "parts": [_part_document(part, unmask) for part in application.parts],
                "log": [objects.document(objects.items(entry), unmask=unmask) for entry in application.log],
            }
            for application in contents.applications
        ],
    }


def _protocols(atr: bytes) -> str:
    try:
        found = parse_atr(atr)
    except AtrError:
        return ""
    return ", contactless" if found.contactless else f", T={found.first_protocol}"


def _heading(application: ApplicationContents) -> str:
    return f"Application {application.df_name.hex().upper()}"


def _part_lines(part: Part, columns: int, unmask: bool) -> Iterator[Text]:
    status = "" if part.sw == SUCCESS else f": {part.sw:04X} {status_meaning(part.sw)}"
    yield Text(f"-- {part.asked}{status}", "cyan", end="")
    try:
        found = objects.items(part.data)
    except TlvError as error:
        yield Text(f"{len(part.data)} bytes that are no data objects: {error}", "bold red", end="")
        return
    yield from objects.lines(found, columns, unmask=unmask)


def _part_document(part: Part, unmask: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"asked": part.asked, "sw": f"{part.sw:04X}"}
    try:
        return {**entry, "objects": objects.document(objects.items(part.data), unmask=unmask)}
    except TlvError as error:
        return {**entry, "fault": str(error)}
