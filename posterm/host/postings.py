"""What an approved request moves in the ledger, and what it does to the transaction it refers to.

sale, offline sale, adjust   card to merchant; all but the first by force, the goods are gone
chip offline sale            the same
void, completion void        merchant to card; the hold of a voided completion is not put on again
refund                       merchant to card, and the sale remembers how much
pre-authorisation, add       a hold on the card, until the authorisation expires
pre-authorisation void       all holds of the authorisation released
completion                   all its holds released and the amount posted, linked; as a notice by force
tip                          the difference to what the sale has posted so far
balance, query               nothing
payment by a code            as a sale; wallet to merchant, when the wallet has paid, which may be later

Voids and tips name the transfer they correct. The merchant's fee goes with them in the same group, from merchant to
fees charged: of a sale or completion, of what a tip adds; and back with a void, or a refund if the plan says so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from posterm.amount import MAX_MINOR, Amount, currency
from posterm.host import limits
from posterm.host.case import Case, Refusal
from posterm.host.chart import fee_clearing
from posterm.host.fees import fee_for, fee_given_back
from posterm.host.ledger import Outcome
from posterm.host.records import CardKind, TransactionRecord, TransferKind, TransferRecord
from posterm.unionpay.balances import Balance, pack_accumulated
from posterm.unionpay.transactions import Kind

Group = list[TransferRecord]
_VOIDS: Final = frozenset({Kind.VOID, Kind.COMPLETION_VOID, Kind.QR_VOID})


def post(case: Case) -> tuple[dict[str, Any], Refusal | None]:
    """Post an accepted request and note it on its original.

    Returns: fields of the request's record that say what was posted, and 51 when the card has too little; then nothing
        was posted.
    Raises: LedgerError.
    """
    kind = case.known_row().kind
    group = group_of(case)
    fee = _FEES.get(kind, _no_fee)(case)
    if fee:
        group.append(_fee(case, fee, len(group) + 1))
    if group and case.desk.ledger.apply(group) is Outcome.INSUFFICIENT:
        return {}, Refusal("51", "not enough available")
    posted = booked(case, group) | {"gross_minor": _gross_minor(case), "fee_minor": fee}
    if kind in _PURCHASES:
        posted["fee_now_minor"] = fee
    uses, counted = limits.settle_reserved(case)
    if uses:
        posted |= {"limits": uses, "limited_minor": counted}
    if case.original is not None:
        original = limits.after(case, case.original)
        case.original = original_after(case, original, group, fee)
        case.desk.store.put_transaction(case.original)
    return posted, None


def group_of(case: Case) -> Group:
    """The transfers between card and payee, without any fee. Raises: LedgerError."""
    return _GROUPS[case.known_row().kind](case)


def booked(case: Case, group: Group) -> dict[str, Any]:
    """Fields of a request's record that say what its transfers have done."""
    fields: dict[str, Any] = {"transfers": len(group), "posted_minor": _posted_minor(case)}
    if case.known_row().kind is Kind.PREAUTH:
        fields |= {"holds": _holds(group), "authorised_minor": case.amount_minor}
    return fields


def _holds(group: Group) -> tuple[str, ...]:
    return tuple(transfer.transfer_id for transfer in group if transfer.kind == TransferKind.PENDING)


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


def usual_transfers(case: Case) -> tuple[str, str]:
    """The keys of the transfers that a request has as a rule: of its amount, and of its fee."""
    return f"{case.ref}/1", f"{case.ref}/2"


def _move(
    case: Case, kind: TransferKind, debit: str, credit: str, amount: int, *, forced: bool = False
) -> TransferRecord:
    """The first transfer of a request."""
    return TransferRecord(
        f"{case.ref}/1", kind.value, debit, credit, amount, case.currency, case.at, case.ref, forced=forced
    )


def _from_card(case: Case) -> Group:
    return [_move(case, TransferKind.POSTED, case.known_card().account_id, case.payee, case.amount_minor)]


def _from_card_by_force(case: Case) -> Group:
    return [transfer._replace(forced=True) for transfer in _from_card(case)]


def _to_card(case: Case) -> Group:
    return [_move(case, TransferKind.POSTED, case.payee, case.known_card().account_id, case.amount_minor)]


def _void(case: Case) -> Group:
    return [transfer._replace(corrects=_first_of_original(case)) for transfer in _to_card(case)]


def _first_hold(case: Case) -> Group:
    deadline = case.now + timedelta(days=case.desk.profile.rules.preauth_days_max)
    return _hold(case, deadline.isoformat())


def _further_hold(case: Case) -> Group:
    return _hold(case, case.desk.ledger.deadline(case.known_original().holds[0]))


