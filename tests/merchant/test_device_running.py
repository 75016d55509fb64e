"""Running: why a device stands still, what signs of life say, faults, inspections, acceptance tests and visits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from posterm.merchant import NotAllowedError, NotFoundError, NotNowError, OfficeTerms
from posterm.merchant.acceptance import finish_acceptance, repeat_acceptance, report_checks, start_acceptance
from posterm.merchant.cases import Case
from posterm.merchant.commissioning import look_at_device
from posterm.merchant.heartbeat import FAULTS, report_fault, report_heartbeat, silent_devices
from posterm.merchant.inspection import Findings, Inspection, repeat_inspection, submit_inspection
from posterm.merchant.news import News
from posterm.merchant.suspension import Reason, resume_device, suspend_device
from posterm.merchant.visit import Visit, book_again, book_visit, cancel_visit, finish_visit
from tests.merchant.hand_applicant import picture
from tests.merchant.hand_device import (
    BEIJING,
    NEXT_DOOR,
    OPERATOR,
    OWNER,
    REVIEWER,
    SERIAL,
    SHOP,
    STRANGER,
    open_shop,
    refused,
)

QUIET = OfficeTerms(annual_fee_minor=0, unused_days=3660)


@pytest.fixture
def shop():
    opened = open_shop(terms=QUIET)
    opened.terminal = opened.activate()
    return opened


# --- standing still --------------------------------------------------------------------------------------------------


def test_a_stopped_device_sells_nothing_until_the_last_reason_is_gone(shop):
    suspend_device(shop.office, OPERATOR, SERIAL, shop.now)
    report_heartbeat(shop.office, OWNER, SERIAL, shop.now, location=BEIJING)
    assert shop.device().suspended_for == ("risk", "location")
    assert shop.terminal.sale(1000).code == "C1"
    resume_device(shop.office, OPERATOR, SERIAL, Reason.RISK, shop.now)
    assert (shop.device().state, shop.terminal.sale(1000).code) == ("SUSPENDED", "C1")
    resume_device(shop.office, OPERATOR, SERIAL, Reason.LOCATION, shop.now)
    assert (shop.device().state, shop.terminal.sale(1000).code) == ("ACTIVE", "00")


def test_a_device_is_stopped_for_a_reason_once_and_resumed_for_one_it_has(shop):
    suspend_device(shop.office, OPERATOR, SERIAL, shop.now)
    with pytest.raises(NotNowError, match="does not take suspend"):
        suspend_device(shop.office, OPERATOR, SERIAL, shop.now)
    with pytest.raises(NotNowError, match="does not stand still for location"):
        resume_device(shop.office, OPERATOR, SERIAL, Reason.LOCATION, shop.now)


@pytest.mark.parametrize("reason", [Reason.INSPECTION, Reason.ANNUAL_FEE])
def test_what_ends_by_being_done_is_not_ended_by_hand(shop, reason):
    with pytest.raises(NotAllowedError, match="goes on by itself"):
        resume_device(shop.office, OPERATOR, SERIAL, reason, shop.now)


def test_a_merchant_neither_stops_nor_resumes_what_is_under_suspicion(shop):
    with pytest.raises(NotAllowedError):
        suspend_device(shop.office, OWNER, SERIAL, shop.now)
    suspend_device(shop.office, OPERATOR, SERIAL, shop.now)
    with pytest.raises(NotAllowedError):
        resume_device(shop.office, OWNER, SERIAL, Reason.RISK, shop.now)


def test_a_device_that_was_not_activated_goes_on_to_its_first_swipe():
    shop = open_shop(terms=QUIET)
    shop.ready()
    suspend_device(shop.office, OPERATOR, SERIAL, shop.now)
    assert resume_device(shop.office, OPERATOR, SERIAL, Reason.RISK, shop.now).state == "READY"


def test_a_device_that_is_not_used_for_three_months_stops_and_its_merchant_resumes_it():
    shop = open_shop(terms=OfficeTerms(annual_fee_minor=0, inspection_days=3660))
    terminal = shop.activate()
    shop.wait(days=89)
    assert shop.device().state == "ACTIVE"
    shop.wait(days=32)
    assert (shop.device().state, shop.device().suspended_for) == ("SUSPENDED", ("unused",))
    assert resume_device(shop.office, OWNER, SERIAL, Reason.UNUSED, shop.now).state == "ACTIVE"
    assert terminal.sale(1000).code == "00"
    shop.wait(days=60)
    assert shop.device().state == "ACTIVE"


# --- signs of life ---------------------------------------------------------------------------------------------------


def test_a_heartbeat_from_next_door_changes_nothing_and_is_noted(shop):
    device = report_heartbeat(shop.office, OWNER, SERIAL, shop.now, location=NEXT_DOOR, software="1.0.0")
    assert (device.state, device.seen_at_place, device.last_seen_at) == ("ACTIVE", NEXT_DOOR, shop.now.isoformat())


def test_a_device_that_drifts_away_stops_and_goes_on_when_it_is_back(shop):
    assert report_heartbeat(shop.office, OWNER, SERIAL, shop.now, location=BEIJING).state == "SUSPENDED"
    assert report_heartbeat(shop.office, OWNER, SERIAL, shop.now, location=SHOP).state == "ACTIVE"


def test_a_malformed_place_changes_nothing(shop):
    before = shop.device()
    with refused("place-malformed location"):
        report_heartbeat(shop.office, OWNER, SERIAL, shop.now, location="here")
    assert shop.device() == before


def test_other_software_than_in_the_books_is_told(shop):
    report_heartbeat(shop.office, OWNER, SERIAL, shop.now, software="0.9.0")
    told = [news for news in shop.all(News) if news.topic == "device.software-differs"]
    assert told[-1].details == {"found": "0.9.0", "needed": "1.0.0"}


def test_a_silent_device_is_listed_and_one_that_is_heard_of_is_not(shop):
    assert silent_devices(shop.office, OPERATOR, shop.now) == []
    shop.now += timedelta(days=1, minutes=1)
    assert [device.key for device in silent_devices(shop.office, OPERATOR, shop.now)] == [SERIAL]
    report_heartbeat(shop.office, OWNER, SERIAL, shop.now)
    assert silent_devices(shop.office, OPERATOR, shop.now) == []
    with pytest.raises(NotAllowedError):
        silent_devices(shop.office, OWNER, shop.now)


def test_a_device_that_is_not_in_use_has_no_heartbeat():
    shop = open_shop()
    shop.bind()
    with pytest.raises(NotNowError, match="is not in use"):
        report_heartbeat(shop.office, OWNER, SERIAL, shop.now)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_a_remedy_and_the_serious_ones_a_repair(shop, fault):
    answer = report_fault(shop.office, OWNER, SERIAL, fault, shop.now)
    assert answer.kind.english_remedy
    assert answer.kind.chinese_remedy
    if fault in ("paper-jam", "no-network"):
        assert (answer.repair, shop.device().state) == (None, "ACTIVE")
    else:
        assert (answer.repair.state, shop.device().state) == ("REPORTED", "REPAIR")
        assert shop.terminal.sale(1000).code == "C1"


def test_an_unknown_fault_is_refused(shop):
    with refused("fault-unknown fault"):
        report_fault(shop.office, OWNER, SERIAL, "it is raining", shop.now)


# --- inspections -----------------------------------------------------------------------------------------------------

GOOD = Findings(serial=SERIAL, location=SHOP, software="1.0.0", is_clean=True, cable_is_whole=True)
FIRST = "I00000001"


def test_an_inspection_opens_after_half_a_year_and_passes(shop):
    shop.wait(days=179)
    assert not shop.get(Inspection, FIRST).is_open
    shop.wait(days=1)
    assert shop.get(Inspection, FIRST).is_open
    passed = submit_inspection(shop.office, OWNER, FIRST, GOOD, picture(1), shop.now)
    assert (passed.state, passed.problems) == ("PASSED", ())
    assert shop.office.pictures.get(passed.picture) not in (None, picture(1))
    assert [each.state for each in shop.all(Inspection)] == ["PASSED", "DUE"]


def test_a_missed_inspection_stops_the_device_until_it_is_made_up_for(shop):
    shop.wait(days=195)
    assert (shop.get(Inspection, FIRST).state, shop.device().suspended_for) == ("MISSED", ("inspection",))
    repeat_inspection(shop.office, OWNER, FIRST, shop.now)
    assert shop.device().state == "SUSPENDED"
    submit_inspection(shop.office, OWNER, FIRST, GOOD, picture(1), shop.now)
    assert shop.device().state == "ACTIVE"


def test_a_repeated_inspection_has_a_window_too(shop):
    shop.wait(days=195)
    repeat_inspection(shop.office, OWNER, FIRST, shop.now)
    shop.wait(days=15)
    assert shop.get(Inspection, FIRST).state == "MISSED"


def test_a_failed_inspection_says_everything_and_stops_the_device(shop):
    bad = Findings(serial="OTHER1", location=BEIJING, software="0.9.0", is_clean=False, cable_is_whole=False)
    failed = submit_inspection(shop.office, OWNER, FIRST, bad, picture(1, blurred=True), shop.now)
    assert [problem.code for problem in failed.problems] == [
        "inspection-serial",
        "place-differs",
        "inspection-software",
        "inspection-unclean",
        "inspection-cable",
        "photo-blurred",
    ]
    assert (failed.state, shop.device().state) == ("FAILED", "SUSPENDED")
    with pytest.raises(NotNowError, match="FAILED does not take"):
        submit_inspection(shop.office, OWNER, FIRST, GOOD, picture(1), shop.now)


@pytest.mark.parametrize("data", [b"", b"not a picture" * 400])
def test_an_inspection_without_a_picture_fails(shop, data):
    assert submit_inspection(shop.office, OWNER, FIRST, GOOD, data, shop.now).state == "FAILED"


def test_another_merchants_inspection_is_not_there(shop):
    with pytest.raises(NotFoundError):
        submit_inspection(shop.office, STRANGER, FIRST, GOOD, picture(1), shop.now)


# --- acceptance ------------------------------------------------------------------------------------------------------


def all_checks(shop, **anomalies: str) -> dict[str, str]:
    return {check: anomalies.get(check.replace("-", "_"), "") for check in shop.device().of_model.checks}


def test_a_device_that_does_everything_is_accepted(shop):
    test = start_acceptance(shop.office, OWNER, SERIAL, shop.now)
    report_checks(shop.office, OWNER, test.key, all_checks(shop), shop.now)
    assert finish_acceptance(shop.office, OWNER, test.key, shop.now).state == "PASSED"
    with pytest.raises(NotNowError, match="PASSED does not take report"):
        report_checks(shop.office, OWNER, test.key, {"prints": ""}, shop.now)


def test_an_anomaly_fails_the_test_and_opens_a_case(shop):
    test = start_acceptance(shop.office, OPERATOR, SERIAL, shop.now)
    report_checks(shop.office, OPERATOR, test.key, all_checks(shop, prints="faint"), shop.now)
    failed = finish_acceptance(shop.office, OPERATOR, test.key, shop.now)
    assert (failed.state, failed.anomalies) == ("FAILED", {"prints": "faint"})
    (case,) = shop.all(Case)
    assert (case.topic, case.about) == ("device", test.key)
    assert repeat_acceptance(shop.office, OPERATOR, test.key, shop.now).checks == {}


def test_a_test_is_finished_when_every_check_was_done(shop):
    test = start_acceptance(shop.office, OWNER, SERIAL, shop.now)
    checks = all_checks(shop)
    del checks["prints"]
    report_checks(shop.office, OWNER, test.key, checks, shop.now)
    with refused("check-missing checks[prints]"):
        finish_acceptance(shop.office, OWNER, test.key, shop.now)


def test_a_check_that_the_model_has_not_is_refused(shop):
    test = start_acceptance(shop.office, OWNER, SERIAL, shop.now)
    with refused("check-unknown checks[takes-signature]"):
        report_checks(shop.office, OWNER, test.key, {"takes-signature": ""}, shop.now)


def test_a_device_is_not_tested_before_it_has_signed_on():
    shop = open_shop()
    shop.bind()
    with pytest.raises(NotNowError, match="before it has signed on"):
        start_acceptance(shop.office, OWNER, SERIAL, shop.now)


# --- visits ----------------------------------------------------------------------------------------------------------


def test_a_visit_is_booked_and_done(shop):
    visit = book_visit(shop.office, OWNER, SERIAL, shop.now + timedelta(days=1), shop.now)
    done = finish_visit(shop.office, OPERATOR, visit.key, "W. Li", "all well", shop.now)
    assert (done.state, done.due) == ("DONE", "")
    with pytest.raises(NotNowError, match="DONE"):
        cancel_visit(shop.office, OWNER, visit.key, shop.now)


def test_a_visit_that_nobody_made_is_missed_and_booked_again(shop):
    visit = book_visit(shop.office, OWNER, SERIAL, shop.now + timedelta(days=1), shop.now)
    shop.wait(days=2)
    assert shop.get(Visit, visit.key).state == "MISSED"
    again = book_again(shop.office, OWNER, visit.key, shop.now + timedelta(days=1), shop.now)
    assert again.state == "BOOKED"
    assert cancel_visit(shop.office, OWNER, visit.key, shop.now).state == "CANCELLED"


@pytest.mark.parametrize("days", [-1, 0, 5])
def test_a_visit_is_on_a_working_day_to_come(shop, days):
    with refused("visit-too-early at"):
        book_visit(shop.office, OWNER, SERIAL, shop.now + timedelta(days=days), shop.now)


def test_a_reviewer_judges_and_uses_nothing(shop):
    acts = (
        lambda: look_at_device(shop.office, REVIEWER, SERIAL, shop.now),
        lambda: report_heartbeat(shop.office, REVIEWER, SERIAL, shop.now),
        lambda: report_fault(shop.office, REVIEWER, SERIAL, "printer", shop.now),
        lambda: book_visit(shop.office, REVIEWER, SERIAL, shop.now + timedelta(days=1), shop.now),
        lambda: start_acceptance(shop.office, REVIEWER, SERIAL, shop.now),
        lambda: suspend_device(shop.office, REVIEWER, SERIAL, shop.now),
    )
    for act in acts:
        with pytest.raises(NotAllowedError):
            act()
