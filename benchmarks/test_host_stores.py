"""What the host's store costs: batches of sales handled in process, from the frame to the answer, by store.

PIN and MAC are checked on every sale. What a file or a server makes durable depends on the disk as much as on us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from posterm.host import HostStore, MemoryHostStore
from posterm.runtime.store.postgres_host import PostgresHostStore
from posterm.runtime.store.sqlite_host import SqliteHostStore
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import open_place
from tests.runtime import postgres_server

Benchmark = Any
ROUNDS = 60


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HostStore]:
    if request.param == "memory":
        yield MemoryHostStore()
    elif request.param == "sqlite":
        with SqliteHostStore(tmp_path / "host.sqlite") as opened:
            yield opened
    else:
        if reason := postgres_server.missing():
            pytest.skip(reason)
        with postgres_server.running_server() as server, PostgresHostStore(server.new_schema()) as opened:
            yield opened


def prepared_batches(store: HostStore, size: int) -> Callable[[], tuple[tuple[Any], dict[str, Any]]]:
    """Frames are made before the clock runs; handling them is what is measured."""
    place = open_place(store=store, balance=10**9)
    terminal, host = place.terminal, place.host

    def make() -> tuple[tuple[Any], dict[str, Any]]:
        frames = [terminal.packed(terminal.request(Kind.SALE, 100, elements=terminal.card())) for _ in range(size)]

        def handle() -> int:
            with store.batch():
                return sum(host.handle(frame, terminal.now).frame is not None for frame in frames)

        return (handle,), {}

    return make


@pytest.mark.parametrize("size", [1, 16, 64])
def test_a_batch_of_sales(benchmark: Benchmark, store: HostStore, size: int) -> None:
    make = prepared_batches(store, size)
    answered = benchmark.pedantic(lambda handle: handle(), setup=make, rounds=ROUNDS, iterations=1, warmup_rounds=2)
    benchmark.extra_info["sales"] = size
    assert answered == size
