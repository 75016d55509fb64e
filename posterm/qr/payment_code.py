"""Chinese payment codes: the digits under the bar code on a customer's phone, good once and for a minute.

    network     digits    begins with
    UnionPay    19        62
    WeChat Pay  18        10 to 15
    Alipay      16 to 24  25 to 30

Source: UnionPay's QR acceptance guide, WeChat Pay's micropay and Alipay's bar code payment documentation.
Leaves out other wallets: none has a range of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from posterm.qr.errors import PaymentCodeError
from posterm.sensitive import Sensitive

LIFETIME: Final = timedelta(minutes=1)
MAX_LIVE_CODES: Final = 100_000


class Network(StrEnum):
    """Who issued a payment code."""

    UNIONPAY = "unionpay"
    WECHAT = "wechat"
    ALIPAY = "alipay"


@dataclass(frozen=True, slots=True)
class CodeRange:
    """A network's codes: how many digits, and the two they begin with."""

    network: Network
    shortest: int
    longest: int
    first_prefix: int
    last_prefix: int


RANGES: Final = (
    CodeRange(Network.UNIONPAY, 19, 19, 62, 62),
    CodeRange(Network.WECHAT, 18, 18, 10, 15),
    CodeRange(Network.ALIPAY, 16, 24, 25, 30),
)
_BY_NETWORK: Final = {one.network: one for one in RANGES}


class PaymentCode(Sensitive):
    """The digits of a payment code. They print masked: for a minute they are money.

    Raises: PaymentCodeError: no network has codes like this.

    >>> code = PaymentCode("134567890123456789")
    >>> code.network, str(code)
    (<Network.WECHAT: 'wechat'>, '13**************89')
    """

    __slots__ = ("network",)

    def __init__(self, digits: str) -> None:
        if not (digits.isascii() and digits.isdecimal()):
            raise PaymentCodeError("payment code: need digits")
        found = next(
            (
                one.network
                for one in RANGES
                if one.shortest <= len(digits) <= one.longest and one.first_prefix <= int(digits[:2]) <= one.last_prefix
            ),
            None,
        )
        if found is None:
            raise PaymentCodeError(
                f"payment code: no network has codes of {len(digits)} digits that begin like this",
                hint="UnionPay 19 digits from 62, WeChat 18 from 10 to 15, Alipay 16 to 24 from 25 to 30",
            )
        super().__init__(digits)
        self.network = found

    @property
    def masked(self) -> str:
        clear = self.reveal()
        return f"{clear[:2]}{'*' * (len(clear) - 4)}{clear[-2:]}"


def draw_code(network: Network, draw: Callable[[int], int]) -> PaymentCode:
    """Fresh digits of a network.

    Args:
        draw: called with a bound, gives a number below it.
    """
    form = _BY_NETWORK[network]
    prefix = form.first_prefix + draw(form.last_prefix - form.first_prefix + 1)
    rest = max(form.shortest, 18) - 2
    return PaymentCode(f"{prefix}{draw(10**rest):0{rest}d}")


@dataclass(slots=True)
class _Issued:
    holder: str
    until: datetime
    used: bool = False


@dataclass(slots=True)
class OneTimeCodes:
    """A network's live codes: drawn for a holder, redeemed once, gone after a minute.

    Args:
        draw: called with a bound, gives a number below it.
    """

    draw: Callable[[int], int]
    _live: dict[PaymentCode, _Issued] = field(default_factory=dict, repr=False)

    def issue(self, network: Network, holder: str, now: datetime) -> PaymentCode:
        """A fresh code for a holder (a wallet's token, not a card number).

        Raises: PaymentCodeError: as many codes are live as may be.
        """
        self._sweep(now)
        if len(self._live) >= MAX_LIVE_CODES:
            raise PaymentCodeError(f"{MAX_LIVE_CODES} codes are live already")
        while (code := draw_code(network, self.draw)) in self._live:
            continue
        self._live[code] = _Issued(holder, now + LIFETIME)
        return code

    def redeem(self, code: PaymentCode, now: datetime) -> str:
        """Use a code up. Returns: its holder.

        Raises: PaymentCodeError: unknown, used, or past its minute.
        """
        found = self._live.get(code)
        if found is None:
            raise PaymentCodeError("payment code: not one of ours, or long gone")
        if now >= found.until:
            raise PaymentCodeError("payment code: its minute is over", hint="ask the customer to show a new one")
        if found.used:
            raise PaymentCodeError("payment code: used already", hint="ask the customer to show a new one")
        found.used = True
        return found.holder

    def _sweep(self, now: datetime) -> None:
        for code in [code for code, issued in self._live.items() if now >= issued.until]:
            del self._live[code]
