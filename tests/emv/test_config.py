"""Terminal configuration: the one that comes with posterm, files of one's own, and what cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from posterm.emv.bits import Tvr
from posterm.emv.config import ApplicationConfig, CdaMode, TerminalConfig, Transaction
from posterm.emv.config_file import default_terminal, load_terminal, parse_terminal
from posterm.emv.errors import ConfigurationError

NOON = datetime(2026, 7, 24, 12, 30, 45)  # noqa: DTZ001  a terminal's local time

FILE = """
[terminal]
country = "840"
currency = "USD"
terminal_type = "25"
capabilities = "E028C8"
additional_capabilities = "6000F0A001"
cda_mode = 3
pin_bypass = false
merchant_name = "Corner shop"

[[application]]
name = "Mine"
aid = "A0000000031010"
version = "0096"
partial = false
tac_denial = "0010000000"
floor_limit = 5000
threshold = 1000
target_percent = 10
max_target_percent = 40
contactless = { transaction = 10000, cvm = 2500 }
"""


def test_the_terminal_that_comes_with_posterm_takes_six_schemes():
    schemes = {application.rid.hex().upper() for application in default_terminal().applications}
    assert schemes == {"A000000333", "A000000003", "A000000004", "A000000065", "A000000025", "A000000152"}
    assert default_terminal() is default_terminal()


def test_a_file_of_one_s_own_is_read(tmp_path):
    path = tmp_path / "terminal.toml"
    path.write_text(FILE)
    terminal = load_terminal(path)
    (application,) = terminal.applications
    assert (terminal.currency.code, terminal.terminal_type, terminal.cda_mode) == ("USD", 0x25, CdaMode.MODE_3)
    assert (terminal.attended, terminal.pin_bypass, terminal.is_atm) == (False, False, False)
    assert application.tac_denial is Tvr.REQUESTED_SERVICE_NOT_ALLOWED
    assert (application.contactless.cvm, application.contactless.floor) == (2500, None)
    assert not application.matches(application.aid + b"\x01")
    assert terminal.objects()["9F4E"] == b"Corner shop"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("[terminal]", "[terminal"), "not TOML"),
        (("[terminal]", "[till]"), "need the tables terminal and application, have till"),
        (("merchant_name =", "colour ="), "terminal: colour is not known"),
        (('"USD"', '"ABC"'), "terminal: no such currency"),
        (('"USD"', "840"), "currency is text in quotes"),
        (('"E028C8"', '"no"'), "capabilities is not hexadecimal"),
        (("cda_mode = 3", "cda_mode = 5"), "cda_mode is not known, or its value cannot be"),
        (('"25"', '"27"'), "terminal type 27: no book lists it"),
        (('name = "Mine"', ""), "application 1: need name"),
        (("partial = false", 'partial = "no"'), "application 1: partial is not known"),
        (("floor_limit = 5000", "floor_limit = true"), "application 1: floor_limit is not known"),
        (("{ transaction", "{ transactions"), "application 1: contactless is not known"),
        (("threshold = 1000", "threshold = 6000"), "the threshold is at most the floor limit"),
        (("target_percent = 10", "target_percent = 50"), "target percentage"),
        (('"A0000000031010"', '"A000"'), "an AID has 5 to 16 bytes, this has 2"),
        (('"0096"', '"96"'), "a version has 2 bytes, this has 1"),
    ],
)
def test_a_broken_file_is_refused_with_table_and_key(change, fault):
    with pytest.raises(ConfigurationError, match=fault):
        parse_terminal(FILE.replace(*change, 1))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"mine\.toml: need a readable text file"):
        load_terminal(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    "fields",
    [{"country": "CN"}, {"country": "1560"}, {"merchant_category": "x"}, {"terminal_id": "1"}, {"merchant_id": "1"},
     {"ifd_serial": "１２３４５６７８"}, {"acquirer_id": "1234567890123"}],
)  # fmt: skip
def test_a_terminal_that_cannot_be_is_refused(fields):
    with pytest.raises(ConfigurationError):
        replace(default_terminal(), **fields)


def test_an_application_stands_in_a_terminal_once():
    application = ApplicationConfig(bytes(5), "One")
    with pytest.raises(ConfigurationError, match="twice"):
        TerminalConfig((application, application))


@pytest.mark.parametrize(
    "fields", [{"amount": -1}, {"amount": 10**12}, {"amount": 1, "other": 2}, {"amount": 1, "type": 256}]
)
def test_a_transaction_that_cannot_be_is_refused(fields):
    with pytest.raises(ConfigurationError, match="transaction"):
        Transaction(**fields, moment=NOON)


def test_a_transaction_s_objects_are_packed_decimal_and_binary():
    objects = Transaction(123_456, NOON, other=100, sequence=42).objects()
    assert {tag: value.hex() for tag, value in objects.items()} == {
        "9F02": "000000123456", "9F03": "000000000100", "9A": "260724", "9F21": "123045", "9C": "00",
        "9F41": "00000042", "5F57": "00", "81": "0001e240", "9F04": "00000064",
    }  # fmt: skip
    assert "81" not in Transaction(2**32, NOON).objects()


@pytest.mark.parametrize(
    ("terminal_type", "online", "offline", "attended"),
    [(0x21, True, False, True), (0x22, True, True, True), (0x23, False, True, True), (0x24, True, False, False),
     (0x25, True, True, False), (0x26, False, True, False)],
)  # fmt: skip
def test_the_terminal_type_says_what_a_terminal_can(terminal_type, online, offline, attended):
    terminal = replace(default_terminal(), terminal_type=terminal_type)
    assert (terminal.online_capable, terminal.offline_capable, terminal.attended) == (online, offline, attended)
