"""Chip sales with everything real: a card that computes, the kernels, the terminal, the host and its ledger.

Source: EMV 4.4 Book 4, 6.3 and 12; Q/CUP 009 (field 55, reversals, script notice, settlement).
"""

from __future__ import annotations

from typing import Any

import pytest

from posterm.amount import Amount
from posterm.terminal import Outcome, Result
from posterm.terminal import effects as fx
from posterm.terminal.operators import TEST_PASSWORDS
from posterm.terminal.records import Status
from posterm.unionpay.transactions import Entry, Kind
from simulators.card import Card, load
from simulators.cards import TestCard, find_card
from simulators.front import Front, Hand, PinPad
from simulators.world import World

SALE = Amount(123_45)
SCHEMES = ("debit", "credit", "visa-credit", "visa-debit", "mastercard-credit", "mastercard-debit", "jcb-debit",
           "amex-credit", "discover-debit")  # fmt: skip


def signed_on(world: World | None = None) -> World:
    world = world or World(1)
    assert world.press(0, world.terminal(0).sign_on("01", TEST_PASSWORDS["01"], world.now)).done
    return world


def card_of(name: str) -> TestCard:
    card = find_card(name)
    assert card is not None
    return card


def sell(world: World, hand: Hand, amount: Amount = SALE) -> Result:
    return world.press(0, world.terminal(0).sale(amount, world.now), hand)


def settled(world: World) -> bool:
    """Settle; the books agree, and the ledger is whole."""
    terminal = world.terminal(0)
    batch, totals = terminal.batch, terminal.totals
    assert world.press(0, terminal.settle(world.now)).done
    assert world.host.ledger.prove().faults == ()
    return bool(world.host.totals(terminal.identity.terminal_id, batch) == totals)


def available(world: World, name: str) -> int:
    card = world.store.card(world.host._desk.card_fingerprint(card_of(name).pan))
    assert card is not None
    return world.host.ledger.account(card.account_id).available


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("way", ["insert", "tap"])
def test_every_schemes_card_pays_and_its_certificate_goes_up_with_the_batch(name: str, way: str) -> None:
    world, card, chip = signed_on(), card_of(name), load(name)
    before = available(world, name)
    hand = Hand.inserting(chip, card.pin) if way == "insert" else Hand.tapping(chip, card.pin)
    result = sell(world, hand)
    # There is no contactless kernel for the others: their cards are put in when the tap finds none.
    tapped = way == "tap" and name.partition("-")[0] not in ("jcb", "amex", "discover")
    assert (result.outcome, result.entry.entry) == (Outcome.APPROVED, Entry.CONTACTLESS if tapped else Entry.CHIP)
    assert available(world, name) == before - SALE.minor
    assert result.why
    assert settled(world)
    (use,) = world.store._chip_uses.values()
    # A tap ends with its only cryptogram; a card that was inserted has certified the sale.
    assert bool(use.certificate) is not tapped


@pytest.mark.parametrize("name", SCHEMES)
def test_a_terminal_sells_by_the_keys_and_applications_it_has_downloaded(name: str) -> None:
    world, card = signed_on(World(1, chip_downloads=True)), card_of(name)
    result = sell(world, Hand.inserting(load(name), card.pin))
    assert result.approved
    # The card's signatures were verified: the key it was certified with is there.
    assert result.entry.chip_values["95"][0] & 0xFC == 0
    assert settled(world)


class _Torn:
    """A card that is taken away at a command, counted from 1."""

    def __init__(self, chip: Card, at: int) -> None:
        self.chip, self.at, self.commands, self.contactless = chip, at, 0, False

    def power_on(self) -> bytes:
        self.chip.contactless = self.contactless
        return self.chip.power_on()

    def transmit(self, apdu: bytes) -> bytes:
        self.commands += 1
        return b"" if self.commands == self.at else self.chip.transmit(apdu)


@pytest.mark.parametrize("name", ["debit", "credit"])
def test_a_card_taken_away_at_any_command_costs_nobody_money(name: str) -> None:
    card, chip, world = card_of(name), load(name), signed_on()
    before, approved, reversed_ = available(world, name), 0, 0
    for at in range(1, 60):
        torn = _Torn(chip, at)
        result = sell(world, Hand.inserting(torn, card.pin), Amount(100))
        assert result.outcome in (Outcome.APPROVED, Outcome.REVERSED, Outcome.CANCELLED, Outcome.REFUSED)
        approved += result.approved
        reversed_ += result.outcome is Outcome.REVERSED
        assert available(world, name) == before - 100 * approved
        if torn.commands < at:
            break
    assert torn.commands < at
    assert reversed_ >= 1
    assert settled(world)


