"""The two state tables, written down a second time as arrows; what has no arrow here must be refused there.

Source: Q/CUP 009 terminal behaviour as restated by acquirer terminal specifications.
"""

from __future__ import annotations

import itertools

import pytest

from posterm.amount import Amount
from posterm.terminal import MemoryTerminalStore, OriginalReference, Outcome
from posterm.terminal.errors import TerminalError
from posterm.terminal.records import PendingReversal
from posterm.terminal.transitions import (
    EXCHANGE,
    LIFECYCLE,
    SETTLEMENT_STATES,
    Event,
    Happening,
    Phase,
    Refused,
    State,
)
from tests.terminal.scripted_host import CASHIER, COMPONENTS, MANAGER, SUPERVISOR, World

LIFECYCLE_ARROWS = """
new                 keys-injected          keyed
new                 sign-on-demanded       new

keyed               keys-injected          keyed
keyed               sign-on-requested      keyed
keyed               sign-on-accepted       signed-on
keyed               sign-on-rejected       keyed
keyed               sign-on-demanded       keyed
keyed               signed-off             keyed

signed-on           keys-injected          keyed
signed-on           sign-on-requested      signed-on
signed-on           sign-on-accepted       signed-on
signed-on           sign-on-rejected       sign-on-due
signed-on           sign-on-demanded       sign-on-due
signed-on           signed-off             keyed
signed-on           transaction-requested  signed-on
signed-on           settlement-requested   settling
signed-on           captured-by-host       batch-closed

sign-on-due         keys-injected          keyed
sign-on-due         sign-on-requested      sign-on-due
sign-on-due         sign-on-accepted       signed-on
sign-on-due         sign-on-rejected       sign-on-due
sign-on-due         sign-on-demanded       sign-on-due
sign-on-due         signed-off             keyed

settling            sign-on-demanded       settling
settling            settlement-requested   settling
settling            settlement-failed      signed-on
settling            totals-equal           uploading-equal
settling            totals-different       uploading-different

uploading-equal     sign-on-demanded       uploading-equal
uploading-equal     settlement-requested   uploading-equal
uploading-equal     settlement-failed      uploading-equal
uploading-equal     totals-equal           uploading-equal
uploading-equal     upload-ended           batch-closed

uploading-different sign-on-demanded       uploading-different
uploading-different settlement-requested   uploading-different
uploading-different settlement-failed      uploading-different
uploading-different totals-different       uploading-different
uploading-different upload-ended           batch-closed

batch-closed        sign-on-demanded       batch-closed
batch-closed        settlement-requested   batch-closed
batch-closed        captured-by-host       batch-closed
batch-closed        upload-ended           batch-closed
batch-closed        slip-printed           signed-on

keyed               training-started       training
signed-on           training-started       training
sign-on-due         training-started       training
training            training-ended         keyed
"""

EXCHANGE_ARROWS = """
idle             stored                awaiting-answer
idle             power-restored        idle
idle             late-answer           idle

awaiting-answer  not-sent              idle
awaiting-answer  approved              completing
awaiting-answer  declined              idle
awaiting-answer  unanswered            reversing
awaiting-answer  bad-mac               reversing
awaiting-answer  power-restored        reversing
awaiting-answer  late-answer           awaiting-answer

awaiting-answer  result-unknown        polling

polling          not-sent              polling
polling          approved              completing
polling          declined              idle
polling          unanswered            reversing
polling          bad-mac               polling
polling          power-restored        reversing
polling          late-answer           polling
polling          result-unknown        polling

completing       completed             idle
completing       could-not-complete    reversing
completing       power-restored        reversing
completing       late-answer           completing

reversing        not-sent              reversing
reversing        approved              reversing
reversing        declined              reversing
reversing        unanswered            reversing
reversing        bad-mac               reversing
reversing        could-not-complete    reversing
reversing        power-restored        reversing
reversing        reversal-acknowledged idle
reversing        reversal-unanswered   reversing
reversing        late-answer           reversing
reversing        result-unknown        reversing
"""


def arrows(text: str) -> dict[tuple[str, str], str]:
    rows = [line.split() for line in text.splitlines() if line]
    return {(state, event): target for state, event, target in rows}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_event_in_every_lifecycle_state_has_a_defined_result(state: State, event: Event) -> None:
    target = LIFECYCLE[state][event]
    expected = arrows(LIFECYCLE_ARROWS).get((state, event))
    assert (None if isinstance(target, Refused) else target) == expected


