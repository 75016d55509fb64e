"""Payments by a code that are not decided at once: their states, and what leads from one to the next.

    INIT         the request is being looked at
    CREATE       a merchant's code is shown; the first wallet that has the money pays
    DEAL         the customer is asked for the wallet's password
    UNKNOWN      the wallet has not said
    SUCCESS      paid: the only state with money behind it
    FAIL         the wallet will not pay
    CLOSE        taken back whole, or its time was over before anybody paid
    PART_REFUND, REFUND

`TRANSITIONS` is complete: what is not in it is refused and changes nothing. Money is posted when a wallet pays, be it
in the request itself or later, and its transaction counts from then on. An order ends by itself at its `until`; nothing
has to be done for that.

Source: the order states of WeChat Pay's micropay and native payment, Alipay's bar code payment and their acquirers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from posterm.amount import Amount, currency
from posterm.host.case import Case, Desk
from posterm.host.errors import OrderError
from posterm.host.forced import ForcedPayment
from posterm.host.records import TransactionRecord
from posterm.host.wallet_rows import OrderRecord, OrderState, order_of, put_order
from posterm.qr import merchant_presented
from posterm.qr.payment_code import Network
from posterm.unionpay.payment_code import CodeChannel, CodeResult, CodeState
from posterm.unionpay.transactions import CODE_SALES, Kind

PAYING: Final = "09"
NOT_HEARD: Final = "98"
"""Answer codes of a payment that is not decided: the customer has to do something, the wallet has not said."""

_HALF_A_YEAR: Final = 6

ACCOUNT_TEMPLATE: Final = "26"
ACCOUNT_NAME: Final = "org.posterm.orders"
REFERENCE: Final = "05"
"""Where a merchant's code has the order: template 62, object 05."""


class OrderEvent(StrEnum):
    """What happens to an order."""

    SHOWN = "shown"
    PASSWORD_ASKED = "password-asked"
    NOT_HEARD = "not-heard"
    PAID = "paid"
    DECLINED = "declined"
    """The wallet will not pay; a code on a screen may still be paid by another."""
    TAKEN_BACK = "taken-back"
    """Voided, or closed by the terminal."""
    EXPIRED = "expired"
    PARTLY_REFUNDED = "partly-refunded"
    REFUNDED = "refunded"


_S, _E = OrderState, OrderEvent
_UNDECIDED: Final[dict[OrderEvent, OrderState]] = {
    _E.PAID: _S.SUCCESS,
    _E.DECLINED: _S.FAIL,
    _E.TAKEN_BACK: _S.CLOSE,
    _E.EXPIRED: _S.CLOSE,
}
TRANSITIONS: Final[Mapping[OrderState, Mapping[OrderEvent, OrderState]]] = {
    _S.INIT: {
        **_UNDECIDED,
        _E.SHOWN: _S.CREATE,
        _E.PASSWORD_ASKED: _S.DEAL,
        _E.NOT_HEARD: _S.UNKNOWN,
    },
    _S.CREATE: {**_UNDECIDED, _E.DECLINED: _S.CREATE, _E.PASSWORD_ASKED: _S.DEAL, _E.NOT_HEARD: _S.UNKNOWN},
    _S.DEAL: {**_UNDECIDED, _E.NOT_HEARD: _S.UNKNOWN},
    _S.UNKNOWN: _UNDECIDED,
    _S.SUCCESS: {
        _E.TAKEN_BACK: _S.CLOSE,
        _E.PARTLY_REFUNDED: _S.PART_REFUND,
        _E.REFUNDED: _S.REFUND,
    },
    _S.FAIL: {_E.TAKEN_BACK: _S.FAIL},
    _S.CLOSE: {_E.TAKEN_BACK: _S.CLOSE},
    _S.PART_REFUND: {_E.PARTLY_REFUNDED: _S.PART_REFUND, _E.REFUNDED: _S.REFUND},
    _S.REFUND: {},
}
OPEN: Final = frozenset({_S.CREATE, _S.DEAL, _S.UNKNOWN})
"""States in which a wallet may still pay."""

_WAITING: Final = {"00": _E.SHOWN, PAYING: _E.PASSWORD_ASKED, NOT_HEARD: _E.NOT_HEARD}
"""What an answer that decides nothing says has happened."""

_TOLD: Final = {
    _S.INIT: CodeState.PAYING,
    _S.CREATE: CodeState.PAYING,
    _S.DEAL: CodeState.PAYING,
    _S.UNKNOWN: CodeState.PAYING,
    _S.SUCCESS: CodeState.SUCCESS,
    _S.FAIL: CodeState.FAIL,
    _S.CLOSE: CodeState.CLOSED,
    _S.PART_REFUND: CodeState.SUCCESS,
    _S.REFUND: CodeState.SUCCESS,
}
CHANNELS: Final = {
    Network.WECHAT: CodeChannel.WECHAT,
    Network.ALIPAY: CodeChannel.ALIPAY,
    Network.UNIONPAY: CodeChannel.UNIONPAY,
}


