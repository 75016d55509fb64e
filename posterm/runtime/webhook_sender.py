"""Sending webhooks: what is due is posted over TLS, and what came of it goes back to the office.

An address is a merchant's own choice, so it is not trusted: only `https`, only servers with a certificate for their
name, only addresses of the public Internet, no redirects, a few seconds, and nothing of an answer but its status.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from posterm.merchant.webhooks import Request, deliveries_due, note_answer, request_for
from posterm.runtime.office_assembly import OpenOffice

TIMEOUT_S: Final = 10.0
NO_ANSWER: Final = 0

Post = Callable[[Request], int]
"""Posts a request. Returns: the HTTP status, 0 when no answer came."""


def send_due(opened: OpenOffice, post: Post, *, time_of_day: Callable[[], datetime] | None = None) -> int:
    """Send every delivery that is due, once. Returns: how many were tried.

    What was sent and is not noted, because the power went, is sent again under the same number.
    """
    true_time = time_of_day or (lambda: datetime.now(UTC))
    due = opened.work(lambda now: deliveries_due(opened.office, now))
    for delivery in due:
        status = post(request_for(opened.office, delivery, true_time()))
        opened.work(lambda now, key=delivery.key, status=status: note_answer(opened.office, key, status, now))  # type: ignore[misc]
    return len(due)


def poster(*, context: ssl.SSLContext | None = None, private: bool = False) -> Post:
    """What posts over TLS.

    Args:
        context: whom to trust; the system's authorities when left out.
        private: allow addresses that are not of the public Internet, for rehearsals.
    """
    trusted = context or ssl.create_default_context()

    def post(request: Request) -> int:
        address = urlsplit(request.url)
        if address.scheme != "https" or address.hostname is None:
            return NO_ANSWER
        connection = _Connection(address.hostname, address.port or http.client.HTTPS_PORT, trusted, private)
        path = f"{address.path or '/'}{'?' + address.query if address.query else ''}"
        try:
            connection.request("POST", path, request.body, request.headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError):
            return NO_ANSWER
        finally:
            connection.close()

    return post


class _Connection(http.client.HTTPConnection):
    """A TLS connection to the address that was looked at, and to no other."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, private: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S)
        self._trusted = context
        self._private = private

    def connect(self) -> None:
        """Raises: OSError: no such name, no public address, no connection, or a certificate that does not fit."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        address = str(found[0][4][0])
        if not self._private and not ipaddress.ip_address(address).is_global:
            raise OSError("the address is not of the public Internet")
        plain = socket.create_connection((address, self.port), timeout=TIMEOUT_S)
        try:
            self.sock = self._trusted.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
