"""Faults planted into the rules of terminal and host, one at a time, to see whether the world finds them.

Each is what a careless hand could have written. `plant` puts it in with a monkeypatch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from posterm.host import (
    checks,
    issuer,
    limits,
    order_payment,
    orders,
    originals,
    pipeline,
    postings,
    reversal,
    settlement,
    wallets,
)
from posterm.host.case import Case, Refusal
from posterm.host.events import EventName
from posterm.host.ledger import Ledger
from posterm.host.memory_store import MemoryHostStore
from posterm.host.records import HoldRecord, TransactionRecord, TransferRecord
from posterm.host.reversal import Undone
from posterm.runtime.errors import StoreError
from posterm.terminal import MemoryTerminalStore, Outcome, Result, code_payment, exchange, mapping, notices, steps
from posterm.terminal import reversal as sending
from posterm.terminal.effects import Flow
from posterm.terminal.records import Delivery, JournalEntry
from posterm.terminal.store import Change
from posterm.terminal.transitions import Happening
from posterm.unionpay.envelope import Sealer
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import CODE_ENTRIES, Kind
from simulators.network import LEVELS, Faults
from simulators.world.disks import HostDisk

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """What is wrong, and the faults under which it shows."""

    name: str
    plant: Callable[[Patch], None]
    faults: Faults


PLANTED: Final[list[PlantedFault]] = []


def planted(faults: Faults = LEVELS["lossy"]) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Put a fault on the list, under its function's name."""

    def enter(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
        name = plant.__name__.replace("_", " ")
        PLANTED.append(PlantedFault(name, plant, faults))
        return plant

    return enter


def other_step(patch: Patch, name: str, check: Callable[[Case], Refusal | None]) -> None:
    """Another check in place of the one of that name, wherever it is run."""
    for table in ("NOVELTY", "TRANSACTION_STEPS", "REVERSAL_STEPS"):
        steps = tuple(pipeline.Step(name, check) if step.name == name else step for step in getattr(pipeline, table))
        patch.setattr(pipeline, table, steps)


# --- the host -----------------------------------------------------------------------------------------------------


@planted()
def the_host_forgets_reversals(patch: Patch) -> None:
    patch.setattr(reversal, "undo", lambda _case: Undone("00", EventName.REVERSED))


@planted(Faults(late=0.3, late_s_max=100.0))
def the_host_forgets_a_reversal_that_overtakes_its_sale(patch: Patch) -> None:
    def forgetful(case: Case) -> Refusal | None:
        refusal = checks.check_duplicate(case)
        return None if refusal is not None and refusal.event is EventName.ORIGINAL_AFTER_REVERSAL else refusal

    other_step(patch, "duplicate", forgetful)


@planted(Faults(duplicate=0.3))
def the_host_takes_a_repeated_trace_number_for_a_new_one(patch: Patch) -> None:
    numbers, move = itertools.count(1), postings._move

    def careless(case: Case) -> Refusal | None:
        checks.check_duplicate(case)
        case.again = None
        return None

    def renamed(*arguments: Any, **more: Any) -> TransferRecord:
        moved = move(*arguments, **more)
        return moved._replace(transfer_id=f"{moved.transfer_id}/{next(numbers)}")

    other_step(patch, "duplicate", careless)
    patch.setattr(postings, "_move", renamed)


@planted()
def the_host_takes_the_money_again_instead_of_giving_it_back(patch: Patch) -> None:
    inverse = Ledger.inverse

    def wrong_way(self: Ledger, *arguments: str) -> TransferRecord | None:
        undone = inverse(self, *arguments)
        if undone is None or undone.resolves or undone.kind != "posted":
            return undone
        return undone._replace(debit_account=undone.credit_account, credit_account=undone.debit_account)

    patch.setattr(Ledger, "inverse", wrong_way)


@planted(Faults(host_store_fails=0.1))
def the_host_answers_before_the_commit(patch: Patch) -> None:
    commit = MemoryHostStore.batch

    @contextmanager
    def batch(self: HostDisk) -> Iterator[None]:
        with suppress(StoreError), commit(self):
            yield
            self._write()

    patch.setattr(HostDisk, "batch", batch)


@planted(Faults(host_store_fails=0.2, duplicate=0.3))
def the_host_does_not_keep_its_96(patch: Patch) -> None:
    def forgetful(case: Case, fault: str) -> Any:
        return pipeline.decline(case, "fault", Refusal("96", fault, EventName.FAULT, record=False))

    patch.setattr("posterm.host.host.run_failed", forgetful)


@planted()
def the_host_counts_voids_twice_in_its_totals(patch: Patch) -> None:
    totals_of = settlement.totals_of

    def twice(records: Any) -> Totals:
        kept = list(records)
        return totals_of([*kept, *(record for record in kept if record.kind == Kind.VOID)])

    patch.setattr(settlement, "totals_of", twice)
    patch.setattr("posterm.host.host.settlement.totals_of", twice)


@planted()
def the_host_posts_the_whole_amount_again_with_a_tip(patch: Patch) -> None:
    tip = postings._tip
    patch.setitem(
        postings._GROUPS, Kind.TIP_ADJUST, lambda case: [t._replace(amount=case.amount_minor) for t in tip(case)]
    )


@planted()
def the_host_keeps_the_hold_of_a_completed_authorisation(patch: Patch) -> None:
    patch.setitem(postings._GROUPS, Kind.COMPLETION, postings._from_card)


@planted()
def the_host_releases_one_hold_of_an_authorisation_only(patch: Patch) -> None:
    release = postings._release
    patch.setitem(postings._GROUPS, Kind.PREAUTH_VOID, lambda case: release(case)[:1])


@planted()
def the_host_never_releases_what_has_expired(patch: Patch) -> None:
    patch.setattr(Ledger, "expire", lambda _self, _now, _released=None: 0)


@planted()
def the_host_lets_a_hold_outlive_its_deadline(patch: Patch) -> None:
    patch.setattr(HoldRecord, "is_due", lambda _self, _now: False)


@planted()
def the_host_refunds_more_than_was_paid(patch: Patch) -> None:
    refund = originals._refund

    def generous(case: Case) -> Refusal | None:
        refusal = refund(case)
        return None if refusal is not None and "more than is left" in refusal.why else refusal

    patch.setitem(originals._RULES, Kind.REFUND, generous)


@planted(Faults(drop=0.2))
def the_host_forgets_to_note_what_it_reversed(patch: Patch) -> None:
    put = HostDisk.put_transaction

    def forgetful(self: HostDisk, record: TransactionRecord) -> None:
        put(self, record._replace(reversed=False))

    patch.setattr(HostDisk, "put_transaction", forgetful)


@planted(Faults(drop=0.2))
def the_host_leaves_an_authorisation_completed_whose_completion_was_reversed(patch: Patch) -> None:
    restored = reversal._restored

    def half(before: TransactionRecord, undone: TransactionRecord, group: list[TransferRecord]) -> TransactionRecord:
        return before if undone.kind == Kind.COMPLETION else restored(before, undone, group)

    patch.setattr(reversal, "_restored", half)


@planted()
def the_host_releases_a_limit_twice(patch: Patch) -> None:
    count = limits._count

    def twice(store: Any, uses: tuple[str, ...], *, reserved: int = 0, confirmed: int = 0) -> None:
        count(store, uses, reserved=reserved, confirmed=confirmed)
        count(store, uses, confirmed=min(confirmed, 0))

    patch.setattr(limits, "_count", twice)


@planted()
def the_host_keeps_a_limit_reserved_for_what_it_declined(patch: Patch) -> None:
    for table in ("TRANSACTION_STEPS", "NOTICE_STEPS"):
        steps = tuple(replace(step, undo=None) for step in getattr(pipeline, table))
        patch.setattr(pipeline, table, steps)


@planted(Faults())
def the_host_counts_debit_cards_under_the_limits_of_credit_cards(patch: Patch) -> None:
    fits = limits._fits
    patch.setattr(limits, "_fits", lambda row, case: fits(row.model_copy(update={"card": "any"}), case))


@planted(Faults())
def the_host_leaves_a_voided_sale_in_its_limits(patch: Patch) -> None:
    _not_counted(patch, Kind.VOID)


@planted(Faults())
def the_host_leaves_a_tip_out_of_the_limits(patch: Patch) -> None:
    _not_counted(patch, Kind.TIP_ADJUST)


def _not_counted(patch: Patch, kind: Kind) -> None:
    after = limits.after

    def forgetful(case: Case, original: TransactionRecord) -> TransactionRecord:
        return original if case.known_row().kind is kind else after(case, original)

    patch.setattr(limits, "after", forgetful)


@planted(Faults())
def the_host_releases_a_limit_for_a_refund_of_another_day(patch: Patch) -> None:
    after = limits.after

    def on_any_day(case: Case, original: TransactionRecord) -> TransactionRecord:
        if case.known_row().kind is not Kind.REFUND:
            return after(case, original)
        return limits.counted(case.desk.store, original, -min(case.amount_minor, original.limited_minor))

    patch.setattr(limits, "after", on_any_day)


@planted(Faults(drop=0.2))
def the_host_leaves_a_reversed_sale_in_its_limits(patch: Patch) -> None:
    patch.setattr(reversal, "counted", lambda _store, record, _amount: record)


@planted(Faults())
def the_host_lets_a_limit_be_exceeded(patch: Patch) -> None:
    reserve = limits._reserve

    def generous(case: Case, uses: tuple[str, ...], amount: int) -> Refusal | None:
        refusal = reserve(case, uses, amount)
        if refusal is not None:
            limits._count(case.desk.store, uses, reserved=amount)
            case.limits, case.reserved_minor = uses, amount
        return None

    patch.setattr(limits, "_reserve", generous)


@planted()
def the_host_lets_an_order_be_paid_that_was_closed(patch: Patch) -> None:
    patch.setattr(orders, "_event_on_original", lambda _record, _original: None)


@planted()
def the_host_takes_a_payment_code_that_was_used_before(patch: Patch) -> None:
    named = wallets.code_named

    def unused(*arguments: Any) -> Any:
        record = named(*arguments)
        return replace(record, used_by="", until="9999") if record is not None else None

    patch.setattr(wallets, "code_named", unused)


@planted()
def the_host_does_not_look_at_the_limits_when_an_order_is_paid_later(patch: Patch) -> None:
    checks_left = tuple(check for check in order_payment._CHECKS if check is not limits.check_limits)
    patch.setattr(order_payment, "_CHECKS", checks_left)


@planted()
def the_host_takes_a_payment_by_a_code_for_a_card_typed_in(patch: Patch) -> None:
    channels = {entry: channel for entry, channel in issuer._CHANNELS.items() if entry not in CODE_ENTRIES}
    patch.setattr(issuer, "_CHANNELS", channels)


# --- the terminal -------------------------------------------------------------------------------------------------


@planted()
def the_terminal_takes_silence_for_a_decline(patch: Patch) -> None:
    unanswered = steps.note_unanswered

    def silent(ctx: Any, entry: JournalEntry, answer: Any) -> None:
        unanswered(ctx, entry, replace(answer, sent=False))

    patch.setattr("posterm.terminal.transaction.note_unanswered", silent)


@planted()
def the_terminal_gives_a_reversal_a_new_trace_number(patch: Patch) -> None:
    message = sending._message

    def renumbered(*arguments: Any) -> Any:
        original = message(*arguments)
        return original.with_elements({11: f"{int(original[11]) % 999_999 + 500_000:06d}"})

    patch.setattr(sending, "_message", renumbered)


@planted()
def the_terminal_drops_its_notices(patch: Patch) -> None:
    def forgotten(_ctx: Any, entry: JournalEntry, *_answer: Any) -> JournalEntry:
        return replace(entry, delivery=Delivery.REFUSED)

    patch.setattr(notices, "answered", forgotten)


@planted(Faults(power_cut=0.01))
def the_terminal_keeps_its_notices_in_memory_only(patch: Patch) -> None:
    _not_on_disk(patch, lambda change: change.document is not None and change.document.get("delivery") == "owed")


@planted(Faults(power_cut=0.01))
def the_terminal_keeps_its_reversal_in_memory_only(patch: Patch) -> None:
    _not_on_disk(patch, lambda change: change.kind == "reversal" and change.document is not None)


def _not_on_disk(patch: Patch, lost: Callable[[Change], bool]) -> None:
    commit = MemoryTerminalStore.commit

    def forgetful(self: MemoryTerminalStore, changes: list[Change]) -> None:
        commit(self, [change for change in changes if not lost(change)])

    patch.setattr(MemoryTerminalStore, "commit", forgetful)


@planted(Faults(late=0.2))
def the_terminal_takes_any_answer_for_its_own(patch: Patch) -> None:
    patch.setattr(exchange, "differences", lambda _request, _answer: [])


@planted(Faults(garble=0.3))
def the_terminal_does_not_look_at_the_mac(patch: Patch) -> None:
    check = Sealer.check

    def blind(self: Sealer, wire: bytes, mak: Any, message: Any = None) -> None:
        if message is not None:  # the host still looks
            check(self, wire, mak, message)

    patch.setattr(Sealer, "check", blind)


@planted(Faults(printer_fails=0.1))
def the_terminal_tells_of_a_reversal_it_does_not_send(patch: Patch) -> None:
    def told(ctx: Any, _order: Any, entry: JournalEntry, _why: str) -> Flow[Any]:
        draft = ctx.memory.draft()
        ctx.happen(draft, Happening.COULD_NOT_COMPLETE)
        ctx.happen(draft, Happening.REVERSAL_ACKNOWLEDGED)
        sending.mark_reversed(ctx, draft, entry.key)
        ctx.memory.commit(draft)
        yield ctx.tell("reversed", stan=entry.stan)
        return Result(Outcome.REVERSED, entry.kind, entry.stan)

    patch.setattr(steps, "take_back", told)


@planted(Faults(printer_fails=0.1, drop=0.1))
def the_terminal_forgets_that_a_reversed_void_no_longer_counts(patch: Patch) -> None:
    def forgetful(ctx: Any, draft: Any, key: str) -> None:
        draft.put(replace(ctx.memory.journal[key], undone_by=""))

    patch.setattr(sending, "mark_reversed", forgetful)


@planted()
def the_terminal_leaves_the_tip_out_of_its_request(patch: Patch) -> None:
    request = mapping.Mapper.request

    def without(self: Any, kind: Kind, **elements: Any) -> Any:
        if kind is Kind.TIP_ADJUST:
            elements["amount_minor"] -= elements["tip_minor"]
            elements["tip_minor"] = 0
        return request(self, kind, **elements)

    patch.setattr(mapping.Mapper, "request", without)


@planted()
def the_terminal_takes_an_undecided_payment_for_a_decline(patch: Patch) -> None:
    patch.setattr(code_payment, "_is_unknown", lambda _ctx, _answer: False)


@planted()
def the_terminal_does_not_close_what_nobody_has_paid_in_time(patch: Patch) -> None:
    def forgotten(ctx: Any, _order: Any, entry: JournalEntry, _why: str) -> Flow[Any]:
        draft = ctx.memory.draft()
        ctx.happen(draft, Happening.REVERSAL_ACKNOWLEDGED)
        sending.mark_reversed(ctx, draft, entry.key)
        ctx.memory.commit(draft)
        yield ctx.tell("reversed", stan=entry.stan)
        return Result(Outcome.REVERSED, entry.kind, entry.stan)

    patch.setattr(code_payment, "reverse_now", forgotten)
