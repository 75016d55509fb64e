"""Card verification values: CVV, and CVV2 and iCVV by their service codes 000 and 999.

Source: Thales payShield (CW, CY).
"""

from __future__ import annotations

from posterm.hsm.card_values import CardValue
from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import INVALID_ACCOUNT, VERIFICATION_FAILURE
from posterm.hsm.host_commands.fields import Field, Layout, digits, key
from posterm.hsm.host_commands.table import host_command
from posterm.hsm.variant_key import KeyReference
from posterm.sensitive import Pan

_CVK = key("CVK pair", "402", plain=(32,))
_PAN = Field(
    "PAN",
    "13-19 N and `;`",
    "[0-9]{13,19};",
    refuse=INVALID_ACCOUNT,
    convert=lambda value: Pan(value[:-1].decode("ascii")),
)
_CARD = (_PAN, digits("expiry", 4, number=False), digits("service code", 3, number=False))


@host_command("CW", "Generate a CVV", Layout(_CVK, *_CARD), answer=(Field("CVV", "3 N"),))
def generate_cvv(commands: HostCommandSet, cvk: KeyReference, pan: Pan, expiry: str, service_code: str) -> bytes:
    return commands.hsm.generate_card_value(cvk, CardValue.CVV, pan, expiry, service_code).encode("ascii")


@host_command("CY", "Verify a CVV", Layout(_CVK, digits("CVV", 3, number=False), *_CARD), codes=(VERIFICATION_FAILURE,))
def verify_cvv(
    commands: HostCommandSet, cvk: KeyReference, value: str, pan: Pan, expiry: str, service_code: str
) -> bytes:
    commands.hsm.verify_card_value(cvk, CardValue.CVV, value, pan, expiry, service_code)
    return b""
