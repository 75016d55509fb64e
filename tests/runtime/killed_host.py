"""A host in a process that can be killed, terminals by hand that load it, and what both must agree on afterwards.

A terminal here does what the link asks of one: a sale that was not answered is reversed before anything else is sent,
and a notice of an offline sale is repeated until it is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path

from posterm.host import HostStore, Ledger, Reply
from posterm.hsm import Algorithm, KeyUsage, Lmk, Pin, SoftHsm
from posterm.iso8583 import FrameDecoder, encode_frame
from posterm.runtime.host_status import HostStatus
from posterm.runtime.run_host import HostService, ServiceLimits, serve_until
from posterm.runtime.store.host_store import SQLITE_STORE, open_host_store
from posterm.runtime.store.sql_host import SqlHostStore
from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import MID, PAN, PIN, Answer, HandTerminal, new_host

ANSWER_S = 30.0
START_S = 60.0
REVERSAL = "0400"
BALANCE = 10_000_000_00
TMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.runtime.killed_host"])


class NoAnswerError(Exception):
    """The line broke, or nothing came: what was asked may have been done or not."""


@dataclass
class Line:
    """Stands where a terminal by hand expects a host, and asks the one behind a port, a connection a request."""

    port: int

    def handle(self, frame: bytes, _now: datetime) -> Reply:
        decoder = FrameDecoder()
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_S) as end:
                end.sendall(encode_frame(frame))
                while chunk := end.recv(4096):
                    if frames := decoder.feed(chunk):
                        return Reply(frames[0])
        except OSError as error:
            raise NoAnswerError from error
        raise NoAnswerError


def own_hsm() -> SoftHsm:
    return SoftHsm(Lmk.test(), os.urandom)


@dataclass(frozen=True)
class Place:
    """Where a host keeps its rows, and its folder."""

    folder: Path
    store: str = SQLITE_STORE

    def open(self) -> SqlHostStore:
        return open_host_store(self.store, self.folder)


@dataclass
class HostProcess:
    """A host in a process of its own.

    Args:
        largest_file: bytes that no file may outgrow, as on a disk that is full.
    """

    place: Place
    largest_file: int = 0
    limits: ServiceLimits = field(default_factory=ServiceLimits)
    port: int = 0
    status_port: int = 0

    def start(self, *, port: int = 0) -> None:
        """Start it and wait until it listens; port 0 takes a free one."""
        ours, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=_serve,
            args=(self.place, self.largest_file, self.limits, port, self.status_port, theirs),
            daemon=True,  # ends with a test that fails
        )
        self._process.start()
        theirs.close()
        assert ours.poll(START_S)
        self.port, self.status_port = ours.recv()
        ours.close()

    @property
    def resident_bytes(self) -> int:
        """Its memory at this moment."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text("ascii").split()[1])
        return pages * resource.getpagesize()

    def kill(self) -> None:
        """SIGKILL, whatever it is doing."""
        self._process.kill()
        self._process.join(START_S)
        assert self._process.exitcode == -signal.SIGKILL

    def stop(self) -> None:
        """SIGTERM, and wait for a good end."""
        self._process.terminate()
        self._process.join(START_S)
        assert self._process.exitcode == 0


def _serve(
    place: Place, largest_file: int, limits: ServiceLimits, port: int, status_port: int, ready: Connection
) -> None:
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    with place.open() as store:
        profile = get_profile("default")
        service = HostService(
            new_host(store, own_hsm(), profile), store, profile, lambda _event, _peer: None, limits=limits
        )
        asyncio.run(_serve_watched(service, port, status_port, ready))


async def _serve_watched(service: HostService, port: int, status_port: int, ready: Connection) -> None:
    status = HostStatus(service)
    watched_at = await status.start("127.0.0.1", status_port)
    try:
        await serve_until(service, "127.0.0.1", port, ready=lambda bound: ready.send((bound, watched_at)))
    finally:
        await status.stop()


