"""Amounts: exact, never negative, never mixed. Source of codes and exponents: ISO 4217."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.amount import CNY, MAX_MINOR, Amount, currency
from posterm.errors import AmountError, PostermError
from tests.secrets_of_the_suite import PANS

PAN = PANS["link vectors, PAN"]

minors = st.integers(0, MAX_MINOR)
currencies = st.sampled_from(["CNY", "JPY", "KWD", "USD"]).map(currency)


@pytest.mark.parametrize(
    ("code", "number", "exponent"),
    [("CNY", "156", 2), ("HKD", "344", 2), ("JPY", "392", 0), ("USD", "840", 2), ("EUR", "978", 2), ("KWD", "414", 3)],
)
def test_a_currency_is_found_by_either_code(code, number, exponent):
    found = currency(number)
    assert currency(code) is found
    assert currency(code.lower()) is found
    assert (str(found), found.number, found.exponent) == (code, number, exponent)


@pytest.mark.parametrize("name", ["", "XYZ", "000", "1560", "15", "CN", "CNY ", "\N{FULLWIDTH DIGIT ONE}56"])
def test_an_unknown_currency_is_refused_with_a_hint(name):
    with pytest.raises(AmountError, match="no such currency") as caught:
        currency(name)
    assert "ISO 4217" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [
        ("12.34", "CNY", 1234),
        ("12.3", "CNY", 1230),
        ("12", "CNY", 1200),
        ("0", "CNY", 0),
        ("0.01", "CNY", 1),
        (" 7.00 ", "CNY", 700),
        ("0012.30", "CNY", 1230),
        ("100", "JPY", 100),
        ("1.234", "KWD", 1234),
        ("9999999999.99", "CNY", MAX_MINOR),
        ("999999999999", "JPY", MAX_MINOR),
    ],
)
def test_an_amount_is_read_as_typed(text, code, minor):
    assert Amount.parse(text, currency(code)) == Amount(minor, currency(code))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "CNY"),
        (" ", "CNY"),
        (".", "CNY"),
        (".5", "CNY"),
        ("5.", "CNY"),
        ("-1", "CNY"),
        ("+1", "CNY"),
        ("1,5", "CNY"),
        ("1 000", "CNY"),
        ("1e3", "CNY"),
        ("1_000", "CNY"),
        ("NaN", "CNY"),
        ("0x10", "CNY"),
        ("1.2.3", "CNY"),
        ("1.234", "CNY"),
        ("1.0", "JPY"),
        ("1.2345", "KWD"),
        ("10000000000.00", "CNY"),
        ("999999999999", "CNY"),
        ("1000000000000", "JPY"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "CNY"),
        ("\N{FULLWIDTH DIGIT ONE}", "CNY"),
        ("9" * 100_000, "CNY"),
    ],
)
def test_what_is_no_amount_is_refused(text, code):
    with pytest.raises(AmountError):
        Amount.parse(text, currency(code))


@pytest.mark.parametrize("minor", [-1, MAX_MINOR + 1, 10**30])
def test_an_amount_outside_twelve_digits_is_refused(minor):
    with pytest.raises(AmountError, match="1 to 12 digits"):
        Amount(minor)


@given(minors, currencies)
def test_an_amount_is_read_back_from_its_text(minor, unit):
    amount = Amount(minor, unit)
    assert Amount.parse(str(amount), unit) == amount


@given(minors)
def test_de_4_always_carries_twelve_digits(minor):
    assert len(Amount(minor).digits) == 12
    assert int(Amount(minor).digits) == minor


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_refused(text):
    try:
        amount = Amount.parse(text)
    except AmountError:
        return
    assert 0 <= amount.minor <= MAX_MINOR


@given(minors, minors)
def test_what_is_added_can_be_taken_away(left, right):
    first, second = Amount(left), Amount(right)
    if left + right > MAX_MINOR:
        with pytest.raises(AmountError):
            _ = first + second
    else:
        assert (first + second) - second == first


@given(minors, minors)
def test_amounts_order_as_their_minor_units(left, right):
    first, second = Amount(left), Amount(right)
    assert (first < second, first <= second) == (left < right, left <= right)
    assert (first > second, first >= second) == (left > right, left >= right)


def test_an_amount_never_falls_below_zero():
    with pytest.raises(AmountError):
        _ = Amount(1) - Amount(2)


@pytest.mark.parametrize(
    "combine", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > b]
)
def test_amounts_of_two_currencies_are_never_combined(combine):
    with pytest.raises(AmountError, match=r"cannot combine (CNY and USD|USD and CNY)"):
        combine(Amount(1), Amount(1, currency("USD")))


def test_equal_numbers_of_two_currencies_are_not_equal():
    assert Amount(100, CNY) != Amount(100, currency("USD"))


def test_an_amount_cannot_be_changed():
    with pytest.raises(AttributeError):
        Amount(1).minor = 2  # type: ignore[misc]


def test_amounts_name_themselves():
    assert repr(Amount(1234)) == "Amount(minor=1234, currency=CNY)"
    assert [str(Amount(5, currency(code))) for code in ("CNY", "JPY", "KWD")] == ["0.05", "5", "0.005"]


def test_a_shallow_copy_counts_with_the_original():
    assert Amount(1) + copy.copy(Amount(2)) == Amount(3)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda amount: pickle.loads(pickle.dumps(amount))])
def test_a_copied_amount_counts_with_the_original(again):
    assert Amount(1) + again(Amount(2)) == Amount(3)


@pytest.mark.parametrize("read", [Amount.parse, currency])
def test_a_card_number_typed_in_the_wrong_place_is_not_echoed(read):
    with pytest.raises(PostermError) as caught:
        read(PAN)
    echoed = PAN in f"{caught.value} {caught.value.hint}"
    assert not echoed


@pytest.mark.parametrize("read", [Amount.parse, currency])
def test_a_long_text_is_not_echoed_whole(read):
    with pytest.raises(AmountError) as caught:
        read("1." + "0" * 1_000)
    assert len(str(caught.value)) < 200
