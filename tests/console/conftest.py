"""Running commands as a user would, in this process."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner, Result

from posterm.console.cli.main import app

Posterm = Callable[..., Result]


@pytest.fixture(autouse=True)
def plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colours and 80 columns, whatever the shell that runs the tests asks for."""
    for name in ("TERMINAL_WIDTH", "FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")


_built_once = functools.cache(typer.main.get_command)


@pytest.fixture
def posterm(monkeypatch: pytest.MonkeyPatch) -> Posterm:
    """`posterm("decode", "00")`: the result with exit code, stdout and stderr."""
    # Building thirty commands takes longer than running one, and what is built does not change.
    monkeypatch.setattr("typer.testing._get_command", _built_once)
    runner = CliRunner()

    def invoke(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return runner.invoke(app, list(arguments), input=stdin, prog_name="posterm")

    return invoke
