"""A load from several processes: each has its share of terminals, connections and arrivals.

They are started fresh (`spawn`), sign their terminals on, say that they are ready, and begin at one moment. The clock
they share is the machine's monotonic one. How long a load takes and who takes part is a `Plan`.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from posterm.errors import PostermError
from posterm.runtime.assembly import open_hsm
from posterm.runtime.garbage import put_off_full_collections
from posterm.unionpay.profile import load_profile
from simulators.enrolment import load_tmk
from simulators.load.arrivals import PATIENCE_S, OpenLoop, Outcome, sign_on
from simulators.load.errors import LoadError
from simulators.load.fleet import Fleet
from simulators.load.mix import Arrivals, Customers, Mix, arrival_times
from simulators.load.requests import LoadTerminal, Verdict

_HEAD_START_S: Final = 0.2
_STARTING_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A load: what, how much, how long, from how many places."""

    rate_per_s: float
    seconds: float
    mix: Mix
    arrivals: Arrivals = "poisson"
    connections: int = 64
    processes: int = 1
    seed: int = 1
    profile: str = "default"


@dataclass(frozen=True, slots=True)
class _Share:
    """What one process needs to know."""

    plan: Plan
    fleet: Fleet
    place: int
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class _Done:
    """What one process came to."""

    measured: Any
    verdicts: list[Verdict]
    bad_answers: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load has come."""

    ready: int
    """Processes whose terminals have signed on."""
    sent: int
    answered: int


def run_load(
    plan: Plan, fleet: Fleet, address: str, port: int, tell: Callable[[Progress], None] = lambda _progress: None
) -> Outcome:
    """Run a load. Raises: LoadError: a process could not do its share."""
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes = []
    for place in range(plan.processes):
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(there, _Share(plan, fleet, place, address, port)), daemon=True)
        process.start()
        there.close()
        pipes.append(here)
        processes.append(process)
    try:
        return _collect(plan, pipes, tell)
    finally:
        for process in processes:
            process.join(1.0)
            if process.is_alive():
                process.terminate()


def _collect(plan: Plan, pipes: list[Connection], tell: Callable[[Progress], None]) -> Outcome:
    for ready, pipe in enumerate(pipes, start=1):
        _receive(pipe, _STARTING_S)
        tell(Progress(ready, 0, 0))
    begin = time.perf_counter() + _HEAD_START_S
    for pipe in pipes:
        pipe.send(begin)
    total, told, unfinished = Outcome(), dict.fromkeys(pipes, (0, 0)), list(pipes)
    while unfinished:
        heard = wait(unfinished, plan.seconds + 2 * PATIENCE_S)
        if not heard:
            raise LoadError("a load process says nothing any more")
        for pipe in [pipe for pipe in unfinished if pipe in heard]:
            said = _receive(pipe, 0.0)
            if not isinstance(said, _Done):
                told[pipe] = said
                tell(
                    Progress(len(pipes), sum(sent for sent, _ in told.values()), sum(back for _, back in told.values()))
                )
            else:
                total.measured.add_packed(said.measured)
                total.verdicts += said.verdicts
                total.bad_answers += said.bad_answers
                unfinished.remove(pipe)
    return total


def _receive(pipe: Connection, patience_s: float) -> Any:
    """What a process says. Raises: LoadError: it has failed, or is gone."""
    try:
        said = pipe.recv() if not patience_s or pipe.poll(patience_s) else LoadError("a load process does not start")
    except EOFError:
        said = LoadError("a load process has died")
    if isinstance(said, PostermError):
        raise said
    return said


def _work(pipe: Connection, share: _Share) -> None:
    try:
        _load(pipe, share)
    except PostermError as error:
        pipe.send(LoadError(str(error), hint=error.hint))
    except (KeyboardInterrupt, BrokenPipeError):
        return


def _load(pipe: Connection, share: _Share) -> None:
    plan = share.plan
    profile, hsm = load_profile(plan.profile), open_hsm()
    tmk = load_tmk(hsm, profile)
    numbers = range(share.place, share.fleet.terminals, plan.processes)
    terminals = [LoadTerminal(profile, hsm, tmk, share.fleet, number) for number in numbers]
    sign_on(profile, terminals, share.address, share.port)
    seed = f"{plan.seed}/{share.place}"
    loop = OpenLoop(
        profile,
        hsm,
        terminals,
        Customers(plan.mix, f"customers/{seed}"),
        arrival_times(plan.rate_per_s / plan.processes, plan.arrivals, f"arrivals/{seed}"),
        address=share.address,
        port=share.port,
        connections=max(1, plan.connections // plan.processes),
    )
    put_off_full_collections()  # they would be taken for the host's
    pipe.send("ready")
    outcome = loop.run(pipe.recv(), plan.seconds, lambda sent, back: pipe.send((sent, back)))
    pipe.send(_Done(outcome.measured.pack(), outcome.verdicts, outcome.bad_answers))
