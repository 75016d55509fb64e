"""The checks every request goes through before its own kind's rules: is it who it says, is it new, does it fit.

Each takes the case, fills in what it finds, and returns None or a `Refusal`. `pipeline` puts them in order.

Source: Q/CUP 009: answer codes, elements of each request, duplicate detection.
"""

from __future__ import annotations

from typing import Final

from posterm.bcd import is_digits
from posterm.host.case import Case, Refusal, key_block
from posterm.host.events import EventName
from posterm.host.forced import Link, forced_outcome
from posterm.host.issuer import read_pan
from posterm.unionpay.errors import LayoutError, MacFailureError
from posterm.unionpay.payment_code import parse_code
from posterm.unionpay.transactions import CODE_ENTRIES, Delivery, Kind, find_transaction
from posterm.unionpay.tusn import parse_tusn

REVERSAL_MTI: Final = "0400"
MAX_BATCH: Final = 999_999
UNHEARD_BATCHES_MAX: Final = 100
"""How far ahead of the host a terminal may be that closes its batches alone; a number farther off is a mistake."""


# Types of Q/CUP 009 that are not in `posterm.unionpay.transactions`: 60.1, and DE 25 of the families that share a 60.1.
_KNOWN_UNSUPPORTED_TYPES: Final = frozenset({"03", "27", "45", "46", "47", "48", "49", "50", "51", "53", "54"})
_KNOWN_UNSUPPORTED_CONDITIONS: Final = frozenset({"08", "18", "64", "65", "66", "67", "82", "91"})

_ALWAYS: Final = (3, 11, 22, 25, 41, 42, 49, 60)
_OF_A_CODE: Final = tuple(number for number in _ALWAYS if number != 25)
_MANDATORY: Final = {
    Kind.BALANCE: _ALWAYS,
    Kind.SALE: (*_ALWAYS, 4),
    Kind.VOID: (*_ALWAYS, 4, 37, 61),
    Kind.REFUND: (*_ALWAYS, 4, 37, 61),
    Kind.PREAUTH: (*_ALWAYS, 4),
    Kind.PREAUTH_ADD: (*_ALWAYS, 4, 38, 61),
    Kind.PREAUTH_VOID: (*_ALWAYS, 4, 38, 61),
    Kind.COMPLETION: (*_ALWAYS, 4, 38, 61),
    Kind.COMPLETION_VOID: (*_ALWAYS, 4, 61),
    Kind.COMPLETION_NOTICE: (*_ALWAYS, 4, 38, 61),
    Kind.OFFLINE_SALE: (*_ALWAYS, 4),
    Kind.ADJUST: (*_ALWAYS, 4),
    Kind.TIP_ADJUST: (*_ALWAYS, 4, 61),
    Kind.CHIP_OFFLINE_SALE: (*_ALWAYS, 4, 55),
    Kind.QR_SALE: (*_OF_A_CODE, 4),
    Kind.QR_ORDER: (*_OF_A_CODE, 4),
    Kind.QR_VOID: (*_OF_A_CODE, 4, 37, 61),
    Kind.QR_QUERY: (*_OF_A_CODE, 61),
    Kind.QR_REFUND: (*_OF_A_CODE, 4, 37, 61),
}
_NOT_UPLOADED: Final = frozenset({37})
"""A batch upload has no place for the RRN, and who closes a payment has not heard it: element 61 names the original."""

_NEEDS_SERIAL: Final = frozenset({Kind.SALE, Kind.PREAUTH})
_CONTENT: Final = (3, 4, 22, 25, 37, 38, 48, 49, 61)
_CONTENT_OF_REVERSAL: Final = tuple(number for number in _CONTENT if number != 38)


def next_batch(batch: str) -> str:
    """The batch number after this one.

    >>> next_batch("999999")
    '000001'
    """
    return f"{int(batch) % MAX_BATCH + 1:06d}"


def check_keys(case: Case) -> Refusal | None:
    """77 when the terminal has not signed on: it is the code that sends it to do so."""
    terminal = case.known_terminal()
    return None if terminal.signed_on and terminal.mak else Refusal("77", "not signed on", record=False)


def check_mac(case: Case) -> Refusal | None:
    """A0 when the MAC is missing or wrong."""
    if case.envelope is None:
        return None
    try:
        case.desk.sealer.check(case.envelope.wire, key_block(case.known_terminal().mak), case.message)
    except MacFailureError as failure:
        return Refusal("A0", str(failure), EventName.BAD_MAC, record=False)
    return None


def look_up_forced(case: Case) -> Refusal | None:
    """Find out what the table of forced outcomes says; nothing is refused here."""
    row = find_transaction(case.message.mti, case.text(3), case.text(25), case.message_type)
    if case.desk.forced_outcomes and row is not None:
        case.forced = forced_outcome(row.kind, case.amount_minor, case.currency)
        case.over = case.forced.link is Link.DROPPED
    return None


def check_forced(case: Case) -> Refusal | None:
    """The answer code someone asked for by the amount."""
    code = case.forced.code
    return Refusal(code, "asked for by the amount") if code and not case.uploaded else None


def refs_of(case: Case) -> tuple[str, str]:
    """The keys of a request and of its reversal; of a reversal, twice the same."""
    return case.ref, case.ref_for(REVERSAL_MTI, case.batch, case.stan)


