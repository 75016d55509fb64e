"""Every fault of the card's menu, put to the kernel: how the transaction ends, and the TVR bits it leaves."""

from __future__ import annotations

import dataclasses
from datetime import datetime

import pytest

from posterm.emv.capk import CaKeyStore
from posterm.emv.config import Transaction
from posterm.emv.config_file import default_terminal
from posterm.emv.exchange import (
    MAX_COMMANDS,
    AskPin,
    ChooseApplication,
    GoOnline,
    OnlineResult,
    PinAnswer,
    PinMethod,
    PinReply,
    Refer,
    perform,
)
from posterm.emv.kernel.contact import contact_transaction
from posterm.emv.outcome import Ending, Outcome
from posterm.emv.reader import Reader
from posterm.hsm import Pin
from posterm.runtime.readers import CardReader
from simulators.card import FAULTS, Card, authorities, load, profile_names
from simulators.card.stream import Stream
from simulators.chip_issuer import Script, TestIssuers

MORNING = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001  a terminal's own wall clock
KEYS = CaKeyStore(authorities())


class Issuer:
    """The test issuers, counting good cryptograms; `wrong_arpc` spoils the answer."""

    def __init__(
        self, response_code: str = "00", *, scripts: tuple[Script, ...] = (), wrong_arpc: bool = False
    ) -> None:
        self._issuers = TestIssuers(response_code, scripts=scripts)
        self._wrong_arpc = wrong_arpc
        self.verified = 0

    def answer(self, request: GoOnline) -> OnlineResult:
        answer = self._issuers.answer(request)
        self.verified += answer.said.endswith("verified")
        data = answer.result.issuer_data
        if self._wrong_arpc:
            data = data[:2] + bytes((data[2] ^ 1,)) + data[3:]
        return OnlineResult(answer.result.response_code, data)


def sale(
    card: Card,
    issuer: Issuer | None = None,
    *,
    amount: int = 1234,
    reachable: bool = True,
    floor_limit: int = 0,
    log: list[str] | None = None,
    reader: Reader | None = None,
) -> Outcome:
    """A whole sale: the cardholder takes the first application and types the card's PIN."""
    issuer, reader = issuer or Issuer(), reader or card
    terminal = default_terminal()
    applications = tuple(dataclasses.replace(each, floor_limit=floor_limit) for each in terminal.applications)
    terminal = dataclasses.replace(terminal, applications=applications)
    commands = 0

    def transmit(apdu: bytes) -> bytes:
        nonlocal commands
        commands += 1
        answer = reader.transmit(apdu)
        if log is not None:
            log.append(f"{apdu.hex()} {answer.hex()}")
        return answer

    def answer(effect: object) -> object:
        match effect:
            case ChooseApplication():
                return 0
            case AskPin(method=method):
                pin = Pin(card.profile.holder.pin) if method is PinMethod.OFFLINE else None
                return PinReply(PinAnswer.ENTERED, pin)
            case GoOnline() as request:
                return issuer.answer(request) if reachable else OnlineResult()
            case Refer():
                return False
        raise AssertionError(effect)

    draw = Stream(f"terminal/{card.name}").draw
    reader.power_on()
    outcome = perform(contact_transaction(terminal, Transaction(amount, MORNING), KEYS, draw), transmit, answer)
    assert commands <= MAX_COMMANDS
    return outcome


def explained(outcome: Outcome) -> str:
    return f"{outcome.ending}: {outcome.reason}, TVR {outcome.tvr}\n{outcome.trace}"


@pytest.mark.parametrize("name", FAULTS)
def test_a_card_with_a_fault_ends_as_the_table_says(name):
    fault = FAULTS[name]
    outcome = sale(load(fault.card, fault=name))
    assert outcome.ending.value in fault.endings, explained(outcome)
    required = bytes.fromhex(fault.tvr)
    assert all(found & bits == bits for found, bits in zip(outcome.tvr.to_bytes(), required, strict=True)), explained(
        outcome
    )