@pytest.mark.parametrize("name", ["debit", "ecash"])
def test_a_power_cut_at_any_moment_of_a_chip_sale_costs_nobody_money(name: str) -> None:
    card, chip, world = card_of(name), load(name), signed_on()
    before, amount = available(world, name), Amount(1)
    for at in range(1, 200):
        front = Front(Hand.inserting(chip, card.pin), PinPad(world.hsm(0)), lambda _document: None)
        if _cut(world, front, world.terminal(0).sale(amount, world.now), at):
            break
        world.press(0, world.cut_power(0).power_on(world.now))
    standing = [entry for entry in world.terminal(0).open_batch if entry.status is Status.APPROVED]
    assert at > 15
    assert standing
    assert settled(world)
    assert available(world, name) == before - sum(entry.amount_minor for entry in standing)


def _cut(world: World, front: Front, flow: Any, at: int) -> bool:
    """Drive a flow and throw it away at an effect. Returns: True when it came to its end before."""
    reply: Any = None
    for _ in range(at):
        try:
            effect = flow.send(reply)
        except StopIteration:
            return True
        match effect:
            case fx.Transmit():
                reply = fx.FrameArrived(world.answer(effect.frame), world.now)
            case fx.PresentCard():
                reply = front.present(effect)
            case fx.Transceive():
                reply = front.transceive(effect)
            case fx.EnterPin():
                reply = front.enter_pin(effect)
            case fx.EnterOfflinePin():
                reply = front.enter_offline_pin(effect)
            case fx.Print():
                reply = front.print(effect)
            case _:
                reply = None
    flow.close()
    return False


def test_a_card_of_another_issuer_is_declined_whatever_it_says() -> None:
    world, card = signed_on(), card_of("debit")
    other = world.store.issuer_keys("4")
    assert other is not None
    world.store.put_issuer_keys(other._replace(prefix="62", scheme="unionpay"))
    before = available(world, "debit")
    result = sell(world, Hand.inserting(load("debit"), card.pin))
    assert (result.outcome, result.code) == (Outcome.DECLINED, "A7")
    assert available(world, "debit") == before


def test_a_copied_cards_counter_is_declined() -> None:
    world, card = signed_on(), card_of("credit")
    assert sell(world, Hand.inserting(load("credit"), card.pin)).approved
    result = sell(world, Hand.inserting(load("credit"), card.pin))
    assert (result.outcome, result.code) == (Outcome.DECLINED, "59")


def test_a_blocked_pin_is_unblocked_by_the_issuer() -> None:
    world, card, chip = signed_on(), card_of("credit"), load("credit")
    fingerprint = world.host._desk.card_fingerprint(card.pan)
    for _ in range(4):
        sell(world, Hand.inserting(chip, type(card.pin)("111222")))
    world.host.queue_script(fingerprint, "pin-unblock", sequence="01")
    sell(world, Hand.tapping(chip, card.pin))
    sell(world, Hand.inserting(chip, card.pin))
    sell(world, Hand.inserting(chip, card.pin))
    assert world.store.chip(f"{fingerprint}/01").scripts == ()


def test_a_lost_card_is_blocked_by_its_issuer_and_no_terminal_takes_it_again() -> None:
    world, card, chip = signed_on(), card_of("lost"), load("lost")
    assert sell(world, Hand.inserting(chip, card.pin)).code == "41"
    result = sell(world, Hand.inserting(chip, card.pin, stripe=card))
    assert (result.outcome, result.entry) == (Outcome.REFUSED, None)
    assert sell(world, Hand.swiping(card, card.pin)).code == "41"
    assert world.store.chip(f"{world.host._desk.card_fingerprint(card.pan)}/01").scripts == ()


def test_electronic_cash_pays_without_the_host_and_is_settled() -> None:
    world, card, chip = signed_on(), card_of("ecash"), load("ecash")
    before = available(world, "ecash")
    result = sell(world, Hand.inserting(chip, card.pin), Amount(20_00))
    assert (result.outcome, result.entry.kind) == (Outcome.APPROVED_OFFLINE, Kind.CHIP_OFFLINE_SALE)
    assert available(world, "ecash") == before
    assert settled(world)
    assert available(world, "ecash") == before - 20_00


def test_a_chip_that_cannot_be_read_falls_back_to_the_stripe_and_the_host_is_told() -> None:
    world, card = signed_on(), card_of("debit")
    dead = _Torn(load("debit"), 1)
    result = sell(world, Hand.inserting(dead, card.pin, stripe=card))
    assert (result.outcome, result.entry.entry) == (Outcome.APPROVED, Entry.STRIPE)
    assert settled(world)
