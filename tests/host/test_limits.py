"""Limits: reserved, confirmed, released exactly once. The machine plays a merchant's days beside a plain model."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import MID, OTHER_MID, HandTerminal, open_place
from tests.host.hand_terms import terms_with

DAY, MONTH = 10_000, 25_000
LIMITS = [
    {"name": "debit-day", "card": "debit", "per": "day", "most_minor": DAY, "code": "CB"},
    {"name": "debit-month", "card": "debit", "per": "month", "of": "owner", "most_minor": MONTH, "code": "C5"},
    {"name": "one", "card": "debit", "channel": "stripe", "per": "transaction", "most_minor": 9_000, "code": "BA"},
]


def taken(place) -> dict[str, tuple[int, int]]:
    return {
        use.use.split("/", 2)[2]: (use.reserved_minor, use.confirmed_minor)
        for use in place.store.limit_uses()
        if use.taken_minor
    }


@pytest.fixture
def place():
    opened = open_place(terms=terms_with(limits=LIMITS))
    yield opened
    assert opened.host.ledger.prove().faults == ()


def test_an_approved_sale_is_confirmed_in_every_period(place):
    place.terminal.sale(4000)
    assert taken(place) == {"debit-day/2026-06-01": (0, 4000), "debit-month/2026-06": (0, 4000)}


@pytest.mark.parametrize(("amount", "code", "name"), [(9_001, "61", "one"), (6_001, "CB", "debit-day")])
def test_over_a_limit_is_declined_with_its_code_and_name(place, amount, code, name):
    place.terminal.sale(4000)
    answer = place.terminal.sale(amount)
    assert answer.code == code  # the default acquirer has no BA
    assert answer.reply.events[0].details["check"] == "limits"
    assert name in answer.reply.events[0].details["why"]
    assert taken(place)["debit-day/2026-06-01"] == (0, 4000)


def test_the_month_goes_on_when_the_day_is_new(place):
    for _ in range(2):
        assert place.terminal.sale(9_000).code == "00"
        place.terminal.wait(days=1)
    assert place.terminal.sale(7_001).code == "C5"
    assert place.terminal.sale(7_000).code == "00"


def test_a_decline_after_the_reservation_releases_it(place):
    assert place.terminal.sale(4000, pin="000000").code == "55"
    assert taken(place) == {}
    assert open_place(balance=10, terms=terms_with(limits=LIMITS)).terminal.sale(4000).code == "51"


def test_funds_that_are_not_there_release_it_too():
    poor = open_place(balance=10, terms=terms_with(limits=LIMITS))
    assert poor.terminal.sale(4000).code == "51"
    assert taken(poor) == {}


def test_a_reversal_and_a_void_release_once_and_a_reversed_void_counts_again(place):
    first, second = place.terminal.sale(4000), place.terminal.sale(3000)
    for _ in range(2):
        place.terminal.reverse(first)
        assert taken(place)["debit-day/2026-06-01"] == (0, 3000)
    void = place.terminal.void(second)
    assert taken(place) == {}
    place.terminal.reverse(void)
    assert taken(place)["debit-day/2026-06-01"] == (0, 3000)


def test_a_refund_releases_on_the_day_of_the_sale_only(place):
    sale = place.terminal.sale(4000)
    assert place.terminal.refund(sale, 1000).code == "00"
    assert taken(place)["debit-month/2026-06"] == (0, 3000)
    named = place.terminal.original(sale)
    place.terminal.wait(days=1)
    assert place.terminal.refund(sale, 1000, elements={61: named}).code == "00"
    assert taken(place)["debit-month/2026-06"] == (0, 3000)


def test_an_authorisation_is_reserved_until_it_is_completed(place):
    preauth = place.terminal.preauth(4000)
    more = place.terminal.follow(Kind.PREAUTH_ADD, preauth, 1000)
    assert taken(place)["debit-day/2026-06-01"] == (5000, 0)
    place.terminal.reverse(more)
    assert taken(place)["debit-day/2026-06-01"] == (4000, 0)
    completion = place.terminal.follow(Kind.COMPLETION, preauth, 4600)
    assert taken(place)["debit-day/2026-06-01"] == (0, 4600)
    place.terminal.reverse(completion)
    assert taken(place)["debit-day/2026-06-01"] == (4000, 0)
    assert place.terminal.follow(Kind.PREAUTH_VOID, preauth, 4000).code == "00"
    assert taken(place) == {}


def test_an_authorisation_that_expires_releases_what_it_reserved(place):
    preauth = place.terminal.preauth(4000)
    place.terminal.follow(Kind.PREAUTH_ADD, preauth, 1000)
    void = place.terminal.follow(Kind.PREAUTH_VOID, preauth, 5000)
    place.terminal.reverse(void)
    assert taken(place)["debit-day/2026-06-01"] == (5000, 0)
    place.terminal.wait(days=get_profile("default").rules.preauth_days_max)
    place.host.expire(place.terminal.now)
    assert taken(place) == {}


def test_a_completion_over_the_authorisation_is_held_to_the_limit(place):
    preauth = place.terminal.preauth(8_000)
    place.terminal.sale(1_900)
    assert place.terminal.follow(Kind.COMPLETION, preauth, 8_101).code == "CB"
    assert place.terminal.follow(Kind.COMPLETION, preauth, 8_100).code == "00"


def test_all_merchants_of_one_owner_share_its_limits():
    place = open_place(terms=terms_with(limits=LIMITS))
    place.host.enrol_merchant(MID, "one stall", owner="A1")
    place.host.enrol_merchant(OTHER_MID, "another stall", owner="A1")
    place.host.enrol_terminal("20000001", OTHER_MID, place.tmk)
    other = HandTerminal(place.host, place.hsm, place.tmk, terminal_id="20000001", merchant_id=OTHER_MID)
    other.sign_on()
    for _ in range(2):
        assert place.terminal.sale(9_000).code == "00"
        place.terminal.wait(days=1)
        other.wait(days=1)
    assert other.sale(7_001).code == "C5"
    assert other.sale(7_000).code == "00"


def test_the_least_amount_and_closed_credit():
    place = open_place(terms=terms_with(minimum_minor=100, credit_open=False))
    assert place.terminal.sale(99).code == "C6"
    assert place.terminal.sale(100).code == "00"
    place.store.put_card(place.store.card(place.card)._replace(kind="credit"))
    assert place.terminal.sale(100).code == "C0"


def test_a_blocked_card_is_declined_until_it_is_taken_off(place):
    place.host.block_card(place.card, "41")
    answer = place.terminal.sale(100)
    assert (answer.code, answer.reply.events[0].details["check"]) == ("41", "black-list")
    place.host.block_card(place.card, "")
    assert place.terminal.sale(100).code == "00"


def test_one_card_too_often_is_65_and_inquiries_before_a_sale_are_told():
    risk = {"same_card_sales_max": 2, "same_card_minutes": 1, "inquiries_before_sale": 2, "inquiry_seconds": 30}
    terminal = open_place(terms=terms_with(risk=risk)).terminal
    assert [terminal.inquire().code for _ in range(2)] == ["00", "00"]
    first = terminal.sale(100)
    assert (first.code, "inquiries-before-sale" in first.events) == ("00", True)
    assert [terminal.sale(100).code for _ in range(2)] == ["00", "65"]
    terminal.wait(seconds=61)
    again = terminal.sale(100)
    assert (again.code, again.events) == ("00", ["approved"])


class LimitMachine(RuleBasedStateMachine):
    """Anything a terminal may do, in any order; the model keeps one number for each transaction that counts."""

    sales = Bundle("sales")
    preauths = Bundle("preauths")

    def __init__(self) -> None:
        super().__init__()
        self.place = open_place(balance=10**9, terms=terms_with(limits=LIMITS[:2]))
        self.terminal = self.place.terminal
        self.counts: dict[str, tuple[str, int]] = {}

    def free(self, amount: int) -> bool:
        today = f"{self.terminal.now:%Y-%m-%d}"
        day = sum(counted for date, counted in self.counts.values() if date == today)
        month = sum(counted for date, counted in self.counts.values() if date[:7] == today[:7])
        return day + amount <= DAY and month + amount <= MONTH

    @rule(target=sales, amount=st.integers(1, 6000), good=st.booleans())
    def sale(self, amount, good):
        fits = self.free(amount)
        answer = self.terminal.sale(amount, pin="123456" if good else "000000")
        assert (answer.code == "00") == (fits and good)
        self.terminal.inquire()  # a right PIN clears the tries
        if answer.code == "00":
            self.counts[answer.stan] = (f"{self.terminal.now:%Y-%m-%d}", amount)
        return answer

    @rule(target=preauths, amount=st.integers(1, 6000))
    def preauth(self, amount):
        fits = self.free(amount)
        answer = self.terminal.preauth(amount)
        assert (answer.code == "00") == fits
        if fits:
            self.counts[answer.stan] = (f"{self.terminal.now:%Y-%m-%d}", amount)
        return answer

    @rule(of=sales, undo=st.booleans())
    def void(self, of, undo):
        if of.code != "00":
            return
        void = self.terminal.void(of)
        if void.code != "00":
            return
        if undo:
            assert self.terminal.reverse(void).code == "00"
        else:
            del self.counts[of.stan]

    @rule(of=sales | preauths)
    def reverse(self, of):
        answer = self.terminal.reverse(of)
        if answer.code == "00" and of.code == "00":
            self.counts.pop(of.stan, None)

    @rule(of=preauths, part=st.integers(1, 100), undo=st.booleans())
    def complete(self, of, part, undo):
        if of.code != "00":
            return
        amount = max(int(of.request[4]) * part // 100, 1)
        completion = self.terminal.follow(Kind.COMPLETION, of, amount)
        if completion.code != "00":
            return
        if undo:
            assert self.terminal.reverse(completion).code == "00"
        else:
            date, _ = self.counts.pop(of.stan)
            self.counts[completion.stan] = (date, amount)

    @rule()
    def next_day(self):
        self.terminal.wait(days=1)

    @invariant()
    def every_limit_holds_what_counts_in_it(self):
        today = f"{self.terminal.now:%Y-%m-%d}"
        day = sum(counted for date, counted in self.counts.values() if date == today)
        use = self.place.store.limit_use(f"merchant/{MID}/debit-day/{today}")
        assert (0 if use is None else use.taken_minor) == day <= DAY
        for each in self.place.store.limit_uses():
            assert each.reserved_minor >= 0
            assert each.confirmed_minor >= 0

    def teardown(self):
        assert self.place.host.ledger.prove().faults == ()


TestLimits = LimitMachine.TestCase
TestLimits.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
