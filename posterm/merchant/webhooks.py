"""Webhooks: news sent to a merchant's own server, signed, repeated until it is taken, and the same each time.

A delivery is made in the transaction in which the news is told, so nothing that happened is left out. It is sent at
least once: a receiver knows a repeat by its identifier. The signature is over the moment of sending and the body, so
that an old one cannot be replayed:

    Posterm-Delivery: D0000000012
    Posterm-Signature: t=1780308000,v1=<hexadecimal HMAC-SHA256 of "1780308000." and the body>

Source: HMAC, RFC 2104; the form of the header as webhook senders commonly have it. This module makes deliveries and
keeps their state; who sends them is in the runtime.
"""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, HttpUrl, ValidationError

from posterm.merchant.actor import Actor, Role
from posterm.merchant.document import Document
from posterm.merchant.errors import RefusedError
from posterm.merchant.machines import DELIVERY
from posterm.merchant.news import LISTENERS, News
from posterm.merchant.office import Office
from posterm.merchant.personal import Secret
from posterm.merchant.problem import Problem
from posterm.merchant.service_problems import SERVICE_PROBLEMS

SECRET_BYTES: Final = 32
MOST_WEBHOOKS: Final = 10
LONGEST_URL: Final = 500
BACK_OFF: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 1440))
"""How long after each failure the next try comes; after the last of them a delivery is given up."""

SIGNATURE_TOLERANCE: Final = timedelta(minutes=5)
"""How old a signature may be for a receiver that checks it with `verify_signature`."""


class Webhook(Document):
    """Where a merchant wants its news. `topics` are kinds of documents or `kind.event`; empty for all."""

    kind: ClassVar[str] = "webhook"

    url: str
    topics: tuple[str, ...] = ()
    secret: Secret
    since: str


class Delivery(Document):
    """A piece of news on its way to one webhook. `next_at` is when it is tried next."""

    kind: ClassVar[str] = "delivery"

    webhook: str
    news: str
    body: str
    made_at: str
    next_at: str
    attempts: int = 0
    last_status: int = 0
    """What the receiver's server answered; 0 when it did not."""


class RegisteredWebhook(BaseModel):
    """A new webhook, with the secret that signs its deliveries, 64 hexadecimal characters: shown this once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    webhook: Webhook
    secret: str


class Request(BaseModel):
    """What is to be sent: a POST."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    headers: dict[str, str]
    body: bytes


def register_webhook(
    office: Office, actor: Actor, subject: str, url: str, now: datetime, *, topics: tuple[str, ...] = ()
) -> RegisteredWebhook:
    """Ask for a merchant's news at an address.

    Raises: NotFoundError: another merchant's account. RefusedError: with every problem.
    """
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    actor.must_own(subject, "account")
    problems = list(_problems(url, topics))
    if len(office.cabinet.find(Webhook, subject=subject)) >= MOST_WEBHOOKS:
        problems.append(SERVICE_PROBLEMS["too-many-webhooks"].at())
    if problems:
        raise RefusedError(problems)
    secret = office.entropy(SECRET_BYTES).hex()
    with office.all_or_nothing():
        webhook = Webhook(
            key=f"W{office.cabinet.next_number('webhook'):08d}",
            subject=subject,
            state="ON",
            url=url,
            topics=topics,
            secret=Secret(secret),
            since=now.isoformat(),
        )
        office.cabinet.put(webhook)
        office.tell(webhook, "register", now, after=webhook.state)
    return RegisteredWebhook(webhook=webhook, secret=secret)


def stop_webhook(office: Office, actor: Actor, key: str, now: datetime) -> Webhook:
    """Send nothing to a webhook any more; what is still on its way is given up. Raises: NotFoundError."""
    webhook = office.cabinet.need(Webhook, key)
    actor.must_own(webhook.subject, "webhook")
    with office.all_or_nothing():
        for delivery in office.cabinet.find(Delivery, subject=webhook.subject, state="PENDING"):
            if delivery.webhook == key:
                _put(office, delivery, "give-up")
        stopped = office.cabinet.put(webhook.model_copy(update={"state": "OFF"}))
        office.tell(stopped, "stop", now, before=webhook.state, after=stopped.state)
    return stopped


def webhooks_of(office: Office, actor: Actor, subject: str) -> list[Webhook]:
    """A merchant's webhooks. Raises: NotFoundError: another's."""
    actor.must_own(subject, "account")
    return office.cabinet.find(Webhook, subject=subject)


def deliveries_of(office: Office, actor: Actor, subject: str, *, state: str | None = None) -> list[Delivery]:
    """Deliveries to a merchant's webhooks. Raises: NotFoundError: another's."""
    actor.must_own(subject, "account")
    return office.cabinet.find(Delivery, subject=subject, state=state)


