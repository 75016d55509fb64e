"""Payments by a code: the merchant scans the customer's, or the customer scans one that the terminal shows.

    scan      code read | journal + closing void stored | 0200/70 | approved: finish, print
                                                                  | declined: done
                                                                  | else ask
    show      journal + closing void stored | 0200/71 | code shown, ask
    ask       pause, 0200/73, a bounded number of times | paid: finish, print | failed: done | else close
    close     0200/72 with the reason, like a reversal: stored before, repeated until it is acknowledged

Every bar is a commit. After a power cut what was in flight is closed: nobody stands at the counter any more who could
be told that it was paid after all. Under the standard family a scanned code is an ordinary sale, with its 0400.

Source: the QR messages of acquirers' terminal specifications (query about every five seconds for a minute, then void);
UnionPay's QR acceptance guide for the standard family.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from posterm.iso8583 import Message
from posterm.qr import merchant_presented
from posterm.qr.errors import MerchantCodeError, PaymentCodeError
from posterm.qr.payment_code import Network
from posterm.qr.scanned import Form, read
from posterm.terminal.context import Context
from posterm.terminal.effects import Cancelled, Flow, Pause, PauseReply, ScanCode, Scanned, ScanReply, ShowCode
from posterm.terminal.exchange import Answer, NoAnswer, exchange
from posterm.terminal.management import sign_on_again
from posterm.terminal.mapping import NO_PIN, CodeData
from posterm.terminal.order import Order, Outcome, Result, result_of
from posterm.terminal.records import JournalEntry
from posterm.terminal.steps import (
    begin,
    complete,
    note_approved,
    note_declined,
    note_unanswered,
    prepare,
    reverse_now,
    store_with_reversal,
)
from posterm.terminal.transaction import refused_here, reversible
from posterm.terminal.transitions import Happening
from posterm.unionpay.payment_code import CodeResult, CodeState
from posterm.unionpay.transactions import Entry, Kind, ReversalReason

SCANS_MAX: Final = 3
"""How often a code may be held before the scanner in one payment."""

_FINAL: Final = frozenset({CodeState.FAIL, CodeState.CLOSED})
_ASKED: Final = CodeData(Entry.CODE)


def pay_by_code(ctx: Context, order: Order) -> Flow[Result]:
    """Scan the customer's code and let the wallet pay. `order.kind` is a QR sale, or a sale in the standard family."""
    if reason := _refused(ctx, order.kind):
        return Result(Outcome.REFUSED, order.kind, text=reason)
    code = yield from _scanned(ctx, order)
    if isinstance(code, Result):
        return code
    if reason := (yield from prepare(ctx)):
        return Result(Outcome.REFUSED, order.kind, text=reason)
    if order.kind is Kind.SALE:
        return (yield from reversible(ctx, order, code, NO_PIN))
    entry, answer = yield from _ask_for_money(ctx, order, code)
    if isinstance(answer, NoAnswer) and not answer.sent:
        return Result(Outcome.NOT_SENT, order.kind, entry.stan, text=answer.why)
    if isinstance(answer, NoAnswer) or _is_unknown(ctx, answer):
        return (yield from _wait_for_result(ctx, order, entry, None))
    return (yield from _decided(ctx, order, entry, answer))


def show_order(ctx: Context, order: Order) -> Flow[Result]:
    """Let the host make an order, and show its code until somebody has paid."""
    if reason := _refused(ctx, order.kind):
        return Result(Outcome.REFUSED, order.kind, text=reason)
    if reason := (yield from prepare(ctx)):
        return Result(Outcome.REFUSED, order.kind, text=reason)
    entry, answer = yield from _ask_for_money(ctx, order, _ASKED)
    if isinstance(answer, NoAnswer):
        if not answer.sent:
            return Result(Outcome.NOT_SENT, order.kind, entry.stan, text=answer.why)
        return (yield from _close(ctx, order, entry, answer.reason, answer.why))
    if not answer.code.approved:
        return result_of(Outcome.DECLINED, order.kind, note_declined(ctx, entry, answer), answer)
    text = bytes(answer.message.get(62, b"")).decode("utf-8", "replace")
    try:
        merchant_presented.parse(text)
    except MerchantCodeError as error:
        return (yield from _close(ctx, order, entry, ReversalReason.COULD_NOT_FINISH, f"no code to show: {error}"))
    return (yield from _wait_for_result(ctx, order, entry, text))


def query(ctx: Context, order: Order) -> Flow[Result]:
    """Ask the host how a payment by a code of the open batch stands. Nothing of it is kept."""
    if reason := refused_here(ctx, order.kind):
        return Result(Outcome.REFUSED, order.kind, text=reason)
    if reason := (yield from prepare(ctx)):
        return Result(Outcome.REFUSED, order.kind, text=reason)
    original = order.original
    if original is None:
        return Result(Outcome.REFUSED, order.kind, text="a query names a payment")
    answer = yield from _query(ctx, original)
    if isinstance(answer, NoAnswer):
        return Result(Outcome.NOT_SENT, order.kind, original.stan, text=answer.why)
    outcome = Outcome.APPROVED if answer.code.approved else Outcome.DECLINED
    state = CodeResult.parse(answer.text(44))
    result = result_of(outcome, order.kind, original, answer)
    return replace(result, text=f"{state.state}: {result.text}") if state is not None else result


