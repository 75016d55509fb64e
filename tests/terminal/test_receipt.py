"""Slips as golden files, in both widths and languages, and what must hold of every line on paper.

To write the golden files anew after a wanted change: `POSTERM_WRITE_GOLDEN=1 pytest tests/terminal/test_receipt.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.amount import Amount
from posterm.sensitive import Pan
from posterm.terminal import OriginalReference
from posterm.terminal import effects as fx
from posterm.terminal.receipt import BalanceSlip, Copy, Document, Language, Letterhead, Slip, lines, width
from tests.terminal.scripted_host import CASHIER, SUPERVISOR, TRACK, Act, World
from tests.terminal.scripted_kernel import ScriptedKernel

GOLDEN = Path(__file__).parent.parent / "golden" / "receipts"


@cache
def day() -> dict[str, Document]:
    """The slips of one day, by name."""
    remark = "CUP" + " " * 20 + f"{'银联提示':<16}" + "THANK YOU"
    world = World(script=(Act(change={63: remark}), Act(), Act())).ready()
    world.do("sale", Amount(12345))
    world.do("void", "000002", SUPERVISOR)
    world.card, world.pin = fx.Keyed(Pan("6212345678901265"), "3012"), None
    world.do("preauth", Amount(100000))
    world.do("offline_sale", Amount(5000), "VOICE1")
    world.do("complete", Amount(80000), OriginalReference(stan="4"))
    world.card = None
    world.do("sale", Amount(20000))
    world.do("adjust_tip", "000007", Amount(2500))
    world.do("balance")
    names = ["sale", "void", "pre-authorisation", "offline-sale", "completion", "unsigned-sale", "tip"]
    slips: dict[str, Document] = {
        f"{name}-{copy}": world.printed[2 * at + place]
        for at, name in enumerate(names)
        for place, copy in enumerate(("merchant", "cardholder"))
    }
    slips["balance"] = world.printed[-1]
    world.do("reprint", "000002")
    slips["reprint-merchant"] = world.printed[-2]
    world.host.ledger["000001", "000777"] = world.host.ledger["000001", "000007"]
    world.do("settle")
    slips["settlement"] = world.printed[-1]
    world.do("sign_on", "01", CASHIER)
    world.do("settle")
    slips["settlement-empty"] = world.printed[-1]
    world.do("reprint_settlement")
    slips["settlement-reprint"] = world.printed[-1]
    chip = World(card=fx.Tapped(b"\x3b"), kernels=ScriptedKernel()).ready()
    chip.do("sale", Amount(8000))
    chip.card, chip.kernels.online = fx.Inserted(b"\x3b"), False
    chip.do("sale", Amount(12345))
    slips["tap-merchant"], slips["chip-offline-sale-merchant"] = chip.printed[0], chip.printed[2]
    return slips


IN_FULL = ["sale-merchant", "sale-cardholder", "unsigned-sale-merchant", "reprint-merchant", "settlement"]
ZH_ONLY = [
    "void-merchant",
    "pre-authorisation-merchant",
    "offline-sale-merchant",
    "completion-merchant",
    "tip-merchant",
    "balance",
    "settlement-empty",
    "settlement-reprint",
    "tap-merchant",
    "chip-offline-sale-merchant",
]
CASES = [(name, columns, language) for name in IN_FULL for columns in (32, 48) for language in ("zh", "en")]
CASES += [(name, 32, "zh") for name in ZH_ONLY]


@pytest.mark.parametrize(("name", "columns", "language"), CASES)
def test_a_slip_is_its_golden_file(
    name: str, columns: int, language: Language, watched_output: Callable[[str], None]
) -> None:
    text = "\n".join(lines(day()[name], columns=columns, language=language)) + "\n"
    watched_output(text)
    path = GOLDEN / f"{name}-{columns}-{language}.txt"
    if os.environ.get("POSTERM_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {f"{n}-{c}-{language}.txt" for n, c, language in CASES}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("columns", [32, 48])
def test_every_line_of_every_slip_fits_the_paper(columns: int, language: Language) -> None:
    for document in day().values():
        assert all(width(line) <= columns for line in lines(document, columns=columns, language=language))


def test_no_slip_shows_a_card_number(watched_output: Callable[[str], None]) -> None:
    pan = TRACK.split("=")[0]
    for document in day().values():
        text = "\n".join(lines(document))
        watched_output(text)
        assert pan not in text.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize("columns", [0, 31, 33, 40, 80])
def test_other_paper_is_refused(columns: int) -> None:
    with pytest.raises(ValueError, match="32 or 48"):
        lines(day()["balance"], columns=columns)


_TEXT = st.text(max_size=60)


@given(name=_TEXT, remark=_TEXT, institutions=_TEXT, auth=_TEXT, language=st.sampled_from(["zh", "en"]))
def test_whatever_the_host_says_every_line_fits_and_holds_no_control_code(
    name: str, remark: str, institutions: str, auth: str, language: Language
) -> None:
    slip = day()["sale-merchant"]
    assert isinstance(slip, Slip)
    entry = replace(slip.entry, remark=remark, institutions=institutions, auth_code=auth)
    laid_out = lines(Slip(Letterhead(name, "898310058120001", "10000001"), entry, Copy.MERCHANT), language=language)
    assert all(width(line) <= 32 and line.isprintable() for line in laid_out)


def test_a_slip_says_how_its_amount_came_about() -> None:
    slip = day()["sale-merchant"]
    assert isinstance(slip, Slip)
    price = (("原价", "100.00"), ("六月优惠", "-10.00"), ("实付", "90.00"))
    laid_out = [line.replace(" ", "") for line in lines(replace(slip, price=price), language="zh")]
    assert laid_out.index("原价:100.00") + 1 == laid_out.index("六月优惠:-10.00") == laid_out.index("实付:90.00") - 1


def test_what_is_owed_is_printed_with_its_sign() -> None:
    world = World(script=(Act(change={54: "1002156D000000001250"}),)).ready()
    result = world.do("balance")
    assert (str(result.balance), result.overdrawn) == ("12.50", True)
    slip = world.printed[-1]
    assert isinstance(slip, BalanceSlip)
    assert any("CNY -12.50" in line for line in lines(slip))
