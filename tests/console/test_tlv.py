"""`posterm tlv`: data objects by name, their bits in words, and nothing of the card that must not be seen."""

from __future__ import annotations

import json

import pytest

FIELD_55 = "9F2608B7A2C3D4E5F60718 9F270180 9505000004 8000 9C0100"
PAN = "6212345678901265"
RECORD = "7019" + "5A08" + PAN + "5F200C" + b"CARD/HOLDER ".hex()


def test_bits_are_said_below_the_value(posterm):
    result = posterm("tlv", FIELD_55)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "9F26  Application Cryptogram (AC)        B7A2C3D4E5F60718",
        "9F27  Cryptogram Information Data (CID)  80",
        "        ARQC",
        "95    Terminal Verification Results      0000048000",
        "        byte 3 bit 3 online PIN entered",
        "        byte 4 bit 8 floor limit exceeded",
        "9C    Transaction Type                   00",
    ]


def test_templates_hold_what_stands_below_them_and_a_status_word_is_one(posterm):
    result = posterm("tlv", "6F1A840E315041592E5359532E4444463031A5088801015F2D02656E9000")
    assert [line.split()[0] for line in result.output.splitlines()] == ["6F", "84", "A5", "88", "5F2D", "SW"]
    assert "    5F2D  Language Preference          'en'" in result.output.splitlines()
    assert result.output.splitlines()[-1] == "SW 9000  success"


def test_card_numbers_and_names_are_masked(posterm):
    result = posterm("tlv", RECORD)
    assert "621234******1265" in result.output
    assert "Cardholder Name" in result.output
    assert b"HOLDER".hex().upper() not in result.output
    assert "HOLDER" not in result.output


@pytest.mark.shows_test_data
def test_unmask_shows_everything(posterm):
    assert PAN in posterm("tlv", RECORD, "--unmask").output


def test_a_template_that_cannot_be_read_shows_nothing_of_itself(posterm):
    result = posterm("tlv", "700A5A09" + PAN)
    assert result.exit_code == 0
    assert PAN not in result.output
    assert "**** (10 bytes masked)" in result.output
    assert "tag 5A: need 9 bytes, have 8 at byte 2" in result.output


def test_a_length_the_dictionary_does_not_allow_is_told(posterm):
    assert "need 6 bytes, have 2" in posterm("tlv", "9F02020012").output


def test_a_scheme_gives_its_meaning(posterm):
    meanings = {name: posterm("tlv", "--scheme", name, "9F6E0420700000").output for name in ("visa", "amex")}
    assert "Form Factor Indicator" in meanings["visa"]
    assert "Enhanced Contactless Reader Capabilities" in meanings["amex"]


def test_machines_get_the_tree(posterm):
    result = posterm("tlv", "--json", "770D9F270180", "9F360200019F100101")
    assert json.loads(result.output)[0]["objects"][0] == {
        "tag": "9F27",
        "name": "Cryptogram Information Data (CID)",
        "length": 1,
        "value": "80",
        "meaning": ["ARQC"],
    }


def test_a_long_value_goes_on_below_without_a_digit_pair_torn(posterm):
    value = bytes(range(64)).hex().upper()
    lines = posterm("tlv", "9F4640" + value).output.splitlines()
    pieces = [line.split()[-1] for line in lines]
    assert len(lines) > 1
    assert "".join(pieces).endswith(value)
    assert all(len(line) <= 80 for line in lines)
    assert all(len(piece) % 2 == 0 for piece in pieces)


@pytest.mark.parametrize("given", ["5A", "5A08", "9F", "1F818182", "9C80"])
def test_what_cannot_be_read_is_told_by_its_byte(posterm, given):
    result = posterm("tlv", given)
    assert result.exit_code == 1
    assert "at byte" in result.output


def test_a_scheme_nobody_knows_is_a_mistake(posterm):
    result = posterm("tlv", "--scheme", "diners", FIELD_55)
    assert result.exit_code == 2
    assert "need one of mastercard visa amex jcb unionpay" in result.output
