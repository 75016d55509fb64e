"""A wallet pays an order, or says what became of it, after the request that asked for it was answered.

What is decided here is decided like a request: the merchant, its channels and limits are looked at again, the amount is
posted under the request's own name, and its record is put in place of the one that waited.

Source: as `orders`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from posterm.host import answers, channels, clearing, issuer, limits, postings, registry
from posterm.host.case import Case, Desk, Refusal
from posterm.host.errors import OrderError
from posterm.host.forced import ForcedPayment
from posterm.host.orders import (
    OPEN,
    PAYING,
    OrderEvent,
    find_order,
    is_over,
    moved,
    result_text,
)
from posterm.host.records import TransactionRecord
from posterm.host.wallet_rows import OrderRecord, OrderState, WalletRecord, order_of, put_order, wallet_named
from posterm.host.wallet_rows import wallets as all_wallets
from posterm.host.wallets import known_wallet
from posterm.iso8583 import Message
from posterm.unionpay.transactions import TRANSACTIONS, Kind, Network

APPROVED: Final = "00"
_NOT_FOUND, _CLOSED, _WRONG_PASSWORD, _TOO_LATE = "25", "12", "55", "12"
_HEARD_AT: Final = 2
"""Which query of a terminal gets to hear what an amount has asked for."""

_CHECKS: Final[tuple[Callable[[Case], Refusal | None], ...]] = (
    registry.check_terminal,
    clearing.find_clearing_date,
    issuer.find_fee_class,
    channels.check_channel,
    limits.check_limits,
)


def order_named(desk: Desk, order_id: str) -> OrderRecord:
    """Raises: OrderError: no such order."""
    order = order_of(desk.store, order_id)
    if order is None:
        raise OrderError(f"no order {order_id!r}")
    return order


def pay_order(desk: Desk, order_id: str, wallet: str, now: datetime) -> str:
    """A customer who has scanned a merchant's code pays. Returns: the answer code, 00 when it is paid.

    Raises: OrderError: no such order. EnrolmentError: no such wallet.
    """
    order, payer = order_named(desk, order_id), known_wallet(desk, wallet)
    if order.state != OrderState.CREATE:
        return _CLOSED
    return _pay(desk, order, payer, now)


def answer_password(desk: Desk, order_id: str, *, given: bool, now: datetime) -> str:
    """The customer gives the wallet's password, or will not. Returns: the answer code of the payment.

    Raises: OrderError: no such order, or its customer is not asked for a password.
    """
    order = order_named(desk, order_id)
    if order.state != OrderState.DEAL:
        raise OrderError(f"order {order_id} is {order.state}: nobody is asked for a password")
    payer = known_wallet(desk, order.wallet)
    return _pay(desk, order, payer, now) if given else _fail(desk, order, _WRONG_PASSWORD, now)


def answer_query(case: Case) -> tuple[str, tuple[str, ...]]:
    """What a terminal is told of a payment by a code. Returns: the answer code and what the answer says."""
    desk, original = case.desk, case.known_original()
    order = find_order(desk, original)
    if order is None:
        return _NOT_FOUND, answers.answer_elements(case, _NOT_FOUND, "")
    if is_over(order, case.at):
        order = moved(order, OrderEvent.EXPIRED, case.at)
    elif order.state in OPEN:
        order = replace(order, queries=order.queries + 1)
    put_order(desk.store, order)
    if order.state in OPEN and order.forced and order.queries >= _HEARD_AT:
        _let_forced_happen(desk, order, case.now)
        order = order_named(desk, order.order_id)
    original = desk.store.transaction(original.ref) or original
    state = OrderState(order.state)
    code = PAYING if state in OPEN else {OrderState.FAIL: original.code, OrderState.CLOSE: _CLOSED}.get(state, APPROVED)
    if order.wallet:
        case.wallet = known_wallet(desk, order.wallet)
        case.card = desk.store.card(case.wallet.card)
    auth_code = original.auth_code if code == APPROVED else ""
    result = result_text(case, state)
    return code, answers.answer_elements(case, code, original.rrn, auth_code=auth_code, result=result)


def _let_forced_happen(desk: Desk, order: OrderRecord, now: datetime) -> None:
    """Do what the amount has asked for, as if a customer had."""
    forced = ForcedPayment(order.forced)
    payer = wallet_named(desk.store, order.wallet) if order.wallet else next(iter(all_wallets(desk.store)), None)
    if payer is None:
        return
    if forced in (ForcedPayment.PASSWORD, ForcedPayment.NOT_HEARD):
        _pay(desk, order, payer, now)
    elif forced is ForcedPayment.WRONG_PASSWORD and order.state == OrderState.DEAL:
        _fail(desk, order, _WRONG_PASSWORD, now)


def _pay(desk: Desk, order: OrderRecord, payer: WalletRecord, now: datetime) -> str:
    """Post the payment, or let the order fail."""
    at = now.isoformat()
    record = desk.store.transaction(order.ref)
    batch = desk.store.batch_record(record.terminal_id, record.batch) if record is not None else None
    if record is None or batch is None or not batch.open or is_over(order, at):
        put_order(desk.store, moved(order, OrderEvent.EXPIRED, at))
        return _TOO_LATE
    case = _case_of(desk, record, payer, now)
    refusal = next((found for check in _CHECKS if (found := check(case)) is not None), None)
    if refusal is None:
        posted, refusal = postings.post(case)
    if refusal is not None:
        limits.release_reserved(case)
        return _fail(desk, order, refusal.code, now)
    auth_code = record.rrn[-6:]
    answer = record.answer
    if record.kind == Kind.QR_SALE:  # an order's first answer has the code to show, and keeps it
        result = result_text(case, OrderState.SUCCESS)
        answer = answers.answer_elements(case, APPROVED, record.rrn, auth_code=auth_code, result=result)
    card = case.known_card()
    desk.store.put_transaction(
        record._replace(
            at=at,
            code=APPROVED,
            approved=True,
            auth_code=auth_code,
            answer=answer,
            card=card.fingerprint,
            masked_pan=card.masked_pan,
            card_class=case.fee_class.card,
            channel=case.fee_class.channel,
            clearing_date=case.clearing_date,
            **posted,
        )
    )
    put_order(desk.store, moved(order, OrderEvent.PAID, at, wallet=payer.wallet))
    return APPROVED


def _fail(desk: Desk, order: OrderRecord, code: str, now: datetime) -> str:
    """What a wallet will not pay has failed; a code on a screen may still be paid by another wallet."""
    failed = moved(order, OrderEvent.DECLINED, now.isoformat(), code=code)
    put_order(desk.store, failed)
    record = desk.store.transaction(order.ref)
    if record is not None and failed.state == OrderState.FAIL:
        desk.store.put_transaction(record._replace(code=code, declined_by="wallet"))
    return code


def _case_of(desk: Desk, record: TransactionRecord, payer: WalletRecord, now: datetime) -> Case:
    """The request that waits, as it would come now."""
    row = TRANSACTIONS[Kind(record.kind)]
    elements = {
        3: row.processing_code,
        4: f"{record.amount_minor:012d}",
        11: record.stan,
        22: record.entry_mode,
        41: record.terminal_id,
        42: record.merchant_id,
        49: record.currency,
        60: f"{row.message_type}{record.batch}{Network.TRANSACTION}",
    }
    case = Case(desk, Message(record.mti, elements), now)
    case.row, case.wallet, case.card = row, payer, desk.store.card(payer.card)
    return case
