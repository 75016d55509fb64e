"""Tokens act in their role until they end; the store does not hold them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from posterm.merchant import MerchantError, NotAllowedError, NotNowError
from posterm.merchant.access import actor_with, issue_token, new_token, revoke_token
from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.errors import NotFoundError, UnknownTokenError
from tests.merchant.hand_office import NOW

OPERATOR = Actor(Role.OPERATOR)
ANN, BOB = Actor(Role.MERCHANT, "ann"), Actor(Role.MERCHANT, "bob")


def test_a_token_acts_in_its_role(office):
    issued = issue_token(office, OPERATOR, Role.MERCHANT, NOW, subject="ann")
    assert actor_with(office, issued.token, NOW) == (ANN, issued.name)
    reviewer = issue_token(office, SYSTEM, Role.REVIEWER, NOW)
    assert actor_with(office, reviewer.token, NOW)[0] == Actor(Role.REVIEWER)


def test_the_store_holds_no_token(office):
    issued = issue_token(office, OPERATOR, Role.REVIEWER, NOW)
    record = office.store.document("access-token", issued.name)
    assert issued.token not in repr(record)
    assert issued.token.removeprefix("posterm_") not in repr(record)


def test_a_token_ends_by_itself_when_its_time_is_over(office):
    issued = issue_token(office, OPERATOR, Role.REVIEWER, NOW, hours=2)
    later = NOW + timedelta(hours=2)
    with pytest.raises(UnknownTokenError):
        actor_with(office, issued.token, later)


def test_a_revoked_token_acts_no_more(office):
    issued = new_token(office, Role.MERCHANT, "ann", NOW)
    with pytest.raises(NotFoundError):
        revoke_token(office, BOB, issued.name, NOW)
    assert revoke_token(office, ANN, issued.name, NOW).state == "REVOKED"
    with pytest.raises(UnknownTokenError):
        actor_with(office, issued.token, NOW)
    with pytest.raises(NotNowError):
        revoke_token(office, OPERATOR, issued.name, NOW)


@pytest.mark.parametrize("text", ["", "posterm_", "posterm_" + "0" * 64, "张"])
def test_what_is_no_token_is_unknown(office, text):
    with pytest.raises(UnknownTokenError):
        actor_with(office, text, NOW)


@pytest.mark.parametrize("actor", [ANN, Actor(Role.REVIEWER)])
def test_only_an_operator_gives_out_tokens(office, actor):
    with pytest.raises(NotAllowedError):
        issue_token(office, actor, Role.OPERATOR, NOW)


@pytest.mark.parametrize(("role", "subject"), [(Role.SYSTEM, ""), (Role.MERCHANT, ""), (Role.REVIEWER, "ann")])
def test_a_token_for_nobody_is_refused(office, role, subject):
    with pytest.raises(MerchantError):
        issue_token(office, OPERATOR, role, NOW, subject=subject)


@pytest.mark.parametrize("hours", [0, 8761])
def test_a_token_is_good_for_an_hour_to_a_year(office, hours):
    with pytest.raises(MerchantError):
        issue_token(office, OPERATOR, Role.REVIEWER, NOW, hours=hours)
