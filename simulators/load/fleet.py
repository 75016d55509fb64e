"""The fleet of one run: merchants, terminals and cards, as the host enrols them.

Each run has a number of its own, drawn from the host's store, and so terminals, cards and merchants that nobody used
before: trace numbers and chip counters start at 1, and what their merchants have earned is what the run did. One card
belongs to each terminal. Card numbers are 6222020, the run, the card and a check digit; TMKs are the test TMK.

Leaves out credit cards and limits: a plan is chosen with the fleet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from posterm.host import Host, HostStore
from posterm.hsm import HsmPort, Pin
from posterm.sensitive import Pan, luhn_valid
from simulators.enrolment import enrol_issuers, load_tmk

MAX_RUNS: Final = 999
MAX_TERMINALS: Final = 99_999
TERMINALS_PER_MERCHANT: Final = 10
BALANCE_MINOR: Final = 10**11
SERVICE_CODE: Final = "201"
EXPIRY: Final = "3012"

_RUNS: Final = "load-run"
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Fleet:
    """Who takes part in a run; members are numbered from 0."""

    run: int
    terminals: int
    batch: str = "000001"

    @property
    def merchants(self) -> int:
        return -(-self.terminals // TERMINALS_PER_MERCHANT)

    def terminal_id(self, number: int) -> str:
        return f"{self.run:03d}{number:05d}"

    def merchant_id(self, number: int) -> str:
        """The merchant at whose counter a terminal stands."""
        return f"898LOAD{self.run:03d}{number // TERMINALS_PER_MERCHANT:05d}"

    @property
    def merchant_ids(self) -> tuple[str, ...]:
        return tuple(self.merchant_id(number) for number in range(0, self.terminals, TERMINALS_PER_MERCHANT))

    def pan(self, number: int) -> Pan:
        digits = f"6222020{self.run:03d}{number:08d}"
        return next(Pan(digits + last) for last in "0123456789" if luhn_valid(digits + last))

    def pin(self, number: int) -> Pin:
        """Six digits that differ from card to card."""
        return Pin(f"{(self.run * 7_919 + number * 104_729) % 10**6:06d}")

    def track2(self, number: int) -> str:
        return f"{self.pan(number).reveal()}={EXPIRY}{SERVICE_CODE}{number:011d}"[:37]


def enrol_fleet(
    host: Host,
    hsm: HsmPort,
    store: HostStore,
    terminals: int,
    *,
    at: datetime,
    plan: str = "standard",
    enrolled: Callable[[int], None] = lambda _number: None,
) -> Fleet:
    """Enrol a fleet that is new to the host.

    Args:
        terminals: 1 to 99,999.
        plan: the terms of its merchants.
        enrolled: told how many terminals are done.
    Raises: EnrolmentError, StoreError, and ValueError when all runs have had their number.
    """
    if not 1 <= terminals <= MAX_TERMINALS:
        raise ValueError(f"a fleet has 1 to {MAX_TERMINALS} terminals, not {terminals}")
    with store.batch():
        run = store.next_number(_RUNS)
    if run > MAX_RUNS:
        raise ValueError(f"this store has had {MAX_RUNS} loads; use a new one")
    fleet = Fleet(run, terminals)
    tmk = load_tmk(hsm, host.profile)
    with store.batch():
        enrol_issuers(host, hsm)
        for merchant_id in fleet.merchant_ids:
            host.enrol_merchant(merchant_id, f"load {run}", plan=plan)
    for first in range(0, terminals, _AT_ONCE):
        with store.batch():
            for number in range(first, min(first + _AT_ONCE, terminals)):
                host.enrol_terminal(fleet.terminal_id(number), fleet.merchant_id(number), tmk)
                host.enrol_card(fleet.pan(number), fleet.pin(number), balance=BALANCE_MINOR, expiry=EXPIRY, at=at)
        enrolled(min(first + _AT_ONCE, terminals))
    return fleet
