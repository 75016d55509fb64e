"""Codes that a customer shows and a merchant scans: EMVCo QR, consumer-presented mode.

The code is the base64 of BER-TLV: 85 `CPV01`, one or more application templates 61, each with a card application and
what is needed to pay with it, a common data template 62, and in templates 63 and 64 data that go to the issuer as they
are, the cryptogram among them.

Source: EMV QR Code Specification for Payment Systems, Consumer-Presented Mode, version 1.1, chapter 4 and annex A.
Leaves out what an issuer puts into 63 and 64 beyond the chip data: it is carried, not read.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from posterm import tlv
from posterm.qr.errors import ConsumerCodeError
from posterm.sensitive import Pan, SensitiveValueError, Track2
from posterm.tlv import TlvError

MAX_CHARACTERS: Final = 512
PAYLOAD_FORMAT: Final = b"CPV01"
MAX_APPLICATIONS: Final = 2

_APPLICATION: Final = "61"
_COMMON: Final = "62"
_APPLICATION_TRANSPARENT: Final = "63"
_COMMON_TRANSPARENT: Final = "64"


@dataclass(frozen=True, slots=True)
class Application:
    """One way to pay with a code: the application's own data and the common ones under them, by tag in hexadecimal."""

    data: Mapping[str, bytes] = field(repr=False)

    @property
    def aid(self) -> bytes:
        """The application identifier, 5 to 16 bytes."""
        return self.data["4F"]

    @property
    def label(self) -> str:
        return self.data.get("50", b"").decode("ascii", "replace")

    @property
    def pan(self) -> Pan:
        """Raises: ConsumerCodeError: neither number nor track, or one that cannot be."""
        try:
            return Pan(self.data["5A"].hex().rstrip("f")) if "5A" in self.data else self.track2.pan
        except SensitiveValueError:
            raise ConsumerCodeError("tag 5A holds no card number") from None

    @property
    def track2(self) -> Track2:
        """Raises: ConsumerCodeError: no track 2 equivalent data, or not such data."""
        try:
            return Track2(self.data["57"].hex().upper().rstrip("F").replace("D", "="))
        except (KeyError, SensitiveValueError):
            raise ConsumerCodeError("tag 57 holds no track 2 equivalent data") from None

    @property
    def chip_data(self) -> dict[str, bytes]:
        """What goes to the issuer: the objects of the transparent templates."""
        found: dict[str, bytes] = {}
        for template in (_APPLICATION_TRANSPARENT, _COMMON_TRANSPARENT):
            found.update(tlv.parse(self.data.get(template, b"")))
        return found


@dataclass(frozen=True, slots=True)
class ConsumerCode:
    """A consumer-presented code. The application that stands first is the one to try first."""

    applications: tuple[Application, ...]


def parse(text: str) -> ConsumerCode:
    """Read a code as the scanner gives it.

    Raises: ConsumerCodeError: not base64, not TLV, no `CPV01` first, or an application without its identifier.
    """
    if not text or len(text) > MAX_CHARACTERS:
        raise ConsumerCodeError(f"need 1 to {MAX_CHARACTERS} characters, have {len(text)}")
    try:
        objects = tlv.parse(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ConsumerCodeError("not base64") from None
    except TlvError as error:
        raise ConsumerCodeError(f"not a payment code: {error}") from None
    if not objects or objects[0] != ("85", PAYLOAD_FORMAT):
        raise ConsumerCodeError("need tag 85 with CPV01 first", hint="is it a payment code at all?")
    try:
        common = {tag: value for held, inner in objects if held == _COMMON for tag, value in tlv.parse(inner)}
        own = [dict(tlv.parse(inner)) for held, inner in objects if held == _APPLICATION]
        applications = tuple(Application({**common, **data}) for data in own)
        for application in applications:
            application.chip_data  # noqa: B018  read once, so that whoever asks later meets no malformed TLV
    except TlvError as error:
        raise ConsumerCodeError(f"inside a template: {error}") from None
    if not 1 <= len(applications) <= MAX_APPLICATIONS:
        raise ConsumerCodeError(f"need 1 to {MAX_APPLICATIONS} application templates, have {len(applications)}")
    if any(not 5 <= len(application.data.get("4F", b"")) <= 16 for application in applications):
        raise ConsumerCodeError("tag 4F: need an application identifier of 5 to 16 bytes")
    return ConsumerCode(applications)


def build(
    aid: bytes, *, label: str = "", pan: Pan | None = None, track2: Track2 | None = None, chip_data: Mapping[str, bytes]
) -> str:
    """A code with one application, as a wallet shows it.

    Args:
        aid: 5 to 16 bytes.
        chip_data: what goes to the issuer, by tag in hexadecimal: 9F26 9F27 9F10 9F36 82 9F37 and others.
    Raises: ConsumerCodeError: a value that does not fit, or more than 512 characters.
    """
    if not 5 <= len(aid) <= 16:
        raise ConsumerCodeError(f"application identifier: need 5 to 16 bytes, have {len(aid)}")
    inside: list[tuple[str, bytes]] = [("4F", aid)]
    if label:
        if not (label.isascii() and label.isprintable() and len(label) <= 16):
            raise ConsumerCodeError("application label: need at most 16 printable ASCII characters")
        inside.append(("50", label.encode("ascii")))
    if track2 is not None:
        inside.append(("57", _nibbles(track2.reveal().replace("=", "D"))))
    if pan is not None:
        inside.append(("5A", _nibbles(pan.reveal())))
    try:
        inside.append((_APPLICATION_TRANSPARENT, tlv.build(chip_data.items())))
        packed = tlv.build([("85", PAYLOAD_FORMAT), (_APPLICATION, tlv.build(inside))])
    except TlvError as error:
        raise ConsumerCodeError(f"chip data: {error}") from None
    text = base64.b64encode(packed).decode("ascii")
    if len(text) > MAX_CHARACTERS:
        raise ConsumerCodeError(f"need at most {MAX_CHARACTERS} characters, have {len(text)}")
    return text


def _nibbles(digits: str) -> bytes:
    return bytes.fromhex(digits + "F" * (len(digits) % 2))
