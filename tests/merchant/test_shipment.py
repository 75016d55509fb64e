"""Shipments: what may be packed for whom, and what becomes of it on the way."""

from __future__ import annotations

import pytest

from posterm.merchant import NotAllowedError, NotNowError
from posterm.merchant.device import take_into_stock
from posterm.merchant.device_label import label_of
from posterm.merchant.shipment import Shipment, ShipmentEnd, end_shipment, pack_shipment, send_shipment
from tests.merchant.hand_device import MERCHANT, OPERATOR, OTHER_SERIAL, OWNER, SERIAL, TIDS, open_shop, refused


@pytest.fixture
def shop():
    return open_shop()


def pack(shop, *serials: str, **more) -> Shipment:
    return pack_shipment(shop.office, OPERATOR, MERCHANT, serials, shop.now, **more)


def test_a_parcel_lists_its_parts_and_takes_a_terminal_number_for_each_device(shop):
    shop.stock()
    shop.stock(OTHER_SERIAL)
    packed = pack(shop, SERIAL, OTHER_SERIAL)
    assert packed.terminals == TIDS
    assert [(part.english, part.serial) for part in packed.parts if part.serial] == [
        ("device", SERIAL),
        ("device", OTHER_SERIAL),
    ]
    assert {"charger", "SIM card"} <= {part.english for part in packed.parts}
    assert packed.address == shop.merchant.address


def test_a_parcel_is_delivered_by_itself_after_the_days_of_delivery(shop):
    shop.stock()
    packed = pack(shop, SERIAL)
    send_shipment(shop.office, OPERATOR, packed.key, "SF100000000001", shop.now)
    assert (shop.device().state, shop.device().terminal_id) == ("SHIPPED", TIDS[0])
    shop.wait(days=1)
    assert shop.get(Shipment, packed.key).state == "SENT"
    shop.wait(days=1)
    assert shop.get(Shipment, packed.key).state == "DELIVERED"


def test_a_parcel_that_comes_back_is_in_stock_with_another_label_and_no_key(shop):
    shop.stock()
    label = label_of(shop.office, OPERATOR, SERIAL)
    packed = pack(shop, SERIAL)
    send_shipment(shop.office, OPERATOR, packed.key, "SF100000009992", shop.now)
    shop.wait(days=2)
    assert shop.get(Shipment, packed.key).state == "RETURNED"
    device = shop.device()
    assert (device.state, device.merchant, device.subject, device.kcv) == ("STOCK", "", "", "")
    assert label_of(shop.office, OPERATOR, SERIAL) != label


def test_a_lost_parcel_closes_its_devices_and_is_packed_again_with_others(shop):
    shop.stock()
    packed = pack(shop, SERIAL)
    send_shipment(shop.office, OPERATOR, packed.key, "SF100000009991", shop.now)
    shop.wait(days=2)
    assert (shop.get(Shipment, packed.key).state, shop.device().state) == ("LOST", "CLOSED")
    assert not shop.device().tmk
    shop.stock(OTHER_SERIAL)
    again = pack(shop, OTHER_SERIAL, again=packed.key)
    assert (again.key, again.state, again.devices, again.tracking) == (packed.key, "PACKED", (OTHER_SERIAL,), "")
    assert again.terminals == TIDS[:1]


def test_everything_against_a_parcel_is_said_at_once(shop):
    shop.stock()
    shop.stock(OTHER_SERIAL, model="e-sign")
    take_into_stock(shop.office, OPERATOR, "KEYLESS1", "smart", shop.now)
    shop.office.cabinet.put(shop.merchant.model_copy(update={"state": "APPROVED"}))
    with refused(
        "contract-not-in-force merchant",
        "no-terminal-number serials",
        "device-packed serials[1]",
        "model-needs-other-plan serials[2]",
        "key-missing serials[3]",
        "serial-unknown serials[4]",
    ):
        pack(shop, SERIAL, SERIAL, OTHER_SERIAL, "KEYLESS1", "NONE")


def test_a_device_lies_in_one_parcel_and_a_terminal_number_too(shop):
    shop.stock()
    pack(shop, SERIAL)
    with refused("device-packed serials[0]"):
        pack(shop, SERIAL)
    shop.stock(OTHER_SERIAL)
    assert pack(shop, OTHER_SERIAL).terminals == TIDS[1:]
    shop.stock("THIRD1")
    with refused("no-terminal-number serials"):
        pack(shop, "THIRD1")


def test_a_device_in_use_is_not_packed(shop):
    shop.bind()
    with refused("device-not-in-stock serials[0]", "device-packed serials[0]"):
        pack(shop, SERIAL)


def test_an_empty_parcel_is_refused(shop):
    with refused("no-terminal-number serials"):
        pack(shop)


@pytest.mark.parametrize("event", ShipmentEnd)
def test_a_parcel_that_was_not_sent_does_not_arrive(shop, event):
    shop.stock()
    packed = pack(shop, SERIAL)
    with pytest.raises(NotNowError, match="PACKED does not take"):
        end_shipment(shop.office, OPERATOR, packed.key, event, shop.now)
    assert shop.device().state == "STOCK"


def test_a_merchant_ships_nothing(shop):
    with pytest.raises(NotAllowedError):
        pack_shipment(shop.office, OWNER, MERCHANT, [SERIAL], shop.now)


@pytest.mark.parametrize("tracking", ["", "with blank", "9" * 41, "单号"])
def test_a_tracking_number_that_is_none_is_refused(shop, tracking):
    shop.stock()
    packed = pack(shop, SERIAL)
    with refused("tracking-malformed tracking"):
        send_shipment(shop.office, OPERATOR, packed.key, tracking, shop.now)
    assert shop.device().state == "STOCK"
