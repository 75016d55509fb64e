"""Another settlement account: proposed by the merchant, checked with the bank, judged by a reviewer.

The money may go to an account of the same holder only; from the moment a change is accepted, payouts go there, and
those that the old account's bank has refused are tried again.

Source: same-name accounts and the four-element check, as Chinese acquirers publish them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from posterm.merchant.actor import Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.document import Document
from posterm.merchant.enrolled import enrolled_merchant
from posterm.merchant.errors import RefusedError
from posterm.merchant.form import AccountType, BankAccount
from posterm.merchant.free_text import free_text
from posterm.merchant.identity import is_bank_card, is_corporate_account
from posterm.merchant.machines import ACCOUNT_CHANGE
from posterm.merchant.magic import Where, magic_outcome
from posterm.merchant.merchant import Merchant
from posterm.merchant.money_problems import MONEY_PROBLEMS
from posterm.merchant.office import Office
from posterm.merchant.problem import Problem
from posterm.merchant.settlement import retry_returned

BANK_CODE_DIGITS = 12


class AccountChange(Document):
    """A wish to be paid to another account. `problems` are what the bank's check found."""

    kind: ClassVar[str] = "account-change"

    merchant: str
    account: BankAccount
    proposed_at: str
    problems: tuple[Problem, ...] = ()
    reason: str = ""


def propose_account(office: Office, actor: Actor, key: str, account: BankAccount, now: datetime) -> AccountChange:
    """Ask to be paid to another account.

    Args:
        key: the merchant's.
    Raises: NotFoundError. RefusedError: with every problem.
    """
    actor.must_be(Role.MERCHANT)
    merchant = enrolled_merchant(office, actor, key)
    problems = _problems(office, merchant, account)
    if problems:
        raise RefusedError(problems)
    with office.all_or_nothing():
        proposed = AccountChange(
            key=f"B{office.cabinet.next_number('account-change'):08d}",
            subject=merchant.subject,
            state=ACCOUNT_CHANGE.initial,
            due=(now + timedelta(minutes=office.terms.automatic_review_minutes)).isoformat(),
            merchant=key,
            account=account,
            proposed_at=now.isoformat(),
        )
        office.cabinet.put(proposed)
        office.tell(proposed, "propose", now, after=proposed.state)
        return proposed


def judge_account(
    office: Office, actor: Actor, key: str, now: datetime, *, accept: bool, reason: str = ""
) -> AccountChange:
    """Accept or refuse another account. `key` is the change's. Raises: NotFoundError, NotNowError, NotAllowedError."""
    actor.must_be(Role.REVIEWER)
    change = office.cabinet.need(AccountChange, key)
    with office.all_or_nothing():
        event = "accept" if accept else "refuse"
        judged = office.move(ACCOUNT_CHANGE, change, event, now, reason=free_text(reason), due="")
        if accept:
            merchant = office.cabinet.need(Merchant, change.merchant)
            changed = office.cabinet.put(merchant.model_copy(update={"bank_account": change.account}))
            retry_returned(office, changed, now)
        return judged


def account_changes_of(office: Office, actor: Actor, key: str) -> list[AccountChange]:
    """A merchant's wishes for another account, by number. Raises: NotFoundError."""
    merchant = enrolled_merchant(office, actor, key)
    return [each for each in office.cabinet.find(AccountChange, subject=merchant.subject) if each.merchant == key]


def _problems(office: Office, merchant: Merchant, account: BankAccount) -> list[Problem]:
    problems = []
    number, kept = account.number.reveal(), merchant.bank_account
    is_number = is_corporate_account if account.account_type is AccountType.CORPORATE else is_bank_card
    if not is_number(number):
        problems.append(MONEY_PROBLEMS["account-number-malformed"].at("account.number"))
    elif (account.number, account.account_type) == (kept.number, kept.account_type):
        problems.append(MONEY_PROBLEMS["account-unchanged"].at("account.number"))
    code = account.bank_code
    if len(code) != BANK_CODE_DIGITS or not code.isascii() or not code.isdigit():
        problems.append(MONEY_PROBLEMS["bank-code-malformed"].at("account.bank_code"))
    holders = {kept.holder.reveal()} if account.account_type is kept.account_type else set()
    if account.account_type is AccountType.CORPORATE:
        holders = {merchant.name}
    if account.holder.reveal() not in holders:
        problems.append(MONEY_PROBLEMS["account-holder-differs"].at("account.holder"))
    if any(each.state not in ("ACCEPTED", "REFUSED") for each in _of(office, merchant)):
        problems.append(MONEY_PROBLEMS["change-under-review"].at())
    return problems


def _of(office: Office, merchant: Merchant) -> list[AccountChange]:
    known = office.cabinet.find(AccountChange, subject=merchant.subject)
    return [each for each in known if each.merchant == merchant.key]


def _wake(office: Office, change: AccountChange, now: datetime) -> None:
    """The bank's check has come back: a reviewer looks at it, or there is nothing to look at."""
    if magic_outcome(Where.ACCOUNT, change.account.number.reveal()) != "four-elements-differ":
        office.move(ACCOUNT_CHANGE, change, "review", now, due="")
        return
    problems = (MONEY_PROBLEMS["account-check-failed"].at("account"),)
    office.move(ACCOUNT_CHANGE, change, "refuse", now, due="", problems=problems, reason="account-check-failed")


WAKES[AccountChange] = _wake
