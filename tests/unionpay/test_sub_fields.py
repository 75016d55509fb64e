"""DE 48, 54, 57, 59 and 62: what is in them, and what is refused.

Source: Q/CUP 009 as restated by acquirer terminal specifications; UnionPay notice 21/2017 for the hardware serial.
"""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.amount import Amount, currency
from posterm.sensitive import Pan
from posterm.unionpay.balances import Balance, pack_accumulated, parse_accumulated
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.parameters import pack_parameters, parse_parameters
from posterm.unionpay.totals import (
    Reconciliation,
    SettlementTotals,
    Totals,
    UploadItem,
    pack_upload,
    pack_upload_end,
    parse_upload,
    parse_upload_end,
)
from posterm.unionpay.transactions import Side
from posterm.unionpay.tusn import DeviceIdentity, parse_tusn
from tests.unionpay.vector_files import load

FRAMES = {v["id"]: v["elements"] for v in load("iso8583/unionpay-pos.json")["vectors"]}
CARD = Pan("6212345678901265")
amounts = st.integers(0, 999_999_999_999)
counts = st.integers(0, 999)
totals = st.builds(Totals, amounts, counts, amounts, counts)


# --- DE 48 ---


@pytest.mark.parametrize(
    ("frame", "code", "foreign_code"),
    [
        ("batch-settlement-0500-201", "0", "0"),
        ("settlement-response-0510-balanced-code-1", "1", "1"),
        ("settlement-response-0510-out-of-balance-code-2", "2", "1"),
    ],
)
def test_the_worked_settlement_totals_are_read_and_written_back(frame: str, code: str, foreign_code: str) -> None:
    digits = FRAMES[frame]["48"]
    read = SettlementTotals.parse(digits)
    assert read.domestic == Totals(24690, 2, 17345, 2)
    assert (read.foreign, read.code, read.foreign_code) == (Totals(), code, foreign_code)
    assert read.digits == digits


@given(totals, totals, st.sampled_from(Reconciliation), st.sampled_from(Reconciliation))
def test_any_totals_survive_the_field(
    domestic: Totals, foreign: Totals, code: Reconciliation, foreign_code: Reconciliation
) -> None:
    written = SettlementTotals(domestic, foreign, code, foreign_code)
    assert SettlementTotals.parse(written.digits) == written


@pytest.mark.parametrize(
    "digits", ["", "0" * 61, "0" * 63, "0" * 61 + "x", "0" * 30 + "4" + "0" * 31, "0" * 61 + "9", " " * 62, "٠" * 62]
)
def test_what_is_no_settlement_totals_is_refused(digits: str) -> None:
    with pytest.raises(LayoutError):
        SettlementTotals.parse(digits)


@pytest.mark.parametrize(
    "totals", [Totals(0, 1000, 0, 0), Totals(10**12, 1, 0, 0), Totals(0, 0, 0, 1000), Totals(-1, 0, 0, 0)]
)
def test_a_batch_too_large_for_the_field_is_refused(totals: Totals) -> None:
    with pytest.raises(LayoutError):
        _ = SettlementTotals(totals).digits


def test_totals_count_each_side_and_nothing_for_none() -> None:
    counted = Totals().plus(Side.DEBIT, 100).plus(Side.DEBIT, 50).plus(Side.CREDIT, 30).plus(Side.NONE, 999)
    assert counted == Totals(150, 2, 30, 1)
    assert (counted.net_minor, Totals(0, 0, 5, 1).net_minor) == (120, -5)


def test_the_worked_batch_upload_is_read_and_written_back() -> None:
    digits = FRAMES["batch-upload-of-two-magnetic-sales-0320-201"]["48"]
    items = parse_upload(digits)
    assert [(item.stan, item.amount_minor, item.card_class) for item in items] == [
        ("000002", 12345, "00"),
        ("000010", 12345, "00"),
    ]
    assert all(item.pan == CARD for item in items)
    assert pack_upload(items) == digits


