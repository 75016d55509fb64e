"""A host is killed while its issuers are asked: what they have approved is taken back by the host after it."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from posterm.host import Ledger
from posterm.hsm import KeyUsage
from posterm.runtime import clock
from posterm.runtime.issuer_links import IssuerAddress
from posterm.runtime.run_host import HostService, ServiceLimits, serve_until
from posterm.runtime.run_issuer import IssuerService
from posterm.runtime.store.sqlite_host import SqliteHostStore
from posterm.unionpay.key_layout import tmk_algorithm
from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import HandTerminal, seeded_hsm
from tests.host.switch_place import EAST, EAST_PAN, Issuer, open_switch
from tests.runtime.issuer_ends import Moody
from tests.runtime.killed_host import TMK, Line, NoAnswerError

TIMEOUT_S = 1.0
WAIT_S = 60.0
_CONTEXT = multiprocessing.get_context("forkserver")


def serve(path: Path, issuer_port: int, ready: Connection) -> None:
    """A host process."""
    with SqliteHostStore(path) as store:
        place = open_switch(store, signed_on=False)
        port = place.issuers[EAST].port
        port.terms = port.terms.model_copy(update={"timeout_s": TIMEOUT_S})
        limits = ServiceLimits(frame_timeout_s=1.0)
        where = [IssuerAddress(port, "127.0.0.1", issuer_port)]
        service = HostService(place.host, store, get_profile("default"), lambda *_: None, limits=limits, issuers=where)
        asyncio.run(serve_until(service, "127.0.0.1", 0, ready=ready.send))


@contextlib.contextmanager
def issuer_served(issuer: Issuer) -> Iterator[tuple[Moody, int]]:
    """The issuer on a port, in a thread of this process."""
    mood, loop = Moody(issuer.host), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    service = asyncio.run_coroutine_threadsafe(_issuer(mood, issuer), loop).result()
    try:
        yield mood, asyncio.run_coroutine_threadsafe(service.start("127.0.0.1", 0), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(service.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _issuer(mood: Moody, issuer: Issuer) -> IssuerService:
    return IssuerService(mood, issuer.store, lambda *_: None)


@contextlib.contextmanager
def host_served(path: Path, issuer_port: int) -> Iterator[tuple[multiprocessing.process.BaseProcess, HandTerminal]]:
    """A host process, and a terminal that has signed on to it."""
    here, there = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=serve, args=(path, issuer_port, there))
    process.start()
    try:
        assert here.poll(WAIT_S)
        hsm = seeded_hsm(9)
        tmk = hsm.load_clear_key(TMK, KeyUsage.KEY_ENCRYPTION, tmk_algorithm("double"))
        terminal = HandTerminal(Line(here.recv()), hsm, tmk, now=clock.now())
        assert terminal.sign_on().code == "00"
        yield process, terminal
    finally:
        process.terminate()
        process.join(WAIT_S)


def wait_for(mood: Moody, mti: str, times: int) -> None:
    waited = threading.Event()
    for _ in range(int(WAIT_S * 20)):
        if mood.heard.count(mti) >= times:
            return
        waited.wait(0.05)
    raise AssertionError(f"{times} {mti} were not heard, only {mood.heard}")


def ask(terminal: HandTerminal, amount: int) -> str:
    try:
        return terminal.send(terminal.request(Kind.SALE, amount, elements=terminal.card(EAST_PAN))).code
    except NoAnswerError:
        return "nothing"


@pytest.mark.parametrize(
    "silent",
    [pytest.param(True, id="while it waits"), pytest.param(False, marks=pytest.mark.proof, id="around the answer")],
)
def test_a_host_killed_while_it_waits_for_an_issuer_takes_everything_back(tmp_path, silent):
    path = tmp_path / "host.sqlite"
    issuer = open_switch(signed_on=False).issuers[EAST]
    with issuer_served(issuer) as (mood, issuer_port):
        with host_served(path, issuer_port) as (process, terminal):
            wait_for(mood, "0800", 2)
            code = ""
            while code != "00":  # until the keys are taken it is 91
                code = ask(terminal, 100)
            mood.silent = silent
            asking = threading.Thread(target=ask, args=(terminal, 1000))
            asking.start()
            wait_for(mood, "0200", 2)
            process.kill()
            process.join(WAIT_S)
            asking.join(WAIT_S)
        mood.silent = False
        with host_served(path, issuer_port) as (process, terminal):
            if silent:
                wait_for(mood, "0420", 1)
            code = ""
            while code != "00":
                code = ask(terminal, 10)
    with SqliteHostStore(path) as store:
        owed = -Ledger(store).account(f"network/{EAST}/156").balance
        assert Ledger(store).prove().faults == ()
        waiting = store.routes_waiting()
        assert owed in ((110,) if silent else (110, 1110))
        assert issuer.host.ledger.prove().faults == ()
        assert issuer.owes == owed + 1000 * len(waiting)
