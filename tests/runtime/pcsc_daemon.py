"""A resource manager of the tests' own, with several virtual readers, beside whatever runs on the machine.

pcscd is handed its socket the way systemd hands it over, so it listens where the tests say; programs find it by
PCSCLITE_CSOCK_NAME. It is ended by SIGKILL: a tidy end would remove the files of a pcscd that belongs to others.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.execve(sys.argv[2], sys.argv[2:], {**os.environ, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})
"""
"""Becomes the program with the socket as descriptor 3. Source: sd_listen_fds(3)."""

SLOTS = 2
"""The virtual reader has so many, on ports that follow each other."""


@dataclass
class Daemon:
    """A running pcscd: the socket programs reach it by, and its slots by reader name with their ports."""

    socket: str
    slots: dict[str, int]
    _turns: Iterator[tuple[str, int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._turns = itertools.cycle(self.slots.items())

    def next_slot(self) -> tuple[str, int]:
        """Name and port of the slot that was used longest ago: the reader is slow to see a card leave."""
        return next(self._turns)


def missing() -> str:
    """What keeps a private pcscd from running here; empty when nothing does."""
    if find_spec("smartcard") is None:
        return "the extra posterm[pcsc] is not installed"
    if _program() is None:
        return "pcscd is not installed"
    if not DRIVER.exists():
        return "the virtual reader vsmartcard-vpcd is not installed"
    if os.geteuid() != 0:
        return "only root can run a pcscd of its own"
    return ""


@contextlib.contextmanager
def running(folder: Path, readers: int = 3) -> Iterator[Daemon]:
    """A pcscd with so many virtual readers, for as long as the block lasts."""
    ports = [_free_ports() for _ in range(readers)]
    configuration = folder / "readers"
    configuration.mkdir()
    entries = (_entry(number, port, folder) for number, port in enumerate(ports))
    (configuration / "virtual").write_text("".join(entries))
    path = folder / "pcscd.comm"
    with socket.socket(socket.AF_UNIX) as listener, (folder / "pcscd.log").open("w") as log:
        listener.bind(str(path))
        listener.listen(16)
        arguments = [sys.executable, "-c", HAND_OVER, str(listener.fileno()), str(_program()), "--foreground"]
        arguments += ["--config", str(configuration)]
        process = subprocess.Popen(arguments, pass_fds=(listener.fileno(),), stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_listening([port + slot for port in ports for slot in range(SLOTS)], process)
            names = {
                f"Virtual {number} 00 0{slot}": port + slot
                for number, port in enumerate(ports)
                for slot in range(SLOTS)
            }
            yield Daemon(str(path), names)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _program() -> str | None:
    return shutil.which("pcscd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _entry(number: int, port: int, folder: Path) -> str:
    # The driver keeps its slots in globals, so each reader needs a copy of it.
    driver = shutil.copy(DRIVER, folder / f"driver{number}.so")
    lines = (
        f'FRIENDLYNAME "Virtual {number}"',
        f"DEVICENAME /dev/null:0x{port:04X}",
        f"LIBPATH {driver}",
        f"CHANNELID 0x{port:04X}",
    )
    return "\n".join(lines) + "\n\n"


def _free_ports() -> int:
    """The first of two free ports that follow each other."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("", 0))
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("", port + 1))
                return port
    raise AssertionError("no two free ports beside each other")


def _wait_until_listening(ports: list[int], process: subprocess.Popen[bytes]) -> None:
    """Wait for every slot. A connection would be a card, so the system's table is read instead."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        if _listening() >= set(ports):
            return
        time.sleep(0.02)
    raise AssertionError(f"pcscd does not listen, exit status {process.poll()}")


def _listening() -> set[int]:
    """The TCP ports of this machine on which something listens. Source: proc(5), /proc/net/tcp; state 0A."""
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path("/proc/net", name).read_text().splitlines()[1:]]
    return {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == "0A"}
