"""The flow of one transaction, from the cashier's key to the slip.

    online reversible   card, PIN | journal + reversal stored | 0200 | approved: finish, print | else reverse
    refund              journal stored, owed | 0220 | repeated until answered
    notice              approved here, stored, owed | print | delivered later
    balance             0200 | slip

Every bar is a commit. What a commit has written is what a power cut leaves behind, and `Terminal.power_on` goes on
from there.

Source: Q/CUP 009 as restated by acquirer terminal specifications.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from posterm.amount import Amount
from posterm.hsm import PinFormat
from posterm.iso8583 import Message
from posterm.terminal.context import Context
from posterm.terminal.effects import (
    Cancelled,
    CardCompleted,
    CardReply,
    CompleteCard,
    EnterPin,
    Flow,
    Keyed,
    PinEntered,
    PinReply,
    PresentCard,
    Print,
    Printed,
    PrinterFailed,
)
from posterm.terminal.exchange import Answer, NoAnswer, exchange
from posterm.terminal.management import deliver_script_notice, meet_requirement, sign_on_again
from posterm.terminal.mapping import NO_PIN, CardData, PinData, card_data
from posterm.terminal.notices import ALL, deliver, deliver_notices
from posterm.terminal.originals import OriginalReference, fault_of, find_original
from posterm.terminal.receipt import BalanceSlip, Copy, Slip
from posterm.terminal.records import Delivery, JournalEntry, PendingReversal, Status
from posterm.terminal.reversal import mark_reversed, settle_pending
from posterm.terminal.store import Draft
from posterm.terminal.transitions import Event, Happening, State
from posterm.unionpay.balances import Balance
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.transactions import TRANSACTIONS, Entry, Kind, ReversalReason
from posterm.unionpay.transactions import Delivery as Promise


class Outcome(StrEnum):
    """How a transaction ended for the cashier."""

    APPROVED = "approved"
    APPROVED_OFFLINE = "approved-offline"
    DECLINED = "declined"
    REFUSED = "refused"
    """The terminal itself said no; nothing was sent."""
    CANCELLED = "cancelled"
    NOT_SENT = "not-sent"
    REVERSED = "reversed"
    REVERSAL_PENDING = "reversal-pending"
    UNKNOWN = "unknown"
    """A refund without an answer yet; it is repeated until there is one."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the cashier is told. `code` is DE 39 where the host answered."""

    outcome: Outcome
    kind: Kind
    stan: str = ""
    code: str = ""
    text: str = ""
    text_zh: str = ""
    entry: JournalEntry | None = None
    balance: Amount | None = None
    overdrawn: bool = False
    """True when `balance` is what the cardholder owes."""

    @property
    def approved(self) -> bool:
        return self.outcome in (Outcome.APPROVED, Outcome.APPROVED_OFFLINE)


@dataclass(frozen=True, slots=True)
class Order:
    """What the cashier asks for: the checks that need only the terminal's own knowledge have been made."""

    kind: Kind
    amount: Amount | None
    original: JournalEntry | None = None
    reference: OriginalReference | None = None
    """How the cashier named the original, where the card at hand decides which one that is."""
    tip_minor: int = 0
    auth_code: str = ""


_ASKS_FOR_PIN = frozenset({Kind.SALE, Kind.PREAUTH, Kind.BALANCE})
_ASKS_FOR_CARD = frozenset({Kind.SALE, Kind.PREAUTH, Kind.BALANCE, Kind.OFFLINE_SALE, Kind.REFUND})
_ENTRIES = {Kind.REFUND: frozenset({Entry.STRIPE})}
"""A refund's card must be present: key entry is refused."""


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


