"""Settlement to the bank account: once a day dates are closed, payouts made and sent, and the bank answers.

A payout that the bank refuses comes back at once and waits: for another account, after which it is tried again by
itself, or for somebody who says to. The money is the host's ledger's; a document mirrors each payout, so that its
merchant is told and can look at it. What a bank answers to which account is in `magic`.

Source: payout states and cycles as Chinese acquirers publish them; see `posterm.host.payouts`.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import ClassVar, Final

from posterm.host.errors import PayoutError
from posterm.host.records import PayoutRecord, PayoutState
from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.document import Document
from posterm.merchant.enrolled import enrolled_merchant
from posterm.merchant.errors import NotNowError
from posterm.merchant.magic import Where, magic_outcome
from posterm.merchant.merchant import Merchant, merchant_numbered
from posterm.merchant.office import Office
from posterm.merchant.personal import AccountNumber

KEY: Final = "office"


class SettlementRound(Document):
    """The daily round. `last_at` is when it was made last, `waiting` names payouts that leave with the next one."""

    kind: ClassVar[str] = "settlement-round"

    last_at: str = ""
    waiting: tuple[str, ...] = ()


class Payout(Document):
    """Money on its way to a merchant. `account` is where it was sent, `reason` a problem's code when it was refused."""

    kind: ClassVar[str] = "payout"

    merchant: str
    merchant_id: str
    amount_minor: int
    fee_minor: int
    currency: str
    attempt: int = 1
    account: AccountNumber = AccountNumber("")
    changed_at: str = ""
    reason: str = ""


def begin_settlement(office: Office, now: datetime) -> SettlementRound:
    """Make the daily round from now on; one that is made already stays as it is."""
    known = _round(office)
    return known if known.due else office.cabinet.put(known.model_copy(update={"due": _next_round(office, now)}))


def settle(office: Office, actor: Actor, now: datetime) -> list[Payout]:
    """Make a round now: close the clearing dates whose cut-off has passed, and send what is due.

    Returns: what was sent.
    """
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        office.host.close_clearing(now)
        made = [_mirror(office, record, now).key for record in office.host.create_payouts(now)]
        daily = _round(office)
        waiting = [office.cabinet.need(Payout, key) for key in dict.fromkeys((*daily.waiting, *made))]
        office.cabinet.put(daily.model_copy(update={"waiting": ()}))
        return [_sent(office, payout, now) for payout in waiting if payout.state == PayoutState.CREATED]


def take_advance(office: Office, actor: Actor, key: str, wish: str, amount_minor: int, now: datetime) -> Payout:
    """Be paid at once what was earned today; it leaves with the others and costs what the plan says.

    Args:
        key: the merchant's.
        wish: names it, letters and digits; the same wish gives the same payout.
        amount_minor: with the fee; 0 for all there is.
    Raises: NotFoundError. AdvanceRefusedError: with its answer code. EnrolmentError: a name that cannot be.
    """
    merchant = enrolled_merchant(office, actor, key)
    with office.all_or_nothing():
        record = office.host.request_advance(merchant.merchant_id, wish, now, amount=amount_minor)
        known = office.cabinet.get(Payout, record.payout_id)
        if known is not None:
            return known
        _let_wait(office, record.payout_id)
        return _mirror(office, record, now)


def payouts_of(office: Office, actor: Actor, key: str) -> list[Payout]:
    """A merchant's payouts, by number. Raises: NotFoundError."""
    merchant = enrolled_merchant(office, actor, key)
    return [payout for payout in office.cabinet.find(Payout, subject=merchant.subject) if payout.merchant == key]


def retry_payout(office: Office, actor: Actor, key: str, now: datetime) -> Payout:
    """Try a payout again that the bank has refused; it leaves with the next round.

    Raises: NotFoundError. NotNowError: it was not refused, or less is payable by now.
    """
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    payout = office.cabinet.need(Payout, key)
    actor.must_own(payout.subject, "payout")
    try:
        with office.all_or_nothing():
            return _retried(office, payout, now)
    except PayoutError as error:
        raise NotNowError(str(error)) from None


