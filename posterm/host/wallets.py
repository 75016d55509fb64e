"""Wallets on telephones as issuers in process: taking them on, the codes they show, and who a code belongs to.

A code is good once and for a minute. It is used up by the first request that names it, whatever becomes of that; the
same request again is answered from its record and never gets here.

Source: UnionPay's QR acceptance guide, WeChat Pay's micropay and Alipay's bar code and face payment documentation (one
use, one minute, a password over the limit of small payments).
Leaves out the cryptogram of a consumer-presented code: the code itself is what was given out once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from posterm.host.case import Case, Desk, Refusal
from posterm.host.chart import AccountKind, bank
from posterm.host.checks import payment_code_of
from posterm.host.errors import EnrolmentError
from posterm.host.records import (
    CardKind,
    CardRecord,
    PinPolicy,
    TransferKind,
    TransferRecord,
)
from posterm.host.wallet_rows import PaymentCodeRecord, WalletRecord, code_named, put_code, put_wallet, wallet_named
from posterm.qr import consumer_presented
from posterm.qr.payment_code import LIFETIME, Network, draw_code
from posterm.qr.scanned import FACE_PREFIX, FaceToken, Form, read
from posterm.sensitive import Pan, Sensitive, luhn_valid
from posterm.unionpay.transactions import Entry, Kind

LONGEST_NAME: Final = 24
SCHEMES: Final = {Network.UNIONPAY: "CUP", Network.WECHAT: "WXP", Network.ALIPAY: "ALP"}
"""Element 63.1 of a wallet's payments."""

_UNIONPAY_AID: Final = bytes.fromhex("A000000333010101")
_NO_EXPIRY: Final = "9912"


def enrol_wallet(desk: Desk, wallet: WalletRecord, currency: str, *, balance: int, at: str) -> None:
    """Take on a wallet with its account and opening balance; its `card` is put in. Raises: EnrolmentError."""
    name = wallet.wallet
    if not 0 < len(name) <= LONGEST_NAME or not (name.isascii() and name.replace("-", "").isalnum()):
        raise EnrolmentError(f"wallet {name!r}: need 1 to {LONGEST_NAME} letters, digits and hyphens")
    if wallet.network not in set(Network):
        raise EnrolmentError(f"wallet {name}: no network {wallet.network!r}; there are {', '.join(Network)}")
    if balance < 0 or wallet.free_minor < 0:
        raise EnrolmentError(f"wallet {name}: balance and password-free amount are not negative")
    if wallet_named(desk.store, name) is not None:
        raise EnrolmentError(f"wallet {name} is enrolled already")
    card = CardRecord(
        fingerprint=desk.fingerprint("wallet", name),
        masked_pan=name,
        kind=CardKind.WALLET.value,
        expiry=_NO_EXPIRY,
        currency=currency,
        pin_policy=PinPolicy.OPTIONAL.value,
        scheme=SCHEMES[Network(wallet.network)],
    )
    with desk.store.savepoint():
        put_wallet(desk.store, replace(wallet, card=card.fingerprint))
        desk.store.put_card(card)
        desk.ledger.open_account(bank(currency), currency, AccountKind.BANK)
        desk.ledger.open_account(card.account_id, currency, AccountKind.WALLET)
        if balance:
            opening = TransferRecord(
                f"opening/{card.fingerprint}",
                TransferKind.POSTED.value,
                bank(currency),
                card.account_id,
                balance,
                currency,
                at,
            )
            desk.ledger.apply([opening])


def show_code(desk: Desk, wallet: str, form: Form, now: datetime, draw: Callable[[int], int]) -> Sensitive:
    """A fresh code of a wallet: digits, a consumer-presented code of a UnionPay wallet, or a face token.

    Args:
        draw: called with a bound, gives a number below it.
    Raises: EnrolmentError: no such wallet, or its network has no codes of that form.
    """
    record = known_wallet(desk, wallet)
    if form is Form.CONSUMER_PRESENTED and record.network != Network.UNIONPAY:
        raise EnrolmentError(f"wallet {wallet}: only UnionPay wallets show consumer-presented codes")
    while True:
        code = _drawn(record, form, draw)
        name = _name_of(desk, code.reveal())
        if code_named(desk.store, name) is None:
            break
    put_code(desk.store, PaymentCodeRecord(name, wallet, form.value, (now + LIFETIME).isoformat()))
    return code


def known_wallet(desk: Desk, wallet: str) -> WalletRecord:
    """Raises: EnrolmentError: no such wallet."""
    record = wallet_named(desk.store, wallet)
    if record is None:
        raise EnrolmentError(f"no wallet {wallet!r}")
    return record


def check_code(case: Case) -> Refusal | None:
    """Whose code was scanned: 30 none was, 14 nobody's, 54 past its minute, 94 used before; and it is used up.

    A void, refund or query names its original instead, and an order has no payer yet.
    """
    kind = case.known_row().kind
    if kind not in (Kind.SALE, Kind.QR_SALE):
        return None
    text = payment_code_of(case)
    if not text:
        return Refusal("30", f"no payment code in element {case.desk.profile.qr.element}")
    store = case.desk.store
    record = code_named(store, _name_of(case.desk, text))
    wallet = wallet_named(store, record.wallet) if record is not None else None
    card = store.card(wallet.card) if wallet is not None else None
    if record is None or wallet is None or card is None:
        return Refusal("14", "no wallet has shown this code")
    if (record.form == Form.FACE) != (case.text(22)[:2] == Entry.OPTICAL):
        return Refusal("14", "read in another way than it was shown")
    if record.used_by:
        return Refusal("94", "the code was used before")
    if case.at >= record.until:
        return Refusal("54", "the code's minute is over")
    if kind is Kind.SALE and wallet.network != Network.UNIONPAY:
        return Refusal("40", "an ordinary sale takes UnionPay codes only")
    if kind is Kind.SALE and case.amount_minor > wallet.free_minor:
        return Refusal("61", "more than the wallet pays without its password, for which an ordinary sale cannot wait")
    put_code(store, replace(record, used_by=case.ref))
    case.wallet, case.card = wallet, card
    return Refusal("57", "the wallet is kept in another currency") if card.currency != case.currency else None


def _name_of(desk: Desk, code: str) -> str:
    return desk.fingerprint("payment-code", code)


def _drawn(wallet: WalletRecord, form: Form, draw: Callable[[int], int]) -> Sensitive:
    match form:
        case Form.DIGITS:
            return draw_code(Network(wallet.network), draw)
        case Form.FACE:
            return FaceToken(f"{FACE_PREFIX}{draw(10**32):032d}")
        case Form.CONSUMER_PRESENTED:
            token = f"629999{draw(10**9):09d}"
            number = next(token + str(digit) for digit in range(10) if luhn_valid(token + str(digit)))
            chip_data = {
                "9F26": draw(2**64).to_bytes(8, "big"),
                "9F27": b"\x80",
                "9F10": bytes.fromhex("07010103A00000"),
                "9F36": draw(2**16).to_bytes(2, "big"),
                "82": bytes(2),
                "9F37": draw(2**32).to_bytes(4, "big"),
            }
            return read(
                consumer_presented.build(_UNIONPAY_AID, label="UnionPay", pan=Pan(number), chip_data=chip_data)
            ).text
