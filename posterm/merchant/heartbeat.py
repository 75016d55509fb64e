"""Signs of life: heartbeats with place and software version, and faults with what to do about them.

A heartbeat from outside the registered place stops the device until an operator has looked, or it is back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from posterm.host.errors import EnrolmentError
from posterm.host.placement import is_near
from posterm.merchant.actor import Actor, Role
from posterm.merchant.device import Device, device_in_hand
from posterm.merchant.device_problems import refused
from posterm.merchant.errors import NotNowError
from posterm.merchant.office import Office
from posterm.merchant.problem import ProblemKind, kinds
from posterm.merchant.repair import Repair, report_repair
from posterm.merchant.suspension import Reason, lift, stop

FAULTS: Final = kinds(
    ("paper-jam", "卡纸", "paper is stuck", "打开仓盖并取出纸张", "open the lid and take the paper out"),
    ("no-network", "无法联网", "no connection", "检查SIM卡与信号后重启", "look at the SIM card, start again"),
    ("battery", "电池无法充电", "the battery does not charge", "更换充电器或送修", "try another charger, or repair"),
    ("printer", "打印机故障", "the printer is broken", "送修", "have it repaired"),
    ("stripe-reader", "磁条阅读器故障", "the stripe reader is broken", "用芯片或送修", "use chips, or repair"),
    ("chip-reader", "芯片阅读器故障", "the chip reader is broken", "送修", "have it repaired"),
    ("contactless", "非接阅读器故障", "the contactless reader is broken", "送修", "have it repaired"),
    ("screen", "屏幕故障", "the screen is broken", "送修", "have it repaired"),
    ("tamper", "防拆报警", "the tamper alarm went off", "停止使用并送修", "stop using it, have it repaired"),
)  # fmt: skip
_LONGEST_VERSION: Final = 20
_AT_THE_COUNTER: Final = frozenset({"paper-jam", "no-network"})
"""Faults that a merchant mends."""


@dataclass(frozen=True, slots=True)
class FaultAnswer:
    """What to do about a fault, and the repair that was opened for it."""

    kind: ProblemKind
    repair: Repair | None = None


def report_heartbeat(
    office: Office, actor: Actor, serial: str, now: datetime, *, location: str = "", software: str = ""
) -> Device:
    """Note that a device is alive, where, and with which software.

    Raises: RefusedError: the place is malformed; NotNowError: it is not in use.
    """
    device = device_in_hand(office, actor, serial)
    if not device.initialised_at or device.state == "CLOSED":
        raise NotNowError(f"device {serial}: {device.state} is not in use")
    with office.all_or_nothing():
        device = office.cabinet.put(
            device.model_copy(update={"last_seen_at": now.isoformat(), "seen_at_place": location})
        )
        if software and software != device.software:
            office.tell(device, "software-differs", now, found=software[:_LONGEST_VERSION], needed=device.software)
        if not location or not device.location:
            return device
        try:
            near = is_near(location, device.location, office.terms.location_radius_m)
        except EnrolmentError as error:
            raise refused("place-malformed", "location") from error
        return (lift if near else stop)(office, device, Reason.LOCATION, now)


def report_fault(
    office: Office, actor: Actor, serial: str, fault: str, now: datetime, *, note: str = ""
) -> FaultAnswer:
    """Report a fault. What a merchant cannot mend opens a repair.

    Raises: RefusedError: no such kind of fault, or it is reported already; NotNowError: it is not in use.
    """
    device = device_in_hand(office, actor, serial)
    kind = FAULTS.get(fault)
    if kind is None:
        raise refused("fault-unknown", "fault")
    with office.all_or_nothing():
        office.tell(device, f"fault-{fault}", now)
        if fault in _AT_THE_COUNTER:
            return FaultAnswer(kind)
        return FaultAnswer(kind, report_repair(office, actor, serial, fault, now, note=note))


def silent_devices(office: Office, actor: Actor, now: datetime) -> list[Device]:
    """Devices in use that have not shown a sign of life for longer than the terms allow."""
    actor.must_be(Role.OPERATOR)
    since = (now - timedelta(minutes=office.terms.heartbeat_minutes)).isoformat()
    in_use = office.cabinet.find(Device, state="ACTIVE")
    return [device for device in in_use if max(device.last_seen_at, device.last_used_at, device.activated_at) < since]
