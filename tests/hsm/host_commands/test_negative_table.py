"""For every form of every command: each field of a wrong form, each key of a wrong scheme, parity and usage.

And the message too short and too long, and the command disabled. The codes are those the table declares.
"""

from __future__ import annotations

import pytest

from posterm.hsm import KeyUsage
from posterm.hsm.host_commands import COMMANDS, Command, HostCommandSet
from posterm.hsm.host_commands.manual import codes
from tests.hsm.host_commands.message_samples import Sample, forms, make_key


def takes(kind: str, command: Command) -> bool:
    """True when a command takes keys under this kind of LMK."""
    if kind == "variant":
        return command.family != "extensions" or not any(field.parity for field in command.forms[0].layout.fields)
    return command.code != "BW"


FORMS = [
    pytest.param(kind, command, number, id=f"{kind}-{command.code}-{number}")
    for kind in ("variant", "blocks")
    for command, number in forms()
    if takes(kind, command)
]
BLOCK_FORMS = [case for case in FORMS if case.values[0] == "blocks"]
VERIFIED_FIRST = {("ME", "destination TAK")}
"""Keys that are opened only after something has verified, which a sample does not."""


@pytest.fixture
def made(request: pytest.FixtureRequest, kind: str, command: Command, number: int) -> Sample:
    """A sample of one form of a command under one kind of LMK."""
    return Sample(request.getfixturevalue(kind), command, number)


def code_of(commands: HostCommandSet, message: bytes) -> str:
    return commands.execute(message)[2:4].decode("latin-1")


@pytest.mark.parametrize(("kind", "command", "number"), FORMS)
def test_a_message_of_the_table_is_read(made: Sample, command: Command):
    assert made.form.layout.match(made.message) is not None
    assert code_of(made.commands, made.message) in {"00", "01", "15", "20", *codes(command)} & set(codes(command))


@pytest.mark.parametrize(("kind", "command", "number"), FORMS)
def test_a_field_of_a_wrong_form_has_its_code(made: Sample, command: Command):
    fields = made.form.layout.fields
    for place, field in enumerate(fields):
        if field.pattern.startswith(".") or field.pattern.endswith(")?") or not field.pattern or not made.values[place]:
            continue
        code = code_of(made.commands, made.with_value(place, b"?" * len(made.values[place])))
        # Another form may go as far; and a PIN under the LMK may be a digit shorter, with everything behind it moved.
        allowed = {form.layout.fields[place].refuse for form in command.forms if len(form.layout.fields) > place}
        if any(before.name == "PIN under the LMK" for before in fields[:place]):
            allowed |= {"15", "22"}
        assert code in allowed, field.name


@pytest.mark.parametrize(("kind", "command", "number"), FORMS)
def test_a_message_too_short_or_too_long_is_refused_with_a_code_of_the_manual(made: Sample, command: Command):
    for at in range(2, len(made.message), 7):
        assert code_of(made.commands, made.message[:at]) in codes(command)
    if not any(field.to_the_end for field in made.form.layout.fields):
        assert code_of(made.commands, made.message + b"?") in ("15", "80", "22")


@pytest.mark.parametrize(("kind", "command", "number"), FORMS)
def test_a_key_of_a_wrong_scheme_gets_26(made: Sample, command: Command):
    other = b"U" + b"0" * 32 if not made.commands.is_variant else b"S10064M0DC00E0000" + b"0" * 48
    for place, field in enumerate(made.form.layout.fields):
        if field.parity and made.values[place] and not field.one_key:
            assert code_of(made.commands, made.with_value(place, b"W" + made.values[place][1:])) in ("26", "15"), (
                field.name
            )
            assert code_of(made.commands, made.with_value(place, other)) in ("26", "28"), field.name


@pytest.mark.parametrize(("kind", "command", "number"), FORMS)
def test_a_key_that_does_not_open_gets_the_code_of_its_field(made: Sample, command: Command):
    for place, field in enumerate(made.form.layout.fields):
        key = made.values[place]
        if not field.parity or not key or (command.code, field.name) in VERIFIED_FIRST:
            continue
        if made.commands.is_variant:
            wrong = key[:1] + b"0" * 32 + key[33:]
        else:
            wrong = key[:-1] + (b"0" if key[-1:] != b"0" else b"1")
        assert code_of(made.commands, made.with_value(place, wrong)) == field.parity, field.name


@pytest.mark.parametrize(("kind", "command", "number"), BLOCK_FORMS)
def test_a_key_block_of_a_wrong_usage_gets_29(made: Sample, command: Command):
    for place, field in enumerate(made.form.layout.fields):
        any_usage = command.code in ("BU", "KA", "B0") or (field.name == "key" and command.code != "A4")
        if not field.parity or not made.values[place] or any_usage or (command.code, field.name) in VERIFIED_FIRST:
            continue
        wrong = make_key(made.commands, "", KeyUsage.EMV_DATA_AUTHENTICATION)
        count = len(made.values[place]) // len(wrong) if field.one_key else 1
        assert code_of(made.commands, made.with_value(place, wrong * count)) == "29", field.name


@pytest.mark.parametrize("code", [code.decode() for code in COMMANDS])
def test_a_disabled_command_gets_68(blocks: HostCommandSet, code: str):
    disabled = HostCommandSet(blocks.hsm, disabled=[code])
    assert disabled.execute(code.encode())[2:] == b"68"
