"""The steps that transactions share, with a stripe as with a chip: clear the way, begin, answer, slips, reversal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from posterm.iso8583 import Message
from posterm.terminal.context import Context
from posterm.terminal.effects import Flow, Print, Printed, PrinterFailed
from posterm.terminal.exchange import Answer, NoAnswer
from posterm.terminal.management import deliver_script_notice, sign_on_again
from posterm.terminal.mapping import NO_PIN, CardData, CodeData, PinData, with_chip_data
from posterm.terminal.notices import deliver_notices
from posterm.terminal.order import Order, Outcome, Result, result_of
from posterm.terminal.receipt import BalanceSlip, Copy, Slip
from posterm.terminal.records import Delivery, JournalEntry, PendingReversal, Status
from posterm.terminal.requirements import meet_requirement
from posterm.terminal.reversal import settle_pending
from posterm.terminal.store import Draft
from posterm.terminal.transitions import Event, Happening
from posterm.unionpay.balances import Balance
from posterm.unionpay.chip import OFFLINE_SALE, SCRIPT_RESULTS
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.transactions import Delivery as Promise
from posterm.unionpay.transactions import Kind, ReversalReason


def prepare(ctx: Context, *, notices: int | None = None) -> Flow[str | None]:
    """Everything owed before a new online request: sign-on, script notice, reversal, notices, what the header asked.

    Args:
        notices: how many stored notices go out first; the downloaded parameter says when left out.
    Returns: why the request cannot go out, or None.
    """
    if not (yield from sign_on_again(ctx)):
        return "the host wants the terminal to sign on first, and that failed"
    if not (yield from deliver_script_notice(ctx)):
        return "a script result is still owed to the issuer"
    if not (yield from settle_pending(ctx)):
        return "the last transaction must be reversed first, and the host does not answer"
    if notices is None:
        notices = int(ctx.parameter("notice_delivery", "1"))
    yield from deliver_notices(ctx, most=notices)
    yield from meet_requirement(ctx)
    if not (yield from sign_on_again(ctx)):
        return "the host wants the terminal to sign on first, and that failed"
    return ctx.refusal(Event.TRANSACTION_REQUESTED)


def new_entry(ctx: Context, draft: Draft, order: Order, card: CardData | CodeData, pin: PinData) -> JournalEntry:
    """Take the next trace number and build the journal entry."""
    draft.registers = draft.registers.next_stan()
    if draft.registers.chip_failed:
        draft.set(chip_failed=False)
    registers = draft.registers
    batch, stan = registers.batch_digits, registers.stan_digits
    original = order.original
    return JournalEntry(
        batch=batch,
        stan=stan,
        kind=order.kind,
        amount_minor=order.amount.minor if order.amount else 0,
        currency=ctx.currency.number,
        status=Status.PENDING,
        entry=card.entry,
        operator=registers.operator,
        at=ctx.local_time.isoformat(),
        pin_entered=pin.entered,
        **_what_is_kept(ctx, f"{batch}-{stan}", card),
        tip_minor=order.tip_minor,
        original_batch=original.batch if original else "",
        original_stan=original.stan if original else "",
        original_date=original.host_date if original else "",
    )


def _what_is_kept(ctx: Context, key: str, card: CardData | CodeData) -> dict[str, Any]:
    """What the journal keeps of a card; of a payment code only its mask, for it is never good again."""
    if isinstance(card, CodeData):
        return {"masked_pan": card.masked}
    return {
        "masked_pan": card.pan.masked,
        "expiry": card.expiry,
        "sequence": card.sequence,
        "chip": kept_chip_data(card.chip),
        "sealed_card": ctx.seal_card(key, card),
    }


def begin(
    ctx: Context, draft: Draft, order: Order, card: CardData | CodeData, pin: PinData
) -> tuple[JournalEntry, Message]:
    """Take the next trace number and build journal entry and request.

    Raises: LayoutError: a chip whose data lack what the host must have.
    """
    entry = new_entry(ctx, draft, order, card, pin)
    # For a tip DE 4 is the new total, DE 48 the tip within it.
    amount_minor = None if order.amount is None else entry.total_minor
    request = ctx.mapper.request(
        order.kind,
        stan=entry.stan,
        batch=entry.batch,
        amount_minor=amount_minor,
        currency=ctx.currency.number,
        card=card,
        operator=entry.operator,
        pin=pin,
        original=order.original,
        tip_minor=order.tip_minor,
        auth_code=order.auth_code,
    )
    return entry, request


def store_with_reversal(ctx: Context, draft: Draft, entry: JournalEntry, request: Message) -> None:
    """Commit the journal entry and the reversal of its request: what comes before the request leaves.

    A payment by a code of the acquirer's family is closed instead, by a void with a trace number of its own.
    """
    if entry.transaction.delivery is Promise.CLOSE:
        draft.registers = draft.registers.next_stan()
        undoing = ctx.mapper.closing(request, stan=draft.registers.stan_digits)
    else:
        undoing = ctx.mapper.reversal(request)
    sealed = ctx.seal_message(f"reversal/{entry.key}", undoing)
    ctx.begin_exchange(draft, PendingReversal(entry.batch, entry.stan, sealed))
    draft.put(entry)
    ctx.memory.commit(draft)


def with_answer(ctx: Context, entry: JournalEntry, answer: Answer) -> JournalEntry:
    """The entry with what the host said."""
    return replace(
        entry,
        response_code=answer.code.code,
        rrn=answer.text(37),
        auth_code=answer.text(38) or entry.auth_code,
        host_time=answer.text(12),
        host_date=answer.text(13),
        settlement_date=answer.text(15),
        institutions=answer.text(44),
        expiry=entry.expiry or answer.text(14),
        scheme=answer.text(63)[:3],
        remark=_remark(ctx, answer),
    )


def _remark(ctx: Context, answer: Answer) -> str:
    """The UnionPay and acquirer areas of 63.2, not the issuer's and the terminal's; or all of DE 56."""
    text = answer.text(56) if ctx.profile.response_text_element == 56 else answer.text(63)[23:63]
    return " ".join(text.split())


def print_slips(ctx: Context, entry: JournalEntry, *, reprint: bool = False) -> Flow[Printed | PrinterFailed]:
    """Print both copies; for transactions that a missing slip does not undo."""
    printed: Printed | PrinterFailed = yield Print(slips(ctx, entry, reprint=reprint))
    if isinstance(printed, PrinterFailed):
        yield ctx.tell("slip-not-printed", stan=entry.stan, why=printed.reason)
    return printed


KEPT_CHIP_DATA: Final = frozenset({*OFFLINE_SALE.mandatory, *OFFLINE_SALE.optional, "50", "9B", "9F12", SCRIPT_RESULTS})
"""What of a chip's data is kept with a journal entry; no card number, no name, no track among it."""


