"""The throughput of one host process beside a bare echo server, its latency under load, and what its parts cost.

    python -m benchmarks.load.run                       all of it, into benchmarks/results
    python -m benchmarks.load.run --seconds 1 --rounds 1 --no-results
    python -m benchmarks.load.run --growth              instead, what a sale costs in ledgers of up to 3,000,000 sales
    python -m benchmarks.load.run --postgres postgresql://user@host/database        a store there too
    python -m benchmarks.load.run --peer                beside `iso8583sim serve`, in an environment of its own

Lock step: each connection sends a sale, waits for the answer, sends the next. The echo server gives the same frames
back; it and the host take turns in each round, each in a process of its own, under the same load. The host checks PIN
and MAC of every sale, posts it with its fee, and answers when SQLite has it on the disk. Beside the rates stands the
CPU time a server took for one frame, as the kernel counts it in ticks.

iso8583sim's mock issuer, where it is measured too, checks nothing and keeps nothing.

Open loop: sales arrive by chance at 70 % of the highest rate; the books are compared with every answer. How evenly the
machine works by itself stands below it: a host cannot be steadier than that.

Left out: TLS, several machines, chips.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from benchmarks.load import growth, parts, peer, plot
from benchmarks.load.sales import declined, enrol, sales, sign_on_over_tcp, terminals_of
from benchmarks.peers.machine import describe_machine
from posterm.runtime.store.sqlite_host import SqliteHostStore
from simulators.load.books import compare_books
from simulators.load.lockstep import run_lockstep
from simulators.load.mix import Mix
from simulators.load.served import served_host
from simulators.load.workers import Plan, run_load

RESULTS = Path(__file__).parents[1] / "results"
CONNECTIONS = (1, 16, 64)
COMPARED_AT = 16
GOAL, LEAST = 1 / 2, 1 / 4
"""Of the echo's rate, at 16 connections in lock step."""

SHARE_OF_HIGHEST = 0.7
P99_MS = 10.0
_ECHOED = 8
"""The echo server is given each frame so many times, being so much faster."""


