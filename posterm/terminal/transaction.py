"""The flow of one transaction, from the cashier's key to the slip.

    online reversible   card, PIN | journal + reversal stored | 0200 | approved: finish, print | else reverse
    refund              journal stored, owed | 0220 | repeated until answered
    notice              approved here, stored, owed | print | delivered later
    balance             0200 | slip

Every bar is a commit. What a commit has written is what a power cut leaves behind, and `Terminal.power_on` goes on
from there. A chip goes its own way, which `chip` has.

Source: Q/CUP 009 as restated by acquirer terminal specifications.
"""

from __future__ import annotations

from dataclasses import replace

from posterm.hsm import PinFormat
from posterm.terminal import chip
from posterm.terminal.context import Context
from posterm.terminal.effects import (
    Cancelled,
    CardReply,
    EnterPin,
    Flow,
    Inserted,
    Keyed,
    PinEntered,
    PinReply,
    PresentCard,
    Swiped,
    Tapped,
)
from posterm.terminal.errors import TerminalError
from posterm.terminal.exchange import NoAnswer, exchange
from posterm.terminal.mapping import NO_PIN, CardData, CodeData, PinData, card_data
from posterm.terminal.notices import ALL, deliver
from posterm.terminal.order import Order, Outcome, Result, result_of
from posterm.terminal.originals import fault_of, find_original
from posterm.terminal.records import Delivery, Status
from posterm.terminal.reversal import mark_reversed
from posterm.terminal.steps import (
    balance_of,
    begin,
    complete,
    note_approved,
    note_declined,
    note_unanswered,
    prepare,
    print_slips,
    reverse_now,
    store_notice,
    store_with_reversal,
    tell_notice,
)
from posterm.terminal.transitions import Event, State
from posterm.unionpay.transactions import CODE_ENTRIES, GIVEN_BACK, TRANSACTIONS, Entry, Kind
from posterm.unionpay.transactions import Delivery as Promise

PRESENTATIONS_MAX = 5
"""How often a card may be presented in one transaction: inserted upside down, tapped too shortly, then swiped."""

_ASKS_FOR_PIN = frozenset({Kind.SALE, Kind.PREAUTH, Kind.BALANCE})
_ASKS_FOR_CARD = frozenset({Kind.SALE, Kind.PREAUTH, Kind.BALANCE, Kind.OFFLINE_SALE, Kind.REFUND})
_NO_KEYED_CARD = frozenset({Kind.REFUND})
"""A refund's card must be present: key entry is refused."""


def perform(ctx: Context, order: Order) -> Flow[Result]:
    """Run one transaction to its end."""
    if reason := refused_here(ctx, order.kind):
        return Result(Outcome.REFUSED, order.kind, text=reason)
    card = yield from _card(ctx, order)
    if isinstance(card, Result):
        return card
    if order.reference is not None and isinstance(card, CardData):
        found = find_original(ctx, order.kind, order.reference, card=card.pan.masked)
        if isinstance(found, str):
            return Result(Outcome.REFUSED, order.kind, text=found)
        order = replace(order, original=found)
    promise = TRANSACTIONS[order.kind].delivery
    if _is_notice(order.kind) and isinstance(card, CardData):
        return (yield from tell_notice(ctx, order, store_notice(ctx, order, card)))
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
        return _cancelled(order)
    match promise:
        case Promise.REVERSE:
            return (yield from reversible(ctx, order, card, pin))
        case Promise.REPEAT:
            return (yield from give_back(ctx, order, card))
        case Promise.FORGET if isinstance(card, CardData):
            return (yield from _inquiry(ctx, order, card, pin))
        case _:
            raise TerminalError(f"{order.kind} goes another way than {promise.value}")


def refused_here(ctx: Context, kind: Kind) -> str | None:
    """Why the transaction need not even ask for a card; a sign-on that is due is made up for before the request."""
    if ctx.batch_is_full:
        return "the batch is full; settle first"
    if ctx.state is State.SIGN_ON_DUE and not _is_notice(kind):
        return None
    return ctx.refusal(Event.TRANSACTION_REQUESTED)


def _is_notice(kind: Kind) -> bool:
    """True for what the terminal approves itself and tells the host later."""
    return TRANSACTIONS[kind].delivery is Promise.REPEAT and kind not in GIVEN_BACK


def _cancelled(order: Order) -> Result:
    return Result(Outcome.CANCELLED, order.kind, text="cancelled")


# --- card and PIN -----------------------------------------------------------------------------------------------------


