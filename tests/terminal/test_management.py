"""Sign-on in every layout, what makes it fail, the clock, the batch number, downloads, operators.

Source: Q/CUP 009: 60.3 = 001, 003, 004, 002, 301, 360 to 362; operators 99, 00, 01.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from posterm.amount import Amount
from posterm.hsm import KeyCheckError
from posterm.terminal.errors import TerminalError
from posterm.terminal.transitions import State
from posterm.unionpay.key_layout import LAYOUT_NAMES
from posterm.unionpay.profile import AcquirerProfile
from tests.terminal.scripted_host import (
    CASHIER,
    COMPONENTS,
    MANAGER,
    SUPERVISOR,
    Act,
    World,
    profile,
)

SALE = Amount(12345)


def with_layout(code: str, layout: str, *, encrypt: bool = False) -> AcquirerProfile:
    algorithm = {"tagged": "xor-tdes-binary", "tagged-track": "xor-tdes-binary"}.get(layout, "unionpay-ecb")
    return profile(
        keys={"sign_on_code": code, "layout": layout, "encrypt_tracks": encrypt}, mac={"algorithm": algorithm}
    )


def keyed(world: World) -> World:
    world.terminal.inject_tmk(COMPONENTS, password=MANAGER)
    return world


@pytest.mark.parametrize(
    ("code", "layout"),
    [
        ("001", "single"),
        ("003", "double"),
        ("003", "double-short"),
        ("004", "double-track"),
        ("004", "double-track-short"),
        ("004", "tagged-track"),
        ("003", "tagged"),
    ],
)
def test_a_terminal_signs_on_and_sells_with_each_key_layout(code: str, layout: str) -> None:
    assert layout in LAYOUT_NAMES
    world = World(profile=with_layout(code, layout, encrypt="track" in layout)).ready()
    assert world.do("sale", SALE).approved
    request = world.host.seen[0]
    assert str(request[53]) == ("2610000000000000" if "track" in layout else "2600000000000000")
    assert world.agrees()


@pytest.mark.parametrize("at", [16, 36], ids=["of-the-pik", "of-the-mak"])
def test_a_check_value_that_does_not_match_is_refused_and_the_terminal_stays_signed_off(at: int) -> None:
    world = keyed(World())
    field = bytearray(world.host.working_keys())
    field[at] ^= 1
    world.host.keys_field = bytes(field)
    managed = world.do("sign_on", "01", CASHIER)
    assert not managed.done
    assert "working keys refused" in managed.why
    assert "keys-refused" in world.names
    assert (world.terminal.state, world.terminal.operator) == (State.KEYED, "")


@pytest.mark.parametrize("field", [b"\x00", bytes(39), bytes(41), bytes(40)])
def test_a_key_field_that_does_not_fit_its_layout_is_refused(field: bytes) -> None:
    world = keyed(World())
    world.host.keys_field = field
    assert not world.do("sign_on", "01", CASHIER).done
    assert world.terminal.state is State.KEYED


def test_refused_keys_after_a_good_sign_on_stop_all_selling() -> None:
    world = World().ready()
    world.host.keys_field = bytes(40)
    assert not world.do("sign_on", "01", CASHIER).done
    assert world.terminal.state is State.SIGN_ON_DUE


@pytest.mark.parametrize(
    "act",
    [
        Act(code="97"),
        Act(code="99"),
        Act("lose-request"),
        Act("tear"),
        Act("garbage"),
        Act(drop=(62,)),
        Act(drop=(39,)),
    ],
    ids=lambda act: f"{act.what}-{act.code}-{act.drop}",
)
def test_a_sign_on_without_a_good_answer_changes_nothing(act: Act) -> None:
    world = keyed(World(script=(act,)))
    assert not world.do("sign_on", "01", CASHIER).done
    assert world.terminal.state is State.KEYED
    assert world.do("sign_on", "01", CASHIER).done


def test_the_sign_on_answer_sets_the_batch_number_and_the_clock() -> None:
    world = keyed(World())
    world.host.batch = "000123"
    world.host.script = [Act(change={12: "103105"})]
    assert world.do("sign_on", "01", CASHIER).done
    assert world.terminal.batch == "000123"
    assert world.terminal._ctx.local_time.strftime("%H:%M") == "10:31"


def test_a_second_sign_on_in_a_batch_keeps_the_batch() -> None:
    world = World().ready()
    world.do("sale", SALE)
    world.host.batch = "000123"
    assert world.do("sign_on", "01", CASHIER).done
    assert world.terminal.batch == "000001"
    assert world.agrees()


def test_a_batch_number_the_journal_still_has_is_not_taken() -> None:
    world = World().ready()
    world.do("sale", SALE)
    world.do("settle")
    world.host.batch = "000001"
    assert world.do("sign_on", "01", CASHIER).done
    assert (world.terminal.batch, world.terminal.totals.debit_count) == ("000002", 0)


@pytest.mark.parametrize(
    ("now", "date", "time", "seconds"),
    [
        (datetime(2027, 1, 1, 0, 0, tzinfo=UTC), "1231", "230000", -3600),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "0101", "000000", 3600),
        (datetime(2028, 2, 29, 23, 0, tzinfo=UTC), "0229", "220000", -3600),
        (datetime(2027, 2, 28, 23, 0, tzinfo=UTC), "0229", "000000", 0),
    ],
)
def test_the_clock_is_set_across_new_year_and_not_by_a_day_that_is_none(
    now: datetime, date: str, time: str, seconds: int
) -> None:
    world = keyed(World(script=(Act(change={12: time, 13: date}),)))
    world.clock.now = now
    assert world.do("sign_on", "01", CASHIER).done
    assert abs(world.terminal._ctx.memory.registers.clock_offset_s - seconds) < 10


@pytest.mark.parametrize("change", [{12: "250000"}, {13: "1399"}, {13: "0000"}])
def test_a_time_that_is_none_does_not_set_the_clock(change: dict[int, str]) -> None:
    world = keyed(World(script=(Act(change=change),)))
    assert world.do("sign_on", "01", CASHIER).done
    assert world.terminal._ctx.memory.registers.clock_offset_s == 0


def test_sign_off_happens_whatever_the_host_says() -> None:
    for act in (Act(), Act(code="96"), Act("lose-request")):
        world = World(script=(act,)).ready()
        world.do("sign_off")
        assert (world.terminal.state, world.terminal.operator) == (State.KEYED, "")


def test_an_echo_is_answered_or_not_and_changes_nothing() -> None:
    world = World(script=(Act(), Act("lose-request"))).ready()
    before = sorted(map(str, world.store.load()))
    assert world.do("echo").done
    assert not world.do("echo").done
    assert sorted(map(str, world.store.load())) == before


def test_the_answer_to_another_management_request_is_a_near_miss() -> None:
    world = World(script=(Act("late", mti="0820"), Act())).ready()
    assert not world.do("echo").done
    assert world.do("upload_status").done
    assert "near-miss" in world.names


def test_parameters_hold_from_the_confirmation_on_all_or_none() -> None:
    world = World(script=(Act(), Act("lose-request"))).ready()
    world.host.parameters = b"1230" + b"22" + "新商户".encode("gb18030").ljust(40)
    assert not world.do("download_parameters").done
    assert world.terminal.parameters == {}
    assert world.do("download_parameters").done
    assert world.terminal.parameters["response_timeout_s"] == "30"
    world.do("sale", SALE)
    assert world.printed[-1].head.merchant_name == "新商户"


@pytest.mark.parametrize("field", [b"99x", b"12", b"12xx", b"1", b"22" + b"\xff" * 40])
def test_parameters_that_do_not_fit_are_refused_whole(field: bytes) -> None:
    world = World().ready()
    world.host.parameters = b"180" + field
    assert not world.do("download_parameters").done
    assert world.terminal.parameters == {}
    assert "parameters-refused" in world.names


def test_a_time_out_of_00_leaves_the_profiles() -> None:
    world = World().ready()
    world.host.parameters = b"1200"
    world.do("download_parameters")
    world.do("sale", SALE)
    timeouts = [e.answer_timeout_s for e in world.effects if hasattr(e, "answer_timeout_s")]
    assert timeouts[-1] == world.profile.timers.response_s


# --- operators and keys ---


@pytest.mark.parametrize(
    ("operator", "password"),
    [("99", MANAGER), ("00", SUPERVISOR), ("01", "1111"), ("02", "0000"), ("01", ""), ("1", "0000"), ("0x", "0000")],
)
def test_only_cashiers_with_their_password_sign_on(operator: str, password: str) -> None:
    world = keyed(World())
    assert not world.do("sign_on", operator, password).done
    assert world.host.seen == []


def test_operator_99_adds_operators() -> None:
    world = keyed(World())
    world.terminal.set_operator("02", "4711", manager_password=MANAGER)
    assert world.do("sign_on", "02", "4711").done
    assert world.terminal.operator == "02"
    assert world.host.seen[-1][63].raw == "02 "


@pytest.mark.parametrize(("number", "password"), [("2", "4711"), ("xx", "4711"), ("02", "471"), ("02", "471100000")])
def test_an_operator_has_two_digits_and_a_password_of_four_to_eight(number: str, password: str) -> None:
    with pytest.raises(TerminalError):
        World().terminal.set_operator(number, password, manager_password=MANAGER)


def test_only_operator_99_injects_keys_and_sets_operators() -> None:
    world = World()
    for password in (SUPERVISOR, CASHIER, ""):
        with pytest.raises(TerminalError, match="99"):
            world.terminal.inject_tmk(COMPONENTS, password=password)
        with pytest.raises(TerminalError, match="99"):
            world.terminal.set_operator("02", "4711", manager_password=password)
    assert world.terminal.state is State.NEW


def test_only_the_supervisor_gives_up_a_reversal() -> None:
    with pytest.raises(TerminalError, match="00"):
        World().ready().do("give_up_reversal", CASHIER)


def test_a_master_key_with_the_wrong_check_value_is_not_taken() -> None:
    world = World()
    with pytest.raises(KeyCheckError):
        world.terminal.inject_tmk(COMPONENTS, kcv=b"\x00\x00\x00\x00", password=MANAGER)
    assert world.terminal.state is State.NEW


def test_a_new_master_key_waits_for_the_batch_to_be_settled() -> None:
    world = World().ready()
    world.do("sale", SALE)
    with pytest.raises(TerminalError, match="settled"):
        world.terminal.inject_tmk(COMPONENTS, password=MANAGER)
