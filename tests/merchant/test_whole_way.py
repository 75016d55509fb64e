"""The whole way: from an applicant with nothing to the first swipe at the right place, and out again."""

from __future__ import annotations

from datetime import timedelta

from posterm.hsm import KeyBlock, Pin
from posterm.merchant import parts as parts
from posterm.merchant.binding import bind_device, real_name
from posterm.merchant.calendar import advance
from posterm.merchant.commissioning import initialise_device, look_at_device
from posterm.merchant.contract import Contract
from posterm.merchant.deposit import Deposit
from posterm.merchant.device import Device, confirm_key, inject_components, take_into_stock
from posterm.merchant.device_label import label_of
from posterm.merchant.merchant import Merchant, TerminalSite
from posterm.merchant.shipment import pack_shipment, send_shipment
from posterm.merchant.withdrawal import close_withdrawal, request_withdrawal, settle_withdrawal, take_back
from posterm.unionpay.tusn import DeviceIdentity
from tests.host.hand_terminal import PAN, PIN, HandTerminal
from tests.merchant.hand_applicant import OPERATOR, contracted, identity_number
from tests.merchant.hand_device import BEIJING, COMPONENTS, PNG, SERIAL
from tests.merchant.hand_office import new_office


def test_from_application_to_first_swipe_and_out_again():
    office = new_office()
    owner, merchant, contract, now = contracted(office)
    assert merchant.state == "CONTRACTED"
    take_into_stock(office, OPERATOR, SERIAL, merchant.device_model, now)
    kcv = inject_components(office, OPERATOR, SERIAL, COMPONENTS, now).kcv
    confirm_key(office, OPERATOR, SERIAL, kcv, now)
    label = label_of(office, OPERATOR, SERIAL)
    parcel = pack_shipment(office, OPERATOR, merchant.key, [SERIAL], now)
    send_shipment(office, OPERATOR, parcel.key, "SF100000000001", now)
    now += timedelta(days=2)
    advance(office, now)
    bind_device(office, owner, label, merchant.location, now)
    real_name(office, owner, SERIAL, identity_number(), PNG, "135790", now)
    device = initialise_device(office, owner, SERIAL, "135790", now)
    assert office.cabinet.need(TerminalSite, device.terminal_id).serial == SERIAL

    office.host.enrol_card(PAN, Pin(PIN), balance=10_000_000)
    terminal = HandTerminal(
        office.host,
        office.hsm,
        KeyBlock(device.tmk.reveal()),
        terminal_id=device.terminal_id,
        merchant_id=device.merchant_id,
        now=now,
    )
    assert terminal.sign_on().code == "00"
    look_at_device(office, owner, SERIAL, now)

    def sale(place: str) -> str:
        said = DeviceIdentity(SERIAL, location=place).pack()
        return terminal.sale(20_000, elements={terminal.profile.tusn.element: said}).code

    assert (sale(BEIJING), sale(merchant.location)) == ("58", "00")
    advance(office, now + timedelta(days=1))
    assert office.cabinet.need(Device, SERIAL).state == "ACTIVE"
    assert office.cabinet.need(Merchant, merchant.key).state == "LIVE"
    deposit = office.cabinet.need(Deposit, merchant.key)
    assert (deposit.state, deposit.amount_minor) == ("HELD", contract.deposit_minor)
    assert office.ledger.prove().faults == ()

    withdrawal = request_withdrawal(office, owner, SERIAL, "closing down", now)
    assert terminal.settle(office.host.totals(terminal.terminal_id, terminal.batch)).code == "00"
    assert terminal.end(0).code == "00"
    for step in (settle_withdrawal, take_back, close_withdrawal):
        step(office, OPERATOR, withdrawal.key, now)
    assert office.cabinet.need(Merchant, merchant.key).state == "CLOSED"
    assert office.cabinet.need(Deposit, merchant.key).state == "REFUNDED"
    assert office.cabinet.need(Contract, contract.key).state == "void"