@dataclass
class Till:
    """One terminal, what it asked, and what it was answered."""

    terminal: HandTerminal
    chance: random.Random
    asked: dict[str, int] = field(default_factory=dict)
    """Amounts by trace number, of all requests that may stand in the ledger."""
    stands: dict[str, int] = field(default_factory=dict)
    """Those answered with an approval and not reversed."""
    unanswered: tuple[str, Answer] | None = None
    answers: int = 0

    def work(self, port: int, until: threading.Event, answered: threading.Event) -> None:
        """Trade until told to stop, or until the host is gone."""
        self.terminal.host = Line(port)  # type: ignore[assignment]
        with contextlib.suppress(NoAnswerError):
            while not until.is_set():
                self.settle_unanswered()
                self._trade()
                answered.set()
        answered.set()

    def settle_unanswered(self) -> None:
        """Learn how the last request ended: reverse a sale, repeat a notice. Raises: NoAnswerError."""
        if self.unanswered is None:
            return
        what, asked = self.unanswered
        if what == "notice":
            self._take(self.terminal.repeat())
        else:
            answer = self.terminal.reverse(asked)
            assert answer.code in ("00", "25"), answer.code
        self.unanswered = None

    def _trade(self) -> None:
        amount = self.chance.randint(1, 500)
        stan = f"{self.terminal.next_stan:06d}"
        self.asked[stan] = amount
        notice = self.chance.random() < 0.3
        kind = Kind.OFFLINE_SALE if notice else Kind.SALE
        try:
            self._take(self.terminal.offline_sale(amount) if notice else self.terminal.sale(amount))
        except NoAnswerError:
            request = self.terminal.request(kind, amount, stan=stan)
            self.unanswered = ("notice" if notice else "sale", Answer(request, stan, Reply(None), None))
            raise

    def _take(self, answer: Answer) -> None:
        self.answers += 1
        if answer.code == "00":
            stan = answer.stan
            self.stands[stan] = self.asked[stan]


def open_tills(place: Place, count: int, seed: int) -> list[Till]:
    """Found a host with terminals that have signed on, and a card with money."""
    tills = []
    with place.open() as store, store.batch():
        hsm = own_hsm()
        host = new_host(store, hsm)
        tmk = hsm.load_clear_key(TMK, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
        host.enrol_merchant(MID, "posterm test shop")
        host.enrol_card(PAN, Pin(PIN), balance=BALANCE)
        for number in range(count):
            terminal = HandTerminal(host, hsm, tmk, terminal_id=f"2{number:07d}")
            host.enrol_terminal(terminal.terminal_id, MID, tmk)
            assert terminal.sign_on().code == "00"
            tills.append(Till(terminal, random.Random(f"{seed} {number}")))
    return tills


@contextlib.contextmanager
def at_work(tills: list[Till], port: int) -> Iterator[threading.Event]:
    """All tills trade. Yields: set when one of them has been answered, or given up."""
    until, answered = threading.Event(), threading.Event()
    threads = [threading.Thread(target=till.work, args=(port, until, answered)) for till in tills]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        until.set()
        for thread in threads:
            thread.join(ANSWER_S * 2)
            assert not thread.is_alive()


def compare(place: Place, tills: list[Till]) -> None:
    """What was answered is in the ledger; what is in the ledger was asked for, and is there once."""
    with place.open() as store:
        ledger = Ledger(store)
        assert ledger.prove().faults == ()
        for till in tills:
            _compare_one(store, till)
        standing = sum(
            record.posted_minor
            for till in tills
            for record in store.transactions_in_batch(till.terminal.terminal_id, till.terminal.batch)
            if record.stands
        )
        (card,) = (each for each in store.accounts() if each.account_id.startswith("card/"))
        assert ledger.account(card.account_id).balance == BALANCE - standing


def _compare_one(store: HostStore, till: Till) -> None:
    terminal = till.terminal
    requests = store.transactions_in_batch(terminal.terminal_id, terminal.batch)
    records = {each.stan: each for each in requests if each.mti != REVERSAL}
    assert len(records) + sum(each.mti == REVERSAL for each in requests) == len(requests)
    open_stan = till.unanswered[1].stan if till.unanswered is not None else ""
    for stan, amount in till.stands.items():
        record = records[stan]
        assert record.stands, f"answered and lost: {terminal.terminal_id} {stan}"
        assert record.posted_minor == amount
    for stan, record in records.items():
        assert record.amount_minor == till.asked[stan], f"never asked for: {terminal.terminal_id} {stan}"
        if record.stands and stan != open_stan:
            assert stan in till.stands, f"stands and was not answered: {terminal.terminal_id} {stan}"
