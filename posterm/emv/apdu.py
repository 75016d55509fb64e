"""Commands to a card and its answers, and what the status words say.

    case 1  CLA INS P1 P2                       case 3  CLA INS P1 P2 Lc data
    case 2  CLA INS P1 P2 Le                    case 4  CLA INS P1 P2 Lc data Le

Source: EMV 4.4 Book 3, 6.3 (coding), 6.5 (commands) and annex F; ISO/IEC 7816-3, 12.1 and 7816-4, 5. Leaves out
extended lengths: no payment card uses them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from posterm.emv.errors import ApduError

MAX_DATA_BYTES: Final = 255
ANY_LENGTH: Final = 256
"""The Le that asks for all there is; it is written 00."""

SUCCESS: Final = 0x9000
FILE_INVALIDATED: Final = 0x6283
NO_INFORMATION: Final = 0x6300
AUTHENTICATION_BLOCKED: Final = 0x6983
REFERENCE_DATA_INVALIDATED: Final = 0x6984
CONDITIONS_NOT_SATISFIED: Final = 0x6985
FUNCTION_NOT_SUPPORTED: Final = 0x6A81
FILE_NOT_FOUND: Final = 0x6A82
RECORD_NOT_FOUND: Final = 0x6A83
REFERENCED_DATA_NOT_FOUND: Final = 0x6A88

STATUS_WORDS: Final = {
    0x9000: "success",
    0x6200: "warning, nothing changed",
    0x6281: "warning, the data may be corrupted",
    0x6283: "warning, the selected file is invalidated",
    0x6300: "warning, authentication failed",
    0x6400: "execution error, nothing changed",
    0x6500: "execution error, memory changed",
    0x6581: "memory failure",
    0x6700: "wrong length",
    0x6882: "secure messaging not supported",
    0x6900: "command not allowed",
    0x6982: "security status not satisfied",
    0x6983: "authentication method blocked",
    0x6984: "referenced data invalidated",
    0x6985: "conditions of use not satisfied",
    0x6986: "command not allowed, no file selected",
    0x6987: "secure messaging data missing",
    0x6988: "secure messaging data incorrect",
    0x6A80: "wrong data",
    0x6A81: "function not supported",
    0x6A82: "file not found",
    0x6A83: "record not found",
    0x6A84: "not enough memory",
    0x6A86: "wrong P1 P2",
    0x6A88: "referenced data not found",
    0x6B00: "wrong P1 P2",
    0x6D00: "instruction not supported",
    0x6E00: "class not supported",
    0x6F00: "no precise diagnosis",
}
_STATUS_FAMILIES: Final = {
    0x61: "more data is ready",
    0x62: "warning, nothing changed",
    0x63: "warning, memory changed",
    0x64: "execution error, nothing changed",
    0x65: "execution error, memory changed",
    0x6C: "wrong Le",
}

INSTRUCTIONS: Final = {
    0x16: "CARD BLOCK",
    0x18: "APPLICATION UNBLOCK",
    0x1E: "APPLICATION BLOCK",
    0x20: "VERIFY",
    0x24: "PIN CHANGE/UNBLOCK",
    0x2A: "COMPUTE CRYPTOGRAPHIC CHECKSUM",
    0x82: "EXTERNAL AUTHENTICATE",
    0x84: "GET CHALLENGE",
    0x88: "INTERNAL AUTHENTICATE",
    0xA4: "SELECT",
    0xA8: "GET PROCESSING OPTIONS",
    0xAE: "GENERATE AC",
    0xB2: "READ RECORD",
    0xC0: "GET RESPONSE",
    0xCA: "GET DATA",
    0xD0: "EXCHANGE RELAY RESISTANCE DATA",
    0xDA: "PUT DATA",
    0xDC: "UPDATE RECORD",
}
_VERIFY: Final = 0x20


def status_meaning(sw: int) -> str:
    """What a status word says, in a few words.

    >>> status_meaning(0x63C2)
    'verification failed, 2 tries left'
    """
    if sw & 0xFFF0 == 0x63C0:
        return f"verification failed, {sw & 0x0F} tries left"
    if sw in STATUS_WORDS:
        return STATUS_WORDS[sw]
    family, number = sw >> 8, sw & 0xFF
    if family in (0x61, 0x6C):
        return f"{_STATUS_FAMILIES[family]}: {number or ANY_LENGTH} bytes"
    return _STATUS_FAMILIES.get(family, "a status word no book lists")


@dataclass(frozen=True, slots=True)
class Command:
    """A command APDU. `le` is the most bytes expected in answer: None (cases 1 and 3) or 1 to 256.

    It prints without data when these may be a PIN.

    >>> bytes(Command(0x00, 0xA4, 0x04, 0x00, b"1PAY.SYS.DDF01", le=256)).hex()
    '00a404000e315041592e5359532e444446303100'
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None

    def __post_init__(self) -> None:
        if not all(0 <= byte <= 0xFF for byte in (self.cla, self.ins, self.p1, self.p2)):
            raise ApduError("command: CLA, INS, P1 and P2 are one byte each")
        if len(self.data) > MAX_DATA_BYTES:
            raise ApduError(f"command: need at most {MAX_DATA_BYTES} bytes of data, have {len(self.data)}")
        if self.le is not None and not 1 <= self.le <= ANY_LENGTH:
            raise ApduError("command: Le is 1 to 256, or none")

    @classmethod
    def parse(cls, apdu: bytes) -> Command:
        """Read a command APDU.

        Raises: ApduError: fewer than four bytes, or lengths that do not add up.
        """
        if len(apdu) < 4:
            raise ApduError(f"command: need at least 4 bytes, have {len(apdu)}")
        (cla, ins, p1, p2), body = apdu[:4], apdu[4:]
        if not body:
            return cls(cla, ins, p1, p2)
        if len(body) == 1:
            return cls(cla, ins, p1, p2, le=body[0] or ANY_LENGTH)
        lc = body[0]
        data, rest = body[1 : 1 + lc], body[1 + lc :]
        if not lc or len(data) < lc or len(rest) > 1:
            raise ApduError(f"command: Lc is {lc}, {len(body) - 1} bytes follow")
        return cls(cla, ins, p1, p2, data, (rest[0] or ANY_LENGTH) if rest else None)

    def __bytes__(self) -> bytes:
        lc = bytes((len(self.data),)) if self.data else b""
        le = b"" if self.le is None else bytes((self.le & 0xFF,))
        return bytes((self.cla, self.ins, self.p1, self.p2)) + lc + self.data + le

    @property
    def case(self) -> int:
        """1 to 4: with data or not, with an answer or not."""
        return 1 + 2 * bool(self.data) + (self.le is not None)

    @property
    def name(self) -> str:
        """The command's name, or its instruction byte."""
        return INSTRUCTIONS.get(self.ins, f"INS {self.ins:02X}")

    @property
    def carries_pin(self) -> bool:
        """True when the data are a PIN block, in the clear or enciphered."""
        return self.ins == _VERIFY

    def __repr__(self) -> str:
        shown = f"{len(self.data)} bytes" if self.carries_pin else self.data.hex().upper()
        return f"<{self.name} {self.cla:02X}{self.ins:02X}{self.p1:02X}{self.p2:02X} [{shown}] Le {self.le}>"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer APDU: data and status word. It prints without the data, which may hold a card number."""

    data: bytes = field(repr=False)
    sw: int = SUCCESS

    @classmethod
    def parse(cls, apdu: bytes) -> Response:
        """Read an answer APDU.

        Raises: ApduError: no status word.
        """
        if len(apdu) < 2:
            raise ApduError(f"answer: need at least 2 bytes, have {len(apdu)}")
        return cls(apdu[:-2], int.from_bytes(apdu[-2:], "big"))

    def __bytes__(self) -> bytes:
        return self.data + self.sw.to_bytes(2, "big")

    @property
    def ok(self) -> bool:
        """True for 9000 and nothing else."""
        return self.sw == SUCCESS

    def __repr__(self) -> str:
        return f"<{self.sw:04X} {status_meaning(self.sw)}, {len(self.data)} bytes>"
