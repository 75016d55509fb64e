"""Payments by a code, terminal and host together: every result in both directions, and every way a line can fail.

Nothing is lost or doubled when the totals of both are equal, the ledger proves, and wallets have paid what stands.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from posterm.amount import Amount
from posterm.host.orders import OPEN
from posterm.qr.scanned import Form
from posterm.terminal import MemoryTerminalStore, OriginalReference, Outcome
from posterm.terminal.receipt import lines
from posterm.terminal.records import Status
from posterm.terminal.transitions import Phase, State
from posterm.unionpay.envelope import open_envelope, request_envelope
from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Entry, Kind
from simulators.phone import TEST_WALLETS
from tests.host.hand_terminal import MID, TID
from tests.terminal.code_counter import CodeCounter
from tests.terminal.scripted_host import CASHIER, SUPERVISOR, FailingStore, PowerCut

AMOUNT = Amount(12_34)
BALANCE = 5_000_00


@pytest.fixture
def counter():
    opened = CodeCounter()
    yield opened
    opened.check()
    reconciled(opened)


def reconciled(counter: CodeCounter) -> None:
    """What has left the wallets is what the host's totals of all batches net to."""
    spent = sum(wallet.balance_minor - counter.balance(wallet.name) for wallet in TEST_WALLETS)
    batches = {entry.batch for entry in counter.terminal.journal}
    assert spent == sum(counter.host.totals(TID, batch).net_minor for batch in batches)


def pay(counter: CodeCounter, amount: Amount = AMOUNT):
    return counter.do("pay_by_code", amount)


def show(counter: CodeCounter, amount: Amount = AMOUNT):
    return counter.do("show_code", amount)


# --- the customer's code --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wallet", "channel"), [("wechat", "002"), ("alipay", "003"), ("unionpay", "004")])
def test_a_scanned_code_pays_at_once(counter, wallet, channel):
    counter.phone = counter.telephone(wallet)
    result = pay(counter)
    assert (result.outcome, result.kind) == (Outcome.APPROVED, Kind.QR_SALE)
    assert result.entry.institutions == f"{channel}SUCCESS"
    assert counter.balance(wallet) == BALANCE - AMOUNT.minor
    assert counter.codes() == ["70"]
    assert counter.states() == ["SUCCESS"]


def test_a_consumer_presented_code_and_a_face_go_the_same_way(counter):
    counter.phone = counter.telephone("unionpay", form=Form.CONSUMER_PRESENTED)
    assert pay(counter).approved
    counter.phone = counter.telephone("wechat", form=Form.FACE)
    result = pay(counter)
    assert result.approved
    assert result.entry.entry is Entry.OPTICAL


def test_the_fee_is_that_of_codes_and_goes_back_with_a_void(counter):
    pay(counter, Amount(100_00))
    assert counter.place.balance("fee/clearing/156") == 38
    assert counter.void().approved
    assert counter.place.balance("fee/clearing/156") == 0


def test_a_password_that_is_given_leads_to_approval(counter):
    counter.phone = counter.telephone("careful")
    assert pay(counter).approved
    assert counter.codes() == ["70", "73"]


def test_a_large_amount_asks_for_a_password(counter):
    assert pay(counter, Amount(1_000_01)).approved
    assert counter.codes() == ["70", "73"]


def test_a_password_that_is_refused_is_a_decline(counter):
    counter.phone = counter.telephone("careful", password=False)
    result = pay(counter)
    assert (result.outcome, result.code) == (Outcome.DECLINED, "55")
    assert counter.states() == ["FAIL"]


def test_a_password_that_never_comes_closes_the_payment(counter):
    counter.phone = counter.telephone("careful", password=None)
    assert pay(counter).outcome is Outcome.REVERSED
    assert counter.codes() == ["70", *["73"] * 12, "72"]
    assert counter.states() == ["CLOSE"]


