"""`posterm world`: days that go wrong in every way, played from a seed, and the inspection of all books."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from posterm.console.cli.endings import FAILED
from posterm.console.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulators.network import Faults
    from simulators.world import World
    from simulators.world.hunt import Plan, Played


def register(root: typer.Typer) -> None:
    """Add the command to the program."""
    lines = (
        "posterm world --seed 7",
        "posterm world --seed 7 --faults drop=0.1,power_cut=0.01",
        "posterm world --worlds 1000",
        "posterm world --minutes 30",
    )
    root.command("world", epilog=examples(*lines))(world)


def world(
    seed: Annotated[int, typer.Option(min=0, help="Play this world, or the worlds from this one on.")] = 1,
    terminals: Annotated[int, typer.Option(min=1, max=100, help="Terminals in each world.")] = 2,
    transactions: Annotated[int, typer.Option(min=1, max=100_000, help="Transactions at each terminal.")] = 250,
    faults: Annotated[
        str | None,
        typer.Option(metavar="LEVEL|NAME=VALUE,…", help="none, lossy, rough, or each fault; else drawn from the seed."),
    ] = None,
    profile: Annotated[str, typer.Option(metavar="NAME", help="Acquirer profile.")] = "default",
    issuer_apart: Annotated[
        bool | None,
        typer.Option(
            "--issuer-apart/--no-issuer-apart",
            help="The debit cards belong to an issuer asked over a line of its own; of many worlds, in one of five.",
            show_default=False,
        ),
    ] = None,
    worlds: Annotated[int | None, typer.Option(min=1, help="Play so many worlds.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Play worlds for so long.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes for many worlds; 0: one on each core.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Play days with terminals, a host, a bad line and no luck; then compare all books.

    One world is told about; of many, those that fail. The exit status is 1 when books do not agree; then the story of
    the first transaction that broke is told, and how to play it again.
    """
    from simulators.world.hunt import Plan

    only_one = worlds is None and minutes is None
    apart = bool(issuer_apart) if only_one else issuer_apart
    plan = Plan(terminals, transactions, _faults(faults), profile, apart)
    if only_one:
        _tell(plan.world(seed), transactions, as_json=as_json)
    else:
        _hunt(plan, seed, worlds, minutes, jobs, as_json=as_json)


def _faults(text: str | None) -> Faults | None:
    from posterm.console.errors import InputError
    from simulators.network import Faults

    try:
        return None if text is None else Faults.parse(text)
    except ValueError as error:
        raise InputError(f"--faults: {error}", hint="none, lossy, rough, or drop=0.1,late=0.05") from None


def _tell(played: World, transactions: int, *, as_json: bool) -> None:
    """Play one world and say how it went."""
    from posterm.console.cli.output import write_json
    from posterm.terminal import Outcome

    played.run(transactions)
    proof = played.proof()
    outcomes = {each.value: sum(day.count(each) for day in proof.days) for each in Outcome}
    document = {
        "seed": proof.seed,
        "good": not proof.found,
        "faults": proof.faults,
        "story": list(proof.story),
        "again": proof.replay,
        "days": (played.now - played.morning).days,
        "what went wrong": str(played.faults),
        "transactions": {name: count for name, count in outcomes.items() if count},
        "power cuts": sum(day.power_cuts for day in proof.days),
        "batches closed": sum(len(day.slips) for day in proof.days),
        "merchant is owed": proof.merchant_minor,
    }
    if as_json:
        write_json(document)
    else:
        for name in ("days", "what went wrong", "transactions", "power cuts", "batches closed", "merchant is owed"):
            value = document[name]
            if isinstance(value, dict):
                value = ", ".join(f"{count} {outcome}" for outcome, count in value.items())
            typer.echo(f"{name:<17} {value}")
        for line in (*proof.faults, *proof.story) or ("the books agree",):
            typer.echo(line)
    if proof.found:
        raise typer.Exit(FAILED)


def _hunt(plan: Plan, first: int, worlds: int | None, minutes: float | None, jobs: int, *, as_json: bool) -> None:
    """Play many worlds, with progress on standard error when somebody looks."""
    import itertools

    from posterm.console.cli.output import write_json
    from simulators.world.hunt import hunt

    seeds = itertools.count(first) if worlds is None else range(first, first + worlds)
    ended, failed = 0, []
    for played in _watched(hunt(plan, seeds, jobs), worlds, minutes):
        ended += 1
        if played.fault:
            failed.append(played.seed)
            if not as_json:
                typer.echo(played.fault)
    total = ended * plan.terminals * plan.transactions
    if as_json:
        write_json({"worlds": ended, "transactions": total, "failed": sorted(failed)})
    elif failed:
        typer.echo(f"{ended} worlds, {total} transactions: the books differ in {len(failed)}: {sorted(failed)}")
    else:
        typer.echo(f"{ended} worlds, {total} transactions: the books agree in all of them")
    if failed:
        raise typer.Exit(FAILED)


def _watched(hunted: Iterator[Played], worlds: int | None, minutes: float | None) -> Iterator[Played]:
    """The worlds as they end, until the time is over, with a bar that says when that will be."""
    import time

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    began, limit_s = time.monotonic(), None if minutes is None else minutes * 60.0
    ended, bad = 0, 0
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("starting", total=worlds if limit_s is None else limit_s)
        for played in hunted:
            ended, bad = ended + 1, bad + bool(played.fault)
            passed_s = time.monotonic() - began
            rate = ended / passed_s
            said = f"{ended} worlds, {bad} bad, {rate:.1f}/s, seed {played.seed}"
            progress.update(task, completed=ended if limit_s is None else min(passed_s, limit_s), description=said)
            yield played
            if limit_s is not None and passed_s >= limit_s:
                return
