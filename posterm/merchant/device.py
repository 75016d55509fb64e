"""Devices: taken into stock, given a key, and whose they are.

Source: the People's Bank of China's notice 259 of 2021 (a device's serial is tied to one merchant, one terminal number
and one place); a terminal master key under a transport key, or in components, with its check value, as PIN security
rules for key injection ask.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from posterm.hsm import HsmError, KeyBlock, KeyUsage
from posterm.hsm.variant_key import KeyReference
from posterm.merchant.actor import Actor, Role
from posterm.merchant.device_models import MODELS, DeviceType
from posterm.merchant.device_problems import refuse_if, refused
from posterm.merchant.document import Document
from posterm.merchant.eligibility import ModelName
from posterm.merchant.machines import DEVICE
from posterm.merchant.merchant import Merchant, TerminalSite
from posterm.merchant.office import Office
from posterm.merchant.personal import Secret
from posterm.unionpay.key_layout import tmk_algorithm

_SERIAL: Final = re.compile(r"[0-9A-Za-z]{1,50}")
_KCV_BYTES: Final = 4


class Device(Document):
    """One device. `key` is its hardware serial.

    `tmk` is a key block under the HSM's master key; `kcv` its check value, which the device has to show. `label` is the
    one-time code on its back, empty when it is spent. `password` is the fingerprint of the device's password.
    `merchant` and `terminal_id` are what it is tied to. `suspended_for` are the reasons why it stands still.
    """

    kind: ClassVar[str] = "device"

    model: ModelName
    software: str
    label: Secret = Secret("")
    tmk: Secret = Secret("")
    kcv: str = ""
    key_confirmed: bool = False
    shipment: str = ""
    merchant: str = ""
    merchant_id: str = ""
    terminal_id: str = ""
    district: str = ""
    address: str = ""
    location: str = ""
    face_tries: int = 0
    password: Secret = Secret("")
    initialised_at: str = ""
    signed_on_at: str = ""
    activated_at: str = ""
    first_swipe: str = ""
    first_swipe_minor: int = 0
    first_fee_minor: int = 0
    planned_fee_minor: int = 0
    first_batch: str = ""
    """The first of its terminal's batches that is not counted in `taken_minor` yet."""
    taken_minor: int = 0
    last_used_at: str = ""
    last_seen_at: str = ""
    seen_at_place: str = ""
    suspended_for: tuple[str, ...] = ()

    @property
    def of_model(self) -> DeviceType:
        return MODELS[self.model]


@dataclass(frozen=True, slots=True)
class Injection:
    """A device's master key on its way: under the transport key of whoever injects it, and its check value."""

    cryptogram: bytes
    kcv: str


def take_into_stock(
    office: Office, actor: Actor, serial: str, model: str, now: datetime, *, software: str = ""
) -> Device:
    """Take a new device into stock, with a label of its own. Raises: RefusedError."""
    actor.must_be(Role.OPERATOR)
    refuse_if(
        [
            ("serial-malformed", "serial", not _SERIAL.fullmatch(serial)),
            ("serial-known", "serial", office.cabinet.get(Device, serial)),
            ("model-unknown", "model", model not in MODELS),
        ]
    )
    with office.all_or_nothing():
        device = Device(
            key=serial,
            state=DEVICE.initial,
            model=ModelName(model),
            software=software or MODELS[ModelName(model)].software,
            label=new_label(office),
        )
        office.cabinet.put(device)
        office.tell(device, "take-into-stock", now, after=device.state, model=model)
        return device


def need_device(office: Office, actor: Actor, serial: str) -> Device:
    """A device that the actor may see. Raises: NotFoundError."""
    device = office.cabinet.need(Device, serial)
    actor.must_own(device.subject, Device.kind)
    return device


