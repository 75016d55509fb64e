"""Disputes: every way from the retrieval request to the end, and where the money is on each."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from posterm.merchant import NotAllowedError, NotFoundError, NotNowError, RefusedError
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import advance
from posterm.merchant.disputes import (
    Dispute,
    DisputeReason,
    accept_chargeback,
    answer_retrieval,
    charge_back,
    disputes_of,
    judge_dispute,
    need_dispute,
    pre_arbitrate,
    read_slip,
    represent,
    request_retrieval,
    withdraw_dispute,
)
from tests.merchant.hand_merchant import OPERATOR, open_trading
from tests.merchant.hand_office import NOW

AMOUNT = 10_000
FEE = 50


@pytest.fixture
def shop(office):
    return open_trading(office)


@pytest.fixture
def dispute(office, shop) -> Dispute:
    return request_retrieval(office, OPERATOR, shop.sell(AMOUNT), DisputeReason.NOT_RECOGNISED, AMOUNT, NOW)


def money(shop) -> tuple[int, int, int]:
    """What the merchant has earned, what is disputed, and what the cardholder has paid."""
    disputes = shop.office.store.account("disputes/156")
    card = shop.office.ledger.account(f"card/{shop.cards['debit']}")
    pending = shop.balance(f"merchant/{shop.merchant.merchant_id}/pending")
    assert shop.office.ledger.prove().holds
    return pending, disputes.balance if disputes else 0, 100_000_000 - card.balance


def test_a_chargeback_that_is_represented_and_withdrawn_is_won(office, shop, dispute):
    assert money(shop) == (AMOUNT - FEE, 0, AMOUNT)
    answer_retrieval(office, shop.actor, dispute.key, "签购单见附件", NOW, slip=b"slip")
    charge_back(office, OPERATOR, dispute.key, NOW)
    assert money(shop) == (-FEE, AMOUNT, AMOUNT)
    represent(office, shop.actor, dispute.key, "持卡人已签名", NOW)
    assert withdraw_dispute(office, OPERATOR, dispute.key, NOW).state == "WON"
    assert money(shop) == (AMOUNT - FEE, 0, AMOUNT)


@pytest.mark.parametrize(("won", "state"), [(True, "WON"), (False, "LOST")])
def test_the_network_decides_what_the_issuer_does_not_accept(office, shop, dispute, won, state):
    charge_back(office, OPERATOR, dispute.key, NOW)
    represent(office, shop.actor, dispute.key, "持卡人已签名", NOW)
    pre_arbitrate(office, OPERATOR, dispute.key, NOW)
    assert judge_dispute(office, OPERATOR, dispute.key, NOW, won=won).state == state
    assert money(shop) == ((AMOUNT - FEE, 0, AMOUNT) if won else (-FEE, 0, 0))


def test_an_accepted_chargeback_goes_back_to_the_card(office, shop, dispute):
    charge_back(office, OPERATOR, dispute.key, NOW)
    assert accept_chargeback(office, shop.actor, dispute.key, NOW).state == "LOST"
    assert money(shop) == (-FEE, 0, 0)


def test_a_request_withdrawn_before_a_chargeback_moves_nothing(office, shop, dispute):
    answer_retrieval(office, shop.actor, dispute.key, "签购单见附件", NOW)
    assert withdraw_dispute(office, OPERATOR, dispute.key, NOW).state == "WON"
    assert money(shop) == (AMOUNT - FEE, 0, AMOUNT)


def test_who_does_not_answer_in_time_loses(office, shop, dispute):
    advance(office, NOW + timedelta(days=office.terms.retrieval_days))
    assert need_dispute(office, shop.actor, dispute.key).state == "CHARGEBACK"
    advance(office, NOW + timedelta(days=60))
    assert need_dispute(office, shop.actor, dispute.key).state == "LOST"
    assert money(shop) == (-FEE, 0, 0)


def test_an_issuer_that_does_not_answer_in_time_has_withdrawn(office, shop, dispute):
    charge_back(office, OPERATOR, dispute.key, NOW)
    represent(office, shop.actor, dispute.key, "持卡人已签名", NOW)
    advance(office, NOW + timedelta(days=60))
    assert need_dispute(office, shop.actor, dispute.key).state == "WON"
    assert money(shop) == (AMOUNT - FEE, 0, AMOUNT)


def test_a_slip_is_kept_sealed(office, shop, dispute):
    answered = answer_retrieval(office, shop.actor, dispute.key, "", NOW, slip=b"slip of paper")
    paper = answered.evidence[0].paper
    assert b"slip of paper" not in office.pictures.get(paper)
    assert re.fullmatch("[0-9a-f]{32}", paper)
    assert read_slip(office, shop.actor, dispute.key, paper) == b"slip of paper"
    with pytest.raises(NotFoundError, match="no such slip"):
        read_slip(office, shop.actor, dispute.key, "0" * 32)
    with pytest.raises(NotFoundError, match="no such dispute"):
        read_slip(office, Actor(Role.MERCHANT, "A00000009"), dispute.key, paper)
    assert codes(answer_retrieval, office, shop.actor, dispute.key, "", NOW, slip=bytes(5_000_001)) == [
        "slip-too-large"
    ]


def codes(call, *arguments, **given) -> list[str]:
    with pytest.raises(RefusedError) as refused:
        call(*arguments, **given)
    return [problem.code for problem in refused.value.problems]


def test_more_than_a_payment_is_not_disputed(office, shop, dispute):
    reason = DisputeReason.DUPLICATE
    for amount in (1, 0, -1):
        assert codes(request_retrieval, office, OPERATOR, dispute.transaction, reason, amount, NOW) == [
            "dispute-over-amount"
        ]


def test_a_refunded_part_is_not_disputed(office, shop):
    sale = shop.terminal.sale(AMOUNT)
    assert shop.terminal.refund(sale, 4000).code == "00"
    reason = DisputeReason.NOT_RECEIVED
    assert codes(request_retrieval, office, OPERATOR, shop.ref(sale), reason, 6001, NOW) == ["dispute-over-amount"]
    assert request_retrieval(office, OPERATOR, shop.ref(sale), reason, 6000, NOW).amount_minor == 6000


def test_a_payment_that_does_not_stand_is_not_disputed(office, shop):
    sale = shop.terminal.sale(AMOUNT)
    assert shop.terminal.void(sale).code == "00"
    reason = DisputeReason.NOT_RECEIVED
    assert codes(request_retrieval, office, OPERATOR, shop.ref(sale), reason, 1, NOW) == ["not-disputable"]


def test_an_old_payment_is_not_disputed(office, shop):
    ref = shop.sell(AMOUNT)
    late = NOW + timedelta(days=office.terms.dispute_window_days + 1)
    assert codes(request_retrieval, office, OPERATOR, ref, DisputeReason.FRAUD, 1, late) == ["dispute-too-late"]


def test_evidence_says_something(office, shop, dispute):
    assert codes(answer_retrieval, office, shop.actor, dispute.key, " ", NOW) == ["evidence-missing"]


def test_a_dispute_is_seen_by_its_merchant_only_and_moved_by_its_side(office, shop, dispute):
    other = Actor(Role.MERCHANT, "A00000009")
    assert disputes_of(office, other) == []
    assert disputes_of(office, shop.actor) == [dispute]
    with pytest.raises(NotFoundError):
        need_dispute(office, other, dispute.key)
    with pytest.raises(NotAllowedError):
        charge_back(office, shop.actor, dispute.key, NOW)
    with pytest.raises(NotFoundError):
        request_retrieval(office, OPERATOR, "2/1/2/3/4", DisputeReason.FRAUD, 1, NOW)


def test_an_ended_dispute_takes_nothing_more(office, shop, dispute):
    charge_back(office, OPERATOR, dispute.key, NOW)
    accept_chargeback(office, shop.actor, dispute.key, NOW)
    with pytest.raises(NotNowError):
        represent(office, shop.actor, dispute.key, "too late", NOW)
    assert money(shop) == (-FEE, 0, 0)