def test_a_closed_payment_cannot_be_paid_any_more(counter):
    counter.phone = counter.telephone("careful", password=None)
    pay(counter)
    counter.phone.password = True
    assert counter.phone.asked() == []


def test_a_cashier_may_stop_the_waiting(counter):
    counter.phone = counter.telephone("careful", password=None)
    counter.cancel_at_pause = 2
    result = pay(counter)
    assert (result.outcome, result.text) == (Outcome.REVERSED, "cancelled")
    assert counter.codes() == ["70", "73", "72"]


def test_too_little_in_the_wallet_is_51(counter):
    counter.phone = counter.telephone("poor")
    assert pay(counter).code == "51"


def test_a_code_is_good_once(counter):
    counter.text = counter.phone.code()
    assert pay(counter).approved
    assert pay(counter).code == "94"


def test_a_code_is_good_for_a_minute(counter):

    counter.text = counter.phone.code()
    counter.now += timedelta(seconds=60)
    assert pay(counter).code == "54"


def test_a_code_that_nobody_has_shown_is_14(counter):
    counter.text = "134567890123456789"
    assert pay(counter).code == "14"


@pytest.mark.parametrize("closed", ["qr", "wechat"])
def test_a_channel_that_is_not_open_is_58(counter, closed):
    counter.host.set_channels(MID, [closed])
    assert pay(counter).code == "58"


def test_face_payment_has_a_channel_of_its_own(counter):
    counter.host.set_channels(MID, ["face"])
    assert pay(counter).approved
    counter.phone.form = Form.FACE
    assert pay(counter).code == "58"


def test_what_is_no_code_never_leaves_the_terminal(counter):
    counter.text = "not a code"
    assert pay(counter).outcome is Outcome.REFUSED
    counter.text = "cancel"
    assert pay(counter).outcome is Outcome.CANCELLED
    assert counter.sent == []


FORCED = {
    "9000.51": ("declined", "51"),
    "9001.00": ("approved", "00"),
    "9001.01": ("reversed", ""),
    "9001.02": ("approved", "00"),
    "9001.03": ("approved", "00"),
    "9004.01": ("approved", "00"),
    "9004.02": ("reversed", ""),
    "9004.03": ("declined", "55"),
    "9004.04": ("approved", "00"),
    "9004.05": ("reversed", ""),
    "9004.06": ("declined", "54"),
    "9004.07": ("declined", "94"),
    "9004.08": ("declined", "58"),
}


@pytest.mark.parametrize("amount", FORCED)
def test_every_forced_outcome_of_a_scanned_code(counter, amount):
    counter.host.enrol_wallet("rich", "wechat", balance=20_000_00, free=20_000_00)
    counter.phone = counter.telephone("rich", password=None)
    result = pay(counter, Amount.parse(amount))
    assert (result.outcome.value, result.code) == FORCED[amount]
    stands = 20_000_00 - counter.balance("rich")
    assert stands == (result.entry.amount_minor if result.approved else 0)
    assert counter.void().approved is result.approved
    assert counter.balance("rich") == 20_000_00


# --- the merchant's code --------------------------------------------------------------------------------------------


def test_a_code_that_is_shown_is_paid_by_whoever_scans_it(counter):
    counter.phone = counter.telephone("alipay")
    result = show(counter)
    assert (result.outcome, result.kind) == (Outcome.APPROVED, Kind.QR_ORDER)
    assert counter.balance("alipay") == BALANCE - AMOUNT.minor
    assert counter.phone.answers == ["00"]


def test_a_code_that_nobody_scans_is_closed_and_cannot_be_paid(counter):
    counter.scanning = False
    assert show(counter).outcome is Outcome.REVERSED
    counter.phone.scan(counter.shown[0])
    assert counter.phone.answers == ["12"]


def test_a_wallet_without_the_money_leaves_the_code_to_another(counter):
    counter.phone = counter.telephone("poor")
    counter.cancel_at_pause = 2
    assert show(counter).outcome is Outcome.REVERSED
    assert counter.phone.answers == ["51"]


