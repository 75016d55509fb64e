"""Requests, answers, time-outs, reversals and new connections in any order: in the end the books of all sides agree."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from posterm.host.switch.forwards import Forward
from posterm.host.switch.stand_in import StandInRules
from posterm.iso8583 import Message
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import Answer
from tests.host.switch_place import EAST, EAST_PAN, WEST, WEST_PAN, SwitchPlace, open_switch

PANS = {EAST: EAST_PAN, WEST: WEST_PAN}
RULES = StandInRules(amount_max_minor=300, count_per_day=50, kinds=("sale", "preauth"), pin="unverified")
STEPS = 60


@dataclass
class Network:
    """What is under way between the host and its issuers, and the hand that delays, doubles and loses it."""

    place: SwitchPlace
    chance: random.Random
    sales: list[Answer] = field(default_factory=list)
    preauths: list[Answer] = field(default_factory=list)
    asked: list[Answer] = field(default_factory=list)
    requests: list[tuple[Answer, Message]] = field(default_factory=list)
    answers: list[tuple[Answer, Message]] = field(default_factory=list)
    forwards: list[tuple[str, Forward, Message]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def step(self) -> None:
        actions = (self.ask, self.ask, self.arrive, self.arrive, self.answer, self.answer, self.time_out)
        self.chance.choice((*actions, self.reverse, self.forward, self.acknowledge, self.reconnect, self.hang_up))()
        self.place.terminal.wait(seconds=self.chance.choice((0, 1, 10)))

    def ask(self) -> None:
        terminal, chance = self.place.terminal, self.chance
        pan, amount = PANS[chance.choice((EAST, WEST))], chance.randrange(1, 1000)
        match chance.randrange(8):
            case 0 | 1 | 2:
                self.sales.append(self.sent(terminal.sale(amount, pan=pan)))
            case 3:
                self.preauths.append(self.sent(terminal.preauth(amount, pan=pan)))
            case 4 if done := self.approved(self.sales):
                self.sent(terminal.void(done))
            case 5 if done := self.approved(self.sales):
                self.sent(terminal.refund(done, chance.randrange(1, int(done.request[4]) + 1), pan=pan))
            case 6 if done := self.approved(self.preauths):
                kind = chance.choice((Kind.COMPLETION, Kind.COMPLETION_NOTICE, Kind.PREAUTH_VOID, Kind.PREAUTH_ADD))
                self.sent(terminal.follow(kind, done, int(done.request[4]), elements={2: self.pan_of(done)}))
            case _:
                self.sent(terminal.offline_sale(amount, elements={2: pan.reveal()}))

    def sent(self, asked: Answer) -> Answer:
        suspended = asked.reply.suspended
        if suspended is not None:
            self.asked.append(asked)
            self.requests += [(asked, suspended.request)] * self.chance.choice((0, 1, 1, 1, 2))
        return asked

    def approved(self, among: list[Answer]) -> Answer | None:
        done = [each for each in among if each.code == "00"]
        return self.chance.choice(done) if done else None

    def pan_of(self, done: Answer) -> str:
        return str(done.request[35])[:19].split("=")[0]

    def take(self, pile: list) -> object | None:
        return pile.pop(self.chance.randrange(len(pile))) if pile else None

    def arrive(self) -> None:
        if taken := self.take(self.requests):
            asked, request = taken
            issuer = self.place.issuers[asked.reply.suspended.issuer]
            said = issuer.tell(request, self.place.terminal.now)
            if said is not None:
                self.answers += [(asked, said)] * self.chance.choice((0, 1, 1, 1, 2))

    def answer(self) -> None:
        if taken := self.take(self.answers):
            self.finish(*taken)

    def time_out(self) -> None:
        if self.asked and self.chance.random() < 0.5:
            self.finish(self.chance.choice(self.asked), None)

    def finish(self, asked: Answer, said: Message | None) -> None:
        resumed = self.place.resume(asked, said)
        if resumed.message is not None:
            asked.message = resumed.message

    def reverse(self) -> None:
        if self.asked and self.chance.random() < 0.5:
            self.place.terminal.reverse(self.chance.choice(self.asked))

    def forward(self) -> None:
        name = self.chance.choice((EAST, WEST))
        issuer, forward = self.place.issuers[name], self.place.host.first_forward(name)
        if forward is not None and issuer.port.keys is not None:
            said = issuer.tell(issuer.port.sealer.seal(forward.message, issuer.port.keys.zak), self.place.terminal.now)
            self.forwards += [(name, forward, said)] * self.chance.choice((0, 1, 2))

    def acknowledge(self) -> None:
        if taken := self.take(self.forwards):
            _, forward, said = taken
            event = self.place.host.forwarded(forward.forward_id, said, self.place.terminal.now)
            if event is not None and event.name == "forward-refused":
                self.refused.append(f"{forward.message.mti} {said[39]}")

    def reconnect(self) -> None:
        self.place.issuers[self.chance.choice((EAST, WEST))].sign_on(self.place.terminal.now)

    def hang_up(self) -> None:
        if self.chance.random() < 0.5:
            self.place.issuers[self.chance.choice((EAST, WEST))].port.keys = None

    def end(self) -> None:
        """Let everything that is still under way arrive, long after its time."""
        terminal = self.place.terminal
        while self.answers or self.requests:
            self.arrive()
            self.answer()
        terminal.wait(seconds=60)
        self.place.host.give_up_overdue(terminal.now)
        for name, issuer in self.place.issuers.items():
            issuer.sign_on(terminal.now)
            self.refused += [f"{mti} {code}" for mti, code in self.place.forward_all(name) if code != "00"]


def play(seed: int) -> None:
    network = Network(open_switch(rules=RULES), random.Random(seed))
    try:
        for _ in range(STEPS):
            network.step()
        network.end()
        assert network.refused == []
        network.place.prove()
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise


@pytest.mark.parametrize("start", range(0, 60, 10))
def test_the_books_agree_whatever_the_order(start):
    for seed in range(start, start + 10):
        play(seed)


@pytest.mark.proof
@pytest.mark.parametrize("start", range(1000, 5000, 100))
def test_the_books_agree_whatever_the_order_in_thousands_of_runs(start):
    for seed in range(start, start + 100):
        play(seed)
