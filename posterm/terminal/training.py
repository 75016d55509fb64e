"""Training: the terminal answers itself, so that a new cashier can practise on the real keys.

No frame leaves (`exchange` sees to that, whoever asks), nothing enters journal, batch, totals or reversal, and every
slip says TRAINING. Practice has a few vouchers of its own, numbered from 1 and forgotten when training ends, so that a
void or refund has something to name. No PIN is asked for: nobody should get used to typing one where nothing is behind
the pad.

Training is refused while the batch has entries, or anything is owed to the host. Slips of practice and of real sales of
one day would lie in one drawer, and a cashier who forgot to end it would sell for nothing where a customer still waits
for a void. It ends in a sign-on: nobody goes on selling with the keys, the clock and the operator of before.

Source: the training or demonstration mode that acquirers ask of terminals; no standard says what it does.
"""

from __future__ import annotations

from typing import Any, Final

from posterm.amount import Amount
from posterm.qr import merchant_presented
from posterm.qr.errors import PaymentCodeError
from posterm.qr.scanned import read
from posterm.terminal.context import Context
from posterm.terminal.effects import (
    CardReply,
    Flow,
    Keyed,
    Pause,
    PauseReply,
    PresentCard,
    Print,
    ScanCode,
    Scanned,
    ScanReply,
    ShowCode,
    Swiped,
    Waited,
)
from posterm.terminal.management import Managed
from posterm.terminal.mapping import card_data
from posterm.terminal.notices import owed_notices
from posterm.terminal.order import Order, Outcome, Result
from posterm.terminal.originals import OriginalReference, fault_of, is_named
from posterm.terminal.receipt import Copy, Slip
from posterm.terminal.records import JournalEntry, Status
from posterm.terminal.transitions import Event
from posterm.unionpay.transactions import TRANSACTIONS, Entry, Kind, Side

VOUCHERS_MAX: Final = 50
NO_BATCH: Final = "000000"
"""The batch on a slip of practice; no real one has it."""
REFERENCE: Final = "TRAINING"
"""What a practice code refers to; no host has an order of that name."""

_BY_CODE: Final = frozenset({Kind.QR_SALE, Kind.QR_ORDER})
_WITH_CARD: Final = frozenset({Kind.SALE, Kind.PREAUTH, Kind.BALANCE, Kind.OFFLINE_SALE})
_ENTRIES: Final = frozenset({Entry.STRIPE, Entry.KEYED})


def start(ctx: Context) -> Flow[Managed]:
    """Begin training."""
    memory = ctx.memory
    if reason := ctx.refusal(Event.TRAINING_STARTED):
        return Managed(False, why=reason)
    if memory.batch_entries:
        return Managed(False, why="the open batch has entries; settle first")
    if memory.reversal or memory.script_notice or owed_notices(ctx, with_failed=True):
        return Managed(False, why="something is still owed to the host; settle first")
    draft = memory.draft()
    ctx.fire(draft, Event.TRAINING_STARTED)
    draft.set(practice={})
    memory.commit(draft)
    yield ctx.tell("training-started")
    return Managed(True)


def end(ctx: Context) -> Flow[Managed]:
    """End training: practice is forgotten, the cashier signs on."""
    if reason := ctx.refusal(Event.TRAINING_ENDED):
        return Managed(False, why=reason)
    draft = ctx.memory.draft()
    ctx.fire(draft, Event.TRAINING_ENDED)
    draft.set(practice={}, operator="")
    ctx.memory.commit(draft)
    yield ctx.tell("training-ended")
    return Managed(True)


def practise(ctx: Context, order: Order) -> Flow[Result]:
    """A transaction that asks for what the real one asks for, and moves nothing."""
    shown = yield from _presented(ctx, order)
    if isinstance(shown, Result):
        return shown
    entry = _entry(ctx, order, *shown)
    documents: dict[str, Any] = {**ctx.memory.registers.practice, entry.stan: entry.to_document()}
    if order.original is not None and order.kind is not Kind.PREAUTH_ADD and not _is_partial(order.kind):
        documents[order.original.stan] = {**order.original.to_document(), "undone_by": entry.stan}
    for oldest in list(documents)[: max(len(documents) - VOUCHERS_MAX, 0)]:
        del documents[oldest]
    draft = ctx.memory.draft()
    draft.set(practice=documents)
    ctx.memory.commit(draft)
    yield ctx.tell("practised", kind=order.kind)
    if order.kind not in (Kind.BALANCE, Kind.QR_QUERY):
        head = ctx.letterhead
        yield Print(tuple(Slip(head, entry, copy, training=True) for copy in Copy))
    return Result(Outcome.TRAINED, order.kind, entry.stan, text="training: no money was moved", entry=entry)


