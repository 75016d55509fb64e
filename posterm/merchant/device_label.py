"""The code on the back of a device: it names the device, and binds it to a merchant once.

posterm://device/<serial>/<one-time code, 12 digits>
"""

from __future__ import annotations

import re
from typing import Final

from posterm.merchant.actor import Actor, Role
from posterm.merchant.device import Device
from posterm.merchant.device_problems import refused
from posterm.merchant.office import Office

_FORM: Final = re.compile(r"posterm://device/([0-9A-Za-z]{1,50})/([0-9]{12})")


def label_of(office: Office, actor: Actor, serial: str) -> str:
    """What is printed on a device's back. Raises: RefusedError: its code is spent."""
    actor.must_be(Role.OPERATOR)
    device = office.cabinet.need(Device, serial)
    if not device.label:
        raise refused("label-spent", "serial")
    return f"posterm://device/{serial}/{device.label.reveal()}"


def parse_label(text: str) -> tuple[str, str]:
    """Serial and one-time code. Raises: RefusedError: this is no label.

    >>> parse_label("posterm://device/TEST500100000001/000000000001")
    ('TEST500100000001', '000000000001')
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise refused("label-malformed", "label")
    return found[1], found[2]
