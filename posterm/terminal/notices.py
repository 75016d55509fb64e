"""Store and forward: requests that are kept and repeated with the same trace number until the host has answered.

Offline sales, completion notices and adjustments are approved by the terminal and only told to the host. A refund is
the host's to approve, but it is never reversed either: when no answer comes it is repeated like a notice.

Source: Q/CUP 009, store and forward, as restated by acquirer specifications.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from posterm.iso8583 import Message
from posterm.terminal.context import Context
from posterm.terminal.effects import Flow
from posterm.terminal.exchange import Answer, NoAnswer, exchange
from posterm.terminal.management import sign_on_again
from posterm.terminal.records import Delivery, JournalEntry, Status
from posterm.terminal.store import Draft
from posterm.unionpay.response_codes import FORMAT_ERROR, SIGN_ON_AGAIN
from posterm.unionpay.transactions import GIVEN_BACK, Kind

ALL: Final = 1_000_000
READINGS_MAX: Final = 3
"""How many copies the host must find unreadable, one after the other, until that is its verdict."""


def owed_notices(ctx: Context, *, with_failed: bool = False) -> list[JournalEntry]:
    """Notices the host has not accepted yet, oldest first."""
    wanted = {Delivery.OWED, Delivery.FAILED} if with_failed else {Delivery.OWED}
    return [entry for entry in ctx.memory.journal.values() if entry.delivery in wanted]


def deliver_notices(ctx: Context, *, most: int = ALL, with_failed: bool = False) -> Flow[bool]:
    """Send stored notices, oldest first, at most `most` of them.

    Returns: False when one got no answer, or none that is a verdict; it and the ones behind it stay where they are.
    """
    for entry in owed_notices(ctx, with_failed=with_failed)[:most]:
        answer = yield from deliver(ctx, entry)
        if isinstance(answer, NoAnswer) or answer.code.code in SIGN_ON_AGAIN:
            return False
    return True


def deliver(ctx: Context, entry: JournalEntry) -> Flow[Answer | NoAnswer]:
    """Send one stored notice and note what the host said."""
    answer = yield from _read_by_host(ctx, entry)
    # 77, 99 and A0 are no verdict on the notice, the host could not read it: sign on and say it again.
    if isinstance(answer, Answer) and answer.code.code in SIGN_ON_AGAIN and (yield from sign_on_again(ctx)):
        answer = yield from _read_by_host(ctx, entry)
    if isinstance(answer, NoAnswer) or answer.code.code in SIGN_ON_AGAIN:
        return answer
    draft = ctx.memory.draft()
    decided = answered(ctx, entry, answer)
    draft.put(decided)
    original = ctx.memory.journal.get(f"{entry.original_batch}-{entry.original_stan}")
    if decided.status is Status.DECLINED and original is not None and original.undone_by == entry.stan:
        draft.put(replace(original, undone_by=""))
    ctx.memory.commit(draft)
    yield ctx.tell("notice-answered", stan=entry.stan, kind=entry.kind, code=answer.code.code)
    return answer


def _read_by_host(ctx: Context, entry: JournalEntry) -> Flow[Answer | NoAnswer]:
    """Send a stored notice until the host can read it, or never will.

    One 30 says little: this copy may have been damaged on the way, and the host may have booked an earlier one.
    """
    for _ in range(READINGS_MAX):
        answer = yield from exchange(ctx, stored_request(ctx, entry), sealed=True)
        if isinstance(answer, NoAnswer) or answer.code.code != FORMAT_ERROR:
            break
    return answer


def stored_request(ctx: Context, entry: JournalEntry) -> Message:
    """The request as it was first built, with the same trace number; the MAC is put on anew."""
    return ctx.unseal_message(f"request/{entry.key}", entry.sealed_request)


def answered(ctx: Context, entry: JournalEntry, answer: Answer) -> JournalEntry:
    """The entry after the host's word on it."""
    code = answer.code
    if code.approved:
        # The sealed request of a delivered notice is kept without its tracks: the batch upload may need it.
        request = stored_request(ctx, entry).with_elements({}, drop=(35, 36, 52))
        return replace(
            entry,
            status=Status.APPROVED,
            delivery=Delivery.DELIVERED,
            delivery_code=code.code,
            response_code=entry.response_code or code.code,
            rrn=answer.text(37),
            auth_code=answer.text(38) or entry.auth_code,
            host_time=answer.text(12),
            host_date=answer.text(13),
            settlement_date=answer.text(15),
            institutions=answer.text(44),
            scheme=answer.text(63)[:3] or entry.scheme,
            sealed_request=ctx.seal_message(f"request/{entry.key}", request),
        )
    if entry.kind in GIVEN_BACK:
        return replace(
            entry,
            status=Status.DECLINED,
            delivery=Delivery.NONE,
            response_code=code.code,
            sealed_request="",
        )
    return replace(entry, delivery=Delivery.FAILED, delivery_code=code.code)


def refuse(ctx: Context, draft: Draft, notice: JournalEntry, code: str) -> None:
    """The host will not take this notice: it counts nowhere, and what it had changed in its original is undone."""
    draft.put(replace(notice, delivery=Delivery.REFUSED, delivery_code=code))
    key = f"{notice.original_batch}-{notice.original_stan}"
    original = draft.entries.get(key) or ctx.memory.journal.get(key)
    if original is None:
        return
    if notice.kind is Kind.TIP_ADJUST:
        draft.put(replace(original, tip_minor=0))
    elif original.undone_by == notice.stan:
        draft.put(replace(original, undone_by=""))
