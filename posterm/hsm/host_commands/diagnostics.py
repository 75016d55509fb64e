"""Diagnostics: the state of the HSM, an echo, several commands in one message, random bytes.

Source: Thales payShield (NC, NO, B2, NK, N0).
Left out: NK with message headers in front of its commands.
"""

from __future__ import annotations

from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import DATA_LENGTH, INVALID_COMMAND_COUNT, INVALID_INPUT, HostCommandRefusal
from posterm.hsm.host_commands.fields import Field, Layout, digits, one_of, rest, text
from posterm.hsm.host_commands.table import host_command

_LONGEST_RANDOM = 256
_FIRMWARE = Field("firmware", "9 A")


@host_command(
    "NC",
    "Perform diagnostics",
    Layout(),
    answer=(Field("LMK check value", "16 H", meaning="6 digits and zeros"), _FIRMWARE),
)
def diagnostics(commands: HostCommandSet) -> bytes:
    return _lmk_check_value(commands) + commands.firmware.encode("ascii")


@host_command(
    "NO",
    "HSM status",
    Layout(text("mode", "2 N", "00")),
    answer=(
        Field("I/O buffer size", "1 N", meaning="3: 32 K bytes"),
        Field("Ethernet type", "1 N", meaning="1: TCP"),
        Field("connections", "2 N", meaning="the most at a time, 99 for more"),
        _FIRMWARE,
        Field("reserved", "5 A"),
    ),
)
def status(commands: HostCommandSet, _mode: str) -> bytes:
    return b"3199" + commands.firmware.encode("ascii") + b"0A000"


@host_command(
    "B2",
    "Echo",
    Layout(text("length", "4 H", "[0-9A-F]{4}"), rest("data")),
    answer=(Field("data", "n B"),),
    codes=(DATA_LENGTH,),
)
def echo(_: HostCommandSet, size: str, data: bytes) -> bytes:
    if len(data) != int(size, 16):
        raise HostCommandRefusal(DATA_LENGTH)
    return data


@host_command(
    "NK",
    "Several commands in one message",
    Layout(one_of("header flag", "0", "0: no headers"), digits("number of commands", 2), rest("commands")),
    answer=(Field("number of answers", "2 N"), Field("answers", "n times 4 N and n B")),
    codes=(INVALID_COMMAND_COUNT,),
    note="Each command, and each answer, has its length in four decimal digits before it. NK is not taken inside NK.",
)
def several(commands: HostCommandSet, _flag: str, count: int, data: bytes) -> bytes:
    if not count:
        raise HostCommandRefusal(INVALID_COMMAND_COUNT)
    answers = []
    at = 0
    for _ in range(count):
        digits_of_length, start = data[at : at + 4], at + 4
        if len(digits_of_length) < 4 or not digits_of_length.isdigit():
            raise HostCommandRefusal(INVALID_INPUT)
        at = start + int(digits_of_length)
        if at > len(data) or at - start < 2 or data[start : start + 2] == b"NK":
            raise HostCommandRefusal(INVALID_INPUT)
        answers.append(data[start:at])
    if at != len(data):
        raise HostCommandRefusal(INVALID_INPUT)
    answers = [commands.execute(message) for message in answers]
    return b"%02d" % count + b"".join(b"%04d" % len(answer) + answer for answer in answers)


@host_command(
    "N0",
    "Random bytes",
    Layout(digits("length", 3, "001 to 256 bytes")),
    answer=(Field("random bytes", "n B"),),
    codes=(DATA_LENGTH,),
)
def random_bytes(commands: HostCommandSet, size: int) -> bytes:
    if not 1 <= size <= _LONGEST_RANDOM:
        raise HostCommandRefusal(DATA_LENGTH)
    return commands.hsm.random_bytes(size)


def _lmk_check_value(commands: HostCommandSet) -> bytes:
    return commands.hsm.lmk_check_value(variant=commands.is_variant).hex().upper().ljust(16, "0").encode("ascii")
