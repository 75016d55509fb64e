"""Hostile bytes: every message has an answer whose code the manual has, no exception comes out, and nothing secret."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posterm.hsm import Algorithm, KeyUsage
from posterm.hsm.guard import Activity, Budget, Guard, MemoryGuardStore, Subject
from posterm.hsm.host_commands import CODES, COMMANDS, HostCommandSet, HsmSession, LmkKind
from posterm.hsm.host_commands.manual import codes
from posterm.hsm.lmk import Lmk
from posterm.hsm.soft_hsm import SoftHsm
from posterm.hsm.variant_lmk import VariantLmk
from tests.hsm.host_commands.message_samples import PAN, PIN, Sample, forms

FORMS = list(forms())
ON_A_FIXTURE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)


def check(commands: HostCommandSet, message: bytes) -> None:
    answer = commands.execute(message)
    assert answer[:2] == message[:1] + bytes([(message[1] + 1) & 255])
    code = answer[2:4].decode("latin-1")
    command = COMMANDS.get(message[:2])
    assert code in (codes(command) if command is not None else CODES), message[:2]


@ON_A_FIXTURE
@given(st.sampled_from(sorted(COMMANDS)) | st.binary(min_size=2, max_size=2), st.binary(max_size=300))
def test_any_bytes_have_an_answer(variant: HostCommandSet, blocks: HostCommandSet, code: bytes, rest: bytes):
    check(variant, code + rest)
    check(blocks, code + rest)


@pytest.mark.parametrize(("command", "number"), FORMS, ids=lambda value: getattr(value, "code", value))
def test_a_message_for_one_kind_of_lmk_has_an_answer_from_the_other(
    variant: HostCommandSet, blocks: HostCommandSet, command, number: int
):
    if command.code != "BW":
        check(variant, Sample(blocks, command, number).message)
    if command.family != "extensions":
        check(blocks, Sample(variant, command, number).message)


@ON_A_FIXTURE
@given(st.data())
def test_a_message_changed_at_random_has_an_answer(
    variant: HostCommandSet, blocks: HostCommandSet, data: st.DataObject
):
    command, number = data.draw(st.sampled_from(FORMS))
    commands = blocks if command.family == "extensions" or data.draw(st.booleans()) else variant
    if command.code == "BW":
        commands = variant
    message = bytearray(Sample(commands, command, number).message)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(2, len(message)))
        if data.draw(st.booleans()):
            message[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        else:
            message[at : at + 1] = data.draw(st.sampled_from([b"0", b"F", b";", b"\x19", b"%", b"#", b"S", b"U", b"9"]))
    check(commands, bytes(message))


@ON_A_FIXTURE
@given(st.lists(st.binary(max_size=120), max_size=8))
def test_a_session_takes_any_bytes_until_it_ends(blocks: HostCommandSet, pieces: list[bytes]):
    session = HsmSession(blocks)
    for piece in pieces:
        answer = session.receive(piece)
        while answer:
            size = int.from_bytes(answer[:2], "big")
            assert len(answer) >= 2 + size >= 10
            answer = answer[2 + size :]


@pytest.mark.parametrize(("command", "number"), FORMS, ids=lambda value: getattr(value, "code", value))
def test_no_refusal_tells_more_than_its_code(blocks: HostCommandSet, command, number: int):
    if command.code == "BW":
        return
    sample = Sample(blocks, command, number)
    for place, field in enumerate(sample.form.layout.fields):
        if field.parity and sample.values[place]:
            answer = blocks.execute(sample.with_value(place, sample.values[place][:-1] + b"!"))
            assert len(answer) == 4


def guarded(**budgets: Budget) -> tuple[HostCommandSet, Guard]:
    guard = Guard(MemoryGuardStore(), lambda: 1_000_000, bytes(16), budgets={Subject(k): v for k, v in budgets.items()})
    hsm = SoftHsm(Lmk.test(), bytes, variant_lmk=VariantLmk.test(), guard=guard)
    return HostCommandSet(hsm), guard


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS.values() if c.activity is not None and c.code not in ("A0",)], ids=lambda c: c.code
)
def test_an_activity_that_is_not_authorized_gets_17(blocks: HostCommandSet, command):
    commands, _ = guarded()
    for number in range(len(command.forms)):
        assert commands.execute(Sample(blocks, command, number).message)[2:4] == b"17"


def test_an_authorized_activity_is_done():
    commands, guard = guarded()
    request = b"BA" + PIN.reveal().encode() + PAN.pan12.encode()
    assert commands.execute(request) == b"BB17"
    guard.authorize(Activity.CLEAR_PINS, "first", 60)
    guard.authorize(Activity.CLEAR_PINS, "second", 60)
    assert commands.execute(request)[:4] == b"BB00"


def test_a_spent_budget_gets_39_on_that_connection_alone():
    commands, _ = guarded(connection=Budget(2, 60))
    key = commands.hsm.generate_key(KeyUsage.MAC, Algorithm.TDES_DOUBLE).encode()
    request = b"MC" + key + b"00000000" + b"data"
    one, other = commands.session("one"), commands.session("other")
    assert [one.execute(request) for _ in range(3)] == [b"MD01", b"MD01", b"MD39"]
    assert other.execute(request) == b"MD01"


def test_the_kinds_of_lmk_have_names():
    assert [kind.value for kind in LmkKind] == ["variant", "key-block"]
