"""Customers with wallets on their telephones: they show codes, scan them, give passwords, or do not, in their own time.

What a customer does reaches the host by the telephone's own line, which loses nothing; the host works on it in its
batches like on any request, and may die of it. Most pay within seconds, some when the terminal has long given up.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from posterm.host import Host
from posterm.host.wallet_rows import OrderState, order_of
from posterm.qr import merchant_presented
from posterm.qr.payment_code import Network
from posterm.qr.scanned import Form
from simulators.phone import TEST_WALLETS, TestWallet
from simulators.world.clock import Clock
from simulators.world.disks import HostDisk
from simulators.world.host_site import Caller, Errand, HostSite
from simulators.world.story import Story

WALLETS: Final = (
    TestWallet("rich-wechat", Network.WECHAT, 100_000_00),
    TestWallet("rich-alipay", Network.ALIPAY, 100_000_00),
    TestWallet("rich-unionpay", Network.UNIONPAY, 100_000_00),
    *TEST_WALLETS,
)
"""Some rich enough to come up against the limits of a merchant."""

CONDUCT: Final = {"pays": 80, "pays twice": 6, "shows an old code": 4, "refuses": 5, "walks away": 5}
"""What customers do, by weight."""

PAID: Final = "00"
"""What a telephone is told of an order that is paid."""

_PROMPT_S: Final = 4.0
"""How long most of them take, on average."""

_SLOW: Final = 0.15
_SLOW_S_MAX: Final = 400.0
"""Some may take longer than a terminal asks, and than an order lives."""

_AGAIN_S: Final = 15.0
"""From an error on the telephone until its holder tries again."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a telephone has told its holder of an order; `code` is the host's answer code."""

    order_id: str
    wallet: str
    code: str


class Customers:
    """All holders of wallets.

    Args:
        family: the family of messages in which the acquirer takes payment codes.
    """

    def __init__(self, *, clock: Clock, site: HostSite, disk: HostDisk, story: Story, family: str) -> None:
        self.clock = clock
        self.site = site
        self.disk = disk
        self.story = story
        self.receipts: list[Receipt] = []
        """What they were told, in order."""
        self.old_codes: dict[str, str] = {}
        """By wallet, a code that it has shown before."""
        self._served = [each for each in WALLETS if family != "standard" or each.network is Network.UNIONPAY]

    def enrol(self) -> None:
        """Let the host know their wallets."""
        host, at = self.site.host, self.clock.now
        for each in WALLETS:
            if not host.knows_wallet(each.name):
                host.enrol_wallet(each.name, each.network, balance=each.balance_minor, free=each.free_minor, at=at)

    def come(self, terminal_id: str, randomness: random.Random) -> Customer:
        """One of them comes to a terminal."""
        return Customer(self, terminal_id, randomness.choice(self._served), randomness)


class Customer:
    """Somebody before a terminal, with a telephone in hand."""

    def __init__(self, others: Customers, terminal_id: str, wallet: TestWallet, randomness: random.Random) -> None:
        self._others = others
        self._terminal_id = terminal_id
        self._wallet = wallet
        self._random = randomness
        self._conduct = randomness.choices(tuple(CONDUCT), tuple(CONDUCT.values()))[0]

    def code(self) -> str:
        """What the telephone shows; nothing when its wallet cannot be reached."""
        others, wallet, site = self._others, self._wallet, self._others.site
        if self._conduct == "shows an old code" and wallet.name in others.old_codes:
            return others.old_codes[wallet.name]
        if not site.up:
            return ""
        forms = list(Form) if wallet.network is Network.UNIONPAY else [Form.DIGITS, Form.FACE]
        form, draw = self._random.choice(forms), self._random.randrange
        others.old_codes[wallet.name] = code = others.site.host.show_code(
            wallet.name, others.site.now, draw, form
        ).reveal()
        if self._conduct != "walks away":
            self._later(self._answer_password, times=2)
        return code

    def scan(self, text: str) -> None:
        """Pay what a terminal shows, in a while."""
        if self._conduct not in ("refuses", "walks away"):
            pay = partial(self._pay, merchant_presented.parse(text).reference)
            self._later(pay, times=2 if self._conduct == "pays twice" else 1)

    def wait(self) -> None:
        """Nothing: customers act by the clock, not when a terminal looks."""

    # --- errands, each within a batch of the host ---

    def _pay(self, order_id: str, host: Host, now: datetime) -> Callable[[], None]:
        code = host.pay_order(order_id, self._wallet.name, now)
        return lambda: self._hear([Receipt(order_id, self._wallet.name, code)])

    def _answer_password(self, host: Host, now: datetime) -> Callable[[], None]:
        """Give the password wherever it is asked for, or refuse."""
        name, given = self._wallet.name, self._conduct != "refuses"
        asked = host.orders(wallet=name, state=OrderState.DEAL)
        heard = [
            Receipt(order.order_id, name, host.answer_password(order.order_id, now, given=given)) for order in asked
        ]
        return lambda: self._hear(heard)

    def _later(self, errand: Errand, *, times: int) -> None:
        """Run an errand so many times, each after a while; again when the host could not be reached, or died of it."""
        for _ in range(times):
            self._others.clock.after(self._hesitation_s, lambda: self._run(errand))

    def _run(self, errand: Errand) -> None:
        def again() -> None:
            self._others.clock.after(_AGAIN_S, lambda: self._run(errand))

        self._others.site.run(Caller(self._terminal_id, again), errand)

    @property
    def _hesitation_s(self) -> float:
        slow = self._random.random() < _SLOW
        return self._random.uniform(0.0, _SLOW_S_MAX) if slow else self._random.expovariate(1.0 / _PROMPT_S)

    def _hear(self, receipts: Iterable[Receipt]) -> None:
        for receipt in receipts:
            self._others.receipts.append(receipt)
            order = order_of(self._others.disk, receipt.order_id)
            stan = order.ref.rpartition("/")[2] if order is not None else ""
            details = {"stan": stan, "wallet": receipt.wallet, "code": receipt.code}
            what = "pays" if receipt.code == PAID else "does not pay"
            self._others.story.note(self._terminal_id, "customer", what, details)
