"""What a device has taken since it came into use, from the host's records: closed batches once, the open one anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from posterm.host.checks import MAX_BATCH, next_batch
from posterm.host.records import TransactionRecord
from posterm.host.settlement import totals_of
from posterm.merchant.device import Device
from posterm.merchant.office import Office
from posterm.unionpay.transactions import CODE_SALES, Kind

SALES: Final = frozenset(kind.value for kind in (Kind.SALE, *CODE_SALES))
"""What is a payment of its own at a counter, by the names of the host's records."""


def batches_of(office: Office, device: Device) -> Iterator[str]:
    """Batches of a device's terminal that are not counted yet, the open one last."""
    terminal = office.store.terminal(device.terminal_id)
    batch = device.first_batch
    if terminal is None or not batch:
        return
    for _ in range(MAX_BATCH):
        yield batch
        if batch == terminal.batch:
            return
        batch = next_batch(batch)


def taken_since(office: Office, device: Device, batches: list[str]) -> int:
    """What these batches come to: sales less what went back, in minor units."""
    total = 0
    for batch in batches:
        total += totals_of(_own(office, device, batch)).net_minor
    return total


def count_takings(office: Office, device: Device) -> Device:
    """Add the batches that have been closed to what is counted, and note when it was used last."""
    batches = list(batches_of(office, device))
    if not batches:
        return device
    used = [record.at for batch in batches for record in _own(office, device, batch) if record.approved]
    changes = {
        "taken_minor": device.taken_minor + taken_since(office, device, batches[:-1]),
        "first_batch": batches[-1],
        "last_used_at": max([*used, device.last_used_at]),
    }
    if all(getattr(device, name) == value for name, value in changes.items()):
        return device
    return office.cabinet.put(device.model_copy(update=changes))


def taken_by(office: Office, device: Device) -> int:
    """What a device has taken up to now, the open batch included."""
    return device.taken_minor + taken_since(office, device, list(batches_of(office, device)))


def sales_of(office: Office, device: Device) -> list[TransactionRecord]:
    """Approved sales in batches that are not counted yet, the oldest first; not voided, not reversed."""
    records = [record for batch in batches_of(office, device) for record in _own(office, device, batch)]
    good = [record for record in records if record.kind in SALES and record.stands and not record.voided_by]
    return sorted(good, key=lambda record: record.at)


def _own(office: Office, device: Device, batch: str) -> list[TransactionRecord]:
    """Records of a batch since the device came into use: before that its terminal was another's."""
    records = office.store.transactions_in_batch(device.terminal_id, batch)
    return [record for record in records if record.at >= device.initialised_at]
