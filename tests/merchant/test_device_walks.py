"""Devices through anything in any order: refused or done whole; host, places and money always agree with the books."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from posterm.merchant import NotFoundError, NotNowError, OfficeTerms, RefusedError
from posterm.merchant.annual_fee import AnnualFee, PaidBy, pay_annual_fee, waive_annual_fee
from posterm.merchant.binding import bind_device, real_name
from posterm.merchant.commissioning import initialise_device, look_at_device
from posterm.merchant.deposit import Deposit, hold_deposit
from posterm.merchant.device import Device, confirm_key, inject_components, take_into_stock, unbind
from posterm.merchant.device_label import label_of
from posterm.merchant.heartbeat import report_fault, report_heartbeat
from posterm.merchant.inspection import Findings, Inspection, repeat_inspection, submit_inspection
from posterm.merchant.merchant import TerminalSite
from posterm.merchant.relocation import Relocation, accept_relocation, file_relocation
from posterm.merchant.repair import Repair, cancel_repair, collect_device, exchange_device, finish_repair, hand_over
from posterm.merchant.shipment import Shipment, ShipmentEnd, end_shipment, pack_shipment, send_shipment
from posterm.merchant.software import (
    Update,
    confirm_update,
    install_update,
    offer_parameters,
    roll_back,
    start_download,
)
from posterm.merchant.suspension import Reason, resume_device, suspend_device
from posterm.merchant.withdrawal import (
    Withdrawal,
    cancel_withdrawal,
    close_withdrawal,
    request_withdrawal,
    settle_withdrawal,
    take_back,
)
from tests.merchant.hand_applicant import picture
from tests.merchant.hand_device import (
    BEIJING,
    COMPONENTS,
    IDENTITY,
    MERCHANT,
    MID,
    OPERATOR,
    OWNER,
    PASSWORD,
    PNG,
    SHOP,
    TIDS,
    Shop,
    open_shop,
)

SERIALS = ("DEVICE1", "DEVICE2", "DEVICE3")
IN_USE = frozenset({"REAL_NAMED", "READY", "ACTIVE", "UPDATING"})
PICTURE = picture(1)
FINDINGS = Findings(serial="DEVICE1", location=SHOP, software="1.0.0", is_clean=True, cable_is_whole=True)
TERMS = OfficeTerms(deposit_target_minor=100_000, inspection_days=40, unused_days=60, update_trial_hours=48)


class Walk:
    """One merchant with three devices, to which everything happens."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.shop: Shop = open_shop(terms=TERMS, seed=seed)
        hold_deposit(self.shop.office, self.shop.merchant, 9900, self.shop.now)
        self.labels: dict[str, str] = {}
        self.done: dict[str, int] = {}

    def step(self) -> None:
        serial = self.random.choice(SERIALS)
        act = self.random.choice(ACTS)
        if self.random.random() < 0.4:
            device = self.shop.office.cabinet.get(Device, serial)
            act = self.random.choice(ONWARD.get(device.state if device is not None else "", ACTS))
        try:
            act(self, serial)
        except (RefusedError, NotNowError, NotFoundError, IndexError, KeyError):
            return
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1

    def any_of(self, kind, serial: str):
        """A document about a device; IndexError when there is none."""
        return self.random.choice([each for each in self.shop.all(kind) if each.device == serial])

    def check(self) -> None:
        office = self.shop.office
        devices = self.shop.all(Device)
        tied = [device.terminal_id for device in devices if device.terminal_id and device.state != "CLOSED"]
        assert len(tied) == len(set(tied)), "two devices have one terminal number"
        for terminal_id in TIDS:
            record = office.store.terminal(terminal_id)
            using = [device for device in devices if device.terminal_id == terminal_id and device.initialised_at]
            selling = [device for device in using if device.state in IN_USE and not device.suspended_for]
            if record is not None and record.open:
                assert len(selling) == 1, [(device.key, device.state, device.suspended_for) for device in using]
                (device,) = selling
                assert (record.serial, record.location, record.tmk) == (
                    device.key,
                    device.location,
                    device.tmk.reveal(),
                )
            site = office.cabinet.get(TerminalSite, terminal_id)
            bound = [device.key for device in devices if device.terminal_id == terminal_id and device.state in BOUND]
            assert bound == ([site.serial] if site is not None and site.serial else [])
        deposit = self.shop.get(Deposit, MERCHANT)
        held = 9900 if deposit.state == "HELD" else 0
        assert self.shop.balance(f"merchant/{MID}/deposit") == held
        paid = sum(fee.amount_minor for fee in self.shop.all(AnnualFee) if fee.state == "PAID")
        kept = 9900 if deposit.state == "FORFEITED" else 0
        if paid or kept:
            assert self.shop.balance("service-income/156") == paid + kept
        assert office.ledger.prove().faults == ()


