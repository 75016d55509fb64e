"""Closing the batch: totals, settlement, upload, slip. A power cut at any point continues where it stopped.

    0500 totals ─ equal ───── chips 203, notices 204 ───────────── 0320/207 ─┐
                └ different ─ stripe 201, chips 205, notices 206 ─ 0320/202 ─┴─ batch + 1, slip, sign-off

The upload is planned from the journal, the same each time; `SettlementProgress.uploaded` counts the messages of the
plan that the host has acknowledged.

Source: Q/CUP 009, settlement and batch upload, as restated by acquirer specifications.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from posterm.iso8583 import Message
from posterm.sensitive import Pan
from posterm.terminal.context import Context
from posterm.terminal.effects import Flow, Print, PrinterFailed
from posterm.terminal.errors import TerminalError
from posterm.terminal.exchange import Answer, NoAnswer, exchange
from posterm.terminal.management import deliver_script_notice, sign_off, sign_on_again
from posterm.terminal.notices import deliver_notices, owed_notices, refuse, stored_request
from posterm.terminal.originals import adds_to
from posterm.terminal.receipt import SettlementSlip
from posterm.terminal.records import Delivery, JournalEntry, SettlementProgress, Status
from posterm.terminal.reversal import settle_pending
from posterm.terminal.store import Draft
from posterm.terminal.transitions import Event, State
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.header import Requirement
from posterm.unionpay.response_codes import SIGN_ON_AGAIN
from posterm.unionpay.totals import (
    ITEMS_PER_UPLOAD,
    Reconciliation,
    SettlementTotals,
    Totals,
    UploadItem,
    pack_upload,
    pack_upload_end,
)
from posterm.unionpay.transactions import GIVEN_BACK, UPLOAD_STRIPE, Kind, Network
from posterm.unionpay.transactions import Delivery as Promise

PREAUTH_LIFE = timedelta(days=30)
"""How long a pre-authorisation can be completed."""

_UPLOADING = (State.UPLOADING_EQUAL, State.UPLOADING_DIFFERENT)


@dataclass(frozen=True, slots=True)
class Settled:
    """How a settlement ended. `equal` is None as long as the host has not said."""

    done: bool
    equal: bool | None = None
    why: str = ""
    slip: SettlementSlip | None = None


def totals_of(entries: Sequence[JournalEntry]) -> Totals:
    """The totals of journal entries: what is approved and not reversed or refused."""
    totals = Totals()
    for entry in entries:
        if entry.counts:
            totals = totals.plus(entry.transaction.side, entry.total_minor)
    return totals


def settle(ctx: Context) -> Flow[Settled]:
    """Close the batch, or go on closing it."""
    if ctx.state not in (State.SETTLING, *_UPLOADING, State.BATCH_CLOSED):
        if reason := (yield from _clear_the_way(ctx)):
            return Settled(False, why=reason)
        if ctx.profile.settlement.captured_by == "host":
            _close(ctx, Event.CAPTURED_BY_HOST, host=None)
    if ctx.state in (State.SIGNED_ON, State.SETTLING) and (reason := (yield from _compare(ctx))):
        return Settled(False, why=reason)
    if ctx.state in _UPLOADING and (reason := (yield from _upload(ctx))):
        return Settled(False, equal=ctx.state is State.UPLOADING_EQUAL, why=reason)
    return (yield from _finish(ctx))


def _clear_the_way(ctx: Context) -> Flow[str | None]:
    """Everything that must be known before totals are final. Returns: why the batch cannot be settled, or None."""
    if not (yield from sign_on_again(ctx)):
        return "the host wants the terminal to sign on first, and that failed"
    if reason := ctx.refusal(Event.SETTLEMENT_REQUESTED):
        return reason
    if not (yield from deliver_script_notice(ctx)):
        return "a script result is still owed to the issuer"
    if not (yield from settle_pending(ctx)):
        return "the last transaction must be reversed first, and the host does not answer"
    captured_by_host = ctx.profile.settlement.captured_by == "host"
    if not (yield from deliver_notices(ctx, with_failed=captured_by_host)):
        return "stored notices are still owed to the host, and it does not answer"
    if not (yield from sign_on_again(ctx)):
        return "the host wants the terminal to sign on first, and that failed"
    return "stored notices are still owed to the host" if owed_notices(ctx) else None


# --- totals -----------------------------------------------------------------------------------------------------------


def _compare(ctx: Context) -> Flow[str | None]:
    terminal = totals_of(ctx.memory.batch_entries)
    draft = ctx.memory.draft()
    ctx.fire(draft, Event.SETTLEMENT_REQUESTED)
    draft.registers = draft.registers.next_stan()
    ctx.memory.commit(draft)
    registers = ctx.memory.registers
    try:
        digits = SettlementTotals(terminal).digits
    except LayoutError as error:
        return (yield from _not_settled(ctx, str(error)))
    request = ctx.mapper.management(
        "0500",
        Network.SETTLEMENT,
        stan=registers.stan_digits,
        batch=registers.batch_digits,
        extra={48: digits, 49: ctx.currency.number, 63: registers.operator.ljust(3)},
    )
    answer = yield from exchange(ctx, request, sealed=False)
    if isinstance(answer, NoAnswer):
        return (yield from _not_settled(ctx, answer.why))
    if not answer.code.approved:
        return (yield from _not_settled(ctx, answer.code.text))
    try:
        host = SettlementTotals.parse(str(answer.message.get(48, "")))
    except LayoutError as error:
        return (yield from _not_settled(ctx, str(error)))
    if host.code not in (Reconciliation.EQUAL, Reconciliation.DIFFERENT):
        return (yield from _not_settled(ctx, "the host could not reconcile; settle again later"))
    equal = host.code is Reconciliation.EQUAL
    draft = ctx.memory.draft()
    ctx.fire(draft, Event.TOTALS_EQUAL if equal else Event.TOTALS_DIFFERENT)
    host_digits = terminal.digits if equal else host.domestic.digits
    draft.set(settlement=SettlementProgress(equal, terminal.digits, host_digits).to_document())
    ctx.memory.commit(draft)
    yield ctx.tell("totals-equal" if equal else "totals-different", terminal=terminal.digits, host=host_digits)
    return None


def _not_settled(ctx: Context, why: str) -> Flow[str]:
    draft = ctx.memory.draft()
    ctx.fire(draft, Event.SETTLEMENT_FAILED)
    _demand_sign_on(ctx, draft)
    ctx.memory.commit(draft)
    yield ctx.tell("not-settled", why=why)
    return why


def _demand_sign_on(ctx: Context, draft: Draft) -> None:
    """The sign-on the host asked for while the settlement was running is due now that it no longer is."""
    if draft.registers.state is State.SIGNED_ON and draft.registers.requirement is Requirement.SIGN_ON:
        ctx.fire(draft, Event.SIGN_ON_DEMANDED)
        draft.set(requirement=Requirement.NONE)


# --- upload -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    """One upload message: some stripe items, one chip transaction, or one notice whose fate the answer decides."""

    stripes: tuple[JournalEntry, ...] = ()
    chip: JournalEntry | None = None
    notice: JournalEntry | None = None

    @property
    def items(self) -> int:
        return len(self.stripes) or 1


def _upload(ctx: Context) -> Flow[str | None]:
    """Send what the host has not acknowledged yet, then the end. Returns: why it did not come to the end, or None."""
    progress = ctx.memory.registers.progress
    if progress is None:
        raise TerminalError("an upload without a settlement")
    steps = _plan(ctx, equal=progress.equal)
    for step in steps[progress.uploaded :]:
        answer = yield from exchange(ctx, _step_message(ctx, step, equal=progress.equal), sealed=False)
        if isinstance(answer, NoAnswer):
            return answer.why
        if not answer.code.approved and (step.notice is None or answer.code.code in SIGN_ON_AGAIN):
            return f"the host refused the upload: {answer.code.text}"
        draft = ctx.memory.draft()
        if step.notice is not None:
            _note_upload(ctx, draft, step.notice, answer)
        progress = replace(progress, uploaded=progress.uploaded + 1)
        draft.set(settlement=progress.to_document())
        ctx.memory.commit(draft)
    end = Network.UPLOAD_END_EQUAL if progress.equal else Network.UPLOAD_END_DIFFERENT
    request = _upload_message(ctx, end, pack_upload_end(sum(step.items for step in steps)))
    answer = yield from exchange(ctx, request, sealed=False)
    if isinstance(answer, NoAnswer):
        return answer.why
    if not answer.code.approved:
        return f"the host refused the end of the upload: {answer.code.text}"
    host = _parse_totals(progress.host)
    _close(ctx, Event.UPLOAD_ENDED, host=host)
    return None


def _plan(ctx: Context, *, equal: bool) -> list[_Step]:
    """The upload's messages in order. No answer on the way changes the plan."""
    entries = ctx.memory.batch_entries
    online = [entry for entry in entries if entry.counts and not _is_notice(entry)]
    steps: list[_Step] = []
    if not equal:
        stripes = [entry for entry in online if not entry.chip]
        steps += [
            _Step(stripes=tuple(stripes[at : at + ITEMS_PER_UPLOAD])) for at in range(0, len(stripes), ITEMS_PER_UPLOAD)
        ]
    steps += [_Step(chip=entry) for entry in online if entry.chip]
    return steps + [_Step(notice=entry) for entry in entries if _is_notice(entry)]


