"""What a contactless reader takes, and within which limits: one combination for each AID and kernel.

Before a card is asked for, `prepare` holds the amount against each application's limits and writes the terminal
transaction qualifiers that the card will see. Limits stand per AID and kernel, never for the reader as a whole.

Source: EMV Contactless Book A, 5.3 (combinations, terminal transaction qualifiers) and Book B, 3.1 (pre-processing).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from posterm.emv.bits import Ttq
from posterm.emv.config import ApplicationConfig


class KernelId(IntEnum):
    """The kernels of EMV Contactless Book C that are here; the numbers are those of tag 9F2A."""

    C2 = 2
    C3 = 3
    C7 = 7


# Book B, table 3-6: the kernel that serves a RID when the card does not name one.
DEFAULT_KERNELS: Final = {
    bytes.fromhex("A000000004"): KernelId.C2,
    bytes.fromhex("A000000003"): KernelId.C3,
    bytes.fromhex("A000000333"): KernelId.C7,
}


@dataclass(frozen=True, slots=True)
class Combination:
    """An application with what this amount makes of its limits.

    `ttq` is 9F66 as the card will see it; `above_floor` and `cvm_required` are the entry point's indicators.
    Source: Book B, 3.1.1.
    """

    application: ApplicationConfig
    kernel: KernelId
    ttq: Ttq
    above_floor: bool
    cvm_required: bool


def prepare(
    applications: Iterable[ApplicationConfig], amount_minor: int, *, one_unit_minor: int
) -> tuple[Combination, ...]:
    """The combinations this amount may be paid with, qualifiers set. Empty: another interface must be used.

    Args:
        one_unit_minor: one unit of the currency in minor units, the amount of a status check.
    """
    found = (_prepared(application, amount_minor, one_unit_minor) for application in applications)
    return tuple(combination for combination in found if combination is not None)


def _prepared(application: ApplicationConfig, amount_minor: int, one_unit_minor: int) -> Combination | None:
    limits = application.contactless
    kernel = next((known for known in KernelId if known == application.kernel), None)
    if kernel is None or (limits.transaction is not None and amount_minor >= limits.transaction):
        return None
    # 3.1.1.5: without a contactless floor limit the contact one counts.
    above_floor = amount_minor > (application.floor_limit if limits.floor is None else limits.floor)
    cvm_required = limits.cvm is not None and amount_minor >= limits.cvm
    # 3.1.1.9 to 3.1.1.12: the two required bits are this amount's alone, whatever the configuration says.
    ttq = Ttq.from_value(application.ttq) & ~(Ttq.ONLINE_CRYPTOGRAM_REQUIRED | Ttq.CVM_REQUIRED)
    if above_floor or not amount_minor or (limits.status_check and amount_minor == one_unit_minor):
        ttq |= Ttq.ONLINE_CRYPTOGRAM_REQUIRED
    if cvm_required:
        ttq |= Ttq.CVM_REQUIRED
    return Combination(application, kernel, Ttq(ttq), above_floor, cvm_required)
