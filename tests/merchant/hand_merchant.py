"""A merchant that trades already: its document, its place at the host, a signed-on terminal and cards with money."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from posterm.hsm import KeyUsage, Pin
from posterm.merchant import SYSTEM, Actor, Office, Role
from posterm.merchant.capabilities import open_capabilities
from posterm.merchant.form import BankAccount
from posterm.merchant.marks import add_mark
from posterm.merchant.merchant import MERCHANT_NUMBER, Merchant
from posterm.merchant.personal import AccountNumber, PersonName
from posterm.sensitive import luhn_valid
from posterm.unionpay.key_layout import tmk_algorithm
from tests.host.hand_terminal import MID, OTHER_MID, OTHER_PAN, OTHER_TID, PAN, PIN, TID, HandTerminal
from tests.merchant.hand_office import NOW

OPERATOR, REVIEWER = Actor(Role.OPERATOR), Actor(Role.REVIEWER)


def bank_account(part: str = "0001", holder: str = "张三") -> BankAccount:
    """A personal account; `part` are the four digits before the last, where magic values stand."""
    first = "62170012000000" + part
    number = next(first + digit for digit in "0123456789" if luhn_valid(first + digit))
    return BankAccount(
        bank_code="105290000011", bank_name="建设银行", number=AccountNumber(number), holder=PersonName(holder)
    )


@dataclass
class Trading:
    """A merchant in trade."""

    office: Office
    merchant: Merchant
    terminal: HandTerminal
    cards: dict[str, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return Actor(Role.MERCHANT, self.merchant.subject)

    @property
    def key(self) -> str:
        return self.merchant.key

    def sell(self, amount: int, *, at: datetime | None = None, pan=PAN, code: str = "00") -> str:
        """A sale. Returns: its reference."""
        if at is not None:
            self.terminal.now = at
        answer = self.terminal.sale(amount, pan=pan)
        assert answer.code == code
        return self.ref(answer)

    def ref(self, answer) -> str:
        terminal = self.terminal
        return f"2/{terminal.terminal_id}/{terminal.merchant_id}/{str(answer.request[60])[2:8]}/{answer.stan}"

    def balance(self, account: str) -> int:
        return self.office.ledger.account(account).balance

    def close_day(self, at: datetime) -> None:
        self.office.host.close_clearing(at + timedelta(days=1))


def open_trading(
    office: Office,
    *,
    number: int = 1,
    now: datetime = NOW,
    plan: str = "standard",
    owner: str = "owner1",
    account: BankAccount | None = None,
) -> Trading:
    """The first or the second merchant, with a debit card and a credit card that have much."""
    merchant_id, terminal_id = ((MID, TID), (OTHER_MID, OTHER_TID))[number - 1]
    merchant = Merchant(
        key=f"M{number:08d}",
        subject=f"A{number:08d}",
        state="LIVE",
        application=f"P{number:08d}",
        applicant_type="micro" if plan == "micro" else "individual-business",
        name="张三小吃店",
        trading_name="张三小吃店",
        mcc="5812",
        identity=owner,
        plan=plan,
        merchant_id=merchant_id,
        terminal_ids=(terminal_id,),
        bank_account=account or bank_account(),
        approved_at=now.isoformat(),
        contracted_at=now.isoformat(),
    )
    office.cabinet.put(merchant)
    add_mark(office, MERCHANT_NUMBER, merchant_id, merchant.key)
    host, hsm = office.host, office.cabinet.hsm
    host.enrol_merchant(merchant_id, "zhang san", plan=plan, owner=owner)
    algorithm = tmk_algorithm(host.profile.keys.layout)
    tmk = hsm.load_clear_key(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), KeyUsage.KEY_ENCRYPTION, algorithm)
    host.enrol_terminal(terminal_id, merchant_id, tmk)
    open_capabilities(office, merchant, now)
    cards = {}
    if number == 1:
        cards["debit"] = host.enrol_card(PAN, Pin(PIN), balance=100_000_000)
        cards["credit"] = host.enrol_card(OTHER_PAN, Pin(PIN), kind="credit", credit_line=100_000_000)
    terminal = HandTerminal(host, hsm, tmk, terminal_id=terminal_id, merchant_id=merchant_id, now=now)
    assert terminal.sign_on().code == "00"
    return Trading(office, merchant, terminal, cards)


__all__ = ["OPERATOR", "OTHER_PAN", "PAN", "REVIEWER", "SYSTEM", "Trading", "bank_account", "open_trading"]
