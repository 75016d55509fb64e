"""A contract: its parties, fees, services and deposit as they were offered. `contract_text` puts it into words."""

from __future__ import annotations

from typing import ClassVar

from posterm.host.plan import FeeRow
from posterm.merchant.document import Document


class Contract(Document):
    """A contract. `key` begins with its kind; `digest` is the SHA-256 of the Chinese text.

    A signature is the time at which a party signed, empty while it has not.
    """

    kind: ClassVar[str] = "contract"

    merchant: str
    application: str
    contract_kind: str
    merchant_name: str
    merchant_id: str
    terminal_ids: tuple[str, ...]
    plan: str
    fees: tuple[FeeRow, ...]
    cycle: str
    deposit_minor: int
    deposit_target_minor: int
    deposit_target_days: int
    annual_fee_minor: int
    offered_at: str
    sign_by: str
    digest: str = ""
    signed_by_acquirer: str = ""
    signed_by_merchant: str = ""
    deposit_paid_at: str = ""
    in_force_at: str = ""
    ended_at: str = ""
