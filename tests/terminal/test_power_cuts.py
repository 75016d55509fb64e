"""The power fails at every commit, before and after it is on disk, and at every effect, before and after it is done.

Afterwards a new terminal starts on the same store, goes on, sells once more and settles. Nothing is lost when every
transaction the host still counts stands approved in the terminal's journal, and nothing is doubled when the totals of
both are equal, the host never saw one trace number with two contents, and no item was uploaded twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from posterm.amount import Amount
from posterm.emv.outcome import Ending
from posterm.terminal import MemoryTerminalStore, OriginalReference
from posterm.terminal import effects as fx
from posterm.terminal.receipt import SettlementSlip
from posterm.terminal.records import Status
from posterm.terminal.transitions import Phase, State
from posterm.unionpay.totals import Reconciliation
from posterm.unionpay.transactions import Kind
from tests.terminal.scripted_host import CASHIER, SUPERVISOR, Act, FailingStore, PowerCut, World
from tests.terminal.scripted_kernel import ScriptedKernel

Step = Callable[[World], object]
_SALE = Amount(12345)


def sale(world: World) -> object:
    return world.do("sale", _SALE)


def preauth(world: World) -> object:
    return world.do("preauth", Amount(100000))


def void(world: World) -> object:
    return world.do("void", "", SUPERVISOR)


def settle(world: World) -> object:
    return world.do("settle")


def lost_sale(world: World) -> object:
    world.host.script.append(Act("lose-answer", mti="0200"))
    return sale(world)


def offline_and_delivery(world: World) -> object:
    world.do("offline_sale", Amount(5000), "VOICE1")
    return sale(world)


def unanswered_refund(world: World) -> object:
    world.host.script.append(Act("lose-answer", mti="0220"))
    world.do("refund", Amount(100), OriginalReference(stan="2"), SUPERVISOR)
    return world.do("balance")


def printer_failure(world: World) -> object:
    world.printer_fails = 1
    return sale(world)


def differing_settlement(world: World) -> object:
    world.host.reconcile = Reconciliation.DIFFERENT
    return settle(world)


def settlement_with_notices(world: World) -> object:
    world.do("offline_sale", Amount(5000), "VOICE1")
    world.do("adjust_tip", "000002", Amount(100))
    return differing_settlement(world)


def nudged_sale(world: World) -> object:
    world.host.script.append(Act(mti="0200", code="77"))
    sale(world)
    return sale(world)


def script_notice(world: World) -> object:
    world.owe_script_notice("000002", bytes.fromhex("9F360200019F3303E0F8C8"))
    return sale(world)


def chip_sale(world: World, kernel: ScriptedKernel | None = None, **answer: object) -> object:
    world.kernels = kernel or ScriptedKernel(pin="online")
    world.card = fx.Inserted(b"\x3b")
    world.power_on()
    if answer:
        world.host.script.append(Act(mti="0200", **answer))  # type: ignore[arg-type]
    try:
        return sale(world)
    finally:
        world.card = None


SITUATIONS: dict[str, tuple[tuple[Step, ...], Step]] = {
    "sale": ((), sale),
    "sign-on": ((sale,), lambda w: w.do("sign_on", "01", CASHIER)),
    "sign-off": ((sale,), lambda w: w.do("sign_off")),
    "declined sale": ((), lambda w: (w.host.script.append(Act(mti="0200", code="51")), sale(w))),
    "lost sale": ((), lost_sale),
    "printer failure": ((), printer_failure),
    "void": ((sale,), void),
    "lost void": ((sale,), lambda w: (w.host.script.append(Act("lose-answer")), void(w))),
    "refund": ((sale,), lambda w: w.do("refund", Amount(100), OriginalReference(stan="2"), SUPERVISOR)),
    "unanswered refund": ((sale,), unanswered_refund),
    "pre-authorisation": ((), preauth),
    "addition": ((preauth,), lambda w: w.do("add_preauth", Amount(500), OriginalReference())),
    "pre-authorisation void": ((preauth,), lambda w: w.do("void_preauth", OriginalReference(), SUPERVISOR)),
    "completion": ((preauth,), lambda w: w.do("complete", Amount(100000), OriginalReference())),
    "completion notice": ((preauth,), lambda w: (w.do("complete_by_notice", Amount(9), OriginalReference()), sale(w))),
    "completion void": (
        (preauth, lambda w: w.do("complete", Amount(100000), OriginalReference())),
        lambda w: w.do("void_completion", "", SUPERVISOR),
    ),
    "balance": ((), lambda w: w.do("balance")),
    "offline sale": ((), offline_and_delivery),
    "tip": ((sale,), lambda w: (w.do("adjust_tip", "000002", Amount(100)), sale(w))),
    "nudged sale": ((), nudged_sale),
    "script notice": ((sale,), script_notice),
    "chip sale": ((), chip_sale),
    "declined chip sale": ((), lambda w: chip_sale(w, code="51")),
    "lost chip sale": ((), lambda w: chip_sale(w, what="lose-answer")),
    "chip refused after approval": ((), lambda w: chip_sale(w, ScriptedKernel(ending=Ending.DECLINED))),
    "chip with a script": ((), lambda w: (chip_sale(w, ScriptedKernel(scripts=bytes.fromhex("2000000001"))), sale(w))),
    "chip offline": ((), lambda w: (chip_sale(w, ScriptedKernel(online=False)), sale(w))),
    "settlement with chips": ((chip_sale, sale, chip_sale), differing_settlement),
    "settlement": ((sale, void, sale), settle),
    "settlement that differs": ((sale,) * 9, differing_settlement),
    "settlement with notices": ((sale,), settlement_with_notices),
    "parameter download": ((), lambda w: (setattr(w.host, "parameters", b"231"), w.do("download_parameters"), sale(w))),
}


def prepared(situation: str) -> tuple[World, Step]:
    before, step = SITUATIONS[situation]
    world = World(store=FailingStore(MemoryTerminalStore())).ready()
    for each in before:
        each(world)
    return world, step


def cut(world: World, step: Step) -> bool:
    """Run the step. Returns: True when the power failed on the way."""
    try:
        step(world)
    except PowerCut:
        return True
    return False


def go_on(world: World, cuts: int = 1) -> None:
    """After the cuts: power on, sell once more, settle; then compare the books."""
    world.store.cut_at, world.cut_at_effect, world.printer_fails = None, 0, 0
    world.host.script.clear()
    world.power_on(run=True)
    assert world.terminal.phase is Phase.IDLE
    if world.terminal.state is not State.SIGNED_ON:
        assert world.do("sign_on", "01", CASHIER).done
    assert world.do("sale", Amount(1)).approved
    assert world.do("settle").done
    compare_the_books(world, cuts)


def compare_the_books(world: World, cuts: int) -> None:
    slips = [document for document in world.printed if isinstance(document, SettlementSlip)]
    for slip in slips:
        assert slip.terminal == world.host.totals(slip.batch)
    standing = {
        (entry.batch, entry.stan)
        for entry in (*slips[-1].entries, *world.terminal.journal)
        if entry.status is Status.APPROVED and entry.transaction.kind is not Kind.BALANCE
    }
    owed = {key for key, booked in world.host.ledger.items() if booked.approved and not booked.reversed}
    owed = {key for key in owed if key[0] == slips[-1].batch and world.host.ledger[key].kind is not Kind.BALANCE}
    assert owed <= standing
    assert {key for key in standing if key[0] == slips[-1].batch} <= owed
    again = Counter(world.host.upload_messages)
    # A message whose acknowledgement a cut took away comes once more, and no other.
    assert sum(again.values()) - len(again) <= cuts


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("written", [False, True], ids=["before-the-disk", "after-the-disk"])
def test_a_power_cut_at_any_commit_loses_and_doubles_nothing(situation: str, written: bool) -> None:
    for at in range(1, 100):
        world, step = prepared(situation)
        world.store.cut_at, world.store.written = world.store.commits + at, written
        if not cut(world, step):
            break
        go_on(world)
    assert at > 1


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("done", [False, True], ids=["before-it", "after-it"])
def test_a_power_cut_at_any_effect_loses_and_doubles_nothing(situation: str, done: bool) -> None:
    for at in range(1, 200):
        world, step = prepared(situation)
        world.cut_at_effect, world.cut_after = len(world.effects) + at, done
        if not cut(world, step):
            break
        go_on(world)
    assert at > 1


@pytest.mark.parametrize("situation", ["lost sale", "lost void", "settlement", "settlement with notices"])
def test_a_second_power_cut_while_the_terminal_recovers_from_the_first_loses_and_doubles_nothing(
    situation: str,
) -> None:
    for first in range(1, 100):
        for second in range(1, 100):
            world, step = prepared(situation)
            world.store.cut_at, world.store.written = world.store.commits + first, bool(second % 2)
            if not cut(world, step):
                return
            world.host.script.clear()
            world.store.cut_at, world.store.written = world.store.commits + second, bool(first % 2)
            if not cut(world, lambda w: w.power_on(run=True)):
                break
            go_on(world, cuts=2)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_without_a_cut_the_books_agree_as_well(situation: str) -> None:
    world, step = prepared(situation)
    step(world)
    go_on(world)
