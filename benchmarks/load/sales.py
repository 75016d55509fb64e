"""Frames of sales by stripe, with PIN block and MAC, from terminals that have signed on; made before any clock runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from posterm.host import Host, HostStore
from posterm.hsm import HsmPort
from posterm.runtime import clock
from posterm.runtime.assembly import open_host, open_hsm
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Kind
from simulators.enrolment import load_tmk
from simulators.load.arrivals import sign_on
from simulators.load.fleet import Fleet, enrol_fleet
from simulators.load.requests import LoadTerminal, Reader

PREFIX_BYTES = 2
_AMOUNT_MINOR = 12_34


def enrol(folder: Path, terminals: int, plan: str = "standard") -> Fleet:
    """A fleet in the store of the host over `folder`."""
    hsm = open_hsm()
    opened = open_host(folder / "data" / "host", get_profile("default"), hsm)
    try:
        return enrol_fleet(opened.host, hsm, opened.store, terminals, at=clock.now(), plan=plan)
    finally:
        opened.store.close()


def terminals_of(fleet: Fleet) -> list[LoadTerminal]:
    """Its terminals, which know no working keys yet."""
    profile, hsm = get_profile("default"), open_hsm()
    tmk = load_tmk(hsm, profile)
    return [LoadTerminal(profile, hsm, tmk, fleet, number) for number in range(fleet.terminals)]


def sign_on_over_tcp(terminals: Sequence[LoadTerminal], port: int) -> None:
    """Get them their working keys."""
    sign_on(get_profile("default"), terminals, "127.0.0.1", port)


def sign_on_in_process(terminals: Sequence[LoadTerminal], host: Host, store: HostStore, now: datetime) -> None:
    """Get them their working keys without a line between."""
    dialect = get_profile("default").dialect
    for terminal in terminals:
        with store.batch():
            reply = host.handle(terminal.sign_on()[PREFIX_BYTES:], now)
        assert reply.frame is not None
        terminal.take_keys(dialect.unpack(open_envelope(reply.frame).wire))


def sales(terminals: Sequence[LoadTerminal], count: int) -> list[bytes]:
    """The next `count` sales, terminal by terminal in turn, with their lengths."""
    size = len(terminals)
    return [
        terminal.pack(terminal.purchase(Kind.SALE, _AMOUNT_MINOR + number % 1000, Reader.SWIPE))
        for number in range(count)
        for terminal in (terminals[number % size],)
    ]


def declined(frames: Sequence[bytes]) -> int:
    """How many answers are no approvals."""
    dialect = get_profile("default").dialect
    return sum(dialect.unpack(open_envelope(frame).wire).get(39) != "00" for frame in frames)


def own_fleet(
    host: Host, hsm: HsmPort, store: HostStore, terminals: int, now: datetime, plan: str = "standard"
) -> list[LoadTerminal]:
    """Terminals of a host in this process, signed on."""
    found = terminals_of(enrol_fleet(host, hsm, store, terminals, at=now, plan=plan))
    sign_on_in_process(found, host, store, now)
    return found
