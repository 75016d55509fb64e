"""Days of payments by codes from a seed: any key at any time, a line that fails, power that goes, paper that jams.

At the end of a day nothing is open, terminal and host have counted the same in every batch, and what has left the
wallets is what the batches net to: nothing lost, nothing twice.
"""

from __future__ import annotations

import random

import pytest

from posterm.amount import Amount
from posterm.host.orders import OPEN
from posterm.qr.scanned import Form
from posterm.terminal import MemoryTerminalStore, OriginalReference
from posterm.terminal.receipt import SettlementSlip
from posterm.terminal.transitions import Phase, State
from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import CODE_SALES
from simulators.phone import TEST_WALLETS
from tests.host.hand_terminal import TID
from tests.terminal.code_counter import CodeCounter
from tests.terminal.scripted_host import CASHIER, SUPERVISOR, FailingStore, PowerCut

KEYS = ("pay", "pay", "pay", "show", "show", "void", "refund", "query", "settle", "sale")
FAULTS = ("lose-request", "lose-answer", "late", "double", "garble", "not-sent")
FRAMES = ("70", "71", "72", "73", "74", "0400", "0500", "00", "20")


def press(counter: CodeCounter, draw: random.Random) -> None:
    wallet = draw.choice(TEST_WALLETS).name
    form = draw.choice(list(Form)) if wallet == "unionpay" else draw.choice((Form.DIGITS, Form.FACE))
    if counter.profile.qr.family == "standard":
        wallet, form = "unionpay", Form.DIGITS
    counter.phone = counter.telephone(wallet, form=form, password=draw.choice((True, True, False, None)))
    counter.phone.draw = draw.randrange
    counter.scanning = draw.random() < 0.8
    counter.cancel_at_pause = draw.choice((0, 0, 0, 1, 3))
    amount = Amount(draw.choice((1, draw.randint(1, 50_00), 1_000_01)))
    entries = [entry for entry in counter.terminal.open_batch if entry.kind in CODE_SALES or entry.kind == "sale"]
    stan = draw.choice(entries).stan if entries else ""
    match draw.choice(KEYS):
        case "pay":
            counter.do("pay_by_code", amount)
        case "show":
            counter.do("show_code", amount)
        case "void":
            counter.void(stan)
        case "refund":
            counter.do("refund", amount, OriginalReference(stan=stan), SUPERVISOR)
        case "query":
            counter.do("query_code", stan)
        case "settle":
            counter.do("settle")
        case "sale":
            counter.do("sale", amount)
    if counter.terminal.state is State.KEYED:
        counter.do("sign_on", "01", CASHIER)


def day(seed: int, profile: str, steps: int) -> None:
    draw = random.Random(f"codes {seed} {profile}")
    counter = CodeCounter(get_profile(profile), store=FailingStore(MemoryTerminalStore()))
    for _ in range(steps):
        counter.faults += [(draw.choice(FRAMES), draw.choice(FAULTS))] if draw.random() < 0.4 else []
        counter.printer_fails = int(draw.random() < 0.05)
        if draw.random() < 0.15:
            counter.cut_at_effect, counter.cut_after = counter.effects + draw.randint(1, 12), draw.random() < 0.5
        if draw.random() < 0.1:
            counter.store.cut_at = counter.store.commits + draw.randint(1, 6)
            counter.store.written = draw.random() < 0.5
        try:
            press(counter, draw)
        except PowerCut:
            counter.store.cut_at, counter.cut_at_effect = None, 0
            counter.power_on(run=True)
    end(counter)


def end(counter: CodeCounter) -> None:
    counter.faults.clear()
    counter.late.clear()
    counter.store.cut_at, counter.cut_at_effect, counter.printer_fails = None, 0, 0
    counter.power_on(run=True)
    for _ in range(3):
        if counter.terminal.state is not State.SIGNED_ON:
            counter.do("sign_on", "01", CASHIER)
        if counter.do("settle").done:
            break
        if counter.terminal.phase is Phase.REVERSING:  # the host never had that batch: a person puts it aside
            counter.do("give_up_reversal", SUPERVISOR)
    assert counter.terminal.phase is Phase.IDLE
    assert counter.terminal.owed == []
    assert all(order.state not in OPEN for order in counter.host.orders())
    if counter.profile.settlement.captured_by == "terminal":
        slips = {slip.batch: slip for slip in counter.printed if isinstance(slip, SettlementSlip)}
        assert all(slip.terminal == counter.host.totals(TID, batch) for batch, slip in slips.items())
    spent = sum(wallet.balance_minor - counter.balance(wallet.name) for wallet in TEST_WALLETS)
    assert spent == sum(counter.host.totals(TID, f"{batch:06d}").net_minor for batch in range(1, 200))
    assert counter.host.ledger.prove().faults == ()


@pytest.mark.parametrize("profile", ["default", "direct"])
@pytest.mark.parametrize("seed", range(12))
def test_a_day_of_payments_by_codes_comes_out_even(seed, profile):
    day(seed, profile, steps=40)


@pytest.mark.proof
@pytest.mark.parametrize("profile", ["default", "direct"])
@pytest.mark.parametrize("seed", range(100, 200))
def test_hundreds_of_days_come_out_even(seed, profile):
    day(seed, profile, steps=120)
