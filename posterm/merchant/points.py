"""Loyalty points: what a member has of a merchant's points, and what they are worth in the ledger.

A member is known by the fingerprint of a mobile number. Points that the acquirer pays for are a debt of its from the
moment they are earned: marketing is charged, and the account of points owes until they are spent.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from posterm.host import AccountKind
from posterm.host.chart import acquirer_account
from posterm.host.records import TransferKind, TransferRecord
from posterm.merchant.document import Document
from posterm.merchant.office import Office
from posterm.merchant.personal import Mobile


class Points(Document):
    """What one member has. `key` is the merchant's, a stroke, and the member's fingerprint."""

    kind: ClassVar[str] = "points"

    merchant: str
    member: Mobile
    balance: int = 0


def points_of(office: Office, subject: str, merchant: str, member: Mobile) -> Points:
    """What a member has, nothing for a new one."""
    key = f"{merchant}/{office.cabinet.fingerprint('member', member.reveal())}"
    return office.cabinet.get(Points, key) or Points(key=key, subject=subject, merchant=merchant, member=member)


def change_points(office: Office, points: Points, count: int, event: str, now: datetime) -> Points:
    """Add points, or take some away.

    What is left may be below nothing: when a payment that earned points is undone after they were spent.
    """
    changed = office.cabinet.put(points.model_copy(update={"balance": points.balance + count}))
    office.tell(changed, event, now, points=str(count))
    return changed


def owe_points(office: Office, name: str, worth_minor: int, currency: str, now: datetime) -> None:
    """Let the acquirer owe what points are worth; below nothing, owe it no more. Posted once for each name."""
    if not worth_minor:
        return
    marketing, points = (open_accounts(office, currency)[kind] for kind in (AccountKind.MARKETING, AccountKind.POINTS))
    debit, credit = (marketing, points) if worth_minor > 0 else (points, marketing)
    posted = TransferKind.POSTED.value
    office.ledger.apply([TransferRecord(name, posted, debit, credit, abs(worth_minor), currency, now.isoformat())])


def open_accounts(office: Office, currency: str) -> dict[AccountKind, str]:
    """The acquirer's accounts for discounts and points, opened when they are first needed."""
    accounts = {kind: acquirer_account(kind, currency) for kind in (AccountKind.MARKETING, AccountKind.POINTS)}
    for kind, account in accounts.items():
        office.ledger.open_account(account, currency, kind)
    return accounts
