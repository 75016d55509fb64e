"""The host's events on standard output: one line each, for people or as JSON.

Whoever reads them may go away, or their file's disk may be full: the host serves on without them, and says so once.
"""

from __future__ import annotations

import contextlib
import json
from typing import Final

import typer

from posterm.console.cli.endings import discard_output, printable
from posterm.console.views.exchange import clock_time
from posterm.host import HostEvent
from posterm.runtime import clock
from posterm.runtime.run_host import ServiceEvent

FAULTS: Final = frozenset(
    {"fault", "commit-failed", "expiry-failed", "few-files", "reload-refused"}
    | {"forward-failed", "forward-refused", "give-up-failed"}
)
"""What is told even where events are not wanted."""


class HostEventPrinter:
    """Writes each event as it happens. Details come masked from the core."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._is_lost = False

    def listening(self, address: str, port: int, status_port: int) -> None:
        """Say where the host can be reached: always the first line."""
        if self._as_json:
            self._write({"event": "listening", "address": address, "port": port, "status_port": status_port})
        else:
            typer.echo(f"listening on {address}:{port}")

    def show(self, event: HostEvent | ServiceEvent, peer: str) -> None:
        """Write one event."""
        at = event.at if isinstance(event, HostEvent) else clock.now()
        if self._is_lost or (self._quiet and event.name not in FAULTS):
            return
        try:
            if self._as_json:
                self._write({"at": at.isoformat(), "event": str(event.name), "peer": peer, **event.details})
                return
            details = " ".join(f"{name}={value}" for name, value in event.details.items() if value)
            typer.echo(printable(f"{clock_time(at)} {peer} {event.name} {details}").rstrip())
        except OSError as error:
            self._is_lost = True
            discard_output()
            with contextlib.suppress(OSError):
                typer.echo(f"events cannot be written any more: {error.strerror}", err=True)

    def _write(self, document: dict[str, object]) -> None:
        typer.echo(json.dumps(document, ensure_ascii=False))
