"""What acquirer and issuer agree on when they are apart: messages about the link, kinds of requests, and their keys.

    0820/001  sign-on       0820/002  sign-off      0820/301  echo
    0800/101  a new key under the ZMK: DE 53.1 says which, DE 48 has it

A request is known by the institutions that sent it (32, 33), when (7) and under which trace number (11); DE 90 of a
later message names it by these, and by its type. Whoever asks makes the keys: new ones on every connection.

Source: Q/CUP 006 as restated publicly: network codes, DE 53 and 90, usage NK of DE 48. That the key's check value
follows it there is this link's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from posterm.bcd import is_digits
from posterm.hsm import Algorithm, KeyUsage
from posterm.iso8583 import CUPS_HEADER, Framing, Message, Pairing, get_dialect
from posterm.iso8583.link_settings import Echo, LinkSettings, ReconnectPolicy, SignOn
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.transactions import Kind

DIALECT: Final = "unionpay-cups"
KEY_ALGORITHM: Final = Algorithm.TDES_DOUBLE
ZMK_BYTES: Final = 16

_KEY_TAG: Final = "NK"
_KEY_DIGITS: Final = 32
_CHECK_DIGITS: Final = 8
_HEADER_ID: Final = 11


class NetworkCode(StrEnum):
    """DE 70."""

    SIGN_ON = "001"
    SIGN_OFF = "002"
    NEW_KEY = "101"
    ECHO = "301"


class KeyRole(StrEnum):
    """DE 53.1 of an 0800/101: what the key is for."""

    PIN = "1"
    MAC = "2"


KEY_USAGES: Final = {KeyRole.PIN: KeyUsage.PIN_ENCRYPTION, KeyRole.MAC: KeyUsage.MAC}

WIRE: Final[dict[tuple[str, str, str], Kind]] = {
    ("0100", "030000", "06"): Kind.PREAUTH,
    ("0100", "030000", "60"): Kind.PREAUTH_ADD,
    ("0100", "200000", "06"): Kind.PREAUTH_VOID,
    ("0120", "030000", "06"): Kind.PREAUTH,
    ("0200", "310000", "00"): Kind.BALANCE,
    ("0200", "000000", "00"): Kind.SALE,
    ("0200", "200000", "00"): Kind.VOID,
    ("0200", "000000", "06"): Kind.COMPLETION,
    ("0200", "200000", "06"): Kind.COMPLETION_VOID,
    ("0220", "000000", "00"): Kind.OFFLINE_SALE,
    ("0220", "000000", "06"): Kind.COMPLETION_NOTICE,
    ("0220", "200000", "00"): Kind.REFUND,
}
"""MTI, DE 3 and DE 25 of every request. What is told and not asked (0120, 0220) has been decided already."""

ADVISED_AS: Final = {
    Kind.ADJUST: Kind.OFFLINE_SALE,
    Kind.CHIP_OFFLINE_SALE: Kind.OFFLINE_SALE,
    Kind.SALE: Kind.OFFLINE_SALE,
}
"""What an issuer is told a kind was, where the link has no message of its own for it."""

_BY_KIND: Final = {(kind, mti[2]): (mti, code, condition) for (mti, code, condition), kind in WIRE.items()}
_ASKED, _TOLD = "0", "2"


def wire_of(kind: Kind, *, told: bool) -> tuple[str, str, str]:
    """MTI, DE 3 and DE 25 of a request, or of the advice that it has been decided.

    >>> wire_of(Kind.SALE, told=False), wire_of(Kind.SALE, told=True)
    (('0200', '000000', '00'), ('0220', '000000', '00'))
    """
    return _BY_KIND[(ADVISED_AS.get(kind, kind), _TOLD)] if told else _BY_KIND[(kind, _ASKED)]


@dataclass(frozen=True, slots=True)
class Trace:
    """How a request between institutions is known again."""

    mti: str
    stan: str
    sent: str
    """DE 7, MMDDhhmmss."""
    acquirer: str
    forwarder: str

    @classmethod
    def of(cls, message: Message) -> Trace:
        """The trace of a request; empty where an element is missing."""
        sent, stan, acquirer, forwarder = (str(message.get(number, "")) for number in (7, 11, 32, 33))
        return cls(message.mti, stan, sent, acquirer, forwarder)

    @classmethod
    def parse(cls, original: str) -> Trace:
        """The trace in DE 90. Raises: LayoutError."""
        if len(original) != 42 or not is_digits(original):
            raise LayoutError("element 90: need 42 digits")
        acquirer, forwarder = original[20:31].lstrip("0"), original[31:].lstrip("0")
        return cls(original[:4], original[4:10], original[10:20], acquirer, forwarder)

    def pack(self) -> str:
        """DE 90, 42 digits."""
        return f"{self.mti}{self.stan}{self.sent}{self.acquirer:0>11}{self.forwarder:0>11}"

    @property
    def elements(self) -> dict[int, Any]:
        """DE 7, 11, 32 and 33."""
        return {7: self.sent, 11: self.stan, 32: self.acquirer, 33: self.forwarder}

    def reference(self, mti: str = "") -> str:
        """The key under which whoever answers finds the request again; `mti` for another message about it."""
        acquirer, forwarder = self.acquirer.lstrip("0"), self.forwarder.lstrip("0")
        return f"{(mti or self.mti)[1]}/{acquirer}/{forwarder}/{self.sent}/{self.stan}"


def about_link(code: NetworkCode, stan: str, now: datetime, institution: str) -> Message:
    """An 0820: sign-on, sign-off or echo."""
    return Message("0820", {7: f"{now:%m%d%H%M%S}", 11: stan, 33: institution, 70: code.value})


def new_key(role: KeyRole, cryptogram: bytes, kcv: bytes, stan: str, now: datetime, institution: str) -> Message:
    """An 0800/101 with a key of 16 bytes under the ZMK and 4 bytes of its check value."""
    return Message(
        "0800",
        {
            7: f"{now:%m%d%H%M%S}",
            11: stan,
            33: institution,
            48: f"{_KEY_TAG}{cryptogram.hex()}{kcv.hex()}".upper(),
            53: f"{role.value}6".ljust(16, "0"),
            70: NetworkCode.NEW_KEY.value,
        },
    )


def parse_new_key(message: Message) -> tuple[KeyRole, bytes, bytes]:
    """Which key an 0800/101 brings, the key under the ZMK, and its check value. Raises: LayoutError."""
    text, control = str(message.get(48, "")), str(message.get(53, ""))
    try:
        role = KeyRole(control[:1])
        key = bytes.fromhex(text[len(_KEY_TAG) :])
    except ValueError:
        raise LayoutError("elements 48 and 53: no key that can be read") from None
    if not text.startswith(_KEY_TAG) or 2 * len(key) != _KEY_DIGITS + _CHECK_DIGITS:
        raise LayoutError("element 48: need NK, 16 bytes of key and 4 of its check value")
    return role, key[:ZMK_BYTES], key[ZMK_BYTES:]


def link_settings(
    own: str,
    peer: str,
    *,
    timeout_s: float = 30.0,
    sign_on: SignOn | None = None,
    echo: Echo | None = None,
    reconnect: ReconnectPolicy | None = None,
) -> LinkSettings:
    """One end of the link between two institutions."""
    header = CUPS_HEADER.with_values({"destination": _identifier(peer), "source": _identifier(own)})
    return LinkSettings(
        get_dialect(DIALECT),
        Framing("ascii4", headers=(header,)),
        Pairing(elements=(7, 11, 33)),
        timeout_s=timeout_s,
        in_flight_max=4096,
        remembered_max=1024,
        sign_on=sign_on,
        echo=echo,
        reconnect=reconnect or ReconnectPolicy(),
    )


def _identifier(institution: str) -> bytes:
    return institution.encode("ascii").ljust(_HEADER_ID)
