"""The devices there are: what is in the box, what they read, and what they must be seen to do.

Source: the two sorts of terminal that Chinese acquirers hand out: one with a screen that runs applications and prints,
and a small one on which the customer signs and whose slips are electronic.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from posterm.merchant.eligibility import ModelName


class Check(StrEnum):
    """What a device is seen to do in its acceptance test."""

    STARTS = "starts"
    READS_STRIPE = "reads-stripe"
    READS_CHIP = "reads-chip"
    READS_CONTACTLESS = "reads-contactless"
    READS_CODE = "reads-code"
    PAYS = "pays"
    PRINTS = "prints"
    TAKES_SIGNATURE = "takes-signature"


@dataclass(frozen=True, slots=True)
class DeviceType:
    """A model. `parts` is what a shipment of it holds, in Chinese and English, the device itself first."""

    name: ModelName
    chinese: str
    parts: tuple[tuple[str, str], ...]
    checks: tuple[Check, ...]
    software: str
    """The version it is made with."""


_IN_EVERY_BOX: Final = (
    ("主机", "device"),
    ("充电器", "charger"),
    ("SIM卡", "SIM card"),
    ("快速指南", "quick guide"),
)
_READS: Final = (Check.STARTS, Check.READS_STRIPE, Check.READS_CHIP, Check.READS_CONTACTLESS)

MODELS: Final = {
    model.name: model
    for model in (
        DeviceType(
            ModelName.SMART,
            "智能终端",
            (*_IN_EVERY_BOX, ("打印纸", "paper roll")),
            (*_READS, Check.READS_CODE, Check.PAYS, Check.PRINTS),
            "1.0.0",
        ),
        DeviceType(
            ModelName.ESIGN,
            "电签终端",
            _IN_EVERY_BOX,
            (*_READS, Check.PAYS, Check.TAKES_SIGNATURE),
            "1.0.0",
        ),
    )
}
