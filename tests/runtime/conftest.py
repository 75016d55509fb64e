"""What tests of the runtime share: a reader daemon, and a PostgreSQL server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.runtime import pcsc_daemon, postgres_server


@pytest.fixture(scope="session")
def _daemon_of_the_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pcsc_daemon.Daemon | None]:
    if pcsc_daemon.missing():
        yield None
        return
    # The address of a socket is short, and the folder of a test may be deep.
    with pcsc_daemon.running(tmp_path_factory.mktemp("pcsc")) as daemon:
        # The library reads the variable once in a process, so it stays.
        os.environ["PCSCLITE_CSOCK_NAME"] = daemon.socket
        yield daemon


@pytest.fixture
def pcscd(
    _daemon_of_the_worker: pcsc_daemon.Daemon | None, optional: Callable[[str, bool, str], None]
) -> pcsc_daemon.Daemon:
    """A pcscd with virtual readers, for this process alone."""
    optional("PC/SC with the virtual reader", _daemon_of_the_worker is not None, pcsc_daemon.missing())
    assert _daemon_of_the_worker is not None
    return _daemon_of_the_worker


@pytest.fixture(scope="session")
def _server_of_the_worker() -> Iterator[postgres_server.Server | None]:
    if postgres_server.missing():
        yield None
        return
    with postgres_server.running_server("fsync=off", "full_page_writes=off") as server:
        yield server


@pytest.fixture
def postgres(
    _server_of_the_worker: postgres_server.Server | None, optional: Callable[[str, bool, str], None]
) -> postgres_server.Server:
    """A server of this process alone; each test takes a schema of its own."""
    optional("PostgreSQL", _server_of_the_worker is not None, postgres_server.missing())
    assert _server_of_the_worker is not None
    return _server_of_the_worker
