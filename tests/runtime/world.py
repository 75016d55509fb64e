"""Hosts and tills as real processes for tests, on free ports of the loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from posterm.console.configuration import load_configuration
from posterm.console.host_desk import configured_host
from posterm.host import Host
from posterm.host.chart import fee_clearing, merchant_payable, merchant_pending
from posterm.unionpay.totals import Totals
from simulators.enrolment import MERCHANT_ID

PROFILE = 'derive = "default"\nname = "quick"\n[timers]\nresponse_s = 1.0\nconnect_s = 2.0\n'


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def write_configuration(folder: Path, port: int, terminal_id: str = "10000001") -> Path:
    """A posterm.toml in a folder of its own, with answers that do not take a minute to be missed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quick.toml").write_text(PROFILE, encoding="utf-8")
    path = folder / "posterm.toml"
    path.write_text(
        f'profile = "quick.toml"\ndata_directory = "data"\n[host]\nport = {port}\n'
        f'[terminal]\nterminal_id = "{terminal_id}"\nhost_port = {port}\n',
        encoding="utf-8",
    )
    return path


class HostProcess:
    """`posterm host serve` in a process of its own; events are read from its output."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [sys.executable, "-m", "posterm.console", "host", "serve", "--json", "--config", str(self._config)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.next_event()["event"] == "listening"

    def wait_for(self, event: str, count: int) -> None:
        """Read events until `count` of one name have come."""
        while count:
            count -= self.next_event()["event"] == event

    def read_no_more(self) -> None:
        """Go away from its output."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.stdout.close()

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        assert self._process is not None
        self._process.kill()
        self._end()

    def stop(self) -> int:
        """SIGTERM, and wait. Returns: the exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._end()

    def _end(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        if not self._process.stdout.closed:
            self._process.stdout.read()
            self._process.stdout.close()
        return self._process.wait(30)

    def next_event(self) -> dict[str, str]:
        """The next line of its output."""
        assert self._process is not None
        output: IO[str] | None = self._process.stdout
        assert output is not None
        line = output.readline()
        assert line, "the host ended"
        document: dict[str, str] = json.loads(line)
        return document


@contextmanager
def books(config: Path) -> Iterator[tuple[Host, int, tuple[str, ...]]]:
    """The stopped host, what its ledger owes the merchant, and the faults of its ledger."""
    with configured_host(load_configuration(config)) as opened:
        ledger = opened.host.ledger
        accounts = (merchant_pending(MERCHANT_ID), merchant_payable(MERCHANT_ID), fee_clearing("156"))
        owed = sum(ledger.account(name).balance for name in accounts)
        yield opened.host, owed, ledger.prove().faults


def totals(document: dict[str, int]) -> Totals:
    """Totals as a till reports them."""
    return Totals(document["debit_minor"], document["debit_count"], document["credit_minor"], document["credit_count"])
