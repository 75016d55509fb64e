"""Merchants that the network knows, and what they have taken: where everything about their money begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from posterm.host.records import MerchantRecord, TransactionRecord
from posterm.merchant.actor import Actor
from posterm.merchant.errors import NotFoundError
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office


def enrolled_merchant(office: Office, actor: Actor, key: str) -> Merchant:
    """The merchant. Raises: NotFoundError: there is none, it is another's, or it has no merchant number yet."""
    found = office.cabinet.need(Merchant, key)
    actor.must_own(found.subject, "merchant")
    if not found.merchant_id:
        raise NotFoundError(f"merchant {key!r} has no number in the network yet")
    return found


def host_record(office: Office, merchant: Merchant) -> MerchantRecord:
    """What the host keeps of a merchant. Raises: NotFoundError: nothing yet."""
    found = office.store.merchant(merchant.merchant_id)
    if found is None:
        raise NotFoundError(f"merchant {merchant.key!r} is not enrolled yet")
    return found


def need_transaction(office: Office, actor: Actor, merchant: Merchant, ref: str) -> TransactionRecord:
    """A transaction of a merchant. Raises: NotFoundError: there is none, or it is another's."""
    actor.must_own(merchant.subject, "merchant")
    found = office.store.transaction(ref)
    if found is None or found.merchant_id != merchant.merchant_id:
        raise NotFoundError("no such transaction")
    return found


def records_between(
    office: Office, merchant_ids: frozenset[str], first: date, last: date
) -> Iterator[TransactionRecord]:
    """All requests of some merchants that count on these clearing dates, by date and reference."""
    for number in range((last - first).days + 1):
        for record in office.store.transactions_cleared_on((first + timedelta(days=number)).isoformat()):
            if record.merchant_id in merchant_ids:
                yield record


def is_purchase(record: TransactionRecord) -> bool:
    """True for a payment that was taken and stands, however it was made; not for a tip, an adjustment or a void."""
    return bool(record.mti) and record.stands and record.gross_minor > 0 and record.posted_minor > 0