BOUND = frozenset({"BOUND", "REAL_NAMED", "READY", "ACTIVE", "UPDATING", "SUSPENDED", "REPAIR"})


def stock(walk: Walk, serial: str) -> None:
    take_into_stock(walk.shop.office, OPERATOR, serial, "smart", walk.shop.now)


def key(walk: Walk, serial: str) -> None:
    device = inject_components(walk.shop.office, OPERATOR, serial, COMPONENTS, walk.shop.now)
    confirm_key(walk.shop.office, OPERATOR, serial, device.kcv, walk.shop.now)


def ship(walk: Walk, serial: str) -> None:
    office, now = walk.shop.office, walk.shop.now
    packed = pack_shipment(office, OPERATOR, MERCHANT, [serial], now)
    walk.labels[serial] = label_of(office, OPERATOR, serial)
    tracking = walk.random.choice(["SF0001", "SF0002", "SF0003", "SF9991", "SF9992"])
    send_shipment(office, OPERATOR, packed.key, tracking, now)


def end_parcel(walk: Walk, _serial: str) -> None:
    parcel = walk.random.choice(walk.shop.all(Shipment))
    event = walk.random.choice([*ShipmentEnd])
    end_shipment(walk.shop.office, OPERATOR, parcel.key, event, walk.shop.now)


def bind(walk: Walk, serial: str) -> None:
    place = walk.random.choice([SHOP, SHOP, SHOP, BEIJING])
    bind_device(walk.shop.office, OWNER, walk.labels[serial], place, walk.shop.now)


def name(walk: Walk, serial: str) -> None:
    real_name(walk.shop.office, OWNER, serial, IDENTITY, PNG, PASSWORD, walk.shop.now)


def initialise(walk: Walk, serial: str) -> None:
    initialise_device(walk.shop.office, OWNER, serial, PASSWORD, walk.shop.now)


def sell(walk: Walk, serial: str) -> None:
    device = walk.shop.device(serial)
    if not (device.tmk and device.terminal_id):
        raise KeyError(serial)
    before = walk.shop.office.store.terminal(device.terminal_id)
    try:
        terminal = walk.shop.sign_on(serial)
    except AssertionError:
        assert before is None or not before.open or before.tmk != device.tmk.reveal()
        raise NotNowError("refused by the host") from None
    terminal.next_stan = walk.random.randrange(1, 999_999)
    code = terminal.sale(walk.random.randrange(5_000, 60_000)).code
    assert code in ("00", "94")
    if walk.random.random() < 0.5:
        walk.shop.settle(serial)


def look(walk: Walk, serial: str) -> None:
    look_at_device(walk.shop.office, OWNER, serial, walk.shop.now)


def beat(walk: Walk, serial: str) -> None:
    place = walk.random.choice([SHOP, SHOP, BEIJING])
    report_heartbeat(walk.shop.office, OWNER, serial, walk.shop.now, location=place)


def stop(walk: Walk, serial: str) -> None:
    suspend_device(walk.shop.office, OPERATOR, serial, walk.shop.now)


def resume(walk: Walk, serial: str) -> None:
    reason = walk.random.choice([Reason.RISK, Reason.LOCATION, Reason.UNUSED])
    resume_device(walk.shop.office, OPERATOR, serial, reason, walk.shop.now)


def fault(walk: Walk, serial: str) -> None:
    report_fault(walk.shop.office, OWNER, serial, walk.random.choice(["printer", "paper-jam"]), walk.shop.now)


