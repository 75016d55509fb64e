"""One terminal, one device, one place: payments from elsewhere are refused with their code, all else goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.host.errors import EnrolmentError
from posterm.host.placement import distance_m, is_near, parse_location
from posterm.unionpay.profile import get_profile
from posterm.unionpay.tusn import DeviceIdentity, parse_placement
from tests.host.hand_terminal import TID, open_place

SERIAL = "00001102ABCDEF"
SHOP, NEXT_DOOR, BEIJING = "31.230400,121.473700", "31.231000,121.474000", "39.904200,116.407400"


@pytest.fixture(params=["default", "direct"])
def place(request):
    opened = open_place(get_profile(request.param))
    opened.host.place_terminal(TID, serial=SERIAL, location=SHOP, radius_m=1000)
    yield opened
    assert opened.host.ledger.prove().faults == ()


def says(place, serial: str = SERIAL, location: str = SHOP) -> dict[str, dict[int, str]]:
    element = place.terminal.profile.tusn.element
    return {"elements": {element: DeviceIdentity(serial, location=location).pack("012650")}}


def test_a_sale_on_the_bound_device_at_its_place_is_taken(place):
    assert place.terminal.sale(1000, **says(place)).code == "00"
    assert place.terminal.sale(1000, **says(place, location=NEXT_DOOR)).code == "00"
    assert place.terminal.preauth(1000, **says(place)).code == "00"


def test_another_device_gets_97(place):
    refused = place.terminal.sale(1000, **says(place, serial="00001102FEDCBA"))
    assert refused.code == "97"
    assert refused.reply.events[0].details["check"] == "placement"
    assert place.terminal.repeat().code == "97"


def test_a_sale_from_another_city_gets_58(place):
    assert place.terminal.sale(1000, **says(place, location=BEIJING)).code == "58"
    assert place.terminal.preauth(1000, **says(place, location=BEIJING)).code == "58"


@pytest.mark.parametrize("location", ["somewhere", "91,0", "0,181", "1;2", "nan,nan", "inf,0"])
def test_a_place_that_cannot_be_read_gets_30(place, location):
    assert place.terminal.sale(1000, **says(place, location=location)).code == "30"


def test_a_terminal_that_does_not_say_where_it_is_is_taken(place):
    assert place.terminal.sale(1000, **says(place, location="")).code == "00"


def test_what_was_taken_is_voided_and_refunded_from_anywhere(place):
    first, second = place.terminal.sale(1000, **says(place)), place.terminal.sale(2000, **says(place))
    place.host.place_terminal(TID, serial="OTHER1", location=BEIJING, radius_m=50)
    assert place.terminal.void(first).code == "00"
    assert place.terminal.refund(second, 500, **says(place)).code == "00"


def test_a_terminal_tied_to_nothing_sells_anywhere(place):
    place.host.place_terminal(TID)
    assert place.terminal.sale(1000, **says(place, serial="OTHER1", location=BEIJING)).code == "00"


def test_another_tmk_leaves_the_terminal_where_it_is(place):
    place.host.enrol_terminal(TID, place.terminal.merchant_id, place.tmk)
    kept = place.store.terminal(TID)
    assert (kept.serial, kept.location, kept.radius_m) == (SERIAL, SHOP, 1000)


@pytest.mark.parametrize(
    ("given_", "match"),
    [
        ({"serial": "no blanks"}, "need a serial"),
        ({"serial": "9" * 51}, "need a serial"),
        ({"location": "here", "radius_m": 1}, "need latitude"),
        ({"location": SHOP}, "need a radius"),
        ({"radius_m": -1}, "need a radius"),
    ],
)
def test_a_place_that_is_none_is_refused(place, given_, match):
    with pytest.raises(EnrolmentError, match=match):
        place.host.place_terminal(TID, **given_)


def test_a_balance_inquiry_may_come_from_anywhere(place):
    assert place.terminal.inquire(**says(place, location=BEIJING)).code == "00"


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [("0,0", "0,0", 0), ("0,0", "0,180", 20_015_115), ("90,0", "-90,0", 20_015_115), (SHOP, BEIJING, 1_067_000)],
)
def test_distances_are_those_on_the_sphere(one, other, metres):
    assert distance_m(parse_location(one), parse_location(other)) == pytest.approx(metres, rel=1e-3)
    assert is_near(one, other, metres + 1000)


@given(st.text(max_size=60))
def test_any_text_is_a_location_or_refused(text):
    try:
        latitude, longitude = parse_location(text)
    except EnrolmentError:
        return
    assert -90 <= latitude <= 90
    assert -180 <= longitude <= 180


def test_serial_and_place_are_read_from_what_the_terminal_packs():
    assert parse_placement(DeviceIdentity(SERIAL, location=SHOP).pack("012650")) == (SERIAL, SHOP)
    assert parse_placement(DeviceIdentity(SERIAL).pack()) == (SERIAL, "")
    assert parse_placement("") == ("", "")
