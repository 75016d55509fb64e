"""Settlement of a terminal's batch: comparing totals, taking uploads, closing it. No money moves; see `clearing`.

What counts where, for both ends: debit is sales, completions, offline sales and adjusts; credit is refunds and voids of
sales and of completions. A reversed transaction counts nowhere, so a void that was reversed counts no more; a voided
sale still counts as debit beside its void; a tip replaces the amount of its sale.

    0500/201                 compared per batch: code 1 equal, 2 different with the host's totals
    0320/201, 203, 205       items, kept for the report of differences
    0320/204, 206            a notice; one the host does not have is posted as the 0220 it stands for
    0320/202, 207            the end: the batch closes, whatever the differences; they are in the report

A notice in an upload carries 2 3 4 11 22 23 25 38 41 42 48 49 55 60 61 62, its own trace number in 11. Element 62 is
usage 7 of Q/CUP 009, `71`, card class 2, answer code 2, amount 12, currency 3, and then, which is posterm's own, 60.1
of the notice and a `0`. Where the host captures, there is no settlement by the terminal: `close_day` settles.

Source: Q/CUP 009, settlement and batch upload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from posterm.bcd import is_digits
from posterm.host.answers import management_answer, rrn_for
from posterm.host.case import Case, Desk
from posterm.host.checks import next_batch
from posterm.host.chip import take_certificate
from posterm.host.events import EventName
from posterm.host.issuer import read_pan
from posterm.host.pipeline import run_notice
from posterm.host.records import (
    BatchRecord,
    ExchangeRecord,
    SettlementReport,
    TransactionRecord,
    UploadRecord,
)
from posterm.host.registry import check_terminal
from posterm.iso8583 import Message
from posterm.sensitive import Pan, SensitiveValueError
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.totals import (
    Reconciliation,
    SettlementTotals,
    Totals,
    parse_upload,
    parse_upload_end,
)
from posterm.unionpay.transactions import TRANSACTIONS, Kind, Network, Side

NOTICE_DIGITS: Final = 24
_CHIP_SALE: Final = TRANSACTIONS[Kind.CHIP_OFFLINE_SALE]
_SIDES: Final = {row.kind.value: row.side for row in TRANSACTIONS.values()}
_VOIDS: Final = frozenset({Kind.VOID.value, Kind.COMPLETION_VOID.value, Kind.QR_VOID.value})
Added = dict[int, str | bytes]


def totals_of(records: Iterable[TransactionRecord]) -> Totals:
    """The totals of a batch from what stands in it."""
    totals = Totals()
    for record in records:
        if record.stands:
            totals = totals.plus(_SIDES.get(record.kind, Side.NONE), record.posted_minor)
    return totals


def handle_settlement(case: Case) -> Message:
    """Answer an 0500 or 0320. The same message again gets the same answer."""
    refusal = check_terminal(case)
    if refusal is not None:
        case.tell(refusal.event, code=refusal.code, check="terminal", why=refusal.why)
        return management_answer(case, refusal.code)
    store = case.desk.store
    ref = f"{case.ref}/{case.network}"
    content = case.desk.fingerprint("content", _content(case))
    before = store.exchange(ref)
    if before is not None and before.content == content:
        case.tell(EventName.REPEAT, code=before.answer[0])
        added: Added = {48: before.answer[2]} if before.answer[2] else {}
        return management_answer(case, before.answer[0], rrn=before.answer[1], added=added)
    if before is not None:
        return _answer(case, "94", "the trace number was used for another message")
    try:
        code, why, added = _decide(case)
    except LayoutError as fault:
        return _answer(case, "30", str(fault))
    if code not in ("00", "95"):
        return _answer(case, code, why)
    rrn = rrn_for(case)
    store.put_exchange(ExchangeRecord(ref, content, (code, rrn, str(added.get(48, "")))))
    return management_answer(case, code, rrn=rrn, added=added)


def close_day(desk: Desk, now: datetime) -> tuple[SettlementReport, ...]:
    """Settle every open batch; terminals that go on with a closed batch number are sent to sign on."""
    reports = []
    for batch in desk.store.open_batches():
        with desk.store.savepoint():
            reports.append(close_batch(desk, batch, now))
    return tuple(reports)


def close_batch(desk: Desk, batch: BatchRecord, now: datetime) -> SettlementReport:
    """Close one batch: the report is kept, the terminal's batch number moves on."""
    store = desk.store
    records = store.transactions_in_batch(batch.terminal_id, batch.batch)
    totals = totals_of(records)
    uploads = store.uploads(batch.terminal_id, batch.batch)
    only_host, only_terminal = _differences(records, uploads)
    equal = not batch.terminal_totals or batch.terminal_totals == totals.digits
    report = SettlementReport(
        terminal_id=batch.terminal_id,
        batch=batch.batch,
        merchant_id=batch.merchant_id,
        at=now.isoformat(),
        host_totals=totals.digits,
        terminal_totals=batch.terminal_totals,
        net_minor=totals.net_minor,
        uploaded=len(uploads),
        only_host=() if equal else only_host,
        only_terminal=only_terminal,
    )
    store.put_report(report)
    store.put_batch_record(batch._replace(open=False, closed_at=now.isoformat()))
    terminal = store.terminal(batch.terminal_id)
    if terminal is not None and terminal.batch == batch.batch:
        store.put_terminal(terminal._replace(batch=next_batch(batch.batch)))
    return report