@given(
    st.lists(
        st.builds(
            UploadItem,
            st.integers(1, 999_999).map("{:06d}".format),
            st.from_regex(r"[1-9][0-9]{12,18}", fullmatch=True).map(Pan),
            amounts,
            st.sampled_from(["00", "01"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_upload_survives_the_field(items: list[UploadItem]) -> None:
    assert parse_upload(pack_upload(items)) == items


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "0",
        "00",
        "01",
        "09" + "0" * 360,
        "01" + "0" * 40,
        "01" + "0" * 39,
        "02" + "1" * 40,
        "xx" + "1" * 40,
        "01" + "x" * 40,
    ],
)
def test_what_is_no_upload_is_refused(digits: str) -> None:
    with pytest.raises(LayoutError):
        parse_upload(digits)


@pytest.mark.parametrize(
    "items",
    [
        [],
        [UploadItem("000001", CARD, 1)] * 9,
        [UploadItem("1", CARD, 1)],
        [UploadItem("000001", CARD, 10**12)],
        [UploadItem("000001", CARD, -1)],
        [UploadItem("000001", CARD, 1, "0")],
    ],
)
def test_an_upload_that_does_not_fit_is_not_packed(items: list[UploadItem]) -> None:
    with pytest.raises(LayoutError):
        pack_upload(items)


def test_the_end_of_the_upload_is_its_count() -> None:
    assert pack_upload_end(parse_upload_end(FRAMES["batch-upload-end-unbalanced-0320-202"]["48"])) == "0004"


@pytest.mark.parametrize("digits", ["", "4", "00004", "000x"])
def test_what_is_no_count_is_refused(digits: str) -> None:
    with pytest.raises(LayoutError):
        parse_upload_end(digits)


@pytest.mark.parametrize("count", [-1, 10_000])
def test_a_count_that_does_not_fit_is_not_packed(count: int) -> None:
    with pytest.raises(LayoutError):
        pack_upload_end(count)


@given(st.text(alphabet=string.digits + "x", max_size=90))
def test_any_text_in_de_48_is_read_or_refused_as_each_of_its_forms(text: str) -> None:
    for read in (SettlementTotals.parse, parse_upload, parse_upload_end):
        try:
            read(text)
        except LayoutError:
            continue


# --- DE 54 ---


def test_the_published_balance_is_read_and_written_back() -> None:
    balance = Balance.parse("1002156C000000100000")
    assert balance == Balance("10", "02", Amount(100000))
    assert balance.pack() == "1002156C000000100000"


@given(st.sampled_from(["10", "20", "30"]), amounts, st.sampled_from(["156", "344", "392"]), st.booleans())
def test_any_balance_survives_the_field(account: str, minor: int, number: str, debit: bool) -> None:
    balance = Balance(account, "02", Amount(minor, currency(number)), debit)
    assert Balance.parse(balance.pack()) == balance


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1002156C00000010000",
        "1002156C0000001000000",
        "1002156X000000100000",
        "1002999C000000100000",
        "1x02156C00000010000",
    ],
)
def test_what_is_no_balance_is_refused(text: str) -> None:
    with pytest.raises(LayoutError):
        Balance.parse(text)


def test_an_accumulated_amount_is_ta_twelve_digits_and_six_spare() -> None:
    assert pack_accumulated(150000) == "TA000000150000      "
    assert parse_accumulated("TA000000150000      ") == 150000


@pytest.mark.parametrize("text", ["", "TA", "TA00000015000", "TB000000150000      ", "TA00000x150000      "])
def test_what_is_no_accumulated_amount_is_refused(text: str) -> None:
    with pytest.raises(LayoutError):
        parse_accumulated(text)


@pytest.mark.parametrize("minor", [-1, 10**12])
def test_an_accumulated_amount_that_does_not_fit_is_not_packed(minor: int) -> None:
    with pytest.raises(LayoutError):
        pack_accumulated(minor)


# --- DE 62 of a parameter download ---

VALUES = {
    "transactions_allowed": "1" * 32,
    "response_timeout_s": "45",
    "dial_retries": "3",
    "phone_1": "02012345678",
    "tips_allowed": "1",
    "tip_percent_max": "15",
    "key_entry_allowed": "0",
    "auto_sign_off": "1",
    "merchant_name": "测试商户",
    "reversal_attempts": "3",
    "notice_delivery": "0",
    "master_key_index": "1",
}


def test_parameters_are_code_and_value_one_behind_the_other() -> None:
    field = pack_parameters({"response_timeout_s": "45", "tip_percent_max": "5"})
    assert field == b"12451905"
    assert parse_parameters(field) == {"response_timeout_s": "45", "tip_percent_max": "05"}


def test_all_parameters_survive_the_field() -> None:
    assert parse_parameters(pack_parameters(VALUES)) == VALUES


@pytest.mark.parametrize(
    "field", [b"9", b"99", b"9945", b"1", b"12", b"124", b"12xx", b"22short", b"22" + b"\xff" * 40, b"\xff\xff"]
)
def test_parameters_that_do_not_fit_are_refused(field: bytes) -> None:
    with pytest.raises(LayoutError):
        parse_parameters(b"1245" + field)


@pytest.mark.parametrize(
    "values",
    [
        {"bogus": "1"},
        {"response_timeout_s": "100"},
        {"response_timeout_s": "1x"},
        {"response_timeout_s": ""},
        {"response_timeout_s": "四五"},
        {"merchant_name": "商" * 21},
        {"merchant_name": "\ud800"},
    ],
)
def test_a_parameter_that_does_not_fit_is_not_packed(values: dict[str, str]) -> None:
    with pytest.raises(LayoutError):
        pack_parameters(values)


@given(st.binary(max_size=120))
def test_any_bytes_are_parameters_or_a_layout_error(field: bytes) -> None:
    try:
        parse_parameters(field)
    except LayoutError:
        return


# --- DE 57 or 59, the hardware serial ---


def test_the_hardware_serial_is_nested_in_tag_a2() -> None:
    text = DeviceIdentity("TEST500100000001").pack("901265")
    assert text == "A2052" + "04002" + "02" + "05016" + "TEST500100000001" + "06006" + "901265" + "08008" + "00000100"
    assert parse_tusn(text) == {"04": "02", "05": "TEST500100000001", "06": "901265", "08": "00000100"}
    assert parse_tusn("A3019" + "6" * 19 + text)["05"] == "TEST500100000001"


@pytest.mark.parametrize(
    "text", ["", "A2", "A2x", "A2005", "A2001", "A3001x", "A200704002", "A2006040x02", "A2007040020205"]
)
def test_what_holds_no_serial_is_refused(text: str) -> None:
    with pytest.raises(LayoutError):
        parse_tusn(text)


@pytest.mark.parametrize(
    "parts",
    [{"serial": ""}, {"serial": "X" * 51}, {"serial": "é"}, {"serial": "X", "device_type": "002"}, {"serial": "X\n"}],
)
def test_a_serial_that_does_not_fit_is_refused_when_it_is_built(parts: dict[str, Any]) -> None:
    with pytest.raises(LayoutError):
        DeviceIdentity(**parts)


def test_a_random_factor_has_at_most_ten_characters() -> None:
    with pytest.raises(LayoutError):
        DeviceIdentity("X").pack("1" * 11)


@given(st.text(max_size=60))
def test_any_text_holds_a_serial_or_is_refused(text: str) -> None:
    try:
        parse_tusn(text)
    except LayoutError:
        return
