"""Reversals undo exactly one request, answered or not, before or after it. Source: Q/CUP 009, reversal rules."""

from __future__ import annotations

import pytest

from posterm.unionpay.profile import get_profile
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import BALANCE, open_place
from tests.host.test_transactions import held, tip


def test_a_reversed_sale_gives_the_money_back(place, terminal):
    answer = terminal.reverse(terminal.sale(1000))
    assert (answer.code, answer.events, place.available, place.earned) == ("00", ["reversed"], BALANCE, 0)
    terminal.checks_mac(answer)


def test_a_reversal_answer_carries_the_originals_settlement_date(terminal):
    sale = terminal.sale(1000)
    terminal.wait(days=1)
    answer = terminal.reverse(sale)
    assert (answer.message[13], answer.message[15]) == ("0602", "0601")


@pytest.mark.parametrize("reason", ["98", "96", "A0", "06", "17"])
def test_the_reason_is_not_judged(terminal, reason):
    assert terminal.reverse(terminal.sale(1000), reason).code == "00"


def test_a_repeated_reversal_with_another_reason_is_the_same_reversal(place, terminal):
    sale = terminal.sale(1000)
    first = terminal.reverse(sale, "98")
    again = terminal.reverse(sale, "06", elements={38: sale.auth_code})
    assert (again.code, again.rrn, again.events, place.available) == ("00", first.rrn, ["repeat"], BALANCE)


def test_a_reversed_void_lets_the_sale_stand_again_even_without_funds(place, terminal):
    sale = terminal.sale(BALANCE)
    void = terminal.void(sale)
    terminal.sale(BALANCE)
    assert terminal.reverse(void).code == "00"
    assert place.available == -BALANCE
    assert terminal.void(sale).code == "00"


def test_a_reversed_preauth_releases_its_hold(place, terminal):
    preauth = terminal.preauth(10000)
    assert (terminal.reverse(preauth).code, held(place)) == ("00", 0)
    assert terminal.follow(Kind.COMPLETION, preauth, 100).code == "CA"


def test_a_reversed_incremental_authorisation_releases_its_hold_only(place, terminal):
    preauth = terminal.preauth(10000)
    added = terminal.follow(Kind.PREAUTH_ADD, preauth, 5000)
    assert (terminal.reverse(added).code, held(place)) == ("00", 10000)
    assert terminal.follow(Kind.COMPLETION, preauth, 11501).code == "C8"
    assert terminal.follow(Kind.COMPLETION, preauth, 10000).code == "00"
    assert held(place) == 0


def test_a_reversed_preauth_void_puts_the_holds_on_again(place, terminal):
    preauth = terminal.preauth(10000)
    terminal.follow(Kind.PREAUTH_ADD, preauth, 5000)
    void = terminal.follow(Kind.PREAUTH_VOID, preauth, 15000)
    assert (terminal.reverse(void).code, held(place)) == ("00", 15000)
    assert terminal.follow(Kind.COMPLETION, preauth, 15000).code == "00"
    assert (held(place), place.available) == (0, BALANCE - 15000)


def test_a_reversed_completion_gives_the_money_back_and_puts_the_holds_on_again(place, terminal):
    preauth = terminal.preauth(10000)
    terminal.follow(Kind.PREAUTH_ADD, preauth, 5000)
    completion = terminal.follow(Kind.COMPLETION, preauth, 12000)
    assert terminal.reverse(completion).code == "00"
    assert (held(place), place.earned, place.available) == (15000, 0, BALANCE - 15000)
    assert terminal.follow(Kind.PREAUTH_VOID, preauth, 15000).code == "00"
    assert (held(place), place.available) == (0, BALANCE)


def test_a_reversed_completion_void_posts_the_completion_again(place, terminal):
    completion = terminal.follow(Kind.COMPLETION, terminal.preauth(10000), 8000)
    void = terminal.void(completion, 8000, Kind.COMPLETION_VOID)
    assert (terminal.reverse(void).code, place.earned) == ("00", 8000)
    assert terminal.void(completion, 8000, Kind.COMPLETION_VOID).code == "00"


