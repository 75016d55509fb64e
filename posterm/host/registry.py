"""Merchants and terminals: taking them on, and whether a request comes from one that may trade.

Leaves out merchant contracts; a merchant's terms are its plan's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from posterm.amount import currency as currency_named
from posterm.bcd import is_digits
from posterm.errors import AmountError
from posterm.host.case import Case, Desk, Refusal
from posterm.host.channels import MerchantChannel
from posterm.host.chart import merchant_accounts
from posterm.host.errors import EnrolmentError
from posterm.host.events import EventName
from posterm.host.placement import parse_location
from posterm.host.records import IssuerKeyRecord, MerchantRecord, TerminalRecord
from posterm.hsm import KeyBlock, KeyUsage
from posterm.hsm.cryptogram import Scheme
from posterm.unionpay.header import Requirement
from posterm.unionpay.parameters import pack_parameters

LONGEST_PREFIX: Final = 8
"""Digits of a card number by which issuer keys are found; the longest prefix that has some wins."""

LONGEST_OWNER: Final = 64
LONGEST_SERIAL: Final = 50


def enrol_merchant(desk: Desk, merchant_id: str, name: str, currency: str, plan: str, owner: str) -> None:
    """Take on a merchant, or change its name and terms. Raises: EnrolmentError, LedgerError."""
    if len(merchant_id) != 15 or not merchant_id.isascii() or not merchant_id.isalnum():
        raise EnrolmentError(f"merchant {merchant_id!r}: need 15 letters and digits")
    if plan not in desk.terms.plans:
        raise EnrolmentError(
            f"merchant {merchant_id}: no plan {plan!r}", hint=f"there are {', '.join(desk.terms.plans)}"
        )
    if owner and (len(owner) > LONGEST_OWNER or not owner.isascii() or not owner.isalnum()):
        raise EnrolmentError(f"merchant {merchant_id}: need an owner of at most {LONGEST_OWNER} letters and digits")
    number = currency_number(currency)
    known = desk.store.merchant(merchant_id)
    closed = known.closed_channels if known is not None else ()
    with desk.store.savepoint():
        desk.store.put_merchant(MerchantRecord(merchant_id, name, number, True, plan, owner, closed))
        for account_id, kind in merchant_accounts(merchant_id, number).items():
            desk.ledger.open_account(account_id, number, kind)


def enrol_terminal(desk: Desk, terminal_id: str, merchant_id: str, tmk: KeyBlock, batch: str) -> None:
    """Take on a terminal, or give it another TMK: it has to sign on, its batch goes on. Raises: EnrolmentError."""
    if len(terminal_id) != 8 or not terminal_id.isascii() or not terminal_id.isalnum():
        raise EnrolmentError(f"terminal {terminal_id!r}: need 8 letters and digits")
    if desk.store.merchant(merchant_id) is None:
        raise EnrolmentError(f"terminal {terminal_id}: merchant {merchant_id!r} is unknown", hint="enrol it first")
    if len(batch) != 6 or not is_digits(batch) or batch == "000000":
        raise EnrolmentError(f"terminal {terminal_id}: need a batch number from 000001 to 999999")
    if tmk.usage is not KeyUsage.KEY_ENCRYPTION:
        raise EnrolmentError(f"terminal {terminal_id}: need a TMK, found a key for {tmk.usage.name}")
    known = desk.store.terminal(terminal_id)
    if known is not None and known.merchant_id != merchant_id:
        raise EnrolmentError(f"terminal {terminal_id} belongs to merchant {known.merchant_id}")
    fresh = TerminalRecord(terminal_id, merchant_id, tmk, batch=batch)
    if known is not None:
        fresh = fresh._replace(
            batch=known.batch,
            requirement=known.requirement,
            parameters=known.parameters,
            ca_keys=known.ca_keys,
            applications=known.applications,
            serial=known.serial,
            location=known.location,
            radius_m=known.radius_m,
        )
    desk.store.put_terminal(fresh)


def set_issuer_keys(desk: Desk, record: IssuerKeyRecord) -> None:
    """Keep an issuer's master keys under the prefix of its cards. Raises: EnrolmentError."""
    if not 1 <= len(record.prefix) <= LONGEST_PREFIX or not is_digits(record.prefix):
        raise EnrolmentError(f"issuer keys: need a prefix of 1 to {LONGEST_PREFIX} digits")
    if record.scheme not in set(Scheme):
        raise EnrolmentError(f"issuer keys: no scheme {record.scheme!r}; there are {', '.join(Scheme)}")
    for block, usage in (
        (record.cryptogram, KeyUsage.EMV_CRYPTOGRAM),
        (record.integrity, KeyUsage.EMV_INTEGRITY),
        (record.confidentiality, KeyUsage.EMV_CONFIDENTIALITY),
    ):
        if KeyBlock(block).usage is not usage:
            raise EnrolmentError(f"issuer keys: need a {usage.name} key, found one for {KeyBlock(block).usage.name}")
    desk.store.put_issuer_keys(record)


