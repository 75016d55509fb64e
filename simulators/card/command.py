"""What reaches a card, taken apart, and the status words it answers with.

Source: ISO/IEC 7816-4, 5.1 and 5.6; EMV 4.4 Book 3, 6.3.
Leaves out extended lengths and logical channels: payment cards have neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Sw(IntEnum):
    """A status word."""

    OK = 0x9000
    AUTHENTICATION_FAILED = 0x6300
    TRIES_LEFT = 0x63C0  # the last four bits count them
    SELECTED_BLOCKED = 0x6283
    WRONG_LENGTH = 0x6700
    SECURITY_STATUS = 0x6982
    PIN_BLOCKED = 0x6983
    REFERENCE_DATA_UNUSABLE = 0x6984
    CONDITIONS = 0x6985
    MAC_MISSING = 0x6987
    MAC_WRONG = 0x6988
    WRONG_DATA = 0x6A80
    NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    WRONG_P1_P2 = 0x6A86
    DATA_NOT_FOUND = 0x6A88
    WRONG_LE = 0x6C00  # the last byte is the right one
    MORE_DATA = 0x6100  # the last byte says how much
    UNKNOWN_INS = 0x6D00
    UNKNOWN_CLA = 0x6E00


class RefusedError(Exception):
    """How a command handler ends early: with this status word and no data."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


@dataclass(frozen=True, slots=True)
class Command:
    """A command APDU. `le` is the number of bytes wanted, 256 for a zero, None when the command has no Le."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None

    @classmethod
    def parse(cls, apdu: bytes) -> Command:
        """Take an APDU apart. Raises: RefusedError: 6700, it has none of the four short forms."""
        if len(apdu) < 4:
            raise RefusedError(Sw.WRONG_LENGTH)
        cla, ins, p1, p2 = apdu[:4]
        body = apdu[4:]
        if not body:
            return cls(cla, ins, p1, p2)
        if len(body) == 1:
            return cls(cla, ins, p1, p2, b"", body[0] or 256)
        lc = body[0]
        data, rest = body[1 : 1 + lc], body[1 + lc :]
        if not lc or len(data) != lc or len(rest) > 1:
            raise RefusedError(Sw.WRONG_LENGTH)
        return cls(cla, ins, p1, p2, data, (rest[0] or 256) if rest else None)

    @property
    def header(self) -> bytes:
        return bytes((self.cla, self.ins, self.p1, self.p2))
