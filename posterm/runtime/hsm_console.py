"""The console of a running HSM: a socket in its folder, for whoever may read that folder and nobody else.

    {"do": "status"}                                                          what it has done and what it permits
    {"do": "authorize", "activity": …, "officer": …, "passphrase": …, "seconds": …}   one of two officers speaks
    {"do": "revoke", "activity": …}                                           lock an activity again

One request and one answer a connection, each a line of JSON. An answer has `error` when there is one.

Source: Thales payShield, console commands (authorized state).
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from posterm.errors import PostermError
from posterm.hsm.errors import PassphraseError
from posterm.hsm.guard import Activity, Guard
from posterm.hsm.key_register import KeyRegister
from posterm.hsm.passphrase import verify_passphrase
from posterm.runtime.errors import HsmLinkError, ListenError

SOCKET: Final = "console.sock"
LONGEST_LINE: Final = 65_536
REQUEST_S: Final = 5.0
"""How long a request may take to come, and an answer."""

_NOBODY: Final = "00" * 48
"""What is kept of the passphrase of an officer who is not there; none gives it."""


class HsmConsole:
    """The server's side.

    Args:
        path: the HSM's folder.
        status: what the HSM has to tell of itself.
    """

    def __init__(self, path: Path, guard: Guard, register: KeyRegister, status: Callable[[], dict[str, Any]]) -> None:
        self._path = path / SOCKET
        self._guard = guard
        self._officers = register.officers
        self._status = status
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen in the folder. Raises: ListenError."""
        try:
            self._path.unlink(missing_ok=True)  # of a server that was killed; the folder is ours alone
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LONGEST_LINE)
            self._path.chmod(0o600)
        except OSError as error:
            why = error.strerror or "its path is too long"
            raise ListenError(f"cannot open the console {self._path}: {why}") from None

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                line = await reader.readline()
                writer.write(json.dumps(await self._answer(line)).encode("ascii") + b"\n")
                await writer.drain()
        except (OSError, ValueError, TimeoutError):
            pass  # whoever asked went away, or sent no line
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            match request:
                case {"do": "status"}:
                    return self._status()
                case {"do": "revoke", "activity": str(activity)}:
                    self._guard.revoke(Activity(activity))
                    return {"revoked": activity}
                case {
                    "do": "authorize", "activity": str(activity), "officer": str(officer),
                    "passphrase": str(passphrase), "seconds": int(seconds),
                }:  # fmt: skip
                    await self._identify(officer, passphrase)
                    done = self._guard.authorize(Activity(activity), officer, seconds)
                    return {"authorized": done, "activity": activity}
        except PostermError as error:
            return {"error": str(error)}
        except (ValueError, RecursionError):
            pass
        return {"error": "console: need a request of a known form"}

    async def _identify(self, officer: str, passphrase: str) -> None:
        kept = self._officers.get(officer, _NOBODY)
        try:
            await asyncio.to_thread(verify_passphrase, kept, passphrase)
        except PassphraseError:
            self._guard.record("officer-refused", officer="unknown" if kept is _NOBODY else officer)
            raise


def ask_console(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the HSM that works with a folder. Raises: HsmLinkError: none does, or it refused."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(REQUEST_S)
            connection.connect(str(path / SOCKET))
            connection.sendall(json.dumps(request).encode("ascii") + b"\n")
            with connection.makefile("rb") as file:
                answer: dict[str, Any] = json.loads(file.readline(LONGEST_LINE))
    except (OSError, ValueError):
        raise HsmLinkError(
            f"no HSM works with {path}", hint="`posterm hsm serve` with the same configuration starts one"
        ) from None
    if "error" in answer:
        raise HsmLinkError(str(answer["error"]))
    return answer
