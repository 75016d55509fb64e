"""What every payment by a code has come to: its order, transaction, code and customer, against the ledger.

    SUCCESS, PART_REFUND, REFUND    posted once, standing, and given back as far as the state says
    CLOSE                           never posted, or taken back whole
    FAIL                            never posted
    any other                       not in the evening: a terminal closes what is not decided

A code was used by one payment only, and who was told on a telephone that an order is paid has paid it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from posterm.host.orders import order_id_of
from posterm.host.records import TransactionRecord, TransferKind, TransferRecord
from posterm.host.wallet_rows import CODE, OrderRecord, OrderState, orders, wallet_named
from posterm.unionpay.transactions import CODE_SALES, Kind
from simulators.world.customers import PAID, Receipt
from simulators.world.disks import HostDisk

_WALLET: Final = "wallet/"
_SCANNED: Final = frozenset({Kind.QR_SALE, Kind.SALE})


def order_faults(
    store: HostDisk, transfers: Iterable[TransferRecord], receipts: Iterable[Receipt]
) -> Iterator[tuple[str, str]]:
    """Everything that does not fit: the reference of the payment's request, and what is wrong with it."""
    paid: dict[str, list[TransferRecord]] = defaultdict(list)
    for transfer in transfers:
        if transfer.kind == TransferKind.POSTED and transfer.debit_account.startswith(_WALLET):
            paid[transfer.transaction].append(transfer)
    kept = {order.order_id: order for order in orders(store)}
    for order in kept.values():
        record = store.transaction(order.ref)
        if record is None:
            yield order.ref, f"order {order.order_id} is for a request that the host never had"
        else:
            yield from ((order.ref, text) for text in _faults_of(store, order, record, paid[order.ref]))
    used = Counter(json.loads(document.body)["used_by"] for document in store.documents(CODE))
    for ref, posted in paid.items():
        record = store.transaction(ref)
        if record is None or not posted:
            continue
        if record.kind in CODE_SALES and order_id_of(record) not in kept:
            yield ref, "a payment by a code without an order"
        if record.kind in _SCANNED and used[ref] != 1:
            yield ref, f"paid by {used[ref]} codes that no other payment has used"
    for receipt in receipts:
        order = kept[receipt.order_id]
        if receipt.code == PAID and (not paid[order.ref] or order.wallet != receipt.wallet):
            yield order.ref, f"the holder of {receipt.wallet} was told that it is paid; the ledger has not moved it"


def _faults_of(
    store: HostDisk, order: OrderRecord, record: TransactionRecord, posted: list[TransferRecord]
) -> Iterator[str]:
    payer = wallet_named(store, order.wallet) if order.wallet else None
    account = f"{_WALLET}{payer.card}" if payer is not None else ""
    if any((each.amount, each.debit_account) != (order.amount_minor, account) for each in posted):
        yield f"order {order.order_id} over {order.amount_minor} was paid from another wallet, or with another amount"
    found = (len(posted), record.stands and not record.voided_by, _given_back(record))
    if found not in _WHAT_STANDS.get(OrderState(order.state), ()):
        times, stands, given_back = found
        has = f"posted {times} times, {'standing' if stands else 'not standing'}, {given_back} of it given back"
        yield f"order {order.order_id} is {order.state}, its transaction {has}"


_NOTHING, _PART, _ALL = "nothing", "a part", "all"
_WHAT_STANDS: Final = {
    OrderState.SUCCESS: {(1, True, _NOTHING)},
    OrderState.PART_REFUND: {(1, True, _PART)},
    OrderState.REFUND: {(1, True, _ALL)},
    OrderState.CLOSE: {(0, False, _NOTHING), (1, False, _NOTHING)},
    OrderState.FAIL: {(0, False, _NOTHING)},
}
"""By state: how often it may have been posted, whether that stands, and how much was given back."""


def _given_back(record: TransactionRecord) -> str:
    if not record.refunded_minor:
        return _NOTHING
    return _ALL if record.refunded_minor >= record.posted_minor else _PART
