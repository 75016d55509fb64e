"""iso8583sim's mock issuer under the same load: a sale in its own wire format; it checks nothing and keeps nothing."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.environments import HOME, python_environment
from posterm.iso8583 import Message, get_dialect
from simulators.load.lockstep import run_lockstep

REQUIREMENT = "iso8583sim==1.6.0"
MOST_ASKED = 100_000
_STARTING_S = 30.0


def sale() -> bytes:
    """A sale with its length. The card number is a public test number."""
    elements = {2: "4111111111111111", 3: "000000", 4: "000000001000", 7: "0601120000", 11: "000123"}
    wire = get_dialect("iso87-ascii").pack(
        Message("0200", elements | {41: "10000001", 42: "898310058120001", 49: "156"})
    )
    return len(wire).to_bytes(2, "big") + wire


@contextmanager
def serving() -> Iterator[int]:
    """Its mock issuer, which approves all: the port. Raises: NotPreparedError: it cannot be installed."""
    program = Path(python_environment("iso8583sim", REQUIREMENT)).with_name("iso8583sim")
    port = _free_port()
    with subprocess.Popen(
        [str(program), "serve", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HOME
    ) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()


def rate_per_s(port: int, connections: int, seconds: float) -> float:
    """Its answers a second in lock step."""
    return run_lockstep("127.0.0.1", port, [[sale()] * MOST_ASKED] * connections, seconds).rate_per_s


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _wait_for(port: int) -> None:
    until = time.monotonic() + _STARTING_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("iso8583sim does not listen")
