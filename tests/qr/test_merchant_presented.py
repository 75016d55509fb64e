"""Codes that a merchant shows: the published example, every rule broken, and what is built reads back."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.amount import CNY, Amount
from posterm.errors import PostermError
from posterm.qr import merchant_presented as mpm
from posterm.qr.errors import MerchantCodeError

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "qr" / "codes.json").read_text(encoding="utf-8"))
PUBLISHED = VECTORS["merchant_presented"]
BEGIN = "000201"


def _signed(body: str) -> str:
    body += "6304"
    return f"{body}{mpm.crc16(body):04X}"


def _plain(**changed: object) -> mpm.MerchantCode:
    settings: dict[str, object] = {
        "accounts": [mpm.account("15", "3125015600000001")],
        "mcc": "5812",
        "merchant_name": "NOODLE HOUSE",
        "merchant_city": "WUHAN",
    }
    return mpm.build(**(settings | changed))  # type: ignore[arg-type]


def test_the_published_code_reads_as_the_book_says():
    code = mpm.parse(PUBLISHED["text"])
    assert [account.id for account in code.accounts] == PUBLISHED["accounts"]
    assert code.dynamic
    assert (code.find("52"), code.find("58")) == (PUBLISHED["mcc"], PUBLISHED["country"])
    assert (code.merchant_name, code.find("60")) == (PUBLISHED["name"], PUBLISHED["city"])
    assert str(code.amount) == PUBLISHED["amount"]
    language, additional = code.template("64"), code.template("62")
    assert language is not None
    assert additional is not None
    assert language.find("01") == PUBLISHED["name_zh"]
    assert (additional.find("03"), additional.find("07")) == (PUBLISHED["store"], PUBLISHED["terminal"])


def test_what_was_read_is_written_character_by_character():
    assert mpm.parse(PUBLISHED["text"]).text == PUBLISHED["text"]


def test_a_code_without_an_amount_is_static_and_one_with_an_amount_dynamic():
    assert not _plain().dynamic
    assert _plain().amount is None
    assert _plain(amount=Amount(1234, CNY)).dynamic
    assert _plain(amount=Amount(1234, CNY)).amount == Amount(1234, CNY)


def test_the_bill_number_stands_in_for_a_missing_reference():
    assert _plain(additional=[("01", "B-77")]).reference == "B-77"
    assert _plain(additional=[("01", "B-77"), ("05", "R-1")]).reference == "R-1"
    assert _plain().reference == ""


@pytest.mark.parametrize("place", range(len(PUBLISHED["text"]) - 4))
def test_one_misread_character_is_always_found(place):
    text = PUBLISHED["text"]
    wrong = text[:place] + ("7" if text[place] != "7" else "8") + text[place + 1 :]
    with pytest.raises(MerchantCodeError):
        mpm.parse(wrong)


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        (f"{BEGIN}1508312501565204581253031565802CN5909NO HOUSE 6005WUHAN5204", "52", "characters"),
        (f"{BEGIN}5204581253031565802CN5905HOUSE6005WUHAN", "", "at least one merchant account"),
        (f"{BEGIN}1508312501565204581253031565802CN6005WUHAN", "59", "missing: Merchant Name"),
        (f"{BEGIN}15083125015652045A1253031565802CN5905HOUSE6005WUHAN", "52", "form"),
        (f"{BEGIN}1508312501565204581253031565402-15802CN5905HOUSE6005WUHAN", "54", "form"),
        (f"{BEGIN}150831250156520458125303156550201560505.005802CN5905HOUSE6005WUHAN", "56", "indicator"),
        (f"{BEGIN}1508312501565204581253031565502035802CN5905HOUSE6005WUHAN", "57", "indicator"),
        (f"{BEGIN}1508312501565204581253031565802CN5905HOUSE6005WUHAN5905HOUSE", "59", "twice"),
        (f"{BEGIN}1508312501565204581253031565802CN5905HOUSE6005WUHAN62060902AA", "62.09", "form"),
        (f"{BEGIN}1508312501565204581253031565802CN5905HOUSE6005WUHAN620501", "62", "characters"),
        (f"{BEGIN}1508312501565204581253031565802CN5905HOUSE6005WUHAN6205011X1", "62", "digits"),
        (f"{BEGIN}1508312501565204581253031565802CN5905HOUSE6005WUHAN64060002ZH", "64", "language"),
    ],
)
def test_a_code_that_breaks_a_rule_is_refused_with_its_path(body, path, said):
    with pytest.raises(MerchantCodeError, match=said) as caught:
        mpm.parse(_signed(body))
    assert caught.value.path == path


@pytest.mark.parametrize("text", ["", "0", "000202", "https://qr.example/1", "000201" * 100, "0002016304FFFF"])
def test_what_is_no_code_is_refused(text):
    with pytest.raises(MerchantCodeError):
        mpm.parse(text)


@pytest.mark.parametrize(
    "changed",
    [
        {"mcc": "58"},
        {"merchant_name": ""},
        {"merchant_name": "X" * 26},
        {"accounts": []},
        {"accounts": [mpm.account("63", "1")]},
        {"currency_number": "999"},
        {"tip": [("57", "5")]},
        {"tip": [("55", "03"), ("57", "0.0")]},
        {"additional": [("09", "X")]},
        {"accounts": [mpm.account(f"{number:02d}", "9" * 99) for number in range(2, 9)]},
    ],
)
def test_a_code_that_cannot_be_is_not_built(changed):
    with pytest.raises(PostermError):
        _plain(**changed)


@given(st.text(max_size=80))
def test_any_text_reads_or_raises_our_error(text):
    for candidate in (text, _signed(BEGIN + text)):
        try:
            code = mpm.parse(candidate)
        except MerchantCodeError:
            continue
        assert code.text.upper() == candidate.upper()


@given(
    name=st.text(
        st.characters(min_codepoint=32, max_codepoint=0x9FFF, exclude_categories=("Cs",)), min_size=1, max_size=25
    ),
    minor=st.integers(1, 10**10),
    reference=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=25),
)
def test_what_is_built_reads_back(name, minor, reference):
    code = _plain(merchant_name=name, amount=Amount(minor, CNY), additional=[("05", reference)])
    again = mpm.parse(code.text)
    assert again == code
    assert (again.merchant_name, again.amount, again.reference) == (name, Amount(minor, CNY), reference)
