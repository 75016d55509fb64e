"""The earlier transaction a request refers to: finding it, and whether it may still be acted on.

    void, completion void    by 61 in the same terminal's same batch; 37 and 38, where sent, have to match
    code void, code query    by 61 in the same terminal's same batch; a query asks about one that is not paid, too
    refund, code refund      by 37 among the merchant's; 61 has to match where it is not zero
    pre-authorisation family by 61 at the same terminal, else by 38 and the card among the merchant's: hotels complete
                             at another counter; it must not have expired
    tip                      by 61 in the same terminal's same batch

Source: Q/CUP 009, elements 37, 38, 61 and the rules of each transaction; answer codes C8, C9, CA, Z2, Z3, Z4 where the
acquirer has them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from posterm.host.case import Case, Refusal
from posterm.host.records import TransactionRecord
from posterm.unionpay.transactions import Entry, Kind

_PURCHASES: Final = frozenset({Kind.SALE, Kind.OFFLINE_SALE, Kind.ADJUST})
_BY_CODE: Final = frozenset({Kind.QR_SALE, Kind.QR_ORDER})
_COMPLETIONS: Final = frozenset({Kind.COMPLETION, Kind.COMPLETION_NOTICE})


def check_original(case: Case) -> Refusal | None:
    """25 not found, 12 of the wrong kind or state, 14 another card, and the codes of each kind's own rules."""
    rule = _RULES.get(case.known_row().kind)
    if rule is None:
        return None
    refusal = rule(case)
    if refusal is not None:
        return refusal
    if case.known_row().kind is Kind.QR_QUERY:
        return None
    original = case.known_original()
    if case.card is not None and case.card.fingerprint != original.card:
        return Refusal("14", "not the card of the original")
    if case.card is None:
        case.card = case.desk.store.card(original.card)
    return None if case.card is not None else Refusal("14", "the original's card is gone")


def _void(case: Case) -> Refusal | None:
    return _in_this_batch(case, _PURCHASES) or _match_numbers(case) or _untouched(case) or _same_amount(case)


def _code_void(case: Case) -> Refusal | None:
    return _in_this_batch(case, _BY_CODE) or _match_numbers(case) or _untouched(case) or _same_amount(case)


def _code_query(case: Case) -> Refusal | None:
    batch, stan = case.text(61)[0:6], case.text(61)[6:12]
    case.original = case.desk.store.transaction(case.ref_for("0200", batch, stan))
    if case.original is None:
        return Refusal("25", "no such payment by a code", record=False)
    return None if case.original.kind in _BY_CODE else Refusal("12", "the original is no payment by a code")


def _code_refund(case: Case) -> Refusal | None:
    return _refund_of(case, _BY_CODE)


def _completion_void(case: Case) -> Refusal | None:
    return _in_this_batch(case, _COMPLETIONS) or _match_numbers(case) or _untouched(case) or _same_amount(case)


def _tip_adjust(case: Case) -> Refusal | None:
    refusal = _in_this_batch(case, frozenset({Kind.SALE})) or _match_numbers(case)
    refusal = refusal or _untouched(case, refunded_is_fine=True)
    if refusal is not None:
        return refusal
    original = case.known_original()
    if case.amount_minor < original.refunded_minor:
        return Refusal("12", "less than was refunded already")
    tip = case.amount_minor - original.amount_minor
    claimed = case.text(48)
    if tip < 0 or (claimed and int(claimed) != tip):
        return Refusal("13", "the new total is not the sale and the tip")
    if tip * 100 > original.amount_minor * case.desk.profile.rules.tip_percent_max:
        return Refusal("61", f"the tip is over {case.desk.profile.rules.tip_percent_max} percent")
    return None


def _refund(case: Case) -> Refusal | None:
    if case.text(22)[:2] == Entry.KEYED:
        return Refusal("57", "a refund needs the card")
    return _refund_of(case, _PURCHASES | _COMPLETIONS)


def _refund_of(case: Case, kinds: frozenset[Kind]) -> Refusal | None:
    desk, rules = case.desk, case.desk.profile.rules
    refusal = _by_rrn(case, kinds) or _untouched(case, refunded_is_fine=True)
    if refusal is not None:
        return refusal
    original = case.known_original()
    same_batch = (original.terminal_id, original.batch) == (case.terminal_id, case.batch)
    if same_batch and not rules.refund_same_batch:
        return Refusal(desk.own_code("Z3", "12"), "the sale's batch is still open")
    if (case.now.date() - datetime.fromisoformat(original.at).date()).days > rules.refund_days_max:
        return Refusal(desk.own_code("Z2", "12"), f"the sale is over {rules.refund_days_max} days old")
    if original.refunded_minor + case.amount_minor > original.posted_minor:
        return Refusal(desk.own_code("Z4", "64"), "more than is left of the sale")
    return None


