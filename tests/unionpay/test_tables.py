"""The tables of the link: answer codes, transactions, network codes, header digits.

Source: Q/CUP 009 as restated by acquirer terminal specifications.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.unionpay.errors import HeaderError
from posterm.unionpay.header import ApplicationClass, Header, Requirement
from posterm.unionpay.profile import get_profile
from posterm.unionpay.response_codes import SIGN_ON_AGAIN, Category, known_codes, response_code
from posterm.unionpay.transactions import (
    ENTRY_LETTER,
    SIGN_ON_CODES,
    TRANSACTIONS,
    Delivery,
    Entry,
    Kind,
    Network,
    ReversalReason,
    Side,
    find_transaction,
    response_mti,
)
from tests.unionpay.vector_files import load

CODES = {row["code"]: row["category"] for row in load("unionpay/response_codes.json")["vectors"]}


# --- answer codes ---


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_known_by_its_category_with_a_text_in_both_languages(code: str) -> None:
    found = response_code(code, get_profile("default").code_extensions)
    assert found.category.value == CODES[code]
    assert found.approved == (CODES[code] == "A")
    assert found.text
    assert found.text != "transaction failed"
    assert any("\u4e00" <= character <= "\u9fff" for character in found.text_zh)


def test_the_table_has_no_code_of_its_own_invention() -> None:
    assert set(known_codes()) | set(get_profile("default").code_extensions) == set(CODES)


@pytest.mark.parametrize("code", ["", "0", "000", "08", "17", "78", "ZZ", "a0", "  ", "é1"])
def test_an_unknown_code_is_a_failed_transaction_not_to_be_retried(code: str) -> None:
    found = response_code(code, get_profile("default").code_extensions)
    assert (found.code, found.category, found.text) == (code, Category.DO_NOT_RETRY, "transaction failed")
    assert not found.approved


def test_a_letter_code_is_unknown_without_the_acquirers_extensions() -> None:
    assert response_code("C8").text == "transaction failed"
    assert response_code("A0").category is Category.MAY_RETRY


def test_the_acquirers_own_code_wins_over_the_table() -> None:
    own = get_profile("default").code_extensions["A2"]
    assert response_code("05", {"05": own}) is own


def test_three_codes_ask_for_a_new_sign_on() -> None:
    assert {"77", "99", "A0"} == SIGN_ON_AGAIN


# --- transactions ---

_ROWS = """
balance            0200 310000 00 01 forget  none
sale               0200 000000 00 22 reverse debit
void               0200 200000 00 23 reverse credit
refund             0220 200000 00 25 repeat  credit
preauth            0100 030000 06 10 reverse none
preauth-add        0100 030000 60 10 reverse none
preauth-void       0100 200000 06 11 reverse none
completion         0200 000000 06 20 reverse debit
completion-void    0200 200000 06 21 reverse credit
completion-notice  0220 000000 06 24 repeat  debit
offline-sale       0220 000000 00 30 repeat  debit
adjust             0220 000000 00 32 repeat  debit
tip-adjust         0220 000000 00 34 repeat  none
chip-offline-sale  0200 000000 00 36 repeat  debit
qr-sale            0200 700000 -  60 close   debit
qr-order           0200 710000 -  60 close   debit
qr-void            0200 720000 -  60 repeat  credit
qr-query           0200 730000 -  60 forget  none
qr-refund          0200 740000 -  60 repeat  credit
"""
ROWS = [line.split() for line in _ROWS.splitlines() if line]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_transaction_is_its_row_of_the_published_table(row: list[str]) -> None:
    kind, mti, processing_code, condition, message_type, delivery, side = row
    found = find_transaction(mti, processing_code, condition.strip("-"), message_type)
    assert found is TRANSACTIONS[Kind(kind)]
    assert (found.delivery, found.side) == (Delivery(delivery), Side(side))


def test_every_kind_has_one_row_and_every_row_its_own_key_on_the_wire() -> None:
    assert {row[0] for row in ROWS} == {kind.value for kind in Kind} == {kind.value for kind in TRANSACTIONS}
    keys = {(row.mti, row.processing_code, row.condition, row.message_type) for row in TRANSACTIONS.values()}
    assert len(keys) == len(TRANSACTIONS)


@pytest.mark.parametrize(
    "wire",
    [
        ("0200", "000000", "00", "23"),
        ("0200", "000000", "08", "22"),
        ("0220", "000000", "00", "22"),
        ("0400", "000000", "00", "22"),
        ("", "", "", ""),
        ("0200", "700000", "00", "60"),
    ],
)
def test_what_is_in_no_row_is_no_transaction(wire: tuple[str, str, str, str]) -> None:
    assert find_transaction(*wire) is None


@pytest.mark.parametrize(
    ("request_mti", "answer"),
    [
        ("0100", "0110"),
        ("0200", "0210"),
        ("0220", "0230"),
        ("0320", "0330"),
        ("0400", "0410"),
        ("0500", "0510"),
        ("0620", "0630"),
        ("0800", "0810"),
        ("0820", "0830"),
    ],
)
def test_the_answer_is_the_request_with_the_third_digit_plus_one(request_mti: str, answer: str) -> None:
    assert response_mti(request_mti) == answer


def test_reversal_reasons_network_codes_and_entry_modes_are_the_published_ones() -> None:
    assert {reason.value for reason in ReversalReason} == {"98", "96", "A0", "06"}
    assert {code.value for code in SIGN_ON_CODES} == {"001", "003", "004", "005", "006"}
    assert {n.value for n in Network} == {
        *("000", "001", "002", "003", "004", "005", "006", "201", "202", "203", "204", "205", "206", "207"),
        *("301", "360", "361", "362", "370", "371", "372", "380", "381", "382", "951"),
    }
    assert {e.name: e.value for e in Entry} == {
        "UNKNOWN": "00",
        "KEYED": "01",
        "STRIPE": "02",
        "CODE": "03",
        "OPTICAL": "04",
        "CHIP": "05",
        "CONTACTLESS": "07",
        "STRIPE_WHOLE": "90",
        "CONTACTLESS_STRIPE": "91",
        "CHIP_UNRELIABLE": "95",
        "TELEPHONE": "98",
    }
    assert "".join(ENTRY_LETTER.values()) == "MSQFICC"


# --- header ---


@pytest.mark.parametrize(
    "digits",
    ["603100310000", "603100310100", "603100311003", "603200320501", "603200320108", "613100313031", "60310B310000"],
)
def test_a_header_seen_on_the_line_is_read_and_written_back(digits: str) -> None:
    header = Header.parse(digits)
    assert header.digits == digits
    assert Header.unpack(header.pack()) == header
    assert header.application_class in set(ApplicationClass)


@pytest.mark.parametrize("requirement", Requirement)
def test_the_host_asks_in_the_sixth_digit_and_changes_nothing_else(requirement: Requirement) -> None:
    asked = Header.parse("603200320501").asking(requirement)
    assert asked.digits == "60320" + requirement.value + "320501"
    assert Header.parse(asked.digits.lower()).requirement is requirement


@pytest.mark.parametrize(
    "digits",
    ["", "60310031000", "6031003100000", "6031003100g0", "６" * 12],
)
def test_what_is_no_header_is_refused(digits: str) -> None:
    with pytest.raises(HeaderError):
        Header.parse(digits)


@given(st.binary(max_size=8))
def test_any_bytes_are_a_header_or_a_header_error(packed: bytes) -> None:
    try:
        header = Header.unpack(packed)
    except HeaderError:
        return
    assert header.pack() == packed
