"""Capabilities: each channel by itself, closed at the host when it is not allowed, with requirements and deadlines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from posterm.host.channels import MerchantChannel
from posterm.merchant import NotAllowedError, NotFoundError, NotNowError
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import advance
from posterm.merchant.capabilities import (
    allow_capability,
    capabilities_of,
    meet_requirement,
    open_capabilities,
    refuse_capability,
    request_capability,
    require,
    stop_capability,
)
from posterm.merchant.news import News
from tests.merchant.hand_merchant import OPERATOR, OTHER_PAN, open_trading
from tests.merchant.hand_office import NOW

CREDIT, PREAUTH, WECHAT = MerchantChannel.CREDIT, MerchantChannel.PREAUTH, MerchantChannel.WECHAT


def states(shop) -> dict[str, tuple[str, str]]:
    return {each.channel: (each.state, each.reason) for each in capabilities_of(shop.office, shop.actor, shop.key)}


def test_a_merchant_begins_with_cards_and_waits_for_other_operators(office):
    shop = open_trading(office)
    assert states(shop)["credit"] == ("allowed", "")
    assert states(shop)["wechat"] == ("requested", "real-name")
    assert set(states(shop)) == set(MerchantChannel)
    assert office.store.merchant(shop.merchant.merchant_id).closed_channels == ("alipay", "wechat")


def test_a_micro_merchant_gets_no_pre_authorisations(office):
    assert states(open_trading(office, plan="micro"))["preauth"] == ("refused", "needs-licence")


def test_a_stopped_channel_is_refused_by_the_host_and_others_go_on(office):
    shop = open_trading(office)
    stop_capability(office, OPERATOR, shop.key, CREDIT, "risk", NOW)
    shop.sell(1000, pan=OTHER_PAN, code="C0")
    shop.sell(1000)
    allow_capability(office, OPERATOR, shop.key, CREDIT, NOW)
    shop.sell(1000, pan=OTHER_PAN)
    assert [news.topic for news in office.cabinet.find(News) if news.about.endswith("credit")] == [
        "capability.allow",
        "capability.stop",
        "capability.allow",
    ]


def test_what_was_refused_may_be_asked_for_again(office):
    shop = open_trading(office)
    refuse_capability(office, OPERATOR, shop.key, WECHAT, "name-differs", NOW)
    with pytest.raises(NotNowError):
        allow_capability(office, OPERATOR, shop.key, WECHAT, NOW)
    assert request_capability(office, shop.actor, shop.key, WECHAT, NOW).state == "requested"
    assert allow_capability(office, OPERATOR, shop.key, WECHAT, NOW).state == "allowed"


def test_opening_again_changes_nothing(office):
    shop = open_trading(office)
    stop_capability(office, OPERATOR, shop.key, CREDIT, "risk", NOW)
    before = states(shop)
    open_capabilities(office, shop.merchant, NOW)
    assert states(shop) == before


def test_a_requirement_that_is_not_met_in_time_stops_its_capability_until_it_is(office):
    shop = open_trading(office)
    require(office, OPERATOR, shop.key, CREDIT, "licence-renewal", 30, NOW)
    advance(office, NOW + timedelta(days=29))
    assert states(shop)["credit"] == ("allowed", "")
    advance(office, NOW + timedelta(days=30))
    assert states(shop)["credit"] == ("stopped", "licence-renewal")
    shop.sell(1000, pan=OTHER_PAN, code="C0")
    meet_requirement(office, OPERATOR, shop.key, CREDIT, NOW)
    shop.sell(1000, pan=OTHER_PAN)


def test_a_requirement_met_in_time_stops_nothing(office):
    shop = open_trading(office)
    require(office, OPERATOR, shop.key, CREDIT, "licence-renewal", 30, NOW)
    meet_requirement(office, OPERATOR, shop.key, CREDIT, NOW)
    advance(office, NOW + timedelta(days=40))
    assert states(shop)["credit"] == ("allowed", "")


def test_a_late_requirement_of_what_is_not_allowed_anyway_changes_no_state(office):
    shop = open_trading(office)
    require(office, OPERATOR, shop.key, WECHAT, "photo", 1, NOW)
    advance(office, NOW + timedelta(days=2))
    assert states(shop)["wechat"][0] == "requested"


def test_a_merchant_decides_nothing_about_itself_and_sees_no_other(office):
    shop = open_trading(office)
    with pytest.raises(NotAllowedError):
        allow_capability(office, shop.actor, shop.key, WECHAT, NOW)
    with pytest.raises(NotFoundError):
        capabilities_of(office, Actor(Role.MERCHANT, "A00000009"), shop.key)
    with pytest.raises(NotFoundError):
        capabilities_of(office, OPERATOR, "M99999999")
