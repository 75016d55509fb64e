"""A host of one's own to load: `posterm host serve` as a process of its own over a folder."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulators.load.errors import LoadError

STOPPING_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class ServedHost:
    """Where it listens, and its process."""

    port: int
    process_id: int


@contextmanager
def served_host(
    folder: Path, settings: Mapping[str, str] | None = None, *, profile: str = "default"
) -> Iterator[ServedHost]:
    """A host over `folder`, which has its configuration and data; stopped at the end.

    Args:
        settings: of the host, by name, as TOML has them.
    Raises: LoadError: it does not start.
    """
    lines = [f"profile = {json.dumps(profile)}", 'data_directory = "data"', "[host]", "port = 0"]
    lines += [f"{name} = {value}" for name, value in (settings or {}).items()]
    (folder / "posterm.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "posterm.console", "host", "serve", "--json", "--quiet"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            if not line:
                raise LoadError("the host does not start")
            yield ServedHost(int(json.loads(line)["port"]), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOPPING_S)
            except subprocess.TimeoutExpired:
                process.kill()