def device_in_hand(office: Office, actor: Actor, serial: str) -> Device:
    """A device that the actor may do something with. Raises: NotFoundError; NotAllowedError: a reviewer."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    return need_device(office, actor, serial)


def devices_of(office: Office, merchant: str) -> list[Device]:
    """The devices tied to a merchant, by serial."""
    subject = office.cabinet.need(Merchant, merchant).subject
    found = office.cabinet.find(Device, subject=subject)
    return [device for device in found if device.merchant == merchant and device.state != "CLOSED"]


def inject_key(office: Office, actor: Actor, serial: str, transport_key: KeyReference, now: datetime) -> Injection:
    """Make a device's master key in the HSM, and hand it out under a transport key.

    Raises: NotNowError: it is neither in stock nor in repair; HsmError: the transport key is none.
    """
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        tmk = office.hsm.generate_key(KeyUsage.KEY_ENCRYPTION, tmk_algorithm(office.host.profile.keys.layout))
        exported = office.hsm.export_key(transport_key, tmk)
        device = _with_key(office, serial, tmk, now)
        return Injection(exported.cryptogram, device.kcv)


def inject_components(office: Office, actor: Actor, serial: str, components: Sequence[bytes], now: datetime) -> Device:
    """Put a device's master key together from its custodians' components, which are loaded into the device too.

    Args:
        components: 2 to 9 of 16 bytes.
    Raises: RefusedError: they give no key; NotNowError.
    """
    actor.must_be(Role.OPERATOR)
    try:
        algorithm = tmk_algorithm(office.host.profile.keys.layout)
        tmk = office.hsm.combine_components(components, KeyUsage.KEY_ENCRYPTION, algorithm)
    except HsmError as error:
        raise refused("key-check-differs", "components") from error
    with office.all_or_nothing():
        return _with_key(office, serial, tmk, now)


def confirm_key(office: Office, actor: Actor, serial: str, kcv: str, now: datetime) -> Device:
    """Compare the check value that the device shows.

    Args:
        kcv: its first 6 or 8 hexadecimal digits.
    Raises: RefusedError: it is another; NotNowError.
    """
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        device = office.cabinet.need(Device, serial)
        if len(kcv) not in (6, 8) or not device.kcv or not device.kcv.startswith(kcv.upper()):
            raise refused("key-check-differs", "kcv")
        return office.move(DEVICE, device, "confirm-key", now, key_confirmed=True)


def unbind(office: Office, actor: Actor, serial: str, now: datetime) -> Device:
    """Take a closed device back into stock: nothing of its last merchant stays, not even the key."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        return back_to_stock(office, office.cabinet.need(Device, serial), "unbind", now)


def back_to_stock(office: Office, device: Device, event: str, now: datetime) -> Device:
    """The device as new, with another label, by an event that leads into stock."""
    moved = office.move(DEVICE, device, event, now, due="")
    return office.cabinet.put(
        Device(key=moved.key, state=moved.state, model=moved.model, software=moved.software, label=new_label(office))
    )


def close_device(office: Office, device: Device, event: str, now: datetime) -> Device:
    """Close a device for good, and its terminal at the host; the terminal's place is without a device then."""
    close_at_host(office, device)
    site = office.cabinet.get(TerminalSite, device.terminal_id)
    if site is not None and site.serial == device.key:
        office.cabinet.put(site.model_copy(update={"serial": ""}))
    return office.move(
        DEVICE, device, event, now, due="", tmk=Secret(""), kcv="", key_confirmed=False, label=Secret("")
    )


def close_at_host(office: Office, device: Device) -> None:
    """Let the host refuse what a device's terminal asks, when it knows the terminal."""
    if device.terminal_id and office.host.knows_terminal(device.terminal_id):
        office.host.set_terminal_open(device.terminal_id, is_open=False)


def new_label(office: Office) -> Secret:
    """A new one-time code."""
    return Secret(office.digits(12))


def _with_key(office: Office, serial: str, tmk: KeyBlock, now: datetime) -> Device:
    device = office.cabinet.need(Device, serial)
    kcv = office.hsm.key_check_value(tmk, _KCV_BYTES).hex().upper()
    return office.move(DEVICE, device, "inject-key", now, tmk=Secret(str(tmk)), kcv=kcv, key_confirmed=False)
