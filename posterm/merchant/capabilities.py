"""Capabilities: which ways of paying a merchant may take, each with its own state and reason.

The host refuses every payment on a channel whose capability is not allowed. A requirement that a merchant has to meet
by a date leaves its capability as it is until then, and stops it afterwards.

Source: capabilities with states, and requirements with deadlines, as Adyen for Platforms and Stripe Connect have them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from posterm.host.channels import MerchantChannel
from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.document import Document
from posterm.merchant.enrolled import enrolled_merchant, host_record
from posterm.merchant.machines import CAPABILITY, MERCHANT
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office
from posterm.merchant.terms import Days

WAIT_FOR_REAL_NAME: Final = frozenset({MerchantChannel.WECHAT, MerchantChannel.ALIPAY})
"""Channels whose own operator checks who the merchant is, after it was approved here."""

NOT_FOR: Final = {"micro": frozenset({MerchantChannel.PREAUTH})}
"""Channels that some sorts of merchants are not given: a deposit on a card needs a licensed business."""


class Capability(Document):
    """One way of paying of one merchant. `requirement` is what the merchant has to do by `due`, empty for nothing."""

    kind: ClassVar[str] = "capability"

    merchant: str
    channel: MerchantChannel
    reason: str = ""
    requirement: str = ""


def open_capabilities(office: Office, merchant: Merchant, now: datetime) -> list[Capability]:
    """Decide on every channel of a merchant that enters the network, and tell the host. What is there stays."""
    record = host_record(office, merchant)
    plan = office.host_terms.plans[record.plan]
    with office.all_or_nothing():
        for channel in MerchantChannel:
            if office.cabinet.get(Capability, _key(merchant, channel)) is not None:
                continue
            asked = Capability(
                key=_key(merchant, channel),
                subject=merchant.subject,
                state=CAPABILITY.initial,
                merchant=merchant.key,
                channel=channel,
            )
            if channel in WAIT_FOR_REAL_NAME:
                office.cabinet.put(asked.model_copy(update={"reason": "real-name"}))
            elif channel in NOT_FOR.get(merchant.applicant_type, ()):
                office.move(CAPABILITY, asked, "refuse", now, reason="needs-licence")
            elif channel is MerchantChannel.CREDIT and not plan.credit_open:
                office.move(CAPABILITY, asked, "refuse", now, reason="not-in-plan")
            else:
                office.move(CAPABILITY, asked, "allow", now)
        return _tell_host(office, merchant, now)


def capabilities_of(office: Office, actor: Actor, merchant_key: str) -> list[Capability]:
    """Every way of paying of a merchant. Raises: NotFoundError."""
    return _all_of(office, enrolled_merchant(office, actor, merchant_key))


def request_capability(
    office: Office, actor: Actor, merchant_key: str, channel: MerchantChannel, now: datetime
) -> Capability:
    """Ask again for what was refused. Raises: NotFoundError, NotNowError."""
    return _move(office, actor, merchant_key, channel, "request", now, "asked-again")


def allow_capability(
    office: Office, actor: Actor, merchant_key: str, channel: MerchantChannel, now: datetime
) -> Capability:
    """Let a merchant take payments this way, from now on. Raises: NotFoundError, NotNowError."""
    actor.must_be(Role.OPERATOR, Role.REVIEWER)
    return _move(office, actor, merchant_key, channel, "allow", now, "")


def refuse_capability(
    office: Office, actor: Actor, merchant_key: str, channel: MerchantChannel, reason: str, now: datetime
) -> Capability:
    """Refuse what a merchant has asked for. `reason` is a short code. Raises: NotFoundError, NotNowError."""
    actor.must_be(Role.OPERATOR, Role.REVIEWER)
    return _move(office, actor, merchant_key, channel, "refuse", now, reason)


def stop_capability(
    office: Office, actor: Actor, merchant_key: str, channel: MerchantChannel, reason: str, now: datetime
) -> Capability:
    """Take no payments this way any more, until it is allowed again. Raises: NotFoundError, NotNowError."""
    actor.must_be(Role.OPERATOR, Role.REVIEWER)
    return _move(office, actor, merchant_key, channel, "stop", now, reason)


def require(
    office: Office,
    actor: Actor,
    merchant_key: str,
    channel: MerchantChannel,
    requirement: str,
    days: Days,
    now: datetime,
) -> Capability:
    """Ask something of a merchant that keeps a capability; unmet after so many days, it is stopped.

    Raises: NotFoundError.
    """
    actor.must_be(Role.OPERATOR, Role.REVIEWER)
    known = _need(office, enrolled_merchant(office, actor, merchant_key), channel)
    by = (now + timedelta(days=days)).isoformat()
    with office.all_or_nothing():
        asked = office.cabinet.put(known.model_copy(update={"requirement": requirement, "due": by}))
        office.tell(asked, "require", now, before=known.state, after=asked.state, requirement=requirement, by=by)
        return asked


def meet_requirement(
    office: Office, actor: Actor, merchant_key: str, channel: MerchantChannel, now: datetime
) -> Capability:
    """What was asked has been done: a capability that was stopped for it is allowed again. Raises: NotFoundError."""
    actor.must_be(Role.OPERATOR, Role.REVIEWER)
    merchant = enrolled_merchant(office, actor, merchant_key)
    known = _need(office, merchant, channel)
    with office.all_or_nothing():
        met = office.cabinet.put(known.model_copy(update={"requirement": "", "due": ""}))
        office.tell(met, "meet", now, before=known.state, after=met.state)
        if known.requirement and known.state == "stopped" and known.reason == known.requirement:
            met = office.move(CAPABILITY, met, "allow", now, reason="")
            _tell_host(office, merchant, now)
        return met


def keep_standing(office: Office, merchant: Merchant, now: datetime) -> Merchant:
    """A live merchant is restricted while one of its capabilities is stopped, and only then."""
    is_stopped = any(capability.state == "stopped" for capability in _all_of(office, merchant))
    event = "restrict" if is_stopped else "lift"
    return office.move(MERCHANT, merchant, event, now) if MERCHANT.takes(merchant.state, event) else merchant


def _move(
    office: Office, actor: Actor, merchant_key: str, channel: MerchantChannel, event: str, now: datetime, reason: str
) -> Capability:
    merchant = enrolled_merchant(office, actor, merchant_key)
    with office.all_or_nothing():
        moved = office.move(CAPABILITY, _need(office, merchant, channel), event, now, reason=reason)
        _tell_host(office, merchant, now)
        return moved


def _need(office: Office, merchant: Merchant, channel: MerchantChannel) -> Capability:
    return office.cabinet.need(Capability, _key(merchant, channel))


def _all_of(office: Office, merchant: Merchant) -> list[Capability]:
    found = (office.cabinet.get(Capability, _key(merchant, channel)) for channel in MerchantChannel)
    return [capability for capability in found if capability is not None]


def _tell_host(office: Office, merchant: Merchant, now: datetime) -> list[Capability]:
    """Close at the host what is not allowed here. Returns: all capabilities of the merchant."""
    known = _all_of(office, merchant)
    closed = [str(capability.channel) for capability in known if capability.state != "allowed"]
    office.host.set_channels(merchant.merchant_id, closed)
    keep_standing(office, office.cabinet.need(Merchant, merchant.key), now)
    return known


def _key(merchant: Merchant, channel: MerchantChannel) -> str:
    return f"{merchant.merchant_id}/{channel}"


def _wake(office: Office, capability: Capability, now: datetime) -> None:
    """A requirement was not met in time."""
    late = capability.model_copy(update={"due": ""})
    if not CAPABILITY.takes(late.state, "stop"):
        office.cabinet.put(late)
        return
    office.move(CAPABILITY, late, "stop", now, reason=late.requirement)
    _tell_host(office, office.cabinet.need(Merchant, late.merchant), now)


WAKES[Capability] = _wake
