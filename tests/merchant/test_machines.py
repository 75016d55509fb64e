"""Every event in every state of every machine: one next state, or a refusal that says what is taken."""

from __future__ import annotations

from itertools import product

import pytest

from posterm.merchant import NotNowError
from posterm.merchant.machines import MACHINES


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_an_event_leads_to_a_known_state_or_is_refused(machine):
    for state, event in product(machine.states, machine.events):
        if machine.takes(state, event):
            assert machine.after(state, event) in machine.states
        else:
            with pytest.raises(NotNowError, match=f"{state} does not take {event}"):
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
