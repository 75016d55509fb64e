"""Binding: the right code, the right merchant, the right place, the right face; then key, parameters and sign-on."""

from __future__ import annotations

import pytest

from posterm.host.registry import parameters_of
from posterm.merchant import NotAllowedError, NotFoundError, NotNowError
from posterm.merchant.binding import bind_device, is_weak, real_name, unlock_face
from posterm.merchant.commissioning import first_parameters, initialise_device
from posterm.merchant.device_label import label_of
from posterm.merchant.eligibility import ModelName
from posterm.merchant.merchant import TerminalSite
from posterm.merchant.shipment import Shipment, pack_shipment, send_shipment
from tests.merchant.hand_device import (
    BEIJING,
    IDENTITY,
    MERCHANT,
    MID,
    NEXT_DOOR,
    OPERATOR,
    OTHER_SERIAL,
    OWNER,
    PASSWORD,
    PNG,
    REVIEWER,
    SERIAL,
    SHOP,
    STRANGER,
    TIDS,
    open_shop,
    refused,
)


@pytest.fixture
def shop():
    return open_shop()


def bind(shop, label: str, location: str = SHOP, actor=OWNER, **more):
    return bind_device(shop.office, actor, label, location, shop.now, **more)


def test_a_code_binds_once_and_writes_down_the_five_items(shop):
    label = shop.deliver()
    device = bind(shop, label, NEXT_DOOR, tusn=SERIAL)
    assert (device.state, device.merchant_id, device.terminal_id) == ("BOUND", MID, TIDS[0])
    site = shop.get(TerminalSite, TIDS[0])
    assert (site.serial, site.merchant_id, site.location) == (SERIAL, MID, SHOP)
    with refused("label-spent label"):
        bind(shop, label)


def test_a_device_that_is_bound_has_arrived(shop):
    shop.stock()
    label = label_of(shop.office, OPERATOR, SERIAL)
    packed = pack_shipment(shop.office, OPERATOR, MERCHANT, [SERIAL], shop.now)
    send_shipment(shop.office, OPERATOR, packed.key, "SF100000009991", shop.now)
    bind(shop, label)
    assert shop.get(Shipment, packed.key).state == "DELIVERED"
    shop.wait(days=3)
    assert shop.device().state == "BOUND"


def test_a_technician_binds_too_and_a_reviewer_does_not(shop):
    label = shop.deliver()
    with pytest.raises(NotAllowedError):
        bind(shop, label, actor=REVIEWER)
    assert bind(shop, label, actor=OPERATOR).state == "BOUND"


def test_a_device_that_was_never_taken_into_stock_is_unknown(shop):
    with refused("serial-unknown label"):
        bind(shop, "posterm://device/NONE/000000000000")


def test_a_device_that_lies_in_stock_was_not_sent(shop):
    shop.stock()
    with refused("device-not-sent label"):
        bind(shop, label_of(shop.office, OPERATOR, SERIAL))


def test_another_merchant_cannot_bind_it(shop):
    with refused("bound-elsewhere label"):
        bind(shop, shop.deliver(), actor=STRANGER)


def test_everything_against_a_binding_is_said_at_once(shop):
    shop.deliver()
    shop.office.cabinet.put(shop.merchant.model_copy(update={"state": "FROZEN", "device_model": ModelName.ESIGN}))
    with refused(
        "label-malformed label",
        "contract-not-in-force merchant",
        "model-needs-other-plan model",
        "tusn-differs tusn",
        "place-differs location",
    ):
        bind(shop, f"posterm://device/{SERIAL}/000000000000", BEIJING, tusn=OTHER_SERIAL)


def test_a_place_that_cannot_be_read_is_refused(shop):
    with refused("place-malformed location"):
        bind(shop, shop.deliver(), "上海")


def test_a_merchant_without_a_registered_place_gets_the_one_of_the_binding(shop):
    shop.office.cabinet.put(shop.merchant.model_copy(update={"location": ""}))
    assert bind(shop, shop.deliver(), BEIJING).location == BEIJING


@pytest.mark.parametrize("password", ["", "12345", "1234567", "111111", "123456", "987654", "12345a", "１３５７９０"])
def test_weak_passwords_are_refused(shop, password):
    shop.bind()
    assert is_weak(password)
    with refused("device-password-weak password"):
        real_name(shop.office, OWNER, SERIAL, IDENTITY, PNG, password, shop.now)


def test_another_identity_is_refused_and_is_no_try(shop):
    shop.bind()
    with refused("identity-differs identity_number"):
        real_name(shop.office, OWNER, SERIAL, "110105194912310022", PNG, PASSWORD, shop.now)
    assert shop.device().face_tries == 0


def test_the_face_is_tried_three_times_and_unlocked_by_an_operator():
    shop = open_shop(is_same_face=lambda _person, picture: picture == PNG)
    shop.bind()
    for _ in range(3):
        with refused("face-differs face"):
            real_name(shop.office, OWNER, SERIAL, IDENTITY, b"another", PASSWORD, shop.now)
    with refused("face-locked face"):
        shop.name()
    with pytest.raises(NotAllowedError):
        unlock_face(shop.office, OWNER, SERIAL, shop.now)
    unlock_face(shop.office, OPERATOR, SERIAL, shop.now)
    assert shop.name().state == "REAL_NAMED"


def test_a_device_that_is_not_bound_is_not_named(shop):
    shop.deliver()
    with pytest.raises(NotNowError, match="SHIPPED does not take real-name"):
        shop.name()
    with pytest.raises(NotFoundError):
        real_name(shop.office, STRANGER, SERIAL, IDENTITY, PNG, PASSWORD, shop.now)


def test_initialising_needs_the_devices_password(shop):
    shop.bind()
    with pytest.raises(NotNowError, match="BOUND does not take initialise"):
        initialise_device(shop.office, OWNER, SERIAL, PASSWORD, shop.now)
    shop.name()
    with refused("device-password-wrong password"):
        initialise_device(shop.office, OWNER, SERIAL, "097531", shop.now)


def test_the_host_knows_key_place_and_parameters_after_initialising(shop):
    shop.initialise()
    terminal = shop.office.store.terminal(TIDS[0])
    assert terminal.tmk == shop.device().tmk.reveal()
    assert (terminal.serial, terminal.location, terminal.radius_m) == (SERIAL, SHOP, 1000)
    assert parameters_of(terminal)["merchant_name"] == shop.merchant.name
    assert terminal.requirement == "1"
    assert shop.device().state == "REAL_NAMED"


def test_the_first_sign_on_is_noticed_by_itself_within_a_day(shop):
    shop.initialise()
    shop.wait(days=1)
    assert shop.device().state == "REAL_NAMED"
    shop.sign_on()
    shop.wait(days=1)
    assert shop.device().state == "READY"


def test_a_long_name_is_cut_between_characters():
    name = first_parameters("很" * 30 + "a")["merchant_name"]
    assert name == "很" * 20
    assert first_parameters("a" + "很" * 30)["merchant_name"] == "a" + "很" * 19
