"""Sending webhooks: over TLS to servers that show who they are, never to an inner network, and again until taken."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from posterm.merchant import Actor, Role
from posterm.merchant.cases import CaseTopic, open_case
from posterm.merchant.webhooks import Request, deliveries_of, register_webhook, verify_signature
from posterm.runtime.office_assembly import OpenOffice
from posterm.runtime.webhook_sender import poster, send_due
from tests.merchant.hand_office import NOW, new_office
from tests.runtime.link_ends import Authority

ANN = Actor(Role.MERCHANT, "A00000001")
SENT = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)


class Shop:
    """A merchant's server. It answers with `status` and keeps what came."""

    def __init__(self, folder: Path) -> None:
        self.status, self.headers, self.bodies = 204, [], []
        authority = Authority(folder, "authority")
        identity = authority.issue("shop")
        self.trusts = ssl.create_default_context(cafile=str(authority.file))
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(identity.certificate, identity.key)
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                shop.headers.append(dict(self.headers))
                shop.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(shop.status)
                self.send_header("Location", "https://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A sender that does not trust the server ends the connection: not the server's business."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.socket = own.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_port}/hook?of=ann"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def request(self) -> Request:
        return Request(url=self.url, headers={"Posterm-Attempt": "1"}, body=b"{}")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.server.shutdown()
    shop.server.server_close()


def test_a_delivery_arrives_signed_and_is_sent_once(shop):
    office = new_office()
    opened = OpenOffice(office, lambda: NOW)
    secret = register_webhook(office, ANN, ANN.subject, shop.url, NOW, topics=("case",)).secret
    open_case(office, ANN, ANN.subject, CaseTopic.OTHER, "hello", NOW)
    post = poster(context=shop.trusts, private=True)
    assert send_due(opened, post, time_of_day=lambda: SENT) == 1
    assert send_due(opened, post, time_of_day=lambda: SENT) == 0
    assert verify_signature(secret, shop.headers[0]["Posterm-Signature"], shop.bodies[0], SENT)
    assert [each.state for each in deliveries_of(office, ANN, ANN.subject)] == ["DELIVERED"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_is_not_taken_is_sent_again_under_the_same_number(shop, status):
    office, now = new_office(), [NOW]
    opened = OpenOffice(office, lambda: now[0])
    register_webhook(office, ANN, ANN.subject, shop.url, NOW, topics=("case",))
    open_case(office, ANN, ANN.subject, CaseTopic.OTHER, "hello", NOW)
    post = poster(context=shop.trusts, private=True)
    shop.status = status
    send_due(opened, post)
    assert send_due(opened, post) == 0
    now[0] += timedelta(minutes=1)
    shop.status = 200
    assert send_due(opened, post) == 1
    assert len({headers["Posterm-Delivery"] for headers in shop.headers}) == 1
    assert [headers["Posterm-Attempt"] for headers in shop.headers] == ["1", "2"]


def test_an_address_inside_is_not_asked(shop):
    assert poster(context=shop.trusts)(shop.request) == 0
    assert shop.bodies == []


def test_a_server_with_a_strange_certificate_gets_nothing(shop):
    assert poster(private=True)(shop.request) == 0
    assert shop.bodies == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://", "https://127.0.0.1:1/", "https://no-such-name.invalid/"]
)
def test_where_nobody_answers_there_is_no_status(url):
    assert poster(private=True)(Request(url=url, headers={}, body=b"")) == 0
