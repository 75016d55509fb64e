"""A sale with PIN and MAC from card to ledger: both cores in one process, and over loopback TCP.

In process: the terminal's journal and the host's rows are in memory, so this is the price of the rules, the codec and
the cryptography. Over TCP: one connection for each sale as terminals do, both stores in SQLite and durable on answer,
so this is mostly the disk. Slips are not laid out. Each measurement stays within one batch of the terminal.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from posterm.amount import Amount
from posterm.console.configuration import load_configuration
from posterm.console.front import CommandFront, cardholder
from posterm.console.workplace import Workplace, workplace
from posterm.runtime import clock
from posterm.runtime.run_terminal import drive
from posterm.terminal import Outcome, Result
from posterm.terminal.effects import FrameArrived, LinkReply, TimedOut, Transmit
from posterm.terminal.operators import TEST_PASSWORDS
from simulators.swipe import PinPad
from simulators.world import World

Benchmark = Any
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AMOUNT = Amount(1)
ROUNDS = 400


class DirectLine:
    """A line that is a function call into the host's core."""

    def __init__(self, world: World) -> None:
        self._world = world

    def transmit(self, effect: Transmit) -> LinkReply:
        return FrameArrived(self._world.answer(effect.frame), NOW)

    def wait(self) -> LinkReply:
        return TimedOut(NOW)

    def hang_up(self) -> None:
        pass


def in_process() -> Callable[[], Result]:
    """A sale at a terminal whose host is in the same process."""
    world = World(seed=1)
    terminal = world.terminal(0)
    front = CommandFront(cardholder("debit", "", ""), PinPad(world.hsm(0)), lambda _document: None)
    line = DirectLine(world)

    def run(flow: Any) -> Any:
        return drive(flow, line=line, front=front, listen=lambda _told: None)

    assert run(terminal.sign_on("01", TEST_PASSWORDS["01"], NOW)).done
    return lambda: run(terminal.sale(AMOUNT, NOW))


def test_a_sale_in_process(benchmark: Benchmark) -> None:
    result = benchmark.pedantic(in_process(), rounds=ROUNDS, iterations=1, warmup_rounds=20)
    assert result.outcome is Outcome.APPROVED


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Workplace]:
    """A terminal with its store on disk, and a host in a process of its own."""
    config = tmp_path / "posterm.toml"
    config.write_text('data_directory = "data"\n', encoding="utf-8")
    command = [sys.executable, "-m", "posterm.console", "host", "serve", "--port", "0", "--json", "--quiet"]
    host = subprocess.Popen([*command, "--config", str(config)], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    port = json.loads(host.stdout.readline())["port"]
    configuration = load_configuration(config)
    terminal = configuration.terminal.model_copy(update={"host_port": port})
    configuration = configuration.model_copy(update={"terminal": terminal})
    with workplace(configuration, listen=lambda _told: None, paper=lambda _document: None) as place:
        assert place.run(place.terminal.sign_on("01", TEST_PASSWORDS["01"], clock.now())).done
        yield place
    host.terminate()
    host.communicate(timeout=30)


def test_a_sale_over_loopback_tcp(benchmark: Benchmark, counter: Workplace) -> None:
    who = cardholder("debit", "", "")
    result = benchmark.pedantic(
        lambda: counter.run(counter.terminal.sale(AMOUNT, clock.now()), who),
        rounds=ROUNDS,
        iterations=1,
        warmup_rounds=20,
    )
    assert result.outcome is Outcome.APPROVED
