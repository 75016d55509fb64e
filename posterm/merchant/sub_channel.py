"""Real-name of an approved merchant with Alipay and WeChat: until it has passed, that way of paying is not open.

Source: the states of `mrchAuthStateQuery` of Lakala's open platform, and of WeChat's sub-merchant applications.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from posterm.host.channels import MerchantChannel
from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.calendar import WAKES, working_days_on
from posterm.merchant.capabilities import allow_capability, capabilities_of, stop_capability
from posterm.merchant.document import Document
from posterm.merchant.errors import NotFoundError
from posterm.merchant.machine import Machine
from posterm.merchant.machines import ALIPAY, WECHAT
from posterm.merchant.magic import Where, magic_outcome
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office
from posterm.merchant.personal import Mobile


class SubChannel(StrEnum):
    """Who keeps a register of merchants of its own."""

    ALIPAY = "alipay"
    WECHAT = "wechat"


class ChannelEvent(StrEnum):
    """What a sub-channel decides by itself."""

    ASK_CONTACT = "ask-contact"
    REJECT = "reject"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    CANCEL = "cancel"
    CLOSE = "close"


MACHINE: Final[dict[SubChannel, Machine]] = {SubChannel.ALIPAY: ALIPAY, SubChannel.WECHAT: WECHAT}
_AUTHORIZED: Final = frozenset({"AUTHORIZED", "AUTHORIZE_STATE_AUTHORIZED"})
_PASSED: Final = frozenset({"AUDIT_PASS", "APPLYMENT_STATE_PASSED"})


class RealName(Document):
    """A merchant's real-name with one sub-channel. `key` is the merchant's, a stroke, and the channel.

    `contact` is whose confirmation the channel asks for first; `tries` how often it was applied for.
    """

    kind: ClassVar[str] = "real-name"

    merchant: str
    channel: SubChannel
    contact: Mobile
    tries: int = 1


def apply_to_sub_channels(office: Office, merchant: Merchant, contact: Mobile, now: datetime) -> None:
    """Ask every sub-channel to take an approved merchant on, if it was not asked before."""
    for channel, machine in MACHINE.items():
        key = f"{merchant.key}/{channel}"
        if office.cabinet.get(RealName, key) is None:
            asked = RealName(
                key=key,
                subject=merchant.subject,
                state=machine.initial,
                merchant=merchant.key,
                channel=channel,
                contact=contact,
            )
            office.move(machine, asked, "apply", now, due=_audit_due(office, now))


def confirm_real_name(office: Office, actor: Actor, merchant_key: str, channel: SubChannel, now: datetime) -> RealName:
    """Confirm in the channel's app: the contact first, then the legal person; with that the channel is open."""
    with office.all_or_nothing():
        found = owned_real_name(office, actor, merchant_key, channel)
        machine = MACHINE[channel]
        confirmed = office.move(machine, found, "confirm", now)
        if confirmed.state not in _PASSED:
            return confirmed
        authorized = office.move(machine, confirmed, "authorize", now)
        open_channel(office, authorized, now)
        return authorized


def apply_again(office: Office, actor: Actor, merchant_key: str, channel: SubChannel, now: datetime) -> RealName:
    """Apply once more after a rejection or a cancellation."""
    with office.all_or_nothing():
        found = owned_real_name(office, actor, merchant_key, channel)
        return office.move(MACHINE[channel], found, "apply", now, due=_audit_due(office, now), tries=found.tries + 1)


def decide_real_name(
    office: Office, actor: Actor, merchant_key: str, channel: SubChannel, event: ChannelEvent, now: datetime
) -> RealName:
    """Play the channel: `ask-contact`, `reject`, `freeze`, `unfreeze`, `cancel` or `close`. Raises: NotNowError."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        found = owned_real_name(office, actor, merchant_key, channel)
        due = _audit_due(office, now) if event is ChannelEvent.UNFREEZE else ""
        decided = office.move(MACHINE[channel], found, event, now, due=due)
        if event is ChannelEvent.CLOSE:
            _close_channel(office, decided, now)
        return decided


def owned_real_name(office: Office, actor: Actor, merchant_key: str, channel: SubChannel) -> RealName:
    """The real-name of a merchant, when the actor may see it. Raises: NotFoundError."""
    found = office.cabinet.get(RealName, f"{merchant_key}/{channel}")
    if found is None:
        raise NotFoundError(f"no {RealName.kind} {merchant_key}/{channel}")
    actor.must_own(found.subject, RealName.kind)
    return found


def open_channel(office: Office, real_name: RealName, now: datetime) -> None:
    """Let the merchant take payments on a channel that has authorized it, once its contract is in force."""
    merchant = office.cabinet.need(Merchant, real_name.merchant)
    channel = MerchantChannel(real_name.channel.value)
    if real_name.state not in _AUTHORIZED or not merchant.contracted_at:
        return
    if any(
        each.channel is channel and each.state == "requested" for each in capabilities_of(office, SYSTEM, merchant.key)
    ):
        allow_capability(office, SYSTEM, merchant.key, channel, now)


def _close_channel(office: Office, real_name: RealName, now: datetime) -> None:
    channel = MerchantChannel(real_name.channel.value)
    known = capabilities_of(office, SYSTEM, real_name.merchant)
    if any(each.channel is channel and each.state == "allowed" for each in known):
        stop_capability(office, SYSTEM, real_name.merchant, channel, "channel-closed", now)


def _audit_due(office: Office, now: datetime) -> str:
    return working_days_on(office, now, office.terms.sub_channel_working_days).isoformat()


def _wake(office: Office, real_name: RealName, now: datetime) -> None:
    """The channel's audit ends: it asks the contact to confirm, or rejects what `magic` says it does."""
    outcome = magic_outcome(Where.MOBILE, real_name.contact.reveal())
    rejects = outcome == f"{real_name.channel}-rejects" and real_name.tries == 1
    office.move(MACHINE[real_name.channel], real_name, "reject" if rejects else "ask-contact", now, due="")


WAKES[RealName] = _wake
