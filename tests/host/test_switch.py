"""A request for a card of another issuer: asked, answered, refused, given up, taken back; and both books after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from posterm.host.records import RouteState
from posterm.host.switch.over_link import GRACE_S
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import Kind
from tests.host.hand_chip import ARQC, HandChip, issuer_said
from tests.host.switch_place import EAST, EAST_PAN, WEST, WEST_PAN, SwitchPlace, open_switch


@pytest.fixture
def place() -> Iterator[SwitchPlace]:
    opened = open_switch()
    yield opened
    for name in opened.issuers:
        opened.forward_all(name)
    opened.prove()


def test_a_sale_waits_for_the_issuer_of_its_card_and_is_posted_on_both_sides(place):
    asked = place.terminal.sale(1000, pan=EAST_PAN)
    assert asked.reply.frame is None
    assert place.owed_by(EAST) == 0
    answer = place.ask(asked)
    assert answer.code == "00"
    place.terminal.checks_mac(answer)
    assert place.owed_by(EAST) == 1000
    assert place.issuers[EAST].available == 999_000
    assert place.issuers[WEST].available == 1_000_000


def test_each_issuer_gets_what_is_its_own(place):
    assert place.ask(place.terminal.sale(100, pan=EAST_PAN)).code == "00"
    assert place.ask(place.terminal.sale(200, pan=WEST_PAN)).code == "00"
    assert (place.owed_by(EAST), place.owed_by(WEST)) == (100, 200)


def test_the_issuers_decline_reaches_the_terminal(place):
    assert place.ask(place.terminal.sale(1000, pan=EAST_PAN, pin="000000")).code == "55"
    assert place.ask(place.terminal.sale(2_000_000, pan=EAST_PAN)).code == "51"
    assert place.owed_by(EAST) == 0


def test_a_balance_comes_from_the_issuer(place):
    answer = place.ask(place.terminal.inquire(pan=EAST_PAN))
    assert answer.code == "00"
    assert str(answer.message[54]).endswith("C000001000000")


def test_a_repeat_is_answered_like_the_first_and_not_asked_again(place):
    asked = place.terminal.sale(1000, pan=EAST_PAN)
    again = place.terminal.repeat()
    assert (again.reply.frame, again.reply.suspended, again.events) == (None, None, ["repeat"])
    first = place.ask(asked)
    repeat = place.terminal.repeat()
    assert repeat.message.with_elements(drop=(64,)) == first.message.with_elements(drop=(64,))
    assert place.owed_by(EAST) == 1000


def test_void_preauth_and_their_relatives_run_over_the_link(place):
    terminal = place.terminal
    sale = place.ask(terminal.sale(1000, pan=EAST_PAN))
    assert place.ask(terminal.void(sale)).code == "00"
    preauth = place.ask(terminal.preauth(5000, pan=EAST_PAN))
    card = {2: EAST_PAN.reveal()}
    assert place.issuers[EAST].available == 995_000
    assert place.ask(terminal.follow(Kind.PREAUTH_ADD, preauth, 500, elements=card)).code == "00"
    completion = place.ask(terminal.follow(Kind.COMPLETION, preauth, 5200, elements=card))
    assert completion.code == "00"
    assert place.owed_by(EAST) == 5200
    void = terminal.follow(Kind.COMPLETION_VOID, completion, 5200, elements=card)
    assert place.ask(void).code == "00"
    other = place.ask(terminal.preauth(700, pan=EAST_PAN))
    assert place.ask(terminal.follow(Kind.PREAUTH_VOID, other, 700, elements=card)).code == "00"
    assert (place.owed_by(EAST), place.issuers[EAST].available) == (0, 1_000_000)


def test_a_void_without_card_data_finds_the_number_with_its_original(place):
    sale = place.ask(place.terminal.sale(1000, pan=EAST_PAN))
    void = place.terminal.void(sale)
    assert 2 not in void.request
    assert str(void.reply.suspended.request[2]) == EAST_PAN.reveal()
    assert place.ask(void).code == "00"


def test_notices_are_taken_here_and_told_to_the_issuer(place):
    terminal = place.terminal
    sale = place.ask(terminal.sale(1000, pan=EAST_PAN))
    refund = terminal.refund(sale, 300, pan=EAST_PAN)
    assert refund.code == "00"
    preauth = place.ask(terminal.preauth(5000, pan=EAST_PAN))
    card = {2: EAST_PAN.reveal()}
    assert terminal.follow(Kind.COMPLETION_NOTICE, preauth, 4000, elements=card).code == "00"
    assert terminal.offline_sale(250, elements=card).code == "00"
    assert place.forward_all(EAST) == [("0220", "00")] * 3
    assert place.owed_by(EAST) == 1000 - 300 + 4000 + 250
    assert place.issuers[EAST].available == 1_000_000 - place.owed_by(EAST)


def test_a_tip_reaches_the_issuer_and_can_be_voided_with_its_sale(place):
    terminal = place.terminal
    sale = place.ask(terminal.sale(1000, pan=EAST_PAN))
    tip = terminal.request(
        Kind.TIP_ADJUST,
        1100,
        elements={2: EAST_PAN.reveal(), 37: sale.rrn, 48: "000000000100", 61: terminal.original(sale)[:12]},
    )
    assert terminal.send(tip).code == "00"
    early = terminal.void(sale, 1100)
    assert early.code == "91"
    assert place.forward_all(EAST) == [("0220", "00")]
    assert place.owed_by(EAST) == 1100
    assert place.ask(terminal.void(sale, 1100)).code == "00"
    assert place.owed_by(EAST) == 0


@pytest.mark.parametrize("arrives", [True, False], ids=["the issuer has approved", "the issuer never heard"])
def test_without_an_answer_the_terminal_gets_98_and_the_issuer_a_reversal(place, arrives):
    asked = place.terminal.sale(1000, pan=EAST_PAN)
    if arrives:
        place.issuers[EAST].tell(asked.reply.suspended.request, place.terminal.now)
    answer = place.resume(asked, None)
    assert answer.code == "98"
    assert place.terminal.repeat().code == "98"
    assert place.forward_all(EAST) == [("0420", "00")]
    assert (place.owed_by(EAST), place.issuers[EAST].available) == (0, 1_000_000)


def test_a_request_that_its_reversal_overtook_is_refused_by_the_issuer(place):
    asked = place.terminal.sale(1000, pan=EAST_PAN)
    place.resume(asked, None)
    place.forward_all(EAST)
    late = place.issuers[EAST].tell(asked.reply.suspended.request, place.terminal.now)
    assert str(late[39]) == "12"
    assert place.resume(asked, late).events == ["late-answer"]


def test_a_late_approval_changes_nothing(place):
    asked = place.terminal.sale(1000, pan=EAST_PAN)
    said = place.issuers[EAST].tell(asked.reply.suspended.request, place.terminal.now)
    place.resume(asked, None)
    late = place.resume(asked, said)
    assert (late.message, late.events) == (None, ["late-answer"])


def test_an_answer_with_a_bad_mac_is_none(place):
    asked = place.terminal.sale(1000, pan=EAST_PAN)
    said = place.issuers[EAST].tell(asked.reply.suspended.request, place.terminal.now)
    assert place.resume(asked, said.with_elements({4: "000000000001"})).code == "98"


@pytest.mark.parametrize("code", ["96", "A0", "77", "11", "10"])
def test_what_is_neither_00_nor_a_verdict_is_taken_back(place, code):
    asked = place.terminal.sale(1000, pan=EAST_PAN)
    issuer = place.issuers[EAST]
    said = issuer.tell(asked.reply.suspended.request, place.terminal.now)
    said = issuer.port.sealer.seal(said.with_elements({39: code}), issuer.port.keys.zak)
    assert place.resume(asked, said).code == "98"


def test_a_terminals_reversal_of_a_waiting_request_takes_it_back(place):
    asked = place.terminal.sale(1000, pan=EAST_PAN)
    said = place.issuers[EAST].tell(asked.reply.suspended.request, place.terminal.now)
    assert place.terminal.reverse(asked).code == "00"
    assert place.resume(asked, said).events == ["late-answer"]
    assert place.forward_all(EAST) == [("0420", "00")]


def test_a_terminals_reversal_of_an_approved_request_reaches_the_issuer(place):
    sale = place.ask(place.terminal.sale(1000, pan=EAST_PAN))
    assert place.terminal.reverse(sale).code == "00"
    assert place.terminal.reverse(sale).code == "00"
    assert place.forward_all(EAST) == [("0420", "00")]
    assert place.issuers[EAST].available == 1_000_000


def test_a_reversal_that_overtook_its_request_keeps_it_from_the_issuer(place):
    request = place.terminal.request(Kind.SALE, 1000, elements=place.terminal.card(EAST_PAN))
    place.terminal.send(place.terminal.reversal(request))
    assert place.terminal.send(request).reply.suspended is None


def test_a_second_request_about_an_original_waits_for_the_first(place):
    sale = place.ask(place.terminal.sale(1000, pan=EAST_PAN))
    first = place.terminal.void(sale)
    assert place.terminal.void(sale).code == "12"
    assert place.terminal.reverse(sale).code == "12"
    assert place.terminal.refund(sale, 100, pan=EAST_PAN).code == "12"
    assert place.ask(first).code == "00"


def test_what_a_dead_host_left_waiting_is_given_up_by_whoever_looks(place):
    asked = place.terminal.sale(1000, pan=EAST_PAN)
    place.issuers[EAST].tell(asked.reply.suspended.request, place.terminal.now)
    terminal = place.terminal
    terminal.wait(seconds=asked.reply.suspended.timeout_s)
    assert place.host.give_up_overdue(terminal.now) == ()
    terminal.wait(seconds=GRACE_S)
    assert [event.name for event in place.host.give_up_overdue(terminal.now)] == ["forward-queued", "issuer-silent"]
    assert terminal.repeat().code == "98"
    assert place.forward_all(EAST) == [("0420", "00")]


def test_messages_for_an_issuer_are_kept_sealed_and_gone_once_they_are_taken(place):
    asked = place.terminal.sale(1000, pan=EAST_PAN)
    place.resume(asked, None)
    [due] = place.store.forwards_due(EAST, 9)
    assert EAST_PAN.reveal().encode().hex() not in due.message
    place.forward_all(EAST)
    done = place.store.forward(due.forward_id)
    assert (done.message, done.code) == ("", "00")
    assert place.store.route(done.ref).state == RouteState.CANCELLED


def test_a_batch_closed_meanwhile_takes_the_approval_back(place):
    terminal = place.terminal
    asked = terminal.sale(1000, pan=EAST_PAN)
    terminal.settle(Totals())
    terminal.end(0)
    answer = place.ask(asked)
    assert answer.code == "96"
    assert place.forward_all(EAST) == [("0420", "00")]


def test_a_chip_is_judged_by_its_issuer_whose_answer_reaches_the_card(place):
    chip = HandChip(EAST_PAN)
    asked = place.terminal.sale(1000, pan=EAST_PAN, entry="05", elements=chip.elements(1000))
    answer = place.ask(asked)
    assert answer.code == "00"
    assert issuer_said(answer)["91"].endswith(b"00")
    replayed = place.terminal.sale(1000, pan=EAST_PAN, entry="05", elements={23: "001", 55: chip.signed(1000, ARQC, 1)})
    declined = place.ask(replayed)
    assert declined.code == "59"


def test_a_cryptogram_that_does_not_verify_is_declined_by_the_issuer(place):
    forged = HandChip(EAST_PAN, sequence="02").data(1000)
    asked = place.terminal.sale(1000, pan=EAST_PAN, entry="05", elements={23: "001", 55: forged})
    assert place.ask(asked).code == "A7"


def test_a_wrong_check_digit_asks_nobody(place):
    assert place.terminal.sale(1000, pan=EAST_PAN, elements={35: "6222021234567890127=3012"}).code == "14"
