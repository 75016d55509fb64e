"""Accounts, transfers and statements of the ledger: rows for a table, and documents for machines.

A table shows money in units of its currency; documents hold whole minor units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from posterm.amount import currency
from posterm.errors import AmountError
from posterm.host.chart import Side
from posterm.host.ledger_proof import LedgerProof
from posterm.host.ledger_statement import StatementLine
from posterm.host.records import AccountRecord, TransferRecord

MONEY: Final = frozenset({"AMOUNT", "AVAILABLE", "BALANCE", "CREDIT", "DEBIT", "FEE", "HELD", "NET"})
"""Columns that are set to the right."""

ACCOUNT_HEADING: Final = ("BALANCE", "HELD", "AVAILABLE", "CURRENCY", "ACCOUNT", "KIND")
TRANSFER_HEADING: Final = ("TIME", "KIND", "AMOUNT", "FROM", "TO", "TRANSFER")
STATEMENT_HEADING: Final = ("TIME", "DEBIT", "CREDIT", "BALANCE", "OTHER ACCOUNT", "TRANSFER")


def money(minor: int, number: str) -> str:
    """Minor units as people write them; bare minor units for a currency that is not known.

    >>> money(-1234567, "156"), money(5, "156"), money(7, "392")
    ('-12,345.67', '0.05', '7')
    """
    try:
        exponent = currency(number).exponent
    except AmountError:
        exponent = 0
    whole, part = divmod(abs(minor), 10**exponent)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole:,}.{part:0{exponent}d}" if exponent else f"{sign}{whole:,}"


def money_to_the_right(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Heading and rows, with the amounts of each column of money under one another."""
    table = [list(row) for row in (heading, *rows)]
    for place in (place for place, name in enumerate(heading) if name in MONEY):
        width = max(len(row[place]) for row in table)
        for row in table:
            row[place] = row[place].rjust(width)
    return table


def account_row(account: AccountRecord) -> tuple[str, ...]:
    """One account as the cells of a row."""
    held = max(account.debits_pending, account.credits_pending)
    amounts = (money(minor, account.currency) for minor in (account.balance, held, account.available))
    return (*amounts, _code(account.currency), account.account_id, account.kind)


def account_document(account: AccountRecord) -> dict[str, Any]:
    """One account with its four balances and what follows from them."""
    return {**account._asdict(), "balance": account.balance, "available": account.available}


def transfer_row(transfer: TransferRecord) -> tuple[str, ...]:
    """One transfer as the cells of a row; what it ends or corrects stands behind its name."""
    name = transfer.transfer_id
    if transfer.resolves:
        name += f" ends {transfer.resolves}"
    if transfer.corrects:
        name += f" corrects {transfer.corrects}"
    if transfer.deadline:
        name += f" until {_minute(transfer.deadline)}"
    amount = money(transfer.amount, transfer.currency)
    return (_minute(transfer.at), transfer.kind, amount, transfer.debit_account, transfer.credit_account, name)


def transfer_document(transfer: TransferRecord) -> dict[str, Any]:
    """One transfer with all its fields."""
    return transfer._asdict()


def statement_row(line: StatementLine) -> tuple[str, ...]:
    """One line of a statement as the cells of a row."""
    transfer = line.transfer
    amount = money(transfer.amount, transfer.currency)
    debit, credit = (amount, "") if line.side is Side.DEBIT else ("", amount)
    balance = money(line.balance, transfer.currency)
    return (_minute(transfer.at), debit, credit, balance, line.other_account, transfer.transfer_id)


def statement_document(line: StatementLine) -> dict[str, Any]:
    """One line of a statement."""
    transfer = line.transfer
    return {
        "at": transfer.at,
        "transfer_id": transfer.transfer_id,
        "transaction": transfer.transaction,
        "corrects": transfer.corrects,
        "other_account": line.other_account,
        "side": line.side.value,
        "amount": transfer.amount,
        "currency": transfer.currency,
        "balance": line.balance,
    }


def proof_lines(proof: LedgerProof) -> list[str]:
    """What was counted, and every fault on a line of its own."""
    counted = f"{proof.accounts} accounts, {proof.transfers} transfers, {len(proof.faults)} faults"
    return [counted, *(f"  {fault}" for fault in proof.faults)]


def proof_document(proof: LedgerProof) -> dict[str, Any]:
    """The same for machines."""
    return {"accounts": proof.accounts, "transfers": proof.transfers, "faults": list(proof.faults)}


def _code(number: str) -> str:
    """The letters of a currency; its number when it is not known."""
    try:
        return currency(number).code
    except AmountError:
        return number


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")
