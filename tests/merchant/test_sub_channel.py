"""Real names with Alipay and WeChat: beside cards, and only then a way of paying."""

from __future__ import annotations

from datetime import timedelta

import pytest

from posterm.merchant import Actor, NotAllowedError, NotFoundError, NotNowError, Role
from posterm.merchant.calendar import advance
from posterm.merchant.capabilities import capabilities_of
from posterm.merchant.contracting import contract_of, pay_deposit, sign_contract
from posterm.merchant.merchant import Merchant
from posterm.merchant.sub_channel import (
    ChannelEvent,
    SubChannel,
    apply_again,
    confirm_real_name,
    decide_real_name,
    owned_real_name,
)
from tests.merchant.hand_applicant import MOBILE, OPERATOR, approved, contracted, new_applicant

PASSED = {SubChannel.ALIPAY: "AUTHORIZED", SubChannel.WECHAT: "AUTHORIZE_STATE_AUTHORIZED"}
REJECTED = {SubChannel.ALIPAY: "AUDIT_REJECT", SubChannel.WECHAT: "APPLYMENT_STATE_REJECTED"}
MAGIC = {SubChannel.ALIPAY: "13800009995", SubChannel.WECHAT: "13800009996"}


def merchant_of(office, mobile: str = MOBILE):
    actor, merchant, _, now = contracted(office, mobile=mobile)
    advance(office, now + timedelta(days=5))
    return actor, merchant, now + timedelta(days=5)


def states(office, merchant) -> dict[str, str]:
    return {each.channel.value: each.state for each in capabilities_of(office, OPERATOR, merchant.key)}


@pytest.mark.parametrize("channel", SubChannel)
def test_a_channel_is_open_when_contact_and_legal_person_have_confirmed(office, channel):
    actor, merchant, now = merchant_of(office)
    assert states(office, merchant)[channel] == "requested"
    confirm_real_name(office, actor, merchant.key, channel, now)
    assert states(office, merchant)[channel] == "requested"
    assert confirm_real_name(office, actor, merchant.key, channel, now).state == PASSED[channel]
    assert states(office, merchant)[channel] == "allowed"
    assert channel not in office.store.merchant(merchant.merchant_id).closed_channels


def test_cards_do_not_wait_for_it(office):
    _, merchant, _ = merchant_of(office)
    assert states(office, merchant)["debit"] == "allowed"


@pytest.mark.parametrize("channel", SubChannel)
def test_a_rejected_real_name_is_applied_for_again(office, channel):
    actor, merchant, now = merchant_of(office, MAGIC[channel])
    assert owned_real_name(office, actor, merchant.key, channel).state == REJECTED[channel]
    assert apply_again(office, actor, merchant.key, channel, now).tries == 2
    advance(office, now + timedelta(days=5))
    for _ in range(2):
        confirmed = confirm_real_name(office, actor, merchant.key, channel, now)
    assert confirmed.state == PASSED[channel]


def test_nothing_is_confirmed_before_the_channel_asks(office):
    actor, merchant, _, now = contracted(office)
    with pytest.raises(NotNowError):
        confirm_real_name(office, actor, merchant.key, SubChannel.ALIPAY, now)


def test_a_frozen_real_name_is_audited_again(office):
    _, merchant, _, now = contracted(office)
    decide_real_name(office, OPERATOR, merchant.key, SubChannel.ALIPAY, ChannelEvent.FREEZE, now)
    decide_real_name(office, OPERATOR, merchant.key, SubChannel.ALIPAY, ChannelEvent.UNFREEZE, now)
    advance(office, now + timedelta(days=5))
    assert owned_real_name(office, OPERATOR, merchant.key, SubChannel.ALIPAY).state == "CONTACT_CONFIRM"


def test_confirmed_before_the_contract_it_opens_with_the_contract(office):
    ann, _ = new_applicant(office)
    application, now = approved(office, ann)
    advance(office, now + timedelta(days=5))
    for _ in range(2):
        confirm_real_name(office, ann, application.merchant, SubChannel.WECHAT, now)
    contract = contract_of(office, ann, application.merchant)
    sign_contract(office, ann, contract.key, contract.digest, now)
    pay_deposit(office, ann, contract.key, contract.deposit_minor, now)
    assert states(office, office.cabinet.need(Merchant, application.merchant))["wechat"] == "allowed"


def test_a_channel_that_closes_takes_no_payments_any_more(office):
    actor, merchant, now = merchant_of(office)
    for _ in range(2):
        confirm_real_name(office, actor, merchant.key, SubChannel.ALIPAY, now)
    decide_real_name(office, OPERATOR, merchant.key, SubChannel.ALIPAY, ChannelEvent.CLOSE, now)
    assert states(office, merchant)["alipay"] == "stopped"
    assert "alipay" in office.store.merchant(merchant.merchant_id).closed_channels


def test_a_merchant_does_not_play_the_channel_nor_see_another_s(office):
    actor, merchant, now = merchant_of(office)
    with pytest.raises(NotAllowedError):
        decide_real_name(office, actor, merchant.key, SubChannel.WECHAT, ChannelEvent.ASK_CONTACT, now)
    with pytest.raises(NotFoundError):
        confirm_real_name(office, Actor(Role.MERCHANT, "A00000099"), merchant.key, SubChannel.WECHAT, now)
    with pytest.raises(NotFoundError):
        owned_real_name(office, OPERATOR, "M00000099", SubChannel.WECHAT)
