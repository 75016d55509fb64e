"""A transaction or reversal from first check to posting: every step by name, in order, on one screen.

A step gives None or a `Refusal`; the first refusal is the answer, and its event names the step. Steps before it that
took something up give it back. What was refused after the request was known to be new is recorded too, so that its
repeat gets the same answer.

Source: Q/CUP 009 (what a host looks at); the order is posterm's: identity, novelty, form, card, money.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from posterm.host import (
    answers,
    channels,
    checks,
    chip,
    clearing,
    issuer,
    limits,
    order_payment,
    orders,
    originals,
    placement,
    postings,
    registry,
    reversal,
    risk,
    wallets,
)
from posterm.host.case import Case, Refusal
from posterm.host.errors import HostError
from posterm.host.events import EventName
from posterm.host.forced import Link
from posterm.host.records import REVERSAL, BatchRecord, TransactionRecord
from posterm.host.switch import routes
from posterm.host.switch.port import Suspended
from posterm.host.wallet_rows import OrderState
from posterm.iso8583 import Message
from posterm.unionpay.transactions import (
    CODE_ENTRIES,
    CODE_SALES,
    TRANSACTIONS,
    Kind,
    Network,
    find_transaction,
    response_mti,
)


@dataclass(frozen=True, slots=True)
class Step:
    """A named check. `undo` takes back what it did when a later one refuses."""

    name: str
    check: Callable[[Case], Refusal | None]
    undo: Callable[[Case], None] | None = None


IDENTITY: Final = (
    Step("terminal", registry.check_terminal),
    Step("keys", checks.check_keys),
    Step("mac", checks.check_mac),
    Step("clearing-date", clearing.find_clearing_date),
)
NOVELTY: Final = (
    Step("card-data", checks.read_card_number),
    Step("duplicate", checks.check_duplicate),
)
TRANSACTION: Final = (
    Step("kind", checks.check_kind),
    Step("content", checks.check_content),
    Step("placement", placement.check_placement),
    Step("card-range", issuer.check_range),
    Step("card", lambda case: case.issuer.check_card(case)),
    Step("black-list", risk.check_black_list),
    Step("chip", lambda case: case.issuer.check_chip(case)),
    Step("original", originals.check_original),
    Step("issuer", issuer.find_issuer),
    Step("fee-class", issuer.find_fee_class),
    Step("channel", channels.check_channel),
    Step("same-card", risk.check_card_uses),
    Step("limits", limits.check_limits, undo=limits.release_reserved),
    Step("pin", lambda case: case.issuer.check_pin(case)),
    Step("forced", checks.check_forced),
)
_CODE_TYPE: Final = TRANSACTIONS[Kind.QR_SALE].message_type
TRANSACTION_STEPS: Final = (
    *IDENTITY,
    Step("forced-link", checks.look_up_forced),
    *NOVELTY,
    Step("batch", checks.check_batch),
    *TRANSACTION,
)
"""0100, 0200, 0220; the last step, `funds`, is the posting itself: amount, fee and holds in one linked group."""

CODE_STEPS: Final = (
    *IDENTITY,
    Step("forced-link", checks.look_up_forced),
    *NOVELTY,
    Step("batch", checks.check_batch),
    Step("kind", checks.check_kind),
    Step("content", checks.check_content),
    Step("original", originals.check_original),
    Step("forced", checks.check_forced),
    Step("payment-code", wallets.check_code),
    Step("fee-class", issuer.find_fee_class),
    Step("channel", channels.check_channel),
    Step("limits", limits.check_limits, undo=limits.release_reserved),
)
"""A payment by a code, and what refers to one: a wallet takes the card's place."""

NOTICE_STEPS: Final = (
    Step("clearing-date", clearing.find_clearing_date),
    Step("card-data", checks.read_card_number),
    *TRANSACTION,
)
"""A notice taken from a batch upload: the message around it has been through `IDENTITY` already."""

REVERSAL_STEPS: Final = (
    *IDENTITY,
    *NOVELTY,
    Step("content", reversal.check_reversal),
    Step("batch", reversal.check_reversed_batch),
    Step("original", reversal.check_reversed_original),
)


