"""The terminal's hardware serial (TUSN) as tag A2 of DE 57 or 59, and beside it where the terminal is.

    A2 nnn  04 device type (2)   05 serial, up to 50   06 random factor, up to 10   08 application version (8)
    11 nnn  latitude and longitude, decimal degrees with a comma between

The random factor is the last six digits of the PAN. Its cipher text (07) needs a vendor key and is left out.

Source: UnionPay notice 21/2017 as restated by acquirer specifications: tag 2 characters, length 3 digits. Tag 11 held
the cell tower in older tables; the central bank's notice 259 of 2021 asks for the place, its form here is posterm's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.bcd import is_digits
from posterm.unionpay.errors import LayoutError

_SERIAL: Final = "A2"
_LOCATION: Final = "11"
_LONGEST_LOCATION: Final = 40


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """What the terminal says about its hardware. `device_type`: 01 ATM, 02 POS, 03 mPOS, 04 smart POS, 05 phone."""

    serial: str
    device_type: str = "02"
    application_version: str = "00000100"
    location: str = ""
    """`latitude,longitude`; empty when the terminal does not know."""

    def __post_init__(self) -> None:
        """Raises: LayoutError: a part is too long, empty or not printable ASCII."""
        for name, value, most in (
            ("serial", self.serial, 50),
            ("device type", self.device_type, 2),
            ("application version", self.application_version, 8),
        ):
            if not 0 < len(value) <= most or not (value.isascii() and value.isprintable()):
                raise LayoutError(f"terminal {name}: need 1 to {most} ASCII characters, have {len(value)}")
        if len(self.location) > _LONGEST_LOCATION or not self.location.isascii():
            raise LayoutError(f"terminal location: at most {_LONGEST_LOCATION} ASCII characters")

    def pack(self, random_factor: str = "") -> str:
        """Tags A2 and, when the place is known, 11. Raises: LayoutError: a random factor over 10 characters."""
        if len(random_factor) > 10:
            raise LayoutError(f"terminal random factor: at most 10 characters, have {len(random_factor)}")
        parts = [("04", self.device_type), ("05", self.serial)]
        if random_factor:
            parts.append(("06", random_factor))
        parts.append(("08", self.application_version))
        body = "".join(f"{tag}{len(value):03d}{value}" for tag, value in parts)
        place = f"{_LOCATION}{len(self.location):03d}{self.location}" if self.location else ""
        return f"A2{len(body):03d}{body}{place}"


def parse_tusn(text: str) -> dict[str, str]:
    """The parts of tag A2 by their two-digit tag, from the text of DE 57 or 59.

    Raises: LayoutError: no tag A2, or a length that does not fit.
    """
    outer = parse_tags(text)
    if "A2" not in outer:
        raise LayoutError("no tag A2 with the terminal's hardware serial")
    return parse_tags(outer["A2"])


def parse_placement(text: str) -> tuple[str, str]:
    """The hardware serial and the location in the text of DE 57 or 59, each empty when it is not there.

    Raises: LayoutError: a length that does not fit.
    """
    outer = parse_tags(text)
    return parse_tags(outer.get(_SERIAL, "")).get("05", ""), outer.get(_LOCATION, "")


def parse_tags(text: str) -> dict[str, str]:
    """Values by tag, from tags of 2 characters and lengths of 3 digits. Raises: LayoutError: a length does not fit."""
    parts: dict[str, str] = {}
    at = 0
    while at < len(text):
        length = text[at + 2 : at + 5]
        if len(length) != 3 or not is_digits(length) or at + 5 + int(length) > len(text):
            raise LayoutError(f"tag {text[at : at + 2]!r} at character {at}: its length does not fit")
        parts[text[at : at + 2]] = text[at + 5 : at + 5 + int(length)]
        at += 5 + int(length)
    return parts
