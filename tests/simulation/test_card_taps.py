"""Whole taps: every ready card at the entry point, with the issuers behind it."""

from __future__ import annotations

import dataclasses
import random

import pytest

from posterm.emv.config import TerminalConfig, Transaction
from posterm.emv.config_file import default_terminal
from posterm.emv.contactless.entry_point import tap
from posterm.emv.exchange import AskPin, GoOnline, PinAnswer, PinReply, perform
from posterm.emv.outcome import Ending, Outcome
from simulators.card import Card, load, profile_names
from simulators.card.stream import Stream
from tests.simulation.test_card_faults import KEYS, MORNING, Issuer, explained
from tests.simulation.test_mutated_dialogues import Vandal

SMALL, LARGE = 1_000, 200_000
TAPPED = [name for name in profile_names() if name.startswith(("unionpay", "visa", "mastercard"))]
GOOD = [name for name in TAPPED if name.endswith(("credit", "debit", "ecash", "dual"))]


def reader(floor: int) -> TerminalConfig:
    """The terminal as it comes, with another contactless floor limit."""
    terminal = default_terminal()
    applications = (
        dataclasses.replace(each, contactless=dataclasses.replace(each.contactless, floor=floor))
        for each in terminal.applications
    )
    return dataclasses.replace(terminal, applications=tuple(applications))


OFFLINE, ONLINE = reader(100_000), reader(0)


def tapped(card: Card, amount: int, terminal: TerminalConfig, issuer: Issuer | None = None) -> Outcome:
    issuer = issuer or Issuer()

    def answer(effect: object) -> object:
        match effect:
            case AskPin():
                return PinReply(PinAnswer.ENTERED)
            case GoOnline() as request:
                return issuer.answer(request)
        raise AssertionError(effect)

    card.power_on()
    draw = Stream(f"reader/{card.name}").draw
    return perform(tap(terminal, Transaction(amount, MORNING), KEYS, draw), card.transmit, answer)


@pytest.mark.parametrize("name", [*GOOD, "mastercard-mag-stripe"])
@pytest.mark.parametrize("amount", [SMALL, LARGE])
def test_a_good_card_pays_online_with_a_pin_when_it_is_much(name, amount):
    issuer = Issuer()
    outcome = tapped(load(name, contactless=True), amount, ONLINE, issuer)
    assert outcome.ending is Ending.APPROVED, explained(outcome)
    assert (issuer.verified, outcome.online_pin) == (1, amount == LARGE), explained(outcome)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_card_pays_offline_below_the_floor_limit(name):
    issuer = Issuer()
    outcome = tapped(load(name, contactless=True), SMALL, OFFLINE, issuer)
    assert (outcome.ending, outcome.response_code, issuer.verified) == (Ending.APPROVED, "Y1", 0), explained(outcome)


@pytest.mark.parametrize(
    ("name", "ending", "bit"),
    [
        ("unionpay-wrong-signature", Ending.DECLINED, "0800000000"),
        ("visa-wrong-signature", Ending.DECLINED, "0800000000"),
        ("visa-expired", Ending.DECLINED, "0040000000"),
        ("mastercard-wrong-signature", Ending.APPROVED, "0400000000"),
        ("unionpay-blocked", Ending.TRY_ANOTHER_CARD, "0000000000"),
    ],
)
def test_a_bad_card_does_not_pay_offline(name, ending, bit):
    issuer = Issuer()
    outcome = tapped(load(name, contactless=True), SMALL, OFFLINE, issuer)
    assert outcome.ending is ending, explained(outcome)
    wanted = int(bit, 16)
    assert int.from_bytes(outcome.tvr.to_bytes(), "big") & wanted == wanted, explained(outcome)
    assert not outcome.approved or issuer.verified == 1


def test_electronic_cash_is_spent_tap_by_tap():
    card = load("unionpay-ecash", contactless=True)
    codes = [tapped(card, 4_000, OFFLINE).response_code for _ in range(3)]
    assert codes == ["Y1", "Y1", "00"]
    assert card.memory()["applications"]["main"]["funds_minor"] == 2_000


@pytest.mark.parametrize("name", ["jcb-credit", "amex-debit", "discover-debit"])
def test_a_card_without_an_antenna_is_to_be_inserted(name):
    assert tapped(load(name, contactless=True), SMALL, ONLINE).ending is Ending.TRY_ANOTHER_INTERFACE


@pytest.mark.parametrize("terminal", [OFFLINE, ONLINE], ids=["offline", "online"])
def test_a_spoilt_tap_ends_cleanly(terminal):
    for seed in range(150):
        randomness = random.Random(seed)
        card = load(randomness.choice(TAPPED), seed=seed, contactless=True)
        vandal, honest = Vandal(randomness), card.transmit
        card.transmit = lambda apdu, vandal=vandal, honest=honest: vandal(honest(apdu))  # type: ignore[misc]
        issuer = Issuer()
        outcome = tapped(card, SMALL, terminal, issuer)
        if outcome.approved and outcome.response_code == "00":
            assert issuer.verified == 1, f"seed {seed}\n{explained(outcome)}"
