"""What the host keeps of payments by a code: wallets, the codes they have shown, and the orders they pay.

Each row is a document of the host's store, found by its kind and key, and an order by its wallet and state too. No row
holds a code in the clear.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from posterm.host.records import DocumentRecord
from posterm.host.store import HostStore

WALLET: Final = "qr-wallet"
CODE: Final = "qr-code"
ORDER: Final = "qr-order"
"""Kinds of documents."""


@dataclass(frozen=True, slots=True)
class WalletRecord:
    """A wallet that pays by codes. `card` is the fingerprint of the row that stands for it where cards do.

    Over `free_minor` it wants the holder's password before it pays.
    """

    wallet: str
    network: str
    card: str
    free_minor: int = 0


@dataclass(frozen=True, slots=True)
class PaymentCodeRecord:
    """A code that a wallet has shown, by its keyed fingerprint: good once, until `until`.

    `form` is a value of `posterm.qr.scanned.Form`. `used_by` is the request that used it up.
    """

    code: str
    wallet: str
    form: str
    until: str
    used_by: str = ""


class OrderState(StrEnum):
    """How far a payment by a code is; `orders` has the table."""

    INIT = "INIT"
    CREATE = "CREATE"
    """The merchant's code is shown, nobody has paid yet."""
    DEAL = "DEAL"
    """The customer is asked for a password."""
    UNKNOWN = "UNKNOWN"
    """The wallet has not said."""
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    CLOSE = "CLOSE"
    PART_REFUND = "PART_REFUND"
    REFUND = "REFUND"


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """A payment by a code. `order_id` is the year and RRN of the request `ref`; `wallet` is empty until one pays.

    `code` is the answer code of one that failed; `forced` what was asked for by the amount, `queries` how often the
    terminal has asked since.
    """

    order_id: str
    ref: str
    state: str
    amount_minor: int
    currency: str
    changed_at: str
    until: str
    wallet: str = ""
    code: str = ""
    forced: str = ""
    queries: int = 0


Row = TypeVar("Row", WalletRecord, PaymentCodeRecord, OrderRecord)


def wallet_named(store: HostStore, wallet: str) -> WalletRecord | None:
    """A wallet; None when there is none of that name."""
    return _read(WalletRecord, store.document(WALLET, wallet))


def put_wallet(store: HostStore, record: WalletRecord) -> None:
    """Keep a wallet."""
    store.put_document(DocumentRecord(WALLET, record.wallet, body=_written(record)))


def wallets(store: HostStore) -> list[WalletRecord]:
    """All wallets, by name."""
    return [WalletRecord(**_fields(found)) for found in store.documents(WALLET)]


def code_named(store: HostStore, code: str) -> PaymentCodeRecord | None:
    """A code that was shown, by its fingerprint."""
    return _read(PaymentCodeRecord, store.document(CODE, code))


def put_code(store: HostStore, record: PaymentCodeRecord) -> None:
    """Keep a code that was shown."""
    store.put_document(DocumentRecord(CODE, record.code, record.wallet, body=_written(record)))


def order_of(store: HostStore, order_id: str) -> OrderRecord | None:
    """An order; None when there is none of that name."""
    return _read(OrderRecord, store.document(ORDER, order_id))


def put_order(store: HostStore, record: OrderRecord) -> None:
    """Keep an order."""
    store.put_document(DocumentRecord(ORDER, record.order_id, record.wallet, record.state, body=_written(record)))


def orders(store: HostStore, *, wallet: str | None = None, state: OrderState | None = None) -> list[OrderRecord]:
    """Orders by identifier: all, those of a wallet, those in a state, or both."""
    return [OrderRecord(**_fields(found)) for found in store.documents(ORDER, subject=wallet, state=state)]


def _written(record: Row) -> str:
    return json.dumps(asdict(record), ensure_ascii=False)


def _read(record: type[Row], found: DocumentRecord | None) -> Row | None:
    return None if found is None else record(**_fields(found))


def _fields(found: DocumentRecord) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = json.loads(found.body)
    return fields
