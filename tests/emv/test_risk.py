"""Terminal risk management. Source: EMV 4.4 Book 3, 10.6; Book 4, 6.3.5."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.emv.bits import Tsi, Tvr
from posterm.emv.config import TerminalFiles
from posterm.emv.kernel.risk import random_target
from posterm.sensitive import Pan
from tests.emv.paper_card import PAN, PURCHASE, TERMINAL, PaperCard, run, with_application

BYTE_4 = Tvr(0xFF << 8)
LOWER, UPPER = Tvr.LOWER_CONSECUTIVE_OFFLINE_LIMIT_EXCEEDED, Tvr.UPPER_CONSECUTIVE_OFFLINE_LIMIT_EXCEEDED


@pytest.mark.parametrize(("amount", "exceeded"), [(9_999, False), (10_000, True), (999_999_999_999, True)])
def test_the_floor_limit_is_exceeded_from_its_amount_on(amount, exceeded):
    outcome = run(PaperCard(), transaction=replace(PURCHASE, amount=amount))
    assert (Tvr.FLOOR_LIMIT_EXCEEDED in outcome.tvr) is exceeded
    assert Tsi.TERMINAL_RISK_MANAGEMENT_PERFORMED in outcome.tsi


def test_the_floor_limit_is_binary_and_the_amount_packed_decimal():
    card = PaperCard(pdol=bytes.fromhex("9F1B049F0206"))
    run(card)
    assert card.sent("80A8")[0][14:] == "00002710" + "000000001234" + "00"


def test_a_purchase_split_in_two_is_looked_at_as_one():
    files = TerminalFiles(earlier_amount=lambda pan: 8_766 if pan == Pan(PAN) else 0)
    assert Tvr.FLOOR_LIMIT_EXCEEDED in run(PaperCard(), files=files).tvr
    files = TerminalFiles(earlier_amount=lambda pan: 8_765)
    assert Tvr.FLOOR_LIMIT_EXCEEDED not in run(PaperCard(), files=files).tvr


def test_a_card_on_the_exception_file_is_told():
    files = TerminalFiles(on_exception_file=lambda pan: pan == Pan(PAN))
    assert Tvr.CARD_ON_TERMINAL_EXCEPTION_FILE in run(PaperCard(), files=files).tvr
    other = PaperCard(objects={"5A": bytes.fromhex("4761739001010028")})
    assert Tvr.CARD_ON_TERMINAL_EXCEPTION_FILE not in run(other, files=files).tvr


def test_the_attendant_can_force_an_authorization():
    forced = run(PaperCard(), transaction=replace(PURCHASE, forced_online=True))
    assert Tvr.MERCHANT_FORCED_ONLINE in forced.tvr


def test_a_card_that_asks_for_no_risk_management_gets_none():
    card = PaperCard()
    card.aip = 0
    outcome = run(card, transaction=replace(PURCHASE, amount=99_999))
    assert outcome.tvr & BYTE_4 == Tvr.NONE
    assert Tsi.TERMINAL_RISK_MANAGEMENT_PERFORMED not in outcome.tsi


# --- random selection -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "target"),
    [(0, 20), (499, 20), (500, 20), (750, 40), (1000 - 1, 59), (1000, 0), (5000, 0)],
)
def test_the_target_rises_from_the_threshold_to_the_floor_limit(amount, target):
    assert random_target(amount, 500, 1000, 20, 60) == target


@given(st.integers(0, 10**12), st.integers(0, 2**32), st.integers(0, 99), st.data())
def test_the_target_lies_between_its_bounds(amount, floor, greatest, data):
    threshold, target = data.draw(st.integers(0, floor)), data.draw(st.integers(0, greatest))
    found = random_target(amount, threshold, floor, target, greatest)
    assert found == 0 if amount >= floor else target <= found <= greatest


@pytest.mark.parametrize(
    ("drawn", "target", "selected"),
    [
        (0, 1, True),
        (1, 1, False),
        (98, 99, True),
        (97, 99, True),
        (49, 50, True),
        (50, 50, False),
        (99, 1, True),
        (0, 0, False),
    ],
)
def test_a_number_of_1_to_99_is_drawn_and_selects_up_to_the_target(drawn, target, selected):
    """The number drawn is 1 more than the random bytes modulo 99."""
    terminal = with_application(threshold=5_000, target_percent=target, max_target_percent=99)
    outcome = run(PaperCard(), terminal=terminal, draw=lambda size: drawn.to_bytes(size, "big"))
    assert (Tvr.SELECTED_RANDOMLY_FOR_ONLINE in outcome.tvr) is selected, str(outcome.trace)


def test_the_amount_selected_by_includes_cashback():
    terminal = with_application(threshold=0, floor_limit=1_000, target_percent=0, max_target_percent=50)
    drawn = {"draw": lambda size: (44).to_bytes(size, "big"), "terminal": terminal}
    assert (
        Tvr.SELECTED_RANDOMLY_FOR_ONLINE
        in run(PaperCard(), transaction=replace(PURCHASE, amount=900, other=500), **drawn).tvr
    )
    assert (
        Tvr.SELECTED_RANDOMLY_FOR_ONLINE not in run(PaperCard(), transaction=replace(PURCHASE, amount=400), **drawn).tvr
    )


@pytest.mark.parametrize("terminal_type", [0x21, 0x23])
def test_a_terminal_that_is_only_online_or_only_offline_selects_nothing(terminal_type):
    terminal = replace(
        with_application(threshold=5_000, target_percent=99, max_target_percent=99), terminal_type=terminal_type
    )
    assert Tvr.SELECTED_RANDOMLY_FOR_ONLINE not in run(PaperCard(), terminal=terminal).tvr


# --- velocity ---------------------------------------------------------------------------------------------------------


def counters(atc: str, last: str, lower: int = 3, upper: int = 5) -> PaperCard:
    return PaperCard(
        objects={"9F14": bytes((lower,)), "9F23": bytes((upper,))},
        overruled={"80CA9F36": atc, "80CA9F13": last},
    )


def data(tag: str, value: int) -> str:
    return f"{tag}02{value:04X}9000"


@pytest.mark.parametrize(
    ("atc", "last", "bits", "new"),
    [
        (data("9F36", 8), data("9F13", 5), Tvr.NONE, False),
        (data("9F36", 9), data("9F13", 5), LOWER, False),
        (data("9F36", 10), data("9F13", 5), LOWER, False),
        (data("9F36", 11), data("9F13", 5), LOWER | UPPER, False),
        (data("9F36", 1), data("9F13", 0), Tvr.NONE, True),
        (data("9F36", 9), data("9F13", 0), LOWER | UPPER, True),
        (data("9F36", 5), data("9F13", 5), LOWER | UPPER, False),
        (data("9F36", 4), data("9F13", 5), LOWER | UPPER, False),
        ("6A88", data("9F13", 5), LOWER | UPPER, False),
        (data("9F36", 8), "6A88", LOWER | UPPER, False),
        ("6A88", "6A88", LOWER | UPPER, False),
        ("6A88", data("9F13", 0), LOWER | UPPER, True),
        ("9000", data("9F13", 5), LOWER | UPPER, False),
        (data("9F13", 8), data("9F13", 5), LOWER | UPPER, False),
        ("9F36000000", "9F1303000001 9000".replace(" ", ""), LOWER | UPPER, False),
    ],
)
def test_consecutive_offline_transactions_are_counted(atc, last, bits, new):
    outcome = run(counters(atc, last))
    assert outcome.tvr & (LOWER | UPPER) == bits
    assert (Tvr.NEW_CARD in outcome.tvr) is new


@pytest.mark.parametrize("absent", ["9F14", "9F23"])
def test_without_both_limits_nothing_is_counted(absent):
    card = counters(data("9F36", 99), data("9F13", 0))
    card = PaperCard(objects={"9F14": b"\x03", "9F23": b"\x05", absent: None}, overruled=card.overruled)
    outcome = run(card)
    assert outcome.tvr & (LOWER | UPPER | Tvr.NEW_CARD) == Tvr.NONE
    assert card.sent("80CA") == []


def test_a_terminal_may_leave_counting_to_others():
    card = counters(data("9F36", 99), data("9F13", 0))
    run(card, terminal=with_application(velocity_checking=False))
    assert card.sent("80CA") == []
    assert TERMINAL.applications[0].velocity_checking
