"""Days that go wrong in every way, from a seed, and three books that must agree in the evening.

A failing seed is in the test's name and in the error; `World(seed, …)` plays the same day again.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from posterm.host import EventName, reversal
from posterm.host.reversal import Undone
from posterm.iso8583 import Message
from posterm.terminal import Outcome, notices
from posterm.terminal.records import Delivery
from posterm.unionpay.transactions import Entry, Kind
from simulators.network import Faults
from simulators.world import World, WorldError

ROUGH = Faults(
    refuse=0.02,
    drop=0.05,
    duplicate=0.05,
    late=0.05,
    tear=0.03,
    printer_fails=0.02,
    power_cut=0.002,
    card_withdrawn=0.01,
)
LOSSY = Faults(drop=0.08, duplicate=0.08, late=0.08)


def test_a_quiet_day_ends_with_equal_books_and_no_reversal() -> None:
    world = World(seed=1, terminals=2, faults=Faults())
    world.run(transactions=80)
    proof = world.proof()
    proof.check()
    assert sum(day.count(Outcome.APPROVED) for day in proof.days) > 80
    assert all(day.count(Outcome.REVERSED) == 0 for day in proof.days)


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_transactions_over_a_lossy_line_end_with_equal_books(seed: int) -> None:
    world = World(seed, terminals=4, faults=LOSSY)
    world.run(transactions=250)
    proof = world.proof()
    proof.check()
    assert sum(len(day.results) for day in proof.days) == 1000
    # The day was rough enough to mean something.
    assert sum(day.told.get("near-miss", 0) for day in proof.days) > 0
    assert sum(day.count(Outcome.REVERSED) for day in proof.days) > 20


@pytest.mark.parametrize("profile", ["default", "direct"])
@pytest.mark.parametrize("seed", range(100, 112))
def test_power_cuts_and_broken_printers_cost_nobody_money(seed: int, profile: str) -> None:
    world = World(seed, terminals=2, faults=ROUGH, profile=profile)
    world.run(transactions=60)
    world.proof().check()


def test_a_day_has_chips_and_taps_and_electronic_cash_among_its_sales() -> None:
    world = World(seed=4, terminals=2, faults=Faults(card_withdrawn=0.02))
    world.run(transactions=70)
    proof = world.proof()
    proof.check()
    approved = [result.entry for day in proof.days for result in day.results if result.approved and result.entry]
    assert {entry.entry for entry in approved} >= {Entry.CHIP, Entry.CONTACTLESS, Entry.STRIPE, Entry.KEYED}
    assert Kind.CHIP_OFFLINE_SALE in {entry.kind for entry in approved}
    assert sum(day.told.get("could-not-finish", 0) for day in proof.days) > 0


def test_the_same_seed_gives_the_same_day() -> None:
    def play() -> list[tuple[str, str, str]]:
        world = World(seed=5, terminals=2, faults=ROUGH)
        world.run(transactions=40)
        return [(result.kind, result.outcome, result.stan) for day in world.proof().days for result in day.results]

    assert play() == play()


def test_every_terminal_settles_its_own_batch() -> None:
    world = World(seed=9, terminals=3, faults=LOSSY)
    world.run(transactions=30)
    assert [day.batch for day in world.proof().days] == ["000001"] * 3
    assert all(world.terminal(number).batch == "000002" for number in range(3))


def test_the_world_finds_a_host_that_forgets_reversals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reversal, "undo", lambda _case: Undone("00", EventName.REVERSED))
    with pytest.raises(WorldError, match="seed 3"):
        _run_until_a_fault(3)


def test_the_world_finds_a_terminal_that_drops_its_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(ctx: object, entry: object, *_answer: object) -> object:
        return replace(entry, delivery=Delivery.REFUSED)  # type: ignore[type-var]

    monkeypatch.setattr(notices, "answered", forget)
    with pytest.raises(WorldError, match="seed 4"):
        _run_until_a_fault(4)


def test_the_world_finds_a_terminal_that_gives_a_reversal_a_new_trace_number(monkeypatch: pytest.MonkeyPatch) -> None:
    from posterm.terminal import reversal as sending

    original = sending._message

    def renumbered(*arguments: object) -> Message:
        message = original(*arguments)  # type: ignore[arg-type]
        return message.with_elements({11: f"{int(message[11]) % 999_999 + 500_000:06d}"})

    monkeypatch.setattr(sending, "_message", renumbered)
    with pytest.raises(WorldError, match="seed 6"):
        _run_until_a_fault(6)


def _run_until_a_fault(seed: int) -> None:
    world = World(seed, terminals=2, faults=LOSSY)
    world.run(transactions=80)
    world.proof().check()