def repair(walk: Walk, serial: str) -> None:
    steps = (cancel_repair, collect_device, finish_repair, exchange_device, hand_over, hand_over, finish_repair)
    walk.random.choice(steps)(walk.shop.office, OPERATOR, walk.any_of(Repair, serial).key, walk.shop.now)


def inspect(walk: Walk, serial: str) -> None:
    found = walk.any_of(Inspection, serial)
    findings = FINDINGS.model_copy(update={"serial": serial, "is_clean": walk.random.random() < 0.7})
    if found.state == "DUE":
        submit_inspection(walk.shop.office, OWNER, found.key, findings, PICTURE, walk.shop.now)
    else:
        repeat_inspection(walk.shop.office, OWNER, found.key, walk.shop.now)


def pay(walk: Walk, serial: str) -> None:
    fee = walk.any_of(AnnualFee, serial)
    if walk.random.random() < 0.2:
        waive_annual_fee(walk.shop.office, OPERATOR, fee.key, walk.shop.now)
    else:
        pay_annual_fee(walk.shop.office, OWNER, fee.key, walk.shop.now, by=walk.random.choice([*PaidBy]))


def update(walk: Walk, serial: str) -> None:
    office, now = walk.shop.office, walk.shop.now
    if walk.random.random() < 0.3:
        offer_parameters(office, OPERATOR, serial, {"response_timeout_s": "45"}, now)
        return
    steps = (start_download, install_update, confirm_update, roll_back)
    walk.random.choice(steps)(office, OWNER, walk.any_of(Update, serial).key, now)


def relocate(walk: Walk, serial: str) -> None:
    office, now = walk.shop.office, walk.shop.now
    if walk.random.random() < 0.5:
        place = walk.random.choice([SHOP, "31.190000,121.430000"])
        file_relocation(office, OWNER, serial, "310105", "长宁区测试路2号", place, now)
    else:
        accept_relocation(office, OPERATOR, walk.any_of(Relocation, serial).key, now)


def withdraw(walk: Walk, serial: str) -> None:
    office, now = walk.shop.office, walk.shop.now
    if walk.random.random() < 0.2:
        request_withdrawal(office, OWNER, serial, "", now)
        return
    steps = (settle_withdrawal, take_back, close_withdrawal, cancel_withdrawal)
    walk.random.choice(steps)(office, OPERATOR, walk.any_of(Withdrawal, serial).key, now)


def back(walk: Walk, serial: str) -> None:
    unbind(walk.shop.office, OPERATOR, serial, walk.shop.now)


def wait(walk: Walk, _serial: str) -> None:
    walk.shop.wait(**walk.random.choice([{"minutes": 10}, {"hours": 5}, {"days": 1}, {"days": 6}, {"days": 40}]))


ACTS: tuple[Callable[[Walk, str], None], ...] = (
    *(stock, key, ship, end_parcel, bind, name, initialise, sell, sell, look, look),
    *(beat, stop, resume, resume, fault, repair, inspect, pay, update, update, relocate, withdraw, back, wait),
)


ONWARD = {
    "": (stock,),
    "STOCK": (key, ship),
    "SHIPPED": (bind,),
    "BOUND": (name,),
    "REAL_NAMED": (initialise, sell, look),
    "READY": (sell, look),
    "SUSPENDED": (resume, inspect, pay),
    "REPAIR": (repair,),
    "UPDATING": (update,),
    "CLOSED": (back,),
}
"""What leads on from a state: without it most walks would end in the stock."""


@pytest.mark.parametrize("seed", range(6))
def test_host_places_and_money_agree_with_the_books(seed):
    walk = Walk(seed)
    for _ in range(300):
        walk.step()
        walk.shop.now += timedelta(minutes=1)
        walk.check()
    assert {"stock", "ship"} <= set(walk.done)


@pytest.mark.proof
def test_long_walks_do_everything():
    done: set[str] = set()
    for seed in range(100, 112):
        walk = Walk(seed)
        for _ in range(1000):
            walk.step()
            walk.shop.now += timedelta(minutes=1)
            walk.check()
        done.update(walk.done)
    assert done == {act.__name__ for act in ACTS}
