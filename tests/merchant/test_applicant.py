"""Accounts: a code to the mobile, a password by the rule, locked after wrong ones, open again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from posterm.merchant import Actor, NotFoundError, NotNowError, Role
from posterm.merchant.actor import VISITOR
from posterm.merchant.applicant import (
    Applicant,
    choose_device,
    choose_language,
    close_account,
    log_in,
    need_active,
    register,
    reset_password,
    send_code,
    verify,
)
from posterm.merchant.application import drop_application, start_application
from posterm.merchant.calendar import advance
from posterm.merchant.eligibility import ApplicantType, ModelName
from posterm.merchant.news import News
from posterm.merchant.password import hash_password, is_password, password_problems
from posterm.merchant.problem import Language
from tests.merchant.hand_applicant import MOBILE, PASSWORD, new_applicant, refused_with
from tests.merchant.hand_office import NOW, new_office

WRONG = "Xyz-99999"


def sent_code(office) -> str:
    return [news.details["code"] for news in office.cabinet.find(News) if news.topic == "applicant.send-code"][-1]


def test_an_account_is_registered_verified_and_logged_into(office):
    actor, applicant = new_applicant(office)
    assert applicant.state == "ACTIVE"
    assert log_in(office, VISITOR, MOBILE, PASSWORD, NOW) == applicant
    assert need_active(office, actor, applicant.key) == applicant


def test_the_code_is_in_the_news_of_the_account(office):
    applicant = register(office, VISITOR, MOBILE, NOW)
    assert verify(office, VISITOR, MOBILE, sent_code(office), PASSWORD, NOW).key == applicant.key


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("Ab-1234", "password-too-short"),
        ("Ab-1" * 17, "password-too-long"),
        ("1234-6789", "password-needs-letter"),
        ("Abc-defgh", "password-needs-digit"),
        ("Abc 12345", "password-needs-symbol"),
    ],
)
def test_a_password_that_breaks_the_rule_is_refused(office, password, code):
    applicant = register(office, VISITOR, MOBILE, NOW)
    with refused_with(code):
        verify(office, VISITOR, MOBILE, applicant.code.reveal(), password, NOW)


def test_everything_wrong_with_a_password_is_said_at_once():
    assert [each.code for each in password_problems("")] == [
        "password-too-short",
        "password-needs-letter",
        "password-needs-digit",
        "password-needs-symbol",
    ]


def test_a_wrong_code_is_refused_and_counted(office):
    applicant = register(office, VISITOR, MOBILE, NOW)
    wrong = f"{(int(applicant.code.reveal()) + 1) % 1_000_000:06d}"
    for _ in range(office.terms.verification_tries):
        with refused_with("code-wrong"):
            verify(office, VISITOR, MOBILE, wrong, PASSWORD, NOW)
    with refused_with("code-expired"):
        verify(office, VISITOR, MOBILE, applicant.code.reveal(), PASSWORD, NOW)


def test_a_code_is_good_for_some_minutes_and_a_new_one_may_be_asked(office):
    applicant = register(office, VISITOR, MOBILE, NOW)
    late = NOW + timedelta(minutes=6)
    with refused_with("code-expired"):
        verify(office, VISITOR, MOBILE, applicant.code.reveal(), PASSWORD, late)
    send_code(office, VISITOR, MOBILE, late)
    assert verify(office, VISITOR, MOBILE, sent_code(office), PASSWORD, late).state == "ACTIVE"


def test_a_code_is_used_once(office):
    _, applicant = new_applicant(office)
    assert not applicant.code
    with refused_with("code-wrong"):
        reset_password(office, VISITOR, MOBILE, sent_code(office), PASSWORD, NOW)


def test_an_account_is_verified_once(office):
    new_applicant(office)
    send_code(office, VISITOR, MOBILE, NOW)
    with pytest.raises(NotNowError, match="ACTIVE does not take verify"):
        verify(office, VISITOR, MOBILE, sent_code(office), PASSWORD, NOW)


def test_asking_for_a_code_does_not_tell_who_has_an_account(office):
    assert send_code(office, VISITOR, MOBILE, NOW) is None
    assert office.cabinet.find(News) == []


@pytest.mark.parametrize(
    ("mobile", "code"),
    [("12800138000", "mobile-malformed"), ("1380013800", "mobile-malformed"), (MOBILE, "mobile-registered")],
)
def test_a_mobile_that_cannot_be_registered_is_refused(office, mobile, code):
    register(office, VISITOR, MOBILE, NOW)
    with refused_with(code):
        register(office, VISITOR, mobile, NOW)


def test_a_registration_that_is_not_verified_lapses_and_frees_the_mobile(office):
    first = register(office, VISITOR, MOBILE, NOW)
    advance(office, NOW + timedelta(days=8))
    assert office.cabinet.need(Applicant, first.key).state == "LAPSED"
    assert register(office, VISITOR, MOBILE, NOW).key != first.key


def test_an_unknown_mobile_and_a_wrong_password_are_not_told_apart(office):
    new_applicant(office)
    for mobile, password in ((MOBILE, WRONG), ("13900000001", PASSWORD), ("x", PASSWORD)):
        with refused_with("login-failed"):
            log_in(office, VISITOR, mobile, password, NOW)


def test_wrong_passwords_lock_the_account_for_a_while(office):
    actor, applicant = new_applicant(office)
    for _ in range(office.terms.login_tries):
        with refused_with("login-failed"):
            log_in(office, VISITOR, MOBILE, WRONG, NOW)
    with refused_with("account-locked"):
        log_in(office, VISITOR, MOBILE, PASSWORD, NOW)
    with refused_with("account-locked"):
        need_active(office, actor, applicant.key)
    advance(office, NOW + timedelta(minutes=31))
    assert log_in(office, VISITOR, MOBILE, PASSWORD, NOW).state == "ACTIVE"


def test_a_right_password_forgives_the_wrong_ones_before(office):
    new_applicant(office)
    with refused_with("login-failed"):
        log_in(office, VISITOR, MOBILE, WRONG, NOW)
    assert log_in(office, VISITOR, MOBILE, PASSWORD, NOW).wrong_passwords == 0


def test_a_new_password_opens_a_locked_account(office):
    new_applicant(office)
    for _ in range(office.terms.login_tries):
        with refused_with("login-failed"):
            log_in(office, VISITOR, MOBILE, WRONG, NOW)
    send_code(office, VISITOR, MOBILE, NOW)
    assert reset_password(office, VISITOR, MOBILE, sent_code(office), WRONG, NOW).state == "ACTIVE"
    assert log_in(office, VISITOR, MOBILE, WRONG, NOW)
    with refused_with("login-failed"):
        log_in(office, VISITOR, MOBILE, PASSWORD, NOW)


def test_nothing_begins_before_the_mobile_is_verified(office):
    applicant = register(office, VISITOR, MOBILE, NOW)
    with refused_with("account-not-active"):
        start_application(office, Actor(Role.MERCHANT, applicant.key), applicant.key, ApplicantType.MICRO, NOW)


def test_device_and_language_are_chosen(office):
    actor, applicant = new_applicant(office)
    choose_device(office, actor, applicant.key, ModelName.SMART, NOW)
    chosen = choose_language(office, actor, applicant.key, Language.ENGLISH, NOW)
    assert (chosen.device_model, chosen.language) == (ModelName.SMART, Language.ENGLISH)
    application = start_application(office, actor, applicant.key, ApplicantType.MICRO, NOW)
    assert application.form.device_model is ModelName.SMART


def test_another_account_is_not_found(office):
    _, applicant = new_applicant(office)
    with pytest.raises(NotFoundError):
        choose_device(office, Actor(Role.MERCHANT, "A00000099"), applicant.key, ModelName.SMART, NOW)


def test_an_account_without_a_merchant_is_closed_and_frees_the_mobile(office):
    actor, applicant = new_applicant(office)
    application = start_application(office, actor, applicant.key, ApplicantType.MICRO, NOW)
    with refused_with("merchant-open"):
        close_account(office, actor, applicant.key, NOW)
    drop_application(office, actor, application.key, NOW)
    closed = close_account(office, actor, applicant.key, NOW)
    assert (closed.state, bool(closed.password)) == ("CLOSED", False)
    assert register(office, VISITOR, MOBILE, NOW).key != applicant.key


def test_neither_mobile_nor_password_is_shown_or_kept_in_the_clear(office):
    _, applicant = new_applicant(office)
    kept = office.store.document("applicant", applicant.key).body
    for text in (kept, applicant.model_dump_json(), repr(applicant)):
        assert MOBILE not in text
        assert "scrypt" not in text
        assert PASSWORD not in text


def test_a_password_is_known_by_its_hash_alone():
    kept = hash_password(PASSWORD, bytes(16), 4)
    assert is_password(PASSWORD, kept)
    assert not is_password(WRONG, kept)
    assert not is_password(PASSWORD, "")
    assert not is_password("x" * 65, kept)
    assert kept != hash_password(PASSWORD, bytes(range(16)), 4)


def test_the_same_seed_sends_the_same_codes():
    first, second = (register(new_office(), VISITOR, MOBILE, NOW).code for _ in range(2))
    assert first == second
