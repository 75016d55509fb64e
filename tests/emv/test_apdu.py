"""Command and answer APDUs: their four cases, what is no APDU, and what they show when printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.emv.apdu import Command, Response, status_meaning
from posterm.emv.errors import ApduError


@pytest.mark.parametrize(
    ("wire", "case", "le", "data"),
    [
        ("00820000", 1, None, ""),
        ("00B2010C00", 2, 256, ""),
        ("0084000008", 2, 8, ""),
        ("0020008008241234FFFFFFFFFF", 3, None, "241234FFFFFFFFFF"),
        ("80A8000002830000", 4, 256, "8300"),
    ],
)
def test_a_command_reads_and_writes_each_case(wire, case, le, data):
    command = Command.parse(bytes.fromhex(wire))
    assert (command.case, command.le, command.data.hex().upper()) == (case, le, data)
    assert bytes(command).hex().upper() == wire


@pytest.mark.parametrize("wire", ["", "00A404", "00A4040002AA", "00A4040001AA0000", "00A404000000"])
def test_bytes_that_are_no_command_are_refused(wire):
    with pytest.raises(ApduError, match=r"^command: "):
        Command.parse(bytes.fromhex(wire))


@pytest.mark.parametrize(
    "fields",
    [{"cla": 256}, {"p2": -1}, {"data": bytes(256)}, {"le": 0}, {"le": 257}],
)
def test_a_command_that_cannot_be_is_refused(fields):
    with pytest.raises(ApduError):
        Command(**({"cla": 0, "ins": 0xA4, "p1": 4, "p2": 0} | fields))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_command_that_writes_them_again_or_are_refused(wire):
    try:
        command = Command.parse(wire)
    except ApduError:
        return
    assert bytes(command) == wire


@given(st.binary(max_size=300))
def test_any_two_bytes_or_more_are_an_answer(wire):
    if len(wire) < 2:
        with pytest.raises(ApduError):
            Response.parse(wire)
    else:
        assert bytes(Response.parse(wire)) == wire


def test_a_verify_command_prints_no_pin_and_an_answer_prints_no_data():
    assert "1234" not in repr(Command.parse(bytes.fromhex("0020008008241234FFFFFFFFFF")))
    assert repr(Response(b"\x5a\x02\x12\x34")) == "<9000 success, 4 bytes>"


@pytest.mark.parametrize(
    ("sw", "meaning"),
    [
        (0x9000, "success"),
        (0x63C2, "verification failed, 2 tries left"),
        (0x6110, "more data is ready: 16 bytes"),
        (0x6C00, "wrong Le: 256 bytes"),
        (0x6285, "warning, nothing changed"),
        (0x1234, "a status word no book lists"),
    ],
)
def test_a_status_word_is_put_in_words(sw, meaning):
    assert status_meaning(sw) == meaning