def _step_message(ctx: Context, step: _Step, *, equal: bool) -> Message:
    batch = ctx.memory.registers.batch_digits
    if step.chip is not None:
        network = Network.UPLOAD_CHIP_EQUAL if equal else Network.UPLOAD_CHIP_DIFFERENT
        return ctx.mapper.chip_upload(step.chip, ctx.unseal_card(step.chip), network, batch=batch)
    if step.notice is None:
        items = [UploadItem(entry.stan, _card_number(ctx, entry), entry.total_minor) for entry in step.stripes]
        return _upload_message(ctx, UPLOAD_STRIPE, pack_upload(items))
    network = Network.UPLOAD_NOTICE_EQUAL if equal else Network.UPLOAD_NOTICE_DIFFERENT
    # A notice that began with a track goes up with its card number instead.
    card = ctx.unseal_card(step.notice)
    elements = {2: card.pan.reveal()} | ({14: card.expiry} if card.expiry else {})
    request = stored_request(ctx, step.notice).with_elements(elements)
    return ctx.mapper.notice_upload(step.notice, request, network, batch=batch)


def _card_number(ctx: Context, entry: JournalEntry) -> Pan | None:
    return ctx.unseal_card(entry).pan if entry.sealed_card else None


def _is_notice(entry: JournalEntry) -> bool:
    """True for what this terminal approved itself; its delivery has ended one way or the other by now."""
    return entry.transaction.delivery is Promise.REPEAT and entry.kind not in GIVEN_BACK


