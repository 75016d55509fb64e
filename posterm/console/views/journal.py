"""The terminal's journal as a table or a document."""

from __future__ import annotations

from typing import Any

from posterm.amount import Amount
from posterm.terminal import Terminal
from posterm.terminal.records import Delivery, JournalEntry


def journal_lines(terminal: Terminal) -> list[str]:
    """One line for each entry, then state, totals and what is owed; 80 columns."""
    written = [f"{'VOUCHER':<8}{'BATCH':<8}{'TRANSACTION':<19}{'AMOUNT':>13}  {'CARD':<20}STATUS"]
    written += [_line(entry) for entry in terminal.journal]
    totals = terminal.totals
    written += [
        "",
        f"state    {terminal.state}, batch {terminal.batch}, last voucher {terminal.stan}",
        f"debit    {totals.debit_count:>3} {Amount(totals.debit_minor)!s:>15}",
        f"credit   {totals.credit_count:>3} {Amount(totals.credit_minor)!s:>15}",
    ]
    if terminal.owed:
        written.append(f"owed     {len(terminal.owed)} notices to the host")
    if terminal.reversal_stan:
        written.append(f"reversal of voucher {terminal.reversal_stan} is stored")
    return written


def _line(entry: JournalEntry) -> str:
    amount = str(Amount(entry.total_minor))
    status = entry.status.value
    if entry.undone_by:
        status = f"undone by {entry.undone_by}"
    elif entry.delivery not in (Delivery.NONE, Delivery.DELIVERED):
        status = f"{status}, {entry.delivery}"
    return f"{entry.stan:<8}{entry.batch:<8}{entry.kind:<19}{amount:>13}  {entry.masked_pan:<20}{status}"


def journal_document(terminal: Terminal) -> dict[str, Any]:
    """The same for machines."""
    totals = terminal.totals
    return {
        "state": terminal.state.value,
        "batch": terminal.batch,
        "last_voucher": terminal.stan,
        "reversal": terminal.reversal_stan,
        "totals": {
            "debit_minor": totals.debit_minor,
            "debit_count": totals.debit_count,
            "credit_minor": totals.credit_minor,
            "credit_count": totals.credit_count,
        },
        "entries": [
            {
                "voucher": entry.stan,
                "batch": entry.batch,
                "transaction": entry.kind.value,
                "amount_minor": entry.total_minor,
                "card": entry.masked_pan,
                "status": entry.status.value,
                "undone_by": entry.undone_by,
                "delivery": entry.delivery.value,
            }
            for entry in terminal.journal
        ],
    }
