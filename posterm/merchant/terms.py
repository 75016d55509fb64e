"""The office's own terms: how long things take and what they cost. Every number is configuration with a default.

Source for the defaults: the publicly described practice of Chinese acquirers (review two to three working days, post
one to three days, first swipe between 100 and 500 CNY, raise of limits after three months). Money is minor units.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Minor = Annotated[int, Field(ge=0, le=100_000_000)]
Days = Annotated[int, Field(ge=0, le=3660)]


class OfficeTerms(BaseModel):
    """Knobs of the merchant's life. `…_days` are calendar days, `…_working_days` working days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    acquirer_code: Annotated[str, Field(pattern="^[0-9]{3}$")] = "898"
    verification_code_minutes: Annotated[int, Field(ge=1, le=60)] = 5
    verification_tries: Annotated[int, Field(ge=1, le=10)] = 5
    token_hours: Annotated[int, Field(ge=1, le=8760)] = 12
    password_cost: Annotated[int, Field(ge=4, le=20)] = 14
    """The logarithm of scrypt's N; each step doubles the work of a try."""
    login_tries: Annotated[int, Field(ge=1, le=100)] = 5
    lock_minutes: Annotated[int, Field(ge=1, le=10_080)] = 30
    call_back_working_days: Annotated[int, Field(ge=1, le=30)] = 1
    call_back_tries: Annotated[int, Field(ge=1, le=10)] = 3
    enquiry_days: Days = 30
    registration_days: Days = 7
    automatic_review_minutes: Annotated[int, Field(ge=0, le=1440)] = 30
    manual_review_working_days: Annotated[int, Field(ge=1, le=30)] = 2
    automatic_approval: bool = False
    """Approve applications with a licence in which the automatic checks find nothing, without a reviewer."""
    simulated_reviewer: bool = True
    """Decide by the findings what no reviewer has decided in time; else it goes on waiting, and each day is told."""
    sub_channel_working_days: Annotated[int, Field(ge=1, le=30)] = 2
    contract_days: Days = 15
    delivery_days: Days = 2
    deposit_minor: Minor = 9900
    activation_minimum_minor: Minor = 10_000
    activation_maximum_minor: Minor = 50_000
    deposit_target_minor: Minor = 500_000
    deposit_target_days: Days = 90
    payout_hour: Annotated[int, Field(ge=0, le=23)] = 9
    bank_answer_minutes: Annotated[int, Field(ge=0, le=10_080)] = 30
    annual_fee_minor: Minor = 6_000
    annual_fee_reminder_days: Days = 30
    annual_fee_grace_days: Days = 30
    inspection_days: Days = 180
    inspection_window_days: Days = 15
    unused_days: Days = 90
    heartbeat_minutes: Annotated[int, Field(ge=1, le=10_080)] = 1440
    update_trial_hours: Annotated[int, Field(ge=1, le=720)] = 24
    """How long what was installed may go without being confirmed, before it is rolled back."""
    location_radius_m: Annotated[int, Field(ge=50, le=100_000)] = 1000
    face_tries: Annotated[int, Field(ge=1, le=10)] = 3
    raise_after_months: Annotated[int, Field(ge=1, le=36)] = 3
    raise_turnover_minor: Minor = 300_000
    raise_again_days: Days = 30
    offer_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    offer_watch_days: Days = 1
    case_answer_days: Days = 3
    case_merchant_days: Days = 7
    case_close_days: Days = 7
    dispute_window_days: Days = 180
    retrieval_days: Days = 10
    representment_days: Days = 14
    merchants_per_identity: Annotated[int, Field(ge=1, le=100)] = 5
    terminals_per_merchant: Annotated[int, Field(ge=1, le=100)] = 5
