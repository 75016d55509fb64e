"""A request, an advice or a reversal at the card's issuer, from first check to posting.

    asked (0100, 0200)    form, duplicate, card, chip, original, PIN, funds; every verdict is on record
    told (0120, 0220)     form, duplicate, card; it has happened already, so it is posted by force
    0420                  undoes exactly the request that DE 90 names, once, also when it comes first

A request is known by its institutions, time and trace number; the same again gets the same answer. Money stands between
the card's account and what is owed to the acquirer. The checks of card, chip and PIN are those of `posterm.host`.

Source: Q/CUP 006 as restated publicly; ISO 8583:1987, message functions.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from posterm.host import chip, issuer, pipeline, postings
from posterm.host.case import Case, Desk, Refusal
from posterm.host.chart import AccountKind, network
from posterm.host.checks import content_fingerprint
from posterm.host.events import EventName
from posterm.host.issuing.original import check_asked_original, find_original, tie_told_original, tipped
from posterm.host.issuing.session import Session
from posterm.host.ledger import Outcome
from posterm.host.pipeline import Step
from posterm.host.records import TerminalRecord, TransactionRecord
from posterm.host.reversal import built_upon, undo
from posterm.iso8583 import Message
from posterm.sensitive import Pan, SensitiveValueError
from posterm.unionpay.network_link import WIRE, Trace
from posterm.unionpay.transactions import TRANSACTIONS, Kind

_TAKEN_OVER: Final = (3, 4, 11, 14, 22, 23, 25, 35, 37, 38, 41, 42, 49, 52, 53)
_MANDATORY: Final = (2, 3, 7, 11, 32, 33, 49)
_REVERSAL_MANDATORY: Final = (2, 7, 11, 32, 33, 49, 90)
_ECHOED: Final = (2, 3, 4, 7, 11, 12, 13, 25, 32, 33, 37, 41, 42, 49, 90, 100)
_REVERSAL: Final = "0400"
_TRACE_DIGITS: Final = 42

ASKED_STEPS: Final = (
    Step("card", issuer.check_card),
    Step("chip", chip.check_chip),
    Step("original", check_asked_original),
    Step("pin", issuer.check_pin),
)


def case_of(desk: Desk, session: Session, message: Message, now: datetime) -> Case:
    """A message between institutions as a request of a terminal, which is what the host's checks look at."""
    elements: dict[int, Any] = {number: _plain(message[number]) for number in _TAKEN_OVER if number in message}
    if 55 in message:
        elements[55] = bytes(message[55])
    codes = str(message.get(60, ""))
    elements[60] = f"00000000000{codes[5:6]}{codes[6:7]}"
    reverses = message.mti[1] == "4"
    case = Case(desk, Message(_REVERSAL if reverses else f"{message.mti[:3]}0", elements), now)
    case.payee = network(session.acquirer, case.currency)
    case.terminal = TerminalRecord(case.terminal_id, case.merchant_id, "", pik=session.zpk or "", mak=session.zak or "")
    case.clearing_date, case.rrn = now.date().isoformat(), case.text(37)
    original = str(message.get(90, ""))
    find_original(case, original)
    case.ref = Trace.of(message).reference()
    if reverses and len(original) == _TRACE_DIGITS:
        case.ref = Trace.parse(original).reference(_REVERSAL)
    return case


def run_message(case: Case, message: Message) -> Message:
    """Decide on a message and post it. Returns: the answer, without its MAC."""
    refused = _check_form(case, message) or _check_duplicate(case)
    if case.again is not None:
        case.tell(EventName.REPEAT, code=case.again.code, kind=case.again.kind)
        return _answer(message, case.again.answer)
    if refused is not None:
        return _declined(case, message, "form", refused)
    if message.mti[1] == "4":
        return _reverse(case, message)
    if message.mti[2] == "2":
        return _post_told(case, message)
    for step in ASKED_STEPS:
        refused = step.check(case)
        if refused is not None:
            return _declined(case, message, step.name, refused)
    return _post(case, message, postings.group_of(case))


def _check_form(case: Case, message: Message) -> Refusal | None:
    """30 an element is missing, 12 no such request, 14 no card number. Judged anew when it comes again."""
    reverses = message.mti[1] == "4"
    missing = [number for number in (_REVERSAL_MANDATORY if reverses else _MANDATORY) if number not in message]
    if missing:
        return Refusal("30", "missing element " + " ".join(map(str, missing)), record=False)
    try:
        case.pan = Pan(str(message[2]))
    except SensitiveValueError:
        return Refusal("14", "the card number cannot be read", record=False)
    if reverses:
        return None
    kind = WIRE.get((case.message.mti, case.text(3), case.text(25)))
    if kind is None:
        return Refusal("12", "no request has this combination of MTI, 3 and 25", record=False)
    case.row = TRANSACTIONS[kind]
    if kind is not Kind.BALANCE and not case.amount_minor:
        return Refusal("13", "the amount is zero", record=False)
    return None


