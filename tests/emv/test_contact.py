"""Whole contact transactions: every ending, and that there always is one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm import tlv
from posterm.amount import Currency
from posterm.emv.bits import CryptogramType, TerminalCapabilities, Tsi, Tvr
from posterm.emv.capk import CaKeyStore
from posterm.emv.config import ApplicationConfig, CdaMode, TerminalConfig, Transaction
from posterm.emv.exchange import MAX_COMMANDS, OnlineResult
from posterm.emv.outcome import Ending, Fallback
from tests.emv.paper_card import (
    AID,
    BYPASSED,
    CANCELLED,
    PURCHASE,
    TERMINAL,
    PaperCard,
    run,
    with_application,
)
from tests.emv.vector_files import chain

ONLINE = with_application(floor_limit=0)
OFFLINE_ONLY = replace(TERMINAL, terminal_type=0x23)
ONLINE_ONLY = replace(TERMINAL, terminal_type=0x21)
UNREACHED = OnlineResult()
AAC, TC, ARQC = 0x00, 0x40, 0x80


@pytest.mark.parametrize(
    ("terminal", "makes", "online", "ending", "code", "cryptogram"),
    [
        (TERMINAL, (None, None), UNREACHED, Ending.APPROVED, "Y1", "TC"),
        (TERMINAL, (AAC, None), UNREACHED, Ending.DECLINED, "Z1", "AAC"),
        (TERMINAL, (ARQC, None), OnlineResult("00"), Ending.APPROVED, "00", "TC"),
        (ONLINE, (None, None), OnlineResult("00"), Ending.APPROVED, "00", "TC"),
        (ONLINE, (None, None), OnlineResult("51"), Ending.DECLINED, "51", "AAC"),
        (ONLINE, (None, AAC), OnlineResult("00"), Ending.DECLINED, "00", "AAC"),
        (ONLINE, (AAC, None), OnlineResult("00"), Ending.DECLINED, "", "AAC"),
        (ONLINE, (None, None), UNREACHED, Ending.APPROVED, "Y3", "TC"),
        (ONLINE, (None, AAC), UNREACHED, Ending.DECLINED, "Z3", "AAC"),
        (replace(ONLINE, terminal_type=0x21), (None, None), UNREACHED, Ending.DECLINED, "Z3", "AAC"),
        (ONLINE_ONLY, (None, None), OnlineResult("00"), Ending.APPROVED, "00", "TC"),
        (OFFLINE_ONLY, (None, None), UNREACHED, Ending.APPROVED, "Y1", "TC"),
        (OFFLINE_ONLY, (ARQC, None), OnlineResult("00"), Ending.APPROVED, "Y3", "TC"),
    ],
)  # fmt: skip
def test_every_ending_of_book_4_is_reached(terminal, makes, online, ending, code, cryptogram):
    outcome = run(PaperCard(makes=makes), terminal=terminal, online=online)
    code = code or "Z1"
    assert (outcome.ending, outcome.response_code, outcome.cryptogram.name) == (ending, code, cryptogram)
    assert outcome.fallback is Fallback.NOT_ALLOWED


def test_the_card_declining_what_the_host_approved_has_to_be_reversed():
    assert run(PaperCard(makes=(None, AAC)), terminal=ONLINE).reversal_needed
    assert not run(PaperCard(), terminal=ONLINE).reversal_needed
    assert not run(PaperCard(makes=(None, AAC)), terminal=ONLINE, online=OnlineResult("51")).reversal_needed
    torn = run(PaperCard(overruled={"80AE40": "6985"}), terminal=ONLINE)
    assert (torn.ending, torn.reversal_needed) == (Ending.TERMINATED, True)


@pytest.mark.parametrize(("attendant", "ending"), [(True, Ending.APPROVED), (False, Ending.DECLINED)])
def test_a_referral_is_settled_by_the_attendant(attendant, ending):
    asked = []
    outcome = run(PaperCard(), terminal=ONLINE, online=OnlineResult("01"), refer=attendant, asked=asked)
    assert outcome.ending is ending
    assert [type(effect).__name__ for effect in asked] == ["GoOnline", "Refer"]


@pytest.mark.parametrize(("asked_for", "made"), [(ARQC, TC), (AAC, ARQC), (AAC, TC), (TC, 0xC0)])
def test_a_card_may_not_upgrade_what_it_is_asked_for(asked_for, made):
    terminal = {ARQC: ONLINE, TC: TERMINAL}.get(asked_for, with_application(tac_denial=Tvr((1 << 40) - 1)))
    card = PaperCard(makes=(made, None))
    outcome = run(card, terminal=terminal)
    assert card.sent("80AE")[0][4:6] == f"{asked_for:02X}"
    assert outcome.ending is Ending.TERMINATED


def test_a_second_arqc_is_refused():
    assert run(PaperCard(makes=(None, ARQC)), terminal=ONLINE).ending is Ending.TERMINATED


def test_the_published_cda_chain_runs_to_an_offline_approval():
    """The data, date, country, currency and random number are those under which the chain was signed."""
    cda = chain("cda")
    rid = cda["rid"]
    terminal = TerminalConfig(
        (ApplicationConfig(rid + b"\x10\x10", "M/Chip", floor_limit=1, version=b"\x00\x02"),),
        terminal_type=0x23,
        country="643",
        currency=Currency("RUB", "643", 2),
        cda_mode=CdaMode.MODE_1,
    )
    transaction = Transaction(0, datetime(2014, 9, 25), type=0x50)  # noqa: DTZ001
    records = [
        cda["static_data"][:-2],
        tlv.build([("8F", b"\x05"), ("90", cda["issuer_certificate"])]),
        tlv.build([("92", cda["issuer_remainder"]), ("9F32", b"\x03"), ("9F47", b"\x03")]),
        tlv.build([("9F46", cda["icc_certificate"])]),
    ]
    answers = {f"00B2{n:02X}0C": tlv.build([("70", r)]).hex() + "9000" for n, r in enumerate(records, start=1)}
    answer = tlv.build([("77", cda["answer_objects"] + tlv.build([("9F4B", cda["signature"])]))])
    card = PaperCard(
        aid=rid + b"\x10\x10",
        overruled=answers | {"80A8": "800639000801040190 00", "80AE50": answer.hex() + "9000"},
    )
    outcome = run(card, terminal=terminal, transaction=transaction, keys=CaKeyStore([cda.ca]),
                  draw=lambda size: bytes.fromhex("12345779")[:size])  # fmt: skip
    assert card.sent("80AE50")[0][10:-2] == cda["cdol1_data"].hex().upper()
    assert outcome.ending is Ending.APPROVED, str(outcome.trace)
    assert outcome.tvr is Tvr.NONE
    assert outcome.data["9F26"] == cda["cryptogram"]
    assert Tsi.OFFLINE_DATA_AUTHENTICATION_PERFORMED in outcome.tsi


@pytest.mark.parametrize(
    ("card", "ending", "fallback"),
    [
        (PaperCard(overruled={"00A4": ""}), Ending.TERMINATED, Fallback.STRIPE),
        (PaperCard(overruled={"00A4": "6A82"}), Ending.TRY_ANOTHER_CARD, Fallback.STRIPE),
        (PaperCard(overruled={"00A4": "6A81"}), Ending.TERMINATED, Fallback.NOT_ALLOWED),
        (PaperCard(overruled={"00A404000E": "6A82", "00A404": PaperCard().fci().hex() + "6283"}),
         Ending.TRY_ANOTHER_CARD, Fallback.NOT_ALLOWED),
        (PaperCard(overruled={"00B2": "6A83"}), Ending.TERMINATED, Fallback.STRIPE),
        (PaperCard(overruled={"00B2": "7003019000"}), Ending.TERMINATED, Fallback.STRIPE),
        (PaperCard(overruled={"80AE": ""}), Ending.TERMINATED, Fallback.NOT_ALLOWED),
        (PaperCard(overruled={"80AE": "6985"}), Ending.TERMINATED, Fallback.NOT_ALLOWED),
    ],
)  # fmt: skip
def test_the_stripe_may_be_used_only_when_the_chip_could_not_be(card, ending, fallback):
    outcome = run(card)
    assert (outcome.ending, outcome.fallback) == (ending, fallback), outcome.reason


def test_who_cancels_is_asked_for_no_stripe():
    pin_card = PaperCard(aip=0x1800, objects={"8E": bytes.fromhex("00000000000000000203")})
    outcome = run(pin_card, pins=[CANCELLED])
    assert (outcome.ending, outcome.fallback) == (Ending.CANCELLED, Fallback.NOT_ALLOWED)
    no_bypass = run(pin_card, pins=[BYPASSED], terminal=replace(TERMINAL, pin_bypass=False))
    assert no_bypass.ending is Ending.CANCELLED


def test_the_trace_says_why_a_transaction_was_declined():
    card = PaperCard(objects={"5F24": bytes.fromhex("260723"), "9F0E": bytes.fromhex("0040000000")})
    outcome = run(card)
    assert outcome.ending is Ending.DECLINED
    lines = str(outcome.trace).splitlines()
    assert "Book 3, 10.4.3: the application has expired -> TVR byte 2 bit 7 expired application" in lines
    assert "Book 3, 10.7: action code denial: decline, because of byte 2 bit 7 expired application" in lines


def test_no_card_number_stands_in_trace_or_outcome():
    outcome = run(PaperCard(method="cda"), terminal=ONLINE)
    assert "4761739001010010" not in f"{outcome!r}{outcome.trace}{list(outcome.trace)}"


def test_the_same_answers_and_random_numbers_give_the_same_commands():
    logs = []
    for _ in range(2):
        card = PaperCard(method="cda")
        run(card, terminal=ONLINE)
        logs.append(card.log)
    assert logs[0] == logs[1]


# --- whatever a card answers ------------------------------------------------------------------------------------------


def objects() -> st.SearchStrategy[bytes]:
    """BER-TLV a card could answer with, some of it with the tags a kernel looks for."""
    tags = st.sampled_from(
        ["4F", "50", "57", "5A", "61", "6F", "70", "77", "80", "82", "84", "87", "88", "8C", "8D", "8E", "8F",
         "90", "94", "9F26", "9F27", "9F36", "9F38", "9F4B", "9F17", "A5", "BF0C", "5F24", "93", "9F46", "9F32",
         "9F47", "9F4A"]
    )  # fmt: skip
    leaf = st.builds(lambda tag, value: tlv.build([(tag, value)]), tags, st.binary(max_size=20))
    return st.recursive(
        leaf,
        lambda inner: st.builds(
            lambda tag, parts: tlv.build([(tag, b"".join(parts))]), tags, st.lists(inner, max_size=4)
        ),
    )


def answers() -> st.SearchStrategy[bytes]:
    status = st.sampled_from(
        ["9000", "9000", "9000", "6283", "6985", "6A81", "6A82", "6A83", "63C1", "63C0", "6983", "61FF"]
    )
    return st.one_of(
        st.builds(lambda data, sw: data + bytes.fromhex(sw), objects() | st.binary(max_size=60), status),
        st.binary(max_size=2),
    )


@given(st.lists(answers(), min_size=1, max_size=30))
def test_whatever_a_card_answers_there_is_an_outcome(given_answers):
    card = PaperCard()
    stream = iter(given_answers)
    card.overruled = {"": lambda apdu: next(stream, given_answers[-1])}
    outcome = run(card, pins=iter(lambda: BYPASSED, None))
    assert outcome.ending in Ending
    assert outcome.ending is not Ending.APPROVED or outcome.cryptogram is CryptogramType.TC
    assert len(card.log) <= MAX_COMMANDS


@given(st.data())
def test_a_good_dialogue_with_some_answers_changed_ends_with_an_outcome(data):
    spoil(data)


@pytest.mark.proof
@given(st.data())
@settings(max_examples=5_000)
def test_thousands_of_spoilt_dialogues_end_with_an_outcome(data):
    spoil(data)


def spoil(data: st.DataObject) -> None:
    """Change up to three answers of a good dialogue: cut, flipped, another status, something else, none, filler."""
    method = data.draw(st.sampled_from(["none", "sda", "dda", "cda"]))
    card = PaperCard(method=method, aip=0x1C00, objects={
        "8E": bytes.fromhex("000000000000000041034403420302034503"), "9F14": b"\x01", "9F23": b"\x02"})  # fmt: skip
    usual = card._usual
    changes = data.draw(st.dictionaries(st.integers(0, 14), st.integers(0, 5), max_size=3))

    def changed(apdu: bytes) -> bytes:
        answer = bytearray(usual(apdu))
        kind = changes.get(len(card.log) - 1)
        if kind == 0:
            return bytes(answer[: data.draw(st.integers(0, len(answer)))])
        if kind == 1 and len(answer) > 2:
            answer[data.draw(st.integers(0, len(answer) - 3))] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == 2:
            answer[-2:] = data.draw(st.sampled_from([b"\x62\x83", b"\x63\xc2", b"\x69\x85", b"\x6a\x83", b"\x6f\x00"]))
        elif kind == 3:
            return data.draw(answers())
        elif kind == 4:
            return b""
        elif kind == 5:
            return bytes(answer[:-2]) + b"\x00\xff\x90\x00"
        return bytes(answer)

    card.overruled = {"": changed}
    terminal = data.draw(st.sampled_from([TERMINAL, ONLINE, OFFLINE_ONLY]))
    outcome = run(card, terminal=terminal, pins=iter(lambda: BYPASSED, None))
    assert outcome.ending in Ending
    assert outcome.ending is not Ending.APPROVED or outcome.cryptogram is CryptogramType.TC
    assert len(card.log) <= MAX_COMMANDS


@pytest.mark.parametrize("step", range(12))
def test_a_card_withdrawn_at_any_step_ends_the_transaction(step):
    card = PaperCard(method="dda")
    usual = card._usual
    card.overruled = {"": lambda apdu: b"" if len(card.log) > step else usual(apdu)}
    outcome = run(card, terminal=ONLINE)
    assert outcome.ending in (Ending.TERMINATED, Ending.APPROVED)
    assert "AID" not in outcome.reason
    assert AID.hex() not in outcome.reason
    if len(card.log) > step:
        assert outcome.ending is Ending.TERMINATED


def test_a_terminal_that_can_do_nothing_still_ends():
    bare = replace(TERMINAL, capabilities=TerminalCapabilities(0))
    outcome = run(
        PaperCard(method="cda", aip=0x1800, objects={"8E": bytes.fromhex("00000000000000000203")}), terminal=bare
    )
    assert Tvr.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED in outcome.tvr
    assert outcome.ending is Ending.APPROVED
    assert PURCHASE.amount == int(outcome.data["9F02"].hex())
