"""Who may ask, how often, and what happens when the same is asked twice."""

from __future__ import annotations

import pytest

from posterm.merchant import Role
from posterm.merchant.office_clock import OfficeClock
from tests.api.conftest import Api

TOKEN_FOR_ANN = {"role": "merchant", "subject": "ann"}


def test_an_operator_gives_out_a_token_that_works(api):
    issued = api.role(Role.OPERATOR).post("/tokens", json=TOKEN_FOR_ANN)
    assert issued.status_code == 200
    listed = api.client(issued.json()["token"]).get("/tokens")
    assert [each["key"] for each in listed.json()["items"]] == [issued.json()["name"]]


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer", "Bearer ", "bearer"])
def test_without_a_token_nothing_is_shown(api, header):
    answer = api.client(Authorization=header).get("/news")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "token-missing"


def test_a_token_that_nobody_was_given_is_refused(api):
    answer = api.client("posterm_" + "0" * 64).get("/news")
    assert (answer.status_code, answer.json()["code"]) == (401, "token-unknown")


def test_a_role_that_may_not_ask_is_refused(api):
    answer = api.role(Role.REVIEWER).post("/clock/move", json={"span": "1d"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")
    assert api.office.cabinet.get(OfficeClock, "office") is None


def test_too_many_requests_are_put_off():
    api = Api(per_minute=2)
    client = api.role(Role.OPERATOR)
    assert [client.get("/news").status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/news").headers["Retry-After"] == "30"
    assert api.role(Role.MERCHANT, "ann").get("/news").status_code == 200
    api.seconds += 30
    assert client.get("/news").status_code == 200


def test_guessing_tokens_is_slow_for_whoever_guesses():
    api = Api(per_minute=3)
    guess = api.client("posterm_" + "1" * 64)
    assert [guess.get("/news").status_code for _ in range(5)] == [401, 401, 401, 429, 429]


def test_a_repeated_request_is_done_once(api):
    client = api.role(Role.OPERATOR, **{"Idempotency-Key": "one"})
    first = client.post("/clock/move", json={"span": "1d"})
    second = client.post("/clock/move", json={"span": "1d"})
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert api.office.cabinet.need(OfficeClock, "office").ahead_s == 86_400


def test_a_key_is_not_good_for_another_request(api):
    client = api.role(Role.OPERATOR, **{"Idempotency-Key": "one"})
    client.post("/clock/move", json={"span": "1h"})
    answer = client.post("/clock/move", json={"span": "2h"})
    assert (answer.status_code, answer.json()["code"]) == (422, "key-reused")


def test_a_token_is_never_kept_for_a_repeat(api):
    client = api.role(Role.OPERATOR, **{"Idempotency-Key": "one"})
    answers = [client.post("/tokens", json=TOKEN_FOR_ANN).json()["token"] for _ in range(2)]
    assert answers[0] != answers[1]
    assert api.office.store.documents("kept-answer") == []


def test_a_moved_clock_ends_no_token(api):
    operator = api.role(Role.OPERATOR)
    operator.post("/clock/move", json={"span": "52w"})
    assert operator.get("/news").status_code == 200
