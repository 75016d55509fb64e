"""How commands end: exit status, one line and a hint, no traceback, quiet when interrupted or when nobody reads."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from posterm.console import captured
from posterm.console.cli.endings import exit_status, printable
from posterm.console.cli.main import app
from posterm.console.errors import InputError
from posterm.errors import PostermError
from posterm.runtime.errors import StoreError

ECHO = "08200000000000C0001031303030303030313839383331303035383132303030310011000000013010"
PROGRAM = [sys.executable, "-m", "posterm.console"]
MINE = {"decode", "calc mac", "calc pinblock", "calc kcv", "cards", "init"}


@cache
def every_command() -> typer.core.TyperCommand | typer.core.TyperGroup:
    """All commands. Building them takes longer than reading a hundred command lines."""
    return typer.main.get_command(app)


def commands() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    pending = [("", every_command())]
    while pending:
        path, command = pending.pop()
        for name, child in getattr(command, "commands", {}).items():
            pending.append((f"{path} {name}".strip(), child))
        if path and not hasattr(command, "commands"):
            yield path, command


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", sorted(name for name, _ in commands()))
def test_every_command_has_help_with_examples(posterm, name):
    page = posterm(*name.split(), "--help")
    assert page.exit_code == 0
    assert f"posterm {name}" in page.stdout
    assert "Examples:" in page.stdout
    assert max(map(len, page.stdout.splitlines())) <= 80


def test_the_commands_are_there():
    assert {name for name, _ in commands()} >= MINE


def test_the_version_is_shown(posterm):
    assert posterm("--version").stdout == "posterm 0.1.0\n"


@pytest.mark.parametrize("arguments", [["--nonsense"], ["decode", "--nonsense", "00"], ["nonsense"], ["decode"]])
def test_what_the_program_does_not_know_is_a_usage_error(posterm, arguments):
    result = posterm(*arguments)
    assert result.exit_code == 2
    assert "Usage: posterm" in result.stderr
    assert "Traceback" not in result.output


def test_a_mistake_has_status_2_and_a_failure_1():
    assert exit_status(InputError("")) == 2
    assert exit_status(PostermError("")) == 2
    assert exit_status(StoreError("")) == 1


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("PIL", ["merchant", "list", "applications"], "merchant"),
        ("PIL", ["demo", "--merchant"], "merchant"),
        ("uvicorn", ["api", "serve"], "api"),
    ],
)
def test_a_missing_extra_is_named(missing, arguments, extra):
    program = f"import sys; sys.modules[{missing!r}] = None; from posterm.console.cli.main import run; run()"
    ended = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"hint: pip install 'posterm[{extra}]'"
    assert "Traceback" not in ended.stderr


def test_an_interruption_is_quiet(posterm, monkeypatch):
    def interrupted(*_arguments: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(captured, "parse_hex", interrupted)
    result = posterm("decode", ECHO)
    assert (result.exit_code, result.output) == (130, "")


def test_an_error_cannot_steer_the_terminal(posterm, monkeypatch):
    def failing(*_arguments: object) -> bytes:
        raise InputError("a\x1b[2J", hint="\x07b")

    monkeypatch.setattr(captured, "parse_hex", failing)
    assert posterm("decode", ECHO).stderr == "error: a\\x1b[2J\nhint: \\x07b\n"


@pytest.mark.parametrize(
    ("text", "shown"), [("测试 ok\n", "测试 ok\n"), ("\x9b\r\x00\u202e", "\\x9b\\r\\x00\\u202e"), ("", "")]
)
def test_only_what_can_be_printed_is(text, shown):
    assert printable(text) == shown


def test_the_process_ends_as_the_command_did():
    good, torn, wrong = run("decode", "-", stdin=ECHO), run("decode", ECHO[:-4]), run("decode", "xyz")
    assert [good.returncode, torn.returncode, wrong.returncode] == [0, 1, 2]
    assert "0820 (echo)" in good.stdout
    assert "Traceback" not in good.stderr + torn.stderr + wrong.stderr
    assert len(wrong.stderr.splitlines()) == 2


def test_a_reader_that_goes_away_is_no_error():
    with subprocess.Popen(
        [*PROGRAM, "decode", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(ECHO.encode())
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@pytest.mark.parametrize("module", ["posterm.hsm", "posterm.iso8583", "posterm.unionpay", "pydantic", "cryptography"])
def test_help_loads_nothing_heavy(module):
    code = f"import sys, posterm.console.cli.main; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path.cwd()).returncode == 0


def example_lines() -> list[str]:
    """Every example of every help page; of several in a pipe, each."""
    pages = [every_command(), *(command for _, command in commands())]
    lines = [line for page in pages for line in (page.epilog or "").split("\n\n")[1:]]
    return [part for line in lines for part in line.split(" | ")]


@pytest.mark.parametrize("line", example_lines())
def test_every_example_of_a_help_page_can_be_typed(line):
    command = every_command()
    program, *words = shlex.split(line.partition(" < ")[0].partition(" > ")[0])
    assert program == "posterm"
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not hasattr(command, "commands"), "options stand behind the command they belong to"
    command.make_context(program, words)
