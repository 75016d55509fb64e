"""Webhooks: made with the news, signed, repeated until taken, and told apart by their identifier."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from posterm.merchant import NotFoundError, NotNowError, RefusedError
from posterm.merchant.actor import Actor, Role
from posterm.merchant.cases import CaseTopic, open_case, take_case
from posterm.merchant.webhooks import (
    BACK_OFF,
    MOST_WEBHOOKS,
    Delivery,
    deliveries_due,
    deliveries_of,
    note_answer,
    register_webhook,
    request_for,
    retry_delivery,
    stop_webhook,
    verify_signature,
    webhooks_of,
)
from tests.merchant.hand_office import NOW

ANN, BOB = Actor(Role.MERCHANT, "A00000001"), Actor(Role.MERCHANT, "A00000002")
URL = "https://shop.example/posterm"
SENT = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)


@pytest.fixture
def registered(office):
    return register_webhook(office, ANN, ANN.subject, URL, NOW, topics=("case",))


@pytest.fixture
def delivery(office, registered) -> Delivery:
    open_case(office, ANN, ANN.subject, CaseTopic.OTHER, "hello", NOW)
    (made,) = deliveries_due(office, NOW)
    return made


def test_news_is_delivered_to_its_own_merchant_only(office, delivery):
    open_case(office, BOB, BOB.subject, CaseTopic.OTHER, "hello", NOW)
    assert deliveries_due(office, NOW) == [delivery]
    told = json.loads(delivery.body)
    assert (told["topic"], told["after"], told["delivery"]) == ("case.open", "OPEN", delivery.key)


def test_a_webhook_gets_the_topics_it_asked_for(office):
    register_webhook(office, ANN, ANN.subject, URL, NOW, topics=("case.take",))
    case = open_case(office, ANN, ANN.subject, CaseTopic.OTHER, "hello", NOW)
    take_case(office, Actor(Role.OPERATOR), case.key, NOW)
    assert [json.loads(each.body)["topic"] for each in deliveries_due(office, NOW)] == ["case.take"]


def test_a_delivery_is_signed_so_that_only_the_right_secret_fits(office, registered, delivery):
    request = request_for(office, delivery, SENT)
    header = request.headers["Posterm-Signature"]
    assert verify_signature(registered.secret, header, request.body, SENT)
    assert not verify_signature("00" * 32, header, request.body, SENT)
    assert not verify_signature(registered.secret, header, request.body + b" ", SENT)
    assert not verify_signature(registered.secret, header, request.body, SENT + timedelta(minutes=6))


@pytest.mark.parametrize("header", ["", "t=,v1=", "v1=00", "t=x,v1=00", "t=99999999999999999,v1=0", "nonsense"])
def test_a_header_that_says_nothing_is_no_signature(header):
    assert not verify_signature("00" * 32, header, b"", SENT)


def test_a_delivery_is_repeated_with_longer_and_longer_pauses_and_given_up(office, delivery):
    now = NOW
    for pause in BACK_OFF:
        (due,) = deliveries_due(office, now)
        assert due.key == delivery.key
        failed = note_answer(office, due.key, 500, now)
        assert failed.next_at == (now + pause).isoformat()
        assert deliveries_due(office, now) == []
        now += pause
    assert note_answer(office, delivery.key, 0, now).state == "FAILED"
    assert deliveries_due(office, now + timedelta(days=9)) == []
    retried = retry_delivery(office, ANN, delivery.key, now)
    assert (deliveries_due(office, now), retried.attempts) == ([retried], 0)


def test_what_was_taken_is_not_sent_again(office, delivery):
    assert note_answer(office, delivery.key, 204, NOW).state == "DELIVERED"
    assert deliveries_due(office, NOW + timedelta(days=9)) == []
    assert note_answer(office, delivery.key, 500, NOW).state == "DELIVERED"
    with pytest.raises(NotNowError):
        retry_delivery(office, ANN, delivery.key, NOW)


def test_a_stopped_webhook_gets_nothing_more(office, registered, delivery):
    stop_webhook(office, ANN, registered.webhook.key, NOW)
    open_case(office, ANN, ANN.subject, CaseTopic.OTHER, "again", NOW)
    assert deliveries_due(office, NOW) == []
    assert [each.state for each in deliveries_of(office, ANN, ANN.subject)] == ["FAILED"]


def test_the_secret_is_shown_once_and_sealed_when_kept(office, registered):
    (kept,) = webhooks_of(office, ANN, ANN.subject)
    assert registered.secret not in kept.model_dump_json()
    assert registered.secret not in office.store.document("webhook", kept.key).body
    assert kept.secret.reveal() == registered.secret


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "https://",
        "https://user@shop.example/",
        "ftp://x",
        "",
        "https://[",
        "https://a b/",
        "https://shop.example:99999/",
        "https://shop.example/" + "x" * 500,
    ],
)
def test_an_address_that_cannot_be_is_refused(office, url):
    with pytest.raises(RefusedError) as refused:
        register_webhook(office, ANN, ANN.subject, url, NOW, topics=("case", "a.b.c", "x y"))
    assert [(each.code, each.path) for each in refused.value.problems] == [
        ("webhook-url", "url"),
        ("webhook-topics", "topics[1]"),
        ("webhook-topics", "topics[2]"),
    ]


def test_a_merchant_has_so_many_webhooks_and_no_more(office):
    for _ in range(MOST_WEBHOOKS):
        register_webhook(office, ANN, ANN.subject, URL, NOW)
    with pytest.raises(RefusedError) as refused:
        register_webhook(office, ANN, ANN.subject, URL, NOW)
    assert [each.code for each in refused.value.problems] == ["too-many-webhooks"]


def test_nobody_touches_another_merchants_webhooks(office, registered, delivery):
    with pytest.raises(NotFoundError):
        register_webhook(office, BOB, ANN.subject, URL, NOW)
    with pytest.raises(NotFoundError):
        stop_webhook(office, BOB, registered.webhook.key, NOW)
    with pytest.raises(NotFoundError):
        webhooks_of(office, BOB, ANN.subject)
    with pytest.raises(NotFoundError):
        retry_delivery(office, BOB, delivery.key, NOW)
