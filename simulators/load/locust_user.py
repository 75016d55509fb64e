"""A user class for Locust: each user is a terminal with a connection of its own, and asks one thing after the other.

What it needs to know stands in the environment, the same on every machine that loads:

    POSTERM_LOAD_STORE       the host's store: its folder, or a `postgresql://` address; posterm-data/host when left out
    POSTERM_LOAD_PROFILE     the acquirer profile; `default` when left out
    POSTERM_LOAD_TERMINALS   terminals that each process enrols at most, one for each of its users; 1000 when left out

The host is loaded at Locust's `--host address:port`. Users wait for their answers: this is a closed loop, whose
latencies are those of so many patient people. `posterm load` is the open one.

Source: Locust documentation, testing other systems.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from locust import User, constant, task
from locust.exception import StopUser

from posterm.iso8583 import Message
from posterm.runtime import clock
from posterm.runtime.assembly import open_host, open_hsm
from posterm.runtime.store.host_store import SQLITE_STORE
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.profile import AcquirerProfile, load_profile
from posterm.unionpay.transactions import Kind
from simulators.enrolment import load_tmk
from simulators.load.errors import LinkBrokenError
from simulators.load.fleet import enrol_fleet
from simulators.load.lockstep import connect, exchange
from simulators.load.mix import AMOUNTS_MINOR
from simulators.load.requests import Asked, LoadTerminal, Reader

STORE: Final = "POSTERM_LOAD_STORE"
PROFILE: Final = "POSTERM_LOAD_PROFILE"
TERMINALS: Final = "POSTERM_LOAD_TERMINALS"
_POSTGRES: Final = "postgresql://"


@cache
def the_profile() -> AcquirerProfile:
    """The acquirer profile of this process."""
    return load_profile(os.environ.get(PROFILE, "default"))


@cache
def terminals_of_this_process() -> Iterator[LoadTerminal]:
    """The terminals of this process, enrolled when the first user asks."""
    where, count = os.environ.get(STORE, "posterm-data/host"), int(os.environ.get(TERMINALS, "1000"))
    folder, name = (Path(), where) if where.startswith(_POSTGRES) else (Path(where), SQLITE_STORE)
    hsm = open_hsm()
    opened = open_host(folder, the_profile(), hsm, store_name=name)
    try:
        fleet = enrol_fleet(opened.host, hsm, opened.store, count, at=clock.now())
    finally:
        opened.store.close()
    tmk = load_tmk(hsm, the_profile())
    return iter([LoadTerminal(the_profile(), hsm, tmk, fleet, number) for number in range(count)])


class PosTerminalUser(User):
    """Sales by stripe, chip and tap, each tenth of them voided. Derive from it to ask for something else."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Take a terminal and sign on."""
        terminal = next(terminals_of_this_process(), None)
        if terminal is None:
            raise StopUser
        address, _, port = str(self.host or "127.0.0.1:8583").removeprefix("tcp://").rpartition(":")
        self.terminal = terminal
        self.connection = connect(address or "127.0.0.1", int(port))
        terminal.take_keys(self._exchange(terminal.sign_on()))

    def on_stop(self) -> None:
        """Hang up."""
        if hasattr(self, "connection"):
            self.connection.close()

    @task(9)
    def sale(self) -> None:
        """A sale."""
        self.buy()

    def buy(self) -> Asked:
        """A sale with a reader and an amount by chance."""
        reader, amount = random.choice(tuple(Reader)), random.randint(*AMOUNTS_MINOR)
        return self.ask(self.terminal.purchase(Kind.SALE, amount, reader))

    @task(1)
    def sale_and_void(self) -> None:
        """A sale, and its void when it was approved."""
        sale = self.buy()
        if sale.approved:
            self.ask(self.terminal.void(sale))

    def ask(self, asked: Asked) -> Asked:
        """Send a request, wait for the answer, and let Locust count it."""
        frame, fault, began = self.terminal.pack(asked), None, time.perf_counter()
        try:
            answer = self._exchange(frame)
            asked.code, asked.rrn, asked.auth_code = (str(answer.get(number, "")) for number in (39, 37, 38))
            if not asked.approved:
                fault = LinkBrokenError(f"answered {asked.code}")
        except LinkBrokenError as error:
            fault = error
        self.environment.events.request.fire(
            request_type="posterm",
            name=asked.deed,
            response_time=(time.perf_counter() - began) * 1000,
            response_length=0,
            exception=fault,
            context={},
        )
        return asked

    def _exchange(self, frame: bytes) -> Message:
        return the_profile().dialect.unpack(open_envelope(exchange(self.connection, frame)).wire)
