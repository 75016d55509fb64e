"""The interface of an office in memory, and clients of every role."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from fastapi.testclient import TestClient

from posterm.api.application import create_application
from posterm.api.rate_limit import RateLimit
from posterm.merchant import Office, Role
from posterm.merchant.access import new_token
from posterm.merchant.operations import OPERATIONS, SHELVES
from posterm.runtime.office_assembly import OpenOffice
from tests.merchant.hand_office import NOW, new_office

PER_MINUTE = 1000
OF_THE_OFFICE = [row for row in OPERATIONS if row.path.startswith(("/clock", "/tokens"))]
FIRST_SHELVES = SHELVES[:2]


@dataclass
class Api:
    """An interface with a clock that stands still until it is set."""

    office: Office = field(default_factory=new_office)
    per_minute: int = PER_MINUTE
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.open = OpenOffice(self.office, lambda: NOW)
        limit = RateLimit(self.per_minute, lambda: self.seconds)
        self.application = create_application(self.open, limit, operations=OF_THE_OFFICE, shelves=FIRST_SHELVES)

    def client(self, token: str = "", **headers: str) -> TestClient:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return TestClient(self.application, headers=headers, base_url="http://posterm.test/v1")

    def token(self, role: Role, subject: str = "") -> str:
        return new_token(self.office, role, subject, self.open.now).token

    def role(self, role: Role, subject: str = "", **headers: str) -> TestClient:
        return self.client(self.token(role, subject), **headers)


@pytest.fixture
def api() -> Api:
    return Api()