def test_a_code_is_paid_once_whoever_comes_second(counter):
    assert show(counter).approved
    counter.phone.scan(counter.shown[0])
    assert counter.phone.answers == ["00", "12"]


def test_an_order_ends_by_itself(counter):

    counter.scanning = False
    counter.faults = [("72", "not-sent")] * 3
    counter.cancel_at_pause = 1
    assert show(counter).outcome is Outcome.REVERSAL_PENDING
    counter.now += timedelta(seconds=300)
    counter.phone.scan(counter.shown[0])
    assert counter.phone.answers == ["12"]
    assert pay(counter).approved  # after the stored closing has gone out


@pytest.mark.parametrize("closed", ["alipay", "qr"])
def test_the_channel_is_looked_at_when_the_code_is_made_and_when_it_is_paid(counter, closed):
    counter.host.set_channels(MID, [closed])
    counter.phone = counter.telephone("alipay")
    counter.cancel_at_pause = 2
    assert not show(counter).approved
    assert counter.phone.answers == ([] if closed == "qr" else ["58"])


# --- afterwards -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", [pay, show])
def test_a_void_takes_it_back_whole_and_only_once(counter, begin):
    sale = begin(counter)
    void = counter.void(sale.stan)
    assert (void.outcome, void.kind) == (Outcome.APPROVED, Kind.QR_VOID)
    assert counter.void(sale.stan).outcome is Outcome.REFUSED
    assert counter.balance("wechat") == BALANCE
    assert counter.terminal.totals.debit_count == counter.terminal.totals.credit_count == 1
    assert counter.states() == ["CLOSE"]


def test_a_void_that_is_not_answered_is_repeated_until_it_is(counter):
    pay(counter)
    counter.faults = [("72", "lose-answer")]
    assert counter.void().outcome is Outcome.UNKNOWN
    assert counter.do("settle").done
    assert counter.balance("wechat") == BALANCE


def test_refunds_in_parts_until_nothing_is_left(counter):
    sale = pay(counter)
    reference = OriginalReference(rrn=sale.entry.rrn, date=sale.entry.host_date)
    for minor, code, state in ((1000, "00", "PART_REFUND"), (1000, "Z4", "PART_REFUND"), (234, "00", "REFUND")):
        result = counter.do("refund", Amount(minor), reference, SUPERVISOR)
        assert (result.code, result.kind, counter.states()) == (code, Kind.QR_REFUND, [state])
    assert counter.void(sale.stan).code == "12"


def test_a_refund_in_a_later_batch_needs_what_the_slip_says(counter):
    sale = pay(counter)
    counter.do("settle")
    counter.do("sign_on", "01", CASHIER)
    reference = OriginalReference(rrn=sale.entry.rrn, date=sale.entry.host_date)
    assert counter.do("refund_code", Amount(500), reference, SUPERVISOR).approved


def test_a_query_tells_how_it_stands_and_leaves_no_entry(counter):
    pay(counter)
    before = len(counter.terminal.open_batch)
    assert counter.do("query_code", "").approved
    counter.void()
    assert counter.do("query_code", "000002").code == "12"
    assert len(counter.terminal.open_batch) == before + 1


def test_there_is_no_tip_on_a_payment_by_a_code(counter):
    sale = pay(counter)
    assert counter.do("adjust_tip", sale.stan, Amount(100)).outcome is Outcome.REFUSED


def test_a_void_by_number_finds_cards_and_codes_alike(counter):
    code, card = pay(counter), counter.do("sale", Amount(500))
    assert card.outcome is Outcome.DECLINED  # the card needs a PIN, which nobody types here
    assert counter.void(code.stan).approved


