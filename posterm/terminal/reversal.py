"""The stored reversal: sent until the host has acknowledged it, before anything else goes online.

Source: Q/CUP 009 as restated by acquirer specifications. The reversal repeats the trace number of its original.
"""

from __future__ import annotations

from dataclasses import replace

from posterm.iso8583 import Message
from posterm.terminal.context import Context
from posterm.terminal.effects import Flow
from posterm.terminal.exchange import Answer, exchange
from posterm.terminal.management import sign_on_again
from posterm.terminal.records import JournalEntry, PendingReversal, Status
from posterm.terminal.store import Draft
from posterm.terminal.transitions import Happening, Phase, State

_HOST_REFUSED = "12"


def settle_pending(ctx: Context) -> Flow[bool]:
    """Send the stored reversal, if there is one, up to the profile's number of attempts.

    Returns: True when nothing is left to reverse. False leaves the record as it is: it goes out before the next online
    transaction, and none is sent before it.
    """
    if ctx.memory.reversal is None:
        return True
    if ctx.memory.reversal.phase is not Phase.REVERSING:
        # Only a power cut leaves a transaction in flight with nobody waiting for it.
        draft = ctx.memory.draft()
        ctx.happen(draft, Happening.POWER_RESTORED)
        ctx.memory.commit(draft)
    attempts = int(ctx.parameter("reversal_attempts", "0")) or ctx.profile.reversal.attempts
    for _ in range(attempts):
        if ctx.state is State.SIGN_ON_DUE and not (yield from sign_on_again(ctx)):
            break
        if (yield from _attempt(ctx)):
            return True
    yield ctx.tell("reversal-stuck", stan=ctx.memory.reversal.stan, attempts=str(ctx.memory.reversal.attempts))
    return False


def _attempt(ctx: Context) -> Flow[bool]:
    pending = ctx.memory.reversal
    if pending is None:
        return True
    draft = ctx.memory.draft()
    draft.reversal = replace(pending, attempts=pending.attempts + 1)
    ctx.memory.commit(draft)
    answer = yield from exchange(ctx, _message(ctx, pending), sealed=True)
    if isinstance(answer, Answer) and answer.code.code in ctx.profile.reversal.ok_codes:
        draft = ctx.memory.draft()
        ctx.happen(draft, Happening.REVERSAL_ACKNOWLEDGED)
        mark_reversed(ctx, draft, pending.key)
        ctx.memory.commit(draft)
        name = "reversal-refused" if answer.code.code == _HOST_REFUSED else "reversed"
        yield ctx.tell(name, stan=pending.stan, reason=pending.reason, code=answer.code.code)
        return True
    draft = ctx.memory.draft()
    ctx.happen(draft, Happening.REVERSAL_UNANSWERED)
    ctx.memory.commit(draft)
    return False


def _message(ctx: Context, pending: PendingReversal) -> Message:
    message = ctx.unseal_message(f"reversal/{pending.key}", pending.sealed_message)
    elements: dict[int, object] = {39: pending.reason.value}
    entry = ctx.memory.journal.get(pending.key)
    if entry is not None and entry.auth_code and entry.status is Status.APPROVED:
        elements[38] = entry.auth_code
        if entry.settlement_date:
            elements[15] = entry.settlement_date
    return message.with_elements(elements)


def mark_reversed(ctx: Context, draft: Draft, key: str) -> None:
    """Close the journal entry of a reversed transaction and give back what it had taken."""
    entry = ctx.memory.journal.get(key)
    if entry is None:
        return
    draft.put(replace(entry, status=Status.REVERSED))
    original = original_of(ctx, entry)
    if original is not None and original.undone_by == entry.stan:
        draft.put(replace(original, undone_by=""))


def original_of(ctx: Context, entry: JournalEntry) -> JournalEntry | None:
    """The journal entry a void, completion or adjustment refers to, when this terminal still has it."""
    if not entry.original_stan:
        return None
    return ctx.memory.journal.get(f"{entry.original_batch}-{entry.original_stan}")
