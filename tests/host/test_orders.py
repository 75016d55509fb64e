"""Payments by a code at the host: the table of states, one use of a code, closing before and after, wallets."""

from __future__ import annotations

import itertools
import random
from datetime import datetime, timedelta

import pytest

from posterm.host.errors import EnrolmentError, OrderError
from posterm.host.orders import TRANSITIONS, OrderEvent, moved
from posterm.host.wallet_rows import OrderRecord, OrderState, WalletRecord, orders, put_order, put_wallet, wallet_named
from posterm.qr import merchant_presented
from posterm.qr.scanned import Form
from posterm.unionpay.payment_code import CodeChannel, CodeResult, CodeState, pack_code
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import MID, TID, Answer, Place, open_place
from tests.host.hand_terms import terms_with

ARROWS = """
INIT        shown             CREATE
INIT        password-asked    DEAL
INIT        not-heard         UNKNOWN
INIT        paid              SUCCESS
INIT        declined          FAIL
INIT        taken-back        CLOSE
INIT        expired           CLOSE
CREATE      password-asked    DEAL
CREATE      not-heard         UNKNOWN
CREATE      paid              SUCCESS
CREATE      declined          CREATE
CREATE      taken-back        CLOSE
CREATE      expired           CLOSE
DEAL        not-heard         UNKNOWN
DEAL        paid              SUCCESS
DEAL        declined          FAIL
DEAL        taken-back        CLOSE
DEAL        expired           CLOSE
UNKNOWN     paid              SUCCESS
UNKNOWN     declined          FAIL
UNKNOWN     taken-back        CLOSE
UNKNOWN     expired           CLOSE
SUCCESS     taken-back        CLOSE
SUCCESS     partly-refunded   PART_REFUND
SUCCESS     refunded          REFUND
FAIL        taken-back        FAIL
CLOSE       taken-back        CLOSE
PART_REFUND partly-refunded   PART_REFUND
PART_REFUND refunded          REFUND
"""
EXPECTED = {(state, event): target for state, event, target in map(str.split, ARROWS.strip().splitlines())}
AMOUNT = 1234


def order(state: OrderState) -> OrderRecord:
    return OrderRecord("2026060100000001", "ref", state.value, 100, "156", "2026-06-01", "2026-06-02")


@pytest.mark.parametrize(("state", "event"), list(itertools.product(OrderState, OrderEvent)))
def test_every_event_in_every_state_has_a_defined_result(state, event):
    target = EXPECTED.get((state.value, event.value))
    assert TRANSITIONS[state].get(event) == target
    if target is None:
        with pytest.raises(OrderError, match=f"is {state}"):
            moved(order(state), event, "2026-06-01T12:00:00")
    else:
        after = moved(order(state), event, "2026-06-01T12:00:00")
        assert (after.state, after.changed_at) == (target, "2026-06-01T12:00:00")


@pytest.fixture
def place():
    opened = open_place()
    for name, network in (("li", "wechat"), ("wang", "alipay"), ("zhao", "unionpay")):
        opened.host.enrol_wallet(name, network, balance=1_000_00)
    yield opened
    assert opened.host.ledger.prove().faults == ()


def fresh(place: Place, wallet: str = "li", form: Form = Form.DIGITS) -> str:
    place.draws = getattr(place, "draws", random.Random(7))
    return place.host.show_code(wallet, place.terminal.now, place.draws.randrange, form).reveal()


def ask(place: Place, kind: Kind, amount: int | None, code: str = "", entry: str = "03", **elements) -> Answer:
    terminal = place.terminal
    values = {int(number.removeprefix("de")): value for number, value in elements.items()}
    if code:
        values[59] = pack_code(code)
    return terminal.send(terminal.request(kind, amount, entry=entry, elements=values, drop=(25,)))


def named(place: Place, of: Answer) -> str:
    return place.terminal.original(of)[:12]


def result_of(answer: Answer) -> CodeResult | None:
    return CodeResult.parse(str(answer.message.get(44, "")))


def order_id(place: Place, of: Answer) -> str:
    return f"{place.terminal.now:%Y}{of.rrn}"


def test_the_same_request_again_gets_the_same_answer_and_uses_no_second_code(place):
    first = ask(place, Kind.QR_SALE, AMOUNT, fresh(place))
    again = place.terminal.repeat()
    assert (again.code, again.rrn, result_of(again)) == (first.code, first.rrn, result_of(first))
    assert place.host.totals(TID, "000001").debit_count == 1


def test_another_code_under_the_same_trace_number_is_94(place):
    first = ask(place, Kind.QR_SALE, AMOUNT, fresh(place))
    assert ask(place, Kind.QR_SALE, AMOUNT, fresh(place), de11=first.stan).code == "94"


def test_a_code_is_used_up_by_a_decline_too(place):
    code = fresh(place)
    assert ask(place, Kind.QR_SALE, 2_000_00, code).code == "09"
    assert ask(place, Kind.QR_SALE, AMOUNT, code).code == "94"


