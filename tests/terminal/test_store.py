"""What the terminal keeps on disk: nothing secret in the clear, nothing it cannot read back, all or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.amount import Amount
from posterm.hsm import SealedDataError
from posterm.terminal import Change, MemoryTerminalStore, OriginalReference
from posterm.terminal import effects as fx
from posterm.terminal.errors import TerminalStoreError
from posterm.terminal.mapping import CardData
from posterm.terminal.records import JournalEntry, PendingReversal, Registers, ScriptNotice, SettlementProgress
from posterm.terminal.store import Memory
from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Entry
from tests.secrets_of_the_suite import leaks, secrets
from tests.terminal.scripted_host import SUPERVISOR, TRACK, Act, World, entry_of, profile


class Witness(MemoryTerminalStore):
    """Keeps the text of everything that was ever written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def commit(self, changes: Any) -> None:
        changes = list(changes)
        self.written += [json.dumps([change.kind, change.key, change.document]) for change in changes]
        super().commit(changes)


def a_full_day(world: World) -> World:
    """Every kind of record: entries, stored requests, a pending reversal, a script notice, a slip."""
    world.do("sale", Amount(12345))
    world.do("preauth", Amount(500))
    world.do("offline_sale", Amount(700), "VOICE1")
    world.do("adjust_tip", "000002", Amount(100))
    world.host.script = [Act("lose-request", mti="0220", times=2), Act("lose-answer", mti="0200")]
    world.do("refund", Amount(1), OriginalReference(stan="2"), SUPERVISOR)
    world.host.script = [Act("lose-answer", mti="0200"), Act("lose-request", mti="0400", times=3)]
    world.do("sale", Amount(1))
    world.do("balance")
    world.owe_script_notice("000002", b"\x95\x01\x00")
    world.do("balance")
    return world


@pytest.mark.parametrize("name", ["default", "direct"])
def test_no_card_number_track_pin_or_key_is_ever_written_in_the_clear(
    name: str, watched_output: Callable[[str], None]
) -> None:
    world = a_full_day(World(profile=get_profile(name), store=Witness()).ready())
    world.do("settle")
    written = "\n".join(world.store.written)
    watched_output(written)
    assert len(world.store.written) > 20
    assert leaks(written, secrets()) == []
    pan, discretionary = TRACK.split("=")
    for secret in (pan, discretionary, "123456" + "F", pan.encode().hex(), "612345678901265"):
        assert secret not in written


def test_what_is_told_shows_no_secret_either(watched_output: Callable[[str], None]) -> None:
    world = a_full_day(World().ready())
    told = "\n".join(f"{tell.name} {dict(tell.details)} {tell!r}" for tell in world.told)
    effects = "\n".join(map(repr, world.effects))
    watched_output(told + effects)
    assert leaks(told + effects, secrets()) == []


def test_a_terminal_reads_back_what_another_wrote() -> None:
    world = a_full_day(World().ready())
    before = (world.terminal.journal, world.terminal.totals, world.terminal.state, world.terminal.parameters)
    world.power_on()
    assert (world.terminal.journal, world.terminal.totals, world.terminal.state, world.terminal.parameters) == before


def test_a_sealed_card_opens_only_in_its_own_place() -> None:
    world = World().ready()
    world.do("sale", Amount(1))
    world.do("sale", Amount(2))
    context = world.terminal._ctx
    first, second = entry_of(world, "000002"), entry_of(world, "000003")
    assert isinstance(context.unseal_card(first), CardData)
    assert context.unseal_card(first).entry is Entry.KEYED
    with pytest.raises(SealedDataError):
        context.unseal(f"card/{second.key}", first.sealed_card)


def test_a_declined_and_an_unsent_transaction_keep_no_card() -> None:
    world = World(script=(Act(code="51"), Act("not-sent"))).ready()
    world.do("sale", Amount(1))
    world.do("sale", Amount(1))
    assert [entry.sealed_card for entry in world.terminal.journal] == ["", ""]