# --- what is scanned --------------------------------------------------------------------------------------------------


def _refused(ctx: Context, kind: Kind) -> str | None:
    family = ctx.profile.qr.family
    if family == "none":
        return "this acquirer takes no payment codes"
    if family == "standard" and kind is Kind.QR_ORDER:
        return "this acquirer has no codes for customers to scan"
    return refused_here(ctx, kind)


def _scanned(ctx: Context, order: Order) -> Flow[CodeData | Result]:
    why = ""
    for before in range(SCANS_MAX):
        if order.amount is None:
            break
        reply: ScanReply = yield ScanCode(order.amount, again=before > 0)
        if not isinstance(reply, Scanned):
            return Result(Outcome.CANCELLED, order.kind, text="cancelled")
        try:
            found = read(reply.text)
        except PaymentCodeError as error:
            why = str(error)
            yield ctx.tell("no-payment-code", why=why)
            continue
        if order.kind is Kind.SALE and found.network is not Network.UNIONPAY:
            why = "this acquirer takes UnionPay's payment codes only"
            yield ctx.tell("no-payment-code", why=why)
            continue
        entry = Entry.OPTICAL if found.form is Form.FACE else Entry.CODE
        return CodeData(entry, found.text.reveal(), found.masked)
    return Result(Outcome.REFUSED, order.kind, text=why)


# --- asking and waiting -----------------------------------------------------------------------------------------------


def _ask_for_money(ctx: Context, order: Order, code: CodeData) -> Flow[tuple[JournalEntry, Answer | NoAnswer]]:
    draft = ctx.memory.draft()
    entry, request = begin(ctx, draft, order, code, NO_PIN)
    store_with_reversal(ctx, draft, entry, request)
    answer = yield from exchange(ctx, request, sealed=True)
    if isinstance(answer, NoAnswer) and not answer.sent:
        note_unanswered(ctx, entry, answer)
    return entry, answer


def _is_unknown(ctx: Context, answer: Answer) -> bool:
    """True when an answer to a payment leaves open whether it was paid."""
    return not answer.code.approved and answer.code.code in ctx.profile.qr.unknown_codes


def _decided(ctx: Context, order: Order, entry: JournalEntry, answer: Answer) -> Flow[Result]:
    if not answer.code.approved:
        return result_of(Outcome.DECLINED, order.kind, note_declined(ctx, entry, answer), answer)
    entry = note_approved(ctx, order, entry, answer)
    return (yield from complete(ctx, order, entry, answer))


def _wait_for_result(ctx: Context, order: Order, entry: JournalEntry, shown: str | None) -> Flow[Result]:
    """Ask until the payment is decided, the cashier stops it, or it was asked often enough; then close it."""
    draft = ctx.memory.draft()
    ctx.happen(draft, Happening.RESULT_UNKNOWN)
    ctx.memory.commit(draft)
    settings, why = ctx.profile.qr, "nobody has paid in time"
    if shown is not None and order.amount is not None:
        yield ShowCode(shown, order.amount)
    yield ctx.tell("result-awaited", stan=entry.stan)
    for _ in range(settings.queries_max):
        waited: PauseReply = yield Pause(settings.query_interval_s)
        if isinstance(waited, Cancelled):
            why = "cancelled"
            break
        ctx.now = waited.at
        answer = yield from _query(ctx, entry)
        if isinstance(answer, NoAnswer):
            continue
        result = CodeResult.parse(answer.text(44))
        if result is None:
            continue  # the host does not know it, or cannot say: that decides nothing
        if result.state in _FINAL or (result.state is CodeState.SUCCESS and answer.code.approved):
            return (yield from _decided(ctx, order, entry, answer))
    return (yield from _close(ctx, order, entry, ReversalReason.NO_ANSWER, why))


def _query(ctx: Context, payment: JournalEntry) -> Flow[Answer | NoAnswer]:
    if not (yield from sign_on_again(ctx)):
        return NoAnswer(ReversalReason.OTHER, sent=False, why="the host wants the terminal to sign on first")
    return (yield from exchange(ctx, _query_message(ctx, payment), sealed=True))


def _query_message(ctx: Context, payment: JournalEntry) -> Message:
    draft = ctx.memory.draft()
    draft.registers = draft.registers.next_stan()
    ctx.memory.commit(draft)
    registers = ctx.memory.registers
    return ctx.mapper.request(
        Kind.QR_QUERY,
        stan=registers.stan_digits,
        batch=registers.batch_digits,
        amount_minor=None,
        currency=payment.currency,
        card=_ASKED,
        operator=registers.operator,
        original=payment,
    )


def _close(ctx: Context, order: Order, entry: JournalEntry, reason: ReversalReason, why: str) -> Flow[Result]:
    """Nothing final was heard: close the payment by the void that was stored with it."""
    draft = ctx.memory.draft()
    ctx.happen(draft, Happening.UNANSWERED, reason=reason)
    ctx.memory.commit(draft)
    yield ctx.tell("payment-closed", stan=entry.stan, why=why)
    return (yield from reverse_now(ctx, order, entry, why))