def test_a_reversal_that_overtakes_its_sale_blocks_it(place, terminal):
    request = terminal.request(Kind.SALE, 1000, elements=terminal.card())
    reversal = terminal.send(terminal.reversal(request))
    assert (reversal.code, reversal.events) == ("25", ["reversal-before-original"])
    late = terminal.send(request)
    assert (late.code, late.events, place.available) == ("CA", ["original-after-reversal"], BALANCE)
    assert terminal.send(request).code == "CA"
    assert terminal.send(terminal.reversal(request)).events == ["repeat"]


def test_an_unknown_original_is_answered_as_the_profile_says():
    terminal = open_place(get_profile("direct")).terminal
    request = terminal.request(Kind.SALE, 1000, elements=terminal.card())
    assert terminal.send(terminal.reversal(request)).code == "00"
    assert terminal.send(request).code == "CA"


def test_a_reversal_refused_for_its_form_blocks_nothing(place, terminal):
    request = terminal.request(Kind.SALE, 1000, elements=terminal.card())
    malformed = terminal.reversal(request).with_elements(drop=(39,))
    assert terminal.send(malformed).code == "30"
    assert (terminal.send(request).code, place.earned) == ("00", 1000)


def test_a_declined_original_leaves_nothing_to_undo(place, terminal):
    before = place.transfers
    answer = terminal.reverse(terminal.sale(BALANCE + 1))
    assert (answer.code, place.transfers) == ("00", before)


def test_another_amount_is_refused_and_undoes_nothing(place, terminal):
    answer = terminal.reverse(terminal.sale(1000), elements={4: "000000000999"})
    assert (answer.code, answer.events, place.earned) == ("64", ["reversal-refused"], 1000)


def test_another_kind_is_refused_and_undoes_nothing(place, terminal):
    sale = terminal.sale(1000)
    as_preauth = {3: "030000", 25: "06", 60: f"10{terminal.batch}00050"}
    assert (terminal.reverse(sale, elements=as_preauth).code, place.earned) == ("12", 1000)


def test_what_is_never_reversed_is_refused(place, terminal):
    refund = terminal.refund(terminal.sale(1000), 400)
    assert (terminal.reverse(refund).code, place.earned) == ("12", 600)
    assert terminal.reverse(terminal.offline_sale(300)).code == "12"


def test_what_something_builds_on_is_not_reversed(place, terminal):
    sale, tipped, refunded, preauth = (
        terminal.sale(1000),
        terminal.sale(2000),
        terminal.sale(3000),
        terminal.preauth(400),
    )
    terminal.void(sale)
    tip(terminal, tipped, 2100, 100)
    terminal.refund(refunded, 100)
    added = terminal.follow(Kind.PREAUTH_ADD, preauth, 100)
    assert [terminal.reverse(of).code for of in (sale, tipped, refunded, preauth)] == ["12"] * 4
    completion = terminal.follow(Kind.COMPLETION, preauth, 500)
    assert terminal.reverse(added).code == "12"
    terminal.void(completion, 500, Kind.COMPLETION_VOID)
    assert terminal.reverse(completion).code == "12"


def test_no_reversal_across_the_settlement(place, terminal):
    sale = terminal.sale(1000)
    terminal.settle(Totals(1000, 1, 0, 0))
    terminal.end(0)
    answer = terminal.reverse(sale)
    assert (answer.code, answer.events, place.settled) == ("12", ["reversal-refused"], 1000)


def test_a_reversal_for_a_batch_that_never_was_sends_the_terminal_to_sign_on(terminal):
    sale = terminal.sale(1000)
    assert terminal.reverse(sale, elements={60: "2200009900050"}).code == "77"


def test_a_reversed_transaction_counts_nowhere(place, terminal):
    kept = terminal.sale(1000)
    terminal.reverse(terminal.sale(2000))
    void = terminal.void(kept)
    assert place.host.totals(terminal.terminal_id, "000001") == Totals(1000, 1, 1000, 1)
    terminal.reverse(void)
    assert place.host.totals(terminal.terminal_id, "000001") == Totals(1000, 1, 0, 0)
