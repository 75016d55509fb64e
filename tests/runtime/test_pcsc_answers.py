"""What a resource manager and a reader with keys answer, played by a stand-in for pyscard."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from posterm.runtime import pcsc
from posterm.runtime.errors import CardGone, ReaderError
from posterm.runtime.pcsc import Feature, PcscReader, parse_features, verify_structure

ATR = list(bytes.fromhex("3B810154D4"))
VERIFY_DIRECT = 0x42330006


class StandIn(ModuleType):
    """pyscard's functions; `codes` are the answers of single ones, `answers` those to a control code."""

    SCARD_SCOPE_USER = 0
    SCARD_SHARE_EXCLUSIVE = 1
    SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1 = 1, 2
    SCARD_PCI_T0, SCARD_PCI_T1 = 1, 2
    SCARD_UNPOWER_CARD = 2
    SCARD_STATE_UNAWARE, SCARD_STATE_PRESENT = 0, 0x20
    SCARD_STATE_EXCLUSIVE, SCARD_STATE_INUSE = 0x80, 0x100

    def __init__(self) -> None:
        super().__init__("smartcard.scard")
        self.codes: dict[str, int] = {}
        self.answers: dict[int, bytes] = {}
        self.controlled: list[tuple[int, bytes]] = []
        self.disconnected = 0

    def SCardEstablishContext(self, scope):
        return [self.codes.get("establish", 0), 1]

    def SCardReleaseContext(self, context):
        return 0

    def SCardListReaders(self, context, groups):
        return [self.codes.get("list", 0), ["Desk", "Pad"]]

    def SCardConnect(self, context, name, share, protocols):
        return [self.codes.get("connect", 0), 7, 2]

    def SCardReconnect(self, card, share, protocols, initialization):
        return [self.codes.get("reconnect", 0), 2]

    def SCardStatus(self, card):
        return [self.codes.get("status", 0), "Desk", 0, 2, ATR]

    def SCardTransmit(self, card, pci, data):
        return [self.codes.get("transmit", 0), [0x90, 0x00]]

    def SCardDisconnect(self, card, disposition):
        self.disconnected += 1
        return 0

    def SCardControl(self, card, number, data):
        self.controlled.append((number, bytes(data)))
        return [self.codes.get("control", 0), list(self.answers.get(number, b""))]

    def SCARD_CTL_CODE(self, number):
        return 0x42000000 + number


@pytest.fixture
def scard(monkeypatch) -> StandIn:
    stand_in = StandIn()
    package = ModuleType("smartcard")
    package.scard = stand_in
    monkeypatch.setitem(sys.modules, "smartcard", package)
    monkeypatch.setitem(sys.modules, "smartcard.scard", stand_in)
    return stand_in


def test_without_pyscard_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "smartcard", None)
    with pytest.raises(ReaderError, match="pyscard is not installed") as caught:
        pcsc.list_readers()
    assert caught.value.hint == "pip install 'posterm[pcsc]'"


@pytest.mark.parametrize(
    ("call", "code", "error", "text", "hint"),
    [
        ("establish", 0x8010001D, ReaderError, "resource manager: no service (PC/SC error 8010001D)", "posterm doctor"),
        ("establish", 0x8010006A, ReaderError, "resource manager: security violation", "get the right"),
        ("list", 0x8010001E, ReaderError, "list of readers: service stopped", "posterm doctor"),
        ("connect", 0x8010000B, ReaderError, "Desk: sharing violation", "another program holds the card"),
        ("connect", 0x8010000C, CardGone, "Desk: no smartcard", ""),
        ("connect", -0x7FEFFFF4, CardGone, "Desk: no smartcard (PC/SC error 8010000C)", ""),
        ("reconnect", 0x80100066, CardGone, "Desk: unresponsive card", ""),
        ("status", 0x80100069, CardGone, "Desk: removed card", ""),
        ("connect", 0x80100001, ReaderError, "Desk: unknown (PC/SC error 80100001)", ""),
    ],
)
def test_each_refusal_is_told_apart(scard, call, code, error, text, hint):
    scard.codes[call] = code
    with pytest.raises(ReaderError) as caught:
        PcscReader("Desk").power_on()
    assert type(caught.value) is error
    assert text in str(caught.value)
    assert hint in caught.value.hint


def test_no_reader_at_all_is_an_empty_list(scard):
    scard.codes["list"] = 0x8010002E
    assert pcsc.list_readers() == []
    with pytest.raises(ReaderError, match="have none") as caught:
        PcscReader("Desk")
    assert caught.value.hint == "plug one in; `posterm doctor` says more"


@pytest.mark.parametrize("code", [0x80100016, 0x80100067, 0x80100068, 0x80100069])
def test_a_card_that_went_while_it_was_spoken_to_answers_nothing(scard, code):
    reader = PcscReader("Desk")
    reader.power_on()
    scard.codes["transmit"] = code
    assert reader.transmit(bytes(4)) == b""
    assert scard.disconnected == 1


def test_a_reader_that_went_is_an_error(scard):
    reader = PcscReader("Desk")
    reader.power_on()
    scard.codes["transmit"] = 0x80100017
    with pytest.raises(ReaderError, match="reader unavailable"):
        reader.transmit(bytes(4))


def test_an_answer_to_reset_that_is_none_is_an_error(scard, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ATR", [0x00, 0x00])
    with pytest.raises(ReaderError, match="Desk: ATR: need 3B or 3F first"):
        PcscReader("Desk").power_on()


# --- readers with keys --------------------------------------------------------------------------------------------


def test_features_are_read_and_unknown_ones_left_out():
    answer = bytes.fromhex("0604423300060A044233000A" + "7E0400000001" + "0502AABB")
    assert parse_features(answer) == {Feature.VERIFY_PIN_DIRECT: 0x42330006, Feature.IFD_PIN_PROPERTIES: 0x4233000A}


@pytest.mark.parametrize("answer", ["", "06", "0604", "0604423300", "0603423300FF"])
def test_features_cut_short_are_none(answer):
    assert parse_features(bytes.fromhex(answer)) == {}


def test_a_reader_that_knows_no_features_has_none(scard):
    scard.codes["control"] = 0x80100022
    reader = PcscReader("Pad")
    reader.power_on()
    assert reader.features() == {}
    with pytest.raises(ReaderError, match="need a reader with a PIN pad"):
        reader.verify_pin()


def test_the_holder_types_the_pin_on_the_reader(scard):
    reader = PcscReader("Pad")
    reader.power_on()
    scard.answers = {
        0x42000000 + 3400: bytes.fromhex("0604") + VERIFY_DIRECT.to_bytes(4, "big"),
        VERIFY_DIRECT: bytes.fromhex("63C2"),
    }
    assert reader.verify_pin(timeout_s=20) == bytes.fromhex("63C2")
    assert scard.controlled[-1] == (VERIFY_DIRECT, verify_structure(20))


def test_the_structure_holds_the_command_of_the_book_with_an_empty_pin_block():
    structure = verify_structure(30)
    assert structure.hex().upper() == "1E1E894704" + "0C04" + "0201" + "0904" + "00" + "000000" + "0D000000" + (
        "0020008008" + "20FFFFFFFFFFFFFF"
    )
    assert len(structure) == 19 + 13
