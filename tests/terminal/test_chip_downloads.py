"""CA keys and application parameters: the dialogue, what makes it fail, what survives a power cut, when it is due.

Source: Q/CUP 009, 60.3 = 370 to 372 and 380 to 382; header digit 6 = 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from posterm.amount import Amount
from posterm.emv.ca_key_file import public_ca_keys
from posterm.emv.capk import CaKey, CaKeyStore
from posterm.emv.config import TerminalConfig
from posterm.emv.config_file import default_terminal
from posterm.terminal import MemoryTerminalStore
from posterm.terminal.errors import TerminalStoreError
from posterm.terminal.kernels import EmvKernels
from posterm.terminal.store import Change
from posterm.unionpay import chip_parameters as wire
from posterm.unionpay.chip_parameters import KeyName, ListStatus
from posterm.unionpay.header import Requirement
from tests.terminal.scripted_host import CASHIER, COMPONENTS, IDENTITY, MANAGER, Act, FailingStore, PowerCut, World
from tests.terminal.scripted_host import profile as link

OLD, NEW = public_ca_keys()[:3], public_ca_keys()[2:5]
OWN = default_terminal()
APPLICATIONS = tuple(replace(each, floor_limit=7_00) for each in OWN.applications[:3])
SALE = Amount(12345)


def kernels(*keys: CaKey, config: TerminalConfig = OWN) -> EmvKernels:
    return EmvKernels.for_terminal(config, CaKeyStore(keys), bytes, identity=IDENTITY, profile=link())


def serve(world: World, keys: tuple[CaKey, ...] = NEW, part: int = 2) -> World:
    """Let the host hand out keys, its list in parts, and three applications."""
    entries = [KeyName(key.rid, key.index, key.expires) for key in keys]

    def key_list(query: bytes) -> bytes:
        start = wire.parse_query(query)
        last = start + part >= len(entries)
        status = ListStatus.LAST_PART if last and start else ListStatus.COMPLETE if last else ListStatus.MORE_FOLLOW
        return wire.pack_key_list(status, entries[start : start + part])

    def key(request: bytes) -> bytes:
        name = wire.parse_key_name(request)
        return next(wire.pack_key(each) for each in keys if (each.rid, each.index) == (name.rid, name.index))

    def application(request: bytes) -> bytes:
        aid = wire.parse_application_name(request)
        return next(wire.pack_application(each) for each in APPLICATIONS if each.aid == aid)

    aids = [each.aid for each in APPLICATIONS]
    world.host.chip_fields = {
        "372": key_list,
        "370": key,
        "382": lambda _: wire.pack_application_list(ListStatus.COMPLETE, aids),
        "380": application,
    }
    return world


def ready(own: EmvKernels | None = None, store: object = None) -> World:
    world = World(kernels=own or kernels(OLD[0]), store=store or MemoryTerminalStore()).ready()
    return serve(world)


def trusted(world: World) -> set[str]:
    return {key.name for key in world.terminal._ctx.kernels.keys}


def names(keys: tuple[CaKey, ...]) -> set[str]:
    return {key.name for key in keys}


def test_the_keys_come_by_list_entries_and_end_and_stand_beside_the_terminals_own() -> None:
    world = ready()
    assert world.do("download_ca_keys").done
    assert world.host.mtis() == ["0820/372", "0820/372", "0800/370", "0800/370", "0800/370", "0800/371"]
    assert trusted(world) == names((OLD[0], *NEW))
    world.power_on()
    assert trusted(world) == names((OLD[0], *NEW))


def test_the_next_download_takes_the_place_of_the_last_one() -> None:
    world = ready()
    assert world.do("download_ca_keys").done
    assert serve(world, OLD[1:2]).do("download_ca_keys").done
    assert trusted(world) == names(OLD[:2])


def test_applications_take_the_place_of_the_terminals_own_one_by_one() -> None:
    world = ready()
    assert world.do("download_applications").done
    assert world.host.mtis() == ["0820/382", *["0800/380"] * 3, "0800/381"]
    taken = world.terminal._ctx.kernels.applications
    assert [each.aid for each in taken] == [each.aid for each in OWN.applications]
    assert [each.floor_limit for each in taken[:3]] == [7_00] * 3
    assert [each.floor_limit for each in taken[3:]] == [each.floor_limit for each in OWN.applications[3:]]


def test_a_terminal_without_keys_and_applications_fetches_them_when_it_signs_on_and_never_again() -> None:
    world = serve(World(kernels=kernels(config=replace(OWN, applications=()))))
    world.terminal.inject_tmk(COMPONENTS, password=MANAGER)
    assert world.do("sign_on", "01", CASHIER).done
    assert trusted(world) == names(NEW)
    assert [each.aid for each in world.terminal._ctx.kernels.applications] == [each.aid for each in APPLICATIONS]
    world.host.seen.clear()
    assert world.do("sign_on", "01", CASHIER).done
    assert world.host.mtis() == ["0800/003"]


def test_a_terminal_without_keys_signs_on_at_a_host_that_has_none_either() -> None:
    world = World(kernels=kernels(), script=(Act(network="372", code="40"),))
    world.terminal.inject_tmk(COMPONENTS, password=MANAGER)
    assert world.do("sign_on", "01", CASHIER).done
    assert "ca-keys-refused" in world.names
    assert world.do("sale", SALE).approved


@pytest.mark.parametrize(
    ("requirement", "last"),
    [(Requirement.UPDATE_CA_KEYS, "0800/371"), (Requirement.DOWNLOAD_AID_PARAMETERS, "0800/381")],
)
def test_what_the_header_asks_for_is_fetched_before_the_next_sale_and_once(requirement, last) -> None:
    world = ready()
    world.host.script.append(Act(mti="0200", requirement=requirement))
    assert world.do("sale", SALE).approved
    assert last not in world.host.mtis()
    assert world.do("sale", SALE).approved
    assert world.host.mtis()[-2:] == [last, "0200"]
    assert world.do("sale", SALE).approved
    assert world.host.mtis().count(last) == 1


@pytest.mark.parametrize("network", ["372", "370", "371", "382", "380", "381"])
@pytest.mark.parametrize("act", [Act(code="40"), Act("lose-answer"), Act("tear"), Act("not-sent"), Act("garbage")],
                         ids=lambda act: f"{act.what}-{act.code}")  # fmt: skip
def test_a_download_that_breaks_off_hinders_no_sale_and_no_second_try(network: str, act: Act) -> None:
    world = ready()
    name = "download_ca_keys" if network.startswith("37") else "download_applications"
    world.host.script.append(replace(act, network=network))
    assert not world.do(name).done
    # Entries that were all stored are not lost with the confirmation.
    assert (trusted(world) == names((OLD[0],))) is (network != "371")
    assert world.do("sale", SALE).approved
    assert world.do(name).done


def spoilt_key(request: bytes) -> bytes:
    name = wire.parse_key_name(request)
    key = next(each for each in NEW if (each.rid, each.index) == (name.rid, name.index))
    answer = bytearray(wire.pack_key(key))
    answer[-1] ^= 0x01 if key is NEW[1] else 0x00
    return bytes(answer)


def asking(*parts: bytes) -> Callable[[bytes], bytes]:
    left = list(parts)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


ENTRY = wire.pack_key_list(ListStatus.MORE_FOLLOW, [KeyName(NEW[0].rid, NEW[0].index)])
MANY = [KeyName(NEW[0].rid, index) for index in range(20)]


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"370": spoilt_key}, "the checksum does not hold"),
        ({"370": lambda _: wire.pack_key(NEW[2])}, "need the entry that was asked for"),
        ({"370": lambda _: b"0"}, "need the entry that was asked for"),
        ({"370": lambda _: b"1"}, "need 9F06"),
        ({"370": lambda _: b"\xff" * 200}, "need a status"),
        ({"370": lambda _: b""}, "need a status"),
        ({"372": lambda _: b"0"}, "the host has none"),
        ({"372": lambda _: b"7"}, "need a status"),
        ({"372": lambda _: b"1\x9f"}, "list of CA keys"),
        ({"372": lambda _: ENTRY}, "brings nothing new"),
        (
            {
                "372": lambda query: wire.pack_key_list(
                    ListStatus.MORE_FOLLOW,
                    [KeyName(bytes((wire.parse_query(query),)) + name.rid[1:], name.index) for name in MANY],
                )
            },
            "more than 99",
        ),
    ],
)
def test_a_download_with_anything_wrong_in_it_is_refused_whole_and_told(spoilt, why) -> None:
    world = ready()
    assert world.do("download_ca_keys").done
    before = trusted(world)
    serve(world, public_ca_keys()[2:6]).host.chip_fields |= spoilt
    world.host.script.append(Act(network="301", requirement=Requirement.UPDATE_CA_KEYS))
    assert world.do("echo").done
    assert world.do("sale", SALE).approved
    (told,) = [tell for tell in world.told if tell.name == "ca-keys-refused"]
    assert why in told.details["why"]
    assert trusted(world) == before
    world.host.seen.clear()
    assert world.do("sale", SALE).approved  # and it is not tried again until the host asks again
    assert world.host.mtis() == ["0200"]


@pytest.mark.parametrize("done", [False, True], ids=["before-it", "after-it"])
def test_a_power_cut_at_any_effect_leaves_the_old_keys_or_the_new_and_the_host_knows_of_no_others(done) -> None:
    for at in range(1, 200):
        world = ready()
        assert world.do("download_ca_keys").done
        world.host.seen.clear()
        serve(world, OLD)
        world.cut_at_effect, world.cut_after = len(world.effects) + at, done
        try:
            world.do("download_ca_keys")
        except PowerCut:
            world.cut_at_effect = 0
            world.power_on(run=True)
            held = trusted(world) - {OLD[0].name}
            assert held in (names(NEW), names(OLD[1:]))
            assert held == names(OLD[1:]) or "0800/371" not in world.host.mtis()
            assert world.do("download_ca_keys").done
            assert trusted(world) == names(OLD)
            assert world.do("sale", SALE).approved
        else:
            break
    assert 15 < at < 199


@pytest.mark.parametrize("written", [False, True], ids=["before-the-disk", "after-the-disk"])
def test_a_power_cut_at_any_commit_leaves_the_old_keys_or_the_new(written) -> None:
    for at in range(1, 20):
        world = ready(store=FailingStore(MemoryTerminalStore()))
        world.store.cut_at, world.store.written = world.store.commits + at, written
        try:
            world.do("download_ca_keys")
        except PowerCut:
            world.store.cut_at = None
            world.power_on(run=True)
            assert trusted(world) in (names((OLD[0],)), names((OLD[0], *NEW)))
        else:
            break
    assert at > 1


def test_a_store_whose_keys_do_not_check_stops_the_terminal() -> None:
    world = ready()
    assert world.do("download_ca_keys").done
    world.store.commit([Change("download", "ca-keys", {"fields": ["31FF"]})])
    with pytest.raises(TerminalStoreError, match="stored download"):
        world.power_on()


def test_a_terminal_that_reads_no_chips_fetches_nothing() -> None:
    world = World().ready()
    assert world.do("download_ca_keys").why == "this terminal reads no chips"
    assert world.host.mtis() == []


def test_revoked_certificates_stay_revoked() -> None:
    own = kernels(OLD[0])
    own.keys.revoke(OLD[0].rid, 1, b"\x00\x00\x01")
    world = ready(own)
    assert world.do("download_ca_keys").done
    assert world.terminal._ctx.kernels.keys.revoked == own.keys.revoked
