"""A customer's telephone with a wallet on it: fresh codes to show, merchants' codes to scan, passwords to give.

The wallet lives in the host; the telephone knows its name and reads what a merchant shows. It never sees the line.

Source: EMV QR Code Specification for Payment Systems, Merchant-Presented Mode; the wallets' payment codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from posterm.host import Host
from posterm.host.wallet_rows import OrderRecord, OrderState
from posterm.qr import merchant_presented
from posterm.qr.payment_code import Network
from posterm.qr.scanned import Form


@dataclass(frozen=True, slots=True)
class TestWallet:
    """A wallet of the test world. Amounts in minor units."""

    __test__ = False
    name: str
    network: Network
    balance_minor: int
    free_minor: int = 1_000_00
    text: str = ""


TEST_WALLETS: Final = (
    TestWallet("wechat", Network.WECHAT, 5_000_00, text="WeChat Pay, a password over 1,000.00"),
    TestWallet("alipay", Network.ALIPAY, 5_000_00, text="Alipay, a password over 1,000.00"),
    TestWallet("unionpay", Network.UNIONPAY, 5_000_00, text="UnionPay, a password over 1,000.00"),
    TestWallet("careful", Network.WECHAT, 5_000_00, 0, text="WeChat Pay, always a password"),
    TestWallet("poor", Network.ALIPAY, 1_00, text="Alipay with 1.00 in it"),
)


@dataclass(slots=True)
class Phone:
    """A telephone of a wallet's holder.

    Args:
        now: says what time it is.
        draw: called with a bound, gives a number below it.
        form: what it shows when a merchant wants to scan.
        password: what its holder does when the wallet asks for a password: gives it, refuses, or does not look.
    """

    host: Host
    wallet: str
    now: Callable[[], datetime]
    draw: Callable[[int], int]
    form: Form = Form.DIGITS
    password: bool | None = True
    answers: list[str] = field(default_factory=list)
    """Answer codes of what it has tried to pay."""

    def code(self) -> str:
        """A fresh code. Raises: EnrolmentError."""
        return self.host.show_code(self.wallet, self.now(), self.draw, self.form).reveal()

    def scan(self, text: str) -> None:
        """Pay what a merchant's code asks for. Raises: MerchantCodeError, OrderError."""
        self.answers.append(self.host.pay_order(merchant_presented.parse(text).reference, self.wallet, self.now()))

    def wait(self) -> None:
        """Give the password the wallet asks for, or refuse it."""
        if self.password is None:
            return
        for order in self.asked():
            self.answers.append(self.host.answer_password(order.order_id, self.now(), given=self.password))

    def asked(self) -> list[OrderRecord]:
        """The payments that wait for this holder's password."""
        return self.host.orders(wallet=self.wallet, state=OrderState.DEAL)
