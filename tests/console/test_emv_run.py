"""`posterm emv run` and `replay`: whole transactions with test cards, kept, explained, and played again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulators.card import load_profile

AT = ("--at", "2030-06-01T12:00:00", "--seed", "7")


def run(posterm, card: str, *more: str, amount: str = "12.34"):
    return posterm("emv", "run", "--amount", amount, "--card", card, *AT, *more)


ONE_OF_EACH = (
    *("unionpay-debit", "unionpay-credit", "visa-debit", "visa-credit", "mastercard-debit", "mastercard-credit"),
    *("jcb-debit", "amex-credit", "discover-debit"),
)


@pytest.mark.parametrize("card", ONE_OF_EACH)
def test_a_sale_goes_online_and_is_approved_by_issuer_and_card(posterm, card):
    result = run(posterm, card, "--json")
    document = json.loads(result.output)
    assert result.exit_code == 0
    assert (document["ending"], document["cryptogram"], document["response_code"]) == ("approved", "TC", "00")
    assert "verified" in document["issuer"]
    assert document["tsi"]["value"][:1] in ("E", "F")


@pytest.mark.parametrize(
    ("card", "kernel"),
    [
        ("unionpay-debit", "kernel 7"),
        ("visa-credit", "kernel 3"),
        ("mastercard-debit", "kernel 2"),
        ("mastercard-mag-stripe", "kernel 2"),
    ],
)
def test_a_tap_is_approved_by_the_issuer(posterm, tmp_path, card, kernel):
    path = tmp_path / "run.apdu"
    result = run(posterm, card, "--contactless", "--explain", "--save", str(path))
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[:2] == ["12.34 CNY, tapped", "approved: the issuer answered 00"]
    assert any(kernel in line for line in lines)
    again = posterm("emv", "replay", str(path), "--explain").output.splitlines()
    assert [line for line in again if "  issuer " not in line] == [line for line in lines if "  issuer " not in line]


def test_a_card_no_kernel_takes_is_to_be_inserted(posterm):
    result = run(posterm, "jcb-credit", "--contactless")
    assert result.exit_code == 1
    assert result.output.splitlines()[1].startswith("try another interface")


def test_the_end_is_told_first_and_what_it_rests_on_below(posterm):
    lines = run(posterm, "unionpay-debit").output.splitlines()
    assert lines[:2] == ["12.34 CNY, inserted", "approved: the card made a TC"]
    assert "  card          621234******1265, expires 12/30" in lines
    assert "  issuer        00, cryptogram unionpay-01 verified" in lines
    assert "                  byte 3 bit 3 online PIN entered" in lines


def test_the_issuer_declines_and_the_card_follows(posterm):
    result = run(posterm, "visa-credit", "--response", "51", "--json")
    document = json.loads(result.output)
    assert result.exit_code == 1
    assert (document["ending"], document["cryptogram"], document["response_code"]) == ("declined", "AAC", "51")


def test_without_an_issuer_the_terminal_decides(posterm):
    result = run(posterm, "visa-debit", "--offline")
    assert result.exit_code == 1
    assert "  response code Z3, unable to go online, offline declined" in result.output.splitlines()


def test_explain_answers_why(posterm):
    result = run(posterm, "visa-debit", "--offline", "--explain")
    told = " ".join(result.output.split())
    assert "Rules, in order:" in told
    assert "Book 3, 10.6.1: floor limit 0 reached -> TVR byte 4 bit 8 floor limit exceeded" in told


def test_the_cardholder_may_enter_no_pin(posterm):
    document = json.loads(run(posterm, "unionpay-debit", "--no-pin", "--json").output)
    assert "byte 3 bit 4 PIN pad present but PIN not entered" in document["tvr"]["bits"]
    assert not document["online_pin"]


def test_a_blocked_card_cannot_be_used_and_may_not_be_swiped(posterm):
    result = run(posterm, "visa-blocked")
    assert result.exit_code == 1
    assert result.output.splitlines()[1].startswith("try another card")
    assert "  fallback      not allowed" in result.output.splitlines()


def test_another_currency_is_the_terminals(posterm):
    document = json.loads(run(posterm, "visa-debit", "--currency", "USD", "--json").output)
    assert (document["amount_minor"], document["currency"], document["data"]["5F2A"]) == (1234, "USD", "0840")


@pytest.mark.parametrize("amount", ["", "-1", "1.234", "x"])
def test_an_amount_that_is_none_is_a_mistake(posterm, amount):
    assert posterm("emv", "run", f"--amount={amount}", "--card", "visa-debit").exit_code == 2


# --- the log ------------------------------------------------------------------------------------------------------


def test_the_log_names_what_commands_carry_and_answers_hold(posterm):
    lines = run(posterm, "visa-debit", "--log").output.splitlines()
    first = lines.index("> 80AE9000 GENERATE AC, 29 bytes")
    assert lines[first + 1].split() == ["9F02", "Amount,", "Authorised", "(Numeric)", "000000001234"]
    assert any(line.startswith("< 9000 success") for line in lines[first:])
    assert "> 00820000 EXTERNAL AUTHENTICATE" in " ".join(lines)


@pytest.mark.parametrize("card", ["unionpay-debit", "visa-credit", "mastercard-credit"])
@pytest.mark.parametrize("form", ["--explain", "--json"])
@pytest.mark.parametrize("way", [(), ("--contactless",)], ids=["inserted", "tapped"])
def test_neither_log_nor_document_shows_number_or_pin(posterm, card, form, way):
    holder = load_profile(card).holder
    output = run(posterm, card, "--log", form, *way).output
    assert holder.pan not in output.replace(" ", "").replace("\n", "")
    assert holder.pin not in output


def test_machines_get_the_dialogue_too(posterm):
    log = json.loads(run(posterm, "visa-debit", "--json", "--log").output)["log"]
    assert log[0]["atr"].startswith("3B")
    assert log[1]["command"] == "00A40400 SELECT 315041592E5359532E4444463031"
    assert log[1]["sw"] == "9000"
    carried = next(row for row in log[1:] if row["command"].startswith("80AE"))["carries"]
    assert carried[0]["tag"] == "9F02"


# --- saved runs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(posterm, tmp_path) -> Path:
    path = tmp_path / "run.apdu"
    run(posterm, "visa-credit", "--save", str(path))
    return path


def test_a_saved_run_is_for_its_owner_alone_and_holds_no_pin(saved):
    assert saved.stat().st_mode & 0o077 == 0
    verify = next(line for line in saved.read_text().splitlines() if line.startswith("> 0020"))
    assert set(verify.split()[1][10:]) == {"0"}


@pytest.mark.parametrize(
    ("card", "more"),
    [
        ("visa-credit", ()),
        ("unionpay-debit", ()),
        ("unionpay-credit", ("--no-pin",)),
        ("visa-debit", ("--offline",)),
        ("mastercard-credit", ("--response", "05")),
        ("unionpay-dual", ()),
        ("visa-blocked", ()),
    ],
)
def test_a_saved_run_ends_again_as_it_ended(posterm, tmp_path, card, more):
    path = tmp_path / "run.apdu"
    ran = run(posterm, card, *more, "--explain", "--log", "--save", str(path))
    again = posterm("emv", "replay", str(path), "--explain", "--log")
    kept = [line for line in ran.output.splitlines() if "verified" not in line or "issuer" not in line]
    played = [line for line in again.output.splitlines() if "  issuer  " not in line]
    assert [line for line in kept if "  issuer  " not in line] == played
    assert again.exit_code == ran.exit_code


def test_the_same_seed_and_moment_give_the_same_file(posterm, tmp_path):
    files = [tmp_path / name for name in ("one", "two")]
    for path in files:
        run(posterm, "unionpay-debit", "--save", str(path))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_run_that_differs_is_told_where(posterm, saved):
    saved.write_text(saved.read_text().replace("= amount 12.34", "= amount 12.35"))
    result = posterm("emv", "replay", str(saved))
    assert result.exit_code == 2
    assert "the transcript has GENERATE AC 80AE9000 here" in result.output


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("= seed ", "= sead ", "line 7: need one of amount"),
        ("= seed ", "# seed ", "need amount, currency, moment, contactless, seed before the dialogue"),
        ("= amount 12.34", "= amount twelve", "need amount, currency"),
        ("= pin entered", "= pin lost", "the reply pin cannot be read"),
        ("= pin entered", "= online 00", "the kernel asks for pin, the run has online here"),
        ("= pin entered", "", "the kernel asks for pin, the run has online here"),
        ("= online 00", "= online 00 zz", "the reply online cannot be read"),
        ("= online 00", "# ", "the kernel asks for online, the run has nothing here"),
        ("@ 3B", "@ 3x", "need hexadecimal digits"),
    ],
)
def test_a_file_that_is_no_run_is_told_why(posterm, saved, old, new, fault):
    text = saved.read_text()
    assert old in text
    saved.write_text(text.replace(old, new, 1))
    result = posterm("emv", "replay", str(saved))
    assert result.exit_code == 2
    assert fault in " ".join(result.output.split())


def test_a_file_that_cannot_be_written_or_read_is_told(posterm, tmp_path):
    assert run(posterm, "visa-debit", "--save", str(tmp_path / "no" / "run")).exit_code == 2
    assert posterm("emv", "replay", str(tmp_path / "nothing")).exit_code == 2
