"""Whatever is wrong with a request is said in one form and two languages, and quotes nothing of it."""

from __future__ import annotations

import pytest

from posterm.api.problems import KINDS, preferred_language
from posterm.merchant import Role


def test_a_field_that_does_not_fit_is_named(api):
    answer = api.role(Role.OPERATOR).post("/tokens", json={"role": "king", "more": 1})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {each["path"] for each in answer.json()["problems"]} == {"role", "more"}


def test_the_title_is_in_the_language_asked_for(api):
    chinese = api.client(**{"Accept-Language": "zh-CN"}).get("/news")
    english = api.client(**{"Accept-Language": "en"}).get("/news")
    assert (chinese.json()["title"], chinese.headers["content-language"]) == ("缺少访问令牌", "zh")
    assert (english.json()["title"], english.headers["content-language"]) == ("an access token is needed", "en")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("en;q=0.9, zh;q=0.8", "en"),
        ("zh-Hans;q=0.9, en;q=0.1", "zh"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=x", "en"),
        ("zh;q=٣", "en"),
    ],
)
def test_the_language_preferred_wins(header, language):
    assert preferred_language(header) == language


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("DELETE", "/news", 405), ("GET", "/news/%00", 422), ("GET", "/news/none", 404)],
)
def test_a_wrong_address_is_a_problem_document_too(api, method, path, status):
    answer = api.role(Role.OPERATOR).request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"span": "\\u0000"}', b'{"span": "\\ud800"}', b"[" * 100_000, b"\xff\xfe"]
)
def test_a_body_that_cannot_be_read_is_refused(api, body):
    answer = api.role(Role.OPERATOR).post("/clock/move", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)


def test_a_body_that_is_too_large_is_refused(api):
    answer = api.role(Role.OPERATOR).post("/clock/move", content=b" " * 24_000_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_a_fault_inside_says_nothing_of_itself(api, monkeypatch):
    monkeypatch.setattr(type(api.open), "work_at", lambda *_given: 1 / 0)
    client = api.role(Role.OPERATOR)
    client._transport.raise_server_exceptions = False
    answer = client.get("/news")
    assert (answer.status_code, answer.json()["code"]) == (500, "failed")
    assert "division" not in answer.text


def test_problem_codes_have_one_meaning():
    codes = [kind.code for _, kind in KINDS]
    assert len(set(codes)) == len(codes)
