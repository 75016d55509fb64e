"""The ways of paying that are opened to a merchant one by one, and the answer to a payment on one that is not.

Everything is open unless the merchant's record says otherwise. Only what begins a payment online is refused: what was
taken while a channel was open can still be voided, refunded, completed and settled when it is closed, and an offline
sale has been taken already when the host hears of it.

Source: Q/CUP 009, answer code 58, and the C codes of acquirers (C0, credit cards closed).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from posterm.host.case import Case, Refusal
from posterm.qr.payment_code import Network
from posterm.unionpay.transactions import CODE_ENTRIES, CODE_SALES, Entry, Kind


class MerchantChannel(StrEnum):
    """A way of paying that a merchant is let take, or not. QR closed closes all payment codes, whoever issued them."""

    CREDIT = "credit"
    DEBIT = "debit"
    PREAUTH = "preauth"
    QR = "qr"
    UNIONPAY_QR = "unionpay-qr"
    WECHAT = "wechat"
    ALIPAY = "alipay"
    FACE = "face"


BEGINS: Final = CODE_SALES | {Kind.SALE, Kind.PREAUTH}
"""What begins a payment online."""

_WALLETS: Final = {
    Network.UNIONPAY: MerchantChannel.UNIONPAY_QR,
    Network.WECHAT: MerchantChannel.WECHAT,
    Network.ALIPAY: MerchantChannel.ALIPAY,
}
_OWN_CODES: Final = {MerchantChannel.CREDIT: ("C0", "57")}
"""The acquirer's code for a closed channel and the standard one; 58 where there is none of its own."""


def check_channel(case: Case) -> Refusal | None:
    """C0, else 57, for credit cards that the merchant may not take; 58 for any other closed channel."""
    if case.merchant is None or not case.merchant.closed_channels or case.known_row().kind not in BEGINS:
        return None
    for channel in channels_of(case):
        if channel in case.merchant.closed_channels:
            code = case.desk.own_code(*_OWN_CODES.get(channel, ("58", "58")))
            return Refusal(code, f"the channel {channel} is closed to the merchant")
    return None


def channels_of(case: Case) -> tuple[MerchantChannel, ...]:
    """All channels a payment goes through; each has to be open."""
    kind, entry, channels = case.known_row().kind, case.text(22)[:2], []
    if kind is Kind.PREAUTH:
        channels.append(MerchantChannel.PREAUTH)
    if entry in CODE_ENTRIES or kind in CODE_SALES:
        channels.append(MerchantChannel.FACE if entry == Entry.OPTICAL else MerchantChannel.QR)
        if case.wallet is not None:
            channels.append(_WALLETS[Network(case.wallet.network)])
    elif case.fee_class.card:
        channels.append(MerchantChannel(case.fee_class.card))
    return tuple(channels)
