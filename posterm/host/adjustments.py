"""Adjustments: what a merchant is given or charged outside a payment, cleared, filed and paid out like one.

A fee that was too high, an acquirer's part of a discount, a chargeback and its representment are each a transaction of
their own on the open clearing date, so that the date's closing, its settlement file, the payout and reconciliation
count it without knowing what it is. Nothing posted before is touched.

Source: corrections by new postings as in double-entry bookkeeping; posterm's own names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from posterm.host.case import Desk
from posterm.host.chart import fee_clearing, merchant_pending
from posterm.host.clearing import open_date
from posterm.host.errors import HostError
from posterm.host.ledger import Outcome
from posterm.host.records import TransactionRecord, TransferKind, TransferRecord


class AdjustmentKind(StrEnum):
    """What an adjustment is for; `TransactionRecord.kind` of its record."""

    FEE_CORRECTION = "fee-correction"
    DISCOUNT = "discount"
    CHARGEBACK = "chargeback"
    REPRESENTMENT = "representment"
    SERVICE_FEE = "service-fee"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Money for a merchant, or from it.

    `name` is its idempotency key, `gross_minor` what it adds to what the merchant has earned, from the account
    `against` or, below nothing, to it; `fee_minor` what it adds to the fees that it is charged. `original` is the
    reference of the transaction it is about.
    """

    name: str
    kind: AdjustmentKind
    merchant_id: str
    gross_minor: int = 0
    against: str = ""
    fee_minor: int = 0
    original: str = ""


def adjust(desk: Desk, adjustment: Adjustment, now: datetime) -> TransactionRecord:
    """Post an adjustment on the date that is open now. The same one again does nothing.

    Returns: its record.
    Raises: HostError: no such merchant, nothing to post, too little to take it from, or another one under its name.
    """
    store = desk.store
    merchant = store.merchant(adjustment.merchant_id)
    if merchant is None:
        raise HostError(f"adjustment {adjustment.name}: no merchant {adjustment.merchant_id!r}")
    if not adjustment.gross_minor and not adjustment.fee_minor:
        raise HostError(f"adjustment {adjustment.name}: nothing to post")
    if bool(adjustment.gross_minor) != bool(adjustment.against):
        raise HostError(f"adjustment {adjustment.name}: need the account for its amount, and none without an amount")
    ref = f"adjustment/{adjustment.name}"
    content = desk.fingerprint("adjustment", repr(adjustment))
    found = store.transaction(ref)
    if found is not None:
        if found.content != content:
            raise HostError(f"adjustment {adjustment.name}: posted already with other content")
        return found
    original = store.transaction(adjustment.original) if adjustment.original else None
    group = _transfers(adjustment, ref, merchant.currency, now)
    if desk.ledger.apply(group) is Outcome.INSUFFICIENT:
        raise HostError(f"adjustment {adjustment.name}: too little in the account {adjustment.against}")
    record = TransactionRecord(
        ref=ref,
        mti="",
        kind=adjustment.kind.value,
        terminal_id=original.terminal_id if original is not None else "",
        merchant_id=adjustment.merchant_id,
        batch="",
        stan="",
        entry_mode="",
        amount_minor=abs(adjustment.gross_minor or adjustment.fee_minor),
        currency=merchant.currency,
        at=now.isoformat(),
        clearing_date=open_date(store, desk.plan_of(merchant), now).isoformat(),
        rrn=original.rrn if original is not None else "",
        content=content,
        code="00",
        card=original.card if original is not None else "",
        masked_pan=original.masked_pan if original is not None else "",
        original=adjustment.original,
        transfers=len(group),
        approved=True,
        card_class=original.card_class if original is not None else "",
        channel=original.channel if original is not None else "",
        gross_minor=adjustment.gross_minor,
        fee_minor=adjustment.fee_minor,
    )
    store.put_transaction(record)
    return record


def _transfers(adjustment: Adjustment, ref: str, currency: str, now: datetime) -> list[TransferRecord]:
    pending = merchant_pending(adjustment.merchant_id)
    moves = (
        (adjustment.against, pending, adjustment.gross_minor),
        (pending, fee_clearing(currency), adjustment.fee_minor),
    )
    group: list[TransferRecord] = []
    for source, target, amount in moves:
        if amount:
            debit, credit = (source, target) if amount > 0 else (target, source)
            name = f"{ref}/{len(group) + 1}"
            posted = TransferKind.POSTED.value
            at = now.isoformat()
            group.append(TransferRecord(name, posted, debit, credit, abs(amount), currency, at, ref))
    return group
