"""Numbers in the network: structured, one after another, never used twice."""

from __future__ import annotations

import pytest

from posterm.merchant import MerchantError
from posterm.merchant.eligibility import ApplicantType
from posterm.merchant.merchant import TerminalSite
from posterm.merchant.network_entry import SERIALS
from tests.merchant.hand_applicant import approved, contracted, new_applicant


def test_a_merchant_number_is_acquirer_area_trade_and_serial(office):
    _, first, _, _ = contracted(office, mcc="5411", business="便利超市")
    _, second, _, _ = contracted(office, mobile="13800000002", seed=2, mcc="5411", business="便利超市")
    assert (first.merchant_id, second.merchant_id) == ("898310154110001", "898310154110002")


def test_a_number_the_host_knows_already_is_left_out(office):
    office.host.enrol_merchant("898310154990001", "another")
    _, merchant, _, _ = contracted(office)
    assert merchant.merchant_id == "898310154990002"


def test_each_terminal_has_one_place(office):
    _, merchant, _, _ = contracted(office, terminal_count=3)
    assert merchant.terminal_ids == ("10000001", "10000002", "10000003")
    for site in (office.cabinet.need(TerminalSite, number) for number in merchant.terminal_ids):
        assert (site.merchant, site.address, site.location, site.serial) == (
            merchant.key,
            merchant.address,
            merchant.location,
            "",
        )
        assert not office.host.knows_terminal(site.key)


def test_all_merchants_of_one_person_have_one_owner_with_the_host(office):
    ann, _ = new_applicant(office)
    first, _ = approved(office, ann)
    second, _ = approved(office, ann, seed=2)
    owners = {office.store.merchant(number).owner for number in ("898310154990001", "898310154990002")}
    assert len(owners) == 1
    assert first.merchant != second.merchant


def test_numbers_that_are_used_up_are_an_error(office):
    for _ in range(SERIALS):
        office.cabinet.next_number("merchant-id/89831015499")
    ann, _ = new_applicant(office)
    with pytest.raises(MerchantError, match="all 9999 merchant numbers that begin with 89831015499 are used"):
        approved(office, ann, ApplicantType.COMPANY)