def order_id_of(record: TransactionRecord) -> str:
    """The order of a payment by a code: the year it was asked for, and its RRN.

    The RRN begins with the month then; the payment came a little later, or by a clock set back a little earlier.
    """
    year, months_ahead = int(record.at[:4]), int(record.rrn[:2]) - int(record.at[5:7])
    return f"{year - (months_ahead > _HALF_A_YEAR) + (months_ahead < -_HALF_A_YEAR)}{record.rrn}"


def find_order(desk: Desk, record: TransactionRecord) -> OrderRecord | None:
    """The order behind a transaction; None for what is no payment by a code of that family."""
    return order_of(desk.store, order_id_of(record)) if record.kind in CODE_SALES else None


def moved(order: OrderRecord, event: OrderEvent, at: str, *, code: str = "", wallet: str = "") -> OrderRecord:
    """The order after an event. Raises: OrderError: nothing of the kind can happen to it."""
    target = TRANSITIONS[OrderState(order.state)].get(event)
    if target is None:
        raise OrderError(f"order {order.order_id} is {order.state}: it cannot be {event}")
    return replace(order, state=target.value, changed_at=at, code=code or order.code, wallet=wallet or order.wallet)


def is_over(order: OrderRecord, at: str) -> bool:
    """True for an order that nobody can pay any more because of its time."""
    return order.state in OPEN and at >= order.until


def waits_for(case: Case) -> str:
    """The answer code when a payment cannot be decided now; empty when it can.

    00 is the answer to an order: there is one, and a code to show.
    """
    kind = case.known_row().kind
    if kind is Kind.QR_ORDER:
        return "00"
    if kind is not Kind.QR_SALE or case.wallet is None:
        return ""
    if case.forced.payment in (ForcedPayment.NOT_HEARD, ForcedPayment.NEVER_HEARD):
        return NOT_HEARD
    asked = case.forced.payment in (ForcedPayment.PASSWORD, ForcedPayment.NO_PASSWORD, ForcedPayment.WRONG_PASSWORD)
    return PAYING if asked or case.amount_minor > case.wallet.free_minor else ""


def result_text(case: Case, state: OrderState) -> str:
    """Element 44 of an answer about a payment."""
    channel = CHANNELS[Network(case.wallet.network)] if case.wallet is not None else None
    return CodeResult(channel, _TOLD[state]).text


def shown_code(case: Case, rrn: str) -> str:
    """The code a customer scans to pay this order. Raises: MerchantCodeError."""
    name = case.merchant.name if case.merchant is not None else ""
    written = name.isascii() and name.isprintable()
    amount = Amount(case.amount_minor, currency(case.currency))
    code = merchant_presented.build(
        accounts=[
            merchant_presented.template(ACCOUNT_TEMPLATE, (("00", ACCOUNT_NAME), ("01", case.merchant_id))),
        ],
        mcc=case.merchant_id[7:11] if case.merchant_id[7:11].isdecimal() else "0000",
        merchant_name=(name if written else "")[:25] or case.merchant_id,
        merchant_city=case.desk.profile.qr.merchant_city,
        amount=amount,
        additional=((REFERENCE, f"{case.at[:4]}{rrn}"), ("07", case.terminal_id)),
        language=() if written else (("00", "zh"), ("01", name[:25])),
    )
    return code.text


def _begin(case: Case, record: TransactionRecord, event: OrderEvent) -> None:
    """Write down the order of a payment that was just asked for."""
    until = (case.now + timedelta(seconds=case.desk.profile.qr.order_life_s)).isoformat()
    order = OrderRecord(
        order_id=order_id_of(record),
        ref=record.ref,
        state=OrderState.INIT.value,
        amount_minor=record.amount_minor,
        currency=record.currency,
        changed_at=case.at,
        until=until,
        wallet=case.wallet.wallet if case.wallet is not None else "",
        forced=case.forced.payment.value,
    )
    code = record.code if event is OrderEvent.DECLINED else ""
    put_order(case.desk.store, moved(order, event, case.at, code=code))


def follow(case: Case, record: TransactionRecord) -> None:
    """After a request was recorded, let the order it is, or is about, follow."""
    desk = case.desk
    if record.kind in CODE_SALES:
        decided = OrderEvent.PAID if record.approved else OrderEvent.DECLINED
        _begin(case, record, _WAITING.get(case.waiting, decided))
        return
    original = case.original
    if original is None or not record.approved or original.kind not in CODE_SALES:
        return
    order = find_order(desk, original)
    event = _event_on_original(record, original)
    if order is not None and event is not None:
        put_order(desk.store, moved(order, event, case.at))


def _event_on_original(record: TransactionRecord, original: TransactionRecord) -> OrderEvent | None:
    if record.kind == Kind.QR_REFUND:
        whole = original.refunded_minor >= original.posted_minor
        return OrderEvent.REFUNDED if whole else OrderEvent.PARTLY_REFUNDED
    return None if record.kind == Kind.QR_QUERY else OrderEvent.TAKEN_BACK
