"""Diagnostics: state, echo, several commands in one message, random bytes, message trailers, disabled commands."""

from __future__ import annotations

import pytest

from posterm.hsm.host_commands import HostCommandSet


def test_nc_names_the_lmk_and_the_firmware(blocks: HostCommandSet, variant: HostCommandSet):
    answers = {commands.execute(b"NC") for commands in (blocks, variant)}
    assert len(answers) == 2
    for answer in answers:
        assert answer[:4] == b"ND00"
        assert len(answer) == 4 + 16 + 9


def test_no_tells_the_status(blocks: HostCommandSet):
    assert blocks.execute(b"NO00") == b"NP003199" + blocks.firmware.encode() + b"0A000"
    assert blocks.execute(b"NO02") == b"NP15"


def test_b2_gives_back_what_it_is_sent(blocks: HostCommandSet):
    assert blocks.execute(b"B20003\x00\x19;") == b"B300\x00\x19;"
    assert blocks.execute(b"B20004abc") == b"B380"
    assert blocks.execute(b"B2ZZZZ") == b"B315"


def test_a_trailer_comes_back(blocks: HostCommandSet):
    assert blocks.execute(b"NO00\x19trailer")[-8:] == b"\x19trailer"
    assert blocks.execute(b"NO00%00\x19")[-1:] == b"\x19"
    assert blocks.execute(b"N0000\x19trailer") == b"N180\x19trailer"
    assert blocks.execute(b"NO00\x19" + b"x" * 33) == b"NP15"
    assert blocks.execute(b"NO00%01") == b"NP15"


def test_n0_gives_as_many_random_bytes_as_are_asked_for(blocks: HostCommandSet):
    assert len(blocks.execute(b"N0001")) == 5
    assert len(blocks.execute(b"N0256")) == 260
    for wrong, code in ((b"000", b"80"), (b"257", b"80"), (b"12", b"15"), (b"1234", b"15")):
        assert blocks.execute(b"N0" + wrong) == b"N1" + code


def test_nk_answers_each_of_its_commands(blocks: HostCommandSet):
    answer = blocks.execute(b"NK0030006B200000004NO000002XX")
    assert answer[:6] == b"NL0003"
    assert answer[6:14] == b"0004B300"
    assert answer.endswith(b"0004XY15")


@pytest.mark.parametrize(
    ("request_fields", "code"),
    [
        (b"000", b"52"),  # no commands
        (b"001", b"15"),  # none follows
        (b"0010001N", b"15"),  # too short for a command
        (b"0010006B2000", b"15"),  # cut off
        (b"0010006B20000x", b"15"),  # something behind the last
        (b"001abcdNC", b"15"),  # a length that is no number
        (b"0010009NK0010002NC", b"15"),  # NK inside NK
        (b"1010002NC", b"15"),  # with headers
    ],
)
def test_nk_refuses_what_does_not_add_up(blocks: HostCommandSet, request_fields: bytes, code: bytes):
    assert blocks.execute(b"NK" + request_fields) == b"NL" + code


def test_a_disabled_command_is_refused_with_68_also_inside_nk(blocks: HostCommandSet):
    commands = HostCommandSet(blocks.hsm, disabled=["B2", "XX"])
    assert commands.execute(b"B20000") == b"B368"
    assert commands.execute(b"XX") == b"XY15"
    assert commands.execute(b"NK0010006B20000") == b"NL00010004B368"
