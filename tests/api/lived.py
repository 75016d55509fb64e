"""An interface over an office in which two merchants have lived: an account, papers, a contract, a device, a case."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from fastapi import FastAPI
from fastapi.testclient import TestClient

from posterm.api.application import create_application
from posterm.api.rate_limit import RateLimit
from posterm.merchant import Actor, Role
from posterm.merchant.access import new_token
from posterm.merchant.cases import CaseTopic, open_case
from posterm.merchant.operations import SHELVES
from posterm.merchant.webhooks import register_webhook
from posterm.runtime.office_assembly import OpenOffice
from simulators.cards import find_card
from simulators.lives.life import Life
from simulators.lives.paperwork import Person
from simulators.lives.town import Town

BASE = "http://posterm.test/v1"


@dataclass
class Lived:
    """Two merchants and an interface. Time stands still once they have lived."""

    town: Town = field(default_factory=lambda: Town(1))
    lives: list[Life] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lives = [self._live(number) for number in (1, 2)]

    @cached_property
    def open(self) -> OpenOffice:
        return OpenOffice(self.town.office, lambda: self.town.now)

    @cached_property
    def application(self) -> FastAPI:
        return create_application(self.open, RateLimit(1_000_000, lambda: 0.0))

    def token(self, role: Role, number: int = 0) -> str:
        subject = self.lives[number - 1].account if number else ""
        return new_token(self.town.office, role, subject, self.town.now, hours=8760).token

    def client(self, role: Role | None = None, number: int = 0) -> TestClient:
        headers = {"Authorization": f"Bearer {self.token(role, number)}"} if role is not None else {}
        return TestClient(self.application, headers=headers, base_url=BASE, raise_server_exceptions=False)

    def kept_of(self, number: int) -> dict[str, str]:
        """All documents of a merchant as they stand, by kind and key."""
        subject = self.lives[number - 1].account
        records = [
            record
            for shelf in SHELVES
            for record in self.town.store.documents(shelf.document.kind, subject=subject)
            if shelf.document.kind != "access-token"
        ]
        return {f"{record.kind}/{record.key}": repr(record) for record in records}

    def _live(self, number: int) -> Life:
        life, town = Life(self.town, Person(number)), self.town
        life.open_account()
        life.draft()
        life.submit()
        town.wait(days=3)
        life.sign()
        life.bind(life.ship())
        life.show_face()
        life.take_into_use()
        card = find_card("debit")
        assert card is not None
        if number == 1:
            town.host.enrol_card(card.pan, card.pin, balance=100_000_000, at=town.now)
        assert life.counter is not None
        assert life.counter.sell(10_000, card).code == "00"
        life.look()
        owner = Actor(Role.MERCHANT, life.account)
        open_case(town.office, owner, life.account, CaseTopic.FEE, "why", town.now)
        register_webhook(town.office, owner, life.account, "https://shop.example/news", town.now)
        town.wait(days=2)
        return life
