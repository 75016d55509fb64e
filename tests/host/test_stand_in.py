"""What the host approves for an issuer that is not there, and how the issuer hears of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from posterm.host.switch.stand_in import StandInRules
from posterm.unionpay.transactions import Kind
from tests.host.switch_place import EAST, EAST_PAN, SwitchPlace, open_switch

RULES = StandInRules(amount_max_minor=5000, count_per_day=2, kinds=("sale", "preauth"))


def opened(rules: StandInRules, *, down: bool = True) -> Iterator[SwitchPlace]:
    place = open_switch(rules=rules)
    if down:
        place.issuers[EAST].port.keys = None
    yield place
    place.issuers[EAST].sign_on(place.terminal.now)
    place.forward_all(EAST)
    place.prove()


@pytest.fixture
def place() -> Iterator[SwitchPlace]:
    yield from opened(RULES)


@pytest.fixture
def ruleless() -> Iterator[SwitchPlace]:
    yield from opened(StandInRules())


@pytest.fixture
def lenient() -> Iterator[SwitchPlace]:
    yield from opened(RULES.model_copy(update={"pin": "unverified", "on_timeout": True}), down=False)


def test_without_rules_nothing_is_approved_in_the_issuers_place(ruleless):
    assert ruleless.terminal.sale(1, pan=EAST_PAN, pin=None).code == "91"


def test_a_small_sale_is_approved_and_the_issuer_told_when_it_is_back(place):
    sale = place.terminal.sale(5000, pan=EAST_PAN, pin=None)
    assert (sale.code, "stood-in" in sale.events) == ("00", True)
    assert place.owed_by(EAST) == 5000
    assert place.issuers[EAST].owes == 0
    place.issuers[EAST].sign_on(place.terminal.now)
    assert place.forward_all(EAST) == [("0220", "00")]
    assert place.issuers[EAST].owes == 5000


def test_the_advice_is_posted_even_when_the_card_has_too_little(place):
    issuer = place.issuers[EAST]
    issuer.sign_on(place.terminal.now)
    assert place.ask(place.terminal.sale(999_000, pan=EAST_PAN)).code == "00"
    issuer.port.keys = None
    assert place.terminal.sale(5000, pan=EAST_PAN, pin=None).code == "00"
    issuer.sign_on(place.terminal.now)
    assert place.forward_all(EAST) == [("0220", "00")]
    assert issuer.available == 1_000_000 - 999_000 - 5000


@pytest.mark.parametrize(
    ("amount", "more"),
    [(5001, {"pin": None}), (100, {})],
    ids=["over the amount", "a PIN that nobody can verify"],
)
def test_what_is_beyond_the_rules_gets_91(place, amount, more):
    assert place.terminal.sale(amount, pan=EAST_PAN, **more).code == "91"


def test_a_card_is_approved_only_so_often_a_day(place):
    codes = [place.terminal.sale(100, pan=EAST_PAN, pin=None).code for _ in range(3)]
    assert codes == ["00", "00", "91"]
    place.terminal.wait(days=1)
    assert place.terminal.sale(100, pan=EAST_PAN, pin=None).code == "00"


def test_what_refers_to_an_earlier_request_is_never_decided_in_the_issuers_place(place):
    sale = place.terminal.sale(100, pan=EAST_PAN, pin=None)
    assert place.terminal.void(sale).code == "91"
    assert place.terminal.inquire(pan=EAST_PAN, pin=None).code == "91"


def test_a_void_of_it_waits_until_the_issuer_has_been_told(place):
    sale = place.terminal.sale(100, pan=EAST_PAN, pin=None)
    place.issuers[EAST].sign_on(place.terminal.now)
    assert place.terminal.void(sale).code == "91"
    place.forward_all(EAST)
    assert place.ask(place.terminal.void(sale)).code == "00"
    assert place.owed_by(EAST) == 0


def test_a_preauth_is_held_on_both_sides(place):
    preauth = place.terminal.preauth(3000, pan=EAST_PAN, pin=None)
    assert preauth.code == "00"
    place.issuers[EAST].sign_on(place.terminal.now)
    assert place.forward_all(EAST) == [("0120", "00")]
    assert place.issuers[EAST].available == 997_000
    done = place.terminal.follow(Kind.COMPLETION, preauth, 3000, elements={2: EAST_PAN.reveal()})
    assert place.ask(done).code == "00"
    assert place.owed_by(EAST) == 3000


def test_a_reversal_of_it_follows_its_advice(place):
    sale = place.terminal.sale(100, pan=EAST_PAN, pin=None)
    assert place.terminal.reverse(sale).code == "00"
    place.issuers[EAST].sign_on(place.terminal.now)
    assert place.forward_all(EAST) == [("0220", "00"), ("0420", "00")]
    assert place.issuers[EAST].available == 1_000_000


@pytest.mark.parametrize("arrives", [True, False], ids=["the issuer had approved", "the issuer never heard"])
def test_a_silent_issuer_gets_a_reversal_and_then_the_advice(lenient, arrives):
    asked = lenient.terminal.sale(100, pan=EAST_PAN)
    if arrives:
        lenient.issuers[EAST].tell(asked.reply.suspended.request, lenient.terminal.now)
    assert lenient.resume(asked, None).code == "00"
    assert lenient.forward_all(EAST) == [("0420", "00"), ("0220", "00")]
    assert (lenient.owed_by(EAST), lenient.issuers[EAST].available) == (100, 999_900)
