"""Two hosts on one PostgreSQL behind a balancer, twenty terminals, hosts killed: nothing is lost, nothing doubled."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime import balancer
from tests.runtime.killed_host import HostProcess, Place, Till, at_work, compare, open_tills
from tests.runtime.postgres_server import Server
from tests.runtime.world import free_port
from tests.structure.source_tree import ROOT

PAGE = (ROOT / "docs/operation.md").read_text("utf-8")


def trade_until(tills: list[Till], port: int, each: int, meanwhile: Callable[[int], None]) -> None:
    """Let every till have so many answers more; those that meet a broken line come back."""
    goal = {id(till): till.answers + each for till in tills}
    turn = 0
    while any(till.answers < goal[id(till)] for till in tills):
        with at_work([till for till in tills if till.answers < goal[id(till)]], port):
            meanwhile(turn)
            threading.Event().wait(0.5)
        turn += 1
        assert turn < 200


def two_hosts(folder: Path, server: Server, *, terminals: int, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    place = Place(folder, server.new_schema())
    tills = open_tills(place, terminals, seed)
    hosts = [HostProcess(place), HostProcess(place)]
    for host in hosts:
        host.start()
    port = free_port()
    with balancer.balanced(folder, balancer.configuration(PAGE, port, hosts), port):

        def kill_one(turn: int) -> None:
            if turn < kills:
                threading.Event().wait(chance.random())
                victim = hosts[turn % 2]
                victim.kill()
                victim.start(port=victim.port)

        trade_until(tills, port, 5, kill_one)
        # One is killed for good; the other serves everybody.
        hosts[0].kill()
        trade_until(tills, port, 2, lambda _turn: None)
        while any(till.unanswered is not None for till in tills):
            trade_until([till for till in tills if till.unanswered is not None], port, 1, lambda _turn: None)
    hosts[1].stop()
    compare(place, tills)
    assert all(till.stands for till in tills)


@pytest.mark.proof
@pytest.mark.needs_optional("HAProxy", not balancer.missing(), balancer.missing())
@pytest.mark.parametrize("seed", range(2))
def test_two_hosts_one_killed_lose_and_double_nothing(tmp_path: Path, postgres: Server, seed: int) -> None:
    two_hosts(tmp_path, postgres, terminals=20, kills=4, seed=seed)