def _note_upload(ctx: Context, draft: Draft, notice: JournalEntry, answer: Answer) -> None:
    current = ctx.memory.journal[notice.key]
    if answer.code.approved:
        rrn = answer.text(37) or current.rrn
        draft.put(replace(current, delivery=Delivery.DELIVERED, delivery_code=answer.code.code, rrn=rrn))
    elif current.delivery is not Delivery.DELIVERED:
        refuse(ctx, draft, current, answer.code.code)


def _upload_message(ctx: Context, network: Network, digits: str) -> Message:
    draft = ctx.memory.draft()
    draft.registers = draft.registers.next_stan()
    ctx.memory.commit(draft)
    registers = ctx.memory.registers
    return ctx.mapper.management(
        "0320", network, stan=registers.stan_digits, batch=registers.batch_digits, extra={48: digits}
    )


# --- the end ----------------------------------------------------------------------------------------------------------


def _close(ctx: Context, event: Event, *, host: Totals | None) -> None:
    """One commit: state, batch number, the slip, and no card number left on disk."""
    registers = ctx.memory.registers
    batch = registers.batch_digits
    entries = ctx.memory.batch_entries
    draft = ctx.memory.draft()
    ctx.fire(draft, event)
    if host is None:
        for entry in owed_notices(ctx, with_failed=True):
            refuse(ctx, draft, entry, entry.delivery_code)
    kept = [draft.entries.get(key, old) for key, old in ctx.memory.journal.items()]
    still_open = {entry.key: entry for entry in kept if _may_be_completed(ctx, entry)}
    for entry in kept:
        added = entry.kind is Kind.PREAUTH_ADD and any(adds_to(entry, preauth) for preauth in still_open.values())
        if entry.key in still_open:
            draft.put(entry)
        elif entry.batch == batch or added:
            draft.put(replace(entry, sealed_card="", sealed_request=""))
        else:
            draft.drop(entry.key)
    entries = [draft.entries[entry.key] for entry in entries]
    slip = {
        "batch": batch,
        "at": ctx.local_time.isoformat(),
        "operator": registers.operator,
        "terminal": totals_of(entries).digits,
        "host": "" if host is None else host.digits,
    }
    draft.set(batch=registers.batch % 999_999 + 1, settlement=None, last_slip=slip)
    ctx.memory.commit(draft)


def _may_be_completed(ctx: Context, entry: JournalEntry) -> bool:
    """True for a pre-authorisation that is still open: it outlives its batch, with its card number sealed."""
    if entry.kind is not Kind.PREAUTH or entry.status is not Status.APPROVED or entry.undone_by:
        return False
    return ctx.local_time - datetime.fromisoformat(entry.at) <= PREAUTH_LIFE


def _finish(ctx: Context) -> Flow[Settled]:
    slip = last_slip(ctx)
    if slip is None:
        raise TerminalError("a closed batch without a slip")
    printed = yield Print((slip,))
    if isinstance(printed, PrinterFailed):
        yield ctx.tell("slip-not-printed", batch=slip.batch, why=printed.reason)
    draft = ctx.memory.draft()
    ctx.fire(draft, Event.SLIP_PRINTED)
    _demand_sign_on(ctx, draft)
    ctx.memory.commit(draft)
    yield ctx.tell("batch-closed", batch=slip.batch, totals=slip.terminal.digits)
    if ctx.profile.settlement.auto_sign_off and ctx.parameter("auto_sign_off", "1") == "1":
        yield from sign_off(ctx)
    return Settled(True, equal=slip.equal, slip=slip)


def last_slip(ctx: Context, *, reprint: bool = False) -> SettlementSlip | None:
    """The slip of the batch closed last, for printing or reprinting."""
    stored = ctx.memory.registers.last_slip
    if stored is None:
        return None
    batch = str(stored["batch"])
    return SettlementSlip(
        head=ctx.letterhead,
        batch=batch,
        at=str(stored["at"]),
        operator=str(stored["operator"]),
        terminal=_parse_totals(str(stored["terminal"])),
        host=_parse_totals(str(stored["host"])) if stored["host"] else None,
        entries=tuple(entry for entry in ctx.memory.journal.values() if entry.batch == batch),
        currency=ctx.currency.number,
        reprint=reprint,
    )


def _parse_totals(digits: str) -> Totals:
    return Totals(int(digits[0:12]), int(digits[12:15]), int(digits[15:27]), int(digits[27:30]))
