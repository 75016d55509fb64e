"""One command at the terminal's counter: opens the terminal, runs flows, and says what came of it, as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import typer

from posterm.amount import Amount
from posterm.console.cli.endings import printable
from posterm.console.configuration import Configuration, load_configuration
from posterm.console.views.exchange import event_lines, is_message, message_document, message_lines
from posterm.console.workplace import Workplace, workplace
from posterm.runtime import clock
from posterm.terminal import Terminal
from posterm.terminal.effects import Flow, ShowCode, Tell
from posterm.terminal.receipt import Document, Language, lines
from simulators.front import Hand

R = TypeVar("R")


@dataclass(slots=True)
class Counter:
    """The terminal, who stands before it, and how the outcome is written."""

    configuration: Configuration
    language: Language
    trace: bool
    as_json: bool
    place: Workplace = field(init=False)
    who: Hand = field(default_factory=Hand.empty)
    messages: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    slips: list[list[str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    picture: Path | None = None
    """Where a code that is shown is written as a picture, too."""

    @property
    def terminal(self) -> Terminal:
        return self.place.terminal

    @staticmethod
    def amount(text: str) -> Amount:
        """What the cashier typed. Raises: AmountError."""
        return Amount.parse(text)

    def run(self, command: Callable[[datetime], Flow[R]]) -> R:
        """Run a command of the terminal at the present time."""
        return self.place.run(command(clock.now()), self.who)

    def finish(self, document: dict[str, Any], text: str) -> None:
        """Write the outcome: everything as one JSON document, or the last line of the text."""
        if self.as_json:
            whole = {"result": document, "events": self.events, "messages": self.messages, "slips": self.slips}
            if self.shown:
                whole["shown"] = self.shown
            typer.echo(json.dumps(whole, ensure_ascii=False, indent=2))
        elif text:
            typer.echo(printable(text))

    def listen(self, told: Tell) -> None:
        """Called by the terminal for each message and event."""
        if is_message(told):
            if self.as_json:
                self.messages.append(message_document(told, self.place.profile))
            elif self.trace:
                heading, rows = message_lines(told, self.place.profile, self.language)
                typer.echo(heading)
                for row in rows:
                    typer.echo(f"  {row.styled().plain}")
                typer.echo()
        elif self.as_json:
            self.events.append({"at": told.at.isoformat(), "event": told.name, **told.details})
        elif self.trace:
            typer.echo(printable("\n".join([*event_lines(told), ""])))

    def screen(self, asked: ShowCode) -> None:
        """A code for the customer to scan: drawn, and as text below."""
        from posterm.console.code_drawing import write_picture, write_screen

        if self.picture is not None:
            write_picture(asked.text, self.picture)
        if self.as_json:
            self.shown.append(asked.text)
        else:
            write_screen(asked.text)
            typer.echo(f"{asked.text}\n")

    def paper(self, document: Document) -> None:
        """The printer."""
        printed = lines(document, columns=self.configuration.terminal.paper_columns, language=self.language)
        if self.as_json:
            self.slips.append(printed)
        else:
            typer.echo("\n".join(f"    {line}".rstrip() for line in printed) + "\n")


@contextmanager
def open_counter(
    config: Path | None, *, trace: bool, as_json: bool, language: Literal["zh", "en"] | None = None
) -> Iterator[Counter]:
    """The configured terminal for one command. Raises: ConfigurationError, StoreError, ProfileError."""
    configuration = load_configuration(config)
    counter = Counter(configuration, language or configuration.language, trace, as_json)
    with workplace(configuration, listen=counter.listen, paper=counter.paper, screen=counter.screen) as place:
        counter.place = place
        yield counter