# --- a line that fails ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["lose-request", "lose-answer", "late", "double", "garble", "not-sent"])
@pytest.mark.parametrize("kind", ["70", "71", "72", "73", "74"])
@pytest.mark.parametrize("wallet", ["wechat", "careful"])
def test_any_frame_may_be_lost_late_doubled_or_spoilt(counter, kind, fault, wallet):
    counter.phone = counter.telephone(wallet)
    counter.faults = [(kind, fault)]
    first, second = pay(counter), show(counter)
    counter.scanning = True
    counter.void()
    if second.approved:
        counter.do("refund", Amount(100), OriginalReference(stan=second.stan), SUPERVISOR)
    counter.faults.clear()
    assert counter.terminal.phase in (Phase.IDLE, Phase.REVERSING)
    assert counter.do("settle").done
    assert counter.terminal.phase is Phase.IDLE
    assert all(order.state not in OPEN for order in counter.host.orders())
    assert first.outcome in set(Outcome)


def test_an_answer_that_was_lost_is_heard_by_asking(counter):
    counter.faults = [("70", "lose-answer")]
    assert pay(counter).approved
    assert counter.codes() == ["70", "73"]


def test_a_request_that_was_lost_is_closed_and_refused_when_it_comes_after_all(counter):
    counter.faults = [("70", "lose-request")]
    assert pay(counter).outcome is Outcome.REVERSED
    lost = next(message for message in counter.sent if str(message[3]) == "700000")
    assert replay(counter, lost) == "CA"
    assert counter.balance("wechat") == BALANCE


def replay(counter: CodeCounter, message) -> str:
    """Let a request that was lost arrive now. Returns: the answer code."""

    context = counter.terminal._ctx
    frame = request_envelope(counter.profile, context.sealer.seal(message, context.key("mak"))).pack()
    reply = counter.host.handle(frame, counter.now)
    return str(counter.profile.dialect.unpack(open_envelope(reply.frame).wire)[39])


def test_a_printer_that_fails_closes_what_was_paid(counter):
    counter.printer_fails = 1
    assert pay(counter).outcome is Outcome.REVERSED
    assert counter.codes() == ["70", "72"]
    assert counter.balance("wechat") == BALANCE


def test_totals_that_differ_upload_payments_by_codes_without_a_card_number(counter):
    pay(counter)
    context = counter.terminal._ctx
    draft = context.memory.draft()
    entry = counter.terminal.open_batch[0]
    draft.put(type(entry)(**{**entry.__dict__, "stan": "000900", "rrn": ""}))
    context.memory.commit(draft)
    settled = counter.do("settle")
    assert (settled.done, settled.equal) == (True, False)
    report = next(iter(counter.place.store.reports()))
    assert (report.only_host, report.only_terminal) == ((), ("000900",))
    draft = context.memory.draft()
    draft.drop(f"{entry.batch}-000900")
    context.memory.commit(draft)


# --- power ----------------------------------------------------------------------------------------------------------


def declined(counter: CodeCounter):
    counter.phone = counter.telephone("poor")
    return pay(counter)


def asked(counter: CodeCounter):
    counter.phone = counter.telephone("careful")
    return pay(counter)


def never_paid(counter: CodeCounter):
    counter.scanning, counter.cancel_at_pause = False, 3
    return show(counter)


def lost(counter: CodeCounter):
    counter.faults.append(("70", "lose-answer"))
    return pay(counter)


def voided(counter: CodeCounter):
    pay(counter)
    return counter.void()


def refunded(counter: CodeCounter):
    pay(counter)
    return counter.do("refund", Amount(100), OriginalReference(), SUPERVISOR)


SITUATIONS: dict[str, Callable[[CodeCounter], object]] = {
    "scanned": pay,
    "shown": show,
    "declined": declined,
    "asked for a password": asked,
    "never paid": never_paid,
    "lost": lost,
    "voided": voided,
    "refunded": refunded,
}


