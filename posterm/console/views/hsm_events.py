"""The HSM server's events on standard output: one line each, for people or as JSON. None holds a field of a command."""

from __future__ import annotations

import json

import typer

from posterm.console.cli.endings import printable
from posterm.console.views.exchange import clock_time
from posterm.runtime import clock
from posterm.runtime.run_hsm import HsmServerEvent


class HsmEventPrinter:
    """Writes each event as it happens."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet

    def listening(self, address: str, port: int) -> None:
        """Say where the HSM can be reached: always the first line."""
        if self._as_json:
            self._write({"event": "listening", "address": address, "port": port})
        else:
            typer.echo(f"listening on {address}:{port}")

    def show(self, event: HsmServerEvent, peer: str) -> None:
        """Write one event."""
        if self._quiet and event.name != "command-failed":
            return
        at = clock.now()
        if self._as_json:
            self._write({"at": at.isoformat(), "event": event.name, "peer": peer, **event.details})
            return
        details = " ".join(f"{name}={value}" for name, value in event.details.items() if value)
        typer.echo(printable(f"{clock_time(at)} {peer} {event.name} {details}").rstrip())

    def _write(self, document: dict[str, object]) -> None:
        typer.echo(json.dumps(document, ensure_ascii=False))