def currency_number(name: str) -> str:
    """The numeric code of a currency. Raises: EnrolmentError: unknown."""
    try:
        return currency_named(name).number
    except AmountError as error:
        raise EnrolmentError(str(error)) from None


def terminal_of(desk: Desk, terminal_id: str) -> TerminalRecord:
    """Raises: EnrolmentError: no such terminal."""
    terminal = desk.store.terminal(terminal_id)
    if terminal is None:
        raise EnrolmentError(f"no terminal {terminal_id!r}")
    return terminal


def set_open(desk: Desk, *, merchant_id: str = "", terminal_id: str = "", is_open: bool) -> None:
    """Open or close a merchant or a terminal for trade. Raises: EnrolmentError: unknown."""
    if terminal_id:
        desk.store.put_terminal(terminal_of(desk, terminal_id)._replace(open=is_open))
    if merchant_id:
        merchant = desk.store.merchant(merchant_id)
        if merchant is None:
            raise EnrolmentError(f"no merchant {merchant_id!r}")
        desk.store.put_merchant(merchant._replace(open=is_open))


def place_terminal(desk: Desk, terminal_id: str, serial: str, location: str, radius_m: int) -> None:
    """Tie a terminal to one device and one place; empty ones tie it to none. Raises: EnrolmentError."""
    terminal = terminal_of(desk, terminal_id)
    if serial and not (len(serial) <= LONGEST_SERIAL and serial.isascii() and serial.isalnum()):
        raise EnrolmentError(f"terminal {terminal_id}: need a serial of at most {LONGEST_SERIAL} letters and digits")
    if location:
        parse_location(location)
    if radius_m < 0 or (location and not radius_m):
        raise EnrolmentError(f"terminal {terminal_id}: need a radius in metres around its location")
    desk.store.put_terminal(terminal._replace(serial=serial, location=location, radius_m=radius_m))


def set_channels(desk: Desk, merchant_id: str, closed: Iterable[str]) -> None:
    """Say which ways of paying a merchant may not take; all others it may. Raises: EnrolmentError."""
    merchant = desk.store.merchant(merchant_id)
    if merchant is None:
        raise EnrolmentError(f"no merchant {merchant_id!r}")
    names = sorted(set(closed))
    for name in names:
        if name not in set(MerchantChannel):
            raise EnrolmentError(f"no channel {name!r}", hint=f"there are {', '.join(MerchantChannel)}")
    desk.store.put_merchant(merchant._replace(closed_channels=tuple(str(name) for name in names)))


def request_action(desk: Desk, terminal_id: str, requirement: Requirement) -> None:
    """Ask a terminal for something in the header of every answer, until it has done it. Raises: EnrolmentError."""
    desk.store.put_terminal(terminal_of(desk, terminal_id)._replace(requirement=requirement.value))


def with_requirement_met(terminal: TerminalRecord, requirement: Requirement) -> TerminalRecord:
    """The terminal, which has done what its header may have asked for."""
    return terminal._replace(requirement="0") if terminal.requirement == requirement.value else terminal


def keep_terminal(case: Case, terminal: TerminalRecord) -> None:
    """Store what has changed of the terminal that asks."""
    case.terminal = terminal
    case.desk.store.put_terminal(terminal)


def set_parameters(desk: Desk, terminal_id: str, values: dict[str, str]) -> None:
    """What the terminal gets at its next download. Raises: EnrolmentError, LayoutError: a value does not fit."""
    terminal = terminal_of(desk, terminal_id)
    pack_parameters(values)
    flat = tuple(part for item in values.items() for part in item)
    desk.store.put_terminal(terminal._replace(parameters=flat))


def parameters_of(terminal: TerminalRecord) -> dict[str, str]:
    """The parameters by name."""
    return dict(zip(terminal.parameters[::2], terminal.parameters[1::2], strict=True))


def check_terminal(case: Case) -> Refusal | None:
    """97 unknown terminal, 03 not this merchant's, C1 (else 58) closed, C2 (else 03) its merchant closed."""
    desk = case.desk
    terminal = desk.store.terminal(case.terminal_id)
    if terminal is None:
        return Refusal("97", "no such terminal", EventName.UNKNOWN_TERMINAL, record=False)
    merchant = desk.store.merchant(terminal.merchant_id)
    if terminal.merchant_id != case.merchant_id or merchant is None:
        return Refusal("03", "the terminal is not this merchant's", record=False)
    case.terminal, case.merchant = terminal, merchant
    if not terminal.open:
        return Refusal(desk.own_code("C1", "58"), "the terminal is closed", record=False)
    if not merchant.open:
        return Refusal(desk.own_code("C2", "03"), "the merchant is closed", record=False)
    return None
