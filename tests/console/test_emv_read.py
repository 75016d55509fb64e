"""`posterm emv read` and `readers`: what is on a card, by name, masked, from a test card or a reader of the machine."""

from __future__ import annotations

import json

import pytest

from simulators.card import load_profile

ONE_OF_EACH = (
    *("unionpay-dual", "unionpay-ecash", "visa-credit", "mastercard-debit", "mastercard-mag-stripe"),
    *("jcb-debit", "amex-credit", "discover-debit"),
)


def test_every_application_of_the_card_is_read(posterm):
    result = posterm("emv", "read", "--card", "unionpay-dual")
    headings = [line for line in result.output.splitlines() if line.startswith("Application A")]
    assert headings == ["Application A000000333010101", "Application A000000333010102"]
    assert result.exit_code == 0


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_no_card_shows_its_number(posterm, name):
    holder = load_profile(name).holder
    for contactless in ((), ("--contactless",)):
        output = posterm("emv", "read", "--card", name, *contactless).output
        assert holder.pan not in output.replace(" ", "")
        assert f"{holder.pan[:6]}******"[:8] in output or "Application" not in output


@pytest.mark.parametrize("scheme", ["unionpay", "visa", "mastercard", "jcb", "amex", "discover"])
def test_a_tapped_card_is_read_by_its_own_directory(posterm, scheme):
    result = posterm("emv", "read", "--card", f"{scheme}-credit", "--contactless")
    assert "answer to reset" in result.output
    assert ", contactless" in result.output.splitlines()[0]
    assert "-- SELECT 2PAY.SYS.DDF01" in result.output.splitlines()


def test_machines_get_the_parts(posterm):
    document = json.loads(posterm("emv", "read", "--card", "visa-debit", "--json").output)
    assert document["whole"]
    assert document["atr"].startswith("3B")
    assert document["applications"][0]["df_name"] == "A0000000031010"
    assert {part["sw"] for part in document["applications"][0]["parts"]} == {"9000"}


def test_a_blocked_application_is_read_and_told(posterm):
    assert (
        "-- SELECT: 6283 warning, the selected file is invalidated"
        in posterm("emv", "read", "--card", "visa-blocked").output
    )


def test_a_reader_and_a_card_at_once_is_a_mistake(posterm):
    result = posterm("emv", "read", "--card", "visa-debit", "--reader", "Desk")
    assert result.exit_code == 2
    assert "need a reader or a card, have both" in result.output


def test_a_card_nobody_knows_is_a_mistake(posterm):
    assert posterm("emv", "read", "--card", "nobody").exit_code == 2
