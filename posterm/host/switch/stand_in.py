"""Standing in: what the host approves on behalf of an issuer that cannot be asked, by rules the issuer has given.

    what is no purchase, or refers to an earlier one    91
    a kind, an amount or a number of times beyond       91
    a PIN, which nobody can verify                      as the rules say: 91, or approved without having been verified

What was approved is told to the issuer as an advice as soon as it can be reached.

Source: ISO 8583:1987, 0220 and 0120; stand-in processing as card schemes describe it.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from posterm.host.case import Case, Refusal
from posterm.host.records import CardUseRecord

UNREACHABLE: Final = "91"


class StandInRules(BaseModel):
    """What may be approved for an issuer that is not there; by default nothing.

    Args:
        amount_max_minor: of one payment.
        count_per_day: payments of one card on one day.
        kinds: "sale", "preauth".
        pin: whether a payment with a PIN may be approved though nobody can verify it.
        on_timeout: also approve what the issuer was asked for and has not answered; it gets a reversal first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount_max_minor: Annotated[int, Field(ge=0, le=999_999_999_999)] = 0
    count_per_day: Annotated[int, Field(ge=0, le=1000)] = 3
    kinds: tuple[Literal["sale", "preauth"], ...] = ("sale",)
    pin: Literal["refuse", "unverified"] = "refuse"
    on_timeout: bool = False


def stand_in(case: Case, issuer: str, rules: StandInRules, why: str) -> Refusal | None:
    """Decide on a payment in an issuer's place. Returns: None when it is approved; that counts for the card's day."""
    if not rules.amount_max_minor or case.known_row().kind.value not in rules.kinds:
        return Refusal(UNREACHABLE, why)
    if case.amount_minor > rules.amount_max_minor:
        return Refusal(UNREACHABLE, f"{why}; over the {rules.amount_max_minor} that may be approved in its place")
    if 52 in case.message and rules.pin == "refuse":
        return Refusal(UNREACHABLE, f"{why}; nobody can verify the PIN in its place")
    store = case.desk.store
    name = f"stand-in/{issuer}/{case.known_card().fingerprint}/{case.at[:10]}"
    used = store.card_use(name) or CardUseRecord(name)
    if len(used.sales) >= rules.count_per_day:
        return Refusal(UNREACHABLE, f"{why}; {rules.count_per_day} payments of the card approved in its place today")
    store.put_card_use(CardUseRecord(name, (*used.sales, case.at)))
    return None