def deliveries_due(office: Office, now: datetime, most: int = 64) -> list[Delivery]:
    """What is to be sent now, the longest waiting first."""
    waiting = [each for each in office.cabinet.find(Delivery, state="PENDING") if each.next_at <= now.isoformat()]
    return sorted(waiting, key=lambda each: (each.next_at, each.key))[:most]


def request_for(office: Office, delivery: Delivery, sent_at: datetime) -> Request:
    """The signed request of a delivery. `sent_at` is the time of day in UTC."""
    webhook = office.cabinet.need(Webhook, delivery.webhook)
    body = delivery.body.encode()
    moment = int(sent_at.timestamp())
    headers = {
        "Content-Type": "application/json",
        "Posterm-Delivery": delivery.key,
        "Posterm-Attempt": str(delivery.attempts + 1),
        "Posterm-Signature": f"t={moment},v1={_signature(webhook.secret.reveal(), moment, body)}",
    }
    return Request(url=webhook.url, headers=headers, body=body)


def note_answer(office: Office, key: str, status: int, now: datetime) -> Delivery:
    """What came of sending a delivery: `status` is the HTTP status, 0 for no answer. 2xx is taken, all else is tried
    again later, and given up in the end."""
    with office.all_or_nothing():
        delivery = office.cabinet.need(Delivery, key)
        if delivery.state != "PENDING":
            return delivery
        tried = delivery.model_copy(update={"attempts": delivery.attempts + 1, "last_status": status})
        if 200 <= status < 300:
            return _put(office, tried, "deliver")
        if tried.attempts > len(BACK_OFF):
            return _put(office, tried, "give-up")
        return _put(office, tried, "fail", next_at=(now + BACK_OFF[tried.attempts - 1]).isoformat())


def retry_delivery(office: Office, actor: Actor, key: str, now: datetime) -> Delivery:
    """Send once more what was given up. Raises: NotFoundError; NotNowError: it was not given up."""
    delivery = office.cabinet.need(Delivery, key)
    actor.must_own(delivery.subject, "delivery")
    with office.all_or_nothing():
        return _put(office, delivery, "retry", attempts=0, next_at=now.isoformat())


def verify_signature(secret: str, header: str, body: bytes, received_at: datetime) -> bool:
    """What a receiver does with the header: True when the body came from whoever knows the secret, just now."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    moment = parts.get("t", "")
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 12):
        return False
    if abs(received_at - datetime.fromtimestamp(int(moment), UTC)) > SIGNATURE_TOLERANCE:
        return False
    return hmac.compare_digest(_signature(secret, int(moment), body), parts.get("v1", ""))


def _signature(secret: str, moment: int, body: bytes) -> str:
    return hmac.digest(bytes.fromhex(secret), f"{moment}.".encode() + body, "sha256").hex()


def _put(office: Office, delivery: Delivery, event: str, **changes: object) -> Delivery:
    """A delivery's own states are no news: they would be delivered, too."""
    after = DELIVERY.after(delivery.state, event)
    return office.cabinet.put(delivery.model_copy(update={**changes, "state": after}))


def _problems(url: str, topics: tuple[str, ...]) -> list[Problem]:
    problems = []
    try:
        parts = HttpUrl(url)
        fits = parts.scheme == "https" and "@" not in url and url.isascii() and url.isprintable() and " " not in url
    except ValidationError:
        fits = False
    if not fits or len(url) > LONGEST_URL:
        problems.append(SERVICE_PROBLEMS["webhook-url"].at("url"))
    for place, topic in enumerate(topics):
        if not topic.replace(".", "").replace("-", "").isalnum() or topic.count(".") > 1:
            problems.append(SERVICE_PROBLEMS["webhook-topics"].at(f"topics[{place}]"))
    return problems


def _deliver(office: Office, news: News, now: datetime) -> None:
    """Make a delivery of a piece of news to each webhook that wants it."""
    if not news.subject or news.topic.endswith(".send-code"):  # a code is for the person's own mobile only
        return
    for webhook in office.cabinet.find(Webhook, subject=news.subject, state="ON"):
        if webhook.topics and news.topic not in webhook.topics and news.topic.split(".")[0] not in webhook.topics:
            continue
        key = f"D{office.cabinet.next_number('delivery'):010d}"
        content = {"delivery": key, **news.model_dump(include={"at", "topic", "about", "before", "after", "details"})}
        office.cabinet.put(
            Delivery(
                key=key,
                subject=news.subject,
                state=DELIVERY.initial,
                webhook=webhook.key,
                news=news.key,
                body=json.dumps(content, ensure_ascii=False, sort_keys=True),
                made_at=now.isoformat(),
                next_at=now.isoformat(),
            )
        )


LISTENERS.append(_deliver)