def check_duplicate(case: Case) -> Refusal | None:
    """94 when the same key came with other content; the same content is answered from its record.

    A request that its own reversal overtook is refused for good: CA where the acquirer has it, else 12.
    """
    case.content = content_fingerprint(case)
    found, reversal = case.desk.store.transactions_named(refs_of(case))
    if found is not None:
        if found.content != case.content:
            return Refusal("94", "the trace number was used for another request", record=False)
        case.again, case.over = found, True
        return None
    if reversal is not None and not reversal.declined_by:
        code = case.desk.own_code("CA", "12")
        return Refusal(code, "its reversal came first", EventName.ORIGINAL_AFTER_REVERSAL)
    return None


def check_batch(case: Case) -> Refusal | None:
    """77 when 60.2 is not the open batch.

    A stored notice may come late for a batch that is still open. Where the host captures, the terminal alone decides
    when its batch number moves on, so a later number is taken up.
    """
    desk, terminal = case.desk, case.known_terminal()
    if case.batch == terminal.batch or takes_up_later_batch(case):
        return None
    row = find_transaction(case.message.mti, case.text(3), case.text(25), case.message_type)
    if row is not None and row.delivery is Delivery.REPEAT:
        late = desk.store.batch_record(terminal.terminal_id, case.batch)
        if late is not None and late.open:
            return None
    return Refusal("77", f"batch {case.batch} is not open", record=False)


def takes_up_later_batch(case: Case) -> bool:
    """Where the host captures, follow the terminal to a later batch. Returns: whether it has gone on to one.

    It may have closed some of which the host never heard, because they were empty or the line was down.
    """
    terminal = case.known_terminal()
    if case.desk.profile.settlement.captured_by != "host" or not case.batch.isdecimal():
        return False
    ahead = (int(case.batch) - int(terminal.batch)) % MAX_BATCH if int(case.batch) else 0
    if not 0 < ahead <= UNHEARD_BATCHES_MAX:
        return False
    case.terminal = terminal._replace(batch=case.batch)
    case.desk.store.put_terminal(case.terminal)
    return True


def check_kind(case: Case) -> Refusal | None:
    """12 no such transaction, 40 one that this host cannot run."""
    case.row = find_transaction(case.message.mti, case.text(3), case.text(25), case.message_type)
    if case.row is not None:
        return None
    if case.message_type in _KNOWN_UNSUPPORTED_TYPES or case.text(25) in _KNOWN_UNSUPPORTED_CONDITIONS:
        return Refusal("40", "a transaction this host does not run")
    return Refusal("12", "no transaction has this combination of MTI, 3, 25 and 60.1")


def check_content(case: Case) -> Refusal | None:
    """30 an element is missing or malformed, 13 no amount, 12 another currency."""
    row = case.known_row()
    mandatory = _MANDATORY[row.kind]
    missing = case.message.lacking(mandatory)
    if case.uploaded or 39 in case.message:
        missing = [number for number in missing if number not in _NOT_UPLOADED]
    if missing:
        return Refusal("30", "missing element " + " ".join(map(str, missing)))
    original = case.text(61)
    if 61 in mandatory and (len(original) < 12 or not is_digits(original[:12])):
        return Refusal("30", "element 61 is shorter than batch and trace number")
    if 4 in mandatory and not case.amount_minor:
        return Refusal("13", "the amount is zero")
    if case.merchant is not None and case.currency != case.merchant.currency:
        return Refusal("12", "not the merchant's currency")
    return _check_serial(case)


def _check_serial(case: Case) -> Refusal | None:
    """30 when the acquirer insists on the terminal's hardware serial and it is not there."""
    tusn = case.desk.profile.tusn
    if not tusn.required or case.known_row().kind not in _NEEDS_SERIAL:
        return None
    try:
        serial = parse_tusn(case.text(tusn.element)).get("05", "")
    except LayoutError as error:
        return Refusal("30", f"element {tusn.element}: {error}")
    return None if serial else Refusal("30", f"element {tusn.element} holds no hardware serial")


def read_card_number(case: Case) -> Refusal | None:
    """14 when there is card data that cannot be read. It is judged anew on a repeat."""
    refusal = read_pan(case)
    return None if refusal is None else Refusal(refusal.code, refusal.why, record=False)


def payment_code_of(case: Case) -> str:
    """The payment code in the element this acquirer puts it into; empty when there is none."""
    try:
        return parse_code(case.text(case.desk.profile.qr.element))
    except LayoutError:
        return ""


def content_fingerprint(case: Case) -> str:
    """A keyed hash of what is asked: not of the PIN block, security control, keys, remarks and MAC around it.

    The card stands in it by its number, so that a track enciphered anew still counts as the same. A reversal may give
    another reason, or have learnt the authorisation code meanwhile, and is the same reversal.
    """
    reversal = case.message.mti == REVERSAL_MTI
    parts = [case.message.mti, case.text(60)[:11], case.pan.reveal() if case.pan is not None else ""]
    parts += case.texts(_CONTENT_OF_REVERSAL if reversal else _CONTENT)
    if case.text(22)[:2] in CODE_ENTRIES and not reversal:
        parts.append(payment_code_of(case))
    if 55 in case.message and not reversal:
        parts.append(bytes(case.message[55]).hex())
    return case.desk.fingerprint("content", "|".join(parts))
