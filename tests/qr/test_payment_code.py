"""Chinese payment codes: the ranges of each network, and one use within a minute."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.qr.errors import PaymentCodeError
from posterm.qr.payment_code import LIFETIME, RANGES, Network, OneTimeCodes, PaymentCode

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("form", RANGES, ids=lambda form: form.network)
def test_every_length_and_prefix_of_a_network_is_its_own(form):
    for length in range(form.shortest, form.longest + 1):
        for prefix in range(form.first_prefix, form.last_prefix + 1):
            assert PaymentCode(f"{prefix}{'7' * (length - 2)}").network is form.network


@pytest.mark.parametrize(
    "digits",
    [
        *("", "62", "6" * 18, "62" + "0" * 16, "62" + "0" * 18, "09" + "0" * 16, "16" + "0" * 16, "10" + "0" * 15),
        *("25" + "0" * 13, "30" + "0" * 23, "31" + "0" * 16, "13456789012345678x", "١٣" + "0" * 16),
    ],
)
def test_other_digits_are_no_payment_code(digits):
    with pytest.raises(PaymentCodeError):
        PaymentCode(digits)


@given(st.text(max_size=30))
def test_any_text_is_a_code_or_our_error(text):
    try:
        code = PaymentCode(text)
    except PaymentCodeError:
        return
    assert code.reveal() == text
    assert text[2:-2] not in str(code)


@pytest.mark.parametrize("network", list(Network))
def test_a_code_is_good_once_and_for_a_minute(network):
    codes = OneTimeCodes(random.Random(7).randrange)
    code = codes.issue(network, "wallet-1", NOON)
    assert code.network is network
    assert codes.redeem(code, NOON + LIFETIME - timedelta(seconds=1)) == "wallet-1"
    with pytest.raises(PaymentCodeError, match="used already"):
        codes.redeem(code, NOON + timedelta(seconds=2))


def test_a_code_past_its_minute_is_refused_and_forgotten():
    codes = OneTimeCodes(random.Random(7).randrange)
    code = codes.issue(Network.ALIPAY, "wallet-1", NOON)
    with pytest.raises(PaymentCodeError, match="minute is over"):
        codes.redeem(code, NOON + LIFETIME)
    codes.issue(Network.ALIPAY, "wallet-2", NOON + LIFETIME)
    with pytest.raises(PaymentCodeError, match="not one of ours"):
        codes.redeem(code, NOON + LIFETIME)


def test_the_same_draw_twice_gives_another_code():
    draws = iter([0, 1, 0, 1, 0, 2])
    codes = OneTimeCodes(lambda bound: next(draws) % bound)
    assert codes.issue(Network.UNIONPAY, "a", NOON) != codes.issue(Network.UNIONPAY, "b", NOON)