def _authorization(case: Case) -> Refusal | None:
    """The pre-authorisation, untouched so far."""
    found = case.desk.store.transaction(case.ref_for("0100", case.text(61)[0:6], case.text(61)[6:12]))
    if found is None or not _is_authorization(case, found):
        others = case.desk.store.transactions_by_auth_code(case.merchant_id, case.text(38))
        stan = case.text(61)[6:12]
        matching = [other for other in others if _is_authorization(case, other) and stan in ("000000", other.stan)]
        if len(matching) != 1 or case.card is None or matching[0].card != case.card.fingerprint:
            return Refusal("25", "no such pre-authorisation")
        found = matching[0]
    case.original = found
    return _untouched(case) or _unexpired(case)


def _unexpired(case: Case) -> Refusal | None:
    holds = case.known_original().holds
    if holds and all(case.desk.ledger.stands(hold, case.at) for hold in holds):
        return None
    return Refusal("12", "the pre-authorisation has expired")


def _is_authorization(case: Case, record: TransactionRecord) -> bool:
    return record.kind == Kind.PREAUTH and record.approved and record.auth_code == case.text(38)


def _preauth_void(case: Case) -> Refusal | None:
    refusal = _authorization(case)
    if refusal is None and case.amount_minor != case.known_original().authorised_minor:
        return Refusal("64", "not the authorised amount")
    return refusal


def _completion(case: Case) -> Refusal | None:
    refusal = _authorization(case)
    if refusal is not None:
        return refusal
    percent = case.desk.profile.rules.completion_percent_max
    if case.amount_minor * 100 > case.known_original().authorised_minor * percent:
        code = case.desk.own_code("C8", "64")
        return Refusal(code, f"over {percent} percent of the authorised amount")
    return None


def _in_this_batch(case: Case, kinds: frozenset[Kind]) -> Refusal | None:
    batch, stan = case.text(61)[0:6], case.text(61)[6:12]
    found = case.desk.store.transaction(case.ref_for("0200", batch, stan)) if batch == case.batch else None
    if found is None:
        return Refusal("25", "no such transaction in this batch")
    if found.kind not in kinds or not found.approved:
        return Refusal("12", "the original is of another kind, or was declined")
    case.original = found
    return None


def _by_rrn(case: Case, kinds: frozenset[Kind]) -> Refusal | None:
    store = case.desk.store
    if case.uploaded and 37 not in case.message:
        found = store.transaction(case.ref_for("0200", case.text(61)[0:6], case.text(61)[6:12]))
        candidates = [found] if found is not None else []
    else:
        candidates = store.transactions_by_rrn(case.merchant_id, case.text(37))
    matching = [record for record in candidates if record.kind in kinds and _agrees(case, record)]
    if len(matching) != 1:
        return Refusal("25", "no such sale of this merchant")
    case.original = matching[0]
    return None if matching[0].approved else Refusal("12", "the original was declined")


def _agrees(case: Case, record: TransactionRecord) -> bool:
    """Element 61 names this record, as far as it is not zero."""
    parts = ((case.text(61)[0:6], record.batch), (case.text(61)[6:12], record.stan))
    date = case.text(61)[12:16]
    on = datetime.fromisoformat(record.at).strftime("%m%d")
    return all(not said.strip("0") or said == stored for said, stored in (*parts, (date, on)))


def _match_numbers(case: Case) -> Refusal | None:
    original = case.known_original()
    for element, stored in ((37, original.rrn), (38, original.auth_code)):
        if case.text(element).strip() and case.text(element).strip() != stored:
            return Refusal("25", f"element {element} is not the original's")
    return None


def _untouched(case: Case, *, refunded_is_fine: bool = False) -> Refusal | None:
    original = case.known_original()
    if original.reversed:
        return Refusal(case.desk.own_code("CA", "12"), "the original was reversed")
    if original.voided_by:
        return Refusal(case.desk.own_code("C9", "12"), "the original was voided")
    if original.completed_by:
        return Refusal("12", "the pre-authorisation was completed")
    if original.refunded_minor and not refunded_is_fine:
        return Refusal("12", "a part of the original was refunded")
    return None


def _same_amount(case: Case) -> Refusal | None:
    same = case.amount_minor == case.known_original().posted_minor
    return None if same else Refusal("64", "not the original's amount")


_RULES: Final[dict[Kind, Callable[[Case], Refusal | None]]] = {
    Kind.VOID: _void,
    Kind.REFUND: _refund,
    Kind.PREAUTH_ADD: _authorization,
    Kind.PREAUTH_VOID: _preauth_void,
    Kind.COMPLETION: _completion,
    Kind.COMPLETION_NOTICE: _completion,
    Kind.COMPLETION_VOID: _completion_void,
    Kind.TIP_ADJUST: _tip_adjust,
    Kind.QR_VOID: _code_void,
    Kind.QR_QUERY: _code_query,
    Kind.QR_REFUND: _code_refund,
}
