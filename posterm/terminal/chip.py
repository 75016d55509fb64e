"""A transaction with a chip: the kernel talks to the card, this flow to everyone else.

    Command            to the card
    ChooseApplication  to the cardholder
    AskPin             to the PIN pad: an online PIN comes back as a block for the host, an offline PIN goes to the card
    GoOnline           what is owed goes out first; journal + reversal stored | 0200 or 0100 | the answer goes back
    Refer              nobody telephones here: no

What the kernel returns is matched with what the host has said:

    host        card            the transaction
    approved    approves        printed, done
    approved    refuses, gone   reversed, with what the card said last
    declined    either          declined
    no answer   either          reversed; the card is told to decline
    not asked   approves        an offline sale: stored, owed, printed
    not asked   declines        declined here, in the journal only
    not asked   neither         presented again, in fewer ways

Source: EMV 4.4 Book 4, 6.3.6 to 6.3.9, 12; Q/CUP 009 (field 55, script notice, fallback).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from posterm.emv import exchange as emv
from posterm.emv.apdu import Command, Response
from posterm.emv.config import Transaction, TransactionType
from posterm.emv.errors import ApduError
from posterm.emv.outcome import Ending, Fallback
from posterm.emv.outcome import Outcome as CardOutcome
from posterm.sensitive import SensitiveValueError
from posterm.terminal.context import Context
from posterm.terminal.effects import (
    Cancelled,
    CardAnswered,
    Chosen,
    EnterOfflinePin,
    EnterPin,
    Flow,
    Inserted,
    PinEntered,
    PinSkipped,
    PinTyped,
    ReturnCard,
    SelectApplication,
    Tapped,
    Transceive,
)
from posterm.terminal.exchange import Answer, NoAnswer, exchange
from posterm.terminal.mapping import NO_PIN, PinData, chip_card
from posterm.terminal.order import Order, Outcome, Result, result_of
from posterm.terminal.records import JournalEntry, ScriptNotice, Status
from posterm.terminal.steps import (
    balance_of,
    begin,
    complete,
    kept_chip_data,
    new_entry,
    note_approved,
    note_declined,
    note_unanswered,
    prepare,
    reverse_now,
    store_notice,
    store_with_reversal,
    take_back,
    tell_notice,
)
from posterm.terminal.store import Draft
from posterm.unionpay.chip import SCRIPT_NOTICE, SCRIPT_RESULTS, pack_chip
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.transactions import CONTACTLESS_ENTRIES, Entry, Kind

KINDS: Final = frozenset({Kind.SALE, Kind.PREAUTH, Kind.BALANCE})
"""What a chip signs; for the rest its stripe or the journal gives the card number."""

UNABLE_DECLINED: Final = "Z3"
"""8A for a request that went unanswered: the host may have approved it, so nobody else may. EMV 4.4 Book 4, A6."""


class _Host(Enum):
    """What the host has said."""

    NOT_ASKED = "not asked"
    NOT_REACHED = "not reached"
    SILENT = "silent"
    APPROVED = "approved"
    DECLINED = "declined"


@dataclass(slots=True)
class _Session:
    """One card in the reader. `blocked` is why nothing can go online."""

    ctx: Context
    order: Order
    entry: Entry
    pin: PinData = NO_PIN
    ready: bool = False
    blocked: str = ""
    host: _Host = _Host.NOT_ASKED
    journal: JournalEntry | None = None
    answer: Answer | NoAnswer | None = field(default=None, repr=False)

    @property
    def tapped(self) -> bool:
        return self.entry in CONTACTLESS_ENTRIES


def perform(ctx: Context, order: Order, presented: Inserted | Tapped) -> Flow[Result | frozenset[Entry]]:
    """Run a transaction with a chip.

    Returns: how it ended, or the ways in which the card may be presented once more.
    """
    session = _Session(ctx, order, presented.entry)
    outcome = yield from _drive(session)
    yield ReturnCard()
    ended = yield from _conclude(session, outcome)
    if isinstance(ended, Result):
        return replace(ended, why=tuple(str(line) for line in outcome.trace))
    return ended


# --- the kernel's wishes ----------------------------------------------------------------------------------------------


def _drive(session: _Session) -> Flow[CardOutcome]:
    kernel = _kernel(session)
    reply: Any = None
    while True:
        try:
            effect = kernel.send(reply)
        except StopIteration as end:
            outcome: CardOutcome = end.value
            return outcome
        match effect:
            case Command():
                reply = yield from _transmit(effect)
            case emv.ChooseApplication():
                chosen = yield SelectApplication(tuple(candidate.label for candidate in effect.candidates))
                reply = chosen.place if isinstance(chosen, Chosen) else None
            case emv.AskPin():
                reply = yield from _ask_pin(session, effect)
            case emv.GoOnline():
                reply = yield from _go_online(session, effect.data)
            case emv.Refer():
                reply = False


def _kernel(session: _Session) -> emv.Exchange[CardOutcome]:
    ctx, order = session.ctx, session.order
    if ctx.kernels is None:
        raise ValueError("a chip was presented to a terminal without kernels")
    transaction = Transaction(
        order.amount.minor if order.amount else 0,
        ctx.local_time,
        type=TransactionType.INQUIRY if order.kind is Kind.BALANCE else TransactionType.GOODS,
        sequence=ctx.memory.registers.next_stan().stan,
        forced_online=order.kind is not Kind.SALE,
    )
    return ctx.kernels.tap(transaction) if session.tapped else ctx.kernels.insert(transaction)


def _transmit(command: Command) -> Flow[Response | None]:
    answered = yield Transceive(bytes(command))
    if not isinstance(answered, CardAnswered):
        return None
    try:
        return Response.parse(answered.answer)
    except ApduError:
        return None


def _ask_pin(session: _Session, asked: emv.AskPin) -> Flow[emv.PinReply]:
    if asked.method is emv.PinMethod.ONLINE:
        return (yield from _ask_online_pin(session, asked))
    reply = yield EnterOfflinePin(session.order.amount, asked.tries_left, asked.wrong_before)
    match reply:
        case PinTyped(pin=pin):
            return emv.PinReply(emv.PinAnswer.ENTERED, pin)
        case PinSkipped():
            return emv.PinReply(emv.PinAnswer.BYPASSED)
        case _:
            return emv.PinReply(emv.PinAnswer.CANCELLED)


def _ask_online_pin(session: _Session, asked: emv.AskPin) -> Flow[emv.PinReply]:
    ctx = session.ctx
    # After the sign-on that may be due: a PIN block under the old key would be worthless.
    if asked.pan is None or not (yield from _make_ready(session)):
        return emv.PinReply(emv.PinAnswer.PAD_FAILED)
    reply = yield EnterPin(asked.pan, ctx.key("pik"), ctx.profile.pin.pin_format, session.order.amount)
    match reply:
        case PinEntered(block=block):
            session.pin = PinData(block, entered=True)
            return emv.PinReply(emv.PinAnswer.ENTERED)
        case Cancelled():
            return emv.PinReply(emv.PinAnswer.CANCELLED)
        case _:
            return emv.PinReply(emv.PinAnswer.BYPASSED)


def _make_ready(session: _Session) -> Flow[bool]:
    """Send what is owed before anything else may go online; once for a transaction."""
    if not session.ready and not session.blocked:
        session.blocked = (yield from prepare(session.ctx)) or ""
        session.ready = not session.blocked
    return session.ready


# --- online -----------------------------------------------------------------------------------------------------------


def _go_online(session: _Session, values: Mapping[str, bytes]) -> Flow[emv.OnlineResult]:
    ctx, order = session.ctx, session.order
    if not (yield from _make_ready(session)):
        yield ctx.tell("not-sent", why=session.blocked)
        return emv.UNABLE_TO_GO_ONLINE
    draft = ctx.memory.draft()
    try:
        card = chip_card(session.entry, values)
        session.journal, request = begin(ctx, draft, order, card, session.pin)
    except (LayoutError, SensitiveValueError) as error:
        session.blocked = str(error)
        yield ctx.tell("chip-data-unfit", why=session.blocked)
        return emv.UNABLE_TO_GO_ONLINE
    if order.kind is Kind.BALANCE:
        ctx.memory.commit(draft)
    else:
        store_with_reversal(ctx, draft, session.journal, request)
    session.answer = yield from exchange(ctx, request, sealed=True)
    return _heard(session, session.journal, session.answer)


def _heard(session: _Session, entry: JournalEntry, answer: Answer | NoAnswer) -> emv.OnlineResult:
    """Commit what the host has said, and say it to the kernel."""
    ctx, order = session.ctx, session.order
    moves_money = order.kind is not Kind.BALANCE
    if isinstance(answer, NoAnswer):
        session.host = _Host.SILENT if answer.sent else _Host.NOT_REACHED
        if moves_money:
            note_unanswered(ctx, entry, answer)
        return emv.OnlineResult(UNABLE_DECLINED) if answer.sent else emv.UNABLE_TO_GO_ONLINE
    session.host = _Host.APPROVED if answer.code.approved else _Host.DECLINED
    if moves_money and answer.code.approved:
        session.journal = note_approved(ctx, order, entry, answer)
    elif moves_money:
        session.journal = note_declined(ctx, entry, answer)
    code = answer.code.code
    if answer.code.approved is not (code in emv.APPROVALS):
        # An acquirer's own code: the kernel knows the standard's alone.
        code = "00" if answer.code.approved else "05"
    return emv.OnlineResult(code, bytes(answer.message.get(55, b"")))


# --- the end ----------------------------------------------------------------------------------------------------------


def _conclude(session: _Session, outcome: CardOutcome) -> Flow[Result | frozenset[Entry]]:
    ctx, order, entry, answer = session.ctx, session.order, session.journal, session.answer
    if entry is None or answer is None or session.host is _Host.NOT_REACHED:
        return (yield from _without_host(session, outcome))
    if isinstance(answer, NoAnswer):
        return (yield from _silent(session, entry, answer))
    values = _last_values(outcome)
    waived = _waives_signature(session, outcome)
    entry = replace(entry, chip=kept_chip_data(values) if entry.chip else {}, signature_waived=waived)
    draft = ctx.memory.draft()
    refused = session.host is _Host.APPROVED and not outcome.approved
    if order.kind is not Kind.BALANCE:
        draft.put(entry)
    if outcome.script_results and not (refused and order.kind is not Kind.BALANCE):
        _owe_script_notice(draft, entry, values)
    ctx.memory.commit(draft)
    if order.kind is Kind.BALANCE:
        return (yield from balance_of(ctx, order, entry, answer))
    if session.host is _Host.DECLINED:
        return result_of(Outcome.DECLINED, order.kind, entry, answer)
    if refused:
        return (yield from take_back(ctx, order, entry, f"the card: {outcome.reason}"))
    return (yield from complete(ctx, order, entry, answer))


def _silent(session: _Session, entry: JournalEntry, answer: NoAnswer) -> Flow[Result]:
    if session.order.kind is Kind.BALANCE:
        return Result(Outcome.NOT_SENT, session.order.kind, entry.stan, text=answer.why)
    return (yield from reverse_now(session.ctx, session.order, entry, answer.why))


def _without_host(session: _Session, outcome: CardOutcome) -> Flow[Result | frozenset[Entry]]:
    """The card and the terminal were alone with each other."""
    ctx, order = session.ctx, session.order
    if outcome.approved and order.kind is Kind.SALE:
        return (yield from _approved_offline(session, outcome))
    match outcome.ending:
        case Ending.APPROVED:
            return Result(Outcome.REFUSED, order.kind, text="the card alone cannot approve this")
        case Ending.DECLINED:
            return _declined_offline(session, outcome)
        case Ending.CANCELLED:
            return Result(Outcome.CANCELLED, order.kind, text=outcome.reason or "cancelled")
        case Ending.TRY_AGAIN:
            return frozenset({session.entry})
        case Ending.TRY_ANOTHER_INTERFACE:
            return frozenset({Entry.CHIP, Entry.STRIPE})
        case _:
            pass
    if outcome.fallback is Fallback.STRIPE:
        if not session.tapped:
            draft = ctx.memory.draft()
            draft.set(chip_failed=True)
            ctx.memory.commit(draft)
        yield ctx.tell("chip-failed", why=outcome.reason)
        return frozenset({Entry.CHIP, Entry.STRIPE})
    return Result(Outcome.REFUSED, order.kind, text=outcome.reason)


def _approved_offline(session: _Session, outcome: CardOutcome) -> Flow[Result]:
    ctx = session.ctx
    order = replace(session.order, kind=Kind.CHIP_OFFLINE_SALE)
    values = _last_values(outcome)
    waived = _waives_signature(session, outcome)
    try:
        card = chip_card(session.entry, values)
        entry = store_notice(ctx, order, card, response_code=outcome.response_code, signature_waived=waived)
    except (LayoutError, SensitiveValueError) as error:
        return Result(Outcome.REFUSED, session.order.kind, text=str(error))
    return (yield from tell_notice(ctx, order, entry))


def _declined_offline(session: _Session, outcome: CardOutcome) -> Result:
    """Nothing is owed to anybody; the journal has it all the same."""
    ctx, order = session.ctx, session.order
    why = session.blocked or (session.answer.why if isinstance(session.answer, NoAnswer) else "")
    if session.journal is not None and session.host is _Host.NOT_REACHED:
        return Result(Outcome.NOT_SENT, order.kind, session.journal.stan, outcome.response_code, why)
    if why:
        return Result(Outcome.REFUSED, order.kind, code=outcome.response_code, text=why)
    values = _last_values(outcome)
    try:
        card = chip_card(session.entry, values)
    except SensitiveValueError as error:
        return Result(Outcome.DECLINED, order.kind, code=outcome.response_code, text=str(error))
    draft = ctx.memory.draft()
    entry = new_entry(ctx, draft, order, card, session.pin)
    entry = replace(entry, status=Status.DECLINED, response_code=outcome.response_code, sealed_card="")
    if order.kind is not Kind.BALANCE:
        draft.put(entry)
    ctx.memory.commit(draft)
    text = f"declined by the card or the terminal: {outcome.reason}" if outcome.reason else "declined offline"
    return Result(Outcome.DECLINED, order.kind, entry.stan, outcome.response_code, text, "脱机拒绝", entry)


def _last_values(outcome: CardOutcome) -> dict[str, bytes]:
    """The data objects as they stood in the end, with what the link has other names for."""
    values = dict(outcome.data)
    if outcome.script_results:
        values[SCRIPT_RESULTS] = outcome.script_results
    if outcome.response_code:
        values["8A"] = outcome.response_code.encode("ascii")
    return values


def _waives_signature(session: _Session, outcome: CardOutcome) -> bool:
    """True when no PIN went to the host and the cardholder need not sign either: a small tap, or the card says so."""
    amount, limit = session.order.amount, session.ctx.profile.chip.no_signature_limit_minor
    small = session.tapped and amount is not None and amount.minor <= limit
    return not session.pin.entered and (small or not outcome.signature)


def _owe_script_notice(draft: Draft, entry: JournalEntry, values: Mapping[str, bytes]) -> None:
    """Put the script results into the draft; without what the notice must have, the issuer sees the script fail."""
    with suppress(LayoutError):
        draft.script_notice = ScriptNotice(entry.batch, entry.stan, pack_chip(SCRIPT_NOTICE, values).hex())
