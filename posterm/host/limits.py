"""Limits: what a merchant may take, reserved when a request is looked at, then confirmed or released.

Each rule of a plan counts in a row of its own for each period, `merchant/…/credit-day/2026-06-01`; the rules of an
owner are shared by all its merchants. A transaction keeps the names of its rows and how much of it counts there, so
whatever undoes it releases exactly that, once:

    declined after it was reserved    released
    sale, offline sale                confirmed; what is forced counts without being asked
    pre-authorisation, add            stays reserved until completed, voided, reversed or expired
    completion                        its reservation released, its amount confirmed in the same rows
    void, reversal                    released; the reversal of a void counts again
    refund                            released on the day of the sale, later not
    tip                               confirmed with the sale

Source: the reservations of a public acquirer's host and the limits Chinese acquirers publish; periods are calendar days
and months of the host's local time.
"""

from __future__ import annotations

from typing import Final

from posterm.host.case import Case, Refusal
from posterm.host.plan import LimitRow
from posterm.host.records import LimitUseRecord, TransactionRecord, TransferRecord
from posterm.host.store import HostStore
from posterm.unionpay.transactions import CODE_SALES, Kind

_SALES: Final = CODE_SALES | {Kind.SALE}
_NEW: Final = _SALES | {Kind.PREAUTH}
_ON_TOP: Final = frozenset({Kind.PREAUTH_ADD, Kind.COMPLETION})
_FORCED: Final = frozenset({Kind.OFFLINE_SALE, Kind.ADJUST, Kind.CHIP_OFFLINE_SALE})
_RESERVING: Final = frozenset({Kind.PREAUTH.value, Kind.PREAUTH_ADD.value})
_DAY_DIGITS: Final = 10
_MONTH_DIGITS: Final = 7


def check_limits(case: Case) -> Refusal | None:
    """C6 below the minimum, C0 no credit cards here, a rule's own code over its limit; 61 where the acquirer has none.

    Reserves the amount; `release_reserved` undoes that.
    """
    kind = case.known_row().kind
    if kind not in _NEW and kind not in _ON_TOP:
        return None
    plan, amount = case.plan, case.amount_minor
    if amount < plan.minimum_minor:
        return Refusal(case.desk.own_code("C6", "61"), f"under the minimum of {plan.minimum_minor}")
    if not plan.credit_open and case.fee_class.card == "credit" and kind in _NEW:
        return Refusal(case.desk.own_code("C0", "57"), "the merchant takes no credit cards")
    if not plan.limits:
        return None
    if kind in _ON_TOP:
        original = case.known_original()
        amount = amount if kind is Kind.PREAUTH_ADD else max(amount - original.authorised_minor, 0)
        uses = original.limits
    else:
        refusal = _over_one_transaction(case)
        if refusal is not None:
            return refusal
        uses = _uses(case)
    return _reserve(case, uses, amount) if uses and amount else None


def release_reserved(case: Case) -> None:
    """Undo `check_limits`."""
    _count(case.desk.store, case.limits, reserved=-case.reserved_minor)
    case.limits, case.reserved_minor = (), 0


def release(store: HostStore, record: TransactionRecord) -> None:
    """Free what a request has reserved that will not be carried out."""
    _count(store, record.limits, reserved=-record.limited_minor)


def settle_reserved(case: Case) -> tuple[tuple[str, ...], int]:
    """Make what was reserved final, once the request is approved.

    Returns: the rows the request counts in, and with how much; nothing for one that counts with its original.
    """
    kind, store = case.known_row().kind, case.desk.store
    if kind in _FORCED:
        uses = _uses(case)
        _count(store, uses, confirmed=case.amount_minor)
        return uses, case.amount_minor
    if kind in _SALES:
        _count(store, case.limits, reserved=-case.reserved_minor, confirmed=case.reserved_minor)
        return case.limits, case.reserved_minor
    if kind is Kind.PREAUTH:
        return case.limits, case.reserved_minor
    if kind in (Kind.COMPLETION, Kind.COMPLETION_NOTICE):
        uses = case.known_original().limits
        _count(store, uses, reserved=-case.reserved_minor, confirmed=case.amount_minor)
        return uses, case.amount_minor if uses else 0
    return (), 0


