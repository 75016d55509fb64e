"""From an account to a contract in force: the whole way, for each sort of applicant."""

from __future__ import annotations

import pytest

from posterm.host.chart import merchant_deposit
from posterm.merchant import RefusedError
from posterm.merchant.application import start_application
from posterm.merchant.deposit import Deposit
from posterm.merchant.eligibility import ELIGIBLE, ApplicantType
from posterm.merchant.merchant import TerminalSite, merchant_numbered
from tests.merchant.hand_applicant import contracted, new_applicant
from tests.merchant.hand_office import NOW


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
