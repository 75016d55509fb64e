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
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from posterm.amount import Amount
from posterm.runtime import clock
from posterm.runtime.assembly import open_hsm, open_terminal
from posterm.runtime.channel import client_channel
from posterm.runtime.run_terminal import drive
from posterm.runtime.tcp import TcpLine
from posterm.terminal import Identity, Outcome, Result
from posterm.terminal.operators import TEST_PASSWORDS
from posterm.unionpay.profile import get_profile
from simulators.card import load
from simulators.cards import TEST_CARDS
from simulators.enrolment import MERCHANT_ID, TMK_COMPONENTS
from simulators.front import Front, Hand, PinPad
from simulators.world import World

Benchmark = Any
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AMOUNT = Amount(1)
ROUNDS = 400
HAND = Hand.swiping(TEST_CARDS[0], TEST_CARDS[0].pin)


def in_process(hand: Hand = HAND) -> Callable[[], Result]:
    """A sale at a terminal whose host is in the same process."""
    world = World(seed=1)
    terminal = world.terminal(0)
    assert world.press(0, terminal.sign_on("01", TEST_PASSWORDS["01"], NOW)).done
    return lambda: world.press(0, terminal.sale(AMOUNT, NOW), hand)


def test_a_sale_in_process(benchmark: Benchmark) -> None:
    result = benchmark.pedantic(in_process(), rounds=ROUNDS, iterations=1, warmup_rounds=20)
    assert result.outcome is Outcome.APPROVED


@pytest.mark.parametrize("way", ["insert", "tap"])
def test_a_chip_sale_in_process(benchmark: Benchmark, way: str) -> None:
    """The card's own signatures are in it: `test_emv_transactions` takes card and kernel apart."""
    card = TEST_CARDS[0]
    chip = load(card.name)
    hand = Hand.inserting(chip, card.pin) if way == "insert" else Hand.tapping(chip, card.pin)
    result = benchmark.pedantic(in_process(hand), rounds=ROUNDS // 4, iterations=1, warmup_rounds=5)
    assert result.outcome is Outcome.APPROVED


@pytest.fixture
def tcp_sale(tmp_path: Path) -> Iterator[Callable[[], Result]]:
    """A sale at a terminal with its store on disk, whose host is a process of its own."""
    (tmp_path / "posterm.toml").write_text('data_directory = "data"\n', encoding="utf-8")
    command = [sys.executable, "-m", "posterm.console", "host", "serve", "--port", "0", "--json", "--quiet"]
    host = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert host.stdout is not None
    port = json.loads(host.stdout.readline())["port"]
    profile, hsm = get_profile("default"), open_hsm()
    opened = open_terminal(tmp_path, profile, hsm, Identity("10000001", MERCHANT_ID))
    terminal = opened.terminal
    terminal.inject_tmk(list(TMK_COMPONENTS), password=TEST_PASSWORDS["99"])
    line = TcpLine("127.0.0.1", port, partial(client_channel, profile, "127.0.0.1"))
    front = Front(HAND, PinPad(hsm), lambda _document: None)

    def run(flow: Any) -> Any:
        return drive(flow, line=line, front=front, listen=lambda _told: None)

    assert run(terminal.sign_on("01", TEST_PASSWORDS["01"], clock.now())).done
    yield lambda: run(terminal.sale(AMOUNT, clock.now()))
    opened.store.close()
    host.terminate()
    host.communicate(timeout=30)


def test_a_sale_over_loopback_tcp(benchmark: Benchmark, tcp_sale: Callable[[], Result]) -> None:
    result = benchmark.pedantic(tcp_sale, rounds=ROUNDS, iterations=1, warmup_rounds=20)
    assert result.outcome is Outcome.APPROVED
