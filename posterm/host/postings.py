"""What an approved request moves in the ledger, and what it does to the transaction it refers to.

sale, offline sale, adjust   card to merchant; all but the first by force, the goods are gone
chip offline sale            the same
void, completion void        merchant to card; the hold of a voided completion is not put on again
refund                       merchant to card, and the sale remembers how much
pre-authorisation, add       a hold on the card, until the authorisation expires
pre-authorisation void       all holds of the authorisation released
completion                   all its holds released and the amount posted, linked; as a notice by force
tip                          the difference to what the sale has posted so far
balance                      nothing

Voids and tips name the transfer they correct.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from posterm.amount import MAX_MINOR, Amount, currency
from posterm.host.case import Case, Refusal
from posterm.host.chart import merchant_pending
from posterm.host.ledger import Outcome
from posterm.host.records import CardKind, TransactionRecord, TransferKind, TransferRecord
from posterm.unionpay.balances import Balance, pack_accumulated
from posterm.unionpay.transactions import Kind

Group = list[TransferRecord]


def post(case: Case) -> tuple[dict[str, Any], Refusal | None]:
    """Post an accepted request and note it on its original.

    Returns: fields of the request's record that say what was posted, and 51 when the card has too little; then nothing
        was posted.
    Raises: LedgerError.
    """
    kind = case.known_row().kind
    group = _GROUPS[kind](case)
    if group and case.desk.ledger.apply(group) is Outcome.INSUFFICIENT:
        return {}, Refusal("51", "not enough available")
    holds = tuple(transfer.transfer_id for transfer in group if transfer.kind == TransferKind.PENDING)
    posted: dict[str, Any] = {"transfers": len(group), "posted_minor": _posted_minor(case)}
    if kind is Kind.PREAUTH:
        posted |= {"holds": holds, "authorised_minor": case.amount_minor}
    if case.original is not None:
        case.original = _after(case, case.original, holds)
        case.desk.store.put_transaction(case.original)
    return posted, None


def balance_text(case: Case) -> str:
    """Element 54 of an answer: the available balance, or the sum of an authorisation; empty for other kinds."""
    kind = case.known_row().kind
    if kind is Kind.PREAUTH_ADD:
        return pack_accumulated(case.known_original().authorised_minor)
    if kind is not Kind.BALANCE:
        return ""
    card = case.known_card()
    available = case.desk.ledger.account(card.account_id).available
    account_type = "30" if card.kind == CardKind.CREDIT else "10"
    shown = Amount(min(abs(available), MAX_MINOR), currency(case.currency))
    return Balance(account_type, "02", shown, debit=available < 0).pack()


def _move(
    case: Case, kind: TransferKind, debit: str, credit: str, amount: int, *, forced: bool = False
) -> TransferRecord:
    """The first transfer of a request."""
    return TransferRecord(
        f"{case.ref}/1", kind.value, debit, credit, amount, case.currency, case.at, case.ref, forced=forced
    )


def _from_card(case: Case) -> Group:
    merchant = merchant_pending(case.merchant_id)
    return [_move(case, TransferKind.POSTED, case.known_card().account_id, merchant, case.amount_minor)]


def _from_card_by_force(case: Case) -> Group:
    return [replace(transfer, forced=True) for transfer in _from_card(case)]


def _to_card(case: Case) -> Group:
    merchant = merchant_pending(case.merchant_id)
    return [_move(case, TransferKind.POSTED, merchant, case.known_card().account_id, case.amount_minor)]


def _void(case: Case) -> Group:
    return [replace(transfer, corrects=_first_of_original(case)) for transfer in _to_card(case)]


def _first_hold(case: Case) -> Group:
    deadline = case.now + timedelta(days=case.desk.profile.rules.preauth_days_max)
    return _hold(case, deadline.isoformat())


def _further_hold(case: Case) -> Group:
    return _hold(case, case.desk.ledger.deadline(case.known_original().holds[0]))


def _hold(case: Case, deadline: str) -> Group:
    merchant = merchant_pending(case.merchant_id)
    hold = _move(case, TransferKind.PENDING, case.known_card().account_id, merchant, case.amount_minor)
    return [replace(hold, deadline=deadline)]


def _release(case: Case, first: int = 1) -> Group:
    """One transfer for each hold of the authorisation, numbered from `first`."""
    ledger = case.desk.ledger
    return [
        ledger.release(hold, f"{case.ref}/{number}", case.at, case.ref)
        for number, hold in enumerate(case.known_original().holds, start=first)
    ]


def _complete(case: Case) -> Group:
    return [*_from_card(case), *_release(case, first=2)]


def _complete_by_force(case: Case) -> Group:
    return [*_from_card_by_force(case), *_release(case, first=2)]


def _tip(case: Case) -> Group:
    card, merchant = case.known_card().account_id, merchant_pending(case.merchant_id)
    difference = case.amount_minor - case.known_original().posted_minor
    if not difference:
        return []
    debit, credit = (card, merchant) if difference > 0 else (merchant, card)
    moved = _move(case, TransferKind.POSTED, debit, credit, abs(difference), forced=True)
    return [replace(moved, corrects=_first_of_original(case))]


def _nothing(_case: Case) -> Group:
    return []


def _first_of_original(case: Case) -> str:
    """The transfer that posted the original's amount; see `_move`."""
    return f"{case.known_original().ref}/1"


_GROUPS: Final[dict[Kind, Callable[[Case], Group]]] = {
    Kind.BALANCE: _nothing,
    Kind.SALE: _from_card,
    Kind.VOID: _void,
    Kind.REFUND: _to_card,
    Kind.PREAUTH: _first_hold,
    Kind.PREAUTH_ADD: _further_hold,
    Kind.PREAUTH_VOID: _release,
    Kind.COMPLETION: _complete,
    Kind.COMPLETION_VOID: _void,
    Kind.COMPLETION_NOTICE: _complete_by_force,
    Kind.OFFLINE_SALE: _from_card_by_force,
    Kind.ADJUST: _from_card_by_force,
    Kind.TIP_ADJUST: _tip,
    Kind.CHIP_OFFLINE_SALE: _from_card_by_force,
}
_MOVES_ITS_AMOUNT: Final = frozenset(
    kind for kind, group in _GROUPS.items() if group not in (_nothing, _first_hold, _further_hold, _release, _tip)
)


def _posted_minor(case: Case) -> int:
    return case.amount_minor if case.known_row().kind in _MOVES_ITS_AMOUNT else 0


def _after(case: Case, original: TransactionRecord, holds: tuple[str, ...]) -> TransactionRecord:
    """The original as the request leaves it."""
    kind = case.known_row().kind
    if kind in (Kind.VOID, Kind.COMPLETION_VOID):
        return replace(original, voided_by=case.ref)
    if kind is Kind.PREAUTH_VOID:
        return replace(original, voided_by=case.ref, holds=())
    if kind in (Kind.COMPLETION, Kind.COMPLETION_NOTICE):
        return replace(original, completed_by=case.ref, holds=())
    if kind is Kind.PREAUTH_ADD:
        authorised = original.authorised_minor + case.amount_minor
        return replace(original, authorised_minor=authorised, holds=(*original.holds, *holds))
    if kind is Kind.REFUND:
        return replace(original, refunded_minor=original.refunded_minor + case.amount_minor)
    return replace(original, posted_minor=case.amount_minor, tip_minor=case.amount_minor - original.amount_minor)
