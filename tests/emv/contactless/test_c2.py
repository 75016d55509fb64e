"""Kernel 2: the cryptogram under its signature, the limits, and the stripe whose code changes with every tap."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm import tlv
from posterm.emv.apdu import Command
from posterm.emv.bits import TerminalCapabilities, Tvr
from posterm.emv.contactless.cvc3 import Positions, dynamic_track2, unpredictable_number
from posterm.emv.errors import CardDataError
from posterm.emv.outcome import Ending
from tests.emv import signer
from tests.emv.contactless.scripted_card import (
    MASTERCARD,
    NUMBER,
    OK,
    PAN,
    ScriptedCard,
    application,
    entry,
    run,
    terminal,
)

CDOL1 = bytes.fromhex("9F0206 9F0306 9F1A02 9505 5F2A02 9A03 9C01 9F3704")
CVM_LIST = bytes.fromhex("0000000000000000 0203 1E03 1F03")
TRACK = "4000001234562004D30122010000000000000"


def _card(cid: int = 0x40, *, aip: str = "1980", signed: bool = True, **objects: bytes) -> ScriptedCard:
    holder = {"5A": bytes.fromhex(PAN), "5F24": bytes.fromhex("301231"), "8C": CDOL1, "8E": CVM_LIST}
    holder |= {"9F0D": bytes(5), "9F0E": bytes(5), "9F0F": bytes.fromhex("0000008000"), **objects}
    above, own = signer.issuer_certificate(PAN), signer.icc_certificate(PAN)
    card = ScriptedCard([entry(MASTERCARD)], {}, {"82": bytes.fromhex(aip), "94": bytes.fromhex("10010300")})
    card.records[2, 1] = holder
    card.records[2, 2] = {"8F": b"\x01", "90": above.certificate, "9F32": above.exponent, "92": above.remainder}
    card.records[2, 3] = {"9F46": own.certificate, "9F47": own.exponent, "9F48": own.remainder}

    def generate(command: Command) -> bytes:
        made = min(cid, command.p1 & 0xC0, key=lambda kind: {0x00: 0, 0x80: 1, 0x40: 2}[kind])
        plain = [("9F27", bytes((made,))), ("9F36", b"\x00\x07"), ("9F10", bytes(18))]
        if not command.p1 & 0x10 or not made:
            return tlv.build([("77", tlv.build([*plain, ("9F26", b"\x0c" * 8)]))]) + OK
        covered = command.data + tlv.build(plain)
        number = NUMBER if signed else bytes(4)
        signature = signer.combined_signature(b"\x01\x02\x03", made, b"\x0c" * 8, covered, number)
        return tlv.build([("77", tlv.build([*plain, ("9F4B", signature)]))]) + OK

    card.generate = generate
    return card


def _reader(**limits: int | bool | None):
    return terminal(application(MASTERCARD, 2, **limits))


def test_below_the_floor_limit_the_card_approves_under_its_signature():
    outcome = run(_card(), _reader(), 1_000).outcome
    assert (outcome.ending, outcome.response_code) == (Ending.APPROVED, "Y1")
    assert outcome.data["9F26"] == b"\x0c" * 8
    assert outcome.tvr == Tvr.NONE


def test_above_the_floor_limit_it_goes_online():
    ended = run(_card(), _reader(), 20_000)
    assert ended.outcome.ending is Ending.APPROVED
    assert ended.outcome.tvr & Tvr.FLOOR_LIMIT_EXCEEDED
    assert ended.online[0].data["9F26"] == b"\x0c" * 8


def test_a_signature_over_something_else_declines():
    ended = run(_card(signed=False), _reader(), 20_000)
    assert ended.outcome.ending is Ending.DECLINED
    assert ended.outcome.tvr & Tvr.CDA_FAILED
    assert ended.online == []


def test_without_a_key_no_signature_is_asked_for_and_the_action_codes_decide():
    ended = run(_card(**{"9F0F": Tvr.CDA_FAILED.to_bytes()}), _reader(), 1_000, trusted=False)
    assert ended.outcome.tvr & Tvr.CDA_FAILED
    assert len(ended.online) == 1


def test_a_card_that_declines_has_the_last_word():
    assert run(_card(0x00), _reader(), 1_000).outcome.ending is Ending.DECLINED


def test_a_card_that_makes_more_than_was_asked_for_is_not_believed():
    card = _card()
    honest = card.generate
    assert honest is not None
    card.generate = lambda command: honest(replace(command, p1=0x50))
    assert run(card, _reader(), 20_000).outcome.ending is Ending.TERMINATED


@pytest.mark.parametrize(
    ("aip", "amount", "results"),
    [("1980", 1_000, "3F0002"), ("1980", 60_000, "020300"), ("1B80", 60_000, "010002"), ("0980", 60_000, "3F0002")],
)
def test_the_cardholder_is_verified_from_the_limit_on(aip, amount, results):
    ended = run(_card(aip=aip), _reader(), amount)
    assert ended.outcome.data["9F34"].hex().upper() == results


def test_verification_fails_without_a_method_both_sides_can():
    able = TerminalCapabilities.from_value(bytes.fromhex("E000C8"))
    outcome = run(_card(), replace(_reader(), capabilities=able), 60_000).outcome
    assert outcome.tvr & Tvr.CARDHOLDER_VERIFICATION_NOT_SUCCESSFUL


def test_a_card_that_verifies_no_one_has_a_limit_of_its_own():
    reader = _reader(without_device=30_000)
    assert run(_card(), reader, 30_001).outcome.ending is Ending.TRY_ANOTHER_CARD
    assert run(_card(aip="1B80"), reader, 30_001).outcome.ending is Ending.APPROVED


@pytest.mark.parametrize("tag", ["5A", "5F24", "8C"])
def test_a_card_without_what_the_mode_needs_ends_the_application(tag):
    card = _card()
    del card.records[2, 1][tag]
    assert run(card, _reader(), 1_000).outcome.ending is Ending.TERMINATED


# --- mag-stripe mode -------------------------------------------------------------------------------------------------


def _stripe(**answer: bytes) -> ScriptedCard:
    card = ScriptedCard([entry(MASTERCARD)], {}, {"82": b"\x00\x00", "94": bytes.fromhex("08010100")})
    card.records[1, 1] = {
        "9F6B": bytes.fromhex(TRACK + "F"),
        "9F65": bytes.fromhex("000E"),
        "9F66": bytes.fromhex("0FF0"),
        "9F67": b"\x04",
    }
    given = {"9F61": (987).to_bytes(2, "big"), "9F36": (4321).to_bytes(2, "big"), **answer}
    given = {tag: value for tag, value in given.items() if value}
    card.generate = lambda _: tlv.build([("77", tlv.build(given.items()))]) + OK
    return card


def test_the_changing_code_number_and_counter_stand_in_the_track():
    ended = run(_stripe(), _reader(), 1_000)
    (sent,) = ended.online
    track = sent.data["9F6B"].hex().upper().rstrip("F")
    # From the right: the count of number digits, three of CVC3, four of the number, four of the counter.
    number = int.from_bytes(NUMBER, "big") % 10_000
    assert track == f"4000001234562004D3012201{0:01d}4321{number:04d}9874"
    assert sent.data["9F6A"].hex() == f"{number:08d}"


def test_a_card_without_a_code_declines_or_asks_for_another_tap():
    assert run(_stripe(**{"9F61": b""}), _reader(), 1_000).outcome.ending is Ending.DECLINED
    again = _stripe(**{"9F61": b"", "DF4B": b"\x00\x01\x00"})
    assert run(again, _reader(), 1_000).outcome.ending is Ending.TRY_AGAIN


def test_a_reader_without_mag_stripe_mode_refuses_it():
    assert run(_stripe(), _reader(stripe_mode=False), 1_000).outcome.ending is Ending.TERMINATED


@pytest.mark.parametrize("tag", ["9F6B", "9F65", "9F66", "9F67"])
def test_a_stripe_that_lacks_its_positions_ends_the_application(tag):
    card = _stripe()
    del card.records[1, 1][tag]
    assert run(card, _reader(), 1_000).outcome.ending is Ending.TERMINATED


@pytest.mark.parametrize(("punatc", "natc"), [("0001", "02"), ("FFFF", "00")])
def test_positions_that_contradict_each_other_are_refused(punatc, natc):
    with pytest.raises(CardDataError):
        Positions.of(b"\x00\x00", bytes.fromhex(punatc), bytes.fromhex(natc))


def test_positions_outside_the_discretionary_data_are_refused():
    positions = Positions.of(bytes.fromhex("8000"), b"\x00\x00", b"\x00")
    with pytest.raises(CardDataError, match="discretionary"):
        dynamic_track2("4000001234562004D30122010000", positions, b"\x00\x01", bytes(4), b"\x00\x01")


@given(st.integers(0, 0x7FF), st.integers(0, 0x7FF), st.integers(0, 11), st.binary(min_size=4, max_size=4))
def test_a_track_keeps_its_length_and_all_that_no_position_names(cvc3, punatc, natc, random):
    punatc &= ~cvc3
    try:
        positions = Positions.of(cvc3.to_bytes(2, "big"), punatc.to_bytes(2, "big"), bytes((natc,)))
    except CardDataError:
        assert not 0 <= punatc.bit_count() - natc <= 8
        return
    number = unpredictable_number(random, positions.number_digits)
    base = "4000001234562004D3012201" + "7" * 12
    track = dynamic_track2(base, positions, b"\x03\xdb", number, b"\x10\xe1")
    assert len(track) == len(base)
    assert track[:24] == base[:24]
    touched = cvc3 | punatc | 1
    assert all(track[-1 - place] == "7" for place in range(12) if not touched >> place & 1)
    assert track[-1] == str(positions.number_digits)
