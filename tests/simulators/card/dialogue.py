"""A plain terminal for tests: it says what a card asks for, decides nothing and checks nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from posterm import tlv
from simulators.card import Card
from simulators.card.profile import parse_dol

SALE = {
    "9F02": "000000001234",
    "9F03": "000000000000",
    "9F1A": "0156",
    "95": "0000008000",
    "5F2A": "0156",
    "9A": "260302",
    "9C": "00",
    "9F37": "A1B2C3D4",
    "9F21": "101112",
    "9F35": "22",
    "9F45": "DAC1",
    "9F4C": "0000000000000000",
    "9F34": "1F0302",
    "9F66": "36000080",
    "9F7A": "00",
    "8A": "3030",
    "91": "00000000000000000000",
}
AAC, TC, ARQC = 0x00, 0x40, 0x80


@dataclass
class Dialogue:
    """One powering of a card, APDU by APDU, with all it said by tag."""

    card: Card
    said: dict[str, bytes] = field(default_factory=lambda: {tag: bytes.fromhex(text) for tag, text in SALE.items()})
    heard: dict[str, bytes] = field(default_factory=dict)
    sw: int = 0
    log: list[str] = field(default_factory=list)
    sent: bytes = b""
    arqc: bytes = b""

    def __post_init__(self) -> None:
        self.card.power_on()

    def command(self, header: str, data: bytes = b"", *, le: bool = True) -> bytes:
        """One command with short lengths; keeps the status word in `sw`."""
        apdu = bytes.fromhex(header) + (bytes((len(data),)) + data if data else b"") + (b"\x00" if le else b"")
        answer = self.card.transmit(apdu)
        self.log.append(f"> {apdu.hex()}\n< {answer.hex()}")
        self.sw = int.from_bytes(answer[-2:], "big")
        return answer[:-2]

    def hear(self, data: bytes) -> bytes:
        for tag, value in tlv.parse_deep(data) if data else []:
            self.heard[tag] = value
        return data

    def select(self, name: str = "main", *, next_occurrence: bool = False) -> Dialogue:
        applications = self.card.profile.applications
        aid = bytes.fromhex(applications[name].aid if name in applications else name)
        self.heard.clear()
        self.hear(self.command("00A40402" if next_occurrence else "00A40400", aid))
        return self

    def values(self, tag: str) -> bytes:
        """What the list in `tag` asks for."""
        parts = []
        for each, length in parse_dol(self.heard.get(tag, b"")):
            value = self.said.get(each, bytes(length))
            parts.append(value[:length].ljust(length, b"\x00"))
        return b"".join(parts)

    def start(self) -> Dialogue:
        values = self.values("9F38")
        self.sent = values
        self.answer(self.command("80A80000", tlv.build([("83", values)])), ("82", 2), ("94", None))
        return self

    def answer(self, data: bytes, *format_1: tuple[str, int | None]) -> None:
        """Take an answer in either format."""
        if data[:1] != b"\x80":
            self.hear(data)
            return
        value = tlv.parse(data)[0][1]
        for tag, length in format_1:
            part, value = (value, b"") if length is None else (value[:length], value[length:])
            self.heard[tag] = part

    def read(self) -> Dialogue:
        afl = self.heard["94"]
        for at in range(0, len(afl), 4):
            sfi, first, last = afl[at] >> 3, afl[at + 1], afl[at + 2]
            for number in range(first, last + 1):
                self.hear(self.command(f"00B2{number:02X}{sfi << 3 | 4:02X}"))
                assert self.sw == 0x9000, (sfi, number)
        return self

    def generate(self, kind: int, lists: str = "8C") -> Dialogue:
        """`lists` is 8C for the first, 8D for the second."""
        values = self.values(lists)
        self.sent += values
        for tag in ("9F27", "9F26", "9F4B"):
            self.heard.pop(tag, None)
        self.answer(self.command(f"80AE{kind:02X}00", values), ("9F27", 1), ("9F36", 2), ("9F26", 8), ("9F10", None))
        return self

    @property
    def kind(self) -> int:
        return self.heard["9F27"][0]


def online(card: Card, **said: str) -> Dialogue:
    """A dialogue as far as the answer to the first GENERATE AC, which asks for an ARQC."""
    talk = Dialogue(card)
    talk.said |= {tag: bytes.fromhex(text) for tag, text in said.items()}
    return talk.select().start().read().generate(ARQC)
