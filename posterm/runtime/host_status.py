"""How a served host is watched: a small HTTP server beside it.

    GET /healthz   200 while the process answers
    GET /readyz    200 while requests are taken and the last commit was kept; else 503 and why
    GET /metrics   counts as Prometheus reads them
    GET /status    the same as one JSON document

Where it listens stands in a file in the host's folder, so that `ask_host` finds it. One request a connection. It shares
the loop with the host: while a batch runs, whoever asks waits.

Source: RFC 9112 through h11.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import h11

from posterm.runtime import clock
from posterm.runtime.errors import ConnectError, ListenError
from posterm.runtime.host_metrics import CONTENT_TYPE, HostMetrics
from posterm.runtime.run_host import HostService, State
from posterm.runtime.store.whole_file import write_whole

ADDRESS_FILE: Final = "status.json"
ASKED_S: Final = 5.0
"""How long a request may take to come, and its answer to be taken."""

_ASKING_MAX: Final = 32
_LONGEST_STATUS: Final = 1_000_000

Page = tuple[int, str, bytes]
"""Status code, content type, body."""


class HostStatus:
    """The watching side of one service.

    Args:
        folder: the host's, where the address is left; None to leave none.
    """

    def __init__(self, service: HostService, folder: Path | None = None) -> None:
        self._service = service
        self._file = folder / ADDRESS_FILE if folder is not None else None
        self._metrics = HostMetrics(service)
        self._started = clock.now()
        self._server: asyncio.Server | None = None
        self._asking = 0
        self._pages: dict[bytes, Callable[[], Page]] = {
            b"/healthz": lambda: _text(200, "ok"),
            b"/readyz": self._readiness,
            b"/metrics": lambda: (200, CONTENT_TYPE, self._metrics.text()),
            b"/status": lambda: (200, "application/json", json.dumps(self.document()).encode("ascii")),
        }

    async def start(self, address: str, port: int) -> int:
        """Listen. `port` 0 takes a free one. Returns: the port. Raises: ListenError, StoreError."""
        try:
            self._server = await asyncio.start_server(self._serve, address, port)
        except OSError as error:
            raise ListenError(
                f"cannot listen on {address}:{port} for status: {error.strerror}",
                hint="host.status_port 0 takes a free port",
            ) from None
        bound: int = self._server.sockets[0].getsockname()[1]
        if self._file is not None:
            where = {"address": address, "port": bound, "pid": os.getpid()}
            write_whole(self._file, json.dumps(where).encode("ascii"))
        return bound

    async def stop(self) -> None:
        """Answer no more, and take the address away."""
        if self._server is not None:
            self._server.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def document(self) -> dict[str, Any]:
        """Everything that `/status` tells."""
        service, counts = self._service, self._service.counts
        return {
            "state": service.state.value,
            "store": service.store_fault or "ok",
            "pid": os.getpid(),
            "started": self._started.isoformat(),
            "at": clock.now().isoformat(),
            "connections": service.connections,
            "connections_max": service.limits.connections,
            "accepted": counts.connections,
            "frames_waiting": service.frames_waiting,
            "frames": counts.frames,
            "answers": counts.answers,
            "batches": counts.batches,
            "largest_batch": counts.largest_batch,
            "batch_seconds": round(counts.batch_seconds, 6),
            "issuers": [
                {"name": name, "address": line.where, "state": line.standing.value, **asdict(line.counts)}
                for name, line in service.links.lines.items()
            ],
            "events": dict(sorted(counts.events.items())),
            "declines": [
                {"code": code, "check": check, "count": count}
                for (code, check), count in sorted(counts.declines.items())
            ],
        }

    def _readiness(self) -> Page:
        if self._service.state is not State.READY:
            return _text(503, self._service.state.value)
        return _text(503, "store") if self._service.store_fault else _text(200, "ok")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._asking += 1
        try:
            if self._asking <= _ASKING_MAX:
                async with asyncio.timeout(ASKED_S):
                    await self._answer_one(reader, writer)
        except (OSError, TimeoutError, h11.ProtocolError):
            pass  # whoever asked went away, or sent no request
        finally:
            self._asking -= 1
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(4096))
        if not isinstance(event, h11.Request):
            return
        page = self._pages.get(event.target.partition(b"?")[0])
        if page is None:
            status, content_type, body = _text(404, "not found")
        elif event.method not in (b"GET", b"HEAD"):
            status, content_type, body = _text(405, "GET only")
        else:
            status, content_type, body = page()
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body))), ("Connection", "close")]
        for part in (
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=b"" if event.method == b"HEAD" else body),
            h11.EndOfMessage(),
        ):
            writer.write(connection.send(part) or b"")
        await writer.drain()


def _text(status: int, text: str) -> Page:
    return status, "text/plain; charset=utf-8", f"{text}\n".encode("ascii")


def ask_host(folder: Path, *, port: int | None = None) -> dict[str, Any]:
    """What the host that works with a folder tells of itself.

    Args:
        port: ask on this port of this machine, whatever the folder says.
    Raises: ConnectError: no host answers there.
    """
    address = "127.0.0.1"
    try:
        if port is None:
            where = json.loads((folder / ADDRESS_FILE).read_text("ascii"))
            address, port = str(where["address"]), int(where["port"])
        connection = http.client.HTTPConnection(address, port, timeout=ASKED_S)
        try:
            connection.request("GET", "/status")
            document: dict[str, Any] = json.loads(connection.getresponse().read(_LONGEST_STATUS))
            datetime.fromisoformat(document["started"])
        finally:
            connection.close()
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        where_asked = f"port {port}" if port is not None else str(folder)
        raise ConnectError(
            f"no host answers at {where_asked}",
            hint="`posterm host serve` with the same configuration starts one",
        ) from None
    return document