def _card(ctx: Context, order: Order) -> Flow[CardData | CodeData | Result]:
    """The card's data, for a stripe, a typed number or the journal; the result of the whole transaction for a chip."""
    if order.original is not None and order.original.entry in CODE_ENTRIES:
        return CodeData(order.original.entry, masked=order.original.masked_pan)
    if order.kind not in _ASKS_FOR_CARD and order.original is not None:
        return ctx.unseal_card(order.original)
    offered = _offered(ctx, order.kind)
    for before in range(PRESENTATIONS_MAX):
        reply: CardReply = yield PresentCard(order.kind, order.amount, offered, again=before > 0)
        match reply:
            case Inserted() | Tapped() if reply.entry in offered:
                ended = yield from chip.perform(ctx, order, reply)
                if isinstance(ended, Result):
                    return ended
                offered = ended
            case Swiped() if Entry.STRIPE in offered:
                card = card_data(reply)
                if (fallback := _fallback(ctx, order, reply)) is not None:
                    return replace(card, fallback=fallback)
                yield ctx.tell("stripe-refused", why="the card has a chip")
                offered -= {Entry.STRIPE}
            case Keyed() if Entry.KEYED in offered:
                return card_data(reply)
            case _:
                return _cancelled(order)
        if not offered:
            break
    return Result(Outcome.REFUSED, order.kind, text="the card cannot be read in any way that is left")


def _offered(ctx: Context, kind: Kind) -> frozenset[Entry]:
    """The ways in which a card may be presented."""
    entries = {Entry.STRIPE, Entry.KEYED}
    if kind in _NO_KEYED_CARD or ctx.parameter("key_entry_allowed", "1") == "0":
        entries -= {Entry.KEYED}
    if ctx.kernels is not None and kind in chip.KINDS:
        entries |= {Entry.CHIP, Entry.CONTACTLESS}
    return frozenset(entries)


def _fallback(ctx: Context, order: Order, swiped: Swiped) -> bool | None:
    """Whether a swipe stands in for a chip that could not be read; None when the chip has to be tried first."""
    has_chip = swiped.track2 is not None and swiped.track2.has_chip
    if ctx.kernels is None or not has_chip or order.kind not in chip.KINDS:
        return False
    failed, rule = ctx.memory.registers.chip_failed, ctx.profile.chip.stripe_of_chip_card
    if rule == "refuse" or (rule == "after-failed-chip" and not failed):
        return None
    return failed


def _pin(ctx: Context, order: Order, card: CardData | CodeData) -> Flow[PinData | Cancelled]:
    if order.kind not in _ASKS_FOR_PIN or isinstance(card, CodeData):
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


def reversible(ctx: Context, order: Order, card: CardData | CodeData, pin: PinData) -> Flow[Result]:
    """Send what an 0400 takes back when no good answer comes."""
    draft = ctx.memory.draft()
    entry, request = begin(ctx, draft, order, card, pin)
    store_with_reversal(ctx, draft, entry, request)
    answer = yield from exchange(ctx, request, sealed=True)
    if isinstance(answer, NoAnswer):
        note_unanswered(ctx, entry, answer)
        if not answer.sent:
            return Result(Outcome.NOT_SENT, order.kind, entry.stan, text=answer.why)
        return (yield from reverse_now(ctx, order, entry, answer.why))
    if not answer.code.approved:
        return result_of(Outcome.DECLINED, order.kind, note_declined(ctx, entry, answer), answer)
    entry = note_approved(ctx, order, entry, answer)
    return (yield from complete(ctx, order, entry, answer))


def give_back(ctx: Context, order: Order, card: CardData | CodeData) -> Flow[Result]:
    """Send what the host gives money back for: kept, and repeated until it has answered."""
    draft = ctx.memory.draft()
    entry, request = begin(ctx, draft, order, card, NO_PIN)
    entry = replace(entry, delivery=Delivery.OWED, sealed_request=ctx.seal_message(f"request/{entry.key}", request))
    draft.put(entry)
    if order.kind is Kind.QR_VOID and order.original is not None:
        draft.put(replace(order.original, undone_by=entry.stan))
    ctx.memory.commit(draft)
    answer = yield from deliver(ctx, entry)
    entry = ctx.memory.journal[entry.key]
    if isinstance(answer, NoAnswer) or entry.status is Status.PENDING:
        why = answer.why if isinstance(answer, NoAnswer) else answer.code.text
        return Result(Outcome.UNKNOWN, order.kind, entry.stan, text=f"{why}; it is repeated", entry=entry)
    if entry.status is Status.DECLINED:
        return result_of(Outcome.DECLINED, order.kind, entry, answer)
    yield from print_slips(ctx, entry)
    return result_of(Outcome.APPROVED, order.kind, entry, answer)


def _inquiry(ctx: Context, order: Order, card: CardData, pin: PinData) -> Flow[Result]:
    draft = ctx.memory.draft()
    entry, request = begin(ctx, draft, order, card, pin)
    ctx.memory.commit(draft)
    answer = yield from exchange(ctx, request, sealed=True)
    if isinstance(answer, NoAnswer):
        return Result(Outcome.NOT_SENT, order.kind, entry.stan, text=answer.why)
    return (yield from balance_of(ctx, order, entry, answer))


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
