"""Rates: what one payment cost and what it should have by the contract's plan, and making good a difference.

A correction is an adjustment of its own on the open clearing date; the payment keeps what was posted with it.

Source: fee enquiry of Lakala's open platform (`query_trans`). Leaves out the rate for foreign schemes, which the record
of a payment does not tell from the others.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from pydantic import BaseModel, ConfigDict

from posterm.host.adjustments import Adjustment, AdjustmentKind
from posterm.host.fees import FeeClass, fee_for, row_for
from posterm.host.plan import PARTS
from posterm.host.records import TransactionRecord
from posterm.merchant.actor import Actor, Role
from posterm.merchant.cases import Case, CaseTopic, need_case, open_case, solve_case
from posterm.merchant.enrolled import enrolled_merchant, is_purchase, need_transaction
from posterm.merchant.errors import NotFoundError, RefusedError
from posterm.merchant.merchant import Merchant, merchant_numbered
from posterm.merchant.money_problems import MONEY_PROBLEMS
from posterm.merchant.office import Office

_PERCENT: Final = 100


class RateAnswer(BaseModel):
    """What one payment cost. `rate_percent` is decimal text; a difference above nothing was charged too much."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    transaction: str
    rrn: str
    at: str
    card_class: str
    channel: str
    plan: str
    rate_percent: str
    amount_minor: int
    charged_minor: int
    corrected_minor: int
    due_minor: int

    @property
    def difference_minor(self) -> int:
        return self.charged_minor + self.corrected_minor - self.due_minor


def enquire_rate(office: Office, actor: Actor, key: str, transaction: str) -> RateAnswer:
    """What one payment of a merchant cost, and what it should have.

    Args:
        transaction: its reference.
    Raises: NotFoundError: no such merchant or payment. RefusedError: no payment that stands.
    """
    merchant = enrolled_merchant(office, actor, key)
    return _answer(office, merchant, need_transaction(office, actor, merchant, transaction))


def complain_of_rate(office: Office, actor: Actor, key: str, transaction: str, now: datetime) -> Case:
    """Open a case when a payment cost something else than the plan says.

    Raises: NotFoundError. RefusedError: it cost what the plan says, or it is no payment that stands.
    """
    merchant = enrolled_merchant(office, actor, key)
    answer = _answer(office, merchant, need_transaction(office, actor, merchant, transaction))
    if not answer.difference_minor:
        raise RefusedError([MONEY_PROBLEMS["fee-is-right"].at("transaction")])
    text = f"手续费 {answer.charged_minor} 分，应为 {answer.due_minor} 分 / "
    text += f"charged {answer.charged_minor}, due {answer.due_minor} (minor units)"
    return open_case(office, actor, merchant.subject, CaseTopic.FEE, text, now, about=transaction)


def correct_fee(office: Office, actor: Actor, key: str, now: datetime) -> Case:
    """Make good the difference that a case is about, and solve the case. Posted once, however often it is asked.

    Args:
        key: the case's.
    Raises: NotFoundError: no such case, or it is about no payment. NotNowError: nobody has taken the case.
        RefusedError: the payment cost what the plan says.
    """
    actor.must_be(Role.OPERATOR)
    case = need_case(office, actor, key)
    record = office.store.transaction(case.about)
    if case.topic is not CaseTopic.FEE or record is None:
        raise NotFoundError(f"case {key!r} is about no payment's fee")
    answer = _answer(office, merchant_numbered(office, record.merchant_id), record)
    if not answer.difference_minor:
        raise RefusedError([MONEY_PROBLEMS["fee-is-right"].at("transaction")])
    with office.all_or_nothing():
        office.host.adjust(
            Adjustment(
                f"fee/{key}/{len(case.messages)}",
                AdjustmentKind.FEE_CORRECTION,
                record.merchant_id,
                fee_minor=-answer.difference_minor,
                original=record.ref,
            ),
            now,
        )
        returned = f"手续费差额 {answer.difference_minor} 分已更正 / corrected by {answer.difference_minor} minor units"
        return solve_case(office, actor, key, returned, now)


def _answer(office: Office, merchant: Merchant, record: TransactionRecord) -> RateAnswer:
    if not is_purchase(record) or record.voided_by:
        raise RefusedError([MONEY_PROBLEMS["no-payment"].at("transaction")])
    plan = office.host_terms.plans[merchant.plan]
    kind = FeeClass(record.card_class, record.channel)
    row = row_for(plan, kind)
    amount, charged = record.posted_minor, record.fee_now_minor
    if record.refunded_minor:  # the fee as it was before anything came back
        charged = record.fee_minor
    return RateAnswer(
        transaction=record.ref,
        rrn=record.rrn,
        at=record.at,
        card_class=record.card_class,
        channel=record.channel,
        plan=plan.name,
        rate_percent="0" if row is None else str(Decimal(row.rate * _PERCENT) / PARTS),
        amount_minor=amount,
        charged_minor=charged,
        corrected_minor=_corrected(office, record),
        due_minor=fee_for(plan, kind, amount),
    )


def _corrected(office: Office, record: TransactionRecord) -> int:
    """What corrections have added to the fee of a payment."""
    corrections = office.store.transactions_by_rrn(record.merchant_id, record.rrn)
    own = (each for each in corrections if each.original == record.ref)
    return sum(each.fee_minor for each in own if each.kind == AdjustmentKind.FEE_CORRECTION)