def kept_chip_data(values: Mapping[str, bytes]) -> dict[str, str]:
    """The chip data a journal entry keeps, hexadecimal by tag."""
    return {tag: value.hex().upper() for tag, value in values.items() if tag in KEPT_CHIP_DATA}


def slips(ctx: Context, entry: JournalEntry, *, reprint: bool = False) -> tuple[Slip, Slip]:
    """The copies of merchant and cardholder."""
    head = ctx.letterhead
    return Slip(head, entry, Copy.MERCHANT, reprint), Slip(head, entry, Copy.CARDHOLDER, reprint)


def complete(ctx: Context, order: Order, entry: JournalEntry, answer: Answer) -> Flow[Result]:
    """After an approval: print, and let go of the reversal; a slip that cannot be printed takes the approval back."""
    printed = yield Print(slips(ctx, entry))
    if isinstance(printed, PrinterFailed):
        return (yield from take_back(ctx, order, entry, printed.reason))
    draft = ctx.memory.draft()
    ctx.happen(draft, Happening.COMPLETED)
    ctx.memory.commit(draft)
    return result_of(Outcome.APPROVED, order.kind, entry, answer)


def take_back(ctx: Context, order: Order, entry: JournalEntry, why: str) -> Flow[Result]:
    """Reverse what the host has approved and the terminal could not finish."""
    draft = ctx.memory.draft()
    change: dict[str, object] = {"reason": ReversalReason.COULD_NOT_FINISH}
    if entry.chip and draft.reversal is not None:
        place = f"reversal/{entry.key}"
        message = ctx.unseal_message(place, draft.reversal.sealed_message)
        change["sealed_message"] = ctx.seal_message(place, with_chip_data(message, entry.chip_values))
    ctx.happen(draft, Happening.COULD_NOT_COMPLETE, **change)
    ctx.memory.commit(draft)
    yield ctx.tell("could-not-finish", stan=entry.stan, why=why)
    return (yield from reverse_now(ctx, order, entry, why))


