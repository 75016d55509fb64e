"""Real processes over real TCP, killed in the middle of their work: nothing is lost, nothing is doubled."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime import till
from tests.runtime.world import HostProcess, books, free_port, totals, write_configuration

TRANSACTIONS = 40


def test_a_host_killed_in_mid_flight_loses_and_doubles_nothing(tmp_path: Path) -> None:
    port = free_port()
    host_config = write_configuration(tmp_path / "host", port)
    host = HostProcess(host_config)
    host.start()
    tills = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.runtime.till", str(config), str(number), str(TRANSACTIONS)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for number, terminal_id in enumerate(("10000001", "10000002"))
        for config in [write_configuration(tmp_path / terminal_id, port, terminal_id)]
    ]
    for approvals in (3, 7, 12, 5):
        host.wait_for("approved", approvals)
        host.kill()
        host.start()
    reports = [json.loads(till_.communicate(timeout=120)[0]) for till_ in tills]
    assert host.stop() == 0
    with books(host_config) as (core, owed, faults):
        assert faults == ()
        for terminal_id, report in zip(("10000001", "10000002"), reports, strict=True):
            assert core.totals(terminal_id, report["batch"]) == totals(report)
    assert owed == sum(totals(report).net_minor for report in reports)


def test_a_host_that_is_asked_to_stop_ends_well(tmp_path: Path) -> None:
    host = HostProcess(write_configuration(tmp_path, free_port()))
    host.start()
    assert host.stop() == 0


def _work(config: Path, die_at: int, after: bool) -> None:
    if die_at:
        till.die_at_commit(die_at, after=after)
    till.work_through(config, till.short_day, 9)


@pytest.mark.proof
@pytest.mark.parametrize("after", [False, True], ids=["before-the-write", "after-the-write"])
def test_a_terminal_killed_at_every_write_loses_and_doubles_nothing(tmp_path: Path, after: bool) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.runtime.till"])
    port = free_port()
    host_config = write_configuration(tmp_path / "host", port)
    host = HostProcess(host_config)
    killed = 0
    for commit in range(1, 200):
        host.start()
        config = write_configuration(tmp_path / f"terminal-{commit}", port)
        first = context.Process(target=_work, args=(config, commit, after))
        first.start()
        first.join(60)
        if first.exitcode == 0:
            host.stop()
            break
        assert first.exitcode == -9
        killed += 1
        second = context.Process(target=_report, args=(config, tmp_path / "report.json"))
        second.start()
        second.join(60)
        assert second.exitcode == 0
        host.stop()
        _compare(host_config, json.loads((tmp_path / "report.json").read_text(encoding="ascii")), commit)
        _forget(host_config)
    assert killed > 30, "the day has more commits than that"


def _report(config: Path, report: Path) -> None:
    document = till.work_through(config, till.short_day, 9)
    report.write_text(json.dumps(document), encoding="ascii")


def _compare(host_config: Path, report: dict[str, int], commit: int) -> None:
    with books(host_config) as (core, owed, faults):
        assert faults == (), f"killed at commit {commit}"
        assert core.totals("10000001", str(report["batch"])) == totals(report), f"killed at commit {commit}"
    assert owed == totals(report).net_minor, f"killed at commit {commit}"


def _forget(host_config: Path) -> None:
    """Give the next run a new host."""
    for file in (host_config.parent / "data" / "host").iterdir():
        file.unlink()
