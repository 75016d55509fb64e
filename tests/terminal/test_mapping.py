"""The requests a terminal builds, byte for byte against the published worked frames of the link.

Source: Q/CUP 009; the frames in tests/vectors/iso8583/unionpay-pos.json, computed with test keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from posterm.amount import Amount
from posterm.sensitive import Pan
from posterm.terminal import OriginalReference
from posterm.terminal.effects import Inserted, Keyed
from posterm.unionpay.profile import get_profile
from posterm.unionpay.totals import Reconciliation
from tests.terminal.scripted_host import CASHIER, COMPONENTS, MANAGER, SUPERVISOR, Act, World
from tests.terminal.scripted_kernel import ScriptedKernel

_FILE = Path(__file__).parent.parent / "vectors" / "iso8583" / "unionpay-pos.json"
_FRAMES = {v["id"]: bytes.fromhex(v["frame"]) for v in json.loads(_FILE.read_text(encoding="utf-8"))["vectors"]}


def at_stan(world: World, stan: int) -> None:
    """Let `stan` be the next trace number."""
    memory = world.terminal._ctx.memory
    memory.registers = replace(memory.registers, stan=stan - 1)


def selling(*script: Act) -> World:
    return World(script=script).ready()


def sign_on() -> World:
    world = World()
    world.terminal.inject_tmk(COMPONENTS, password=MANAGER)
    world.do("sign_on", "01", CASHIER)
    return world


def sale(world: World | None = None) -> World:
    world = world or selling()
    at_stan(world, 2)
    world.do("sale", Amount(12345))
    return world


def reversal() -> World:
    return sale(selling(Act("lose-request")))


def void() -> World:
    world = sale(selling(Act(change={37: "060100000002", 38: "123456"})))
    at_stan(world, 3)
    world.do("void", "000002", SUPERVISOR)
    return world


def refund() -> World:
    world = sale(selling(Act(change={37: "060100000002", 38: "123456"})))
    at_stan(world, 4)
    world.do("refund", Amount(5000), OriginalReference(stan="2"), SUPERVISOR)
    return world


def preauth(world: World | None = None) -> World:
    world = world or selling()
    at_stan(world, 5)
    world.do("preauth", Amount(100000))
    return world


def completion() -> World:
    world = preauth(selling(Act(change={38: "654321"})))
    at_stan(world, 6)
    world.do("complete", Amount(80000), OriginalReference(stan="5"))
    return world


def preauth_void() -> World:
    world = preauth(selling(Act(change={38: "654321"})))
    at_stan(world, 7)
    world.do("void_preauth", OriginalReference(stan="5"), SUPERVISOR)
    return world


def balance() -> World:
    world = selling()
    at_stan(world, 8)
    world.do("balance")
    return world


def settlement() -> World:
    world = selling()
    for stan in (2, 3):
        at_stan(world, stan)
        world.do("sale", Amount(12345))
    world.do("refund", Amount(5000), OriginalReference(stan="2"), SUPERVISOR)
    world.do("void", "000003", SUPERVISOR)
    at_stan(world, 11)
    world.do("settle")
    return world


def upload() -> World:
    world = selling()
    for stan in (2, 10):
        at_stan(world, stan)
        world.do("sale", Amount(12345))
    world.host.reconcile = Reconciliation.DIFFERENT
    at_stan(world, 11)
    world.do("settle")
    return world


def chip_sale() -> World:
    world = World(card=Inserted(b"\x3b"), kernels=ScriptedKernel(pin="online")).ready()
    at_stan(world, 10)
    world.do("sale", Amount(12345))
    return world


def echo() -> World:
    world = selling()
    world.do("echo")
    return world


def sign_off() -> World:
    world = selling()
    at_stan(world, 14)
    world.do("sign_off")
    return world


@pytest.mark.parametrize(
    ("vector", "situation", "place"),
    [
        ("sign-on-request-0800-003", sign_on, 0),
        ("swipe-sale-with-pin-0200", sale, 0),
        ("reversal-of-the-sale-after-timeout-0400-98", reversal, 1),
        ("void-of-a-sale-0200-200000", void, 1),
        ("refund-0220", refund, 1),
        ("pre-authorisation-0100", preauth, 0),
        ("pre-auth-completion-online-0200", completion, 1),
        ("pre-auth-void-0100", preauth_void, 1),
        ("balance-inquiry-0200-310000", balance, 0),
        ("chip-sale-with-pin-0200-field-55", chip_sale, 0),
        ("batch-settlement-0500-201", settlement, 4),
        ("batch-upload-of-two-magnetic-sales-0320-201", upload, 3),
        ("echo-test-0820-301", echo, 0),
        ("sign-off-0820-002", sign_off, 0),
    ],
)
def test_a_request_is_the_worked_frame(vector: str, situation: Callable[[], World], place: int) -> None:
    frame = situation().frames[place]
    dialect = get_profile("default").dialect
    # Compared by elements first: a difference then names its element, and no card number is printed.
    built, worked = (dialect.unpack(whole[13:]) for whole in (frame, _FRAMES[vector]))
    differing = [n for n in {*built, *worked} if built.get(n) != worked.get(n)]
    assert differing == []
    assert frame == _FRAMES[vector]


def test_the_upload_end_counts_the_items() -> None:
    """As the worked frame, but for its count: that sample of four items is independent of the upload beside it."""
    world = upload()
    built, worked = (
        get_profile("default").dialect.unpack(frame[13:])
        for frame in (world.frames[4], _FRAMES["batch-upload-end-unbalanced-0320-202"])
    )
    assert built == worked.with_elements({48: "0002"})


def test_a_keyed_sale_names_card_and_expiry_and_has_no_track() -> None:
    world = selling()
    world.card, world.pin = Keyed(Pan("6212345678901265"), "3012"), None
    world.do("sale", Amount(100))
    request = world.host.seen[0]
    assert (request[22], request[14], str(request[53])) == ("012", "3012", "0600000000000000")
    assert 2 in request
    assert not {26, 35, 36, 52} & set(request)


def test_a_tip_adjustment_carries_the_new_total_and_the_tip_in_it() -> None:
    world = selling()
    world.do("sale", Amount(10000))
    world.do("adjust_tip", "000002", Amount(1500))
    world.do("sale", Amount(1))
    request = world.host.seen[1]
    assert (request.mti, request[4], str(request[48])) == ("0220", "000000011500", "000000001500")
    assert str(request[61]) == "0000010000020601"


def test_an_offline_sale_says_that_the_approval_came_by_telephone() -> None:
    world = selling()
    world.do("offline_sale", Amount(10000), "ABC123")
    world.do("sale", Amount(1))
    request = world.host.seen[0]
    assert (request.mti, request[38], str(request[61]), str(request[60])[:2]) == (
        "0220",
        "ABC123",
        "0" * 16 + "01",
        "30",
    )


def test_every_acquirer_knob_of_the_direct_profile_shows_in_a_sale() -> None:
    world = World(profile=get_profile("direct")).ready()
    assert world.do("sale", Amount(100)).approved
    request = world.host.seen[0]
    assert str(request[53]) == "1610000000000000"
    assert str(request[63]) == "01 "
    assert 57 in request
    assert len(request[64]) == 8
    assert world.frames[0][2:7].hex() == "6000490000"
