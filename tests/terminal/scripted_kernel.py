"""A chip and its kernel by script: what the terminal's flow is told, without a card that computes.

The kernel asks for what it is told to ask for, sends one command before and one after the host is asked, and ends as it
is told to. It shares the exchange's types with the real kernels, and none of their logic.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from posterm.emv import exchange as emv
from posterm.emv.apdu import Command
from posterm.emv.bits import CryptogramType
from posterm.emv.ca_key_file import public_ca_keys
from posterm.emv.capk import CaKeyStore
from posterm.emv.config import ApplicationConfig, Transaction
from posterm.emv.config_file import default_terminal
from posterm.emv.outcome import Ending, Fallback, Outcome
from posterm.sensitive import Pan

PAN = Pan("6212345678901265")
TRACK2 = bytes.fromhex("6212345678901265D30122011234567890123F")
WORKED = {
    "9F26": "1122334455667788",
    "9F27": "80",
    "9F10": "07010103A0A002010A010000000000A1B2C3D4",
    "9F37": "DEADBEEF",
    "9F36": "0001",
    "95": "0000000000",
    "9A": "260601",
    "9C": "00",
    "5F2A": "0156",
    "82": "7C00",
    "9F1A": "0156",
    "9F03": "000000000000",
    "9F33": "E0F8C8",
    "9F34": "420300",
    "9F35": "22",
    "9F1E": "5445535430303031",
    "84": "A000000333010101",
    "9F09": "0030",
    "9F41": "00000010",
    "5A": "6212345678901265",
    "5F24": "301231",
    "5F34": "01",
    "50": "556E696F6E50617920446562697400"[:28],
    "9B": "E800",
}


@dataclass
class ScriptedKernel:
    """What the next transactions will be like.

    `pin`: none, online or offline. `online`: the issuer is asked. `ending` is how it ends where the host approved or
    was not asked; a host that declines, and one that does not answer, make it a decline. `scripts`: 9F5B.
    """

    pin: str = "none"
    online: bool = True
    ending: Ending = Ending.APPROVED
    fallback: Fallback = Fallback.NOT_ALLOWED
    offline_approval: bool = False
    """Approve where the issuer cannot be reached."""
    scripts: bytes = b""
    signature: bool = True
    choose: tuple[str, ...] = ()
    refer: bool = False
    changes: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    last: dict[str, str] = field(default_factory=dict)
    """What the card has changed in the end."""
    transactions: list[Transaction] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)

    @property
    def keys(self) -> CaKeyStore:
        return CaKeyStore(public_ca_keys()[:1])

    @property
    def applications(self) -> tuple[ApplicationConfig, ...]:
        return default_terminal().applications

    def equipped(self, **_sent: object) -> ScriptedKernel:
        return self

    def insert(self, transaction: Transaction) -> Generator[Any, Any, Outcome]:
        return self._run(transaction)

    def tap(self, transaction: Transaction) -> Generator[Any, Any, Outcome]:
        return self._run(transaction)

    def values(self, transaction: Transaction) -> dict[str, bytes]:
        hexadecimal = WORKED | {"9F02": f"{transaction.amount:012d}"} | self.changes
        found = {tag: bytes.fromhex(value) for tag, value in hexadecimal.items()} | {"57": TRACK2}
        return {tag: value for tag, value in found.items() if tag not in self.drop}

    def _run(self, transaction: Transaction) -> Generator[Any, Any, Outcome]:
        self.transactions.append(transaction)
        values = self.values(transaction)
        if self.choose:
            candidates = tuple(emv.Candidate(b"A0000", label) for label in self.choose)
            self.heard.append((yield emv.ChooseApplication(candidates)))
        if (yield Command(0x80, 0xAE, 0x80, 0x00, b"CDOL1", le=256)) is None:
            return Outcome(Ending.TERMINATED, "the card is gone", fallback=self.fallback)
        online_pin = False
        if self.pin != "none":
            method = emv.PinMethod.ONLINE if self.pin == "online" else emv.PinMethod.OFFLINE
            reply = yield emv.AskPin(method, tries_left=3, pan=PAN)
            self.heard.append(reply)
            online_pin = self.pin == "online" and reply.answer is emv.PinAnswer.ENTERED
            if reply.answer is emv.PinAnswer.CANCELLED:
                return Outcome(Ending.CANCELLED, "cancelled")
        if self.refer:
            self.heard.append((yield emv.Refer("01")))
        ending, code, result = self.ending, "", None
        if self.online:
            result = yield emv.GoOnline(values, "asked to")
            self.heard.append(result)
            code = result.response_code
            if not result.reached:
                ending, code = (Ending.APPROVED, "Y3") if self.offline_approval else (Ending.DECLINED, "Z3")
            elif not result.approved:
                ending = Ending.DECLINED
            if (yield Command(0x80, 0xAE, 0x40, 0x00, b"CDOL2", le=256)) is None:
                ending = Ending.TERMINATED
        else:
            code = "Y1" if ending is Ending.APPROVED else "Z1"
        approved = ending is Ending.APPROVED
        values |= {tag: bytes.fromhex(value) for tag, value in self.last.items()}
        values["9F27"] = b"\x40" if approved else b"\x00"
        return Outcome(
            ending,
            "as the script says",
            fallback=self.fallback,
            cryptogram=CryptogramType.TC if approved else CryptogramType.AAC,
            response_code=code,
            online=result is not None and result.reached,
            host_approved=result is not None and result.approved,
            signature=self.signature and not online_pin,
            online_pin=online_pin,
            script_results=self.scripts,
            data=values,
        )