def test_a_face_is_no_code_and_a_code_no_face(place):
    assert ask(place, Kind.QR_SALE, AMOUNT, fresh(place), entry="04").code == "14"
    assert ask(place, Kind.QR_SALE, AMOUNT, fresh(place, form=Form.FACE)).code == "14"
    assert ask(place, Kind.QR_SALE, AMOUNT, fresh(place, form=Form.FACE), entry="04").code == "00"


@pytest.mark.parametrize("drop", [3, 4, 22, 49, 59])
def test_an_element_that_is_missing_is_30(place, drop):
    terminal = place.terminal
    request = terminal.request(
        Kind.QR_SALE, AMOUNT, entry="03", elements={59: pack_code(fresh(place))}, drop=(25, drop)
    )
    assert terminal.send(request).code in ("30", "12")


def test_an_order_has_a_code_that_says_what_to_pay(place):
    made = ask(place, Kind.QR_ORDER, AMOUNT)
    code = merchant_presented.parse(bytes(made.message[62]).decode())
    assert (made.code, code.dynamic, code.amount.minor) == ("00", True, AMOUNT)
    assert (code.merchant_name, code.find("52"), code.reference) == ("posterm test shop", "5812", order_id(place, made))
    assert result_of(made) == CodeResult(None, CodeState.PAYING)
    assert place.host.totals(TID, "000001").debit_count == 0


def test_a_chinese_name_goes_into_the_template_of_its_language(place):
    place.host.enrol_merchant(MID, "测试商户")
    code = merchant_presented.parse(bytes(ask(place, Kind.QR_ORDER, AMOUNT).message[62]).decode())
    assert code.merchant_name == MID
    assert code.template("64").find("01") == "测试商户"


def test_money_moves_when_a_wallet_pays_and_on_that_day(place):
    made = ask(place, Kind.QR_ORDER, AMOUNT)
    assert place.earned == 0
    assert place.host.pay_order(order_id(place, made), "wang", place.terminal.now) == "00"
    assert place.earned == AMOUNT
    heard = ask(place, Kind.QR_QUERY, None, de61=named(place, made))
    assert (heard.code, heard.rrn, result_of(heard)) == (
        "00",
        made.rrn,
        CodeResult(CodeChannel.ALIPAY, CodeState.SUCCESS),
    )


def test_limits_are_looked_at_when_it_is_paid():
    limit = {"name": "qr-day", "channel": "qr", "per": "day", "most_minor": 2000, "code": "61"}
    place = open_place(terms=terms_with(limits=[limit]))
    place.host.enrol_wallet("li", "wechat", balance=1_000_00)
    first, second = ask(place, Kind.QR_ORDER, AMOUNT), ask(place, Kind.QR_ORDER, AMOUNT)
    assert place.host.pay_order(order_id(place, first), "li", place.terminal.now) == "00"
    assert place.host.pay_order(order_id(place, second), "li", place.terminal.now) == "61"
    assert ask(place, Kind.QR_SALE, 767, fresh(place)).code == "61"
    void = ask(place, Kind.QR_VOID, AMOUNT, de37=first.rrn, de61=named(place, first))
    assert void.code == "00"
    assert place.host.pay_order(order_id(place, second), "li", place.terminal.now) == "00"


@pytest.mark.parametrize("evening", ["2026-06-01", "2026-12-31"])
def test_what_is_asked_for_before_midnight_and_paid_after_it_was_sold_on_the_new_day(evening):
    limit = {"name": "qr-day", "channel": "qr", "per": "day", "most_minor": 2000, "code": "61"}
    place = open_place(terms=terms_with(limits=[limit]))
    place.host.enrol_wallet("li", "wechat", balance=1_000_00)
    terminal = place.terminal
    terminal.now = datetime.fromisoformat(f"{evening}T23:59:00+00:00")
    made = ask(place, Kind.QR_ORDER, AMOUNT)
    order = order_id(place, made)
    terminal.now += timedelta(minutes=2)
    assert place.host.pay_order(order, "li", terminal.now) == "00"
    assert ask(place, Kind.QR_QUERY, None, de61=named(place, made)).code == "00"
    today = f"{terminal.now:%m%d}"
    refund = ask(place, Kind.QR_REFUND, AMOUNT, de37=made.rrn, de61=f"{named(place, made)}{today}")
    assert refund.code == "00", "the slip says when it was paid"
    assert [use.taken_minor for use in place.store.limit_uses()] == [0], "given back on the day of the sale"
    assert [found.state for found in place.host.orders()] == [OrderState.REFUND]


def test_a_payment_of_a_closed_batch_is_too_late(place):
    made = ask(place, Kind.QR_ORDER, AMOUNT)
    batch = place.store.batch_record(TID, "000001")
    place.store.put_batch_record(batch._replace(open=False))
    assert place.host.pay_order(order_id(place, made), "li", place.terminal.now) == "12"
    assert place.host.orders()[0].state == OrderState.CLOSE


