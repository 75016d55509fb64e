"""Whatever order, repetition, splitting or malice the bytes come in, a link keeps its promises."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.iso8583 import CUPS_HEADER, Framing, Message, NotSentError, get_dialect
from posterm.iso8583.link import Link
from posterm.iso8583.link_events import (
    Answered,
    Broken,
    DoubledAnswer,
    LateAnswer,
    LinkEvent,
    Lost,
    Requested,
    TimedOut,
    UnmatchedAnswer,
    Unreadable,
)
from posterm.iso8583.link_settings import Echo, LinkSettings, SignOn

DIALECT = get_dialect("unionpay-pos")
FRAMING = Framing("ascii4", headers=(CUPS_HEADER,))
TIMEOUT_S = 10.0


def settings(in_flight_max: int = 64) -> LinkSettings:
    return LinkSettings(DIALECT, FRAMING, timeout_s=TIMEOUT_S, in_flight_max=in_flight_max, remembered_max=64)


def request(stan: int) -> Message:
    return Message("0200", {11: f"{stan:06d}", 41: f"1000000{stan % 3}"})


def response(stan: int) -> bytes:
    return FRAMING.encode(DIALECT.pack(Message("0210", {11: f"{stan:06d}", 39: "00", 41: f"1000000{stan % 3}"})))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 12)),
        st.tuples(st.just("answer"), st.integers(1, 14)),
        st.tuples(st.just("wait"), st.integers(1, 12)),
        st.tuples(st.just("reconnect"), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
def test_every_request_has_one_outcome_and_only_its_own_answer(steps: list[tuple[str, int]]) -> None:
    link, now = Link(settings()), 0.0
    link.connected(now)
    sent: dict[int, str] = {}
    waiting: set[str] = set()
    events: list[LinkEvent] = []
    for step, number in steps:
        now += 0.25
        stan = f"{number:06d}"
        if step == "send":
            if stan in waiting:
                continue
            sent[link.send(request(number), now)] = stan
            waiting.add(stan)
            continue
        if step == "answer":
            [event] = link.receive(response(number), now)
            assert isinstance(event, Answered) == (stan in waiting), "what is awaited is paired, and nothing else"
            new = [event]
        elif step == "wait":
            now += number
            new = link.advance(now)
        else:
            new = [*link.disconnected(now), *link.connected(now)]
        events += new
        waiting -= {each.asked[11] for each in new if isinstance(each, (Answered, TimedOut, Lost))}
        assert link.in_flight == len(waiting)
    events += link.disconnected(now)

    outcomes = [each for each in events if isinstance(each, (Answered, TimedOut, Lost))]
    assert sorted(each.request for each in outcomes) == sorted(sent), "exactly one outcome for each request"
    for each in events:
        if isinstance(each, Answered):
            assert each.asked[11] == each.answer[11] == sent[each.request]
        elif isinstance(each, (LateAnswer, DoubledAnswer)):
            assert each.answer[11] == sent[each.request]
        elif isinstance(each, UnmatchedAnswer):
            assert each.nearest is None or each.nearest.differences


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8), max_size=8))
def test_permuted_and_doubled_answers_pair_each_request_once(order: list[int], doubled: list[int]) -> None:
    link = Link(settings())
    link.connected(0.0)
    numbers = {link.send(request(stan), 0.0): f"{stan:06d}" for stan in range(1, 9)}
    events = link.receive(b"".join(map(response, order + doubled)), 1.0)
    answered = {each.request: each.answer[11] for each in events if isinstance(each, Answered)}
    assert answered == numbers
    assert [type(each) for each in events[8:]] == [DoubledAnswer] * len(doubled)


CHUNKS = st.lists(
    st.one_of(
        st.integers(1, 6).map(response),
        st.integers(1, 6).map(lambda stan: FRAMING.encode(DIALECT.pack(request(stan)))),
        st.binary(max_size=30).map(FRAMING.encode),
        st.just(b"0000"),
        st.just(b"00x0"),
    ),
    max_size=10,
)


@given(CHUNKS, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_any_split_of_the_stream_gives_the_same_events(chunks: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(chunks)

    def events(pieces: list[bytes]) -> list[str]:
        link = Link(settings())
        link.connected(0.0)
        for stan in range(1, 4):
            link.send(request(stan), 0.0)
        return [repr(event) for piece in pieces for event in link.receive(piece, 1.0)]

    pieces, at, turn = [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        pieces.append(stream[at : at + step])
        at, turn = at + step, turn + 1
    without_identity = [[text.split(" at 0x")[0] for text in events(each)] for each in ([stream], pieces)]
    assert without_identity[0] == without_identity[1]


@given(st.lists(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(FRAMING.encode)), max_size=12))
def test_hostile_bytes_become_events_and_nothing_is_raised(chunks: list[bytes]) -> None:
    link = Link(settings())
    link.connected(0.0)
    link.send(request(1), 0.0)
    for now, chunk in enumerate(chunks, start=1):
        for event in link.receive(chunk, float(now)):
            assert isinstance(event, (Unreadable, Broken, Requested, UnmatchedAnswer)), event
            assert str(event)
        assert link.in_flight == 1


@given(st.integers(0, 200), st.integers(0, 255))
def test_an_answer_with_one_byte_changed_is_an_event_too(position: int, value: int) -> None:
    link = Link(settings())
    link.connected(0.0)
    link.send(request(1), 0.0)
    wire = bytearray(response(1))
    wire[position % len(wire)] = value
    events = link.receive(bytes(wire), 1.0) + link.advance(TIMEOUT_S)
    assert [each for each in events if isinstance(each, (Answered, TimedOut))]


@given(st.lists(st.tuples(st.sampled_from(["send", "junk", "answer", "advance", "drop", "finish"]), st.integers(0, 9))))
def test_whatever_happens_the_link_stays_within_its_limits(steps: list[tuple[str, int]]) -> None:
    stans = iter(range(100, 10_000))
    link = Link(
        LinkSettings(
            DIALECT,
            FRAMING,
            timeout_s=5.0,
            in_flight_max=3,
            remembered_max=2,
            sign_on=SignOn(lambda: request(next(stans)), timeout_s=5.0),
            echo=Echo(lambda: request(next(stans)), idle_s=4.0, timeout_s=2.0),
        )
    )
    now = 0.0
    for step, number in steps:
        now += 1.0
        if step == "send":
            try:
                link.send(request(number), now)
            except NotSentError:
                assert len(steps)
        elif step == "answer":
            link.receive(response(number + 97), now)
        elif step == "junk":
            link.receive(bytes([number]) * number, now)
        elif step == "advance":
            link.advance(now + number)
            now += number
            timer = link.next_timer()
            assert timer is None or timer > now, "nothing that is due stays undone"
        elif step == "finish":
            link.finish()
        else:
            link.disconnected(now)
            link.connected(now)
        assert link.in_flight <= 3 + 2, "sign-on and echo may come on top"
        assert len(link._past) <= 2


class Line:
    """Two links, both of which ask, on a line that tears what is sent into pieces, delays it, and breaks."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.now = 0.0
        self.stan = 0
        self.ends = [Link(settings()), Link(settings())]
        self.wires = [bytearray(), bytearray()]
        self.sent: list[dict[int, str]] = [{}, {}]
        self.outcomes: list[list[Answered | TimedOut | Lost]] = [[], []]
        self.owed: list[tuple[int, Requested]] = []
        self.reconnect()

    def reconnect(self) -> None:
        self.wires = [bytearray(), bytearray()]
        for end in (0, 1):
            self.take(end, self.ends[end].disconnected(self.now))
            self.take(end, self.ends[end].connected(self.now))

    def take(self, end: int, events: list[LinkEvent]) -> None:
        for event in events:
            assert not isinstance(event, (Broken, Unreadable, UnmatchedAnswer)), event
            if isinstance(event, (Answered, TimedOut, Lost)):
                self.outcomes[end].append(event)
            elif isinstance(event, Requested):
                self.owed.append((end, event))

    def turn(self) -> None:
        """One thing happens: a request, an answer (perhaps twice), a piece of bytes, time, or a break."""
        end = self.chance.randrange(2)
        link = self.ends[end]
        what = self.chance.choices(["ask", "answer", "deliver", "time", "break"], [4, 4, 10, 2, 0.2])[0]
        if what == "ask":
            self.stan += 1
            self.sent[end][link.send(request(self.stan), self.now)] = f"{self.stan:06d}"
        elif what == "answer" and self.owed:
            side, asked = self.owed.pop(self.chance.randrange(len(self.owed)))
            answer = DIALECT.unpack(response(int(asked.message[11]))[4 + 46 :])
            for _ in range(self.chance.choice([0, 1, 1, 1, 2])):
                with suppress(NotSentError):  # over a connection that is gone
                    self.ends[side].answer(asked, answer)
        elif what == "deliver":
            self.wires[end] += link.bytes_to_send()
            piece = self.wires[end][: self.chance.randrange(1, 200)]
            del self.wires[end][: len(piece)]
            self.take(1 - end, self.ends[1 - end].receive(bytes(piece), self.now))
        elif what == "time":
            self.now += self.chance.random() * 3
            self.take(end, link.advance(self.now))
        elif what == "break":
            self.reconnect()


@pytest.mark.parametrize("seed", range(20))
def test_over_a_bad_line_each_request_of_either_end_has_one_outcome_and_its_own_answer(seed: int) -> None:
    line = Line(seed)
    for _ in range(300):
        line.turn()
    for end in (0, 1):
        line.take(end, line.ends[end].disconnected(line.now))
        assert sorted(each.request for each in line.outcomes[end]) == sorted(line.sent[end])
        answered = [each for each in line.outcomes[end] if isinstance(each, Answered)]
        assert answered
        assert [each.answer[11] for each in answered] == [line.sent[end][each.request] for each in answered]
