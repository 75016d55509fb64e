"""Many worlds, one seed each, on all cores: a hunt for one whose books do not agree."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

from simulators.network import Faults
from simulators.world.world import World, WorldError

AHEAD: Final = 2
"""Worlds handed to each core before it asks for them."""


APART_EVERY: Final = 5
"""One world in so many has an issuer apart, unless a plan says otherwise: those whose seeds it divides."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What all worlds of a hunt have in common. `transactions` are those of each terminal."""

    terminals: int = 2
    transactions: int = 250
    faults: Faults | None = None
    profile: str = "default"
    issuer_apart: bool | None = None

    def world(self, seed: int) -> World:
        """The world of one seed, before its first day."""
        apart = self.issuer_apart
        return World(
            seed,
            terminals=self.terminals,
            faults=self.faults,
            profile=self.profile,
            issuer_apart=seed % APART_EVERY == 0 if apart is None else apart,
        )


@dataclass(frozen=True, slots=True)
class Played:
    """How one world ended; `fault` is the whole story, empty when its books agree."""

    seed: int
    transactions: int
    seconds: float
    fault: str = ""


def play(plan: Plan, seed: int) -> Played:
    """Play one world and inspect its books. A core that raises what it must not is a fault like any other."""
    began, fault = time.perf_counter(), ""
    world = plan.world(seed)
    try:
        world.run(plan.transactions)
        world.proof().check()
    except WorldError as error:
        fault = str(error)
    except Exception as error:  # whatever it is, the seed is worth knowing
        fault = f"seed {seed}: {type(error).__name__}: {error}\nagain: {world.replay}"
    return Played(seed, plan.terminals * plan.transactions, time.perf_counter() - began, fault)


def hunt(plan: Plan, seeds: Iterable[int], jobs: int = 0) -> Iterator[Played]:
    """Play a world for each seed, which may go on without end, in the order in which they are done.

    Args:
        jobs: processes; 0 for one on each core.
    """
    jobs = jobs or os.cpu_count() or 1
    rest = iter(seeds)
    with ProcessPoolExecutor(jobs) as pool:
        running: set[Future[Played]] = set()
        try:
            while True:
                wanted = jobs * AHEAD - len(running)
                running |= {pool.submit(play, plan, seed) for seed in itertools.islice(rest, wanted)}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        finally:
            for future in running:
                future.cancel()
