"""Pre-authorisations end by themselves: their money comes back, and nothing builds on them any more."""

from __future__ import annotations

import pytest

from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import BALANCE, open_place

DAYS = get_profile("default").rules.preauth_days_max


def test_a_hold_is_released_on_the_day_its_pre_authorisation_expires(place, terminal):
    terminal.preauth(7000)
    terminal.wait(days=DAYS, seconds=-1)
    assert place.host.expire(terminal.now) == 0
    terminal.wait(seconds=1)
    assert place.host.expire(terminal.now) == 1
    assert place.available == BALANCE


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize(
    ("kind", "amount"),
    [(Kind.COMPLETION, 7000), (Kind.COMPLETION_NOTICE, 7000), (Kind.PREAUTH_VOID, 7000), (Kind.PREAUTH_ADD, 1)],
)
def test_nothing_builds_on_an_expired_pre_authorisation(place, terminal, kind, amount, swept):
    preauth = terminal.preauth(7000)
    terminal.wait(days=DAYS)
    if swept:
        place.host.expire(terminal.now)
    answer = terminal.follow(kind, preauth, amount)
    assert answer.code == "12"
    assert "expired" in answer.reply.events[0].details["why"]
    assert place.earned == 0


def test_what_is_added_to_a_pre_authorisation_expires_with_it(place, terminal):
    preauth = terminal.preauth(7000)
    terminal.wait(days=DAYS - 1)
    assert terminal.follow(Kind.PREAUTH_ADD, preauth, 500).code == "00"
    terminal.wait(days=1)
    assert place.host.expire(terminal.now) == 2
    assert place.available == BALANCE


def test_reversing_an_expired_pre_authorisation_has_nothing_left_to_do(place, terminal):
    preauth = terminal.preauth(7000)
    terminal.wait(days=DAYS)
    place.host.expire(terminal.now)
    assert terminal.reverse(preauth).code == "00"
    assert place.available == BALANCE


def test_a_completion_that_is_reversed_after_the_deadline_leaves_no_hold(place, terminal):
    preauth = terminal.preauth(7000)
    terminal.wait(days=DAYS - 1)
    completion = terminal.follow(Kind.COMPLETION, preauth, 7000)
    assert completion.code == "00"
    terminal.wait(days=2)
    assert terminal.reverse(completion).code == "00"
    assert (place.available, place.host.expire(terminal.now)) == (BALANCE, 0)
    assert terminal.follow(Kind.COMPLETION, preauth, 7000).code == "12"


def test_a_pre_authorisation_whose_void_was_reversed_can_be_reversed_itself(place, terminal):
    preauth = terminal.preauth(5000)
    for _ in range(2):
        void = terminal.follow(Kind.PREAUTH_VOID, preauth, 5000)
        assert terminal.reverse(void).code == "00"
        assert place.available == BALANCE - 5000
    assert terminal.reverse(preauth).code == "00"
    assert place.available == BALANCE


def test_an_increment_released_and_held_again_can_be_reversed(place, terminal):
    preauth = terminal.preauth(5000)
    more = terminal.follow(Kind.PREAUTH_ADD, preauth, 300)
    void = terminal.follow(Kind.PREAUTH_VOID, preauth, 5300)
    assert terminal.reverse(void).code == "00"
    assert terminal.reverse(more).code == "00"
    assert place.available == BALANCE - 5000
    assert terminal.follow(Kind.COMPLETION, preauth, 5000).code == "00"


def test_the_days_come_from_the_profile():
    rules = get_profile("default").rules.model_copy(update={"preauth_days_max": 2})
    place = open_place(get_profile("default").model_copy(update={"rules": rules}))
    place.terminal.preauth(100)
    place.terminal.wait(days=2)
    assert place.host.expire(place.terminal.now) == 1


def test_voids_and_tips_name_the_transfer_they_correct(place, terminal):
    sale = terminal.sale(1000)
    void = terminal.void(sale)
    made = {transfer.transfer_id: transfer for transfer in place.store.transfers()}
    amount, fee = (transfer for transfer in made.values() if transfer.transaction.endswith(void.stan))
    for correction in (amount, fee):
        corrected = made[correction.corrects]
        assert corrected.transaction.endswith(sale.stan)
        assert (corrected.debit_account, corrected.amount) == (correction.credit_account, correction.amount)
