"""The chart of accounts: which kinds there are, on which side each grows, and which may not fall below nothing.

An account's identifier says whose it is; its kind says which row of `CHART` holds for it. A *bounded* account never has
less on its own side than its credit line allows, unless a transfer is forced.

Source: double-entry bookkeeping, normal balances; the parties to a fee after the Chinese card price list of 2016
(issuer, network, acquirer, and the acquirer's agent). Leaves out how much each party gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """The side on which an account grows: debit for what is owned, credit for what is owed or earned."""

    DEBIT = "debit"
    CREDIT = "credit"


class AccountKind(StrEnum):
    """What an account is for."""

    CARDHOLDER_DEBIT = "cardholder-debit"
    CARDHOLDER_CREDIT = "cardholder-credit"
    WALLET = "wallet"
    MERCHANT_PENDING = "merchant-pending"
    MERCHANT_PAYABLE = "merchant-payable"
    DEPOSIT = "deposit"
    FEE_CLEARING = "fee-clearing"
    FEE_ISSUER = "fee-issuer"
    FEE_NETWORK = "fee-network"
    FEE_ACQUIRER = "fee-acquirer"
    FEE_AGENT = "fee-agent"
    BANK = "bank"
    NETWORK = "network"
    SUSPENSE = "suspense"
    MARKETING = "marketing"
    POINTS = "points"
    DISPUTES = "disputes"
    SERVICE_INCOME = "service-income"


@dataclass(frozen=True, slots=True)
class ChartRow:
    """The rule of one kind of account."""

    side: Side
    bounded: bool
    purpose: str


CHART: Final[dict[str, ChartRow]] = {
    AccountKind.CARDHOLDER_DEBIT: ChartRow(Side.CREDIT, True, "what a debit card may spend"),
    AccountKind.CARDHOLDER_CREDIT: ChartRow(Side.CREDIT, True, "a credit card, down to its credit line"),
    AccountKind.WALLET: ChartRow(Side.CREDIT, True, "what a wallet on a telephone may spend"),
    AccountKind.MERCHANT_PENDING: ChartRow(
        Side.CREDIT, False, "what a merchant has earned since the last cleared date"
    ),
    AccountKind.MERCHANT_PAYABLE: ChartRow(Side.CREDIT, False, "what cleared dates have earned, until it is paid"),
    AccountKind.DEPOSIT: ChartRow(Side.CREDIT, True, "what a merchant has left as security"),
    AccountKind.FEE_CLEARING: ChartRow(Side.CREDIT, False, "fees that were charged, until clearing splits them"),
    AccountKind.FEE_ISSUER: ChartRow(Side.CREDIT, False, "the issuers' part of the fees"),
    AccountKind.FEE_NETWORK: ChartRow(Side.CREDIT, False, "the card network's part of the fees"),
    AccountKind.FEE_ACQUIRER: ChartRow(Side.CREDIT, False, "the acquirer's part of the fees"),
    AccountKind.FEE_AGENT: ChartRow(Side.CREDIT, False, "the part of the acquirer's agent"),
    AccountKind.BANK: ChartRow(Side.DEBIT, False, "money outside: opening balances come from it, payouts go to it"),
    AccountKind.NETWORK: ChartRow(
        Side.CREDIT, False, "what another institution is owed, or below nothing owes, until the network settles"
    ),
    AccountKind.SUSPENSE: ChartRow(Side.CREDIT, False, "what cannot be attributed yet"),
    AccountKind.MARKETING: ChartRow(Side.DEBIT, False, "the acquirer's part of discounts and points"),
    AccountKind.POINTS: ChartRow(Side.CREDIT, False, "what points the acquirer gave are worth, until they are spent"),
    AccountKind.SERVICE_INCOME: ChartRow(Side.CREDIT, False, "yearly fees, and deposits that were kept"),
    AccountKind.DISPUTES: ChartRow(Side.CREDIT, True, "disputed amounts taken from merchants, until they are decided"),
}
FEE_KINDS: Final = (
    AccountKind.FEE_ISSUER,
    AccountKind.FEE_NETWORK,
    AccountKind.FEE_ACQUIRER,
    AccountKind.FEE_AGENT,
)


def merchant_pending(merchant_id: str) -> str:
    """The account of what a merchant has earned on dates that are not cleared yet."""
    return f"merchant/{merchant_id}/pending"


def merchant_payable(merchant_id: str) -> str:
    """The account of what a merchant has earned on cleared dates, and was not paid yet."""
    return f"merchant/{merchant_id}/payable"


def merchant_deposit(merchant_id: str) -> str:
    """The account of what a merchant has left as security."""
    return f"merchant/{merchant_id}/deposit"


def fee_income(kind: AccountKind, currency: str) -> str:
    """The account of one party's part of the fees; `kind` is one of `FEE_KINDS`.

    >>> fee_income(AccountKind.FEE_NETWORK, "156")
    'fee/network/156'
    """
    return f"{kind.value.replace('-', '/')}/{currency}"


def fee_clearing(currency: str) -> str:
    """The account of fees that were charged and not split yet."""
    return f"fee/clearing/{currency}"


def bank(currency: str) -> str:
    """The account opening balances come from."""
    return f"bank/{currency}"


def network(institution: str, currency: str) -> str:
    """The account of what is owed to an institution on the other side of the network."""
    return f"network/{institution}/{currency}"


def suspense(currency: str) -> str:
    """The account for what cannot be attributed yet."""
    return f"suspense/{currency}"


def acquirer_account(kind: AccountKind, currency: str) -> str:
    """The acquirer's one account of a kind that it has by currency; opened when it is first needed.

    >>> acquirer_account(AccountKind.DISPUTES, "156")
    'disputes/156'
    """
    return f"{kind.value}/{currency}"


def merchant_accounts(merchant_id: str, currency: str) -> dict[str, AccountKind]:
    """Every account a merchant needs, its own and those it shares with all of its currency, with their kinds."""
    return {
        merchant_pending(merchant_id): AccountKind.MERCHANT_PENDING,
        merchant_payable(merchant_id): AccountKind.MERCHANT_PAYABLE,
        merchant_deposit(merchant_id): AccountKind.DEPOSIT,
        fee_clearing(currency): AccountKind.FEE_CLEARING,
        **{fee_income(kind, currency): kind for kind in FEE_KINDS},
        bank(currency): AccountKind.BANK,
        suspense(currency): AccountKind.SUSPENSE,
    }
