"""One request and its answer: send, wait, match, check the MAC, obey the header.

Whatever goes wrong comes out as `NoAnswer` with the reason a reversal would give.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from posterm.iso8583 import FramingError, Message, UnpackError
from posterm.terminal.context import Context
from posterm.terminal.effects import Await, Flow, FrameArrived, LinkLost, LinkReply, NotSent, TimedOut, Transmit
from posterm.terminal.matching import differences
from posterm.terminal.transitions import SETTLEMENT_STATES, Event, State
from posterm.unionpay.envelope import MAC_ELEMENT, Envelope, frame_bytes, open_envelope, request_envelope
from posterm.unionpay.errors import HeaderError, MacFailureError
from posterm.unionpay.header import Requirement
from posterm.unionpay.response_codes import SIGN_ON_AGAIN, ResponseCode, response_code
from posterm.unionpay.transactions import ReversalReason

FRAMES_MAX = 16
"""Frames looked at while waiting for one answer; a peer that sends more of them is treated as silent."""

HALF_A_YEAR_S = 184 * 86_400
"""A date further away in every year is 29 February where there is none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that matches its request and, where it approves, carries a good MAC."""

    message: Message
    code: ResponseCode
    requirement: Requirement

    def text(self, element: int) -> str:
        """A text element without its padding, empty when the answer does not carry it."""
        value = self.message.get(element)
        return "" if value is None else str(value).rstrip()


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer that counts. `sent` is False when the request certainly never left."""

    reason: ReversalReason
    sent: bool
    why: str


def exchange(ctx: Context, request: Message, *, sealed: bool) -> Flow[Answer | NoAnswer]:
    """Send a request and wait for its answer.

    Args:
        sealed: the request carries a MAC, and so must an approval.
    """
    if ctx.state is State.TRAINING:
        # The last word on it, whoever asks: no frame leaves a terminal in training.
        return NoAnswer(ReversalReason.NO_ANSWER, sent=False, why="the terminal is in training")
    dialect = ctx.profile.dialect
    if sealed and (tdk := ctx.tdk):
        request = ctx.mapper.with_tracks_enciphered(request, tdk)
    wire = ctx.sealer.seal(request, ctx.key("mak")) if sealed else dialect.pack(request)
    envelope = request_envelope(ctx.profile, wire)
    timers = ctx.profile.timers
    timeout_s = float(ctx.parameter("response_timeout_s", "0")) or timers.response_s
    yield ctx.tell_message("sent", envelope.header.digits, wire)
    reply: LinkReply = yield Transmit(frame_bytes(ctx.profile, envelope), timers.connect_s, timeout_s)
    reason = ReversalReason.NO_ANSWER
    for _ in range(FRAMES_MAX):
        ctx.now = reply.at
        if not isinstance(reply, FrameArrived):
            return (yield from _failed(ctx, reply, reason))
        opened = _open(ctx, reply.frame)
        if isinstance(opened, str):
            yield ctx.tell("unreadable-answer", why=opened)
        elif differing := differences(request, opened[1]):
            yield ctx.tell("near-miss", mti=opened[1].mti, why="; ".join(differing))
        elif sealed and 39 not in opened[1]:
            # An answer that does not say whether money was moved is no answer.
            yield ctx.tell("unreadable-answer", why="DE 39 is missing")
        else:
            return (yield from _accept(ctx, *opened, sealed=sealed))
        reason = ReversalReason.OTHER
        reply = yield Await()
    return NoAnswer(reason, sent=True, why=f"{FRAMES_MAX} frames came and none of them was the answer")


def _failed(ctx: Context, reply: TimedOut | LinkLost | NotSent, reason: ReversalReason) -> Flow[NoAnswer]:
    match reply:
        case NotSent(reason=why):
            yield ctx.tell("not-sent", why=why)
            return NoAnswer(reason, sent=False, why=why or "no connection to the host")
        case LinkLost(reason=why):
            yield ctx.tell("link-lost", why=why)
            return NoAnswer(reason, sent=True, why=why or "the connection broke")
        case TimedOut():
            yield ctx.tell("timed-out")
            return NoAnswer(reason, sent=True, why="no answer in time")


def _open(ctx: Context, frame: bytes) -> tuple[Envelope, Message] | str:
    try:
        envelope = open_envelope(frame)
        return envelope, ctx.profile.dialect.unpack(envelope.wire)
    except (FramingError, HeaderError, UnpackError) as error:
        return str(error)


def _accept(ctx: Context, envelope: Envelope, message: Message, *, sealed: bool) -> Flow[Answer | NoAnswer]:
    code = response_code(str(message.get(39, "")), ctx.profile.code_extensions)
    yield ctx.tell_message("received", envelope.header.digits, envelope.wire)
    # A decline need not carry a MAC; one it does carry must be right, but for a host that has lost the key.
    vouched = code.approved or (MAC_ELEMENT in message and code.code not in SIGN_ON_AGAIN)
    if sealed and vouched:
        try:
            ctx.sealer.check(envelope.wire, ctx.key("mak"))
        except MacFailureError as error:
            # An approval nobody can vouch for is an approval that was not received.
            yield ctx.tell("bad-mac", why=str(error))
            return NoAnswer(ReversalReason.BAD_MAC, sent=True, why=str(error))
    _obey(ctx, code.code, envelope.header.requirement)
    return Answer(message, code, envelope.header.requirement)


def _obey(ctx: Context, code: str, requirement: Requirement) -> None:
    """Remember what the host asks for: in the header's sixth digit, or by an answer code that ends the session.

    In a settlement a sign-on has to wait, so it is kept as the requirement to be met when the settlement is over.
    """
    draft = ctx.memory.draft()
    if code in SIGN_ON_AGAIN or requirement is Requirement.SIGN_ON:
        ctx.fire(draft, Event.SIGN_ON_DEMANDED)
        if draft.registers.state in SETTLEMENT_STATES:
            draft.set(requirement=Requirement.SIGN_ON)
    elif requirement not in (Requirement.NONE, draft.registers.requirement):
        draft.set(requirement=requirement)
    ctx.memory.commit(draft)


def clock_offset_s(ctx: Context, message: Message) -> int:
    """How far the host's date and time (DE 13, 12) are ahead of the terminal's clock; 0 when it sends none that fit."""
    date, time = message.get(13), message.get(12)
    if date is None or time is None:
        return 0
    # The host names no year: around New Year it is the one that puts the two clocks closest.
    offsets: list[float] = []
    for year in (ctx.now.year - 1, ctx.now.year, ctx.now.year + 1):
        with suppress(ValueError):
            there = datetime.strptime(f"{year:04d}{date}{time}", "%Y%m%d%H%M%S").replace(tzinfo=ctx.now.tzinfo)
            offsets.append((there - ctx.now).total_seconds())
    nearest = min(offsets, key=abs, default=0.0)
    return round(nearest) if abs(nearest) <= HALF_A_YEAR_S else 0