def after(case: Case, original: TransactionRecord) -> TransactionRecord:
    """The original of an approved request, with what it still counts for."""
    kind, store = case.known_row().kind, case.desk.store
    if not original.limits:
        return original
    if kind is Kind.PREAUTH_ADD:
        return original._replace(limited_minor=original.limited_minor + case.reserved_minor)
    if kind is Kind.TIP_ADJUST:
        return counted(store, original, case.amount_minor - original.posted_minor)
    if kind in (Kind.REFUND, Kind.QR_REFUND):
        same_day = case.at[:_DAY_DIGITS] == original.at[:_DAY_DIGITS]
        return counted(store, original, -min(case.amount_minor, original.limited_minor)) if same_day else original
    return counted(store, original, -original.limited_minor)


def counted(store: HostStore, record: TransactionRecord, amount: int) -> TransactionRecord:
    """Let a transaction count for so much more, or less; nothing is refused. Returns: its row, changed."""
    if not record.limits or not amount:
        return record
    if record.kind in _RESERVING:
        _count(store, record.limits, reserved=amount)
    else:
        _count(store, record.limits, confirmed=amount)
    return record._replace(limited_minor=record.limited_minor + amount)


def _over_one_transaction(case: Case) -> Refusal | None:
    for row in case.plan.limits:
        if row.per == "transaction" and case.amount_minor > row.most_minor and _fits(row, case):
            return _over(case, row)
    return None


def _reserve(case: Case, uses: tuple[str, ...], amount: int) -> Refusal | None:
    for use in uses:
        row = case.plan.limits_by_name.get(use.split("/")[2])
        found = case.desk.store.limit_use(use)
        if row is not None and (found.taken_minor if found is not None else 0) + amount > row.most_minor:
            return _over(case, row)
    _count(case.desk.store, uses, reserved=amount)
    case.limits, case.reserved_minor = uses, amount
    return None


def _count(store: HostStore, uses: tuple[str, ...], *, reserved: int = 0, confirmed: int = 0) -> None:
    if not reserved and not confirmed:
        return
    for use in uses:
        found = store.limit_use(use) or LimitUseRecord(use)
        store.put_limit_use(
            LimitUseRecord(use, found.reserved_minor + reserved, found.confirmed_minor + confirmed),
        )


def _uses(case: Case) -> tuple[str, ...]:
    """The rows a new request counts in: one for each rule that counts over a day or a month, and fits."""
    merchant = case.merchant
    if merchant is None:
        return ()
    uses = []
    for row in case.plan.limits:
        if row.per == "transaction" or not _fits(row, case):
            continue
        whose = merchant.owner if row.of == "owner" and merchant.owner else merchant.merchant_id
        what = "owner" if row.of == "owner" and merchant.owner else "merchant"
        period = case.at[: _DAY_DIGITS if row.per == "day" else _MONTH_DIGITS]
        uses.append(f"{what}/{whose}/{row.name}/{period}")
    return tuple(uses)


def _fits(row: LimitRow, case: Case) -> bool:
    kind, fee_class = case.known_row().kind, case.fee_class
    return (
        row.card in ("any", fee_class.card)
        and (row.channel in ("any", fee_class.channel) or (row.channel == "card" and fee_class.channel != "qr"))
        and (row.kind == "any" or (row.kind == "preauth") == (kind in (Kind.PREAUTH, Kind.PREAUTH_ADD)))
    )


def _over(case: Case, row: LimitRow) -> Refusal:
    return Refusal(case.desk.own_code(row.code, "61"), f"over the limit {row.name} of {row.most_minor}")


def release_expired(store: HostStore, hold: TransferRecord) -> None:
    """Release what a pre-authorisation has reserved, when one of its holds has expired: all of them do together."""
    record = store.transaction(hold.transaction)
    while record is not None and record.kind != Kind.PREAUTH:
        record = store.transaction(record.original)
    if record is not None and record.limited_minor:
        store.put_transaction(counted(store, record, -record.limited_minor))
