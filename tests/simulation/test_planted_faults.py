"""The world finds what is planted: each fault in the rules of terminal and host within a few seeds."""

from __future__ import annotations

import pytest

from simulators.world import Habits, World
from tests.simulation.planted_faults import PLANTED, PlantedFault

SEEDS = 20
"""A fault that hides longer than this from a hundred transactions at each of two terminals is not found."""

IN_EVERY_RUN = frozenset(
    {
        "the host forgets a reversal that overtakes its sale",
        "the host answers before the commit",
        "the host counts debit cards under the limits of credit cards",
        "the host keeps the hold of a completed authorisation",
        "the host leaves a voided sale in its limits",
        "the host lets a limit be exceeded",
        "the host lets an order be paid that was closed",
        "the terminal keeps its reversal in memory only",
        "the terminal takes any answer for its own",
        "the terminal takes an undecided payment for a decline",
    }
)


def seeds_until_found(planted: PlantedFault) -> int:
    """How many worlds it took. Raises: AssertionError: none of them found it."""
    for seed in range(SEEDS):
        plan = "micro" if seed % 2 else "standard"
        world = World(seed, terminals=2, faults=planted.faults, habits=Habits(closed_for_days=0.02, plan=plan))
        world.run(transactions=100)
        if world.proof().found:
            return seed + 1
    raise AssertionError(f"{planted.name}: {SEEDS} worlds, and the books agree")


def _found(planted: PlantedFault, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.plant(monkeypatch)
    seeds_until_found(planted)


@pytest.mark.parametrize("planted", [p for p in PLANTED if p.name in IN_EVERY_RUN], ids=lambda planted: planted.name)
def test_the_world_finds_out_that(planted: PlantedFault, monkeypatch: pytest.MonkeyPatch) -> None:
    _found(planted, monkeypatch)


@pytest.mark.proof
@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_the_world_finds_every_planted_fault(planted: PlantedFault, monkeypatch: pytest.MonkeyPatch) -> None:
    _found(planted, monkeypatch)


def test_every_planted_fault_of_every_run_is_on_the_list() -> None:
    assert {planted.name for planted in PLANTED} >= IN_EVERY_RUN
