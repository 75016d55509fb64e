"""Standing: a frozen merchant sells nothing, one with a stopped channel is restricted, and both go back."""

from __future__ import annotations

import pytest

from posterm.host.channels import MerchantChannel
from posterm.merchant import NotAllowedError, NotNowError
from posterm.merchant.capabilities import allow_capability, open_capabilities, stop_capability
from posterm.merchant.standing import freeze_merchant, unfreeze_merchant
from tests.merchant.hand_device import MERCHANT, OPERATOR, OWNER, REVIEWER, open_shop

CREDIT, DEBIT = MerchantChannel.CREDIT, MerchantChannel.DEBIT


@pytest.fixture
def shop():
    opened = open_shop()
    open_capabilities(opened.office, opened.merchant, opened.now)
    opened.terminal = opened.activate()
    return opened


def test_a_frozen_merchant_sells_nothing_until_it_is_let_go(shop):
    assert freeze_merchant(shop.office, REVIEWER, MERCHANT, shop.now).state == "FROZEN"
    assert shop.terminal.sale(1000).code == "C2"
    assert unfreeze_merchant(shop.office, OPERATOR, MERCHANT, shop.now).state == "LIVE"
    assert shop.terminal.sale(1000).code == "00"


def test_a_merchant_with_a_stopped_channel_is_restricted_until_all_are_open(shop):
    stop_capability(shop.office, OPERATOR, MERCHANT, CREDIT, "risk", shop.now)
    stop_capability(shop.office, OPERATOR, MERCHANT, DEBIT, "risk", shop.now)
    assert shop.merchant.state == "RESTRICTED"
    allow_capability(shop.office, OPERATOR, MERCHANT, CREDIT, shop.now)
    assert shop.merchant.state == "RESTRICTED"
    allow_capability(shop.office, OPERATOR, MERCHANT, DEBIT, shop.now)
    assert shop.merchant.state == "LIVE"


def test_a_restricted_merchant_that_was_frozen_is_restricted_again(shop):
    stop_capability(shop.office, OPERATOR, MERCHANT, CREDIT, "risk", shop.now)
    freeze_merchant(shop.office, OPERATOR, MERCHANT, shop.now)
    assert unfreeze_merchant(shop.office, OPERATOR, MERCHANT, shop.now).state == "RESTRICTED"


def test_a_merchant_restricted_before_its_first_swipe_is_so_after_it():
    shop = open_shop()
    open_capabilities(shop.office, shop.merchant, shop.now)
    stop_capability(shop.office, OPERATOR, MERCHANT, CREDIT, "risk", shop.now)
    assert shop.merchant.state == "CONTRACTED"
    shop.activate()
    assert shop.merchant.state == "RESTRICTED"


def test_a_merchant_neither_freezes_nor_is_let_go_twice(shop):
    with pytest.raises(NotAllowedError):
        freeze_merchant(shop.office, OWNER, MERCHANT, shop.now)
    with pytest.raises(NotNowError, match="LIVE does not take unfreeze"):
        unfreeze_merchant(shop.office, OPERATOR, MERCHANT, shop.now)
