"""Fees: what a merchant pays for one payment, who gets which part, and what comes back with a refund.

All arithmetic is on integers: a rate is parts per million, so a fee is rounded once and exactly. The parts of a split
are rounded down in turn, each taken from what is left, and the acquirer has the rest: they are never negative and sum
to the fee.

Source: see `plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from posterm.host.plan import PARTS, FeeRow, MerchantPlan, SplitRow


class FeeClass(NamedTuple):
    """What a fee depends on beside the amount: the card's class, how it was read, and where it is from."""

    card: str
    channel: str
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class FeeParts:
    """The parts of a fee, in minor units."""

    issuer: int = 0
    network: int = 0
    acquirer: int = 0
    agent: int = 0

    @property
    def total(self) -> int:
        return self.issuer + self.network + self.acquirer + self.agent

    def plus(self, other: FeeParts, sign: int = 1) -> FeeParts:
        """The sum, or with a sign of -1 the difference."""
        return FeeParts(
            self.issuer + sign * other.issuer,
            self.network + sign * other.network,
            self.acquirer + sign * other.acquirer,
            self.agent + sign * other.agent,
        )


def _half_up(parts: int) -> int:
    return (2 * parts + PARTS) // (2 * PARTS)


def _half_even(parts: int) -> int:
    whole, rest = divmod(parts, PARTS)
    return whole + (2 * rest > PARTS or (2 * rest == PARTS and whole % 2 == 1))


def _up(parts: int) -> int:
    return -(-parts // PARTS)


def _down(parts: int) -> int:
    return parts // PARTS


_ROUNDED: Final[Mapping[str, Callable[[int], int]]] = {
    "half-up": _half_up,
    "half-even": _half_even,
    "up": _up,
    "down": _down,
}


def fee_for(plan: MerchantPlan, kind: FeeClass, amount: int) -> int:
    """The fee for a payment of `amount`: the first row of the plan that fits; 0 when none does. Never over the amount.

    >>> from posterm.host.data_files import built_in_plans
    >>> fee_for(built_in_plans()["standard"], FeeClass("credit", "stripe"), 10_000)
    60
    """
    row = row_for(plan, kind)
    if row is None:
        return 0
    fee = max(_ROUNDED[row.rounding](amount * row.rate), row.floor_minor)
    if row.cap_minor is not None and fee > row.cap_minor:
        fee = row.cap_minor
    return min(fee, amount)


def row_for(plan: MerchantPlan, kind: FeeClass) -> FeeRow | None:
    """The first row of the plan that fits a payment; None when none does."""
    return next((row for row in plan.fees if _fits(row, kind)), None)


def split_fee(plan: MerchantPlan, card: str, amount: int, fee: int) -> FeeParts:
    """Who gets what of a fee; all of it is the acquirer's when no row of the plan fits.

    What is given back is split as what was taken: amount and fee are then both negative, and so are the parts.
    """
    if fee < 0:
        return FeeParts().plus(split_fee(plan, card, abs(amount), -fee), sign=-1)
    row = next((row for row in plan.split if row.card in ("any", card)), SplitRow())
    from_issuer = _part(amount, row.issuer_rate, row.issuer_cap_minor, fee)
    network_by_acquirer = _part(amount, row.network_rate, row.network_cap_minor, fee - from_issuer)
    network_by_issuer = _part(amount, row.network_rate, row.network_cap_minor, from_issuer)
    rest = fee - from_issuer - network_by_acquirer
    agent = _down(rest * row.agent_rate)
    return FeeParts(from_issuer - network_by_issuer, network_by_issuer + network_by_acquirer, rest - agent, agent)


def fee_given_back(plan: MerchantPlan, *, fee: int, left: int, refund: int) -> int:
    """How much of a sale's fee comes back with a refund; with the last part of the sale all that is left of the fee.

    Args:
        fee: what is left of the fee.
        left: what is left of the sale.
        refund: how much of it is refunded now.
    """
    match plan.refund_fee:
        case "keep":
            return 0
        case "return":
            return fee if refund == left else 0
        case "proportional":
            return fee * refund // left


def _part(amount: int, rate: int, cap: int | None, most: int) -> int:
    part = min(_down(amount * rate), most)
    return part if cap is None else min(part, cap)


def _fits(row: FeeRow, kind: FeeClass) -> bool:
    return (
        row.card in ("any", kind.card)
        and row.channel in ("any", "qr" if kind.channel == "qr" else "card")
        and row.scheme in ("any", "foreign" if kind.foreign else "domestic")
    )
