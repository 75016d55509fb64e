"""Whole chip transactions in one process, and what of each is the kernel's, the card's and the issuer's.

The cards are posterm's own, with RSA keys of 1,024 bits under an issuer's of 1,152; a sale of 12.34 without an offline
PIN. SDA, DDA and CDA go online, as does kernel 2; kernel 3 and electronic cash are approved offline. The card's share
is mostly its signature, which a real card's coprocessor makes. Leaves out readers, lines and hosts.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from posterm.emv.capk import CaKeyStore
from posterm.emv.config import TerminalConfig, Transaction
from posterm.emv.config_file import default_terminal
from posterm.emv.contactless.entry_point import tap
from posterm.emv.exchange import AskPin, GoOnline, PinAnswer, PinReply, perform
from posterm.emv.kernel.contact import contact_transaction
from posterm.emv.outcome import Outcome
from simulators.card import Card, authorities, load
from simulators.card.stream import Stream
from simulators.chip_issuer import TestIssuers

Benchmark = Any
ROUNDS = 200
TRANSACTION = Transaction(1234, datetime(2026, 3, 2, 9, 0))  # noqa: DTZ001  a terminal's own wall clock
KEYS = CaKeyStore(authorities())
ISSUERS = TestIssuers()
UNLIMITED = {"offline_count_lower": 0, "offline_count_upper": 0, "offline_amount_lower_minor": 0}


class Shares:
    """Seconds of each transaction, by who spent them."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, float]] = []

    def begin(self) -> None:
        self.rounds.append(dict.fromkeys(("all", "card", "issuer"), 0.0))

    def timed(self, whose: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any) -> Any:
            begin = time.perf_counter()
            try:
                return call(*arguments)
            finally:
                self.rounds[-1][whose] += time.perf_counter() - begin

        return measured

    def medians_ms(self) -> dict[str, float]:
        """Milliseconds of kernel, card and issuer; the kernel's is what the others leave."""
        columns = {whose: [each[whose] for each in self.rounds] for whose in ("card", "issuer")}
        columns["kernel"] = [each["all"] - each["card"] - each["issuer"] for each in self.rounds]
        return {f"{whose}_ms": round(statistics.median(column) * 1e3, 3) for whose, column in columns.items()}


def reader(floor: int) -> TerminalConfig:
    """The terminal as it comes, with another contactless floor limit."""
    terminal = default_terminal()
    applications = (
        dataclasses.replace(each, contactless=dataclasses.replace(each.contactless, floor=floor))
        for each in terminal.applications
    )
    return dataclasses.replace(terminal, applications=tuple(applications))


def run(card: Card, terminal: TerminalConfig, shares: Shares) -> Callable[[], Outcome]:
    """One transaction a call, always with the same card."""
    draw = Stream("benchmark").draw
    transmit = shares.timed("card", card.transmit)
    issuer = shares.timed("issuer", lambda request: ISSUERS.answer(request).result)
    flow = tap if card.contactless else contact_transaction

    def answer(effect: object) -> object:
        match effect:
            case GoOnline():
                return issuer(effect)
            case AskPin():
                return PinReply(PinAnswer.ENTERED)
        raise AssertionError(effect)

    def sale() -> Outcome:
        card.power_on()
        return perform(flow(terminal, TRANSACTION, KEYS, draw), transmit, answer)

    whole = shares.timed("all", sale)

    def begun() -> Outcome:
        shares.begin()
        return whole()

    return begun


CASES = {
    "sda": ("unionpay-debit", False, {"authentication": ["sda"]}, 0),
    "dda": ("unionpay-debit", False, {"authentication": ["dda"]}, 0),
    "cda": ("unionpay-debit", False, {"authentication": ["cda"]}, 0),
    "kernel-2": ("mastercard-debit", True, {}, 0),
    "kernel-3": ("visa-debit", True, {"contactless": {"offline_funds_minor": 10**11}, "risk": UNLIMITED}, 100_000),
    "electronic-cash": (
        "unionpay-ecash",
        True,
        {"electronic_cash": {"balance_minor": 10**11, "balance_limit_minor": 10**11}},
        100_000,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_transaction(benchmark: Benchmark, name: str) -> None:
    ready, contactless, changes, floor = CASES[name]
    shares = Shares()
    card = load(ready, contactless=contactless, changes={"applications": {"main": changes}})
    sale = run(card, reader(floor), shares)
    assert sale().approved
    outcome = benchmark.pedantic(sale, rounds=ROUNDS, iterations=1, warmup_rounds=20)
    assert outcome.approved
    benchmark.extra_info |= shares.medians_ms()