def practise_on(
    ctx: Context, kind: Kind, reference: OriginalReference, amount: Amount | None, *, tip_minor: int = 0
) -> Flow[Result]:
    """One that refers to an earlier one of this training: to what it names, or the latest that will do."""
    entries = [JournalEntry.from_document(document) for document in ctx.memory.registers.practice.values()]
    sale = [entry for entry in reversed(entries) if is_named(entry, reference) and _may_be_meant(kind, entry)]
    fit = [entry for entry in sale if fault_of(entry) is None]
    if not fit:
        why = fault_of(sale[0]) if sale else None
        return Result(Outcome.REFUSED, kind, text=why or "no such transaction in this training")
    named = amount or Amount(fit[0].amount_minor, ctx.currency)
    return (yield from practise(ctx, Order(kind, named, fit[0], tip_minor=tip_minor)))


def _may_be_meant(kind: Kind, entry: JournalEntry) -> bool:
    if kind in (Kind.PREAUTH_ADD, Kind.PREAUTH_VOID, Kind.COMPLETION, Kind.COMPLETION_NOTICE):
        return entry.kind is Kind.PREAUTH
    return TRANSACTIONS[entry.kind].side is Side.DEBIT


def _is_partial(kind: Kind) -> bool:
    """True for what may be done to an original more than once."""
    return kind in (Kind.REFUND, Kind.QR_REFUND, Kind.TIP_ADJUST, Kind.QR_QUERY)


def _presented(ctx: Context, order: Order) -> Flow[tuple[Entry, str] | Result]:
    """How the customer pays, and what of it the slip shows."""
    cancelled = Result(Outcome.CANCELLED, order.kind, text="cancelled")
    if order.original is not None:
        return order.original.entry, order.original.masked_pan
    if order.kind is Kind.QR_ORDER and order.amount is not None:
        yield ShowCode(_practice_code(ctx, order.amount), order.amount)
        waited: PauseReply = yield Pause(ctx.profile.qr.query_interval_s)
        return (Entry.CODE, "") if isinstance(waited, Waited) else cancelled
    if order.kind is Kind.QR_SALE and order.amount is not None:
        scanned: ScanReply = yield ScanCode(order.amount)
        if not isinstance(scanned, Scanned):
            return cancelled
        try:
            return Entry.CODE, read(scanned.text).masked
        except PaymentCodeError as error:
            return Result(Outcome.REFUSED, order.kind, text=str(error))
    if order.kind not in _WITH_CARD:
        return Entry.UNKNOWN, ""
    card: CardReply = yield PresentCard(order.kind, order.amount, _ENTRIES)
    if not isinstance(card, Swiped | Keyed):
        return cancelled
    data = card_data(card)
    return data.entry, data.pan.masked


def _practice_code(ctx: Context, amount: Amount) -> str:
    """A code like a real one, which no wallet can pay."""
    return merchant_presented.build(
        accounts=[merchant_presented.template("26", (("00", REFERENCE.lower()),))],
        mcc="0000",
        merchant_name=REFERENCE,
        merchant_city=ctx.profile.qr.merchant_city,
        amount=amount,
        additional=(("05", REFERENCE),),
    ).text


def _entry(ctx: Context, order: Order, entry: Entry, masked: str) -> JournalEntry:
    registers = ctx.memory.registers
    number = max((int(stan) for stan in registers.practice), default=0) + 1
    original = order.original
    return JournalEntry(
        batch=NO_BATCH,
        stan=f"{number:06d}",
        kind=order.kind,
        amount_minor=order.amount.minor if order.amount is not None else 0,
        currency=ctx.currency.number,
        status=Status.APPROVED,
        entry=entry,
        operator=registers.operator,
        at=ctx.local_time.isoformat(),
        masked_pan=masked,
        tip_minor=order.tip_minor,
        original_batch=original.batch if original is not None else "",
        original_stan=original.stan if original is not None else "",
    )
