"""What each transaction moves and which rules it obeys. Source: Q/CUP 009, transactions and answer codes."""

from __future__ import annotations

import pytest

from posterm.unionpay.balances import Balance
from posterm.unionpay.profile import get_profile
from posterm.unionpay.response_codes import response_code
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import (
    BALANCE,
    MID,
    OTHER_MID,
    OTHER_PAN,
    PAN,
    HandTerminal,
    open_place,
    second_terminal,
)


def held(place) -> int:
    return place.host.ledger.account(f"card/{place.card}").debits_pending


def variant(**rules):
    profile = get_profile("default")
    return profile.model_copy(update={"rules": profile.rules.model_copy(update=rules)})


def test_a_sale_takes_from_the_card_and_gives_to_the_merchant(place, terminal):
    answer = terminal.sale(1000)
    assert (answer.code, place.available, place.earned) == ("00", BALANCE - 1000, 1000)


def test_an_approval_carries_everything_section_5_lists_and_a_good_mac(terminal):
    answer = terminal.sale(1000)
    assert sorted(answer.message) == [2, 3, 4, 11, 12, 13, 15, 25, 32, 37, 38, 39, 41, 42, 44, 49, 53, 60, 63, 64]
    assert (answer.message[12], answer.message[13], answer.message[15]) == ("120000", "0601", "0601")
    assert answer.message[32] == "48310058"
    assert answer.message[44] == "03080000   48310058   "
    assert str(answer.message[63]) == "CUP"
    terminal.checks_mac(answer)


def test_rrns_are_numbered_on_within_the_day(terminal):
    first, second = terminal.sale(100), terminal.sale(200)
    assert first.rrn[:4] == second.rrn[:4] == "0601"
    assert int(second.rrn) == int(first.rrn) + 1


def test_a_sale_over_the_balance_is_declined_and_posts_nothing(place, terminal):
    before = place.transfers
    answer = terminal.sale(BALANCE + 1)
    assert (answer.code, place.available, place.transfers) == ("51", BALANCE, before)
    assert answer.reply.events[0].details["check"] == "funds"


def test_a_sale_of_the_whole_balance_is_approved(place, terminal):
    assert terminal.sale(BALANCE).code == "00"
    assert place.available == 0


def test_a_decline_carries_no_mac_unless_the_profile_says_so(terminal):
    assert 64 not in terminal.sale(BALANCE + 1).message
    profile = get_profile("default")
    sealed = open_place(profile.model_copy(update={"mac": profile.mac.model_copy(update={"on_declines": True})}))
    answer = sealed.terminal.sale(BALANCE + 1)
    sealed.terminal.checks_mac(answer)


def test_a_declined_answer_says_why_in_chinese_in_63_or_56(terminal):
    answer = terminal.sale(BALANCE + 1)
    text = response_code("51").text_zh
    assert str(answer.message[63]) == f"CUP{' ' * 60}{text}"
    direct = open_place(get_profile("direct"))
    assert str(direct.terminal.sale(BALANCE + 1).message[56]) == text


def test_a_profile_as_different_as_can_be_works_the_same():
    place = open_place(get_profile("direct"))
    answer = place.terminal.sale(1000)
    assert (answer.code, place.available) == ("00", BALANCE - 1000)
    assert answer.reply.frame[:5] == bytes.fromhex("6000490000")  # TPDU not swapped
    place.terminal.checks_mac(answer)


# --- void


def test_a_void_gives_the_money_back(place, terminal):
    void = terminal.void(terminal.sale(1000))
    assert (void.code, place.available, place.earned) == ("00", BALANCE, 0)


def test_a_sale_is_voided_once(place, terminal):
    sale = terminal.sale(1000)
    terminal.void(sale)
    assert (terminal.void(sale).code, place.available) == ("C9", BALANCE)


def test_a_void_of_another_amount_is_refused(place, terminal):
    assert terminal.void(terminal.sale(1000), 999).code == "64"
    assert place.available == BALANCE - 1000


@pytest.mark.parametrize("element", [37, 38])
def test_a_void_that_names_another_reference_is_refused(terminal, element):
    sale = terminal.sale(1000)
    assert terminal.void(sale, elements={element: "0" * len(sale.message[element])}).code == "25"


