"""CA keys and application parameters from the host's side: lists in parts, entries, versions, refusals.

Source: Q/CUP 009, 60.3 = 370 to 372 and 380 to 382; header digit 6.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from posterm.emv.ca_key_file import public_ca_keys
from posterm.emv.config_file import default_terminal
from posterm.host import ChipTables, EnrolmentError
from posterm.unionpay.chip_parameters import (
    ListStatus,
    pack_application_name,
    pack_key_name,
    pack_query,
    parse_application,
    parse_application_list,
    parse_key,
    parse_key_list,
)
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.header import Header, Requirement
from tests.host.hand_terminal import TID, new_host, open_place

KEYS = public_ca_keys()[:45]
TABLES = ChipTables(KEYS, default_terminal().applications)


@pytest.fixture
def place():
    return open_place(chip_tables=TABLES)


@pytest.fixture
def terminal(place):
    return place.terminal


def ask(terminal, mti, network, field=b""):
    return terminal.manage(mti, network, elements={62: field} if field else {})


def requirement(answer) -> Requirement:
    return Header.parse(open_envelope(answer.reply.frame).header.digits).requirement


def test_a_long_list_of_keys_comes_in_parts(terminal):
    names, statuses = [], []
    for _ in range(3):
        status, part = parse_key_list(ask(terminal, "0820", "372", pack_query(len(names))).message[62])
        statuses.append(status)
        names += part
    assert statuses == [ListStatus.MORE_FOLLOW, ListStatus.MORE_FOLLOW, ListStatus.LAST_PART]
    assert [(name.rid, name.index, name.expires) for name in names] == [(k.rid, k.index, k.expires) for k in KEYS]
    assert parse_key_list(ask(terminal, "0820", "372", pack_query(45)).message[62])[0] is ListStatus.EMPTY


def test_each_key_and_each_application_comes_as_it_stands_in_the_tables(terminal):
    _, names = parse_key_list(ask(terminal, "0820", "372", pack_query(0)).message[62])
    for name, key in zip(names, KEYS, strict=False):
        assert (
            parse_key(ask(terminal, "0800", "370", pack_key_name(name)).message[62], use=key.use).checksum
            == key.checksum
        )
    status, aids = parse_application_list(ask(terminal, "0820", "382", pack_query(0)).message[62])
    assert status is ListStatus.COMPLETE
    assert list(aids) == [application.aid for application in TABLES.applications]
    for application in TABLES.applications:
        field = ask(terminal, "0800", "380", pack_application_name(application.aid)).message[62]
        assert parse_application(field, TABLES.applications) == application


def test_what_is_not_in_the_tables_is_not_there(terminal):
    assert ask(terminal, "0800", "380", pack_application_name(b"\xa0" * 7)).message[62] == b"0"
    name = replace(parse_key_list(ask(terminal, "0820", "372", pack_query(0)).message[62])[1][0], index=0xEE)
    assert ask(terminal, "0800", "370", pack_key_name(name)).message[62] == b"0"


@pytest.mark.parametrize("field", [b"", b"\x9f", b"200", b"1", bytes.fromhex("9F0605A000000333"), b"\x9f\x06\x00" * 9])
@pytest.mark.parametrize(("mti", "network"), [("0820", "372"), ("0800", "370"), ("0820", "382")])
def test_a_request_that_does_not_read_is_answered_30(terminal, mti, network, field):
    assert ask(terminal, mti, network, field).code == "30"


@pytest.mark.parametrize("network", ["370", "371", "372", "380", "381", "382"])
def test_a_host_without_tables_answers_40(network):
    mti = "0820" if network in ("372", "382") else "0800"
    assert ask(open_place().terminal, mti, network, pack_query(0)).code == "40"


def test_a_terminal_that_took_other_tables_is_asked_until_it_has_taken_these(place, terminal):
    assert requirement(terminal.sale()) is Requirement.NONE  # it never downloaded, and may have its own
    assert ask(terminal, "0800", "371").events == ["ca-keys-taken"]
    assert ask(terminal, "0800", "381").events == ["applications-taken"]
    assert requirement(terminal.sale(2000)) is Requirement.NONE
    changed = ChipTables(KEYS[1:], TABLES.applications[1:])
    terminal.host = new_host(place.store, terminal.hsm, chip_tables=changed)
    assert requirement(terminal.sale(3000)) is Requirement.UPDATE_CA_KEYS
    assert requirement(ask(terminal, "0800", "371")) is Requirement.DOWNLOAD_AID_PARAMETERS
    assert requirement(ask(terminal, "0800", "381")) is Requirement.NONE
    assert requirement(terminal.sale(4000)) is Requirement.NONE


def test_a_terminal_that_is_told_to_download_is_asked_until_it_has(place, terminal):
    place.host.request_action(TID, Requirement.UPDATE_CA_KEYS)
    assert requirement(terminal.sale()) is Requirement.UPDATE_CA_KEYS
    assert requirement(ask(terminal, "0800", "371")) is Requirement.NONE


def test_tables_hold_no_more_than_a_query_can_count_and_no_name_twice():
    with pytest.raises(EnrolmentError, match="at most 99"):
        ChipTables(public_ca_keys())
    with pytest.raises(EnrolmentError, match="name of its own"):
        ChipTables((KEYS[0], KEYS[0]))
