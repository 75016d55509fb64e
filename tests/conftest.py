"""What every test may use: the secrecy check, optional parts, and the hypothesis profile."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Callable

import hypothesis
import pytest

from tests import secrecy
from tests.secrecy import watched_output

__all__ = ["optional", "watched_output"]

REQUIRE_OPTIONAL = "POSTERM_REQUIRE_OPTIONAL"

# No deadline: a machine shared with others is slow now and then, and no test asserts a time.
hypothesis.settings.register_profile("posterm", deadline=None, print_blob=True)
hypothesis.settings.load_profile("posterm")


def pytest_configure(config: pytest.Config) -> None:
    secrecy.pytest_configure(config)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As in a job in the background: the processes that tests interrupt would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        # Child processes by the hundred import the same modules: they compile them once, and not in the tree.
        os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp(prefix="posterm-compiled-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ["PYTHONPYCACHEPREFIX"], ignore_errors=True))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What has been collected stays to the end: no garbage collection needs to look at it again.

    Raises: UsageError: a test whose name holds an address, which is another in each process of a run.
    """
    for item in session.items:
        if " at 0x" in item.name:
            raise pytest.UsageError(f"{item.nodeid}: an address in the name of a test")
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)  # what a test makes is mostly gone with it, and seldom needs looking for


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs_optional"):
        _settle(*mark.args, **mark.kwargs)


@pytest.fixture
def optional() -> Callable[[str, bool, str], None]:
    """`optional(name, available, reason)`: for a test that finds out only while it runs whether its part is there."""
    return _settle


def _settle(name: str, available: bool, reason: str) -> None:
    """Go on when the part is there; else skip, or fail where every optional part is required."""
    if available:
        return
    if os.environ.get(REQUIRE_OPTIONAL):
        pytest.fail(f"{name} is required by {REQUIRE_OPTIONAL} and not there: {reason}", pytrace=False)
    pytest.skip(f"{name} is not there: {reason}")
