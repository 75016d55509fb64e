"""A link between two parties that both may ask: bytes and the time go in, bytes and events come out.

It cuts the stream into frames, unpacks them, finds the request each answer belongs to, lets requests run out of time,
signs on, and asks after a silent peer. It holds no socket and reads no clock: `now` is seconds on whatever clock the
caller has, `next_timer()` is when to call `advance` at the latest.

Source: ISO 8583:1987, 1993 and 2003 for message functions; the rest is what hosts expect of a line.
Leaves out connecting and waiting, which `runtime.link_asyncio` and `runtime.link_blocking` do.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum

from posterm.errors import PostermError
from posterm.iso8583.errors import FramingError, NotSentError, UnpackError
from posterm.iso8583.framing import Frame, FrameDecoder
from posterm.iso8583.link_events import (
    Answered,
    Broken,
    Disconnected,
    DoubledAnswer,
    Echoed,
    EchoMissed,
    LateAnswer,
    LinkEvent,
    Lost,
    NearMiss,
    Ready,
    Requested,
    TimedOut,
    UnmatchedAnswer,
    Unreadable,
)
from posterm.iso8583.link_pairing import (
    AnswerIndex,
    AnswerKey,
    compare,
    is_request,
    quoted_element,
)
from posterm.iso8583.link_settings import LinkSettings
from posterm.iso8583.message import Message


class LinkState(Enum):
    """Where a link stands."""

    DOWN = "no connection"
    SIGNING_ON = "signing on"
    READY = "ready"
    FINISHING = "finishing"
    BROKEN = "broken"


class _Purpose(Enum):
    CALLER = "caller"
    SIGN_ON = "sign-on"
    ECHO = "echo"


@dataclass(slots=True)
class _Waiting:
    """A request in flight."""

    number: int
    message: Message
    purpose: _Purpose
    sent_at: float
    deadline: float


@dataclass(frozen=True, slots=True)
class _Past:
    """A request that is over, and how that came."""

    number: int
    mti: str
    state: str
    at: float


class Link:
    """One party's end of a link, over as many connections as it takes, one after the other.

    The caller keeps to this: `connected` when there is a connection, `receive` for what arrives, `advance` at
    `next_timer()`, `disconnected` when the connection is gone; after every call `bytes_to_send()` goes out. An event
    `Broken` asks for the connection to be closed.

    >>> from posterm.iso8583 import Message, get_dialect
    >>> settings = LinkSettings(get_dialect("unionpay-pos"))
    >>> terminal, host = Link(settings), Link(settings)
    >>> _ = terminal.connected(now=0.0), host.connected(now=0.0)
    >>> number = terminal.send(Message("0820", {11: "000001", 41: "10000001"}), now=0.0)
    >>> [asked] = host.receive(terminal.bytes_to_send(), now=0.1)
    >>> host.answer(asked, Message("0830", {11: "000001", 41: "10000001", 39: "00"}))
    >>> [event] = terminal.receive(host.bytes_to_send(), now=0.2)
    >>> str(event)
    'request 1, 0820, answered by 0830 after 0.2 s'
    """

    def __init__(self, settings: LinkSettings) -> None:
        self.settings = settings
        self.state = LinkState.DOWN
        self.failures = 0
        """Connections in a row that failed or ended before the link was ready."""
        self._connection = 0
        self._numbers = 0
        self._decoder: FrameDecoder = settings.framing.decoder()
        self._out = bytearray()
        self._waiting: AnswerIndex[_Waiting] = AnswerIndex()
        self._past: AnswerIndex[_Past] = AnswerIndex()
        self._deadlines: list[tuple[float, int, AnswerKey]] = []
        self._echo_due = math.inf
        self._echo_misses = 0
        self._echoing = False

    # --- the connection ---

    def connected(self, now: float) -> list[LinkEvent]:
        """There is a new connection. What an old one left is lost, as if it had been reported gone."""
        events = self._lose("another connection took its place", now) if self.state is not LinkState.DOWN else []
        self._connection += 1
        self._decoder = self.settings.framing.decoder()
        self._out.clear()
        self._echo_misses = 0
        self._heard(now)
        if self.settings.sign_on is None:
            return [*events, self._make_ready(None)]
        self.state = LinkState.SIGNING_ON
        sign_on = self.settings.sign_on
        return events + self._send_own(sign_on.message, _Purpose.SIGN_ON, now, sign_on.timeout_s)

    def disconnected(self, now: float, why: str = "the connection is closed") -> list[LinkEvent]:
        """The connection is gone, or could not be made. Everything in flight is lost."""
        lost = self._lose(why, now)
        self.state = LinkState.DOWN
        self.failures += 1
        self._out.clear()
        self._echo_due = math.inf
        return [*lost, Disconnected(why, self.failures)]

    def reconnect_delay_s(self, chance: float) -> float | None:
        """Seconds to wait before connecting again, None to give up; `chance` is 0 to 1 from the caller's source."""
        return self.settings.reconnect.delay_s(self.failures, chance)

    def finish(self) -> None:
        """Send no more requests; those in flight may still be answered, and the peer's still be served."""
        if self.state in (LinkState.READY, LinkState.SIGNING_ON):
            self.state = LinkState.FINISHING

    @property
    def in_flight(self) -> int:
        """Requests that wait for their answer."""
        return len(self._waiting)

    @property
    def finished(self) -> bool:
        """True when nothing is waited for any more and nothing more will be asked on this connection."""
        return self.state in (LinkState.DOWN, LinkState.BROKEN) or (
            self.state is LinkState.FINISHING and not self._waiting
        )

    # --- sending ---

    def send(self, message: Message, now: float, timeout_s: float | None = None) -> int:
        """Send a request.

        Args:
            timeout_s: seconds to wait for the answer, if not those of the settings.
        Returns: its number, by which its outcome is told. A message that nothing answers has a number, and no outcome.
        Raises: NotSentError: the link is not ready, has too much in flight, or waits for the same answer already;
            PackError, FramingError: the message does not fit the dialect or the frame. Nothing has been sent then.
        """
        if self.state is not LinkState.READY:
            raise NotSentError(f"link: need it ready, have it {self.state.value}")
        return self._send(message, _Purpose.CALLER, now, self.settings.timeout_s if timeout_s is None else timeout_s)

    def answer(self, asked: Requested, message: Message) -> None:
        """Answer what the peer asked, under the headers that lead back.

        Raises: NotSentError: the connection it came over is gone, or the message is no answer; PackError, FramingError:
            it does not fit the dialect or the frame. Nothing has been sent then.
        """
        if self.state in (LinkState.DOWN, LinkState.BROKEN) or asked.connection != self._connection:
            raise NotSentError(f"{message.mti}: need connection {asked.connection}, have another or none")
        if is_request(message.mti):
            raise NotSentError(f"{message.mti}: need the type of an answer, have that of a request")
        self._out += self.settings.framing.encode(self.settings.codec.pack(message), answering=asked.frame)

    def bytes_to_send(self) -> bytes:
        """What is to go out now; asked once, it is the caller's to deliver."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def _send_own(
        self, make: Callable[[], Message], purpose: _Purpose, now: float, timeout_s: float
    ) -> list[LinkEvent]:
        """Send a sign-on or echo; a failure to make one breaks the connection and is told."""
        try:
            self._send(make(), purpose, now, timeout_s)
        except PostermError as error:
            return self._break(f"{purpose.value}: {error}")
        return []

    def _send(self, message: Message, purpose: _Purpose, now: float, timeout_s: float) -> int:
        settings = self.settings
        if not is_request(message.mti):
            raise NotSentError(f"{message.mti}: need the type of a request, have that of an answer")
        if not (timeout_s > 0 and math.isfinite(timeout_s)):
            raise NotSentError(f"{message.mti}: need a time to wait of more than 0 seconds, have {timeout_s}")
        if len(self._waiting) >= settings.in_flight_max and purpose is _Purpose.CALLER:
            raise NotSentError(f"link: need fewer than {settings.in_flight_max} requests in flight, have as many")
        wire = settings.codec.pack(message)
        framed = settings.framing.encode(wire)
        key = None
        if settings.pairing.answer_mti(message.mti):
            key = self._expect(message, wire)
            if key in self._waiting:
                raise NotSentError(
                    f"{message.mti}: need an answer told from all others, have the same one awaited already",
                    hint="give each request a DE 11 of its own",
                )
        self._out += framed
        self._numbers += 1
        if key is not None:
            deadline = now + timeout_s
            self._waiting.add(key, _Waiting(self._numbers, message, purpose, now, deadline))
            self._echoing = self._echoing or purpose is _Purpose.ECHO
            heapq.heappush(self._deadlines, (deadline, self._numbers, key))
            self._tidy_deadlines()
        return self._numbers

    def _expect(self, message: Message, wire: bytes) -> AnswerKey:
        """What the answer must carry, in the form in which answers are unpacked."""
        # What was given as "1" stands as "000001" on the wire, and will in the answer; a codec that reads nothing but
        # the peer's messages leaves it as it was given.
        with suppress(PostermError):
            message = self.settings.codec.unpack(wire)
        return self.settings.pairing.expect(message)

    # --- receiving ---

    def receive(self, data: bytes, now: float) -> list[LinkEvent]:
        """Take what arrived. Hostile bytes make `Unreadable` and `Broken`, never an exception."""
        if self.state in (LinkState.DOWN, LinkState.BROKEN) or not data:
            return []
        self._heard(now)
        self._echo_misses = 0
        events: list[LinkEvent] = []
        try:
            payloads = self._decoder.feed(data)
        except FramingError:
            payloads = []
        for payload in payloads:
            events += self._take(payload, now)
        fault = self._decoder.fault
        if fault is not None:
            events += self._break(str(fault))
        return events

    def _take(self, payload: bytes, now: float) -> list[LinkEvent]:
        if not payload:  # a frame of length zero keeps the line open
            return []
        try:
            frame = self.settings.framing.split(payload)
            message = self.settings.codec.unpack(frame.message)
            if is_request(message.mti):
                return [self._requested(message, frame)]
            return self._answered(message, now)
        except PostermError as error:
            partial = error.partial if isinstance(error, UnpackError) else None
            nearest = self._nearest(partial, now) if partial is not None and partial.mti else None
            return [Unreadable(error, len(payload), nearest)]

    def _requested(self, message: Message, frame: Frame) -> Requested:
        return Requested(message, frame, self._connection, bool(self.settings.pairing.answer_mti(message.mti)))

    def _answered(self, answer: Message, now: float) -> list[LinkEvent]:
        key = self._waiting.find(answer)
        if key is not None:
            waiting = self._end(key, "answered", now)
            return self._outcome(waiting, answer, now)
        key = self._past.find(answer)
        past = self._past.get(key) if key is not None else None
        if key is None or past is None:
            return [UnmatchedAnswer(answer, self._nearest(answer, now))]
        if past.state == "answered":
            return [DoubledAnswer(past.number, answer, now - past.at)]
        self._remember(key, replace(past, state="answered", at=now))
        return [LateAnswer(past.number, answer, past.state, now - past.at)]

    def _outcome(self, waiting: _Waiting, answer: Message, now: float) -> list[LinkEvent]:
        elapsed_s = now - waiting.sent_at
        if waiting.purpose is _Purpose.ECHO:
            return [Echoed(elapsed_s)]
        if waiting.purpose is _Purpose.SIGN_ON:
            if not self._signed_on_by(answer):
                return self._break(f"sign-on refused, {quoted_element(answer, 39, self.settings.pairing.shown)}")
            return [self._make_ready(answer)] if self.state is LinkState.SIGNING_ON else []
        return [Answered(waiting.number, waiting.message, answer, elapsed_s)]

    def _signed_on_by(self, answer: Message) -> bool:
        sign_on = self.settings.sign_on
        try:
            return sign_on is not None and sign_on.accepted(answer)
        except Exception:  # whatever a user's function makes of a hostile message, it did not accept it
            return False

    # --- time ---

    def next_timer(self) -> float | None:
        """When `advance` has to be called at the latest; None when nothing waits."""
        self._tidy_deadlines()
        times = [self._deadlines[0][0]] if self._deadlines else []
        if self._echo_possible() and self._echo_due < math.inf:
            times.append(self._echo_due)
        return min(times, default=None)

    def advance(self, now: float) -> list[LinkEvent]:
        """Let time pass: requests run out of it, and an echo goes out over a silent line."""
        events: list[LinkEvent] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, number, key = heapq.heappop(self._deadlines)
            waiting = self._waiting.get(key)
            if waiting is not None and waiting.number == number:
                self._end(key, "timed out", now)
                events += self._ran_out(waiting, now)
        echo = self.settings.echo
        if echo is not None and self._echo_possible() and self._echo_due <= now:
            self._echo_due = math.inf
            events += self._send_own(echo.message, _Purpose.ECHO, now, echo.timeout_s)
        return events

    def _ran_out(self, waiting: _Waiting, now: float) -> list[LinkEvent]:
        after_s = now - waiting.sent_at
        if waiting.purpose is _Purpose.SIGN_ON:
            return self._break(f"sign-on not answered within {after_s:.1f} s")
        if waiting.purpose is _Purpose.CALLER:
            return [TimedOut(waiting.number, waiting.message, after_s)]
        self._echo_misses += 1
        self._echo_due = now
        missed: list[LinkEvent] = [EchoMissed(self._echo_misses)]
        if self.settings.echo is not None and self._echo_misses >= self.settings.echo.misses_max:
            missed += self._break(f"{self._echo_misses} echoes in a row not answered")
        return missed

    def _heard(self, now: float) -> None:
        if self.settings.echo is not None:
            self._echo_due = now + self.settings.echo.idle_s

    def _echo_possible(self) -> bool:
        return self.state is LinkState.READY and not self._echoing

    # --- requests and what is remembered of them ---

    def _make_ready(self, answer: Message | None) -> Ready:
        self.state = LinkState.READY
        self.failures = 0
        return Ready(self._connection, answer)

    def _break(self, why: str) -> list[LinkEvent]:
        if self.state is LinkState.BROKEN:
            return []
        self.state = LinkState.BROKEN
        return [Broken(why)]

    def _lose(self, why: str, now: float) -> list[LinkEvent]:
        events: list[LinkEvent] = []
        for key, waiting in list(self._waiting):
            self._end(key, "lost", now)
            if waiting.purpose is _Purpose.CALLER:
                events.append(Lost(waiting.number, waiting.message, why))
        self._deadlines.clear()
        return events

    def _end(self, key: AnswerKey, state: str, now: float) -> _Waiting:
        waiting = self._waiting.remove(key)
        if waiting is None:
            raise NotSentError("link: need a request in flight, have none")
        if waiting.purpose is _Purpose.ECHO:
            self._echoing = False
        self._remember(key, _Past(waiting.number, waiting.message.mti, state, now))
        return waiting

    def _remember(self, key: AnswerKey, past: _Past) -> None:
        if self.settings.remembered_max:
            self._past.add(key, past)
            if len(self._past) > self.settings.remembered_max:
                self._past.drop_oldest()

    def _tidy_deadlines(self) -> None:
        """Forget deadlines of requests that are over: those at the front always, all when they are too many."""
        heap = self._deadlines
        while heap and not self._is_waiting(*heap[0][1:]):
            heapq.heappop(heap)
        if len(heap) > 2 * self.settings.in_flight_max + 64:
            self._deadlines = [each for each in heap if self._is_waiting(*each[1:])]
            heapq.heapify(self._deadlines)

    def _is_waiting(self, number: int, key: AnswerKey) -> bool:
        waiting = self._waiting.get(key)
        return waiting is not None and waiting.number == number

    def _nearest(self, answer: Message, now: float) -> NearMiss | None:
        """The request an answer differs least from; None when it agrees with none in anything."""
        best: NearMiss | None = None
        for key, number, mti, state, since in self._all_requests():
            try:
                differences, agreeing = compare(key, answer, self.settings.pairing.shown)
            except UnpackError:
                continue
            if not agreeing and answer.mti != key.mti:
                continue
            if best is None or (len(differences), -len(agreeing)) < (len(best.differences), -len(best.agreeing)):
                best = NearMiss(number, mti, state, now - since, tuple(differences), tuple(agreeing))
        return best

    def _all_requests(self) -> Iterable[tuple[AnswerKey, int, str, str, float]]:
        """Requests in flight, then those that are over, the latest first."""
        for key, waiting in reversed(list(self._waiting)):
            yield key, waiting.number, waiting.message.mti, "in flight", waiting.sent_at
        for key, past in reversed(list(self._past)):
            yield key, past.number, past.mti, past.state, past.at
