"""`posterm hsm serve` in a process of its own, for tests that kill it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from posterm.runtime.hsm_client import HsmClient


class HsmProcess:
    """The server of a configuration; what it writes is kept in `output`."""

    def __init__(self, config: Path, *arguments: str) -> None:
        self._command = [
            sys.executable, "-m", "posterm.console", "hsm", "serve", "--port", "0", "--json", "--config", str(config),
            *arguments,
        ]  # fmt: skip
        self._process: subprocess.Popen[str]
        self._reader: threading.Thread
        self.output: list[str] = []
        self.port = 0

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"LANG": "C"}
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._process.stderr.read() if self._process.stderr else ""
        first: dict[str, Any] = json.loads(line)
        assert first["event"] == "listening"
        self.port = first["port"]
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def client(self) -> HsmClient:
        """A client of it."""
        return HsmClient("127.0.0.1", self.port, timeout_s=60)

    def kill(self) -> None:
        """SIGKILL: what is not on the disk is gone."""
        self._process.kill()
        self._end()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self._process.terminate()
        return self._end()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.output += self._process.stdout

    def _end(self) -> int:
        status = self._process.wait(60)
        self._reader.join(60)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        return status
