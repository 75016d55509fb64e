"""The test issuers of all schemes at the far end of a chip transaction: they verify the ARQC and answer with an ARPC.

A terminal's kernel reaches them without a host in between. Money, limits and counters are not looked at: what is
answered is said beforehand. A cryptogram that does not verify is declined all the same.

Source: EMV 4.4 Book 2, 8.2 (ARPC, methods 1 and 2), 9 (scripts); Book 3, 10.10 (templates 71 and 72), C10 (card status
update).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from posterm import tlv
from posterm.emv.exchange import APPROVALS, GoOnline, OnlineResult
from posterm.hsm.card_values import cvc3
from posterm.hsm.cryptogram import Cvn, Scheme, arpc, cvn_of, verify
from posterm.hsm.emv_script import script_mac
from posterm.hsm.errors import CardValueError, CryptogramError, CryptogramMismatch
from posterm.sensitive import Pan, SensitiveValueError
from simulators.card.issuer_keys import RIDS, CardKeys, master_keys
from simulators.card.personalization import stripe_template
from simulators.card.scripts import MAC_BYTES

DO_NOT_HONOUR: Final = "05"
FORMAT_ERROR: Final = "30"

_SCHEME_BY_RID: Final = {bytes.fromhex(rid): name for name, rid in RIDS.items()}
_CRYPTOGRAMS: Final = {"unionpay": Scheme.UNIONPAY, "mastercard": Scheme.MASTERCARD}
"""Whose cryptogram versions a scheme's test cards have; Visa's where nothing else is said."""

_APPROVES: Final = 0x80
"""Byte 2 of a card status update: issuer approves online transaction."""


@dataclass(frozen=True, slots=True)
class Script:
    """Commands to the card under one identifier (9F18, 4 bytes), for before or after the second GENERATE AC.

    Each command is its class, instruction, P1 and P2, and its data as they are sent; length and MAC are put to it.
    """

    commands: tuple[tuple[bytes, bytes], ...]
    identifier: bytes = bytes(4)
    after_final: bool = True


@dataclass(frozen=True, slots=True)
class IssuerAnswer:
    """What an issuer answers, and why, in words."""

    result: OnlineResult
    said: str


class TestIssuers:
    """The issuers of the test cards.

    Args:
        response_code: two characters, answered to every cryptogram that verifies.
        scripts: sent along with it.
        authenticates: an ARPC is sent.
    """

    __test__ = False  # the name is the field's term, not a test case

    def __init__(
        self, response_code: str = "00", *, scripts: tuple[Script, ...] = (), authenticates: bool = True
    ) -> None:
        self._response_code = response_code
        self._scripts = scripts
        self._authenticates = authenticates

    def answer(self, request: GoOnline) -> IssuerAnswer:
        """Decide on an online request from the kernel's data objects."""
        data = request.data
        scheme = _SCHEME_BY_RID.get(data.get("84", b"")[:5], "")
        if not scheme:
            return _declined(FORMAT_ERROR, "no test issuer for this application")
        try:
            pan = Pan(_pan_digits(data))
            if "9F61" in data:
                return self._stripe_answer(scheme, pan, data)
            cvn = cvn_of(data.get("9F10", b""), _CRYPTOGRAMS.get(scheme, Scheme.VISA))
            keys = master_keys(scheme).for_card(cvn, pan, data.get("5F34", b"\x00").hex())
            tags = {int(tag, 16): value for tag, value in data.items()}
            cryptogram = data.get("9F26", b"")
            verify(cvn, keys.cryptogram, tags, cryptogram)
            issuer_data = self._authentication(cvn, keys.cryptogram, tags, cryptogram)
            issuer_data += b"".join(_secured(script, cvn, keys, tags, cryptogram) for script in self._scripts)
        except CryptogramMismatch:
            return _declined(DO_NOT_HONOUR, "the cryptogram does not verify")
        except (CryptogramError, CardValueError, SensitiveValueError) as error:
            return _declined(FORMAT_ERROR, str(error))
        return IssuerAnswer(OnlineResult(self._response_code, issuer_data), f"cryptogram {cvn.name} verified")

    def _stripe_answer(self, scheme: str, pan: Pan, data: Mapping[str, bytes]) -> IssuerAnswer:
        """A tapped card in magnetic stripe mode: the check value of track 2. There is nothing to send back to it."""
        expiry = data.get("9F6B", b"").hex().partition("d")[2][:4]
        template = stripe_template(pan.reveal(), expiry)
        atc = int.from_bytes(data.get("9F36", b""), "big")
        expected = cvc3(master_keys(scheme).cvc3_for(pan), template, atc, data.get("9F6A", b""))
        if int(expected) != int.from_bytes(data["9F61"], "big"):
            return _declined(DO_NOT_HONOUR, "the check value does not verify")
        return IssuerAnswer(OnlineResult(self._response_code), "check value verified")

    def _authentication(self, cvn: Cvn, key: bytes, tags: Mapping[int, bytes], cryptogram: bytes) -> bytes:
        """Tag 91: the ARPC and what it is made over."""
        if not self._authenticates:
            return b""
        if cvn.arpc_method == 1:
            answer = self._response_code.encode("ascii")
        else:
            answer = bytes((0, _APPROVES if self._response_code in APPROVALS else 0, 0, 0))
        return tlv.build([("91", arpc(cvn, key, tags, cryptogram, answer) + answer)])


def _secured(script: Script, cvn: Cvn, keys: CardKeys, tags: Mapping[int, bytes], cryptogram: bytes) -> bytes:
    """The script's template, 71 or 72, each command with its MAC."""
    atc = int.from_bytes(tags[0x9F36], "big")
    items = [("9F18", script.identifier)]
    for header, data in script.commands:
        start = header + bytes((len(data) + MAC_BYTES,))
        items.append(("86", start + data + script_mac(cvn, keys.script.integrity, start, atc, cryptogram, data)))
    return tlv.build([("72" if script.after_final else "71", tlv.build(items))])


def _declined(code: str, said: str) -> IssuerAnswer:
    return IssuerAnswer(OnlineResult(code), said)


def _pan_digits(data: Mapping[str, bytes]) -> str:
    """The card number from 5A, else from track 2 (57, 9F6B)."""
    if "5A" in data:
        return data["5A"].hex().rstrip("f")
    track_2 = data.get("57") or data.get("9F6B", b"")
    return track_2.hex().split("d")[0]
