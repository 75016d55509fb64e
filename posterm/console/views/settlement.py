"""Clearing and payouts as rows of a table; money in units of its currency."""

from __future__ import annotations

from typing import Final

from posterm.console.views.ledger import money
from posterm.host.records import ClearingRecord, PayoutRecord

CLEARING_HEADING: Final = ("DATE", "MERCHANT", "DEBIT", "CREDIT", "FEE", "NET", "DUE")
PAYOUT_HEADING: Final = ("AMOUNT", "FEE", "DUE", "STATE", "TRY", "PAYOUT", "REASON")


def clearing_row(cleared: ClearingRecord) -> tuple[str, ...]:
    """What a merchant has earned on a date, as the cells of a row."""
    amounts = (cleared.debit_minor, cleared.credit_minor, cleared.fee_minor, cleared.net_minor)
    shown = (money(minor, cleared.currency) for minor in amounts)
    return (cleared.clearing_date, cleared.merchant_id, *shown, cleared.due)


def payout_row(payout: PayoutRecord) -> tuple[str, ...]:
    """A payout as the cells of a row."""
    amounts = (money(minor, payout.currency) for minor in (payout.amount_minor, payout.fee_minor))
    return (*amounts, payout.due, payout.state, str(payout.attempt), payout.payout_id, payout.reason)
