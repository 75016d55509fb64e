"""What a host goes by beside its acquirer's profile: the merchants' plans, the card ranges and the banks' calendar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from posterm.host.card_ranges import CardRanges
from posterm.host.plan import MerchantPlan
from posterm.host.working_days import WorkingDays


@dataclass(frozen=True, slots=True)
class HostTerms:
    """Plans by name, the table of card ranges, and when banks settle."""

    plans: Mapping[str, MerchantPlan]
    ranges: CardRanges
    working_days: WorkingDays
