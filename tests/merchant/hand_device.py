"""Devices for tests: a merchant under contract, and devices taken as far along their life as a test needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from posterm.hsm import KeyBlock, Pin
from posterm.merchant import Actor, Office, RefusedError, Role
from posterm.merchant import parts as parts
from posterm.merchant.binding import bind_device, identity_of, real_name
from posterm.merchant.calendar import advance
from posterm.merchant.commissioning import initialise_device, look_at_device
from posterm.merchant.device import Device, confirm_key, inject_components, take_into_stock
from posterm.merchant.device_label import label_of
from posterm.merchant.merchant import Merchant
from posterm.merchant.shipment import ShipmentEnd, end_shipment, pack_shipment, send_shipment
from tests.host.hand_terminal import PAN, PIN, HandTerminal
from tests.merchant.hand_office import NOW, new_office

SUBJECT, MERCHANT, MID = "A00000001", "M00000001", "898310058120001"
TIDS = ("10000001", "10000002")
SERIAL, OTHER_SERIAL = "00001102ABCDEF", "00001102FEDCBA"
SHOP, NEXT_DOOR, BEIJING = "31.230400,121.473700", "31.231000,121.474000", "39.904200,116.407400"
IDENTITY, PASSWORD = "110105194912310021", "135790"
COMPONENTS = (bytes(range(16)), bytes(range(100, 116)))
OPERATOR, REVIEWER, OWNER = Actor(Role.OPERATOR), Actor(Role.REVIEWER), Actor(Role.MERCHANT, SUBJECT)
STRANGER = Actor(Role.MERCHANT, "A00000099")
PNG = b"\x89PNG\r\n\x1a\n and so on"


@dataclass
class Shop:
    """An office, its one merchant, and the time."""

    office: Office
    now: datetime = NOW
    terminals: dict[str, HandTerminal] = field(default_factory=dict)

    def wait(self, **span: float) -> None:
        """Let time pass, with all that is due."""
        self.now += timedelta(**span)
        for terminal in self.terminals.values():
            terminal.now = self.now
        advance(self.office, self.now)

    def settle(self, serial: str = SERIAL) -> None:
        """Let a device's terminal settle its batch and begin the next."""
        terminal = self.terminals[serial]
        assert terminal.settle(self.office.host.totals(terminal.terminal_id, terminal.batch)).code == "00"
        assert terminal.end(0).code == "00"
        terminal.batch = self.office.store.terminal(terminal.terminal_id).batch

    def device(self, serial: str = SERIAL) -> Device:
        return self.office.cabinet.need(Device, serial)

    def get(self, kind, key: str):
        return self.office.cabinet.need(kind, key)

    def all(self, kind):
        return self.office.cabinet.find(kind)

    @property
    def merchant(self) -> Merchant:
        return self.office.cabinet.need(Merchant, MERCHANT)

    def balance(self, account: str) -> int:
        return self.office.ledger.account(account).balance

    # --- the way of a device ---------------------------------------------------------------------------------------

    def stock(self, serial: str = SERIAL, model: str = "smart") -> Device:
        take_into_stock(self.office, OPERATOR, serial, model, self.now)
        device = inject_components(self.office, OPERATOR, serial, COMPONENTS, self.now)
        return confirm_key(self.office, OPERATOR, serial, device.kcv, self.now)

    def deliver(self, serial: str = SERIAL) -> str:
        """Returns: the label on the back."""
        self.stock(serial)
        label = label_of(self.office, OPERATOR, serial)
        packed = pack_shipment(self.office, OPERATOR, MERCHANT, [serial], self.now)
        send_shipment(self.office, OPERATOR, packed.key, "SF100000000001", self.now)
        end_shipment(self.office, OPERATOR, packed.key, ShipmentEnd.DELIVERED, self.now)
        return label

    def bind(self, serial: str = SERIAL) -> Device:
        label = self.deliver(serial)
        return bind_device(self.office, OWNER, label, SHOP, self.now, tusn=serial)

    def name(self, serial: str = SERIAL) -> Device:
        return real_name(self.office, OWNER, serial, IDENTITY, PNG, PASSWORD, self.now)

    def initialise(self, serial: str = SERIAL) -> Device:
        self.bind(serial)
        self.name(serial)
        return initialise_device(self.office, OWNER, serial, PASSWORD, self.now)

    def sign_on(self, serial: str = SERIAL) -> HandTerminal:
        device = self.device(serial)
        office = self.office
        terminal = HandTerminal(
            office.host, office.hsm, KeyBlock(device.tmk.reveal()), terminal_id=device.terminal_id, now=self.now
        )
        terminal.next_stan = 1 + 100 * len(self.terminals)
        assert terminal.sign_on().code == "00"
        self.terminals[serial] = terminal
        return terminal

    def look(self, serial: str = SERIAL) -> Device:
        return look_at_device(self.office, OWNER, serial, self.now)

    def ready(self, serial: str = SERIAL) -> HandTerminal:
        self.initialise(serial)
        terminal = self.sign_on(serial)
        self.look(serial)
        return terminal

    def activate(self, serial: str = SERIAL) -> HandTerminal:
        terminal = self.ready(serial)
        assert terminal.sale(10_000).code == "00"
        assert self.look(serial).state == "ACTIVE"
        return terminal


def open_shop(**given) -> Shop:
    """A merchant under contract, known to the host, without a device; a card with money."""
    office = new_office(**given)
    office.host.enrol_merchant(MID, "posterm test shop")
    office.host.enrol_card(PAN, Pin(PIN), balance=100_000_000)
    office.cabinet.put(
        Merchant(
            key=MERCHANT,
            subject=SUBJECT,
            state="CONTRACTED",
            application="20260601100000",
            applicant_type="company",
            name="上海测试商贸有限公司",
            district="310104",
            address="徐汇区测试路1号",
            location=SHOP,
            device_model="smart",
            identity=identity_of(office, IDENTITY),
            plan="standard",
            merchant_id=MID,
            terminal_ids=TIDS,
        )
    )
    return Shop(office)


@contextmanager
def refused(*found: str) -> Iterator[None]:
    """What is done within is refused for exactly these problems: code, or code and path with a blank between."""
    with pytest.raises(RefusedError) as caught:
        yield
    given = [f"{problem.code} {problem.path}".strip() for problem in caught.value.problems]
    assert [each if " " in wanted else each.split()[0] for each, wanted in zip(given, found, strict=True)] == [*found]
