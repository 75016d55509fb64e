"""A pytest plugin: the run fails when a secret of the suite stands in anything a test printed, logged or failed with.

It reads, of every test, what pytest captured (stdout, stderr, log records), the text of a failure, what `capsys` and
its relatives handed to the test, what the command runner and captured child processes printed, and what the test
registered with the `watched_output` fixture. A test that shows test data on purpose carries the mark `shows_test_data`.
Under xdist the workers attach the texts to their reports and the controller reads them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.secrets_of_the_suite import leaks, secrets


class SecrecyWatch:
    """Collects leaks by test and secret; ends the run with exit status 1 when there is one."""

    def __init__(self) -> None:
        self._secrets = secrets()
        self._item: pytest.Item | None = None
        self.found: dict[tuple[str, str], None] = {}  # in the order found

    def record(self, source: str, text: object) -> None:
        """Attach text to the running test's report; bytes are read as Latin-1."""
        if self._item is not None and text:
            readable = text.decode("latin-1") if isinstance(text, bytes) else str(text)
            self._item.add_report_section("call", source, readable)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._item = item
        try:
            return (yield)
        finally:
            self._item = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "shows_test_data" not in report.keywords:
            self._read(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._read(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.found:
            return
        terminalreporter.section("secrets in the output", red=True, bold=True)
        for test, secret in self.found:
            terminalreporter.write_line(f"LEAKED {test}: {secret}")

    def _read(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        text = "\n".join(filter(None, (report.longreprtext, *(content for _, content in report.sections))))
        if not text:
            return
        for secret in leaks(text, self._secrets):
            # The name of a parametrized test is its source text, not output; it may hold a secret, and then is cut.
            test = report.nodeid.split("[")[0] if leaks(report.nodeid, self._secrets) else report.nodeid
            self.found.setdefault((test, secret))


WATCH = pytest.StashKey[SecrecyWatch]()


def pytest_configure(config: pytest.Config) -> None:
    """Start watching: also what never reaches pytest's own capture, because a test took it for itself."""
    watch = config.stash[WATCH] = SecrecyWatch()
    config.pluginmanager.register(watch, "secrecy-watch")
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    _tap(patch, pytest.CaptureFixture, "readouterr", lambda got: watch.record("capture", _join(got)))
    _tap(patch, CliRunner, "invoke", lambda got: watch.record("command", got.output))
    _tap(patch, subprocess.Popen, "communicate", lambda got: watch.record("child process", _join(got)))


@pytest.fixture
def watched_output(request: pytest.FixtureRequest) -> Callable[[str | bytes], None]:
    """Have the secrecy check read a text it cannot see by itself, such as a log file or a printed receipt."""
    return lambda text: request.config.stash[WATCH].record("watched output", text)


def _tap(patch: pytest.MonkeyPatch, owner: type, name: str, listen: Callable[[Any], None]) -> None:
    original = getattr(owner, name)

    def tapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        listen(result)
        return result

    patch.setattr(owner, name, tapped)


def _join(parts: tuple[str | bytes | None, ...]) -> str:
    return "\n".join(part.decode("latin-1") if isinstance(part, bytes) else part or "" for part in parts)