def run_transaction(case: Case) -> Message | Suspended | None:
    """Decide on a transaction and post it.

    Returns: the answer; `Suspended` while the card's issuer is asked; None for a request that is to leave no trace, or
        one that is under way already.
    """
    by_code = case.message_type == _CODE_TYPE or case.text(22)[:2] in CODE_ENTRIES
    if by_code and 39 in case.message:
        return run_closing(case)
    steps = CODE_STEPS if by_code else TRANSACTION_STEPS
    refused = _first_refusal(case, steps)
    if case.forced.link is Link.DROPPED:
        case.tell(EventName.FORCED, outcome=case.forced.link.value)
        return None
    if case.again is not None:
        if not case.again.code:  # a second copy of a request whose issuer is being asked; the first is answered
            case.tell(EventName.REPEAT, waits="issuer")
            return None
        return _repeat(case, case.again)
    if refused is not None:
        return decline(case, *refused)
    if case.known_row().kind is Kind.QR_QUERY:
        code, said = order_payment.answer_query(case)
        case.tell(EventName.ORDER_ASKED_ABOUT, code=code, original=case.known_original().ref)
        return answers.financial_answer(case, said)
    asked = case.issuer.ask(case)
    if asked is None:
        return accept(case, steps)
    if isinstance(asked, Refusal):
        undo(case, steps)
        return decline(case, "issuer", asked)
    _keep(case, new_record(case, case.rrn, limits=case.limits, limited_minor=case.reserved_minor))
    case.tell(EventName.SUSPENDED, issuer=asked.issuer, kind=case.known_row().kind.value, amount=case.amount_minor)
    return asked


def run_closing(case: Case) -> Message:
    """A void of a payment by a code that gives its reason in 39: the reversal of that payment, by another name.

    It undoes what it names, or keeps it from ever coming, and counts nowhere, as an 0400 does.
    """
    row = find_transaction(case.message.mti, case.text(3), case.text(25), case.message_type)
    refused = _first_refusal(case, (*IDENTITY, Step("kind", checks.check_kind), Step("content", checks.check_content)))
    if refused is None and (row is None or row.kind is not Kind.QR_VOID):
        refused = "kind", Refusal("12", "only a void gives a reason", record=False)
    if refused is not None:
        return decline(case, refused[0], refused[1]._replace(record=False))
    batch, stan = case.text(61)[0:6], case.text(61)[6:12]
    known = case.desk.store.transaction(case.ref_for("0200", batch, stan))
    kind = Kind(known.kind) if known is not None and known.kind in CODE_SALES else Kind.QR_SALE
    elements = {number: case.text(number) for number in (4, 22, 39, 41, 42, 49)}
    elements |= {3: TRANSACTIONS[kind].processing_code, 11: stan, 60: f"{_CODE_TYPE}{batch}{Network.TRANSACTION}"}
    answer = run_reversal(replace(case, message=Message("0400", elements), envelope=None, row=None))
    echoed = {number: answer[number] for number in answer}
    echoed |= {3: case.text(3), 11: case.stan, 60: case.text(60)}
    return Message(response_mti(case.message.mti), echoed)


def run_reversal(case: Case) -> Message:
    """Decide on a reversal and undo its original."""
    refused = _first_refusal(case, REVERSAL_STEPS)
    if case.again is not None:
        return _repeat(case, case.again)
    if refused is not None:
        return decline(case, *refused)
    undone = reversal.undo(case)
    chip.hear_of_scripts(case, case.original)
    if case.desk.issuers and case.original is not None:
        case.events += routes.reversed_by_terminal(case.desk, case.original.ref, case.now)
    rrn = answers.rrn_for(case)
    record = new_record(
        case,
        rrn,
        code=undone.code,
        transfers=undone.transfers,
        approved=undone.code == "00",
        answer=answers.answer_elements(case, undone.code, rrn),
        gross_minor=undone.gross_minor,
        fee_minor=undone.fee_minor,
    )
    _keep(case, record)
    case.tell(undone.event, code=undone.code, reason=case.text(39), original=undone.original)
    return answers.financial_answer(case, record.answer)


def run_notice(case: Case) -> str:
    """Post a notice that came in a batch upload. Returns: the answer code."""
    refused = _first_refusal(case, NOTICE_STEPS)
    case.content = checks.content_fingerprint(case)
    answer = accept(case, NOTICE_STEPS) if refused is None else decline(case, *refused)
    return str(answer[39])


def run_failed(case: Case, fault: str) -> Message:
    """Decline for good what the host could not carry out itself: a second copy must not be approved behind a 96."""
    refused = _first_refusal(case, (*IDENTITY, *NOVELTY, Step("kind", checks.check_kind)))
    if case.again is not None:
        if not case.again.code:
            raise HostError("its issuer is being asked")
        return _repeat(case, case.again)
    return decline(case, *(refused or ("fault", Refusal("96", fault, EventName.FAULT))))