def _check_duplicate(case: Case) -> Refusal | None:
    """94 the same key with other content, 12 its reversal came first."""
    store = case.desk.store
    case.content = content_fingerprint(case)
    found = store.transaction(case.ref)
    if found is not None:
        if found.content != case.content:
            return Refusal("94", "the trace was used for another request", record=False)
        case.again, case.over = found, True
        return None
    reversal = store.transaction(f"4{case.ref[1:]}") if case.message.mti != _REVERSAL else None
    if reversal is not None and not reversal.declined_by:
        return Refusal("12", "its reversal came first", EventName.ORIGINAL_AFTER_REVERSAL, record=False)
    return None


def _post_told(case: Case, message: Message) -> Message:
    """Post what has happened already; only a card that is not known stops it."""
    case.card = case.desk.store.card(case.desk.card_fingerprint(case.pan)) if case.pan is not None else None
    if case.card is None:
        return _declined(case, message, "card", Refusal("14", "no such card"))
    tie_told_original(case)
    return _post(case, message, [transfer._replace(forced=True) for transfer in postings.group_of(case)])


def _post(case: Case, message: Message, group: postings.Group) -> Message:
    store, ledger, kind = case.desk.store, case.desk.ledger, case.known_row().kind
    ledger.open_account(case.payee, case.currency, AccountKind.NETWORK)
    if group and ledger.apply(group) is Outcome.INSUFFICIENT:
        return _declined(case, message, "funds", Refusal("51", "not enough available"))
    if case.original is not None:
        tips = kind is Kind.OFFLINE_SALE
        changed = tipped(case, case.original) if tips else postings.original_after(case, case.original, group, 0)
        store.put_transaction(changed)
        case.original = changed
    auth_code = "" if kind is Kind.BALANCE else f"{store.next_number('auth-code') % 1_000_000:06d}"
    chip_data = chip.issuer_answer(case, "00") if case.chip is not None else ""
    answer = _said("00", auth_code, postings.balance_text(case), chip_data)
    record = pipeline.new_record(
        case, case.rrn, code="00", approved=True, auth_code=auth_code, answer=answer, **postings.booked(case, group)
    )
    store.put_transaction(record)
    case.tell(EventName.APPROVED, kind=kind.value, amount=case.amount_minor, rrn=case.rrn, card=record.masked_pan)
    return _answer(message, answer)


def _declined(case: Case, message: Message, step: str, refusal: Refusal) -> Message:
    chip_data = chip.issuer_answer(case, refusal.code) if case.row is not None and refusal.record else ""
    answer = _said(refusal.code, chip_data=chip_data)
    if refusal.record:
        case.desk.store.put_transaction(
            pipeline.new_record(case, case.rrn, code=refusal.code, declined_by=step, answer=answer)
        )
    card = case.card.masked_pan if case.card is not None else ""
    case.tell(refusal.event, code=refusal.code, check=step, why=refusal.why, card=card)
    return _answer(message, answer)


def _reverse(case: Case, message: Message) -> Message:
    """Undo the original, or leave a mark for one that has not come yet: then it is refused when it comes."""
    original = case.original
    if original is not None and (refusal := _check_reversed(case, original)) is not None:
        return _declined(case, message, "original", refusal)
    undone = undo(case)
    answer = _said("00")
    case.desk.store.put_transaction(
        pipeline.new_record(case, case.rrn, code="00", approved=True, answer=answer, transfers=undone.transfers)
    )
    case.tell(undone.event, code="00", original=undone.original)
    return _answer(message, answer)


def _check_reversed(case: Case, original: TransactionRecord) -> Refusal | None:
    """64 another amount, 12 when something builds on it. A refusal stays: the acquirer is told to look."""
    if original.amount_minor != case.amount_minor:
        return Refusal("64", "not the original's amount", EventName.REVERSAL_REFUSED)
    if original.stands and built_upon(case, original):
        return Refusal("12", "a later transaction builds on the original", EventName.REVERSAL_REFUSED)
    return None


def _said(code: str, auth_code: str = "", balance: str = "", chip_data: str = "") -> tuple[str, ...]:
    """What the issuer adds to an answer, as it is kept for a repeat."""
    values = {"38": auth_code, "39": code, "54": balance, "55": chip_data}
    return tuple(part for number, value in values.items() if value for part in (number, value))


def _answer(message: Message, said: tuple[str, ...]) -> Message:
    added = dict(zip(said[::2], said[1::2], strict=True))
    values: dict[int, Any] = {number: _plain(message[number]) for number in _ECHOED if number in message}
    values |= {int(number): bytes.fromhex(text) if number == "55" else text for number, text in added.items()}
    return Message(f"{message.mti[:2]}{int(message.mti[2]) + 1}0", values)


def _plain(value: Any) -> Any:
    return value if isinstance(value, bytes) else str(value)
