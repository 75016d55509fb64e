"""Frames of payments by a code: what the terminal makes, byte for byte, and what it reads out of answers.

The sale by an ordinary sale is one of the worked frames of the dialect; the acquirer's family is written down in
`tests/vectors/unionpay/code_frames.json`, with the same keys and identities.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posterm.hsm import Algorithm, KeyUsage, Lmk, SoftHsm
from posterm.iso8583 import Message
from posterm.terminal import Identity
from posterm.terminal.mapping import CodeData, Mapper
from posterm.terminal.records import JournalEntry, Status
from posterm.unionpay.envelope import Sealer, open_envelope, request_envelope
from posterm.unionpay.payment_code import CodeResult, parse_code
from posterm.unionpay.profile import get_profile
from posterm.unionpay.transactions import Entry, Kind

VECTORS = Path(__file__).parents[1] / "vectors"
FRAMES = json.loads((VECTORS / "unionpay/code_frames.json").read_text("utf-8"))["vectors"]
WORKED = {
    vector["id"]: vector for vector in json.loads((VECTORS / "iso8583/unionpay-pos.json").read_text("utf-8"))["vectors"]
}
PROFILE = get_profile("default")
HSM = SoftHsm(Lmk.test(), lambda size: bytes(range(1, size + 1)))
MAK = HSM.load_clear_key(bytes.fromhex("0D1E2F3A4B5C6D7E"), KeyUsage.MAC, Algorithm.DES)
MAPPER = Mapper(PROFILE, Identity("10000001", "898310058120001"), HSM)


def paid(kind: Kind = Kind.QR_SALE) -> JournalEntry:
    return JournalEntry(
        batch="000001",
        stan="000009",
        kind=kind,
        amount_minor=100,
        currency="156",
        status=Status.APPROVED,
        entry=Entry.CODE,
        operator="01",
        at="2026-06-01T12:00:00",
        rrn="060100000021",
        auth_code="000021",
        host_date="0601",
    )


def request(kind: Kind, stan: str, *, code: str = "", amount: int | None = 100, entry: Entry = Entry.CODE) -> Message:
    original = None if kind in (Kind.SALE, Kind.QR_SALE, Kind.QR_ORDER) else paid()
    return MAPPER.request(
        kind,
        stan=stan,
        batch="000001",
        amount_minor=amount,
        currency="156",
        card=CodeData(entry, code),
        operator="01",
        original=original,
    )


REQUESTS = {
    "sale-by-digits": lambda: request(Kind.QR_SALE, "000009", code="134567890123456789"),
    "sale-by-face": lambda: request(Kind.QR_SALE, "000009", code="fp0123456789abcdef", entry=Entry.OPTICAL),
    "order": lambda: request(Kind.QR_ORDER, "000009"),
    "void": lambda: request(Kind.QR_VOID, "000011"),
    "query": lambda: request(Kind.QR_QUERY, "000012", amount=None),
    "refund": lambda: request(Kind.QR_REFUND, "000013", amount=50),
    "closing": lambda: MAPPER.closing(request(Kind.QR_ORDER, "000009"), stan="000010").with_elements({39: "98"}),
}


def framed(message: Message) -> str:
    frame = request_envelope(PROFILE, Sealer(PROFILE, HSM).seal(message, MAK)).pack()
    return f"{len(frame):04X}{frame.hex().upper()}"


def elements(message: Message) -> dict[str, str]:
    values = ((number, message[number]) for number in message)
    return {str(n): bytes(v).hex().upper() if isinstance(v, bytes) else str(v) for n, v in values}


def test_the_standard_sale_is_the_worked_frame():
    vector = WORKED["unionpay-qr-customer-code-sale"]
    code = parse_code(vector["elements"]["59"])
    assert framed(request(Kind.SALE, "000009", code=code)) == vector["frame"]


@pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: vector["id"])
def test_every_frame_is_read_as_its_elements(vector):
    wire = open_envelope(bytes.fromhex(vector["frame"])[2:]).wire
    message = PROFILE.dialect.unpack(wire)
    assert (message.mti, elements(message)) == (vector["mti"], vector["elements"])
    assert PROFILE.dialect.pack(message) == wire
    if 64 in message:
        Sealer(PROFILE, HSM).check(wire, MAK)


@pytest.mark.parametrize("name", REQUESTS)
def test_the_terminal_makes_the_frame(name):
    vector = next(vector for vector in FRAMES if vector["id"] == name)
    assert framed(REQUESTS[name]()) == vector["frame"]


@pytest.mark.parametrize("vector", [one for one in FRAMES if "result" in one], ids=lambda vector: vector["id"])
def test_an_answer_says_how_the_payment_stands(vector):
    result = CodeResult.parse(vector["elements"]["44"])
    assert [result.channel, result.state] == vector["result"]
