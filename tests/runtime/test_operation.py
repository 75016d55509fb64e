"""A host process as an operator works with it: asked, watched, configured anew, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from posterm.console.cli.main import app
from tests.runtime.world import HostProcess, free_port, write_configuration


def ask(*arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(app, ["host", "status", "--json", *arguments])
    assert result.exit_code == 0, result.output
    document: dict[str, object] = json.loads(result.stdout)
    return document


def test_a_running_host_is_asked_configured_anew_and_stopped(tmp_path: Path) -> None:
    config = write_configuration(tmp_path, free_port())
    text = config.read_text(encoding="utf-8")
    host = HostProcess(config)
    host.start()
    before = ask("-c", str(config))
    assert (before["state"], before["connections_max"]) == ("ready", 4096)

    config.write_text(text.replace("[host]\n", "[host]\nconnections_max = 77\n"), encoding="utf-8")
    os.kill(int(str(before["pid"])), signal.SIGHUP)
    host.wait_for("reloaded", 1)
    assert ask("-c", str(config))["connections_max"] == 77

    for changed, named in (
        (text.replace("[host]\n", "[host]\nconnections_max = 0\n"), "host.connections_max"),
        (text.replace("[host]\n", '[host]\nstore = "postgresql://localhost/x"\n'), "host.store"),
        (text.replace('"data"', '"elsewhere"'), "data_directory"),
        ("no TOML", "not TOML"),
    ):
        config.write_text(changed, encoding="utf-8")
        os.kill(int(str(before["pid"])), signal.SIGHUP)
        refused = host.next_event()
        assert refused["event"] == "reload-refused"
        assert named in refused["why"]
    config.write_text(text, encoding="utf-8")
    assert ask("-c", str(config))["connections_max"] == 77

    watching = subprocess.Popen(
        [sys.executable, "-m", "posterm.console", "host", "status", "--watch", "--config", str(config)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert watching.stdout.readline().split()[:3] == ["at", "connections", "waiting"]
    assert watching.stdout.readline().split()[-1] == "ok"
    assert host.stop() == 0
    watching.communicate(timeout=30)
    assert watching.returncode == 1, "the host is gone"
    asked = CliRunner().invoke(app, ["host", "status", "-c", str(config)])
    assert asked.exit_code == 1
    assert "no host answers" in asked.stderr


def test_a_host_whose_events_nobody_reads_serves_on(tmp_path: Path) -> None:
    config = write_configuration(tmp_path, free_port())
    host = HostProcess(config)
    host.start()
    pid = int(str(ask("-c", str(config))["pid"]))
    host.read_no_more()
    for _ in range(2):
        os.kill(pid, signal.SIGHUP)  # each is told of
    while "reloaded" not in str(ask("-c", str(config))["events"]):
        pass
    assert ask("-c", str(config))["state"] == "ready"
    assert host.stop() == 0
