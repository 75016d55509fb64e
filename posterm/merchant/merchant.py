"""A merchant: what an application becomes, and the one place where each of its terminals stands.

Source: the five items that notice 259 of 2021 of the People's Bank ties together for every terminal: its serial, the
acquirer's code, the merchant's, the terminal's, and where it stands.
"""

from __future__ import annotations

from typing import ClassVar

from posterm.merchant.document import Document
from posterm.merchant.eligibility import ApplicantType, ModelName
from posterm.merchant.errors import NotFoundError
from posterm.merchant.form import BankAccount
from posterm.merchant.marks import holders
from posterm.merchant.office import Office

MERCHANT_NUMBER = "merchant-number"


class Merchant(Document):
    """One merchant. `key` is the office's number for it, `merchant_id` the network's (15 digits, once approved).

    `identity` is the fingerprint of the legal person's identity number, the same for all merchants of one person; with
    the host it is the owner that shares limits.
    """

    kind: ClassVar[str] = "merchant"

    application: str
    applicant_type: ApplicantType
    name: str = ""
    trading_name: str = ""
    mcc: str = ""
    district: str = ""
    address: str = ""
    location: str = ""
    device_model: ModelName = ModelName.ESIGN
    identity: str = ""
    plan: str = ""
    merchant_id: str = ""
    terminal_ids: tuple[str, ...] = ()
    bank_account: BankAccount = BankAccount()
    approved_at: str = ""
    contracted_at: str = ""


class TerminalSite(Document):
    """Where a terminal stands. `key` is the terminal's number; `serial` the device bound to it, empty for none."""

    kind: ClassVar[str] = "terminal-site"

    merchant: str
    merchant_id: str
    district: str
    address: str
    location: str
    serial: str = ""


def merchant_numbered(office: Office, merchant_id: str) -> Merchant:
    """The merchant that the network knows by this number. Raises: NotFoundError."""
    known = holders(office, MERCHANT_NUMBER, merchant_id)
    if not known:
        raise NotFoundError(f"no merchant {merchant_id!r}")
    return office.cabinet.need(Merchant, known[0])
