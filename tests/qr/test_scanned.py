"""What a scanner has read: digits, a consumer-presented code, a face token, or nothing to pay with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.qr import consumer_presented
from posterm.qr.errors import PaymentCodeError
from posterm.qr.payment_code import Network
from posterm.qr.scanned import Form, read
from posterm.sensitive import Pan

TOKEN = "6299990000000000"
CONSUMER = consumer_presented.build(bytes.fromhex("A000000333010101"), pan=Pan(TOKEN), chip_data={"9F26": bytes(8)})
FACE = "fp" + "0a" * 16


@pytest.mark.parametrize(
    ("text", "form", "network"),
    [
        ("6229990000000000001", Form.DIGITS, Network.UNIONPAY),
        ("134567890123456789", Form.DIGITS, Network.WECHAT),
        ("2845678901234567", Form.DIGITS, Network.ALIPAY),
        (CONSUMER, Form.CONSUMER_PRESENTED, Network.UNIONPAY),
        (FACE, Form.FACE, None),
    ],
)
def test_each_kind_is_told_apart_and_kept_out_of_sight(text, form, network):
    scanned = read(text)
    assert (scanned.form, scanned.network, scanned.text.reveal()) == (form, network, text)
    for shown in (scanned.masked, str(scanned.text), repr(scanned)):
        assert text not in shown
    assert TOKEN not in scanned.masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fp",
        "fp" + "0" * 15,
        "fp" + "0" * 65,
        "fp" + "Ä" * 20,
        "134",
        "hQVDUFYwMW",
        CONSUMER[:-8],
        "000201",
        "http://a",
    ],
)
def test_what_pays_nothing_is_refused_without_being_repeated(text):
    with pytest.raises(PaymentCodeError) as caught:
        read(text)
    assert len(text) < 6 or text not in str(caught.value)


@given(st.text(max_size=600))
def test_any_text_is_a_code_or_refused(text):
    try:
        scanned = read(text)
    except PaymentCodeError:
        return
    assert scanned.text.reveal() == text
