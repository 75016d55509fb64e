"""The host that a load is for: one of its own in a temporary folder, or the one that runs by a configuration."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from posterm.console.configuration import Configuration
from posterm.console.host_desk import FOLDER, configured_host
from posterm.runtime.assembly import OpenHost, open_host, open_hsm
from posterm.unionpay.profile import load_profile
from simulators.load.served import served_host

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class LoadedHost:
    """A host as a load needs it: its store, and a context in which it listens."""

    opened: OpenHost
    listening: Callable[[], AbstractContextManager[Address]]


@contextmanager
def host_to_load(configuration: Configuration, *, running: bool) -> Iterator[LoadedHost]:
    """The host that runs by a configuration, or a new one that is gone afterwards. Raises: StoreError, LoadError."""
    if running:
        address = (configuration.host.address, configuration.host.port)
        with configured_host(configuration) as opened:
            yield LoadedHost(opened, lambda: nullcontext(address))
        return
    with tempfile.TemporaryDirectory(prefix="posterm-load-") as name:
        folder, profile = Path(name), load_profile(configuration.profile)
        opened = open_host(folder / "data" / FOLDER, profile, open_hsm())
        try:
            yield LoadedHost(opened, lambda: _served(folder, configuration.profile))
        finally:
            opened.store.close()


@contextmanager
def _served(folder: Path, profile: str) -> Iterator[Address]:
    with served_host(folder, profile=profile) as host:
        yield "127.0.0.1", host.port