def accept(case: Case, steps: tuple[Step, ...]) -> Message:
    """Post a transaction that passed every one of `steps`, and record it."""
    kind = case.known_row().kind
    if kind in CODE_SALES and (waiting := orders.waits_for(case)):
        undo(case, steps)
        return wait(case, waiting)
    rrn = case.rrn = case.rrn or answers.rrn_for(case)
    posted, refusal = postings.post(case)
    if refusal is not None:
        undo(case, steps)
        return decline(case, "funds", refusal)
    said = case.issuer.approval(case)
    auth_code = said.auth_code or _auth_code(case, rrn)
    answer = answers.answer_elements(
        case,
        "00",
        rrn,
        auth_code=auth_code,
        balance=said.balance,
        chip_data=said.chip_data,
        result=orders.result_text(case, OrderState.SUCCESS) if kind in CODE_SALES else "",
    )
    record = new_record(case, rrn, code="00", approved=True, auth_code=auth_code, answer=answer, **posted)
    _keep(case, record)
    case.issuer.posted(case, record)
    case.tell(
        EventName.APPROVED,
        kind=kind.value,
        amount=case.amount_minor,
        rrn=rrn,
        card=record.masked_pan,
        original=record.original,
    )
    return answers.financial_answer(case, answer)


def wait(case: Case, code: str) -> Message:
    """Answer a payment by a code that is not decided yet: nothing is posted, its order is open."""
    case.waiting = code
    rrn = case.rrn = answers.rrn_for(case)
    shown = orders.shown_code(case, rrn) if case.known_row().kind is Kind.QR_ORDER else ""
    result = orders.result_text(case, OrderState.CREATE)
    answer = answers.answer_elements(case, code, rrn, result=result, shown_code=shown)
    _keep(case, new_record(case, rrn, code=orders.PAYING, answer=answer))
    case.tell(EventName.ORDER_WAITS, code=code, kind=case.known_row().kind.value, amount=case.amount_minor, rrn=rrn)
    return answers.financial_answer(case, answer)


def decline(case: Case, step: str, refusal: Refusal) -> Message:
    """Answer a request that a step refused, and record it unless a repeat is to be judged anew."""
    if refusal.record and not case.rrn:
        case.rrn = answers.rrn_for(case)
    rrn = case.rrn
    chip_data = case.issuer.chip_data(case, refusal.code) if refusal.record else ""
    failed = case.row is not None and case.row.kind in CODE_SALES
    result = orders.result_text(case, OrderState.FAIL) if failed else ""
    answer = answers.answer_elements(case, refusal.code, rrn, chip_data=chip_data, result=result)
    if refusal.record:
        _keep(case, new_record(case, rrn, code=refusal.code, declined_by=step, answer=answer))
    card = case.card.masked_pan if case.card is not None else ""
    case.tell(refusal.event, code=refusal.code, check=step, why=refusal.why, card=card)
    return answers.financial_answer(case, answer)


def new_record(case: Case, rrn: str, **decided: Any) -> TransactionRecord:
    """The row of a request, with what was decided about it."""
    row, card = case.row, case.card
    kind = REVERSAL if case.message.mti == checks.REVERSAL_MTI else row.kind.value if row is not None else ""
    return TransactionRecord(
        ref=case.ref,
        mti=case.message.mti,
        kind=kind,
        terminal_id=case.terminal_id,
        merchant_id=case.merchant_id,
        batch=case.batch,
        stan=case.stan,
        entry_mode=case.text(22),
        amount_minor=case.amount_minor,
        currency=case.currency,
        at=case.at,
        clearing_date=case.clearing_date,
        rrn=rrn,
        content=case.content,
        card=card.fingerprint if card is not None else "",
        masked_pan=card.masked_pan if card is not None else "",
        original=case.original.ref if case.original is not None else "",
        card_class=case.fee_class.card,
        channel=case.fee_class.channel,
        **decided,
    )


def _first_refusal(case: Case, steps: tuple[Step, ...]) -> tuple[str, Refusal] | None:
    for number, step in enumerate(steps):
        refusal = step.check(case)
        if refusal is not None:
            undo(case, steps[:number])
            return step.name, refusal
        if case.over:
            return None
    return None


def undo(case: Case, steps: tuple[Step, ...]) -> None:
    """Give back what steps have taken up, the last first."""
    for step in reversed(steps):
        if step.undo is not None:
            step.undo(case)


def _repeat(case: Case, record: TransactionRecord) -> Message:
    if record.card:
        case.card = case.desk.store.card(record.card)
    case.tell(EventName.REPEAT, code=record.code, kind=record.kind, rrn=record.rrn)
    return answers.financial_answer(case, record.answer)


def _keep(case: Case, record: TransactionRecord) -> None:
    store = case.desk.store
    store.put_transaction(record)
    orders.follow(case, record)
    if store.batch_record(record.terminal_id, record.batch) is None:
        store.put_batch_record(BatchRecord(record.terminal_id, record.batch, record.merchant_id))


def _auth_code(case: Case, rrn: str) -> str:
    """Element 38: the terminal's own for what was approved by telephone, the first one's for an incremental one."""
    kind = case.known_row().kind
    if kind is Kind.BALANCE:
        return ""
    if kind is Kind.PREAUTH_ADD:
        return case.known_original().auth_code
    given = case.text(38).strip()
    return given if given and kind in (Kind.OFFLINE_SALE, Kind.ADJUST) else rrn[-6:]
