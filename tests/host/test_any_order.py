"""Requests in any order, doubled, reversed early, late or twice: the books agree after every one."""

from __future__ import annotations

import random

import pytest

from posterm.iso8583 import Message
from posterm.unionpay.transactions import TRANSACTIONS, Delivery, Kind
from tests.host.hand_terminal import BALANCE, PAN, PIN, Answer, Place, open_place
from tests.host.test_transactions import tip

SEEDS = 60
STEPS = 40
_REVERSED = {row.kind for row in TRANSACTIONS.values() if row.delivery is Delivery.REVERSE}


class Customer:
    """Asks for this and that, and remembers the answers to build on."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place, self.terminal, self.chance = place, place.terminal, random.Random(seed)
        self.asked: list[tuple[Kind, Answer]] = []

    def step(self) -> None:
        action = self.chance.choice(
            [self.begin, self.begin, self.follow, self.follow, self.reverse, self.double, self.overtake]
        )
        action()

    def begin(self) -> None:
        amount = self.chance.choice([1, 1000, 5000, BALANCE // 3])
        kind = self.chance.choice([Kind.SALE, Kind.PREAUTH, Kind.OFFLINE_SALE, Kind.BALANCE])
        pin = self.chance.choice([PIN] * 9 + ["111111"])
        if kind is Kind.OFFLINE_SALE:
            self.note(kind, self.terminal.offline_sale(amount))
        elif kind is Kind.BALANCE:
            self.terminal.inquire()
        else:
            self.note(kind, (self.terminal.sale if kind is Kind.SALE else self.terminal.preauth)(amount, pin=pin))

    def follow(self) -> None:
        """Build on something that was approved once, whatever has become of it."""
        approved = [(kind, answer) for kind, answer in self.asked if answer.code == "00"]
        if not approved:
            return
        kind, original = self.chance.choice(approved)
        amount = int(original.request[4])
        if kind is Kind.PREAUTH:
            follows = self.chance.choice([Kind.PREAUTH_ADD, Kind.PREAUTH_VOID, Kind.COMPLETION, Kind.COMPLETION_NOTICE])
            part = (
                amount if follows is Kind.PREAUTH_VOID else max(1, amount * self.chance.choice([50, 100, 115]) // 100)
            )
            self.note(follows, self.terminal.follow(follows, original, part))
        elif kind in (Kind.COMPLETION, Kind.COMPLETION_NOTICE):
            self.note(Kind.COMPLETION_VOID, self.terminal.void(original, kind=Kind.COMPLETION_VOID))
        elif kind in (Kind.SALE, Kind.OFFLINE_SALE):
            self.on_a_sale(kind, original, amount)

    def on_a_sale(self, kind: Kind, sale: Answer, amount: int) -> None:
        what = self.chance.choice(["void", "refund", "tip"])
        if what == "refund":
            self.note(Kind.REFUND, self.terminal.refund(sale, max(1, amount // 2)))
        elif what == "tip" and kind is Kind.SALE:
            tip(self.terminal, sale, amount + amount // 10, amount // 10)
        else:
            self.note(Kind.VOID, self.terminal.void(sale))

    def reverse(self) -> None:
        if self.asked:
            self.terminal.reverse(self.chance.choice(self.asked)[1], self.chance.choice(["98", "96", "A0"]))

    def double(self) -> None:
        """The network delivers an old frame once more."""
        self.place.host.handle(self.chance.choice(self.terminal.frames[-30:]), self.terminal.now)

    def overtake(self) -> None:
        """A reversal comes before its sale."""
        request = self.terminal.request(Kind.SALE, 700, elements=self.terminal.card())
        self.terminal.send(self.terminal.reversal(request))
        assert self.terminal.send(request).code == "CA"

    def note(self, kind: Kind, answer: Answer) -> None:
        assert isinstance(answer.message, Message)
        self.asked.append((kind, answer))


def check_books(place: Place) -> None:
    records = place.store.transactions_in_batch("10000001", "000001")
    totals = place.host.totals("10000001", "000001")
    account = place.host.ledger.account(f"card/{place.card}")
    assert place.host.ledger.prove().faults == ()
    assert place.earned == totals.net_minor
    assert account.balance == BALANCE - totals.net_minor
    holding = [record for record in records if record.kind == Kind.PREAUTH and record.stands]
    active = [record for record in holding if not record.voided_by and not record.completed_by]
    assert account.debits_pending == sum(record.authorised_minor for record in active)
    assert {hold for record in holding for hold in record.holds} == {
        transfer.transfer_id
        for transfer in place.store.transfers()
        if transfer.kind == "pending" and not place.store.hold(transfer.transfer_id).ended_by
    }
    for record in records:
        assert not (record.reversed and record.kind not in _REVERSED)
        refunds = [
            other.posted_minor for other in records if other.kind == Kind.REFUND and other.original == record.ref
        ]
        assert record.refunded_minor == sum(refunds) <= record.posted_minor


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_books_agree_after_any_sequence_of_requests(seed):
    place = open_place()
    customer = Customer(place, seed)
    for _ in range(STEPS):
        customer.step()
    check_books(place)


def test_the_books_agree_after_every_single_request():
    place = open_place()
    customer = Customer(place, 8583)
    for _ in range(200):
        customer.step()
        check_books(place)
    kinds = {kind for kind, answer in customer.asked if answer.code == "00"}
    assert kinds >= _REVERSED - {Kind.BALANCE}
    assert PAN.masked in {record.masked_pan for record in place.store.transactions_in_batch("10000001", "000001")}
