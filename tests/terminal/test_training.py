"""Training: every key answers, and nothing of it is ever heard of."""

from __future__ import annotations

import pytest

from posterm.amount import Amount
from posterm.host.errors import OrderError
from posterm.terminal import OriginalReference, Outcome
from posterm.terminal import effects as fx
from posterm.terminal.receipt import Slip, lines
from posterm.terminal.transitions import State
from posterm.unionpay.transactions import Kind
from tests.terminal.code_counter import CodeCounter
from tests.terminal.scripted_host import CASHIER, SUPERVISOR

AMOUNT = Amount(5_00)


@pytest.fixture
def counter():
    """A terminal in training. Afterwards the host and the journal are as they were before."""
    opened = CodeCounter()
    rows = opened.place.transfers
    assert opened.do("start_training").done
    opened.sent.clear()
    yield opened
    assert opened.sent == []
    assert opened.terminal.journal == []
    assert opened.place.transfers == rows


KEYS = [
    (Kind.SALE, lambda c: c.do("sale", AMOUNT)),
    (Kind.PREAUTH, lambda c: c.do("preauth", AMOUNT)),
    (Kind.BALANCE, lambda c: c.do("balance")),
    (Kind.OFFLINE_SALE, lambda c: c.do("offline_sale", AMOUNT, "VOICE1")),
    (Kind.QR_SALE, lambda c: c.do("pay_by_code", AMOUNT)),
    (Kind.QR_ORDER, lambda c: c.do("show_code", AMOUNT)),
]
ON_A_SALE = [
    (Kind.VOID, lambda c: c.void()),
    (Kind.REFUND, lambda c: c.do("refund", Amount(100), OriginalReference(), SUPERVISOR)),
    (Kind.TIP_ADJUST, lambda c: c.do("adjust_tip", "", Amount(50))),
]
ON_AN_AUTHORISATION = [
    (Kind.PREAUTH_ADD, lambda c: c.do("add_preauth", AMOUNT, OriginalReference())),
    (Kind.COMPLETION, lambda c: c.do("complete", AMOUNT, OriginalReference())),
    (Kind.COMPLETION_NOTICE, lambda c: c.do("complete_by_notice", AMOUNT, OriginalReference())),
    (Kind.PREAUTH_VOID, lambda c: c.do("void_preauth", OriginalReference(), SUPERVISOR)),
]


@pytest.mark.parametrize(("kind", "press"), KEYS, ids=lambda value: value if isinstance(value, str) else None)
def test_every_key_is_practised_without_a_frame(counter, kind, press):
    counter.scanning = False
    result = press(counter)
    assert (result.outcome, result.kind) == (Outcome.TRAINED, kind)
    assert not result.approved


@pytest.mark.parametrize(("kind", "press"), ON_A_SALE, ids=lambda value: value if isinstance(value, str) else None)
def test_a_practised_sale_can_be_taken_back(counter, kind, press):
    counter.do("sale", AMOUNT)
    result = press(counter)
    assert (result.outcome, result.kind) == (Outcome.TRAINED, kind)


@pytest.mark.parametrize(
    ("kind", "press"), ON_AN_AUTHORISATION, ids=lambda value: value if isinstance(value, str) else None
)
def test_a_practised_authorisation_goes_on(counter, kind, press):
    counter.do("preauth", AMOUNT)
    result = press(counter)
    assert (result.outcome, result.kind) == (Outcome.TRAINED, kind)


def test_a_void_is_practised_once_and_with_the_right_password(counter):
    counter.do("sale", AMOUNT)
    assert counter.do("void", "", "000000").outcome is Outcome.REFUSED
    assert counter.void().outcome is Outcome.TRAINED
    assert counter.void().outcome is Outcome.REFUSED


def test_every_slip_says_that_it_is_none(counter):
    counter.do("sale", AMOUNT)
    assert all(isinstance(slip, Slip) and slip.training for slip in counter.printed)
    for language, word in (("en", "TRAINING"), ("zh", "训练")):
        text = lines(counter.printed[0], language=language)
        assert word in text[0]
        assert word in text[-1]


def test_nobody_is_asked_for_a_pin(counter):
    counter.do("sale", AMOUNT)
    assert not any(isinstance(told, fx.EnterPin) for told in counter.told)


def test_what_is_shown_in_training_cannot_be_paid(counter):

    counter.scanning = False
    counter.do("show_code", AMOUNT)
    with pytest.raises(OrderError, match="no order 'TRAINING'"):
        counter.phone.scan(counter.shown[0])


@pytest.mark.parametrize(
    "press",
    [
        lambda c: c.do("echo").done,
        lambda c: c.do("sign_on", "01", CASHIER).done,
        lambda c: c.do("sign_off").done,
        lambda c: c.do("settle").done,
        lambda c: c.do("download_parameters").done,
        lambda c: c.do("upload_status").done,
        lambda c: c.do("start_training").done,
    ],
)
def test_nothing_else_leaves_the_terminal_either(counter, press):
    assert not press(counter)
    assert counter.terminal.state is State.TRAINING


def test_training_outlives_a_power_cut_with_its_vouchers(counter):
    counter.do("sale", AMOUNT)
    counter.power_on(run=True)
    assert counter.terminal.state is State.TRAINING
    assert counter.void().outcome is Outcome.TRAINED


def test_practice_is_forgotten_at_the_end_and_the_cashier_signs_on():
    counter = CodeCounter()
    counter.do("start_training")
    counter.do("sale", AMOUNT)
    assert counter.do("end_training").done
    assert (counter.terminal.state, counter.terminal.operator) == (State.KEYED, "")
    assert not counter.do("end_training").done
    assert counter.do("sign_on", "01", CASHIER).done
    assert counter.do("void", "000001", SUPERVISOR).outcome is Outcome.REFUSED
    assert counter.do("pay_by_code", AMOUNT).approved


def test_practice_is_bounded(counter):
    for _ in range(60):
        counter.do("sale", AMOUNT)
    assert len(counter.terminal._ctx.memory.registers.practice) == 50


def test_training_is_refused_while_the_batch_has_entries():
    counter = CodeCounter()
    counter.do("pay_by_code", AMOUNT)
    managed = counter.do("start_training")
    assert (managed.done, managed.why) == (False, "the open batch has entries; settle first")
    assert counter.do("settle").done
    assert counter.do("start_training").done


def test_training_needs_keys():
    counter = CodeCounter()
    draft = counter.terminal._ctx.memory.draft()
    draft.set(state=State.NEW)
    counter.terminal._ctx.memory.commit(draft)
    assert not counter.do("start_training").done
