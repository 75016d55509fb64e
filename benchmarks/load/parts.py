"""What the parts of a sale cost, in one process and without a line: stores, durability, batches, single checks, size.

Each number is the lower decile over many batches, in microseconds of wall clock for one sale, from its frame to its
answer with the commit: what else a machine does only ever adds. Frames are made outside the clock.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.load.sales import PREFIX_BYTES, own_fleet, sales
from posterm.amount import MAX_MINOR
from posterm.host import Host, HostKeys, HostStore, MemoryHostStore, pipeline
from posterm.host.data_files import built_in_plans
from posterm.hsm import Algorithm, KeyUsage
from posterm.runtime import clock
from posterm.runtime.assembly import open_hsm
from posterm.runtime.store.postgres_host import PostgresDatabase
from posterm.runtime.store.sql_host import SqlHostStore
from posterm.runtime.store.sqlite_host import SqliteDatabase
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.profile import get_profile

TERMINALS = 64
BATCHES = (1, 16, 64)
_UNPACKED = 60
"""Messages taken apart in one piece of work."""

STORES = ("memory", "sqlite off", "sqlite normal", "sqlite full")
"""SQLite by what it waits for: nothing, the disk now and then, the disk at each commit (as the host has it)."""

POSTGRES_STORES = ("postgresql off", "postgresql on")
"""PostgreSQL by its `synchronous_commit`; the host has it on."""


class Counter:
    """A host in this process, and its terminals."""

    def __init__(self, store: HostStore, plan: str = "standard", terminals: int = TERMINALS) -> None:
        self.store, self.hsm, self.now = store, open_hsm(), clock.now()
        keys = HostKeys(
            self.hsm.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_256),
            self.hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE),
        )
        self.host = Host(get_profile("default"), self.hsm, store, keys)
        self.terminals = own_fleet(self.host, self.hsm, store, terminals, self.now, plan)

    def batches(self, sales_in_all: int, size: int) -> list[float]:
        """Seconds that each batch took."""
        frames = [frame[PREFIX_BYTES:] for frame in sales(self.terminals, sales_in_all)]
        took, handle_all, now, timer = [], self.host.handle_all, self.now, time.perf_counter
        for at in range(0, len(frames), size):
            part = frames[at : at + size]
            began = timer()
            with self.store.batch():
                replies = handle_all(part, now)
            took.append(timer() - began)
            assert all(reply.events[-1].name.value == "approved" for reply in replies)
        return took

    def cost_us(self, sales_in_all: int, size: int) -> float:
        """Of one sale, in batches of `size`."""
        return lower_decile_us(self.batches(sales_in_all, size), size)


@contextmanager
def opened(name: str, postgres: str = "") -> Iterator[HostStore]:
    """A store of a kind, empty. `postgres` is the address of a server's database; a schema in it comes and goes."""
    kind, _, synchronous = name.partition(" ")
    if kind == "memory":
        yield MemoryHostStore()
    elif kind == "postgresql":
        with _new_schema(postgres) as address:
            server = PostgresDatabase(address)
            server.connection.execute(f"SET synchronous_commit = {synchronous}")
            with SqlHostStore(server) as store:
                yield store
    else:
        with tempfile.TemporaryDirectory() as folder:
            database = SqliteDatabase(Path(folder) / "host.sqlite")
            database.connection.execute(f"PRAGMA synchronous = {synchronous}")
            with SqlHostStore(database) as store:
                yield store


@contextmanager
def _new_schema(address: str) -> Iterator[str]:
    import psycopg

    name = f"posterm_load_{os.getpid()}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        try:
            yield f"{address}{'&' if '?' in address else '?'}options=-csearch_path%3D{name}"
        finally:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


def stores(sales_in_all: int, postgres: str = "") -> list[dict[str, Any]]:
    """What each store costs, by size of batch."""
    rows = []
    for name in (*STORES, *POSTGRES_STORES) if postgres else STORES:
        with opened(name, postgres) as store:
            counter = Counter(store)
            rows.append({"store": name} | {f"by_{size}": counter.cost_us(sales_in_all, size) for size in BATCHES})
    return rows


def plans(sales_in_all: int) -> list[dict[str, Any]]:
    """What fees and limits cost: all three counters work in turn, so that they have the same neighbours."""
    limits = tuple(row.model_copy(update={"most_minor": MAX_MINOR}) for row in built_in_plans()["micro"].limits)
    terms: dict[str, dict[str, Any]] = {
        "no fees, no limits": {"fees": (), "split": (), "limits": ()},
        "fees": {"limits": ()},
        "fees and the limits of `micro`": {"limits": limits},
    }
    took: dict[str, list[float]] = {name: [] for name in terms}
    counters = {name: Counter(MemoryHostStore()) for name in terms}
    for name, counter in counters.items():
        _change_plan(counter, terms[name])
    for _ in range(10):
        for name, counter in counters.items():
            took[name] += counter.batches(sales_in_all // 10, 16)
    return [{"terms": name, "by_16": lower_decile_us(batches, 16)} for name, batches in took.items()]


def checks(sales_in_all: int) -> list[dict[str, Any]]:
    """The time in each named check of the pipeline, and what all of a sale takes; the clock itself takes some of it."""
    spent: dict[str, list[float]] = defaultdict(list)
    kept = pipeline.TRANSACTION_STEPS
    pipeline.TRANSACTION_STEPS = tuple(replace(step, check=_timed(step.check, step.name, spent)) for step in kept)  # type: ignore[misc]
    try:
        with opened("memory") as store:
            whole = Counter(store).cost_us(sales_in_all, 16)
    finally:
        pipeline.TRANSACTION_STEPS = kept  # type: ignore[misc]
    rows = [{"check": name, "us": lower_decile_us(took, 1)} for name, took in spent.items()]
    rows.sort(key=lambda row: -float(str(row["us"])))
    return [*rows, {"check": "whole sale, in memory", "us": whole}]


def lower_decile_us(batches: list[float], size: int) -> float:
    """Of one sale, from what batches of `size` took."""
    lower = statistics.quantiles(batches, n=10)[0] if len(batches) > 1 else batches[0]
    return round(lower / size * 1e6, 1)


def steadiness(seconds: float) -> dict[str, float]:
    """How long one small piece of work, which waits for nothing and nobody, takes on this machine, in milliseconds."""
    dialect = get_profile("default").dialect
    frame = sales(Counter(MemoryHostStore()).terminals[:1], 1)[0][PREFIX_BYTES:]
    wire, took, timer = open_envelope(frame).wire, [], time.perf_counter
    until = timer() + seconds
    while (began := timer()) < until:
        for _ in range(_UNPACKED):
            dialect.unpack(wire)
        took.append((timer() - began) * 1e3)
    took.sort()
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
    return {name: round(took[int(len(took) * share)], 2) for name, share in at.items()} | {"max": round(took[-1], 2)}


def _change_plan(counter: Counter, changes: dict[str, Any]) -> None:
    desk = counter.host._desk  # noqa: SLF001 - a host without fees is none that one could configure
    plan = desk.terms.plans["standard"].model_copy(update=changes)
    counter.host._desk = replace(desk, terms=replace(desk.terms, plans={"standard": plan}))  # noqa: SLF001


def _timed(check: Callable[[Any], Any], name: str, spent: dict[str, list[float]]) -> Callable[[Any], Any]:
    timer = time.perf_counter

    def timed(case: Any) -> Any:
        began = timer()
        try:
            return check(case)
        finally:
            spent[name].append(timer() - began)

    return timed