def note_unanswered(ctx: Context, entry: JournalEntry, answer: NoAnswer) -> None:
    """Commit that a request got no answer that counts: it never left, or its reversal has to go out."""
    draft = ctx.memory.draft()
    if answer.sent:
        happening = Happening.BAD_MAC if answer.reason is ReversalReason.BAD_MAC else Happening.UNANSWERED
        ctx.happen(draft, happening, reason=answer.reason)
    else:
        ctx.happen(draft, Happening.NOT_SENT)
        draft.put(replace(entry, status=Status.NOT_SENT, sealed_card=""))
    ctx.memory.commit(draft)


def note_approved(ctx: Context, order: Order, entry: JournalEntry, answer: Answer) -> JournalEntry:
    """Commit an approval. The host has moved money: until card and printer are done, the reversal takes it back."""
    draft = ctx.memory.draft()
    ctx.happen(draft, Happening.APPROVED, reason=ReversalReason.COULD_NOT_FINISH)
    entry = replace(with_answer(ctx, entry, answer), status=Status.APPROVED)
    draft.put(entry)
    if order.original is not None and order.kind is not Kind.PREAUTH_ADD:
        draft.put(replace(order.original, undone_by=entry.stan))
    ctx.memory.commit(draft)
    return entry


def note_declined(ctx: Context, entry: JournalEntry, answer: Answer) -> JournalEntry:
    """Commit a decline."""
    draft = ctx.memory.draft()
    ctx.happen(draft, Happening.DECLINED)
    entry = replace(with_answer(ctx, entry, answer), status=Status.DECLINED, sealed_card="")
    draft.put(entry)
    ctx.memory.commit(draft)
    return entry


def reverse_now(ctx: Context, order: Order, entry: JournalEntry, why: str) -> Flow[Result]:
    """Send the stored reversal, and tell the cashier how far it came."""
    reversed_ = yield from settle_pending(ctx)
    outcome = Outcome.REVERSED if reversed_ else Outcome.REVERSAL_PENDING
    return Result(outcome, order.kind, entry.stan, text=why, entry=ctx.memory.journal.get(entry.key))


def store_notice(ctx: Context, order: Order, card: CardData, **more: Any) -> JournalEntry:
    """Commit what the terminal, or the card, has approved; it is owed to the host from here on.

    Args:
        more: what else the journal entry says, by field.
    Raises: LayoutError: as `begin`.
    """
    draft = ctx.memory.draft()
    entry, request = begin(ctx, draft, order, card, NO_PIN)
    entry = replace(
        entry,
        status=Status.APPROVED,
        delivery=Delivery.OWED,
        sealed_request=ctx.seal_message(f"request/{entry.key}", request),
        auth_code=order.auth_code or (order.original.auth_code if order.original else ""),
        **more,
    )
    draft.put(entry)
    if order.kind is Kind.TIP_ADJUST and order.original is not None:
        draft.put(replace(order.original, tip_minor=order.tip_minor))
    elif order.kind is Kind.COMPLETION_NOTICE and order.original is not None:
        draft.put(replace(order.original, undone_by=entry.stan))
    ctx.memory.commit(draft)
    return entry


def tell_notice(ctx: Context, order: Order, entry: JournalEntry) -> Flow[Result]:
    """Print the slips of a stored notice."""
    yield ctx.tell("notice-stored", stan=entry.stan, kind=entry.kind)
    yield from print_slips(ctx, entry)
    return Result(Outcome.APPROVED_OFFLINE, order.kind, entry.stan, text="approved, to be delivered", entry=entry)


def balance_of(ctx: Context, order: Order, entry: JournalEntry, answer: Answer) -> Flow[Result]:
    """Tell the cashier what a balance inquiry was answered."""
    entry = replace(with_answer(ctx, entry, answer), sealed_card="")
    if not answer.code.approved:
        return result_of(Outcome.DECLINED, order.kind, entry, answer)
    try:
        stated = Balance.parse(str(answer.message.get(54, ""))[:20])
    except LayoutError as error:
        return Result(Outcome.DECLINED, order.kind, entry.stan, answer.code.code, str(error))
    yield Print((BalanceSlip(ctx.letterhead, entry, stated.amount, overdrawn=stated.debit),))
    result = result_of(Outcome.APPROVED, order.kind, entry, answer)
    return replace(result, balance=stated.amount, overdrawn=stated.debit)
