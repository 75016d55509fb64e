"""Giving up a request that was sent to an issuer: its reversal is queued, its limits are free again, 98 is on record.

That happens when the issuer has not answered in time, when the terminal reverses the request first, and to whatever a
host that died has left waiting. An answer that comes later finds the route cancelled and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from posterm.host import answers, limits
from posterm.host.case import Desk
from posterm.host.errors import HostError
from posterm.host.events import EventName, HostEvent
from posterm.host.records import RouteRecord, RouteState, TransactionRecord
from posterm.host.switch import forwards
from posterm.unionpay.network_link import Trace

NO_ANSWER: Final = "98"
STAN_MAX: Final = 999_999


def next_stan(desk: Desk) -> str:
    """DE 11 of the next message to any issuer."""
    return f"{desk.store.next_number('network-stan') % STAN_MAX + 1:06d}"


def take_back(desk: Desk, route: RouteRecord, now: datetime) -> Iterator[HostEvent]:
    """Cancel a route and queue the reversal of what it asked for."""
    desk.store.put_route(route._replace(state=RouteState.CANCELLED.value, reversal=""))
    if route.reversal:
        sent = Trace("0420", next_stan(desk), f"{now:%m%d%H%M%S}", desk.acquirer_id, desk.acquirer_id)
        reversal = forwards.unseal(desk, route.ref, route.reversal).with_elements(sent.elements)
        yield forwards.queue(desk, route.issuer, route.ref, reversal, now)


def release(desk: Desk, record: TransactionRecord) -> TransactionRecord:
    """Free the limits that a waiting request has reserved."""
    limits.release(desk.store, record)
    return record._replace(limits=(), limited_minor=0)


def give_up(desk: Desk, route: RouteRecord, now: datetime, code: str = NO_ANSWER) -> Iterator[HostEvent]:
    """Decline a request that still waits, and take it back."""
    record = desk.store.transaction(route.ref)
    if record is None:
        raise HostError(f"the transaction {route.ref} is gone")
    yield from take_back(desk, route, now)
    answer = answers.bare_elements(desk, now, code, record.rrn)
    declined = release(desk, record)._replace(code=code, declined_by="issuer", answer=answer)
    desk.store.put_transaction(declined)
    details = {"issuer": route.issuer, "transaction": route.ref, "code": code}
    yield HostEvent(EventName.ISSUER_SILENT, now, details)


def give_up_overdue(desk: Desk, now: datetime) -> tuple[HostEvent, ...]:
    """Give up everything whose deadline has come: what a host has asked for that is no more."""
    at = now.isoformat()
    overdue = [route for route in desk.store.routes_waiting() if route.deadline <= at]
    return tuple(event for route in overdue for event in give_up(desk, route, now))


def reversed_by_terminal(desk: Desk, ref: str, now: datetime) -> tuple[HostEvent, ...]:
    """A terminal has reversed a request: its issuer, if it was sent to one, hears of that too."""
    route = desk.store.route(ref)
    if route is None:
        return ()
    if route.state == RouteState.WAITING:
        return tuple(give_up(desk, route, now))
    return tuple(take_back(desk, route, now)) if route.state == RouteState.APPROVED else ()


def has_follower(desk: Desk, ref: str) -> bool:
    """True while something that acts on a request waits for the issuer."""
    return any(route.original == ref for route in desk.store.routes_waiting())
