"""Terms for tests: the standard plan with differences."""

from __future__ import annotations

from dataclasses import replace

from posterm.host.data_files import built_in_plans, built_in_terms
from posterm.host.plan import MerchantPlan
from posterm.host.terms import HostTerms


def terms_with(**changes) -> HostTerms:
    """The built-in terms with another standard plan. Values are as a plan's file has them, and are checked."""
    standard = built_in_plans()["standard"]
    plan = MerchantPlan.model_validate(standard.model_dump() | changes)
    return replace(built_in_terms(), plans={**built_in_plans(), "standard": plan})
