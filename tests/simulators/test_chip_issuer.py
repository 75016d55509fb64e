"""The test issuers verify what the test cards make, and answer what those accept."""

from __future__ import annotations

import pytest

from posterm import tlv
from posterm.emv.exchange import GoOnline
from simulators.card import load
from simulators.chip_issuer import Script, TestIssuers

CARDS = [
    "unionpay-debit",
    "visa-debit",
    "visa-credit",
    "mastercard-debit",
    "mastercard-credit",
    "jcb-debit",
    "amex-credit",
]
SAID = {
    "9F02": bytes.fromhex("000000001234"),
    "9F03": bytes(6),
    "9F1A": bytes.fromhex("0156"),
    "95": bytes(5),
    "5F2A": bytes.fromhex("0156"),
    "9A": bytes.fromhex("300601"),
    "9C": bytes(1),
    "9F37": bytes.fromhex("01020304"),
    "9F21": bytes.fromhex("120000"),
}


class Hand:
    """A terminal worked by hand, as far as the first GENERATE AC."""

    def __init__(self, name: str) -> None:
        self.card = load(name)
        self.card.power_on()
        self.data = dict(SAID)
        aid = bytes.fromhex(next(iter(self.card.profile.applications.values())).aid)
        self.data["84"] = aid
        self.ask(b"\x00\xa4\x04\x00" + bytes((len(aid),)) + aid + b"\x00")
        pdol = b"".join(self.fitted("9F38"))
        self.ask(b"\x80\xa8\x00\x00" + bytes((len(pdol) + 2, 0x83, len(pdol))) + pdol + b"\x00")
        afl = self.data["94"]
        for at in range(0, len(afl), 4):
            for number in range(afl[at + 1], afl[at + 2] + 1):
                self.ask(bytes((0x00, 0xB2, number, afl[at] & 0xF8 | 4, 0)))
        self.generate(0x80, "8C")

    def ask(self, apdu: bytes) -> str:
        answer = self.card.transmit(apdu)
        self.data |= dict(tlv.parse_deep(answer[:-2]))
        return answer[-2:].hex()

    def generate(self, kind: int, cdol: str) -> str:
        values = b"".join(self.fitted(cdol))
        return self.ask(bytes((0x80, 0xAE, kind, 0, len(values))) + values + b"\x00")

    def fitted(self, tag: str):
        dol = self.data.get(tag, b"")
        at = 0
        while at < len(dol):
            size = 2 if dol[at] & 0x1F == 0x1F else 1
            name, length = dol[at : at + size].hex().upper(), dol[at + size]
            yield self.data.get(name, b"").ljust(length, b"\x00")[:length]
            at += size + 1

    def finish(self, issuers: TestIssuers) -> str:
        """The second cryptogram's kind after the issuer's answer: 40 for TC, 00 for AAC."""
        result = issuers.answer(GoOnline(self.data)).result
        self.data |= {"8A": result.response_code.encode(), **dict(tlv.parse(result.issuer_data))}
        if self.data["82"][0] & 0x04 and "91" in self.data:
            sent = self.data["91"]
            self.ask(bytes((0x00, 0x82, 0, 0, len(sent))) + sent)
        self.generate(0x40 if result.approved else 0x00, "8D")
        return self.data["9F27"].hex()


@pytest.mark.parametrize("name", CARDS)
def test_a_cryptogram_is_verified_and_its_answer_accepted(name):
    hand = Hand(name)
    assert hand.data["9F27"] == b"\x80"
    answer = TestIssuers().answer(GoOnline(hand.data))
    assert answer.result.approved
    assert "verified" in answer.said
    assert hand.finish(TestIssuers()) == "40"


@pytest.mark.parametrize("name", CARDS)
def test_a_decline_ends_with_an_aac(name):
    assert Hand(name).finish(TestIssuers("51")) == "00"


@pytest.mark.parametrize("tag", ["9F02", "9F36", "9F37", "9F26", "82"])
def test_a_changed_object_is_declined(tag):
    data = Hand("unionpay-debit").data
    data[tag] = data[tag][:-1] + bytes((data[tag][-1] ^ 1,))
    answer = TestIssuers().answer(GoOnline(data))
    assert (answer.result.response_code, answer.result.issuer_data) == ("05", b"")


@pytest.mark.parametrize("missing", ["84", "9F10", "5A"])
def test_what_cannot_be_verified_is_a_format_error(missing):
    data = {tag: value for tag, value in Hand("unionpay-debit").data.items() if tag not in (missing, "57")}
    assert TestIssuers().answer(GoOnline(data)).result.response_code == "30"


@pytest.mark.parametrize("after_final", [False, True])
def test_the_card_obeys_a_script_of_its_issuer(after_final):
    hand = Hand("unionpay-debit")
    unblock = Script(((bytes.fromhex("84240000"), b""),), b"\x00\x00\x00\x07", after_final=after_final)
    issuers = TestIssuers(scripts=(unblock,), authenticates=False)
    [(template, script)] = tlv.parse(issuers.answer(GoOnline(hand.data)).result.issuer_data)
    assert template == ("72" if after_final else "71")
    (_, identifier), (_, command) = tlv.parse(script)
    assert identifier == b"\x00\x00\x00\x07"
    assert hand.ask(command) == "9000"


def test_an_issuer_that_keeps_silent_sends_nothing():
    assert TestIssuers(authenticates=False).answer(GoOnline(Hand("unionpay-debit").data)).result.issuer_data == b""
