"""A card that is no payment card: it echoes, counts and misbehaves as told."""

from __future__ import annotations

T0_ATR = bytes.fromhex("3B6500002063CB6800")
T1_ATR = bytes.fromhex("3B8101" + "54" + "D4")
TAPPED_ATR = bytes.fromhex("3B80800101")


class ToyCard:
    """Answers INS 0E with the data it got, INS 0C with so many counters as Le asks for; leaves at INS FF."""

    def __init__(self, atr: bytes = T1_ATR) -> None:
        self.atr = atr
        self.powered = 0
        self.seen: list[bytes] = []
        self._ready = b""

    def power_on(self) -> bytes:
        self.powered += 1
        self.seen.clear()
        return self.atr

    def transmit(self, apdu: bytes) -> bytes:
        self.seen.append(apdu)
        match apdu[1]:
            case 0x0E if self.atr == T0_ATR:
                self._ready = apdu[5:]
                return bytes((0x61, len(self._ready)))
            case 0x0E:
                return apdu[5 : 5 + apdu[4]] + b"\x90\x00"
            case 0xC0 if apdu[4] != len(self._ready):
                return bytes((0x6C, len(self._ready)))
            case 0xC0:
                return self._ready + b"\x90\x00"
            case 0x0C:
                return bytes(range(apdu[4])) + b"\x90\x00"
            case 0xFF:
                return b""
        return b"\x6d\x00"
