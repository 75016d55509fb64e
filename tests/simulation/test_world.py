"""Days that go wrong in every way, from a seed, and books that must agree in the evening.

A failing seed is in the test's name and in the error, which tells the story of the transaction that broke and the
command that plays the same days again.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from posterm.host.wallet_rows import OrderState, put_order
from posterm.terminal import Outcome
from posterm.unionpay.transactions import CODE_ENTRIES, CODE_KINDS, CODE_SALES, Entry, Kind
from simulators.network import LEVELS, Faults
from simulators.world import Habits, World, WorldError
from simulators.world.customers import Receipt
from simulators.world.habits import CHIP_WAYS, DEEDS
from simulators.world.hunt import Plan, hunt, play

LOSSY, ROUGH = LEVELS["lossy"], LEVELS["rough"]


@pytest.mark.parametrize("seed", range(200))
def test_five_hundred_transactions_in_a_world_of_its_own_kind_end_with_equal_books(seed: int) -> None:
    _five_hundred(seed)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(200, 220))
def test_more_worlds_of_five_hundred_transactions_end_with_equal_books(seed: int) -> None:
    _five_hundred(seed)


def _five_hundred(seed: int) -> None:
    plan = Plan(terminals=2, transactions=250)
    world = plan.world(seed)
    world.run(plan.transactions)
    world.proof().check()


def test_one_world_in_five_asks_an_issuer_apart_unless_a_plan_says_otherwise() -> None:
    assert sum(Plan(terminals=1).world(seed).apart is not None for seed in range(20)) == 4
    assert Plan(issuer_apart=True).world(1).apart is not None
    assert Plan(issuer_apart=False).world(5).apart is None


@pytest.mark.parametrize("profile", ["default", "direct"])
@pytest.mark.parametrize("seed", range(100, 112))
def test_rough_days_cost_nobody_money_under_any_way_of_capture(seed: int, profile: str) -> None:
    world = World(seed, terminals=2, faults=ROUGH, profile=profile, habits=Habits())
    world.run(transactions=60)
    world.proof().check()


@pytest.mark.parametrize("seed", range(300, 304))
def test_days_with_an_issuer_apart_that_hangs_now_and_then_end_with_equal_books_on_both_sides(seed: int) -> None:
    world = World(seed, terminals=2, faults=ROUGH, issuer_apart=True)
    world.run(transactions=60)
    world.proof().check()


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(304, 328))
def test_more_days_with_an_issuer_apart_end_with_equal_books_on_both_sides(seed: int) -> None:
    world = World(seed, terminals=2, issuer_apart=True)
    world.run(transactions=250)
    world.proof().check()


def test_a_quiet_day_ends_with_equal_books_and_no_reversal_of_a_card() -> None:
    world = World(seed=1, terminals=2, faults=Faults(), habits=Habits())
    world.run(transactions=80)
    proof = world.proof()
    proof.check()
    assert sum(day.count(Outcome.APPROVED) for day in proof.days) > 80
    taken_back = {result.kind for day in proof.days for result in day.results if result.outcome is Outcome.REVERSED}
    assert taken_back <= CODE_SALES, "a customer may walk away"


def test_rough_days_are_rough_enough_to_mean_something() -> None:
    world = World(seed=5, terminals=3, faults=ROUGH, habits=Habits())
    world.run(transactions=250)
    proof = world.proof()
    proof.check()
    happened = {name for day in proof.days for name in day.told}
    assert {"near-miss", "timed-out", "link-lost", "bad-mac", "reversal-stuck", "could-not-finish"} <= happened
    assert sum(day.count(Outcome.REVERSED) for day in proof.days) > 20
    assert sum(day.power_cuts for day in proof.days) > 5
    assert all(len(day.slips) > 1 for day in proof.days)
    assert any("dies" in note.what for note in world.story.notes)
    assert any("cannot commit" in note.what for note in world.story.notes)


def test_a_day_has_chips_and_taps_and_electronic_cash_among_its_sales() -> None:
    world = World(seed=5, terminals=3, faults=Faults(card_withdrawn=0.03), habits=Habits(ways=CHIP_WAYS))
    world.run(transactions=120)
    proof = world.proof()
    proof.check()
    approved = [result.entry for day in proof.days for result in day.results if result.approved and result.entry]
    assert {entry.entry for entry in approved} >= {Entry.CHIP, Entry.CONTACTLESS, Entry.STRIPE, Entry.KEYED}
    assert Kind.CHIP_OFFLINE_SALE in {entry.kind for entry in approved}
    assert sum(day.told.get("could-not-finish", 0) for day in proof.days) > 0


def test_a_chip_card_torn_out_of_a_rough_day_costs_nobody_money() -> None:
    for seed in range(3):
        world = World(seed, terminals=2, faults=ROUGH, habits=Habits(ways=CHIP_WAYS))
        world.run(transactions=60)
        world.proof().check()


def test_all_kinds_of_transactions_are_approved_somewhere() -> None:
    found: set[Kind] = set()
    for seed in range(5):
        world = World(seed, terminals=2, faults=LOSSY, habits=Habits(ways=CHIP_WAYS))
        world.run(transactions=100)
        found |= {result.kind for day in world.proof().days for result in day.results if result.approved}
    assert found == set(Kind) - {Kind.ADJUST}


CODES = {"pay-code": 6, "show-code": 4, "void-code": 2, "refund-code": 3, "query-code": 1, "sale": 1, "settle": 0.3}


def test_days_of_payments_by_codes_come_to_every_end_that_there_is() -> None:
    ends, told, kinds, events = set(), set(), set(), set()
    for seed in range(3):
        world = World(seed, terminals=2, faults=ROUGH, habits=Habits(deeds=CODES, plan="micro"))
        world.run(transactions=120)
        proof = world.proof()
        proof.check()
        ends |= {order.state for order in world.host.orders()}
        told |= {receipt.code for receipt in world.customers.receipts}
        kinds |= {(result.kind, result.outcome) for day in proof.days for result in day.results}
        events |= {name for day in proof.days for name in day.told}
    assert ends == {OrderState.SUCCESS, OrderState.PART_REFUND, OrderState.CLOSE, OrderState.FAIL}
    assert told == {"00", "12", "51", "55", "61"}, "paid, too late, too little, a password refused, over a limit"
    assert {(kind, Outcome.APPROVED) for kind in CODE_KINDS} <= kinds
    assert {(kind, Outcome.UNKNOWN) for kind in (Kind.QR_VOID, Kind.QR_REFUND)} <= kinds
    assert {(kind, Outcome.REVERSAL_PENDING) for kind in CODE_SALES} <= kinds
    assert {"result-awaited", "payment-closed", "reversal-stuck"} <= events


def test_the_standard_family_sells_to_codes_as_to_cards() -> None:
    world = World(seed=1, terminals=2, faults=LOSSY, profile="direct", habits=Habits(deeds=CODES))
    world.run(transactions=80)
    proof = world.proof()
    proof.check()
    by_code = {
        result.kind
        for day in proof.days
        for result in day.results
        if result.approved and result.entry and result.entry.entry in CODE_ENTRIES
    }
    assert by_code == {Kind.SALE, Kind.VOID, Kind.REFUND}


def test_an_order_that_does_not_fit_its_transaction_is_found() -> None:
    world = World(seed=2, terminals=1, faults=Faults(), habits=Habits(deeds={"pay-code": 1, "show-code": 1}))
    world.run(transactions=30)
    world.proof().check()
    paid, closed = (
        next(order for order in world.host.orders() if order.state == state)
        for state in (OrderState.SUCCESS, OrderState.CLOSE)
    )
    put_order(world.store, replace(paid, state=OrderState.CLOSE.value))
    world.customers.receipts.append(Receipt(closed.order_id, "poor", "00"))
    faults = world.proof().faults
    assert len(faults) == 2
    place = f"terminal 10000001, transaction {paid.ref[-6:]}: order {paid.order_id} is CLOSE, its transaction posted 1"
    assert any(fault.startswith(place) for fault in faults)
    assert any("the holder of poor was told that it is paid" in fault for fault in faults)


def test_the_same_seed_gives_the_same_days() -> None:
    def days() -> list[tuple[str, str, str]]:
        world = World(seed=5, terminals=2)
        world.run(transactions=40)
        return [(result.kind, result.outcome, result.stan) for day in world.proof().days for result in day.results]

    assert days() == days()


def test_a_world_may_go_on_after_its_first_evening() -> None:
    world = World(seed=9, terminals=2, faults=LOSSY)
    for _ in range(3):
        world.run(transactions=30)
        world.proof().check()
    assert all(len(day.slips) >= 3 for day in world.proof().days)


def test_a_lost_transfer_is_found_told_and_can_be_played_again() -> None:
    world = World(seed=3, terminals=2, faults=LOSSY)
    world.run(transactions=40)
    world.store._transfers.popitem()  # whatever it was, it is missing now
    with pytest.raises(WorldError) as raised:
        world.proof().check()
    told = str(raised.value)
    assert told.startswith("seed 3: ")
    assert told.endswith("again: posterm world --seed 3 --terminals 2 --transactions 40 --faults lossy")


def test_the_story_of_a_transaction_tells_who_sent_what_and_what_became_of_it() -> None:
    world = World(seed=6, terminals=1, faults=Faults(drop=0.3), habits=Habits(deeds={"sale": 1}))
    world.run(transactions=30)
    proof = world.proof()
    proof.check()
    (stan,) = [result.stan for result in proof.days[0].results if result.outcome is Outcome.REVERSED][:1]
    lines = world.story.of("10000001", [stan])
    spoken = " ".join(re.sub(r"^\S+ \S+\s+", "", line) for line in lines)
    for part in (f"terminal sent 0200 {stan} sale", "line request", "timed-out", f"sent 0400 {stan}", "reversed"):
        assert re.search(part.replace(" ", r"\s+"), spoken), lines
    times = [line[:18] for line in lines]
    assert times == sorted(times)


def test_the_story_of_a_payment_by_a_code_has_its_queries_its_customer_and_what_closes_it() -> None:
    habits = Habits(deeds={"show-code": 1}, patience=(3,))
    world = World(seed=6, terminals=1, faults=Faults(drop=0.1), habits=habits)
    world.run(transactions=40)
    world.proof().check()
    closed = (order for order in world.host.orders() if order.state == OrderState.CLOSE)
    stories = [" ".join(world.story.of("10000001", [order.ref[-6:]])) for order in closed]
    for part in ("people +show-code", "qr order", "result-awaited", "qr query", "payment-closed", "qr void .* 39=98"):
        assert any(re.search(part, story) for story in stories), part
    paid = next(order for order in world.host.orders() if order.state == OrderState.SUCCESS)
    assert re.search(r"customer +pays", " ".join(world.story.of("10000001", [paid.ref[-6:]])))


def test_faults_are_written_as_they_are_read() -> None:
    for faults in (Faults(drop=0.1, late=0.05), *LEVELS.values(), Faults()):
        assert Faults.parse(str(faults)) == faults
    for wrong in ("rougher", "drop", "drop=often", "drop=0.1,speed=3", ""):
        with pytest.raises(ValueError):
            Faults.parse(wrong)


def test_a_hunt_plays_every_seed_once_and_may_be_left_before_its_end() -> None:
    plan = Plan(terminals=1, transactions=3, faults=Faults())
    assert sorted(played.seed for played in hunt(plan, range(5), jobs=2)) == [0, 1, 2, 3, 4]
    endless = hunt(plan, itertools.count(), jobs=1)
    assert not next(endless).fault
    endless.close()


def test_a_core_that_raises_what_it_must_not_is_a_fault_of_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("somewhere inside")

    monkeypatch.setattr("posterm.terminal.engine.settle", broken)
    played = play(Plan(terminals=1, transactions=3, faults=Faults()), 8)
    assert played.fault.startswith("seed 8: ZeroDivisionError")
    assert "posterm world --seed 8" in played.fault


def test_habits_know_every_deed() -> None:
    assert set(Habits().deeds) == set(DEEDS)
