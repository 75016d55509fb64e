"""A chip by hand: it signs whatever it is told with a key derived from the issuer's, and keeps no rules."""

from __future__ import annotations

from dataclasses import dataclass, field

from posterm.host import Host
from posterm.hsm import Algorithm, KeyUsage, SoftHsm
from posterm.hsm.cryptogram import UNIONPAY_01, VISA_18, Cvn, generate
from posterm.hsm.emv_keys import card_key
from posterm.sensitive import Pan
from posterm.tlv import build, parse
from tests.host.hand_terminal import PAN, Answer

MASTERS = {
    "cryptogram": bytes.fromhex("11223344556677889900AABBCCDDEEFF"),
    "integrity": bytes.fromhex("21223344556677889900AABBCCDDEEFF"),
    "confidentiality": bytes.fromhex("31223344556677889900AABBCCDDEEFF"),
}
ISSUER_DATA = {UNIONPAY_01: "07010103A0A002010A010000000000A1B2C3D4", VISA_18: "06011203A0A002"}
PLACES = {UNIONPAY_01: 3, VISA_18: 3}
ARQC, TC = "80", "40"


def enrol_issuer(host: Host, hsm: SoftHsm, prefix: str = "62", scheme: str = "unionpay") -> None:
    usages = (KeyUsage.EMV_CRYPTOGRAM, KeyUsage.EMV_INTEGRITY, KeyUsage.EMV_CONFIDENTIALITY)
    blocks = {
        name: hsm.load_clear_key(key, usage, Algorithm.TDES_DOUBLE)
        for (name, key), usage in zip(MASTERS.items(), usages, strict=True)
    }
    host.set_issuer_keys(prefix, scheme, **blocks)


@dataclass
class HandChip:
    """One chip. `counter` rises with each cryptogram."""

    pan: Pan = PAN
    sequence: str = "01"
    version: Cvn = UNIONPAY_01
    counter: int = 0
    changes: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> bytes:
        return card_key(MASTERS["cryptogram"], self.pan, self.sequence, option_b=self.version.option_b)

    def data(self, amount: int, kind: str = ARQC, **changes: str) -> bytes:
        """DE 55 of a request; changes by tag are made before it is signed."""
        self.counter += 1
        return self.signed(amount, kind, self.counter, **changes)

    def signed(self, amount: int, kind: str, counter: int, **changes: str) -> bytes:
        values = {
            "9F27": kind,
            "9F10": ISSUER_DATA[self.version],
            "9F37": "DEADBEEF",
            "9F36": f"{counter:04X}",
            "95": "0000000000",
            "9A": "260601",
            "9C": "00",
            "9F02": f"{amount:012d}",
            "5F2A": "0156",
            "82": "7C00",
            "9F1A": "0156",
            "9F03": "000000000000",
            "9F33": "E0F8C8",
            "9F34": "420300",
        } | changes
        clear = {tag: bytes.fromhex(value) for tag, value in values.items()}
        cryptogram = generate(self.version, self.key, {int(tag, 16): value for tag, value in clear.items()})
        return build([("9F26", cryptogram), *clear.items()])

    def elements(self, amount: int | None, kind: str = ARQC, **changes: str) -> dict[int, object]:
        return {23: f"{int(self.sequence):03d}", 55: self.data(amount or 0, kind, **changes)}


def issuer_said(answer: Answer) -> dict[str, bytes]:
    """DE 55 of an answer, by tag."""
    return dict(parse(bytes(answer.message[55])))
