"""Numbers of people and businesses: right ones are taken, and no digit of one can be changed unnoticed."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.merchant.identity import (
    age,
    birth_date,
    is_bank_card,
    is_corporate_account,
    is_credit_code,
    is_mobile,
    is_registration_number,
)
from tests.merchant.hand_applicant import bank_card, credit_code, identity_number, registration_number


def changed(number: str, place: int, by: int) -> str:
    at = place % len(number)
    digit = "0123456789"[(int(number[at]) + by) % 10] if number[at].isdigit() else "0"
    return number[:at] + digit + number[at + 1 :]


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014"])
def test_the_examples_of_the_standard_are_identity_numbers(number):
    """GB 11643-1999, examples."""
    assert birth_date(number) is not None


def test_a_registration_number_of_a_published_licence_is_one():
    """GS 15-2006, example."""
    assert is_registration_number("110108000000016")


@pytest.mark.parametrize(
    "number",
    [
        "",
        "1",
        "11010519491231002",
        "110105194912310021",
        "010105194912310020",
        "11010519490231002X",
        "ABCDEFGHIJKLMNOPQR",
    ],
)
def test_what_is_no_identity_number_has_no_birth_date(number):
    assert birth_date(number) is None


@given(st.integers(0, 17), st.integers(1, 9), st.integers(0, 999))
def test_one_changed_digit_of_an_identity_number_is_noticed(place, by, sequence):
    number = identity_number(f"{sequence:03d}")
    assert birth_date(number) == date(1990, 3, 7)
    assert birth_date(changed(number, place, by)) is None


@given(st.integers(0, 16), st.integers(1, 9), st.integers(0, 9999))
def test_one_changed_digit_of_a_credit_code_is_noticed(place, by, serial):
    number = credit_code(f"{serial:04d}")
    other = changed(number, place, by)
    assert is_credit_code(number)
    assert other == number or not is_credit_code(other)


@given(st.integers(0, 14), st.integers(1, 9), st.integers(0, 9999))
def test_one_changed_digit_of_a_registration_number_is_noticed(place, by, serial):
    number = registration_number(f"{serial:04d}")
    assert is_registration_number(number)
    assert not is_registration_number(changed(number, place, by))


@given(st.integers(0, 16), st.integers(1, 9), st.integers(0, 9999))
def test_one_changed_digit_of_a_card_number_is_noticed(place, by, serial):
    number = bank_card(f"{serial:04d}")
    assert is_bank_card(number)
    assert not is_bank_card(changed(number, place, by))


@given(st.text(max_size=30))
def test_any_text_is_judged_without_an_error(text):
    assert birth_date(text) is None or len(text) == 18
    for judge in (is_mobile, is_credit_code, is_registration_number, is_bank_card, is_corporate_account):
        assert judge(text) in (True, False)


@pytest.mark.parametrize(("today", "years"), [(date(2006, 3, 6), 15), (date(2006, 3, 7), 16), (date(2007, 1, 1), 16)])
def test_a_person_is_a_year_older_on_the_birthday(today, years):
    assert age(date(1990, 3, 7), today) == years