def _hold(case: Case, deadline: str) -> Group:
    hold = _move(case, TransferKind.PENDING, case.known_card().account_id, case.payee, case.amount_minor)
    return [hold._replace(deadline=deadline)]


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
    card, merchant = case.known_card().account_id, case.payee
    difference = case.amount_minor - case.known_original().posted_minor
    if not difference:
        return []
    debit, credit = (card, merchant) if difference > 0 else (merchant, card)
    moved = _move(case, TransferKind.POSTED, debit, credit, abs(difference), forced=True)
    return [moved._replace(corrects=_first_of_original(case))]


def _nothing(_case: Case) -> Group:
    return []


def _fee(case: Case, fee: int, number: int) -> TransferRecord:
    """The transfer of a fee to what was charged, or of one below nothing back to the merchant."""
    merchant, charged = case.payee, fee_clearing(case.currency)
    debit, credit = (merchant, charged) if fee > 0 else (charged, merchant)
    kind, original = case.known_row().kind, case.original
    corrects = ""
    if kind in _VOIDS and original is not None and original.fee_minor:
        corrects = f"{original.ref}/{original.transfers}"  # a fee is the last transfer of its group
    return TransferRecord(
        f"{case.ref}/{number}",
        TransferKind.POSTED.value,
        debit,
        credit,
        abs(fee),
        case.currency,
        case.at,
        case.ref,
        corrects=corrects,
    )


def _fee_of_purchase(case: Case) -> int:
    return fee_for(case.plan, case.fee_class, case.amount_minor)


def _fee_of_tip(case: Case) -> int:
    original = case.known_original()
    kind = case.fee_class._replace(channel=original.channel)
    more = fee_for(case.plan, kind, case.amount_minor) - fee_for(case.plan, kind, original.posted_minor)
    return max(more, -original.fee_now_minor)


def _fee_of_void(case: Case) -> int:
    return -case.known_original().fee_now_minor


def _fee_of_refund(case: Case) -> int:
    original = case.known_original()
    left = original.posted_minor - original.refunded_minor
    return -fee_given_back(case.plan, fee=original.fee_now_minor, left=left, refund=case.amount_minor)


def _no_fee(_case: Case) -> int:
    return 0


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
    Kind.QR_SALE: _from_card,
    Kind.QR_ORDER: _from_card,
    Kind.QR_VOID: _void,
    Kind.QR_QUERY: _nothing,
    Kind.QR_REFUND: _to_card,
}
_MOVES_ITS_AMOUNT: Final = frozenset(
    kind for kind, group in _GROUPS.items() if group not in (_nothing, _first_hold, _further_hold, _release, _tip)
)


_PURCHASES: Final = frozenset(
    kind for kind, group in _GROUPS.items() if group in (_from_card, _from_card_by_force, _complete, _complete_by_force)
)
_FEES: Final[dict[Kind, Callable[[Case], int]]] = {
    **dict.fromkeys(_PURCHASES, _fee_of_purchase),
    Kind.TIP_ADJUST: _fee_of_tip,
    Kind.VOID: _fee_of_void,
    Kind.COMPLETION_VOID: _fee_of_void,
    Kind.QR_VOID: _fee_of_void,
    Kind.REFUND: _fee_of_refund,
    Kind.QR_REFUND: _fee_of_refund,
}


def _gross_minor(case: Case) -> int:
    """What the request adds to what the merchant has earned."""
    kind = case.known_row().kind
    if kind is Kind.TIP_ADJUST:
        return case.amount_minor - case.known_original().posted_minor
    return _posted_minor(case) if kind in _PURCHASES else -_posted_minor(case)


def _posted_minor(case: Case) -> int:
    return case.amount_minor if case.known_row().kind in _MOVES_ITS_AMOUNT else 0


def original_after(case: Case, original: TransactionRecord, group: Group, fee: int) -> TransactionRecord:
    """The original as the request leaves it; `fee` is what was charged with the request."""
    kind = case.known_row().kind
    if kind in _VOIDS:
        return original._replace(voided_by=case.ref, fee_now_minor=0)
    if kind is Kind.PREAUTH_VOID:
        return original._replace(voided_by=case.ref, holds=())
    if kind in (Kind.COMPLETION, Kind.COMPLETION_NOTICE):
        return original._replace(completed_by=case.ref, holds=())
    if kind is Kind.PREAUTH_ADD:
        authorised = original.authorised_minor + case.amount_minor
        return original._replace(authorised_minor=authorised, holds=(*original.holds, *_holds(group)))
    if kind in (Kind.REFUND, Kind.QR_REFUND):
        refunded, left = original.refunded_minor + case.amount_minor, original.fee_now_minor + fee
        return original._replace(refunded_minor=refunded, fee_now_minor=left)
    return original._replace(
        posted_minor=case.amount_minor,
        tip_minor=case.amount_minor - original.amount_minor,
        fee_now_minor=original.fee_now_minor + fee,
    )