@pytest.mark.parametrize(("phase", "happening"), list(itertools.product(Phase, Happening)))
def test_every_happening_in_every_exchange_phase_has_a_defined_result(phase: Phase, happening: Happening) -> None:
    target = EXCHANGE[phase][happening]
    expected = arrows(EXCHANGE_ARROWS).get((phase, happening))
    assert (None if isinstance(target, Refused) else target) == expected


def test_the_arrows_name_only_what_exists() -> None:
    assert {state for state, _ in arrows(LIFECYCLE_ARROWS)} == set(State)
    assert {phase for phase, _ in arrows(EXCHANGE_ARROWS)} == set(Phase)


def test_every_refusal_says_why() -> None:
    refusals = [t for table in (LIFECYCLE, EXCHANGE) for row in table.values() for t in row.values()]
    assert all(t.reason for t in refusals if isinstance(t, Refused))


def test_every_state_can_be_left_and_reached() -> None:
    for table, start in ((arrows(LIFECYCLE_ARROWS), State.NEW), (arrows(EXCHANGE_ARROWS), Phase.IDLE)):
        reached = {str(start)}
        for _ in table:
            reached |= {target for (state, _), target in table.items() if state in reached}
        assert reached == {state for state, _ in table}
        assert all(any(target != state for (s, _), target in table.items() if s == state) for state in reached)


def in_state(state: State) -> World:
    """A terminal with keys, in that state."""
    world = World(store=MemoryTerminalStore())
    if state is not State.NEW:
        world.ready()
    draft = world.terminal._ctx.memory.draft()
    draft.set(state=state)
    world.terminal._ctx.memory.commit(draft)
    world.power_on()
    return world


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_a_refused_event_changes_nothing(state: State, event: Event) -> None:
    context = in_state(state).terminal._ctx
    if context.refusal(event) is None:
        return
    draft = context.memory.draft()
    with pytest.raises(TerminalError):
        context.fire(draft, event)
    assert draft.registers is context.memory.registers


@pytest.mark.parametrize(("phase", "happening"), list(itertools.product(Phase, Happening)))
def test_a_refused_happening_changes_nothing(phase: Phase, happening: Happening) -> None:
    if not isinstance(EXCHANGE[phase][happening], Refused):
        return
    context = in_state(State.SIGNED_ON).terminal._ctx
    draft = context.memory.draft()
    before = None if phase is Phase.IDLE else PendingReversal("000001", "000002", "", phase)
    draft.reversal = before
    with pytest.raises(TerminalError):
        context.happen(draft, happening)
    assert draft.reversal is before


def test_a_second_transaction_is_not_stored_over_one_in_flight() -> None:
    context = in_state(State.SIGNED_ON).terminal._ctx
    for phase in (Phase.AWAITING_ANSWER, Phase.POLLING, Phase.COMPLETING, Phase.REVERSING):
        draft = context.memory.draft()
        draft.reversal = first = PendingReversal("000001", "000002", "", phase)
        with pytest.raises(TerminalError, match="not resolved"):
            context.begin_exchange(draft, PendingReversal("000001", "000003", ""))
        assert draft.reversal is first


KEYS_OF_A_CASHIER = {
    "sale": (Amount(100),),
    "preauth": (Amount(100),),
    "balance": (),
    "offline_sale": (Amount(100), "VOICE1"),
    "void": ("000002", SUPERVISOR),
    "refund": (Amount(100), OriginalReference(rrn="060100000002", date="0601"), SUPERVISOR),
}


@pytest.mark.parametrize("name", KEYS_OF_A_CASHIER)
@pytest.mark.parametrize("state", [State.NEW, State.KEYED, *sorted(SETTLEMENT_STATES)])
def test_a_refused_transaction_asks_for_nothing_sends_nothing_and_stores_nothing(state: State, name: str) -> None:
    world = in_state(state)
    before = sorted(map(str, world.store.load()))
    world.effects.clear()
    assert world.do(name, *KEYS_OF_A_CASHIER[name]).outcome is Outcome.REFUSED
    assert world.effects == []
    assert sorted(map(str, world.store.load())) == before


@pytest.mark.parametrize("state", sorted(SETTLEMENT_STATES))
def test_in_a_settlement_nobody_signs_on_or_off_or_changes_keys(state: State) -> None:
    world = in_state(state)
    world.effects.clear()
    assert not world.do("sign_on", "01", CASHIER).done
    assert not world.do("sign_off").done
    with pytest.raises(TerminalError):
        world.terminal.inject_tmk(COMPONENTS, password=MANAGER)
    assert world.effects == []


@pytest.mark.parametrize("state", [State.NEW, State.KEYED])
def test_a_terminal_that_is_not_signed_on_does_not_settle(state: State) -> None:
    world = in_state(state)
    world.effects.clear()
    assert not world.do("settle").done
    assert world.effects == []