Decision = tuple[str, str, Added]


def _decide(case: Case) -> Decision:
    desk, terminal = case.desk, case.known_terminal()
    if desk.profile.settlement.captured_by == "host":
        return "40", "this acquirer's host captures the batch", {}
    batch = desk.store.batch_record(terminal.terminal_id, case.batch)
    if batch is None and case.batch == terminal.batch:
        batch = BatchRecord(terminal.terminal_id, case.batch, terminal.merchant_id)
    if batch is None:
        return "77", f"batch {case.batch} is not known", {}
    if case.message.mti == "0500":
        return _compare(case, batch) if case.network == Network.SETTLEMENT else ("12", "not a settlement", {})
    action = _UPLOADS.get(case.network)
    if action is None:
        return "40", f"upload {case.network} is not run by this host", {}
    return action(case, batch)


def _compare(case: Case, batch: BatchRecord) -> Decision:
    store = case.desk.store
    claim = SettlementTotals.parse(case.text(48))
    own = totals_of(store.transactions_in_batch(batch.terminal_id, batch.batch))
    claimed = Totals(
        claim.domestic.debit_minor + claim.foreign.debit_minor,
        claim.domestic.debit_count + claim.foreign.debit_count,
        claim.domestic.credit_minor + claim.foreign.credit_minor,
        claim.domestic.credit_count + claim.foreign.credit_count,
    )
    equal = claimed == own
    code = Reconciliation.EQUAL if equal else Reconciliation.DIFFERENT
    answer = replace(claim, code=code, foreign_code=code) if equal else SettlementTotals(own, Totals(), code, code)
    if batch.open:
        store.put_batch_record(batch._replace(terminal_totals=claimed.digits))
    case.tell(
        EventName.TOTALS_COMPARED, batch=batch.batch, equal=equal, terminal_says=claimed.digits, host_says=own.digits
    )
    return "00", "", {48: answer.digits}


def _take_items(case: Case, batch: BatchRecord) -> Decision:
    items = parse_upload(case.text(48))
    if not batch.open:
        return "77", "the batch is closed", {}
    for item in items:
        card = case.desk.card_fingerprint(item.pan) if item.pan is not None else ""
        upload = UploadRecord(batch.terminal_id, batch.batch, item.stan, card, item.amount_minor)
        case.desk.store.put_upload(upload)
    case.tell(EventName.ITEMS_UPLOADED, batch=batch.batch, items=len(items))
    return "00", "", {}


def _take_chip_detail(case: Case, batch: BatchRecord) -> Decision:
    if not batch.open:
        return "77", "the batch is closed", {}
    original = case.desk.store.transaction(case.ref_for("0200", case.batch, case.stan))
    read_pan(case)
    take_certificate(case, original)
    _put_single(case, batch)
    return "00", "", {}


def _take_notice(case: Case, batch: BatchRecord) -> Decision:
    if not batch.open:
        return "77", "the batch is closed", {}
    notice = _notice(case)
    inner = replace(case, message=notice, envelope=None, uploaded=True)
    known = case.desk.store.transaction(inner.ref)
    if known is not None and known.stands:
        if known.amount_minor != case.amount_minor:
            return "94", "the host has the notice with another amount", {}
    else:
        # A notice refused when it came as an 0220 is judged anew: the goods are gone, and the terminal asks again.
        code = run_notice(inner)
        if code != "00":
            return code, "the notice cannot be posted", {}
    _put_single(case, batch)
    return "00", "", {}


