"""Withdrawal (撤机): the last settlement, the device back, its terminal closed, and the deposit given back.

With a merchant's last device the merchant itself is closed, at the host too.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.contracting import contract_of
from posterm.merchant.deposit import Deposit, count_deposit, return_deposit
from posterm.merchant.device import Device, close_at_host, close_device, device_in_hand, devices_of
from posterm.merchant.device_problems import refuse_if, refused
from posterm.merchant.document import Document
from posterm.merchant.free_text import free_text
from posterm.merchant.machines import CONTRACT, DEVICE, MERCHANT, WITHDRAWAL
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office
from posterm.merchant.takings import count_takings

_ENDS = frozenset({"CLOSED", "CANCELLED"})


class Withdrawal(Document):
    """The way out for one device."""

    kind: ClassVar[str] = "withdrawal"

    device: str
    merchant: str
    reason: str = ""
    requested_at: str = ""
    closed_at: str = ""


def request_withdrawal(office: Office, actor: Actor, serial: str, reason: str, now: datetime) -> Withdrawal:
    """Ask to give a device back. It may sell until everything is settled. Raises: RefusedError."""
    device = device_in_hand(office, actor, serial)
    requested = [each for each in withdrawals_of(office, device) if each.state not in _ENDS]
    refuse_if(
        [
            ("device-unused", "serial", not DEVICE.takes(device.state, "withdraw")),
            ("withdrawal-open", "serial", requested),
        ]
    )
    with office.all_or_nothing():
        withdrawal = Withdrawal(
            key=f"W{office.cabinet.next_number('withdrawal'):08d}",
            subject=device.subject,
            state=WITHDRAWAL.initial,
            device=serial,
            merchant=device.merchant,
            reason=free_text(reason),
            requested_at=now.isoformat(),
        )
        office.cabinet.put(withdrawal)
        office.tell(withdrawal, "request", now, after=withdrawal.state)
        return withdrawal


def withdrawals_of(office: Office, device: Device) -> list[Withdrawal]:
    """Withdrawals of a device, the oldest first."""
    found = office.cabinet.find(Withdrawal, subject=device.subject)
    return [withdrawal for withdrawal in found if withdrawal.device == device.key]


def settle_withdrawal(office: Office, actor: Actor, key: str, now: datetime) -> Withdrawal:
    """Close the terminal for sales, once nothing in its batch is unsettled. Raises: RefusedError: something is."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        withdrawal = office.cabinet.need(Withdrawal, key)
        device = office.cabinet.need(Device, withdrawal.device)
        if _has_open_batch(office, device):
            raise refused("batch-open", "device")
        close_at_host(office, device)
        count_takings(office, device)
        return office.move(WITHDRAWAL, withdrawal, "settle", now)


def take_back(office: Office, actor: Actor, key: str, now: datetime) -> Withdrawal:
    """The device is with the acquirer again."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        return office.move(WITHDRAWAL, office.cabinet.need(Withdrawal, key), "take-back", now)


def close_withdrawal(office: Office, actor: Actor, key: str, now: datetime) -> Withdrawal:
    """Close the device; with the last one, give the deposit back and close the merchant."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        withdrawal = office.move(
            WITHDRAWAL, office.cabinet.need(Withdrawal, key), "close", now, closed_at=now.isoformat()
        )
        close_device(office, office.cabinet.need(Device, withdrawal.device), "withdraw", now)
        if not devices_of(office, withdrawal.merchant):
            _close_merchant(office, withdrawal.merchant, now)
        return withdrawal


def cancel_withdrawal(office: Office, actor: Actor, key: str, now: datetime) -> Withdrawal:
    """Keep the device after all. Raises: NotNowError: it is settled."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    withdrawal = office.cabinet.need(Withdrawal, key)
    actor.must_own(withdrawal.subject, Withdrawal.kind)
    with office.all_or_nothing():
        return office.move(WITHDRAWAL, withdrawal, "cancel", now)


def _has_open_batch(office: Office, device: Device) -> bool:
    terminal = office.store.terminal(device.terminal_id) if device.initialised_at else None
    if terminal is None:
        return False
    records = office.store.transactions_in_batch(terminal.terminal_id, terminal.batch)
    return any(record.stands for record in records)


def _close_merchant(office: Office, key: str, now: datetime) -> None:
    deposit = count_deposit(office, key, now) or office.cabinet.get(Deposit, key)
    if deposit is not None and deposit.state == "HELD":
        return_deposit(office, deposit, now)
    merchant = office.cabinet.need(Merchant, key)
    if MERCHANT.takes(merchant.state, "close"):
        office.move(MERCHANT, merchant, "close", now)
        if office.store.merchant(merchant.merchant_id) is not None:
            office.host.set_merchant_open(merchant.merchant_id, is_open=False)
    contract = contract_of(office, SYSTEM, key)
    if contract is not None and CONTRACT.takes(contract.state, "terminate"):
        office.move(CONTRACT, contract, "terminate", now, ended_at=now.isoformat())
