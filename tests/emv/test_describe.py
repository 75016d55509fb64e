"""Bit fields, the dictionary, and values in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm import tlv
from posterm.emv import tag_table
from posterm.emv.bits import Aip, CryptogramType, Tsi, Tvr
from posterm.emv.describe import BIT_FIELDS, describe_value
from posterm.emv.tags import SENSITIVE, Scheme, find, name_of, printable

TABLES = [tag_table.GENERAL, tag_table.KERNEL_2, tag_table.KERNEL_3, tag_table.KERNEL_4, tag_table.KERNEL_5]
ROWS = [row for table in [*TABLES, tag_table.UNIONPAY] for row in table]


@pytest.mark.parametrize(
    ("tag", "value", "lines"),
    [
        ("95", "8040048000", ["byte 1 bit 8 offline data authentication not performed",
                              "byte 2 bit 7 expired application",
                              "byte 3 bit 3 online PIN entered", "byte 4 bit 8 floor limit exceeded"]),
        ("9B", "E800", ["byte 1 bit 8 offline data authentication performed",
                        "byte 1 bit 7 cardholder verification performed", "byte 1 bit 6 card risk management performed",
                        "byte 1 bit 4 terminal risk management performed"]),
        ("82", "0100", ["byte 1 bit 1 CDA supported"]),
        ("82", "0002", ["byte 2 bit 2 reserved"]),
        ("9F27", "88", ["ARQC", "advice required"]),
        ("9F27", "42", ["TC", "PIN try limit exceeded"]),
        ("94", "08010100", ["SFI 1, records 1 to 1, 0 of them signed"]),
        ("8A", "5933", ["unable to go online, offline approved"]),
        ("9F35", "22", ["attended, merchant, offline with online capability"]),
        ("87", "81", ["priority 1", "the cardholder has to confirm"]),
        ("9F38", "9F3704", ["9F37 Unpredictable Number (UN), 4 bytes"]),
        ("9F38", "9F37", []),
        ("50", "41", []),
    ],
)  # fmt: skip
def test_a_value_is_put_in_words(tag, value, lines):
    assert describe_value(tag, bytes.fromhex(value)) == lines


def test_no_dictionary_row_contradicts_itself():
    for tag, name, form, shortest, longest, origin in ROWS:
        assert tlv.check_tag(tag)
        assert name
        assert form in {"a", "an", "ans", "n", "cn", "b"}
        assert shortest is None or longest is None or shortest <= longest, tag
        assert origin in {"", "card", "terminal", "issuer", "issuer or terminal"}


def test_no_table_names_a_tag_twice():
    for table in [*TABLES, tag_table.UNIONPAY]:
        assert len({row[0] for row in table}) == len(table)


def test_a_tag_means_what_its_scheme_says():
    assert name_of("9F74", Scheme.UNIONPAY) == "Electronic Cash Issuer Authorisation Code"
    assert name_of("9F74", Scheme.KERNEL_2) == "Protected Data Envelope 5"
    assert name_of("9F66") == "Terminal Transaction Qualifiers (TTQ)"
    assert find("DF7F") is None
    assert name_of("DF7F") == "unknown"


@pytest.mark.parametrize(
    ("tag", "value", "shown"),
    [
        ("5A", "4761739001010010", "476173******0010"),
        ("5A", "476173900101001FFFFF", "476173*****1001"),
        ("57", "4761739001010010D2512201", "476173******0010D****"),
        ("5F20", "444F45", "******"),
        ("50", "556E696F6E506179", "'UnionPay'"),
        ("9F12", "D2F8C1AA", "D2F8C1AA"),
    ],
)  # fmt: skip
def test_what_is_printed_hides_the_cardholder(tag, value, shown):
    assert printable(tag, bytes.fromhex(value)) == shown


@given(st.sampled_from(sorted(SENSITIVE)), st.binary(min_size=4, max_size=19))
def test_sensitive_values_are_never_printed_whole(tag, value):
    assert value.hex().upper() not in printable(tag, value)


@given(
    st.sampled_from(sorted({*BIT_FIELDS, "8E", "94", "9F27", "9F34", "9F35", "5F30", "87", "8A", "8C"})), st.binary()
)
def test_any_value_can_be_described(tag, value):
    assert all(isinstance(line, str) for line in describe_value(tag, value))


@given(st.binary(min_size=5, max_size=5))
def test_a_bit_field_keeps_every_bit(value):
    assert Tvr.from_value(value).to_bytes() == value


def test_a_short_field_reads_as_if_filled_with_zeros():
    assert Tsi.from_value(b"\x80") is Tsi.OFFLINE_DATA_AUTHENTICATION_PERFORMED
    assert Aip.from_value(b"") == 0


def test_the_cryptogram_type_is_the_two_highest_bits():
    assert [CryptogramType.of(byte) for byte in (0x00, 0x4F, 0x90, 0xC0)] == [
        CryptogramType.AAC,
        CryptogramType.TC,
        CryptogramType.ARQC,
        CryptogramType.RESERVED,
    ]
