"""CA keys and application parameters over the link fill the kernel's store and configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm import tlv
from posterm.emv.bits import Tvr
from posterm.emv.ca_key_file import public_ca_keys
from posterm.emv.capk import CaKeyStore, Use
from posterm.emv.config_file import default_terminal
from posterm.unionpay.chip_parameters import (
    KeyName,
    ListStatus,
    pack_application,
    pack_application_list,
    pack_key,
    pack_key_list,
    pack_query,
    parse_application,
    parse_application_list,
    parse_key,
    parse_key_list,
    parse_query,
)
from posterm.unionpay.errors import LayoutError

KEY = next(key for key in public_ca_keys() if key.name == "A000000333/0B")
DEBIT = default_terminal().applications[0]


@pytest.mark.parametrize("expires", [None, date(2030, 12, 31)])
def test_a_downloaded_key_fills_the_store(expires):
    key = replace(KEY, expires=expires)
    downloaded = parse_key(pack_key(key), use=Use.TEST)
    assert downloaded is not None
    store = CaKeyStore(public_ca_keys())
    store.add(downloaded)
    found = store.find(KEY.rid, 0x0B)
    assert found is not None
    assert (found.modulus, found.expires, found.use, found.source) == (KEY.modulus, expires, Use.TEST, "download")


def test_an_expiry_may_be_packed():
    packed = pack_key(replace(KEY, expires=date(2030, 12, 31))).replace(
        bytes.fromhex("DF0508") + b"20301231", bytes.fromhex("DF050420301231")
    )
    downloaded = parse_key(packed)
    assert downloaded is not None
    assert downloaded.expires == date(2030, 12, 31)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("DF060101", "DF060107", "need DF06 01"),
        ("DF070101", "DF070104", "need DF07 01"),
        ("DF0314", "DF7F14", "need DF03"),
        ("9F22010B", "9F22020B0B", "need 9F22 of 1 byte"),
        ("DF040103", "DF040105", "exponent of 3 or 65537"),
        ("9F22010B", "9F22010A", "the checksum does not hold"),
        ("DF0508", "DF0509", "DF05 is not a date"),
        (b"99991231".hex(), b"99991331".hex(), "DF05 is not a date"),
    ],
)
def test_a_key_that_does_not_check_is_refused(old, new, fault):
    field = bytes.fromhex(pack_key(KEY).hex().upper().replace(old.upper(), new.upper(), 1))
    with pytest.raises(LayoutError, match=fault):
        parse_key(field)


def test_a_download_changes_what_it_names_and_leaves_the_rest():
    field = b"1" + tlv.build([("9F06", DEBIT.aid), ("DF11", bytes(5)), ("9F1B", bytes.fromhex("00002710")),
                              ("DF15", bytes.fromhex("00001388")), ("DF16", b"\x50"), ("DF17", b"\x20"),
                              ("DF01", b"\x01"), ("DF21", bytes.fromhex("000000030000"))])  # fmt: skip
    changed = parse_application(field, default_terminal().applications)
    assert changed == replace(
        DEBIT,
        tac_default=Tvr.NONE,
        floor_limit=10_000,
        threshold=5_000,
        max_target_percent=50,
        target_percent=20,
        partial=False,
        contactless=replace(DEBIT.contactless, cvm=30_000),
    )


@pytest.mark.parametrize("application", default_terminal().applications, ids=lambda each: each.name)
def test_what_a_host_packs_a_terminal_reads(application):
    assert parse_application(pack_application(application), [application]) == application


def test_an_application_the_terminal_did_not_know_is_taken():
    field = b"1" + tlv.build([("9F06", DEBIT.rid + b"\x01\x01\x08"), ("9F1B", bytes(4)), ("DF15", b"\x00\x00\x13\x88")])
    application = parse_application(field, default_terminal().applications)
    assert application is not None
    assert (application.name, application.kernel, application.threshold) == ("A000000333010108", 7, 0)


@pytest.mark.parametrize(
    "objects",
    [[], [("9F06", b"\xa0")], [("9F06", DEBIT.aid), ("DF11", bytes(4))], [("9F06", DEBIT.aid), ("DF16", b"\xa0")],
     [("9F06", DEBIT.aid), ("DF16", b"\x10"), ("DF17", b"\x20")], [("9F06", DEBIT.aid), ("DF20", bytes(5))],
     [("9F06", DEBIT.aid), ("9F1B", bytes(6))]],
)  # fmt: skip
def test_parameters_that_cannot_be_are_refused(objects):
    with pytest.raises(LayoutError, match="DE 62 application parameters"):
        parse_application(b"1" + tlv.build(objects))


def test_what_the_host_does_not_have_is_none():
    assert parse_key(b"0") is None
    assert parse_application(b"0") is None


@pytest.mark.parametrize("field", [b"", b"2", b"19F06", b"1\x9f"])
def test_answers_that_cannot_be_read_are_refused(field):
    for read in (parse_key, parse_application):
        with pytest.raises(LayoutError, match="DE 62"):
            read(field)


def test_lists_tell_whether_more_follow():
    names = (KeyName(KEY.rid, 0x0B, date(2030, 12, 31)), KeyName(KEY.rid, 0x04))
    assert parse_key_list(pack_key_list(ListStatus.MORE_FOLLOW, names)) == (ListStatus.MORE_FOLLOW, names)
    aids = tuple(each.aid for each in default_terminal().applications)
    assert parse_application_list(pack_application_list(ListStatus.LAST_PART, aids)) == (ListStatus.LAST_PART, aids)
    assert parse_key_list(b"0") == (ListStatus.EMPTY, ())


@pytest.mark.parametrize("field", [b"", b"4", b"1\x9f\x06\x05\xa0\x00\x00\x03\x33", b"1\x9f", b"1\x9f\x22\x01\x01"])
def test_lists_that_cannot_be_read_are_refused(field):
    with pytest.raises(LayoutError, match="DE 62 list of CA keys"):
        parse_key_list(field)
    if field[1:3] != b"\x9f\x06":
        with pytest.raises(LayoutError, match="DE 62 list of applications"):
            parse_application_list(field)


@pytest.mark.parametrize("received", [0, 7, 99])
def test_a_query_counts_what_came(received):
    assert parse_query(pack_query(received)) == received


def test_a_query_that_cannot_be_is_refused():
    for field in (b"", b"100x", b"207", b"1a7"):
        with pytest.raises(LayoutError, match="DE 62 query"):
            parse_query(field)
    with pytest.raises(LayoutError, match="0 to 99"):
        pack_query(100)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(field):
    for read in (parse_key, parse_application, parse_key_list, parse_application_list, parse_query):
        for each in (field, b"1" + field):
            try:
                read(each)
            except LayoutError as error:
                assert "DE 62" in str(error)  # noqa: PT017
