"""`posterm load` as it is typed: a host of its own, or one that runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from simulators.load.served import served_host


def load(*arguments, folder=None):
    command = [sys.executable, "-m", "posterm.console", "load", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=folder)


def test_a_load_on_a_host_of_its_own_ends_with_books_that_agree(tmp_path):
    few = ("--rate", "60", "--seconds", "2", "--terminals", "20", "--processes", "2")
    mix = ("--mix", "sale=4,void=2,reversal=2,preauth=1,balance=1")
    done = load(*few, *mix, "--report", "there", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["books"]["agree"]
    assert document["asked"] == document["answered"] > 60
    assert document["latency_ms"]["p50"] > 0
    assert sum(second["due"] for second in document["by_second"]) == document["asked"]
    page = (tmp_path / "there" / "load.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert [tag for tag in ("<link", "<script", 'src="http', "href=") if tag in page] == []
    assert (tmp_path / "there" / "load.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.proof
def test_a_host_that_runs_can_be_loaded_again_and_again(tmp_path):
    with served_host(tmp_path) as host:
        configuration = tmp_path / "posterm.toml"
        text = configuration.read_text(encoding="utf-8")
        configuration.write_text(text.replace("port = 0", f"port = {host.port}"), encoding="utf-8")
        for _ in range(2):
            few = ("--rate", "40", "--seconds", "1", "--terminals", "5", "--processes", "1")
            done = load("--running", *few, folder=tmp_path)
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stdout.splitlines()[-1].endswith(": agree")


def test_where_nobody_listens_the_load_says_so(tmp_path):
    (tmp_path / "posterm.toml").write_text('data_directory = "data"\n[host]\nport = 1\n', encoding="utf-8")
    done = load("--running", "--seconds", "1", "--terminals", "1", folder=tmp_path)
    assert done.returncode == 1
    assert "cannot connect to 127.0.0.1:1" in done.stderr


def test_a_mix_that_makes_no_sense_is_refused():
    done = load("--mix", "refund=1")
    assert done.returncode == 2
    assert "need one of sale" in done.stderr
