"""From an account to a contract in force: the whole way, for each sort of applicant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from posterm.host.chart import merchant_deposit
from posterm.merchant import MerchantError, RefusedError
from posterm.merchant.applicant import Applicant
from posterm.merchant.application import Application, drop_application, edit_application, start_application
from posterm.merchant.calendar import advance
from posterm.merchant.contract import Contract
from posterm.merchant.contracting import contract_of, pay_deposit, sign_contract
from posterm.merchant.deposit import Deposit
from posterm.merchant.eligibility import ELIGIBLE, ApplicantType
from posterm.merchant.merchant import Merchant, TerminalSite, merchant_numbered
from posterm.merchant.news import News
from posterm.merchant.papers import Paper
from posterm.merchant.review import (
    approve_application,
    reconsider_application,
    reject_application,
    submit_application,
)
from posterm.merchant.sub_channel import RealName
from posterm.merchant.survey import order_survey
from tests.merchant.hand_applicant import (
    MOBILE,
    PASSWORD,
    REVIEWER,
    bank_card,
    contracted,
    identity_number,
    new_applicant,
    new_application,
)
from tests.merchant.hand_office import NOW, new_office

PERSON = "王小明"


@pytest.mark.parametrize("applicant_type", ELIGIBLE)
def test_an_application_without_a_fault_becomes_a_merchant(office, applicant_type):
    _, merchant, contract, _ = contracted(office, applicant_type)
    assert (merchant.state, contract.state) == ("CONTRACTED", "in-force")
    assert merchant.merchant_id[:11] == "89831015499"
    assert merchant_numbered(office, merchant.merchant_id) == merchant
    assert office.store.merchant(merchant.merchant_id).open
    assert office.store.merchant(merchant.merchant_id).plan == ELIGIBLE[applicant_type].plan
    assert [site.key for site in office.cabinet.find(TerminalSite)] == list(merchant.terminal_ids)


def test_the_deposit_is_in_the_ledger(office):
    _, merchant, contract, _ = contracted(office)
    assert office.cabinet.need(Deposit, merchant.key).state == "HELD"
    assert office.ledger.account(merchant_deposit(merchant.merchant_id)).balance == contract.deposit_minor


def test_an_ordinary_person_is_refused_with_the_reason(office):
    actor, _ = new_applicant(office)
    with pytest.raises(RefusedError, match="an ordinary person cannot have a terminal"):
        start_application(office, actor, actor.subject, ApplicantType.ORDINARY_PERSON, NOW)


def test_nothing_personal_is_shown_on_the_way(office):
    actor, merchant, contract, _ = contracted(office)
    shown = [
        document.model_dump_json() + repr(document)
        for kind in (News, Applicant, Application, Merchant, Contract, Deposit, Paper, RealName, TerminalSite)
        for document in office.cabinet.find(kind)
    ]
    kept = [
        record.body
        for kind in ("applicant", "application", "merchant", "contract", "paper", "real-name", "news", "mark")
        for record in office.store.documents(kind)
    ]
    assert len(shown) > 30
    for secret in (PERSON, MOBILE, identity_number(), bank_card(), PASSWORD):
        assert not [text for text in (*shown, *kept) if secret in text]
    assert actor.subject == merchant.subject == contract.subject


# --- anything, in any order ---------------------------------------------------------------------------------------

MERCHANT_STATES = {
    "NO_COMMIT": {"CREATED"},
    "COMMIT_FAIL": {"CREATED"},
    "INNER_CHECK_REJECTED": {"CREATED"},
    "REVIEW_ING": {"UNDER_REVIEW"},
    "MANUAL_AUDIT": {"UNDER_REVIEW"},
    "WAIT_FOR_CONTACT": {"APPROVED", "CONTRACTED"},
    "DROPPED": {"CLOSED"},
}


class Way:
    """One application, and everything that can be done with it at any time."""

    def __init__(self) -> None:
        self.office, self.now = new_office(), NOW
        self.actor, _ = new_applicant(self.office)
        self.key = new_application(self.office, self.actor).key

    @property
    def application(self) -> Application:
        return self.office.cabinet.need(Application, self.key)

    @property
    def merchant(self) -> Merchant:
        return self.office.cabinet.need(Merchant, self.application.merchant)

    def take(self, step: str) -> None:
        """Take a step; one that is not taken now leaves everything as it was."""
        contract = contract_of(self.office, self.actor, self.merchant.key)
        offer = (contract.key, contract.digest, contract.deposit_minor) if contract else ("EC000", "", 0)
        office, now, key = self.office, self.now, self.key
        steps: dict[str, Callable[[], object]] = {
            "edit": lambda: edit_application(office, self.actor, key, {"business": "水果蔬菜零售"}, now),
            "spoil": lambda: edit_application(office, self.actor, key, {"business": "房地产咨询"}, now),
            "submit": lambda: submit_application(office, self.actor, key, now),
            "reconsider": lambda: reconsider_application(office, self.actor, key, "请复议", now),
            "drop": lambda: drop_application(office, self.actor, key, now),
            "approve": lambda: approve_application(office, REVIEWER, key, now),
            "reject": lambda: reject_application(office, REVIEWER, key, [("scene-not-genuine", "")], now),
            "survey": lambda: order_survey(office, REVIEWER, key, now + timedelta(days=1), now),
            "sign": lambda: sign_contract(office, self.actor, offer[0], offer[1], now),
            "pay": lambda: pay_deposit(office, self.actor, offer[0], offer[2], now),
            "minutes": lambda: self.wait(timedelta(minutes=40)),
            "days": lambda: self.wait(timedelta(days=3)),
            "weeks": lambda: self.wait(timedelta(days=20)),
        }
        before = [office.store.documents(kind) for kind in ("application", "merchant", "contract", "deposit", "news")]
        try:
            steps[step]()
        except MerchantError:
            after = [
                office.store.documents(kind) for kind in ("application", "merchant", "contract", "deposit", "news")
            ]
            assert after == before

    def wait(self, span: timedelta) -> None:
        self.now += span
        advance(self.office, self.now)

    def check(self) -> None:
        merchant = self.merchant
        assert merchant.state in MERCHANT_STATES[self.application.state]
        record = self.office.store.merchant(merchant.merchant_id)
        contracts = self.office.cabinet.find(Contract)
        in_force = [contract for contract in contracts if contract.state == "in-force"]
        assert sum(contract.state != "void" for contract in contracts) <= 1
        assert (merchant.state == "CONTRACTED") == bool(in_force) == (record is not None and record.open)
        if record is not None:
            held = self.office.ledger.account(merchant_deposit(merchant.merchant_id)).balance
            assert held == sum(contract.deposit_minor for contract in in_force)


STEPS = ("edit", "spoil", "submit", "submit", "reconsider", "drop", "approve", "reject", "survey", "sign", "pay")


@settings(max_examples=40)
@example(["submit", "minutes", "days", "sign", "pay", "weeks"])
@example(["submit", "minutes", "approve", "sign", "weeks", "edit", "submit", "minutes", "days", "sign", "pay"])
@example(["spoil", "submit", "minutes", "days", "reconsider", "days", "edit", "submit", "minutes", "survey", "days"])
@given(st.lists(st.sampled_from((*STEPS, "minutes", "minutes", "days", "weeks")), max_size=25))
def test_whatever_is_done_application_merchant_contract_host_and_ledger_agree(steps):
    way = Way()
    for step in steps:
        way.take(step)
        way.check()
    assert way.office.ledger.prove().holds