@contextmanager
def echo_server() -> Iterator[tuple[int, int]]:
    """Its port and process."""
    command = [sys.executable, "-m", "benchmarks.load.echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def lock_step(seconds: float, rounds: int, *, with_peer: bool) -> list[dict[str, Any]]:
    """Echo, host and perhaps iso8583sim in turn, by connections; medians over the rounds."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fleet = enrol(folder, max(CONNECTIONS))
        terminals = terminals_of(fleet)
        with (
            served_host(folder) as host,
            echo_server() as echo,
            peer.serving() if with_peer else nullcontext() as other,
        ):
            sign_on_over_tcp(terminals, host.port)
            per_second = 2_000.0
            for connections in CONNECTIONS:
                pairs, others = [], []
                for _ in range(rounds):
                    count = max(int(per_second * seconds / connections), 20)
                    frames = [sales([terminal], count) for terminal in terminals[:connections]]
                    echoed = _run(echo, [each * _ECHOED for each in frames], seconds)
                    served = _run((host.port, host.process_id), frames, seconds)
                    per_second = served["per_s"] * 1.3
                    pairs.append((echoed, served))
                    if other is not None:
                        others.append(peer.rate_per_s(other, connections, seconds))
                rows.append({"connections": connections} | _medians(pairs))
                if others:
                    rows[-1]["iso8583sim_per_s"] = round(statistics.median(others))
    return rows


def _run(server: tuple[int, int], frames: list[list[bytes]], seconds: float) -> dict[str, float]:
    before = _cpu_s(server[1])
    run = run_lockstep("127.0.0.1", server[0], frames, seconds)
    cpu_us = (_cpu_s(server[1]) - before) / run.answered * 1e6
    latencies = sorted(run.latencies_s)
    return {
        "per_s": run.rate_per_s,
        "cpu_us": cpu_us,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
        "declined": sum(declined(answers) for answers in run.answers),
    }


def _medians(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> dict[str, Any]:
    def median(place: int, key: str, digits: int = 0) -> float:
        return round(statistics.median(pair[place][key] for pair in pairs), digits)

    return {
        "echo_per_s": median(0, "per_s"),
        "host_per_s": median(1, "per_s"),
        "share": round(statistics.median(served["per_s"] / echoed["per_s"] for echoed, served in pairs), 3),
        "echo_cpu_us": median(0, "cpu_us", 1),
        "host_cpu_us": median(1, "cpu_us", 1),
        "host_p99_ms": median(1, "p99_ms", 2),
        "declined": int(sum(served["declined"] for _, served in pairs)),
    }


def open_loop(rate: float, seconds: float) -> dict[str, Any]:
    """Sales with PIN and MAC at a set rate, from one process; latencies from when each was due."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fleet = enrol(folder, 500)
        plan = Plan(rate, seconds, Mix({"sale": 1.0}, {"swipe": 1.0}))
        with served_host(folder) as host:
            outcome = run_load(plan, fleet, "127.0.0.1", host.port)
        with SqliteHostStore(folder / "data" / "host" / "host.sqlite") as store:
            books = compare_books(store, fleet, outcome.verdicts)
    return {
        "rate_per_s": round(rate),
        "seconds": seconds,
        "asked": books.asked,
        "approved": books.approved,
        "latency_ms": outcome.measured.latencies.percentiles_ms(),
        "since_sent_ms": outcome.measured.since_sent.percentiles_ms(),
        "books_agree": books.agree,
    }


def _cpu_s(process: int) -> float:
    """Seconds of CPU a process has used; Linux tells."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as Markdown, whatever their keys."""
    names = list(rows[0])
    lines = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |", "|" + "---:|" * len(names)]
    lines += ["| " + " | ".join(str(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def verdicts(found: dict[str, Any]) -> list[str]:
    """Each bar, and whether it is met."""
    lines = []
    at_16 = next((row for row in found["lock_step"] if row["connections"] == COMPARED_AT), None)
    if at_16 is not None:
        share = at_16["share"]
        met = "the goal of 0.50 is met" if share >= GOAL else "the least, 0.25, is met" if share >= LEAST else "NOT met"
        lines.append(f"16 connections in lock step: {share:.2f} of the echo's rate; at least 0.25: {met}")
    if found.get("open_loop"):
        p99 = found["open_loop"]["latency_ms"]["p99"]
        met = "met" if p99 < P99_MS else "NOT met"
        lines.append(f"p99 at 70 % of the highest rate: {p99:.1f} ms; under 10 ms: {met}")
    if at_16 is not None and "iso8583sim_per_s" in at_16:
        times = at_16["host_per_s"] / at_16["iso8583sim_per_s"]
        lines.append(f"{times:.1f} times iso8583sim's rate; at least 5 times: {'met' if times >= 5 else 'NOT met'}")
    return lines


def as_text(found: dict[str, Any]) -> str:
    """The whole result as Markdown."""
    text = [f"# The host under load\n\n{found['machine']}; made by `make load`.\n\n## Lock step\n"]
    text.append(table(found["lock_step"]) + "\n")
    if found.get("open_loop"):
        latency = {name: f"{value} ms" for name, value in found["open_loop"]["latency_ms"].items()}
        row = {key: found["open_loop"][key] for key in ("rate_per_s", "seconds", "asked", "approved", "books_agree")}
        text.append(f"## Open loop\n\n{table([row | latency])}\n")
    for key, heading in (
        ("steadiness", "The machine by itself: one small piece of work again and again, in ms"),
        ("stores", "Stores and batches, µs for one sale"),
        ("terms", "Fees and limits, µs for one sale in memory"),
        ("checks", "Checks, µs for one sale in memory"),
    ):
        if found.get(key):
            text.append(f"## {heading}\n\n{table(found[key])}\n")
    return "\n".join([*text, *verdicts(found), ""])


def _report_growth(most: int, folder: Path | None) -> None:
    machine = f"{', '.join(describe_machine().values())} (load before)"
    rows = []
    for row in growth.growth(most):
        sys.stderr.write(f"{row['sales']} sales: {row['us']} us, {row['times']} times\n")
        rows.append(row)
    text = f"# A ledger that grows\n\n{machine}; made by `make load LOAD=--growth`.\n\n{table(rows)}\n"
    sys.stdout.write(text)
    if folder is not None:
        found = {"machine": machine, "growth": rows}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "growth.md").write_text(text, encoding="utf-8")
        (folder / "growth.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="for one cell of one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sales", type=int, default=6_400, help="for one number about a part")
    parser.add_argument(
        "--growth",
        type=int,
        nargs="?",
        const=growth.SIZES[-1],
        metavar="SALES",
        help="measure ledgers that have had up to so many sales, and nothing else",
    )
    parser.add_argument("--peer", action="store_true", help="measure iso8583sim too")
    parser.add_argument("--postgres", default="", metavar="ADDRESS", help="measure a store in this database too")
    parser.add_argument("--no-results", action="store_true", help="write no file")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    options = parser.parse_args()
    if options.growth:
        _report_growth(options.growth, options.results if not options.no_results else None)
        return
    machine = f"{', '.join(describe_machine().values())} (load before); {options.rounds} rounds of {options.seconds} s"
    rows = lock_step(options.seconds, options.rounds, with_peer=options.peer)
    found: dict[str, Any] = {"machine": machine, "lock_step": rows}
    highest = max(row["host_per_s"] for row in found["lock_step"])
    found["open_loop"] = open_loop(highest * SHARE_OF_HIGHEST, max(options.seconds * 2, 2.0))
    found["steadiness"] = [parts.steadiness(options.seconds)]
    found |= {"stores": parts.stores(options.sales, options.postgres), "terms": parts.plans(options.sales)}
    found["checks"] = parts.checks(options.sales)
    text = as_text(found)
    if not options.postgres:
        text += "PostgreSQL was not measured: --postgres ADDRESS\n"
    sys.stdout.write(text)
    if not options.no_results:
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / "load.md").write_text(text, encoding="utf-8")
        (options.results / "load.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        plot.write_plot(found, options.results / "load.png")


if __name__ == "__main__":
    main()
