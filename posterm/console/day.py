"""The demonstration's day at the counter: what happens, in order, and how each step has to end.

Amounts from 9000.00 make the host misbehave (`posterm.host.forced`): one answer is lost on its way, one stored notice
is refused when it is first delivered, so that the totals differ at settlement and are uploaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from posterm.amount import Amount
from posterm.terminal import OriginalReference, Outcome, Result, Terminal
from posterm.terminal.batch import Settled
from posterm.terminal.effects import Flow
from posterm.terminal.management import Managed
from posterm.terminal.operators import SUPERVISOR, TEST_PASSWORDS
from posterm.unionpay.transactions import Kind

CASHIER: Final = "01"
_SUPERVISOR: Final = TEST_PASSWORDS[SUPERVISOR]
LATEST: Final = OriginalReference()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the cashier does.

    `card` names the test card, `way` how it is presented, `outcome` how a transaction has to end.
    """

    title: str
    title_zh: str
    press: Callable[[Terminal, datetime], Flow[Any]]
    card: str = ""
    way: Literal["swipe", "insert", "tap"] = "swipe"
    with_pin: bool = True
    outcome: Outcome = Outcome.APPROVED
    code: str = ""

    def fault(self, result: object) -> str:
        """What is wrong with how the step ended; empty when it ended as it had to."""
        match result:
            case Managed():
                return "" if result.done else result.why or result.code
            case Settled():
                return "" if result.done else result.why
            case Result():
                ended = (result.outcome, result.code if self.code else "")
                return "" if ended == (self.outcome, self.code) else f"{result.outcome} {result.code} {result.text}"
            case _:
                return "no result"


def _voucher_of(terminal: Terminal, kind: Kind, place: int) -> OriginalReference:
    found = [entry.stan for entry in terminal.open_batch if entry.kind is kind]
    return OriginalReference(stan=found[place])


DAY: Final = (
    Step("Sign on", "签到", lambda terminal, now: terminal.sign_on(CASHIER, TEST_PASSWORDS[CASHIER], now)),
    Step(
        "Sale of 123.45, card swiped, PIN entered",
        "消费 123.45,刷卡并输入密码",
        lambda terminal, now: terminal.sale(Amount(123_45), now),
        card="debit",
    ),
    Step(
        "Sale of 66.00, chip inserted, PIN entered",
        "消费 66.00,插卡并输入密码",
        lambda terminal, now: terminal.sale(Amount(66_00), now),
        card="debit",
        way="insert",
    ),
    Step(
        "Sale of 9.90, card tapped, no PIN and no signature",
        "消费 9.90,挥卡,免密免签",
        lambda terminal, now: terminal.sale(Amount(9_90), now),
        card="credit",
        way="tap",
    ),
    Step(
        "Sale of 50.00 with a card that has 10.00 on it",
        "消费 50.00,卡内余额 10.00",
        lambda terminal, now: terminal.sale(Amount(50_00), now),
        card="poor",
        outcome=Outcome.DECLINED,
        code="51",
    ),
    Step(
        "Sale of 88.00, to be taken back",
        "消费 88.00,随后撤销",
        lambda terminal, now: terminal.sale(Amount(88_00), now),
        card="credit",
    ),
    Step(
        "Void of that sale, with the supervisor's password",
        "消费撤销,主管密码",
        lambda terminal, now: terminal.void("", _SUPERVISOR, now),
    ),
    Step(
        "Pre-authorisation of 500.00",
        "预授权 500.00",
        lambda terminal, now: terminal.preauth(Amount(500_00), now),
        card="credit",
        with_pin=False,
    ),
    Step(
        "Completion of 450.00",
        "预授权完成 450.00",
        lambda terminal, now: terminal.complete(Amount(450_00), LATEST, now),
    ),
    Step(
        "Refund of 23.45 for the first sale",
        "退货 23.45",
        lambda terminal, now: terminal.refund(Amount(23_45), _voucher_of(terminal, Kind.SALE, 0), _SUPERVISOR, now),
        card="debit",
    ),
    Step("Balance inquiry", "余额查询", lambda terminal, now: terminal.balance(now), card="debit"),
    Step(
        "Sale of 9001.00: the answer is lost on the way, the terminal reverses",
        "消费 9001.00:应答丢失,自动冲正",
        lambda terminal, now: terminal.sale(Amount(9001_00), now),
        card="debit",
        outcome=Outcome.REVERSED,
    ),
    Step(
        "Offline sale of 9003.00, approved by telephone",
        "离线结算 9003.00,电话授权",
        lambda terminal, now: terminal.offline_sale(Amount(9003_00), "A1B2C3", now),
        card="debit",
        with_pin=False,
        outcome=Outcome.APPROVED_OFFLINE,
    ),
    Step("Settlement", "批结算", lambda terminal, now: terminal.settle(now)),
)
