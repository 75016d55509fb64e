"""Fees: what is charged, how it is rounded, who gets what, and what comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.host.data_files import built_in_plans, parse_plan
from posterm.host.errors import TermsError
from posterm.host.fees import FeeClass, fee_for, fee_given_back, split_fee
from posterm.host.plan import MerchantPlan
from posterm.sensitive import Pan
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import MID, open_place
from tests.host.hand_terms import terms_with
from tests.host.test_transactions import tip

STANDARD = built_in_plans()["standard"]
CREDIT, DEBIT, QR = FeeClass("credit", "chip"), FeeClass("debit", "stripe"), FeeClass("debit", "qr")

amounts = st.integers(1, 10**12 - 1)
rates = st.integers(0, 1_000_000)


@pytest.mark.parametrize(
    ("kind", "amount", "fee"),
    [
        (CREDIT, 10_000, 60),
        (CREDIT, 83, 0),
        (CREDIT, 84, 1),  # 0.504 fen
        (CREDIT, 1, 0),
        (DEBIT, 100, 1),  # half a fen goes up
        (DEBIT, 99, 0),
        (DEBIT, 400_000, 2000),
        (DEBIT, 100_000_000, 2000),
        (QR, 10_000, 38),
        (FeeClass("other", "keyed"), 10_000, 0),
    ],
)
def test_the_default_rates(kind, amount, fee):
    assert fee_for(STANDARD, kind, amount) == fee


@pytest.mark.parametrize(
    ("rounding", "fees"),
    [("half-up", [0, 1, 1, 2, 2]), ("half-even", [0, 0, 1, 2, 2]), ("up", [1, 1, 1, 2, 2]), ("down", [0, 0, 1, 1, 2])],
)
def test_rounding_is_a_knob(rounding, fees):
    plan = MerchantPlan.model_validate({"name": "x", "fees": [{"rate": "0.50", "rounding": rounding}]})
    assert [fee_for(plan, CREDIT, amount) for amount in (20, 100, 200, 300, 400)] == fees


def test_floor_cap_and_scheme():
    rows = [{"scheme": "foreign", "rate": "2", "floor_minor": 50, "cap_minor": 90}, {"rate": "0"}]
    plan = MerchantPlan.model_validate({"name": "x", "fees": rows})
    foreign = FeeClass("credit", "chip", foreign=True)
    assert [fee_for(plan, foreign, amount) for amount in (10, 100, 3000, 9000)] == [10, 50, 60, 90]
    assert fee_for(plan, CREDIT, 9000) == 0


@pytest.mark.parametrize(
    ("card", "amount", "parts"),
    [
        ("debit", 100_000, (318, 64, 118, 0)),
        ("debit", 1_000_000, (975, 650, 375, 0)),
        ("credit", 100_000, (418, 64, 118, 0)),
        ("other", 100_000, (0, 0, 600, 0)),
    ],
)
def test_the_split_of_the_price_list(card, amount, parts):
    fee = {"debit": fee_for(STANDARD, DEBIT, amount)}.get(card, 600)
    split = split_fee(STANDARD, card, amount, fee)
    assert (split.issuer, split.network, split.acquirer, split.agent) == parts


@given(amount=amounts, fee=amounts, issuer=rates, network=rates, agent=rates, cap=st.none() | amounts)
def test_the_parts_of_a_fee_are_never_negative_and_sum_to_it(amount, fee, issuer, network, agent, cap):
    row = {"issuer_rate": issuer, "network_rate": network, "agent_rate": agent, "network_cap_minor": cap}
    plan = MerchantPlan.model_validate({"name": "x", "split": [row]})
    split = split_fee(plan, "credit", amount, fee)
    assert split.total == fee
    assert min(split.issuer, split.network, split.acquirer, split.agent) >= 0
    assert split.plus(split_fee(plan, "credit", -amount, -fee)).total == 0


@given(fee=st.integers(0, 10**6), posted=st.integers(1, 10**6), cuts=st.lists(st.integers(1, 10**6), max_size=6))
@pytest.mark.parametrize("rule", ["return", "proportional"])
def test_a_sale_refunded_in_any_parts_gives_its_whole_fee_back(rule, fee, posted, cuts):
    plan = STANDARD.model_copy(update={"refund_fee": rule})
    left, kept = posted, fee
    for cut in [*cuts, posted]:
        refund = min(cut, left)
        if not refund:
            break
        back = fee_given_back(plan, fee=kept, left=left, refund=refund)
        assert 0 <= back <= kept
        left, kept = left - refund, kept - back
    assert (left, kept) == (0, 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = 'x'\n[[fees]]\nrate = '0.12345'", "fees.0.rate: need a percentage with at most 4 decimals"),
        ("name = 'x'\n[[fees]]\nrate = 'much'", "fees.0.rate: need a percentage as decimal text"),
        ("name = 'x'\n[[fees]]\nrate = '101'", "fees.0.rate"),
        ("name = 'x'\n[[fees]]\nrate = '1'\nfloor_minor = 2\ncap_minor = 1", "the floor is over the cap"),
        ("name = 'x'\ncolour = 'red'", "colour"),
        ("name = ", "not TOML"),
        ("name = 'x'\n" + "[[limits]]\nname='a'\nper='day'\nmost_minor=1\n" * 2, "two limits have the same name"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(text, says):
    with pytest.raises(TermsError, match="shop") as refused:
        parse_plan(text, "shop.toml")
    assert says in str(refused.value)


# --- in the ledger


@pytest.fixture(params=["keep", "return", "proportional"])
def place(request):
    opened = open_place(terms=terms_with(refund_fee=request.param))
    yield opened
    assert opened.host.ledger.prove().faults == ()


def charged(place) -> int:
    return place.balance("fee/clearing/156")


def test_a_sale_charges_its_fee_and_a_void_gives_it_back(place):
    sale = place.terminal.sale(10_000)
    assert (charged(place), place.balance(f"merchant/{MID}/pending")) == (50, 9950)
    void = place.terminal.void(sale)
    assert charged(place) == 0
    place.terminal.reverse(void)
    assert charged(place) == 50
    assert place.terminal.void(sale).code == "00"
    assert charged(place) == 0


def test_a_reversal_gives_the_fee_back_once(place):
    sale = place.terminal.sale(10_000)
    for _ in range(2):
        place.terminal.reverse(sale)
        assert charged(place) == 0


def test_refunds_follow_the_plan(place):
    sale = place.terminal.sale(10_000)
    after = []
    for part in (2_500, 2_500, 5_000):
        assert place.terminal.refund(sale, part).code == "00"
        after.append(charged(place))
    rule = place.host._desk.terms.plans["standard"].refund_fee
    assert after == {"keep": [50, 50, 50], "return": [50, 50, 0], "proportional": [38, 26, 0]}[rule]


def test_a_tip_is_charged_and_voided_with_its_sale(place):
    sale = place.terminal.sale(10_000)
    assert tip(place.terminal, sale, 11_000, 1_000).code == "00"
    assert charged(place) == 55
    assert place.terminal.void(sale, 11_000).code == "00"
    assert charged(place) == 0


def test_only_the_completion_of_an_authorisation_is_charged(place):
    preauth = place.terminal.preauth(10_000)
    assert charged(place) == 0
    completion = place.terminal.follow(Kind.COMPLETION, preauth, 8_000)
    assert charged(place) == 40
    place.terminal.reverse(completion)
    assert charged(place) == 0


def test_a_card_in_no_range_is_declined(place):
    answer = place.terminal.sale(100, pin=None, pan=Pan("0000000000000000"))
    assert (answer.code, answer.reply.events[0].details["check"]) == ("ZB", "card-range")