def perform(ctx: Context, order: Order) -> Flow[Result]:
    """Run one transaction to its end."""
    if reason := _refused_here(ctx, order.kind):
        return Result(Outcome.REFUSED, order.kind, text=reason)
    card = yield from _card(ctx, order)
    if card is None:
        return Result(Outcome.CANCELLED, order.kind, text="cancelled")
    if order.reference is not None:
        found = find_original(ctx, order.kind, order.reference, card=card.pan.masked)
        if isinstance(found, str):
            return Result(Outcome.REFUSED, order.kind, text=found)
        order = replace(order, original=found)
    promise = TRANSACTIONS[order.kind].delivery
    if _is_notice(order.kind):
        return (yield from _notice(ctx, order, card))
    # What is done to an original must not overtake a tip or a completion that the host has not heard of.
    if reason := (yield from prepare(ctx, notices=ALL if order.original else None)):
        return Result(Outcome.REFUSED, order.kind, text=reason)
    if order.original is not None:
        order = replace(order, original=ctx.memory.journal.get(order.original.key, order.original))
        if reason := fault_of(order.original):
            return Result(Outcome.REFUSED, order.kind, text=reason)
    # After the sign-on that may just have been made: a PIN block under the old key would be worthless.
    pin = yield from _pin(ctx, order, card)
    if isinstance(pin, Cancelled):
        return Result(Outcome.CANCELLED, order.kind, text="cancelled")
    match promise:
        case Promise.REVERSE:
            return (yield from _reversible(ctx, order, card, pin))
        case Promise.REPEAT:
            return (yield from _refund(ctx, order, card))
        case Promise.FORGET:
            return (yield from _inquiry(ctx, order, card, pin))


def _refused_here(ctx: Context, kind: Kind) -> str | None:
    """Why the transaction need not even ask for a card; a sign-on that is due is made up for before the request."""
    if ctx.batch_is_full:
        return "the batch is full; settle first"
    if ctx.state is State.SIGN_ON_DUE and not _is_notice(kind):
        return None
    return ctx.refusal(Event.TRANSACTION_REQUESTED)


def _is_notice(kind: Kind) -> bool:
    """True for what the terminal approves itself and tells the host later."""
    return TRANSACTIONS[kind].delivery is Promise.REPEAT and kind is not Kind.REFUND


# --- card and PIN -----------------------------------------------------------------------------------------------------


def _card(ctx: Context, order: Order) -> Flow[CardData | None]:
    if order.kind not in _ASKS_FOR_CARD and order.original is not None:
        return ctx.unseal_card(order.original)
    entries = _ENTRIES.get(order.kind, frozenset({Entry.STRIPE, Entry.KEYED}))
    if ctx.parameter("key_entry_allowed", "1") == "0":
        entries -= {Entry.KEYED}
    reply: CardReply = yield PresentCard(order.kind, order.amount, entries)
    if isinstance(reply, Cancelled) or (isinstance(reply, Keyed) and Entry.KEYED not in entries):
        return None
    return card_data(reply)


def _pin(ctx: Context, order: Order, card: CardData) -> Flow[PinData | Cancelled]:
    if order.kind not in _ASKS_FOR_PIN:
        return NO_PIN
    settings, pik = ctx.profile.pin, ctx.key("pik")
    reply: PinReply = yield EnterPin(card.pan, pik, settings.pin_format, order.amount)
    match reply:
        case PinEntered(block=block):
            return PinData(block, entered=True)
        case Cancelled():
            return reply
        case _:
            return (
                PinData(ctx.hsm.encrypt_pin(pik, None, PinFormat.NO_PIN, None))
                if settings.block_without_pin
                else NO_PIN
            )


# --- the three promises -----------------------------------------------------------------------------------------------


def _reversible(ctx: Context, order: Order, card: CardData, pin: PinData) -> Flow[Result]:
    draft = ctx.memory.draft()
    entry, request = _begin(ctx, draft, order, card, pin)
    sealed = ctx.seal_message(f"reversal/{entry.key}", ctx.mapper.reversal(request))
    ctx.begin_exchange(draft, PendingReversal(entry.batch, entry.stan, sealed))
    draft.put(entry)
    ctx.memory.commit(draft)

    answer = yield from exchange(ctx, request, sealed=True)
    if isinstance(answer, NoAnswer):
        return (yield from _unanswered(ctx, order, entry, answer))
    draft = ctx.memory.draft()
    if not answer.code.approved:
        ctx.happen(draft, Happening.DECLINED)
        entry = replace(_with_answer(ctx, entry, answer), status=Status.DECLINED, sealed_card="")
        draft.put(entry)
        ctx.memory.commit(draft)
        return _result(Outcome.DECLINED, order.kind, entry, answer)

    # From here on the host has moved money. Until card and printer are done, the stored reversal would take it back.
    ctx.happen(draft, Happening.APPROVED, reason=ReversalReason.COULD_NOT_FINISH)
    entry = replace(_with_answer(ctx, entry, answer), status=Status.APPROVED)
    draft.put(entry)
    if order.original is not None and order.kind is not Kind.PREAUTH_ADD:
        draft.put(replace(order.original, undone_by=entry.stan))
    ctx.memory.commit(draft)
    finished = yield from _finish(ctx, entry, answer)
    draft = ctx.memory.draft()
    if finished is not None:
        ctx.happen(draft, Happening.COULD_NOT_COMPLETE, reason=ReversalReason.COULD_NOT_FINISH)
        ctx.memory.commit(draft)
        yield ctx.tell("could-not-finish", stan=entry.stan, why=finished)
        return (yield from _reverse_now(ctx, order, entry, finished))
    ctx.happen(draft, Happening.COMPLETED)
    ctx.memory.commit(draft)
    return _result(Outcome.APPROVED, order.kind, entry, answer)


