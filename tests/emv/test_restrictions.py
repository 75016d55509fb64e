"""Processing restrictions. Source: EMV 4.4 Book 3, 10.4."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from posterm.emv.bits import AdditionalTerminalCapabilities, Tvr
from posterm.emv.config import TransactionType
from posterm.emv.outcome import Ending
from tests.emv.paper_card import PURCHASE, TERMINAL, PaperCard, run

BYTE_2 = Tvr(0xFF << 24)


def restricted(card: PaperCard, **arguments) -> Tvr:
    return run(card, **arguments).tvr & BYTE_2


@pytest.mark.parametrize(
    ("version", "bits"),
    [("0096", Tvr.NONE), ("0095", Tvr.DIFFERENT_APPLICATION_VERSIONS), (None, Tvr.NONE)],
)
def test_another_version_is_told_and_a_missing_one_is_not(version, bits):
    assert restricted(PaperCard(objects={"9F08": bytes.fromhex(version) if version else None})) == bits


@pytest.mark.parametrize(
    ("tag", "date", "bits"),
    [
        ("5F24", "260724", Tvr.NONE),
        ("5F24", "260723", Tvr.EXPIRED_APPLICATION),
        ("5F24", "491231", Tvr.NONE),
        ("5F24", "991231", Tvr.EXPIRED_APPLICATION),
        ("5F25", "260724", Tvr.NONE),
        ("5F25", "260725", Tvr.APPLICATION_NOT_YET_EFFECTIVE),
        ("5F25", "990101", Tvr.NONE),
    ],
)
def test_a_card_is_good_from_its_first_day_through_its_last(tag, date, bits):
    assert restricted(PaperCard(objects={tag: bytes.fromhex(date)})) == bits


CASH, CASHBACK, REFUND = TransactionType.CASH, TransactionType.CASHBACK, TransactionType.REFUND


@pytest.mark.parametrize(
    ("usage", "country", "type_", "other", "allowed"),
    [
        ("FFC0", "0156", 0x00, 0, True),
        ("0000", "0156", 0x00, 0, False),
        ("2900", "0156", 0x00, 0, True),
        ("2900", "0840", 0x00, 0, False),
        ("0900", "0156", 0x00, 0, True),
        ("1500", "0840", 0x00, 0, True),
        ("2800", "0156", 0x00, 0, False),
        ("8100", "0156", CASH, 0, True),
        ("8100", "0840", CASH, 0, False),
        ("4100", "0840", CASH, 0, True),
        ("2900", "0156", CASHBACK, 100, False),
        ("2980", "0156", CASHBACK, 100, True),
        ("2980", "0840", CASHBACK, 100, False),
        ("1540", "0840", CASHBACK, 100, True),
        ("0100", "0156", REFUND, 0, True),
        ("0100", None, 0x00, 0, True),
        ("0200", None, 0x00, 0, False),
    ],
)
def test_the_usage_control_allows_each_service_at_home_and_abroad(usage, country, type_, other, allowed):
    card = PaperCard(objects={"9F07": bytes.fromhex(usage), "5F28": bytes.fromhex(country) if country else None})
    bits = restricted(card, transaction=replace(PURCHASE, type=type_, other=other))
    assert bits == (Tvr.NONE if allowed else Tvr.REQUESTED_SERVICE_NOT_ALLOWED)


def test_a_cash_machine_needs_a_bit_of_its_own():
    machine = replace(TERMINAL, terminal_type=0x14, additional_capabilities=AdditionalTerminalCapabilities.CASH)
    cash = replace(PURCHASE, type=CASH)
    for usage, allowed in (("8200", True), ("8100", False)):
        card = PaperCard(objects={"9F07": bytes.fromhex(usage)})
        bits = restricted(card, terminal=machine, transaction=cash)
        assert (bits == Tvr.NONE) is allowed


def test_without_usage_control_nothing_is_restricted():
    assert restricted(PaperCard(objects={"9F07": None})) == Tvr.NONE


def test_a_date_that_is_none_ends_the_transaction():
    feb_30 = replace(PURCHASE, moment=datetime(2026, 7, 24))  # noqa: DTZ001
    assert run(PaperCard(objects={"5F24": bytes.fromhex("300230")}), transaction=feb_30).ending is Ending.TERMINATED