def test_a_void_of_nothing_is_refused(terminal):
    sale = terminal.sale(1000)
    assert terminal.void(sale, elements={61: "000001999999"}).code == "25"


def test_a_void_of_another_batch_is_refused(terminal):
    sale = terminal.sale(1000)
    assert terminal.void(sale, elements={61: f"000002{sale.stan}"}).code == "25"


def test_a_void_of_a_declined_sale_is_refused(terminal):
    declined = terminal.sale(BALANCE + 1)
    named = {37: declined.rrn, 61: terminal.original(declined)[:12]}
    assert terminal.send(terminal.request(Kind.VOID, BALANCE + 1, elements=named)).code == "12"


def test_a_void_from_another_terminal_finds_nothing(place, terminal):
    sale = terminal.sale(1000)
    assert second_terminal(place).void(sale).code == "25"


def test_a_void_with_another_card_is_refused(place, terminal):
    place.host.enrol_card(OTHER_PAN, None, balance=100)
    assert terminal.void(terminal.sale(1000), elements={2: OTHER_PAN.reveal()}).code == "14"


def test_a_reversed_sale_cannot_be_voided(terminal):
    sale = terminal.sale(1000)
    terminal.reverse(sale)
    assert terminal.void(sale).code == "CA"


# --- refund


def test_a_refund_gives_money_back_in_parts_up_to_the_sale(place, terminal):
    sale = terminal.sale(1000)
    assert terminal.refund(sale, 600).code == "00"
    assert terminal.refund(sale, 400).code == "00"
    assert terminal.refund(sale, 1).code == "Z4"
    assert (place.available, place.earned) == (BALANCE, 0)


def test_a_refund_may_come_from_another_terminal_of_the_merchant(place, terminal):
    sale = terminal.sale(1000)
    assert second_terminal(place).refund(sale, 1000).code == "00"


def test_a_refund_of_another_merchants_sale_is_refused(place, terminal):
    sale = terminal.sale(1000)
    place.host.enrol_merchant(OTHER_MID, "another shop")
    place.host.enrol_terminal("20000001", OTHER_MID, place.tmk)
    other = HandTerminal(place.host, place.hsm, place.tmk, terminal_id="20000001", merchant_id=OTHER_MID)
    other.sign_on()
    assert other.refund(sale, 1000).code == "25"


def test_a_refund_too_late_is_refused(terminal):
    sale = terminal.sale(1000)
    named = terminal.original(sale)
    terminal.wait(days=30)
    assert terminal.refund(sale, 100, elements={61: named}).code == "00"
    terminal.wait(days=1)
    assert terminal.refund(sale, 100, elements={61: named}).code == "Z2"


def test_a_refund_in_the_sales_batch_is_refused_where_the_profile_says_so():
    terminal = open_place(variant(refund_same_batch=False)).terminal
    assert terminal.refund(terminal.sale(1000), 1000).code == "Z3"


def test_a_keyed_refund_is_refused(terminal):
    assert terminal.refund(terminal.sale(1000), 1000, entry="01").code == "57"


def test_a_refund_to_another_card_is_refused(place, terminal):
    place.host.enrol_card(OTHER_PAN, None, balance=100)
    assert terminal.refund(terminal.sale(1000), 1000, pan=OTHER_PAN).code == "14"


@pytest.mark.parametrize("named", ["0000020000010601", "0000010099990601", "0000010000020602"])
def test_a_refund_whose_original_data_do_not_agree_is_refused(terminal, named):
    assert terminal.refund(terminal.sale(1000), 1000, elements={61: named}).code == "25"


def test_a_voided_sale_cannot_be_refunded(terminal):
    sale = terminal.sale(1000)
    terminal.void(sale)
    assert terminal.refund(sale, 1000).code == "C9"


def test_a_refunded_sale_cannot_be_voided(terminal):
    sale = terminal.sale(1000)
    terminal.refund(sale, 100)
    assert terminal.void(sale).code == "12"


# --- pre-authorisation


def test_a_preauth_holds_and_does_not_take(place, terminal):
    assert terminal.preauth(10000).code == "00"
    assert (place.available, held(place), place.earned) == (BALANCE - 10000, 10000, 0)


