"""The deposit a merchant leaves for its device: held, returned by itself when enough was taken in time, or kept.

    held        bank to merchant's deposit
    returned    merchant's deposit to bank
    forfeited   merchant's deposit to the acquirer's service income

Source: the publicly described practice of Chinese acquirers; the states are those of such a deposit there.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

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

CURRENCY: Final = "156"


class Deposit(Document):
    """A merchant's deposit; `key` is the merchant's. `target_minor` is how much it must take to get it back.

    It must do so until the document is `due`; `taken_minor` is how much it has taken, as last counted.
    """

    kind: ClassVar[str] = "deposit"

    merchant: str
    merchant_id: str
    amount_minor: int
    target_minor: int
    held_at: str
    taken_minor: int = 0
    ended_at: str = ""


def hold_deposit(office: Office, merchant: Merchant, amount_minor: int, now: datetime) -> Deposit:
    """Post a deposit that was paid, and keep it until the target is met, or its time is over."""
    deposit = Deposit(
        key=merchant.key,
        subject=merchant.subject,
        state=DEPOSIT.initial,
        due=(now + timedelta(days=office.terms.deposit_target_days)).isoformat(),
        merchant=merchant.key,
        merchant_id=merchant.merchant_id,
        amount_minor=amount_minor,
        target_minor=office.terms.deposit_target_minor,
        held_at=now.isoformat(),
    )
    _post(office, deposit, "held", bank(CURRENCY), merchant_deposit(deposit.merchant_id), now)
    office.cabinet.put(deposit)
    office.tell(deposit, "hold", now, after=deposit.state, amount_minor=str(amount_minor))
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
    _post(office, deposit, "returned", merchant_deposit(deposit.merchant_id), bank(CURRENCY), now)
    return ended


def forfeit_deposit(office: Office, deposit: Deposit, now: datetime) -> Deposit:
    """Keep a deposit as income. Raises: NotNowError."""
    ended = office.move(DEPOSIT, deposit, "forfeit", now, due="", ended_at=now.isoformat())
    _post(
        office,
        deposit,
        "forfeited",
        merchant_deposit(deposit.merchant_id),
        service_income(office),
        now,
    )
    return ended


def service_income(office: Office) -> str:
    """The account of what the acquirer earns beside fees for payments, opened when it is first needed."""
    account = acquirer_account(AccountKind.SERVICE_INCOME, CURRENCY)
    office.ledger.open_account(account, CURRENCY, AccountKind.SERVICE_INCOME)
    return account


def _post(office: Office, deposit: Deposit, what: str, debit: str, credit: str, now: datetime) -> None:
    name = f"deposit/{deposit.merchant_id}/{what}"
    posted = TransferRecord(
        name, TransferKind.POSTED.value, debit, credit, deposit.amount_minor, CURRENCY, now.isoformat()
    )
    if office.ledger.apply([posted]) is Outcome.INSUFFICIENT:
        raise MerchantError(f"deposit of merchant {deposit.merchant_id}: less is held than it should be")


def _wake(office: Office, deposit: Deposit, now: datetime) -> None:
    counted = count_deposit(office, deposit.key, now)
    if counted is not None and counted.state == "HELD":
        forfeit_deposit(office, counted, now)


WAKES[Deposit] = _wake
