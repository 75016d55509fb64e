"""Whole taps: every ready card at the entry point, with the issuers behind it."""

from __future__ import annotations

import dataclasses
import random

import pytest

from posterm.emv.bits import Tvr
from posterm.emv.config import TerminalConfig, Transaction
from posterm.emv.config_file import default_terminal
from posterm.emv.contactless.entry_point import tap
from posterm.emv.exchange import AskPin, GoOnline, PinAnswer, PinReply, perform
from posterm.emv.outcome import Ending, Outcome
from simulators.card import TAP_FAULTS, Card, load, profile_names
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


@pytest.mark.parametrize("name", TAP_FAULTS)
def test_a_tapped_card_with_a_fault_ends_as_the_table_says(name):
    fault, issuer = TAP_FAULTS[name], Issuer()
    card = load(fault.card, fault=name, contactless=True)
    outcome = tapped(card, SMALL, OFFLINE if fault.offline else ONLINE, issuer)
    assert outcome.ending.value in fault.endings, explained(outcome)
    required, found = (int.from_bytes(each, "big") for each in (bytes.fromhex(fault.tvr), outcome.tvr.to_bytes()))
    assert found & required == required, explained(outcome)
    # A fault that costs no signature and no cryptogram may be approved, but by the issuer.
    assert not outcome.approved or (outcome.response_code, issuer.verified) == ("00", 1), explained(outcome)


UNAUTHENTICATED = Tvr.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED | Tvr.DDA_FAILED | Tvr.CDA_FAILED


def spoilt_tap(seed: int) -> Ending:
    """One tap with answers spoilt on the way; the reader lets half of them be approved by the card."""
    randomness = random.Random(seed)
    card = load(randomness.choice(TAPPED), seed=seed, contactless=True)
    vandal, honest, signed = Vandal(randomness), card.transmit, []

    def transmit(apdu: bytes) -> bytes:
        answer = honest(apdu)
        signed.append(answer)
        return vandal(answer) or b"\x6f\x00"

    card.transmit = transmit  # type: ignore[method-assign]
    issuer = Issuer()
    outcome = tapped(card, SMALL, OFFLINE if seed % 2 else ONLINE, issuer)
    said = f"seed {seed}\n{explained(outcome)}"
    if outcome.approved and outcome.online:
        assert issuer.verified == 1, said
    elif outcome.approved:
        assert outcome.response_code == "Y1", said
        assert not outcome.tvr & UNAUTHENTICATED, said
        # What was verified is a signature that the card has really made.
        assert any(outcome.data["9F4B"] in answer for answer in signed), said
    return outcome.ending


def run(seeds: range) -> None:
    endings = {spoilt_tap(seed) for seed in seeds}
    assert {Ending.APPROVED, Ending.DECLINED, Ending.TERMINATED, Ending.TRY_ANOTHER_INTERFACE} <= endings


def test_a_spoilt_tap_ends_cleanly_and_approves_nothing_unverified():
    run(range(400))


@pytest.mark.proof
def test_thousands_of_spoilt_taps_end_cleanly_and_approve_nothing_unverified():
    run(range(1_000, 6_000))