def test_an_incremental_authorisation_holds_more_and_answers_the_total(place, terminal):
    answer = terminal.follow(Kind.PREAUTH_ADD, terminal.preauth(10000), 5000)
    assert (answer.code, str(answer.message[54])[:14], held(place)) == ("00", "TA000000015000", 15000)


def test_a_completion_releases_every_hold_and_takes_the_amount(place, terminal):
    preauth = terminal.preauth(10000)
    terminal.follow(Kind.PREAUTH_ADD, preauth, 5000)
    answer = terminal.follow(Kind.COMPLETION, preauth, 12000)
    assert (answer.code, held(place), place.available, place.earned) == ("00", 0, BALANCE - 12000, 12000)


@pytest.mark.parametrize(("amount", "code"), [(11500, "00"), (11501, "C8"), (1, "00")])
def test_a_completion_goes_up_to_115_percent(terminal, amount, code):
    assert terminal.follow(Kind.COMPLETION, terminal.preauth(10000), amount).code == code


def test_a_completion_over_the_hold_needs_the_funds_and_a_notice_does_not(place, terminal):
    preauth = terminal.preauth(BALANCE)
    assert terminal.follow(Kind.COMPLETION, preauth, BALANCE + 1).code == "51"
    assert held(place) == BALANCE
    assert terminal.follow(Kind.COMPLETION_NOTICE, preauth, BALANCE + 1).code == "00"
    assert (held(place), place.available) == (0, -1)


def test_a_preauth_is_completed_once(terminal):
    preauth = terminal.preauth(10000)
    terminal.follow(Kind.COMPLETION, preauth, 5000)
    assert terminal.follow(Kind.COMPLETION, preauth, 5000).code == "12"
    assert terminal.follow(Kind.PREAUTH_VOID, preauth, 10000).code == "12"
    assert terminal.follow(Kind.PREAUTH_ADD, preauth, 10000).code == "12"


def test_a_preauth_void_releases_every_hold(place, terminal):
    preauth = terminal.preauth(10000)
    terminal.follow(Kind.PREAUTH_ADD, preauth, 5000)
    assert terminal.follow(Kind.PREAUTH_VOID, preauth, 10000).code == "64"
    assert terminal.follow(Kind.PREAUTH_VOID, preauth, 15000).code == "00"
    assert (held(place), place.available) == (0, BALANCE)
    assert terminal.follow(Kind.COMPLETION, preauth, 100).code == "C9"


def test_a_completion_void_gives_the_money_back_and_leaves_the_hold_off(place, terminal):
    preauth = terminal.preauth(10000)
    completion = terminal.follow(Kind.COMPLETION, preauth, 8000)
    void = terminal.void(completion, 8000, Kind.COMPLETION_VOID)
    assert (void.code, place.available, held(place)) == ("00", BALANCE, 0)


def test_a_preauth_may_be_completed_at_another_counter(place, terminal):
    preauth = terminal.preauth(10000)
    other = second_terminal(place)
    other.next_stan = 50
    assert other.follow(Kind.COMPLETION, preauth, 10000).code == "00"


def test_a_completion_with_a_wrong_authorisation_code_finds_nothing(terminal):
    assert terminal.follow(Kind.COMPLETION, terminal.preauth(), 100, elements={38: "999999"}).code == "25"


def test_a_completion_with_another_card_is_refused(place, terminal):
    place.host.enrol_card(OTHER_PAN, None, balance=100)
    answer = terminal.follow(Kind.COMPLETION, terminal.preauth(), 100, elements={2: OTHER_PAN.reveal()})
    assert answer.code == "14"


# --- offline sales, tips, balance


def test_an_offline_sale_is_posted_without_asking_for_funds(place, terminal):
    answer = terminal.offline_sale(BALANCE + 500)
    assert (answer.code, answer.auth_code, place.available) == ("00", "654321", -500)


def test_an_adjust_is_posted_like_an_offline_sale(place, terminal):
    request = terminal.request(Kind.ADJUST, 300, elements={2: PAN.reveal(), 63: "CUP"})
    assert (terminal.send(request).code, place.earned) == ("00", 300)


