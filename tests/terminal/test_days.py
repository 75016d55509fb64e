"""Days from a seed: any transaction, any mishap on the line, power cuts in between; at the end the books agree."""

from __future__ import annotations

import random

import pytest

from posterm.amount import Amount
from posterm.terminal import MemoryTerminalStore, OriginalReference
from posterm.terminal.receipt import SettlementSlip
from posterm.terminal.transitions import Phase, State
from posterm.unionpay.profile import get_profile
from tests.terminal.scripted_host import CASHIER, SUPERVISOR, Act, FailingStore, PowerCut, World

MISHAPS = [
    *(Act("lose-request"), Act("lose-answer"), Act("tear"), Act("not-sent"), Act("late"), Act("double")),
    *(Act("bad-mac"), Act("no-mac"), Act("garbage"), Act(code="51"), Act(code="77"), Act(code="A0"), Act(code="96")),
    *(Act(change={11: "000777"}), Act(answer_mti="0110"), Act(drop=(39,))),
]


def something(rng: random.Random, world: World) -> None:
    """One key press of a busy cashier."""
    amount = Amount(rng.randrange(1, 10_000))
    latest = OriginalReference()
    stan = rng.choice([entry.stan for entry in world.terminal.open_batch] or ["000001"])
    actions = {
        "sale": (amount,),
        "preauth": (amount,),
        "balance": (),
        "offline_sale": (amount, "VOICE1"),
        "void": (rng.choice(["", stan]), SUPERVISOR),
        "refund": (Amount(1), latest, SUPERVISOR),
        "add_preauth": (amount, latest),
        "complete": (amount, latest),
        "complete_by_notice": (amount, latest),
        "void_preauth": (latest, SUPERVISOR),
        "void_completion": ("", SUPERVISOR),
        "adjust_tip": (stan, Amount(rng.randrange(100))),
        "echo": (),
    }
    name = rng.choice(["sale"] * 4 + list(actions))
    world.do(name, *actions[name])


def make_up(world: World) -> None:
    """Put the terminal into a state in which it sells, on a good line."""
    world.host.script.clear()
    world.do("power_on")
    if world.terminal.state is State.KEYED:
        assert world.do("sign_on", "01", CASHIER).done


@pytest.mark.parametrize("name", ["default", "direct"])
@pytest.mark.parametrize("seed", range(25))
def test_at_the_end_of_any_day_terminal_and_host_have_the_same_totals(seed: int, name: str) -> None:
    rng = random.Random(seed)
    store = FailingStore(MemoryTerminalStore())
    world = World(profile=get_profile(name), store=store).ready()
    for _ in range(40):
        if rng.random() < 0.4:
            world.host.script = rng.choices(MISHAPS, k=rng.choice([1, 1, 2, 5]))
        world.printer_fails = int(rng.random() < 0.05)
        store.cut_at = store.commits + rng.randrange(1, 6) if rng.random() < 0.15 else None
        store.written = rng.random() < 0.5
        try:
            something(rng, world) if rng.random() < 0.97 else world.do("settle")
        except PowerCut:
            store.cut_at = None
            world.power_on(run=True)
        make_up(world) if world.terminal.state in (State.KEYED, State.SIGN_ON_DUE) or rng.random() < 0.1 else None
    store.cut_at = None
    make_up(world)
    assert world.do("settle").done
    assert world.terminal.phase is Phase.IDLE
    slips = [document for document in world.printed if isinstance(document, SettlementSlip)]
    for slip in slips:
        assert slip.terminal == world.host.totals(slip.batch)