def _unanswered(ctx: Context, order: Order, entry: JournalEntry, answer: NoAnswer) -> Flow[Result]:
    draft = ctx.memory.draft()
    if not answer.sent:
        ctx.happen(draft, Happening.NOT_SENT)
        draft.put(replace(entry, status=Status.NOT_SENT, sealed_card=""))
        ctx.memory.commit(draft)
        return Result(Outcome.NOT_SENT, order.kind, entry.stan, text=answer.why)
    happening = Happening.BAD_MAC if answer.reason is ReversalReason.BAD_MAC else Happening.UNANSWERED
    ctx.happen(draft, happening, reason=answer.reason)
    ctx.memory.commit(draft)
    return (yield from _reverse_now(ctx, order, entry, answer.why))


def _reverse_now(ctx: Context, order: Order, entry: JournalEntry, why: str) -> Flow[Result]:
    reversed_ = yield from settle_pending(ctx)
    outcome = Outcome.REVERSED if reversed_ else Outcome.REVERSAL_PENDING
    return Result(outcome, order.kind, entry.stan, text=why, entry=ctx.memory.journal.get(entry.key))


def _refund(ctx: Context, order: Order, card: CardData) -> Flow[Result]:
    draft = ctx.memory.draft()
    entry, request = _begin(ctx, draft, order, card, NO_PIN)
    entry = replace(entry, delivery=Delivery.OWED, sealed_request=ctx.seal_message(f"request/{entry.key}", request))
    draft.put(entry)
    ctx.memory.commit(draft)
    answer = yield from deliver(ctx, entry)
    entry = ctx.memory.journal[entry.key]
    if isinstance(answer, NoAnswer) or entry.status is Status.PENDING:
        why = answer.why if isinstance(answer, NoAnswer) else answer.code.text
        return Result(Outcome.UNKNOWN, order.kind, entry.stan, text=f"{why}; the refund is repeated", entry=entry)
    if entry.status is Status.DECLINED:
        return _result(Outcome.DECLINED, order.kind, entry, answer)
    yield from print_slips(ctx, entry)
    return _result(Outcome.APPROVED, order.kind, entry, answer)


def _notice(ctx: Context, order: Order, card: CardData) -> Flow[Result]:
    draft = ctx.memory.draft()
    entry, request = _begin(ctx, draft, order, card, NO_PIN)
    entry = replace(
        entry,
        status=Status.APPROVED,
        delivery=Delivery.OWED,
        sealed_request=ctx.seal_message(f"request/{entry.key}", request),
        auth_code=order.auth_code or (order.original.auth_code if order.original else ""),
    )
    draft.put(entry)
    if order.kind is Kind.TIP_ADJUST and order.original is not None:
        draft.put(replace(order.original, tip_minor=order.tip_minor))
    elif order.kind is Kind.COMPLETION_NOTICE and order.original is not None:
        draft.put(replace(order.original, undone_by=entry.stan))
    ctx.memory.commit(draft)
    yield ctx.tell("notice-stored", stan=entry.stan, kind=entry.kind)
    yield from print_slips(ctx, entry)
    return Result(Outcome.APPROVED_OFFLINE, order.kind, entry.stan, text="approved, to be delivered", entry=entry)