def test_an_offline_sale_can_be_voided(place, terminal):
    sale = terminal.offline_sale(500)
    assert (terminal.void(sale).code, place.available) == ("00", BALANCE)


def tip(terminal, sale, total, tip_minor):
    elements = {48: f"{tip_minor:012d}", 61: terminal.original(sale)[:12], 63: "CUP"}
    return terminal.send(terminal.request(Kind.TIP_ADJUST, total, elements=elements))


def test_a_tip_posts_the_difference(place, terminal):
    sale = terminal.sale(1000)
    assert tip(terminal, sale, 1150, 150).code == "00"
    assert place.available == BALANCE - 1150
    assert tip(terminal, sale, 1100, 100).code == "00"
    assert (place.available, place.earned) == (BALANCE - 1100, 1100)


def test_a_tip_of_nothing_moves_nothing(place, terminal):
    sale = terminal.sale(1000)
    before = place.transfers
    assert tip(terminal, sale, 1000, 0).code == "00"
    assert place.transfers == before


@pytest.mark.parametrize(
    ("total", "amount", "code"), [(1200, 200, "00"), (1201, 201, "61"), (1100, 50, "13"), (900, 0, "13")]
)
def test_a_tip_goes_up_to_20_percent_and_adds_up(terminal, total, amount, code):
    assert tip(terminal, terminal.sale(1000), total, amount).code == code


def test_a_partly_refunded_sale_still_takes_a_tip_but_not_less_than_was_refunded(place, terminal):
    sale = terminal.sale(1000)
    terminal.refund(sale, 400)
    assert tip(terminal, sale, 1100, 100).code == "00"
    terminal.refund(sale, 700)
    assert tip(terminal, sale, 1050, 50).code == "12"
    assert place.available == BALANCE


def test_a_tipped_sale_is_voided_with_its_new_total(place, terminal):
    sale = terminal.sale(1000)
    tip(terminal, sale, 1100, 100)
    assert terminal.void(sale, 1000).code == "64"
    assert (terminal.void(sale, 1100).code, place.available) == ("00", BALANCE)


def test_a_balance_inquiry_says_what_is_available(place, terminal):
    terminal.preauth(10000)
    answer = terminal.inquire()
    balance = Balance.parse(str(answer.message[54]))
    assert (answer.code, balance.amount.minor, balance.account_type) == ("00", BALANCE - 10000, "10")
    assert 38 not in answer.message


def test_a_credit_line_is_available_too(place, terminal):
    place.host.enrol_card(OTHER_PAN, None, kind="credit", balance=0, credit_line=500)
    assert terminal.sale(501, pan=OTHER_PAN, pin=None).code == "51"
    assert terminal.sale(500, pan=OTHER_PAN, pin=None).code == "00"
    assert str(terminal.inquire(pan=OTHER_PAN, pin=None).message[54]) == "3002156C000000000000"


def test_every_request_twice_gives_the_same_answer_and_one_posting(place, terminal):
    sale = terminal.sale(1000)
    asked = [
        lambda: terminal.sale(2000),
        lambda: terminal.sale(BALANCE * 2),
        lambda: terminal.void(sale),
        lambda: terminal.preauth(10000),
        terminal.inquire,
        lambda: terminal.offline_sale(300),
        lambda: terminal.refund(terminal.sale(700), 100),
        lambda: terminal.reverse(terminal.sale(900)),
        lambda: terminal.follow(Kind.COMPLETION, terminal.preauth(400), 400),
        lambda: terminal.sale(10, pin="000000"),
    ]
    for ask in asked:
        first = ask()
        state = (place.transfers, place.available, place.store.card(place.card))
        terminal.wait(minutes=3)
        again = terminal.repeat()
        assert again.reply.frame == first.reply.frame
        assert again.events == ["repeat"]
        assert (place.transfers, place.available, place.store.card(place.card)) == state


def test_merchants_are_paid_apart(place, terminal):
    terminal.sale(1000)
    place.host.enrol_merchant(OTHER_MID, "another shop")
    assert place.balance(f"merchant/{MID}/pending") == 1000 - 5
    assert place.host.ledger.account(f"merchant/{OTHER_MID}/pending").balance == 0
