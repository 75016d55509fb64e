"""Which of the host's plans suits a merchant, by what it is and how much it takes in a month."""

from __future__ import annotations

from posterm.merchant.eligibility import ELIGIBLE
from posterm.merchant.form import ApplicationForm

VOLUME_FROM_MINOR = 100_000_000
"""From so much a month, a merchant with a licence has the plan for large volumes."""


def plan_for(form: ApplicationForm) -> str:
    """The name of the plan; `form` is of a sort of applicant that may have a terminal."""
    row = ELIGIBLE[form.applicant_type]
    return "volume" if row.has_licence and form.monthly_turnover_minor >= VOLUME_FROM_MINOR else row.plan
