"""A raise of limits: asked by a merchant after months in good order, looked at by a reviewer, granted or refused.

Good order is: enough months since the contract, enough taken in each of the last ones, no dispute that is open or was
lost in them, and no way of paying stopped. A raise is another plan with the host; what counts in a month goes on.

Source: raise after three compliant months as Chinese acquirers publish it; the turnover is the office's own term.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import ClassVar, Final

from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.capabilities import capabilities_of
from posterm.merchant.disputes import Dispute
from posterm.merchant.document import Document
from posterm.merchant.enrolled import enrolled_merchant, host_record, records_between
from posterm.merchant.errors import RefusedError
from posterm.merchant.free_text import free_text
from posterm.merchant.machines import LIMIT_RAISE
from posterm.merchant.merchant import Merchant
from posterm.merchant.money_problems import MONEY_PROBLEMS
from posterm.merchant.office import Office
from posterm.merchant.problem import Problem

RAISED: Final[Mapping[str, str]] = {"micro": "micro-raised"}
"""Which plan a raise leads to."""


class LimitRaise(Document):
    """A wish for higher limits. `plan` is what it leads to, `average_minor` what was taken in a month."""

    kind: ClassVar[str] = "limit-raise"

    merchant: str
    plan: str
    asked_at: str
    average_minor: int
    reason: str = ""


def ask_limit_raise(office: Office, actor: Actor, key: str, now: datetime) -> LimitRaise:
    """Ask for higher limits.

    Args:
        key: the merchant's.
    Raises: NotFoundError. RefusedError: with every problem.
    """
    merchant = enrolled_merchant(office, actor, key)
    months = last_months(now.date(), office.terms.raise_after_months)
    takings = [_taken(office, merchant, first, last) for first, last in months]
    problems = _problems(office, actor, merchant, takings, months[0][0], now)
    if problems:
        raise RefusedError(problems)
    with office.all_or_nothing():
        asked = LimitRaise(
            key=f"L{office.cabinet.next_number('limit-raise'):08d}",
            subject=merchant.subject,
            state=LIMIT_RAISE.initial,
            due=(now + timedelta(minutes=office.terms.automatic_review_minutes)).isoformat(),
            merchant=merchant.key,
            plan=RAISED[merchant.plan],
            asked_at=now.isoformat(),
            average_minor=sum(takings) // len(takings),
        )
        office.cabinet.put(asked)
        office.tell(asked, "ask", now, after=asked.state)
        return asked


def judge_limit_raise(
    office: Office, actor: Actor, key: str, now: datetime, *, grant: bool, reason: str = ""
) -> LimitRaise:
    """Grant or refuse a raise; a granted one holds at once. Raises: NotFoundError, NotNowError, NotAllowedError."""
    actor.must_be(Role.REVIEWER)
    asked = office.cabinet.need(LimitRaise, key)
    with office.all_or_nothing():
        event = "grant" if grant else "refuse"
        judged = office.move(LIMIT_RAISE, asked, event, now, reason=free_text(reason), due="")
        if grant:
            _change_plan(office, office.cabinet.need(Merchant, asked.merchant), asked.plan)
        return judged


def limit_raises_of(office: Office, actor: Actor, key: str) -> list[LimitRaise]:
    """A merchant's wishes for higher limits, by key. Raises: NotFoundError."""
    merchant = enrolled_merchant(office, actor, key)
    return [each for each in office.cabinet.find(LimitRaise, subject=merchant.subject) if each.merchant == key]


def last_months(today: date, count: int) -> list[tuple[date, date]]:
    """The first and last days of so many whole months before this one, the earliest first.

    >>> last_months(date(2026, 3, 15), 2)[0]
    (datetime.date(2026, 1, 1), datetime.date(2026, 1, 31))
    """
    months = []
    for back in range(count, 0, -1):
        year, month = divmod(today.year * 12 + today.month - 1 - back, 12)
        months.append((date(year, month + 1, 1), date(year, month + 1, monthrange(year, month + 1)[1])))
    return months


def _problems(
    office: Office, actor: Actor, merchant: Merchant, takings: list[int], since: date, now: datetime
) -> list[Problem]:
    problems = []
    if merchant.plan not in RAISED:
        problems.append(MONEY_PROBLEMS["plan-not-raised"].at("plan"))
    if merchant.contracted_at[:10] > since.isoformat():
        problems.append(MONEY_PROBLEMS["too-early"].at("contracted_at"))
    if min(takings) < office.terms.raise_turnover_minor:
        problems.append(MONEY_PROBLEMS["turnover-too-low"].at("turnover"))
    again = (now - timedelta(days=office.terms.raise_again_days)).isoformat()
    known = office.cabinet.find(LimitRaise, subject=merchant.subject)
    if any(each.state != "REFUSED" or each.asked_at > again for each in known if each.merchant == merchant.key):
        problems.append(MONEY_PROBLEMS["asked-too-soon"].at("asked_at"))
    problems += [
        MONEY_PROBLEMS["open-dispute"].at(f"disputes[{dispute.key}]")
        for dispute in office.cabinet.find(Dispute, subject=merchant.subject)
        if dispute.state != "WON" and dispute.opened_at[:10] >= since.isoformat()
    ]
    problems += [
        MONEY_PROBLEMS["channel-stopped"].at(f"capabilities[{capability.channel}]")
        for capability in capabilities_of(office, actor, merchant.key)
        if capability.state == "stopped"
    ]
    return problems


def _taken(office: Office, merchant: Merchant, first: date, last: date) -> int:
    records = records_between(office, frozenset((merchant.merchant_id,)), first, last)
    return sum(record.gross_minor for record in records)


def _change_plan(office: Office, merchant: Merchant, plan: str) -> None:
    record = host_record(office, merchant)
    office.host.enrol_merchant(record.merchant_id, record.name, currency=record.currency, plan=plan, owner=record.owner)
    if not record.open:  # enrolling opens
        office.host.set_merchant_open(record.merchant_id, False)
    office.cabinet.put(merchant.model_copy(update={"plan": plan}))


def _wake(office: Office, asked: LimitRaise, now: datetime) -> None:
    office.move(LIMIT_RAISE, asked, "review", now, due="")


WAKES[LimitRaise] = _wake
