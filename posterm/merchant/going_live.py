"""What a merchant's money needs, opened when its contract is in force, and kept in step with the sub-channels.

It hears of both as news, in the same transaction: a merchant cannot be under contract without its ways of paying.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from posterm.host.channels import MerchantChannel
from posterm.merchant.actor import SYSTEM
from posterm.merchant.capabilities import allow_capability, capabilities_of, open_capabilities, stop_capability
from posterm.merchant.merchant import Merchant
from posterm.merchant.news import LISTENERS, News
from posterm.merchant.office import Office
from posterm.merchant.settlement import begin_settlement
from posterm.merchant.sub_channel import RealName, SubChannel, is_open_on

_CHANNELS: Final = {
    SubChannel.ALIPAY: MerchantChannel.ALIPAY,
    SubChannel.WECHAT: MerchantChannel.WECHAT,
}


def _hear(office: Office, news: News, now: datetime) -> None:
    if news.topic == "merchant.contract":
        merchant = office.cabinet.need(Merchant, news.about)
        open_capabilities(office, merchant, now)
        begin_settlement(office, now)
        for channel in SubChannel:
            _follow(office, merchant.key, channel, now)
    elif news.topic in ("real-name.authorize", "real-name.close"):
        real_name = office.cabinet.need(RealName, news.about)
        _follow(office, real_name.merchant, real_name.channel, now)


def _follow(office: Office, merchant_key: str, channel: SubChannel, now: datetime) -> None:
    """Allow the capability of a sub-channel that has authorized the merchant, and stop it when it has closed."""
    if not office.cabinet.need(Merchant, merchant_key).merchant_id:
        return
    states = {each.channel: each.state for each in capabilities_of(office, SYSTEM, merchant_key)}
    ours, is_open = _CHANNELS[channel], is_open_on(office, merchant_key, channel)
    if is_open and states.get(ours) in ("requested", "stopped"):
        allow_capability(office, SYSTEM, merchant_key, ours, now)
    elif not is_open and states.get(ours) == "allowed":
        stop_capability(office, SYSTEM, merchant_key, ours, "real-name", now)


LISTENERS.append(_hear)