def retry_returned(office: Office, merchant: Merchant, now: datetime) -> None:
    """Try everything again that a bank has refused, as far as it is still payable."""
    for payout in office.cabinet.find(Payout, subject=merchant.subject, state=PayoutState.RETURNED):
        if payout.merchant == merchant.key:
            try:
                _retried(office, payout, now)
            except PayoutError:  # refunds have eaten it up; it stays for a later day
                continue


def _round(office: Office) -> SettlementRound:
    return office.cabinet.get(SettlementRound, KEY) or SettlementRound(key=KEY, state="ON")


def _let_wait(office: Office, payout_id: str) -> None:
    daily = _round(office)
    office.cabinet.put(daily.model_copy(update={"waiting": (*daily.waiting, payout_id)}))


def _retried(office: Office, payout: Payout, now: datetime) -> Payout:
    retried = _step(office, payout, "retry", now)
    _let_wait(office, payout.key)
    return retried


def _sent(office: Office, payout: Payout, now: datetime) -> Payout:
    account = office.cabinet.need(Merchant, payout.merchant).bank_account.number
    due = (now + timedelta(minutes=office.terms.bank_answer_minutes)).isoformat()
    return _step(office, payout.model_copy(update={"account": account, "due": due}), "send", now)


def _mirror(office: Office, record: PayoutRecord, now: datetime) -> Payout:
    merchant = merchant_numbered(office, record.merchant_id)
    payout = Payout(
        key=record.payout_id,
        subject=merchant.subject,
        state=record.state,
        merchant=merchant.key,
        merchant_id=record.merchant_id,
        amount_minor=record.amount_minor,
        fee_minor=record.fee_minor,
        currency=record.currency,
        account=merchant.bank_account.number,
        changed_at=record.changed_at,
    )
    office.cabinet.put(payout)
    office.tell(payout, "create", now, after=payout.state)
    return payout


def _step(office: Office, payout: Payout, action: str, now: datetime, *, reason: str = "") -> Payout:
    record = office.host.move_payout(payout.key, action, now, reason=reason)
    moved = payout.model_copy(
        update={
            "state": record.state,
            "attempt": record.attempt,
            "reason": record.reason,
            "changed_at": record.changed_at,
        }
    )
    office.cabinet.put(moved)
    details = {"reason": reason} if reason else {}
    office.tell(moved, action, now, before=payout.state, after=moved.state, **details)
    return moved


def _next_round(office: Office, now: datetime) -> str:
    today = datetime.combine(now.date(), time(office.terms.payout_hour), tzinfo=now.tzinfo)
    return (today if now < today else today + timedelta(days=1)).isoformat()


def _wake_round(office: Office, daily: SettlementRound, now: datetime) -> None:
    settle(office, SYSTEM, now)
    last = {"due": _next_round(office, now), "last_at": now.isoformat()}
    office.cabinet.put(office.cabinet.need(SettlementRound, daily.key).model_copy(update=last))


def _wake_payout(office: Office, payout: Payout, now: datetime) -> None:
    """The bank answers."""
    answered = payout.model_copy(update={"due": ""})
    outcome = magic_outcome(Where.ACCOUNT, payout.account.reveal())
    if outcome == "bank-refused-once" and payout.attempt == 1:
        outcome = "bank-refused-account"
    if outcome not in _REFUSALS:
        _step(office, answered, "succeed", now)
        return
    failed = _step(office, answered, "fail", now, reason=outcome)
    _step(office, failed, "return", now)


_REFUSALS: Final = frozenset({"bank-refused-name", "bank-refused-account", "bank-refused-frozen"})

WAKES[SettlementRound] = _wake_round
WAKES[Payout] = _wake_payout