@pytest.mark.parametrize("name", ["second-generate-ac-refused", "third-way-out", "withdrawn-at-20"])
def test_an_approval_that_the_card_does_not_confirm_is_reversed(name):
    outcome = sale(load("unionpay-credit", fault=name))
    assert outcome.host_approved
    assert outcome.reversal_needed


GOOD = [name for name in profile_names() if name.endswith(("credit", "debit", "dual", "mag-stripe"))]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_card_pays_online(name):
    issuer = Issuer()
    outcome = sale(load(name), issuer)
    assert outcome.ending is Ending.APPROVED, explained(outcome)
    assert issuer.verified == 1
    assert outcome.tvr.to_bytes()[0] & 0xFC == 0, explained(outcome)


def test_electronic_cash_pays_without_the_issuer_as_long_as_there_is_enough():
    card, issuer = load("unionpay-ecash"), Issuer()
    codes = [sale(card, issuer, amount=6_000).response_code for _ in range(2)]
    assert codes == ["Y1", "00"]
    assert issuer.verified == 1
    assert card.memory()["applications"]["main"]["funds_minor"] == 4_000


@pytest.mark.parametrize("name", GOOD)
def test_a_good_card_pays_by_t0_as_well(name):
    card = load(name, changes={"protocol": "T=0"})
    outcome = sale(card, reader=CardReader(card))
    assert outcome.ending is Ending.APPROVED, explained(outcome)


@pytest.mark.parametrize("name", ["storm-of-61", "storm-of-6c"])
def test_a_storm_of_t0_ends(name):
    card = load("unionpay-credit", fault=name, changes={"protocol": "T=0"})
    outcome = sale(card, reader=CardReader(card))
    # The reader gives up on a command that never ends, and the card counts as gone.
    assert outcome.ending.value in (*FAULTS[name].endings, Ending.TERMINATED.value), explained(outcome)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_card_pays_offline_below_the_floor_limit(name):
    issuer = Issuer()
    outcome = sale(load(name), issuer, floor_limit=10_000)
    assert outcome.ending is Ending.APPROVED, explained(outcome)


@pytest.mark.parametrize("name", GOOD)
def test_a_card_whose_issuer_declines_or_answers_wrong_does_not_pay(name):
    assert sale(load(name), Issuer("51")).ending is Ending.DECLINED
    outcome = sale(load(name), Issuer(wrong_arpc=True))
    assert outcome.ending is Ending.DECLINED, explained(outcome)
    assert outcome.reversal_needed


@pytest.mark.parametrize("method", ["sda", "dda", "cda"])
@pytest.mark.parametrize("scheme", ["unionpay", "visa", "mastercard"])
def test_each_way_to_authenticate_a_card_offline(scheme, method):
    main = {"applications": {"main": {"authentication": [method]}}}
    good = sale(load(f"{scheme}-credit", changes=main))
    assert good.approved, explained(good)
    assert good.tvr.to_bytes()[0] & 0xFC == 0, explained(good)
    bad = sale(load(f"{scheme}-wrong-signature", changes=main))
    bit = {"sda": 0x40, "dda": 0x08, "cda": 0x04}[method]
    assert bad.tvr.to_bytes()[0] & bit, explained(bad)


@pytest.mark.parametrize("name", GOOD)
def test_scripts_run_before_and_after_the_last_cryptogram(name):
    unblock = (bytes.fromhex("84240000"), b"")
    scripts = (
        Script((unblock,), b"\x00\x00\x00\x01", after_final=False),
        Script((unblock, unblock), b"\x00\x00\x00\x02"),
    )
    outcome = sale(load(name), Issuer(scripts=scripts))
    assert outcome.approved, explained(outcome)
    assert outcome.script_results.hex() == "20000000012000000002"


def test_the_same_seed_and_profile_give_the_same_dialogue_byte_for_byte():
    logs: list[list[str]] = [[], []]
    for log in logs:
        card = load("unionpay-credit", seed=3)
        for _ in range(3):
            sale(card, log=log)
    assert logs[0] == logs[1]
    assert len(logs[0]) > 30
