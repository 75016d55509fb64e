"""`posterm load`: requests at a set rate against a host, how long the answers took, and whether the books agree."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posterm.console.cli.endings import FAILED
from posterm.console.cli.options import ConfigOption, JsonOption, examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from posterm.console.loaded_host import LoadedHost
    from simulators.load.mix import Mix
    from simulators.load.workers import Plan

    Tell = Callable[[str, float], None]
    """Told what is being done, and how much of it is, from 0 to 1."""


def register(root: typer.Typer) -> None:
    """Add the command to the program."""
    lines = (
        "posterm load --rate 300 --seconds 30",
        "posterm load --mix sale=90,reversal=10 --readers tap=1 --report load",
        "posterm load --running -c posterm.toml --terminals 5000",
    )
    root.command("load", epilog=examples(*lines))(load)


def load(
    rate: Annotated[float, typer.Option(min=0.1, max=1_000_000, help="Requests a second.")] = 100.0,
    seconds: Annotated[float, typer.Option(min=1, max=86_400, help="For so long.")] = 10.0,
    arrivals: Annotated[Literal["poisson", "constant"], typer.Option(help="Gaps between requests.")] = "poisson",
    mix: Annotated[str, typer.Option(metavar="NAME=SHARE,…", help="sale, preauth, balance, void, reversal.")] = "",
    readers: Annotated[str, typer.Option(metavar="NAME=SHARE,…", help="swipe, chip, tap.")] = "",
    terminals: Annotated[int, typer.Option(min=1, max=99_999, help="Terminals, each with its card.")] = 1000,
    connections: Annotated[int, typer.Option(min=1, max=4096, help="Connections they share.")] = 64,
    processes: Annotated[int, typer.Option(min=0, max=256, help="Processes that load; 0: one on each core.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="What is asked, and when, comes from it.")] = 1,
    report: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write load.html and load.png there.")] = None,
    running: Annotated[
        bool, typer.Option("--running", help="Load the host that runs by the configuration, not one of its own.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load a host at a set rate, whether it keeps up or not, and compare its books with its answers.

    Latencies count from the moment a request was due. Terminals and cards are new ones, enrolled in the host's store
    before. The exit status is 1 when the books do not agree.
    """
    import os

    from posterm.console.configuration import load_configuration
    from posterm.console.loaded_host import host_to_load
    from simulators.load.measured import Latencies
    from simulators.load.workers import Plan

    Latencies()  # says what is missing before anything takes time
    configuration = load_configuration(config)
    jobs = min(processes or os.cpu_count() or 1, terminals, connections)
    plan = Plan(rate, seconds, _mix(mix, readers), arrivals, connections, jobs, seed, configuration.profile)
    with host_to_load(configuration, running=running) as host:
        good = _load(plan, terminals, host, report, as_json=as_json)
    if not good:
        raise typer.Exit(FAILED)


def _load(plan: Plan, terminals: int, host: LoadedHost, report: Path | None, *, as_json: bool) -> bool:
    """Enrol, load, compare, tell. Returns: whether all is as it should be."""
    from posterm.console.cli.output import write_json
    from posterm.runtime import clock
    from simulators.load.books import compare_books
    from simulators.load.fleet import enrol_fleet
    from simulators.load.report import report_document, report_lines, write_report
    from simulators.load.workers import run_load

    opened = host.opened
    with _watched() as tell:
        fleet = enrol_fleet(
            opened.host,
            opened.hsm,
            opened.store,
            terminals,
            at=clock.now(),
            enrolled=lambda number: tell(f"enrolled {number} terminals", number / terminals),
        )
        with host.listening() as (address, port):
            expected = plan.rate_per_s * plan.seconds
            outcome = run_load(
                plan,
                fleet,
                address,
                port,
                lambda at: tell(f"sent {at.sent}, answered {at.answered}", min(at.answered / expected, 1.0)),
            )
        tell("comparing the books", 1.0)
        books = compare_books(opened.store, fleet, outcome.verdicts)
    written = write_report(report, plan, outcome, books) if report is not None else []
    if as_json:
        write_json(report_document(plan, outcome, books))
    else:
        for line in (*report_lines(plan, outcome, books), *(f"report      {path}" for path in written)):
            typer.echo(line)
    return books.agree and not outcome.bad_answers


def _mix(deeds: str, readers: str) -> Mix:
    from posterm.console.errors import InputError
    from simulators.load.mix import DEEDS, READERS, USUAL_MIX, USUAL_READERS, Mix, parse_shares

    try:
        return Mix(
            parse_shares(deeds, DEEDS) if deeds else USUAL_MIX,
            parse_shares(readers, READERS) if readers else USUAL_READERS,
        )
    except ValueError as error:
        raise InputError(f"the mix: {error}", hint="shares by name, such as sale=80,void=20") from None


@contextmanager
def _watched() -> Iterator[Tell]:
    """A bar on standard error when somebody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("starting", total=1.0)
        yield lambda what, done: progress.update(task, description=what, completed=done)
