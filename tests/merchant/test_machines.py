"""Every event in every state of every machine: one next state, or a refusal that says what is taken."""

from __future__ import annotations

import pytest

from posterm.merchant import NotNowError
from posterm.merchant.machines import MACHINES

CASES = [(machine, state, event) for machine in MACHINES for state in machine.states for event in machine.events]


@pytest.mark.parametrize(("machine", "state", "event"), CASES, ids=lambda value: getattr(value, "name", value))
def test_an_event_leads_to_a_known_state_or_is_refused(machine, state, event):
    if machine.takes(state, event):
        assert machine.after(state, event) in machine.states
    else:
        with pytest.raises(NotNowError, match=state):
            machine.after(state, event)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_is_reached_from_the_first(machine):
    reached, new = set(), {machine.initial}
    while new:
        reached |= new
        new = {following for state in new for following in machine.steps[state].values()} - reached
    assert reached == set(machine.states)


def test_machines_have_names_of_their_own():
    names = [machine.name for machine in MACHINES]
    assert len(set(names)) == len(names)


def test_an_unknown_state_is_refused():
    with pytest.raises(NotNowError, match="no state 'NOWHERE'"):
        MACHINES[0].after("NOWHERE", "reach")