@pytest.mark.parametrize("kind", [Kind.QR_SALE, Kind.QR_ORDER])
def test_closing_undoes_what_was_paid_and_counts_nowhere(place, kind):
    sale = ask(place, kind, AMOUNT, fresh(place) if kind is Kind.QR_SALE else "")
    if kind is Kind.QR_ORDER:
        place.host.pay_order(order_id(place, sale), "li", place.terminal.now)
    closed = ask(place, Kind.QR_VOID, AMOUNT, de39="98", de61=named(place, sale))
    assert (closed.code, closed.events) == ("00", ["reversed"])
    assert place.terminal.repeat().code == "00"
    assert place.host.totals(TID, "000001").digits == "0" * 30
    assert place.earned == 0
    assert result_of(ask(place, Kind.QR_QUERY, None, de61=named(place, sale))).state is CodeState.CLOSED


def test_closing_that_comes_first_keeps_the_payment_from_ever_coming(place):
    code = fresh(place)
    request = place.terminal.request(Kind.QR_SALE, AMOUNT, entry="03", elements={59: pack_code(code)}, drop=(25,))
    stan = str(request[11])
    closed = ask(place, Kind.QR_VOID, AMOUNT, de39="98", de61=f"000001{stan}")
    assert (closed.code, closed.events) == ("25", ["reversal-before-original"])
    assert place.terminal.send(request).code == "CA"
    assert place.earned == 0


def test_closing_another_amount_is_64_and_something_built_upon_12(place):
    sale = ask(place, Kind.QR_SALE, AMOUNT, fresh(place))
    assert ask(place, Kind.QR_VOID, AMOUNT + 1, de39="98", de61=named(place, sale)).code == "64"
    sale = ask(place, Kind.QR_SALE, AMOUNT, fresh(place))
    ask(place, Kind.QR_REFUND, 100, de37=sale.rrn, de61=place.terminal.original(sale), de63="000")
    assert ask(place, Kind.QR_VOID, AMOUNT, de39="98", de61=named(place, sale)).code == "12"


def test_only_a_void_gives_a_reason(place):
    assert ask(place, Kind.QR_REFUND, 100, de37="060100000002", de39="98", de61="000001000002").code == "12"


def test_a_card_sale_is_no_payment_by_a_code(place):
    sale = place.terminal.sale(AMOUNT)
    assert ask(place, Kind.QR_QUERY, None, de61=named(place, sale)).code == "12"
    assert ask(place, Kind.QR_VOID, AMOUNT, de37=sale.rrn, de61=named(place, sale)).code == "12"
    assert ask(place, Kind.QR_REFUND, 100, de37=sale.rrn, de61=place.terminal.original(sale)).code == "25"


def test_an_unknown_payment_is_25_each_time_it_is_asked_about(place):
    for _ in range(2):
        assert ask(place, Kind.QR_QUERY, None, de61="000001000777").code == "25"


def test_a_password_is_only_given_where_one_is_asked_for(place):
    sale = ask(place, Kind.QR_SALE, AMOUNT, fresh(place))
    with pytest.raises(OrderError, match="nobody is asked"):
        place.host.answer_password(order_id(place, sale), place.terminal.now)
    with pytest.raises(OrderError, match="no order"):
        place.host.pay_order("2026000000000000", "li", place.terminal.now)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"wallet": "no spaces"}, "letters, digits"),
        ({"wallet": "li"}, "already"),
        ({"network": "cash"}, "no network"),
        ({"balance": -1}, "not negative"),
    ],
)
def test_a_wallet_that_cannot_be_is_refused(place, change, why):
    given = {"wallet": "new", "network": "wechat", "balance": 0} | change
    with pytest.raises(EnrolmentError, match=why):
        place.host.enrol_wallet(given["wallet"], given["network"], balance=given["balance"])


def test_only_unionpay_shows_consumer_presented_codes(place):
    assert fresh(place, "zhao", Form.CONSUMER_PRESENTED).startswith("hQVDUFYwMW")
    with pytest.raises(EnrolmentError, match="only UnionPay"):
        fresh(place, "li", Form.CONSUMER_PRESENTED)
    with pytest.raises(EnrolmentError, match="no wallet"):
        fresh(place, "nobody")


def test_no_code_stands_in_the_store(place):
    code = fresh(place)
    assert all(code not in document.body + document.key for document in place.store.documents("qr-code"))


def test_rows_come_back_as_they_were_put(place):
    put_wallet(place.store, wallet := WalletRecord("x", "wechat", "card", 5))
    put_order(place.store, row := order(OrderState.DEAL))
    assert wallet_named(place.store, "x") == wallet
    assert orders(place.store, wallet="", state=OrderState.DEAL) == [row]


@pytest.mark.parametrize("text", ["", "002", "002PAID", "005SUCCESS", "03080000   48310058   "])
def test_what_is_no_result_is_none(text):
    assert CodeResult.parse(text) is None


@pytest.mark.parametrize("state", CodeState)
@pytest.mark.parametrize("channel", [None, *CodeChannel])
def test_a_result_comes_back_as_it_was_written(channel, state):
    assert CodeResult.parse(CodeResult(channel, state).text) == CodeResult(channel, state)