def _end(case: Case, batch: BatchRecord) -> Decision:
    count = parse_upload_end(case.text(48) or "0000")
    if not batch.open:
        return "00", "", {}
    if not batch.terminal_totals:
        return "95", "the batch ends before its totals were compared", {}
    report = close_batch(case.desk, batch, case.now)
    case.terminal = case.desk.store.terminal(batch.terminal_id)
    case.tell(
        EventName.BATCH_CLOSED,
        batch=batch.batch,
        equal=report.equal,
        net=report.net_minor,
        uploaded=report.uploaded,
        terminal_counts=count,
    )
    for name, stans in ((EventName.ONLY_AT_HOST, report.only_host), (EventName.ONLY_AT_TERMINAL, report.only_terminal)):
        for stan in stans:
            case.tell(name, batch=batch.batch, item=stan)
    return "00", "", {}


_UPLOADS: Final[dict[str, Callable[[Case, BatchRecord], Decision]]] = {
    Network.SETTLEMENT: _take_items,
    Network.UPLOAD_CHIP_EQUAL: _take_chip_detail,
    Network.UPLOAD_CHIP_DIFFERENT: _take_chip_detail,
    Network.UPLOAD_NOTICE_EQUAL: _take_notice,
    Network.UPLOAD_NOTICE_DIFFERENT: _take_notice,
    Network.UPLOAD_END_EQUAL: _end,
    Network.UPLOAD_END_DIFFERENT: _end,
}


def _notice(case: Case) -> Message:
    """The request that a notice upload stands for, an 0220 or a chip's 0200.

    Raises: LayoutError: element 62 is not usage 7 with a type.
    """
    raw = case.message.get(62, b"")
    text = raw.decode("latin-1") if isinstance(raw, bytes) else ""
    if len(text) != NOTICE_DIGITS or not text.startswith("71") or not is_digits(text[2:4] + text[6:18] + text[21:23]):
        raise LayoutError(f"DE 62 notice upload: need 71 and {NOTICE_DIGITS - 2} characters, have {len(text)} in all")
    # The amount in element 62 is what stands now, with a tip added since; what the notice asked for is element 4.
    kept = (2, 3, 4, 11, 14, 22, 23, 25, 37, 38, 41, 42, 48, 49, 61)
    values: Added = {number: str(case.message[number]) for number in kept if number in case.message}
    if 55 in case.message:
        values[55] = bytes(case.message[55])
    mti = _CHIP_SALE.mti if text[21:23] == _CHIP_SALE.message_type else "0220"
    return Message(mti, {**values, 60: f"{text[21:23]}{case.batch}{Network.TRANSACTION}"})


def _put_single(case: Case, batch: BatchRecord) -> None:
    try:
        card = case.desk.card_fingerprint(Pan(case.text(2)))
    except SensitiveValueError:
        card = ""
    case.desk.store.put_upload(UploadRecord(batch.terminal_id, batch.batch, case.stan, card, case.amount_minor))
    case.tell(EventName.ITEMS_UPLOADED, batch=batch.batch, items=1)


def _differences(
    records: list[TransactionRecord], uploads: list[UploadRecord]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Trace numbers only the host, and only the terminal, has; one both have with another amount stands in both."""
    standing = {record.stan: record for record in records if record.stands}
    said = {upload.stan: upload for upload in uploads}
    same = {
        stan
        for stan, upload in said.items()
        if stan in standing and upload.amount_minor in (standing[stan].posted_minor, standing[stan].amount_minor)
    }
    # A voided sale and its void cancel out; a terminal may leave both out of its upload.
    needed = {
        record.stan
        for record in standing.values()
        if _SIDES.get(record.kind, Side.NONE) is not Side.NONE and not record.voided_by and record.kind not in _VOIDS
    }
    return tuple(sorted(needed - same)), tuple(sorted(said.keys() - same))


def _content(case: Case) -> str:
    message = case.message
    parts = [f"{number}={case.text(number)}" for number in (2, 3, 4, 22, 25, 37, 38, 48, 49, 61) if number in message]
    parts.append(bytes(message.get(55, b"")).hex())
    raw = message.get(62, b"")
    return "|".join([message.mti, case.text(60)[:11], *parts, raw.hex() if isinstance(raw, bytes) else str(raw)])


def _answer(case: Case, code: str, why: str) -> Message:
    case.tell(EventName.DECLINED, code=code, check="settlement", why=why)
    return management_answer(case, code)