def go_on(counter: CodeCounter) -> None:
    counter.store.cut_at, counter.cut_at_effect, counter.cancel_at_pause = None, 0, 0
    counter.faults.clear()
    counter.phone = counter.telephone("wechat")
    counter.power_on(run=True)
    assert counter.terminal.phase is Phase.IDLE
    assert pay(counter, Amount(1)).approved
    counter.check()
    reconciled(counter)
    assert all(order.state not in OPEN for order in counter.host.orders())
    assert not any(entry.status is Status.PENDING for entry in counter.terminal.journal)
    assert counter.do("settle").equal


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_power_may_fail_at_every_commit(situation, after):
    for at in range(1, 60):
        counter = CodeCounter(store=FailingStore(MemoryTerminalStore()))
        made = counter.store.commits
        counter.store.cut_at, counter.store.written = made + at, after
        try:
            SITUATIONS[situation](counter)
        except PowerCut:
            go_on(counter)
            continue
        return
    raise AssertionError("it never comes to an end")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_power_may_fail_at_every_effect(situation, after):
    for at in range(1, 120):
        counter = CodeCounter(store=FailingStore(MemoryTerminalStore()))
        counter.cut_at_effect, counter.cut_after = counter.effects + at, after
        try:
            SITUATIONS[situation](counter)
        except PowerCut:
            go_on(counter)
            continue
        return
    raise AssertionError("it never comes to an end")


# --- the standard family --------------------------------------------------------------------------------------------


@pytest.fixture(params=["standard in the default profile", "direct"])
def standard(request):
    profile = get_profile("direct")
    if request.param != "direct":
        base = get_profile("default")
        profile = base.model_copy(update={"qr": base.qr.model_copy(update={"family": "standard"})})
    opened = CodeCounter(profile)
    opened.phone = opened.telephone("unionpay")
    yield opened
    opened.check()


def test_the_standard_family_sells_by_an_ordinary_sale(standard):
    result = pay(standard)
    assert (result.outcome, result.kind) == (Outcome.APPROVED, Kind.SALE)
    assert standard.codes() == ["00"]
    sent = standard.sent[-1]
    assert (str(sent[22]), 2 in sent, 35 in sent, 53 in sent) == ("032", False, False, False)


def test_the_standard_family_reverses_what_it_does_not_hear(standard):
    standard.faults = [("00", "lose-answer")]
    assert pay(standard).outcome is Outcome.REVERSED
    assert standard.sent[-1].mti == "0400"
    assert standard.balance("unionpay") == BALANCE


def test_the_standard_family_voids_and_refunds_without_a_card(standard):
    first, second = pay(standard), pay(standard)
    assert standard.void(first.stan).kind is Kind.VOID
    reference = OriginalReference(stan=second.stan)
    assert standard.do("refund", Amount(100), reference, SUPERVISOR).approved
    assert standard.balance("unionpay") == BALANCE - AMOUNT.minor + 100


def test_the_standard_family_takes_no_other_codes_and_shows_none(standard):
    standard.phone = standard.telephone("wechat")
    assert "UnionPay" in pay(standard).text
    assert show(standard).outcome is Outcome.REFUSED
    assert standard.sent == []


def test_the_standard_family_cannot_wait_for_a_password(standard):
    assert pay(standard, Amount(1_000_01)).code == "61"


def test_an_acquirer_without_codes_takes_none():
    base = get_profile("default")
    counter = CodeCounter(base.model_copy(update={"qr": base.qr.model_copy(update={"family": "none"})}))
    assert pay(counter).outcome is Outcome.REFUSED
    assert show(counter).outcome is Outcome.REFUSED


# --- paper ----------------------------------------------------------------------------------------------------------


def test_the_slip_names_the_wallet_and_hides_the_code(counter):
    pay(counter)
    slip = "\n".join(lines(counter.printed[0], language="en"))
    assert "WECHAT PAY" in slip
    assert "PAYMENT CODE" in slip
    assert "SIGNATURE" not in slip
    assert counter.terminal.state is State.SIGNED_ON
