"""A state machine as a table of rows: state, event, next state. What is not in the table is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from posterm.merchant.errors import NotNowError


@dataclass(frozen=True, slots=True)
class Machine:
    """The states something may be in and the events that lead from one to the next.

    The first row's state is where it begins. A state without events is an end.
    """

    name: str
    initial: str
    steps: Mapping[str, Mapping[str, str]]

    def after(self, state: str, event: str) -> str:
        """The state an event leads to. Raises: NotNowError: the state does not take it, or there is no such state."""
        taken = self.steps.get(state)
        if taken is None:
            raise NotNowError(f"{self.name}: no state {state!r}")
        following = taken.get(event)
        if following is None:
            can = f"it takes {', '.join(taken)}" if taken else "it is at its end"
            raise NotNowError(f"{self.name}: {state} does not take {event}; {can}")
        return following

    def takes(self, state: str, event: str) -> bool:
        """True when the state has such an event."""
        return event in self.steps.get(state, {})

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(self.steps)

    @property
    def events(self) -> tuple[str, ...]:
        """Every event of every state, each once, in the order of the table."""
        return tuple(dict.fromkeys(event for taken in self.steps.values() for event in taken))


def machine(name: str, rows: Iterable[str]) -> Machine:
    """A machine from rows of text, `STATE event NEXT`; several states that share a row are joined with `|`.

    >>> machine("door", ["SHUT open OPEN", "OPEN shut SHUT"]).after("SHUT", "open")
    'OPEN'
    """
    steps: dict[str, dict[str, str]] = {}
    initial = ""
    for row in rows:
        froms, event, following = row.split()
        for state in froms.split("|"):
            initial = initial or state
            steps.setdefault(state, {})[event] = following
        steps.setdefault(following, {})
    return Machine(name, initial, MappingProxyType({state: MappingProxyType(taken) for state, taken in steps.items()}))
