"""The deposit a merchant leaves for its device: held, returned by itself when enough was taken in time, or kept.

    held        bank to merchant's deposit
    returned    merchant's deposit to bank
    forfeited   merchant's deposit to the acquirer's service income

Source: the publicly described practice of Chinese acquirers; the states are those of such a deposit there.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from posterm.host.chart import AccountKind, acquirer_account, bank, merchant_deposit
from posterm.host.ledger import Outcome
from posterm.host.records import TransferKind, TransferRecord
from posterm.merchant.calendar import WAKES
from posterm.merchant.device import devices_of
from posterm.merchant.document import Document
from posterm.merchant.errors import MerchantError
from posterm.merchant.machines import DEPOSIT
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office
from posterm.merchant.takings import taken_by


class Deposit(Document):
    """A merchant's deposit. `key` is the merchant's; money is minor units."""

    kind: ClassVar[str] = "deposit"

    merchant_id: str
    currency: str = "156"
    amount_minor: int
    target_minor: int
    taken_minor: int = 0
    held_at: str = ""
    ended_at: str = ""


def hold_deposit(office: Office, merchant: Merchant, now: datetime) -> Deposit | None:
    """Hold what the terms ask; None when they ask nothing."""
    amount = office.terms.deposit_minor
    if not amount:
        return None
    deposit = Deposit(
        key=merchant.key,
        subject=merchant.subject,
        state=DEPOSIT.initial,
        due=(now + timedelta(days=office.terms.deposit_target_days)).isoformat(),
        merchant_id=merchant.merchant_id,
        amount_minor=amount,
        target_minor=office.terms.deposit_target_minor,
        held_at=now.isoformat(),
    )
    _post(office, deposit, "held", bank(deposit.currency), merchant_deposit(deposit.merchant_id), now)
    office.cabinet.put(deposit)
    office.tell(deposit, "hold", now, after=deposit.state, amount=str(amount))
    return deposit


def is_held(office: Office, merchant: str) -> bool:
    """True while a merchant's deposit waits for its target."""
    deposit = office.cabinet.get(Deposit, merchant)
    return deposit is not None and deposit.state == "HELD"


def count_deposit(office: Office, merchant: str, now: datetime) -> Deposit | None:
    """Count what the merchant's devices have taken, and return the deposit when it is enough."""
    deposit = office.cabinet.get(Deposit, merchant)
    if deposit is None or deposit.state != "HELD":
        return deposit
    taken = sum(taken_by(office, device) for device in devices_of(office, merchant))
    if taken >= deposit.target_minor:
        met = office.move(DEPOSIT, deposit, "meet-target", now, taken_minor=taken, due="")
        return return_deposit(office, met, now)
    if taken != deposit.taken_minor:
        deposit = office.cabinet.put(deposit.model_copy(update={"taken_minor": taken}))
    return deposit


def return_deposit(office: Office, deposit: Deposit, now: datetime) -> Deposit:
    """Give a deposit back. Raises: NotNowError."""
    ended = office.move(DEPOSIT, deposit, "return", now, due="", ended_at=now.isoformat())
    _post(office, deposit, "returned", merchant_deposit(deposit.merchant_id), bank(deposit.currency), now)
    return ended


def forfeit_deposit(office: Office, deposit: Deposit, now: datetime) -> Deposit:
    """Keep a deposit as income. Raises: NotNowError."""
    ended = office.move(DEPOSIT, deposit, "forfeit", now, due="", ended_at=now.isoformat())
    _post(
        office,
        deposit,
        "forfeited",
        merchant_deposit(deposit.merchant_id),
        service_income(office, deposit.currency),
        now,
    )
    return ended


def service_income(office: Office, currency: str) -> str:
    """The account of what the acquirer earns beside fees for payments, opened when it is first needed."""
    account = acquirer_account(AccountKind.SERVICE_INCOME, currency)
    office.ledger.open_account(account, currency, AccountKind.SERVICE_INCOME)
    return account


def _post(office: Office, deposit: Deposit, what: str, debit: str, credit: str, now: datetime) -> None:
    name = f"deposit/{deposit.merchant_id}/{what}"
    posted = TransferRecord(
        name, TransferKind.POSTED.value, debit, credit, deposit.amount_minor, deposit.currency, now.isoformat()
    )
    if office.ledger.apply([posted]) is Outcome.INSUFFICIENT:
        raise MerchantError(f"deposit of merchant {deposit.merchant_id}: less is held than it should be")


def _wake(office: Office, deposit: Deposit, now: datetime) -> None:
    counted = count_deposit(office, deposit.key, now)
    if counted is not None and counted.state == "HELD":
        forfeit_deposit(office, counted, now)


WAKES[Deposit] = _wake
