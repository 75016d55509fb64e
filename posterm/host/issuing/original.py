"""The earlier request that a message names by DE 90, and whether it may still be acted on.

    asked    25 unknown, 12 declined, reversed, voided, completed or expired, 14 another card, 64 another amount
    told     nothing is refused: what cannot be tied to its original any more is posted by itself

Source: Q/CUP 006 as restated publicly, DE 90; the rules are those of `posterm.host.originals`.
"""

from __future__ import annotations

from typing import Final

from posterm.host.case import Case, Refusal
from posterm.host.records import TransactionRecord
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.network_link import Trace
from posterm.unionpay.transactions import TRANSACTIONS, Kind

_NEEDS_ORIGINAL: Final = frozenset(
    {Kind.VOID, Kind.PREAUTH_ADD, Kind.PREAUTH_VOID, Kind.COMPLETION, Kind.COMPLETION_VOID}
)
_ACTS_ON: Final = {
    Kind.VOID: frozenset({Kind.SALE, Kind.OFFLINE_SALE}),
    Kind.PREAUTH_ADD: frozenset({Kind.PREAUTH}),
    Kind.PREAUTH_VOID: frozenset({Kind.PREAUTH}),
    Kind.COMPLETION: frozenset({Kind.PREAUTH}),
    Kind.COMPLETION_VOID: frozenset({Kind.COMPLETION, Kind.COMPLETION_NOTICE}),
    Kind.COMPLETION_NOTICE: frozenset({Kind.PREAUTH}),
    Kind.REFUND: frozenset({Kind.SALE, Kind.OFFLINE_SALE, Kind.COMPLETION, Kind.COMPLETION_NOTICE}),
    Kind.OFFLINE_SALE: frozenset({Kind.SALE, Kind.OFFLINE_SALE}),
}
"""What may be acted on; an offline sale that names a sale is a tip on it."""

_HOLDS: Final = frozenset({Kind.PREAUTH_ADD, Kind.PREAUTH_VOID, Kind.COMPLETION, Kind.COMPLETION_NOTICE})


def find_original(case: Case, original: str) -> None:
    """Look for the request that DE 90 names; `case.original` stays unset when it is not there."""
    if original:
        try:
            case.original = case.desk.store.transaction(Trace.parse(original).reference())
        except LayoutError:
            case.original = None


def check_asked_original(case: Case) -> Refusal | None:
    """Whether a request may act on its original."""
    if case.known_row().kind not in _NEEDS_ORIGINAL:
        case.original = None
        return None
    original = case.original
    if original is None:
        return Refusal("25", "the original is not known")
    if case.card is not None and original.card != case.card.fingerprint:
        return Refusal("14", "not the card of the original")
    if not _may_be_acted_on(case, original):
        return Refusal("12", "the original was declined, is of another kind or over")
    return _check_amount(case, original)


def tie_told_original(case: Case) -> None:
    """Keep the original of an advice only if it can still be acted on."""
    kind, original = case.known_row().kind, case.original
    same_card = original is not None and case.card is not None and original.card == case.card.fingerprint
    if original is None or not same_card or not _may_be_acted_on(case, original):
        case.original = None
        if kind is Kind.COMPLETION_NOTICE:
            case.row = TRANSACTIONS[Kind.OFFLINE_SALE]


def tipped(case: Case, original: TransactionRecord) -> TransactionRecord:
    """A sale with a tip that was told of later."""
    return original._replace(
        posted_minor=original.posted_minor + case.amount_minor,
        tip_minor=original.tip_minor + case.amount_minor,
    )


def _may_be_acted_on(case: Case, original: TransactionRecord) -> bool:
    kind = case.known_row().kind
    fits = original.kind in _ACTS_ON.get(kind, frozenset()) and original.stands
    if not fits or original.voided_by or original.completed_by:
        return False
    if kind in _HOLDS:
        return bool(original.holds) and all(case.desk.ledger.stands(hold, case.at) for hold in original.holds)
    return True


def _check_amount(case: Case, original: TransactionRecord) -> Refusal | None:
    kind, percent = case.known_row().kind, case.desk.profile.rules.completion_percent_max
    left = original.posted_minor - original.refunded_minor
    if kind in (Kind.VOID, Kind.COMPLETION_VOID) and case.amount_minor != left:
        return Refusal("64", "not the original's amount")
    if kind is Kind.PREAUTH_VOID and case.amount_minor != original.authorised_minor:
        return Refusal("64", "not the authorised amount")
    if kind is Kind.COMPLETION and case.amount_minor * 100 > original.authorised_minor * percent:
        return Refusal("64", f"over {percent} percent of the authorised amount")
    return None
