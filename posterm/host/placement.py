"""One terminal, one device, one place: a payment from another serial number or from too far off is refused.

What is checked is what the terminal says in DE 57 or 59: its hardware serial (tag A2) and where it is (tag 11). A
terminal that says neither is not refused here; `[tusn] required` in the acquirer's profile refuses it for its form.
Only what begins a payment online is looked at, as with closed channels.

Source: the People's Bank of China's notice 259 of 2021 (serial, acquirer, merchant, terminal and location are tied one
to one, and transactions are checked for it); Q/CUP 009, answer codes 58 and 97; the haversine formula.
"""

from __future__ import annotations

import math
from typing import Final

from posterm.host.case import Case, Refusal
from posterm.host.channels import BEGINS
from posterm.host.errors import EnrolmentError
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.tusn import parse_placement

EARTH_RADIUS_M: Final = 6_371_008.8
"""The mean radius, IUGG."""

LONGEST_LOCATION: Final = 40

Location = tuple[float, float]
"""Latitude and longitude in degrees."""


def parse_location(text: str) -> Location:
    """Latitude and longitude in degrees from `latitude,longitude`. Raises: EnrolmentError.

    >>> parse_location("31.230400,121.473700")
    (31.2304, 121.4737)
    """
    latitude, comma, longitude = text[: LONGEST_LOCATION + 1].partition(",")
    try:
        place = float(latitude), float(longitude)
    except ValueError:
        place = math.nan, math.nan
    if len(text) > LONGEST_LOCATION or not comma or not (abs(place[0]) <= 90 and abs(place[1]) <= 180):
        raise EnrolmentError("location: need latitude and longitude in decimal degrees with a comma between")
    return place


def distance_m(one: Location, other: Location) -> float:
    """How far two places are apart on the surface of the earth, in metres.

    >>> round(distance_m((31.2304, 121.4737), (39.9042, 116.4074)), -3)
    1067000.0
    """
    (south, west), (north, east) = [(math.radians(place[0]), math.radians(place[1])) for place in (one, other)]
    chord = math.sin((north - south) / 2) ** 2
    chord += math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def is_near(location: str, place: str, radius_m: int) -> bool:
    """True when a location is no farther than that from a place. Raises: EnrolmentError: either is malformed."""
    return distance_m(parse_location(location), parse_location(place)) <= radius_m


def check_placement(case: Case) -> Refusal | None:
    """97 another device than the one bound to the terminal, 58 too far from its place, 30 neither can be read."""
    terminal = case.known_terminal()
    if not (terminal.serial or terminal.location) or case.known_row().kind not in BEGINS:
        return None
    element = case.desk.profile.tusn.element
    try:
        serial, location = parse_placement(case.text(element))
        far = bool(location and terminal.location) and not is_near(location, terminal.location, terminal.radius_m)
    except (LayoutError, EnrolmentError) as error:
        return Refusal("30", f"element {element}: {error}")
    if serial and terminal.serial and serial != terminal.serial:
        return Refusal("97", "the device is not the one bound to the terminal")
    return Refusal("58", f"more than {terminal.radius_m} m from the terminal's place") if far else None
