"""The requests of a fleet, judged by a real host in the same process, and its books afterwards."""

from __future__ import annotations

import pytest

from posterm.host import MemoryHostStore
from posterm.runtime.store.sqlite_host import SqliteHostStore
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.profile import get_profile, profile_names
from posterm.unionpay.transactions import Kind
from simulators.enrolment import load_tmk
from simulators.load.books import compare_books
from simulators.load.fleet import enrol_fleet
from simulators.load.requests import Asked, LoadTerminal, Reader
from tests.host.hand_terminal import NOW, new_host, seeded_hsm


class Shop:
    """A host, and terminals that ask it without a line between them."""

    def __init__(self, store=None, profile="default", terminals=2):
        self.profile, self.hsm = get_profile(profile), seeded_hsm()
        self.store = store or MemoryHostStore()
        self.host = new_host(self.store, self.hsm, self.profile)
        self.fleet = enrol_fleet(self.host, self.hsm, self.store, terminals, at=NOW)
        tmk = load_tmk(self.hsm, self.profile)
        self.terminals = [LoadTerminal(self.profile, self.hsm, tmk, self.fleet, at) for at in range(terminals)]
        self.asked: list[Asked] = []
        for terminal in self.terminals:
            terminal.take_keys(self.answer(terminal.sign_on()))

    def answer(self, frame: bytes):
        reply = self.host.handle(frame[2:], NOW)
        return self.profile.dialect.unpack(open_envelope(reply.frame).wire)

    def ask(self, terminal: LoadTerminal, asked: Asked) -> Asked:
        answer = self.answer(terminal.pack(asked))
        asked.code, asked.rrn, asked.auth_code = (str(answer.get(number, "")) for number in (39, 37, 38))
        self.asked.append(asked)
        return asked

    def sale(self, amount=12_34, reader=Reader.SWIPE, place=0) -> Asked:
        return self.ask(self.terminals[place], self.terminals[place].purchase(Kind.SALE, amount, reader))

    def books(self):
        return compare_books(self.store, self.fleet, [asked.verdict for asked in self.asked])


@pytest.mark.parametrize("profile", profile_names())
@pytest.mark.parametrize("reader", list(Reader))
def test_every_request_is_approved_under_every_built_in_profile(profile, reader):
    shop = Shop(profile=profile)
    terminal = shop.terminals[0]
    for kind, amount in ((Kind.SALE, 50_00), (Kind.PREAUTH, 20_00), (Kind.BALANCE, 0), (Kind.SALE, 60_00)):
        assert shop.ask(terminal, terminal.purchase(kind, amount, reader)).code == "00"
    voided, reversed_sale = (each for each in shop.asked if each.deed == "sale")
    assert shop.ask(terminal, terminal.void(voided)).code == "00"
    assert shop.ask(terminal, terminal.reverse(reversed_sale)).code == "00"
    books = shop.books()
    assert books.faults == []
    assert (books.asked, books.approved, books.approved_minor) == (6, 6, 0)


def test_each_run_has_terminals_and_cards_of_its_own():
    shop = Shop()
    other = enrol_fleet(shop.host, shop.hsm, shop.store, 2, at=NOW)
    assert other.run == shop.fleet.run + 1
    assert {shop.fleet.terminal_id(0), shop.fleet.terminal_id(1)}.isdisjoint(
        {other.terminal_id(0), other.terminal_id(1)}
    )
    assert shop.fleet.pan(0) != other.pan(0)


@pytest.mark.parametrize("terminals", [0, 100_000])
def test_a_fleet_that_cannot_be_is_refused(terminals):
    with pytest.raises(ValueError, match="1 to"):
        enrol_fleet(Shop().host, seeded_hsm(), MemoryHostStore(), terminals, at=NOW)


def test_books_agree_on_sales_of_several_terminals_in_a_file(tmp_path):
    with SqliteHostStore(tmp_path / "host.db") as store:
        shop = Shop(store)
        for amount in (100, 200, 300):
            shop.sale(amount, place=amount // 100 % 2)
        books = shop.books()
        assert (books.agree, books.approved_minor, books.transfers) == (True, 600, 2 + 2 * 3 + 0 * 1 - 0)


def test_an_approval_the_host_never_gave_is_found():
    shop = Shop()
    shop.sale().stan = "000999"
    books = shop.books()
    assert not books.agree
    assert "approved, but not on record" in books.faults[0]


def test_a_decline_that_was_posted_is_found():
    shop = Shop()
    shop.sale().code = "51"
    books = shop.books()
    assert "answered 51, on record as approved" in books.faults[0]
    assert any("merchants have" in fault for fault in books.faults)


def test_another_amount_in_the_ledger_is_found():
    shop = Shop()
    shop.sale(500).amount_minor = 501
    assert "approved 501, the ledger has 500" in shop.books().faults[0]


def test_a_sale_that_nobody_asked_for_is_found():
    shop = Shop()
    shop.sale()
    shop.asked.clear()
    assert "1 requests on record, 0 were sent" in shop.books().faults


def test_a_sale_posted_a_second_time_is_found():
    shop = Shop()
    shop.sale(500)
    posted = next(each for each in shop.store.transfers() if each.amount == 500)
    shop.host.ledger.apply([posted._replace(transfer_id="again")])
    assert any("merchants have" in fault for fault in shop.books().faults)


def test_a_request_without_an_answer_may_be_on_record_or_not():
    shop = Shop()
    shop.sale(500).code = ""
    lost = shop.terminals[1].purchase(Kind.SALE, 700, Reader.TAP)
    shop.asked.append(lost)
    books = shop.books()
    assert (books.agree, books.unanswered) == (True, 2)


def test_a_fault_of_the_books_is_counted_beyond_those_told():
    shop = Shop()
    for _ in range(25):
        shop.sale().code = "51"
    books = shop.books()
    assert books.differences >= 25
    assert len(books.faults) == 20
