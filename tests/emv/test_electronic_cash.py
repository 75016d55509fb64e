"""Electronic cash by contact: offered within the limit, taken by a card that has some, and then no floor limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posterm import tlv
from posterm.amount import currency
from posterm.emv.bits import CryptogramType, Tvr
from posterm.emv.config import TransactionType
from posterm.emv.outcome import Ending
from tests.emv.paper_card import OK, PURCHASE, PaperCard, run, with_application

PDOL = bytes.fromhex("9F7A01 9F0206 5F2A02")
CASH = {"9F74": b"ECC001"}
BALANCE = tlv.build([("9F79", bytes.fromhex("000000008766"))])
TAKES_CASH = with_application(cash_limit=100_00, floor_limit=0)


def _card(**changes: object) -> PaperCard:
    settings: dict[str, object] = {"objects": CASH, "pdol": PDOL, "overruled": {"80CA9F79": (BALANCE + OK).hex()}}
    return PaperCard(**(settings | changes))  # type: ignore[arg-type]


def test_electronic_cash_pays_without_floor_limit_and_without_the_issuer():
    card, asked = _card(), []
    outcome = run(card, terminal=TAKES_CASH, asked=asked)
    assert (outcome.ending, outcome.cryptogram, outcome.response_code) == (Ending.APPROVED, CryptogramType.TC, "Y1")
    assert asked == []
    assert not outcome.tvr & Tvr.FLOOR_LIMIT_EXCEEDED
    assert outcome.data["9F79"].hex() == "000000008766"
    assert card.sent("80A8")[0].startswith("80A800000B830901")


def test_nobody_is_asked_for_a_pin():
    list_of_methods = bytes.fromhex("0000000000000000 0201")
    outcome = run(_card(aip=0x1800, objects=CASH | {"8E": list_of_methods}), terminal=TAKES_CASH)
    assert outcome.approved
    assert not outcome.online_pin


def test_a_card_without_electronic_cash_goes_online_as_ever():
    asked: list[object] = []
    outcome = run(_card(objects={}), terminal=TAKES_CASH, asked=asked)
    assert outcome.tvr & Tvr.FLOOR_LIMIT_EXCEEDED
    assert len(asked) == 1


def _purchase(**changes: object):
    return replace(PURCHASE, **changes)


@pytest.mark.parametrize(
    "purchase",
    [
        _purchase(amount=100_01),
        _purchase(forced_online=True),
        _purchase(type=TransactionType.CASH),
        _purchase(amount=2_000, other=1_000, type=TransactionType.CASHBACK),
    ],
)
def test_electronic_cash_is_not_offered_for_everything(purchase):
    card = _card()
    run(card, terminal=TAKES_CASH, transaction=purchase)
    assert card.sent("80A8")[0].startswith("80A800000B830900")


def test_a_terminal_without_electronic_cash_offers_none():
    card = _card()
    outcome = run(card, terminal=with_application(floor_limit=0))
    assert card.sent("80A8")[0].startswith("80A800000B830900")
    assert "9F7B" not in outcome.data


def test_a_card_that_goes_online_instead_is_followed():
    asked: list[object] = []
    outcome = run(_card(makes=(CryptogramType.ARQC.value, None)), terminal=TAKES_CASH, asked=asked)
    assert outcome.online
    assert len(asked) == 1


@pytest.mark.parametrize("answer", ["6A88", "", "9F79029000", "9F790100 9000", "8401FF9000"])
def test_a_card_that_tells_no_balance_has_paid_all_the_same(answer):
    outcome = run(_card(overruled={"80CA9F79": answer}), terminal=TAKES_CASH)
    assert outcome.approved
    assert "9F79" not in outcome.data


def test_the_limit_is_told_in_the_terminals_currency():
    outcome = run(_card(), terminal=TAKES_CASH)
    assert outcome.data["9F7B"].hex() == "000000010000"
    assert outcome.data["5F2A"].hex() == f"0{currency('CNY').number}"
