"""iso8583sim's mock issuer under the same load: a sale in its own wire format; it checks nothing and keeps nothing."""

from __future__ import annotations

import re
import socket
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import HOME, python_environment
from posterm.iso8583 import Message, get_dialect
from simulators.load.lockstep import run_lockstep

REQUIREMENT = "iso8583sim==1.6.0"
_ROUNDS = 3
_STARTING_S = 30.0


def sale() -> bytes:
    """A sale with its length. The card number is a public test number."""
    elements = {2: "4111111111111111", 3: "000000", 4: "000000001000", 7: "0601120000", 11: "000123"}
    wire = get_dialect("iso87-ascii").pack(
        Message("0200", elements | {41: "10000001", 42: "898310058120001", 49: "156"})
    )
    return len(wire).to_bytes(2, "big") + wire


def compare(seconds: float, rows: list[dict[str, Any]], connections: int) -> dict[str, Any]:
    """Its rate beside the host's, which has been measured already."""
    program = Path(python_environment("iso8583sim", REQUIREMENT)).with_name("iso8583sim")
    port = _free_port()
    with subprocess.Popen(
        [str(program), "serve", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HOME
    ) as process:
        try:
            _wait_for(port)
            frames = [[sale()] * 100_000] * connections
            rates = [run_lockstep("127.0.0.1", port, frames, seconds).rate_per_s for _ in range(_ROUNDS)]
        finally:
            process.terminate()
    ours = next(row["host_per_s"] for row in rows if row["connections"] == connections)
    version = re.sub("^.*==", "", REQUIREMENT)
    return {
        "version": version,
        "connections": connections,
        "iso8583sim_per_s": round(statistics.median(rates)),
        "posterm_per_s": ours,
    }


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
