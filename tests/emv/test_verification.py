"""Cardholder verification. Source: EMV 4.4 Book 3, 10.5 and C3; Book 4, 6.3.4 and A4."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posterm.emv.apdu import Response
from posterm.emv.bits import TerminalCapabilities, Tsi, Tvr
from posterm.emv.config import TransactionType
from posterm.emv.exchange import AskPin, PinAnswer, PinMethod, PinReply
from posterm.emv.outcome import Ending
from posterm.sensitive import Pan
from tests.emv import signer
from tests.emv.paper_card import (
    BYPASSED,
    ENTERED_ONLINE,
    PAD_FAILED,
    PAN,
    PURCHASE,
    TERMINAL,
    PaperCard,
    entered,
    run,
)

CARD = Pan(PAN)
BYTE_3 = Tvr(0xFF << 16)
FAILED = Tvr.CARDHOLDER_VERIFICATION_NOT_SUCCESSFUL
PERFORMED = Tsi.CARDHOLDER_VERIFICATION_PERFORMED


def with_list(rules: str, *, x: int = 0, y: int = 0, method: str = "none", **changes) -> PaperCard:
    """A card with this CVM list; rules are written as code and condition."""
    cvm_list = x.to_bytes(4, "big") + y.to_bytes(4, "big") + bytes.fromhex(rules)
    objects = {"8E": cvm_list, "9F42": bytes.fromhex("0156"), **changes.pop("objects", {})}
    return PaperCard(method=method, aip=0x1800, objects=objects, **changes)


def able(second_byte: int):
    """The terminal with these verification methods."""
    return replace(TERMINAL, capabilities=TerminalCapabilities.from_value(bytes((0xE0, second_byte, 0xC8))))


def verified(card: PaperCard, **arguments):
    outcome = run(card, **arguments)
    return outcome, outcome.data["9F34"].hex().upper(), outcome.tvr & BYTE_3


@pytest.mark.parametrize(
    ("rules", "pins", "results", "bits", "signature", "online_pin"),
    [
        ("1F00", [], "1F0002", Tvr.NONE, False, False),
        ("1E00", [], "1E0000", Tvr.NONE, True, False),
        ("0200", [ENTERED_ONLINE], "020000", Tvr.ONLINE_PIN_ENTERED, False, True),
        ("0100", [entered()], "010002", Tvr.NONE, False, False),
        ("0300", [entered()], "030000", Tvr.NONE, True, False),
        ("0000", [], "000001", FAILED, False, False),
        ("4000 1F00", [], "1F0002", Tvr.NONE, False, False),
        ("4200 1E00", [BYPASSED], "1E0000", Tvr.PIN_PAD_PRESENT_BUT_PIN_NOT_ENTERED, True, False),
        ("0200", [BYPASSED], "020001", FAILED | Tvr.PIN_PAD_PRESENT_BUT_PIN_NOT_ENTERED, False, False),
        ("4200 1F00", [PAD_FAILED], "1F0002", Tvr.PIN_PAD_NOT_PRESENT_OR_NOT_WORKING, False, False),
    ],
)
def test_each_method_leaves_its_result(rules, pins, results, bits, signature, online_pin):
    outcome, found, tvr = verified(with_list(rules, overruled={"0020": "9000"}), pins=pins)
    assert (found, tvr) == (results, bits), str(outcome.trace)
    assert (outcome.signature, outcome.online_pin) == (signature, online_pin)
    assert PERFORMED in outcome.tsi


def test_a_plaintext_pin_goes_to_the_card_in_format_2():
    card = with_list("0100", overruled={"0020": "9000"})
    run(card, pins=[entered("123456")])
    assert card.sent("0020") == ["002000800826123456FFFFFFFF"]


def pin_key() -> dict[str, bytes]:
    """A PIN encipherment key of its own."""
    certificate = signer.icc_certificate(PAN)
    return {"9F2D": certificate.certificate, "9F2F": certificate.remainder, "9F2E": b"\x03"}


@pytest.mark.parametrize("own_key", [True, False])
def test_an_enciphered_pin_goes_to_the_card_under_its_pin_key_or_its_signature_key(own_key):
    card = with_list(
        "0400",
        method="dda",
        objects=pin_key() if own_key else {},
        overruled={"0084": "11223344556677889000", "0020": "9000"},
    )
    outcome, results, tvr = verified(card, pins=[entered()])
    assert (results, tvr) == ("040002", Tvr.NONE), str(outcome.trace)
    (sent,) = card.sent("00200088")
    clear = signer.decipher(bytes.fromhex(sent[10:])).hex().upper()
    assert clear.startswith("7F241234FFFFFFFFFF1122334455667788" + "5A" * 8)


@pytest.mark.parametrize(
    ("method", "objects", "challenge"),
    [
        ("none", {}, "11223344556677889000"),
        ("dda", {"9F2D": b"\x00" * 128, "9F2E": b"\x03"}, "11223344556677889000"),
        ("dda", {"9F2D": b"\x00" * 128}, "11223344556677889000"),
        ("dda", {}, "112233445566779000"),
        ("dda", {}, "6D00"),
    ],
)
def test_a_pin_that_cannot_be_enciphered_is_not_sent(method, objects, challenge):
    card = with_list("4400 1F00", method=method, objects=objects, overruled={"0084": challenge})
    _, results, tvr = verified(card, pins=[entered()])
    assert (results, tvr) == ("1F0002", Tvr.NONE)
    assert card.sent("0020") == []


def test_the_try_counter_is_read_before_the_pin_is_asked_for():
    asked = []
    card = with_list("0100", overruled={"80CA9F17": "9F170103 9000".replace(" ", ""), "0020": ["63C2", "9000"]})
    run(card, pins=[entered("1111"), entered("1234")], asked=asked)
    assert [apdu[:8] for apdu in (*card.sent("80CA"), *card.sent("0020"))] == ["80CA9F17", "00200080", "00200080"]
    assert asked == [AskPin(PinMethod.OFFLINE, 3, pan=CARD), AskPin(PinMethod.OFFLINE, 2, wrong_before=True, pan=CARD)]


def test_without_tries_left_no_pin_is_asked_for():
    asked = []
    card = with_list("4100 1F00", overruled={"80CA9F17": "9F1701009000"})
    _, results, tvr = verified(card, asked=asked)
    assert (results, tvr, asked) == ("1F0002", Tvr.PIN_TRY_LIMIT_EXCEEDED, [])


def test_a_card_that_does_not_tell_its_tries_is_asked_all_the_same():
    asked = []
    _, results, _ = verified(with_list("0100", overruled={"0020": "9000"}), pins=[entered()], asked=asked)
    assert (results, asked) == ("010002", [AskPin(PinMethod.OFFLINE, None, pan=CARD)])


@pytest.mark.parametrize("answers", [["63C1", "63C0"], ["63C1", "6983"], ["6984"], ["63C0"]])
def test_the_last_wrong_pin_exceeds_the_limit(answers):
    card = with_list("0100", overruled={"0020": answers})
    _, results, tvr = verified(card, pins=[entered("1111")] * 2)
    assert (results, tvr) == ("010001", FAILED | Tvr.PIN_TRY_LIMIT_EXCEEDED)


def test_a_card_that_never_counts_down_is_not_asked_for_ever():
    card = with_list("0100", overruled={"0020": "63C9"})
    _, results, _ = verified(card, pins=iter(lambda: entered("1111"), None))
    assert (results, len(card.sent("0020"))) == ("010001", 15)


@pytest.mark.parametrize("sw", ["6D00", "6985", "6300", "6F00"])
def test_verify_answered_with_nonsense_ends_the_transaction(sw):
    assert run(with_list("0100", overruled={"0020": sw}), pins=[entered()]).ending is Ending.TERMINATED


def test_a_reader_with_a_pin_pad_may_send_verify_itself():
    reply = PinReply(PinAnswer.ENTERED, card_answer=Response(b"", 0x9000))
    card = with_list("0100")
    _, results, _ = verified(card, pins=[reply])
    assert (results, card.sent("0020")) == ("010002", [])


def test_who_refused_one_pin_is_not_asked_for_another():
    asked = []
    _, results, tvr = verified(with_list("4100 4200 1E00"), pins=[BYPASSED], asked=asked)
    assert (results, tvr, len(asked)) == ("1E0000", Tvr.PIN_PAD_PRESENT_BUT_PIN_NOT_ENTERED, 1)


# --- what the terminal cannot, what nobody knows ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "can", "results", "bits"),
    [
        ("4200 1F00", 0x08, "1F0002", Tvr.PIN_PAD_NOT_PRESENT_OR_NOT_WORKING),
        ("4100 1F00", 0x08, "1F0002", Tvr.PIN_PAD_NOT_PRESENT_OR_NOT_WORKING),
        ("4300 1F00", 0x88, "1F0002", Tvr.PIN_PAD_NOT_PRESENT_OR_NOT_WORKING),
        ("5E00 1F00", 0x08, "1F0002", Tvr.NONE),
        ("4203 1F00", 0x08, "1F0002", Tvr.NONE),
        ("1F00", 0x40, "3F0001", FAILED),
        ("4600 1F00", 0xF8, "1F0002", Tvr.UNRECOGNISED_CVM),
        ("0600 1F00", 0xF8, "3F0001", FAILED | Tvr.UNRECOGNISED_CVM),
        ("0603 1F00", 0xF8, "1F0002", Tvr.NONE),
        ("200A 1F00", 0xF8, "1F0002", Tvr.NONE),
        ("1E0A 1E80", 0xF8, "3F0001", FAILED),
    ],
)
def test_methods_and_conditions_nobody_can_follow_lead_on_or_fail(rules, can, results, bits):
    _, found, tvr = verified(with_list(rules), terminal=able(can))
    assert (found, tvr) == (results, bits)


@pytest.mark.parametrize(
    ("condition", "amount", "currency", "holds"),
    [
        ("06", 999, "0156", True), ("06", 1000, "0156", False),
        ("07", 1001, "0156", True), ("07", 1000, "0156", False),
        ("08", 1999, "0156", True), ("08", 2000, "0156", False),
        ("09", 2001, "0156", True), ("09", 2000, "0156", False),
        ("06", 1, "0840", False), ("07", 9999, "0840", False), ("08", 1, None, False), ("09", 9999, None, False),
    ],
)  # fmt: skip
def test_x_and_y_are_amounts_in_the_application_s_currency(condition, amount, currency, holds):
    objects = {"9F42": bytes.fromhex(currency) if currency else None}
    card = with_list(f"1F{condition}", x=1000, y=2000, objects=objects)
    _, results, _ = verified(card, transaction=replace(PURCHASE, amount=amount))
    assert results == (f"1F{condition}02" if holds else "3F0001")


CASH, CASHBACK = TransactionType.CASH, TransactionType.CASHBACK


@pytest.mark.parametrize(
    ("condition", "type_", "other", "attended", "holds"),
    [
        ("01", CASH, 0, False, True), ("01", CASH, 0, True, False), ("01", 0, 0, False, False),
        ("02", 0, 0, True, True), ("02", CASH, 0, True, False), ("02", CASHBACK, 10, True, False),
        ("04", CASH, 0, True, True), ("04", CASH, 0, False, False),
        ("05", CASHBACK, 10, True, True), ("05", 0, 0, True, False),
        ("0A", 0, 0, True, False), ("FF", 0, 0, True, False),
    ],
)  # fmt: skip
def test_conditions_ask_what_is_bought_and_where(condition, type_, other, attended, holds):
    terminal = replace(TERMINAL, terminal_type=0x22 if attended else 0x25)
    _, results, _ = verified(
        with_list(f"1F{condition}"), terminal=terminal, transaction=replace(PURCHASE, type=type_, other=other)
    )
    assert results == (f"1F{condition}02" if holds else "3F0001")


# --- lists that are no lists ------------------------------------------------------------------------------------------


def test_a_card_that_wants_verification_and_has_no_list_lacks_data():
    outcome, results, tvr = verified(PaperCard(aip=0x1800))
    assert (results, tvr, Tvr.ICC_DATA_MISSING in outcome.tvr) == ("3F0000", Tvr.NONE, True)
    assert PERFORMED not in outcome.tsi


def test_a_list_without_rules_counts_as_none():
    outcome, results, tvr = verified(with_list(""))
    assert (results, tvr, outcome.tsi & PERFORMED) == ("3F0000", Tvr.NONE, Tsi.NONE)


def test_a_card_without_verification_is_not_verified():
    outcome, results, tvr = verified(PaperCard(objects={"8E": bytes(8) + bytes.fromhex("0100")}))
    assert (results, tvr, outcome.tsi & PERFORMED) == ("3F0000", Tvr.NONE, Tsi.NONE)


def test_half_a_rule_ends_the_transaction():
    assert run(with_list("1F00 1F")).ending is Ending.TERMINATED