def test_a_closed_batch_keeps_no_card_and_no_request() -> None:
    world = World().ready()
    world.do("sale", Amount(1))
    world.do("offline_sale", Amount(700), "VOICE1")
    assert world.do("settle").done
    assert all(not entry.sealed_card and not entry.sealed_request for entry in world.terminal.journal)


def test_a_delivered_notice_keeps_its_request_without_the_track() -> None:
    world = World().ready()
    world.do("offline_sale", Amount(700), "VOICE1")
    world.do("balance")
    entry = entry_of(world, "000002")
    request = world.terminal._ctx.unseal_message(f"request/{entry.key}", entry.sealed_request)
    assert not {35, 36, 52} & set(request)


def test_a_pending_reversal_holds_neither_track_nor_pin() -> None:
    world = World(script=(Act("lose-answer"), Act("lose-request", mti="0400", times=3))).ready()
    world.do("sale", Amount(1))
    pending = world.terminal._ctx.memory.reversal
    assert pending is not None
    message = world.terminal._ctx.unseal_message(f"reversal/{pending.key}", pending.sealed_message)
    assert not {35, 36, 52, 53} & set(message)


def test_the_reversal_is_on_disk_before_the_request_leaves() -> None:
    world = World().ready()
    flow = world.terminal.sale(Amount(1), world.clock.now)
    reply: Any = None
    while not isinstance(effect := flow.send(reply), fx.Transmit):
        reply = world._do(effect)
    kinds = [kind for kind, _, _ in world.store.load()]
    assert "reversal" in kinds
    assert kinds.count("journal") == 1


class Refusing(MemoryTerminalStore):
    """A full disk."""

    full = False

    def commit(self, changes: Any) -> None:
        if self.full:
            raise OSError
        super().commit(changes)


def test_a_store_that_fails_leaves_the_terminal_as_it_was_and_sends_nothing() -> None:
    world = World(store=Refusing()).ready()
    before = (world.terminal.stan, world.terminal.phase, list(world.terminal.journal))
    world.store.full = True
    with pytest.raises(OSError):
        world.do("sale", Amount(1))
    assert (world.terminal.stan, world.terminal.phase, list(world.terminal.journal)) == before
    assert world.host.seen == []
    world.store.full = False
    assert world.do("sale", Amount(1)).approved


@pytest.mark.parametrize("record", [Registers, JournalEntry, PendingReversal, ScriptNotice, SettlementProgress])
@pytest.mark.parametrize("document", [{"bogus": 1}, {"state": "asleep"}, {"batch": "000001", "phase": "idle", "x": 2}])
def test_a_document_that_is_no_record_is_refused(record: Any, document: dict[str, Any]) -> None:
    with pytest.raises(TerminalStoreError, match=record.__name__):
        record.from_document(document)


@pytest.mark.parametrize("kind", ["registers", "journal", "reversal", "script-notice"])
def test_a_store_with_a_spoilt_document_is_not_started_on(kind: str) -> None:
    store = MemoryTerminalStore()
    store.commit([Change(kind, "1", {"bogus": 1})])
    with pytest.raises(TerminalStoreError):
        Memory(store)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("123"), st.none() | st.integers()), max_size=20))
def test_the_memory_store_keeps_what_was_put_last(puts: list[tuple[str, str, int | None]]) -> None:
    store, model = MemoryTerminalStore(), {}
    for kind, key, number in puts:
        document = None if number is None else {"n": number}
        store.commit([Change(kind, key, document)])
        model[kind, key] = document
    assert {(k, i): d for k, i, d in store.load()} == {key: d for key, d in model.items() if d is not None}


def test_the_entries_come_back_in_the_order_in_which_they_began() -> None:
    world = World(profile=profile(settlement={"batch_size_max": 99})).ready()
    for _ in range(12):
        world.do("sale", Amount(1))
    world.do("void", "000003", SUPERVISOR)
    world.power_on()
    assert [entry.stan for entry in world.terminal.open_batch] == [f"{n:06d}" for n in range(2, 15)]
