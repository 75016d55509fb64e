"""The secrecy check finds what it is there to find. Each run below is a pytest of its own with a planted leak."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.secrets_of_the_suite import KEYS, PANS, PIN_BLOCKS, TRACKS, Secret, is_distinctive, leaks, secrets

ROOT = Path(__file__).parents[2]
PAN = PANS["link vectors, PAN"]
TRACK = TRACKS["link vectors, track 2"]
TMK = KEYS["link vectors, TMK"]
MAK = KEYS["link vectors, MAK"]

PLANTED = {
    "printed": "def test_{}(): print(PAN)",
    "on_stderr": "def test_{}(): print(PAN, file=sys.stderr)",
    "logged": "def test_{}(): logging.getLogger('x').debug('card %s', PAN)",
    "by_a_fixture": "@pytest.fixture\ndef card(): print(PAN)\ndef test_{}(card): pass",
    "after_the_test": "@pytest.fixture\ndef late():\n    yield\n    print(PAN)\ndef test_{}(late): pass",
    "taken_by_capsys": "def test_{}(capsys):\n    print(PAN)\n    capsys.readouterr()",
    "by_a_child": "def test_{}(): subprocess.run([sys.executable, '-c', f'print({{PAN}})'], capture_output=True)",
    "in_a_file": "def test_{}(watched_output): watched_output(b'card ' + PAN.encode())",
    "by_a_test_named_after_it": "@pytest.mark.parametrize('pan', [PAN])\ndef test_{}(pan): print(pan)",
    "by_a_command": (
        "app = typer.Typer()\n@app.command()\ndef show(): typer.echo(PAN)\n"
        "def test_{}(): assert CliRunner().invoke(app).exit_code == 0"
    ),
}
FAILING = "def test_in_a_failure(): assert PAN == ''"
INNOCENT = (
    "@pytest.mark.parametrize('pan', [PAN])\ndef test_named_after_it_only(pan): pass",
    "@pytest.mark.shows_test_data\ndef test_on_purpose(): print(PAN)",
    "def test_masked(): print(PAN[:6] + '******' + PAN[-4:])",
)


def run(folder: Path, tests: Iterable[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    head = "import logging, subprocess, sys\nimport pytest, typer\nfrom typer.testing import CliRunner\n"
    (folder / "test_planted.py").write_text(head + "PAN = '62123456' + '78901265'\n" + "\n".join(tests) + "\n")
    ini = "[pytest]\naddopts = -p no:cacheprovider\nlog_level = DEBUG\nmarkers =\n    shows_test_data: x\n"
    (folder / "pytest.ini").write_text(ini)
    (folder / "conftest.py").write_text("from tests.secrecy import pytest_configure, watched_output\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rN", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def told(result: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"LEAKED test_planted\.py::test_(\w+): link vectors, PAN", result.stdout))


@pytest.fixture(scope="module")
def leaking_run(tmp_path_factory) -> subprocess.CompletedProcess[str]:
    tests = [source.format(way) for way, source in PLANTED.items()]
    return run(tmp_path_factory.mktemp("leaking"), [*tests, *INNOCENT])


def test_a_leak_fails_a_run_whose_tests_all_pass(leaking_run):
    assert f"{len(PLANTED) + len(INNOCENT)} passed" in leaking_run.stdout
    assert leaking_run.returncode == 1


@pytest.mark.parametrize("way", PLANTED)
def test_the_leak_is_found(leaking_run, way):
    assert way in told(leaking_run)


def test_the_leak_is_told_by_name_and_not_by_value(leaking_run):
    assert "link vectors, PAN" in leaking_run.stdout
    assert PAN not in leaking_run.stdout


def test_masked_data_and_data_shown_on_purpose_are_left_alone(leaking_run):
    assert told(leaking_run) == set(PLANTED)


def test_leaks_are_found_on_several_workers_and_in_failures(tmp_path):
    result = run(tmp_path, [PLANTED["taken_by_capsys"].format("captured"), FAILING], "-n", "2")
    assert told(result) == {"captured", "in_a_failure"}
    assert result.returncode == 1


def test_a_run_without_leaks_passes(tmp_path):
    assert run(tmp_path, INNOCENT).returncode == 0


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("link vectors, PAN", f"card {PAN}."),
        ("link vectors, PAN", "card " + " ".join(PAN[at : at + 4] for at in range(0, 16, 4))),
        ("link vectors, PAN", PAN.encode().hex(" ")),
        ("link vectors, PAN", f"need 6 bytes, have {bytes.fromhex(PAN)!r}"),
        ("link vectors, PAN", f"0200 16{PAN}000000"),
        ("link vectors, track 2", TRACK),
        ("link vectors, track 2", TRACK.replace("=", "D")),
        ("link vectors, track 2", f"discretionary data {TRACK[21:]}"),
        ("link vectors, TMK", TMK),
        ("link vectors, TMK", TMK.lower()),
        ("link vectors, TMK", bytes.fromhex(TMK).hex(" ")),
        ("link vectors, MAK", repr(bytes.fromhex(MAK))),
        ("link vectors, clear PIN block", PIN_BLOCKS["link vectors, clear PIN block"].lower()),
    ],
    ids=lambda value: value if value.startswith("link") else "",
)
def test_a_secret_is_found_in_every_form_it_is_printed_in(secret, text):
    assert secret in leaks(text, secrets())


def test_ordinary_output_holds_no_secret():
    text = "0200 621234******1265 000000012345 STAN 000002 kcv 08D7B4FB 123456 PIN block C33F1AACE0827867"
    assert leaks(text, secrets()) == []


def test_a_pin_is_found_only_where_it_stands_alone():
    pin = (Secret("a PIN", alone="482916"),)
    assert leaks("PIN 482916 entered", pin) == ["a PIN"]
    assert leaks("hash 0f482916ab, counter 1482916", pin) == []


@pytest.mark.parametrize("pin", ["1234", "123456", "000000", "654321", "135791"])
def test_a_pin_that_turns_up_by_chance_is_not_sought(pin):
    assert not is_distinctive(pin)


def test_a_pin_without_pattern_is_sought():
    assert is_distinctive("482916")