def _inquiry(ctx: Context, order: Order, card: CardData, pin: PinData) -> Flow[Result]:
    draft = ctx.memory.draft()
    entry, request = _begin(ctx, draft, order, card, pin)
    ctx.memory.commit(draft)
    answer = yield from exchange(ctx, request, sealed=True)
    if isinstance(answer, NoAnswer):
        return Result(Outcome.NOT_SENT, order.kind, entry.stan, text=answer.why)
    entry = replace(_with_answer(ctx, entry, answer), sealed_card="")
    if not answer.code.approved:
        return _result(Outcome.DECLINED, order.kind, entry, answer)
    try:
        stated = Balance.parse(str(answer.message.get(54, ""))[:20])
    except LayoutError as error:
        return Result(Outcome.DECLINED, order.kind, entry.stan, answer.code.code, str(error))
    yield Print((BalanceSlip(ctx.letterhead, entry, stated.amount, overdrawn=stated.debit),))
    result = _result(Outcome.APPROVED, order.kind, entry, answer)
    return replace(result, balance=stated.amount, overdrawn=stated.debit)


# --- shared steps -----------------------------------------------------------------------------------------------------


def _begin(ctx: Context, draft: Draft, order: Order, card: CardData, pin: PinData) -> tuple[JournalEntry, Message]:
    """Take the next trace number and build journal entry and request."""
    draft.registers = draft.registers.next_stan()
    registers = draft.registers
    batch, stan = registers.batch_digits, registers.stan_digits
    original = order.original
    entry = JournalEntry(
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
        masked_pan=card.pan.masked,
        expiry=card.expiry,
        sealed_card=ctx.seal_card(f"{batch}-{stan}", card),
        tip_minor=order.tip_minor,
        original_batch=original.batch if original else "",
        original_stan=original.stan if original else "",
        original_date=original.host_date if original else "",
    )
    # For a tip DE 4 is the new total, DE 48 the tip within it.
    amount_minor = None if order.amount is None else entry.total_minor
    request = ctx.mapper.request(
        order.kind,
        stan=stan,
        batch=batch,
        amount_minor=amount_minor,
        currency=ctx.currency.number,
        card=card,
        operator=registers.operator,
        pin=pin,
        original=original,
        tip_minor=order.tip_minor,
        auth_code=order.auth_code,
    )
    return entry, request


def _with_answer(ctx: Context, entry: JournalEntry, answer: Answer) -> JournalEntry:
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


def _finish(ctx: Context, entry: JournalEntry, answer: Answer) -> Flow[str | None]:
    """Card and printer. Returns: why it did not work out, or None."""
    completed = yield CompleteCard(entry.entry, bytes(answer.message.get(55, b"")))
    if not isinstance(completed, CardCompleted):
        return f"the card: {completed.reason}"
    printed = yield Print(_slips(ctx, entry))
    return printed.reason if isinstance(printed, PrinterFailed) else None


def print_slips(ctx: Context, entry: JournalEntry, *, reprint: bool = False) -> Flow[Printed | PrinterFailed]:
    """Print both copies; for transactions that a missing slip does not undo."""
    printed: Printed | PrinterFailed = yield Print(_slips(ctx, entry, reprint=reprint))
    if isinstance(printed, PrinterFailed):
        yield ctx.tell("slip-not-printed", stan=entry.stan, why=printed.reason)
    return printed


def _slips(ctx: Context, entry: JournalEntry, *, reprint: bool = False) -> tuple[Slip, Slip]:
    head = ctx.letterhead
    return Slip(head, entry, Copy.MERCHANT, reprint), Slip(head, entry, Copy.CARDHOLDER, reprint)


def _result(outcome: Outcome, kind: Kind, entry: JournalEntry, answer: Answer | NoAnswer) -> Result:
    if isinstance(answer, NoAnswer):
        return Result(outcome, kind, entry.stan, text=answer.why, entry=entry)
    code = answer.code
    return Result(outcome, kind, entry.stan, code.code, code.text, code.text_zh, entry)


def give_up(ctx: Context) -> Flow[bool]:
    """Take the reversal that the host will not acknowledge out of the way, by the supervisor's decision.

    The journal marks the transaction as reversed and the event names it, so that it can be cleared by hand.
    """
    pending = ctx.memory.reversal
    if pending is None:
        return False
    draft = ctx.memory.draft()
    draft.reversal = None
    mark_reversed(ctx, draft, pending.key)
    ctx.memory.commit(draft)
    yield ctx.tell("reversal-given-up", stan=pending.stan, reason=pending.reason)
    return True
