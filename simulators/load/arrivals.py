"""Open loop: each request is sent when it is due, whether or not the host has answered those before.

One process does this for its share of the terminals, over its share of the connections. A request is built before it is
due, so that building it is no part of its latency. A terminal has one request on the way at a time, as terminals do;
when all are waiting, the next request is late, and its latency counts from when it was due.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from posterm.hsm import HsmPort
from posterm.iso8583 import UnpackError
from posterm.unionpay.envelope import Sealer, frame_decoder, open_envelope
from posterm.unionpay.errors import LinkError, MacFailureError
from posterm.unionpay.profile import AcquirerProfile
from posterm.unionpay.transactions import Kind
from simulators.load.errors import LinkBrokenError
from simulators.load.lockstep import connect, exchange
from simulators.load.measured import Measured
from simulators.load.mix import Customers, Draw
from simulators.load.requests import Asked, LoadTerminal, Verdict

PATIENCE_S: Final = 30.0
"""How long answers are waited for once the last request was sent."""

_READ_BYTES: Final = 65_536
_SHORT_SLEEP_S: Final = 0.0001
_COARSE_S: Final = 0.002
_SALES_KEPT: Final = 1_000
_TELL_EVERY_S: Final = 0.25
_PURCHASES: Final = {"sale": Kind.SALE, "preauth": Kind.PREAUTH, "balance": Kind.BALANCE}

_Key = tuple[str, str]
"""Terminal and trace number, as an answer names them."""


@dataclass(slots=True)
class _OnTheWay:
    asked: Asked
    due_s: float
    sent_s: float


@dataclass(slots=True)
class Outcome:
    """What a share of a load came to."""

    measured: Measured = field(default_factory=Measured)
    verdicts: list[Verdict] = field(default_factory=list)
    bad_answers: int = 0
    """Answers that do not unpack, carry a wrong MAC, or answer nothing."""


def sign_on(profile: AcquirerProfile, terminals: Sequence[LoadTerminal], address: str, port: int) -> None:
    """Get every terminal its working keys. Raises: LinkBrokenError: one is refused."""
    connection = connect(address, port)
    try:
        for terminal in terminals:
            answer = profile.dialect.unpack(open_envelope(exchange(connection, terminal.sign_on())).wire)
            if answer.get(39) != "00":
                raise LinkBrokenError(f"terminal {terminal.terminal_id} may not sign on: {answer.get(39)}")
            terminal.take_keys(answer)
    finally:
        connection.close()


class OpenLoop:
    """One process's share of a load.

    Args:
        customers: what is asked.
        due: when, in seconds from the start, growing.
    Raises: LinkBrokenError: no connection can be made.
    """

    def __init__(
        self,
        profile: AcquirerProfile,
        hsm: HsmPort,
        terminals: Sequence[LoadTerminal],
        customers: Customers,
        due: Iterator[float],
        *,
        address: str,
        port: int,
        connections: int,
    ) -> None:
        self._profile = profile
        self._sealer = Sealer(profile, hsm)
        self._terminals = {terminal.number: terminal for terminal in terminals}
        self._idle = deque(terminals)
        self._customers = customers
        self._due = due
        self._sales: deque[Asked] = deque(maxlen=_SALES_KEPT)
        self._poll = select.epoll()
        self._connections = [connect(address, port) for _ in range(connections)]
        self._by_number = {connection.fileno(): connection for connection in self._connections}
        self._decoders = {number: frame_decoder(profile) for number in self._by_number}
        for number in self._by_number:
            self._poll.register(number, select.EPOLLIN)
        self._on_the_way: dict[_Key, _OnTheWay] = {}
        self._begun = 0.0
        self._asked: list[Asked] = []
        self.outcome = Outcome()

    def run(
        self, begin: float, seconds: float, tell: Callable[[int, int], None] = lambda _sent, _back: None
    ) -> Outcome:
        """Load for so long, then wait for what is still on the way.

        Args:
            begin: when, by `time.perf_counter`.
            tell: told a few times a second how much was sent and answered.
        Raises: LinkBrokenError: the host closed a connection.
        """
        self._begun = begin
        try:
            self._go_on(seconds, tell)
        finally:
            self.close()
        self.outcome.verdicts = [asked.verdict for asked in self._asked]
        return self.outcome

    def close(self) -> None:
        """Close all connections."""
        self._poll.close()
        for connection in self._connections:
            connection.close()

    def _go_on(self, seconds: float, tell: Callable[[int, int], None]) -> None:
        next_due = next(self._due)
        prepared: tuple[Asked, bytes] | None = None
        told_at = 0.0
        while True:
            now = self._now()
            if next_due >= seconds and (not self._on_the_way or now > seconds + PATIENCE_S):
                break
            if prepared is None and next_due < seconds and self._idle:
                prepared = self._prepare(self._customers.next())
                now = self._now()
            if prepared is not None and now >= next_due:
                self._send(*prepared, next_due)
                prepared, next_due = None, next(self._due)
                self._read(0.0)
                continue
            self._wait(next_due - now if prepared is not None else 1.0)
            if now - told_at > _TELL_EVERY_S:
                told_at = now
                tell(len(self._asked), self.outcome.measured.latencies.count)

    def _now(self) -> float:
        return time.perf_counter() - self._begun

    def _prepare(self, wanted: Draw) -> tuple[Asked, bytes]:
        original = self._sale_to_undo() if wanted.deed in ("void", "reversal") else None
        if original is None:
            terminal = self._idle.popleft()
            kind = _PURCHASES.get(wanted.deed, Kind.SALE)
            asked = terminal.purchase(kind, wanted.amount_minor, wanted.reader)
        else:
            terminal = self._terminals[original.terminal]
            asked = terminal.void(original) if wanted.deed == "void" else terminal.reverse(original)
        terminal.busy = True
        return asked, terminal.pack(asked)

    def _sale_to_undo(self) -> Asked | None:
        """An approved sale whose terminal is idle; None when the oldest few have none."""
        for _ in range(min(4, len(self._sales))):
            sale = self._sales.popleft()
            terminal = self._terminals[sale.terminal]
            if not terminal.busy:
                self._idle.remove(terminal)
                return sale
            self._sales.append(sale)
        return None

    def _send(self, asked: Asked, frame: bytes, due_s: float) -> None:
        self._asked.append(asked)
        self.outcome.measured.second(int(due_s)).due += 1
        key = self._terminals[asked.terminal].terminal_id, asked.stan
        self._on_the_way[key] = _OnTheWay(asked, due_s, self._now())
        connection = self._connections[asked.terminal % len(self._connections)]
        try:
            connection.sendall(frame)
        except OSError as error:
            raise LinkBrokenError(f"the connection broke: {error.strerror}") from None

    def _wait(self, due_in: float) -> None:
        """Until an answer has come, or almost until the next request is due. The kernel's timer counts milliseconds."""
        if due_in > _COARSE_S:
            self._read(due_in - _COARSE_S / 2)
        elif not self._read(0.0) and due_in > _SHORT_SLEEP_S:
            time.sleep(_SHORT_SLEEP_S)

    def _read(self, timeout_s: float) -> bool:
        events = self._poll.poll(timeout_s)
        for number, _ in events:
            try:
                data = self._by_number[number].recv(_READ_BYTES)
            except OSError as error:
                raise LinkBrokenError(f"the connection broke: {error.strerror}") from None
            if not data:
                raise LinkBrokenError("the host closed a connection")
            now = self._now()
            for frame in self._decoders[number].feed(data):
                self._take(frame, now)
        return bool(events)

    def _take(self, frame: bytes, now_s: float) -> None:
        try:
            envelope = open_envelope(frame)
            answer = self._profile.dialect.unpack(envelope.wire)
        except (UnpackError, LinkError):
            self.outcome.bad_answers += 1
            return
        found = self._on_the_way.pop((str(answer.get(41)), str(answer.get(11))), None)
        if found is None:
            self.outcome.bad_answers += 1
            return
        asked, terminal = found.asked, self._terminals[found.asked.terminal]
        self.outcome.measured.answered(found.due_s, found.sent_s, now_s)
        asked.code, asked.rrn, asked.auth_code = (str(answer.get(number, "")) for number in (39, 37, 38))
        if 64 in answer:
            try:
                self._sealer.check(envelope.wire, terminal.mak, answer)
            except MacFailureError:
                self.outcome.bad_answers += 1
        terminal.busy = False
        self._idle.append(terminal)
        if asked.approved and asked.deed == "sale":
            self._sales.append(asked)
