"""Application selection. Source: EMV 4.4 Book 1, 12.3 and 12.4."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posterm import tlv
from posterm.emv.bits import Aip
from posterm.emv.capk import CaKeyStore
from posterm.emv.config import ApplicationConfig, TerminalConfig, TerminalFiles
from posterm.emv.exchange import MAX_COMMANDS, ChooseApplication
from posterm.emv.kernel.reading import initiate
from posterm.emv.kernel.selection import MAX_OCCURRENCES, build_candidate_list
from posterm.emv.kernel.session import Session
from posterm.emv.outcome import Ending, Fallback
from tests.emv.paper_card import AID, APPLICATION, PURCHASE, TERMINAL, PaperCard, run
from tests.emv.play import play

DEBIT, CREDIT = bytes.fromhex("A000000333010101"), bytes.fromhex("A000000333010102")
UNIONPAY = TerminalConfig((ApplicationConfig(DEBIT, "Debit"), ApplicationConfig(CREDIT, "Credit")))
ONE = TerminalConfig((APPLICATION,))


def session(terminal: TerminalConfig) -> Session:
    return Session(terminal, PURCHASE, CaKeyStore(), TerminalFiles(), lambda size: bytes(size))


def entry(aid: bytes, label: str, indicator: int | None = None) -> bytes:
    """An application template of the directory."""
    extra = [] if indicator is None else [("87", bytes((indicator,)))]
    return tlv.build([("61", tlv.build([("4F", aid), ("50", label.encode()), *extra]))])


def directory(*entries: bytes) -> dict[str, str]:
    """A PSE with one record."""
    fci = tlv.build([("6F", tlv.build([("84", b"1PAY.SYS.DDF01"), ("A5", bytes.fromhex("880102"))]))])
    record = tlv.build([("70", b"".join(entries))])
    return {"00A404000E": fci.hex() + "9000", "00B20114": record.hex() + "9000", "00B20214": "6A83"}


def found(terminal: TerminalConfig, transcript: str) -> list[tuple[str, str]]:
    candidates = play(build_candidate_list(session(terminal)), transcript)
    return [(candidate.df_name.hex().upper(), candidate.label) for candidate in candidates]


def test_the_directory_gives_the_candidates_in_the_card_s_order_of_preference():
    assert found(
        UNIONPAY,
        """
        > 00A404000E 315041592E5359532E4444463031 00
        < 6F15 840E 315041592E5359532E4444463031 A503 880101 9000
        > 00B2010C00
        < 702D 6114 4F08A000000333010101 50054445424954 870102 6115 4F08A000000333010102 5006435245444954 870101 9000
        > 00B2020C00
        < 6A83
    """,
    ) == [("A000000333010102", "CREDIT"), ("A000000333010101", "DEBIT")]


def test_without_a_directory_the_terminal_asks_for_its_own_applications_and_stops_at_6a82():
    assert found(
        UNIONPAY,
        """
        > 00A404000E 315041592E5359532E4444463031 00
        < 6A82
        > 00A4040008 A000000333010101 00
        < 6F15 8408A000000333010101 A509 50075465737431 2031 9000
        > 00A4040008 A000000333010102 00
        < 6A82
    """,
    ) == [("A000000333010101", "Test1 1")]


@pytest.mark.parametrize(
    ("pse", "record"),
    [
        ("6283", "6A83"),
        ("6F158 40E315041592E5359532E4444463031A503880102".replace(" ", "") + "6283", "6A83"),
        ("9000", "6A83"),
        ("6F128 40E315041592E5359532E4444463031A500".replace(" ", "") + "9000", "6A83"),
        ("6F15840E315041592E5359532E4444463031A50388010B9000", "6A83"),
        ("6F15840E315041592E5359532E4444463031A5038801029000", "6A83"),
        ("6F15840E315041592E5359532E4444463031A5038801029000", "6985"),
        ("6F15840E315041592E5359532E4444463031A5038801029000", "7003614F019000"),
        ("6F15840E315041592E5359532E4444463031A5038801029000", "9000"),
    ],
)
def test_a_directory_that_cannot_be_used_or_has_nothing_gives_way_to_the_list_of_aids(pse, record):
    card = PaperCard(overruled={"00A404000E": pse, "00B20114": record})
    assert run(card).ending is Ending.APPROVED


def test_the_df_name_is_compared_as_a_prefix_and_further_occurrences_are_asked_for():
    assert found(
        ONE,
        """
        > 00A404000E 315041592E5359532E4444463031 00
        < 6A82
        > 00A4040007 A0000000031010 00
        < 6F11 8409A00000000310100101 A504 50024131 9000
        > 00A4040207 A0000000031010 00
        < 6F11 8409A00000000310100102 A504 50024132 9000
        > 00A4040207 A0000000031010 00
        < 6A82
    """,
    ) == [("A00000000310100101", "A1"), ("A00000000310100102", "A2")]


def test_an_application_the_terminal_takes_only_by_its_full_name_is_not_taken_by_a_longer_one():
    exact = TerminalConfig((replace(APPLICATION, partial=False),))
    assert (
        found(
            exact,
            """
        > 00A404000E 315041592E5359532E4444463031 00
        < 6A82
        > 00A4040007 A0000000031010 00
        < 6F11 8409A00000000310100101 A504 50024131 9000
    """,
        )
        == []
    )


def test_a_card_that_answers_every_select_is_asked_a_bounded_number_of_times():
    """One name for ever, a new name each time, and another application's name: all come to an end."""
    same = PaperCard(overruled={"00A4": lambda apdu: PaperCard(aid=AID + b"\x01").fci() + b"\x90\x00"})
    assert len(same.sent("00A4")) <= MAX_COMMANDS
    run(same)
    assert len(same.sent("00A40402")) == 1
    count = iter(range(200))
    fresh = PaperCard(
        overruled={
            "00A40402": lambda apdu: PaperCard(aid=AID + bytes((next(count),))).fci() + b"\x90\x00",
            "00A4040007": lambda apdu: PaperCard(aid=AID + b"\xff").fci() + b"\x90\x00",
        }
    )
    run(fresh)
    assert len(fresh.sent("00A40402")) == MAX_OCCURRENCES - 1
    other = PaperCard(overruled={"00A4": PaperCard(aid=DEBIT).fci().hex() + "9000"})
    assert run(other).ending is Ending.TRY_ANOTHER_CARD
    assert other.sent("00A40402") == []


def test_a_blocked_application_is_no_candidate_but_its_neighbour_is():
    blocked = PaperCard(aid=AID + b"\x01").fci().hex() + "6283"
    card = PaperCard(
        aid=AID + b"\x02",
        overruled={"00A4040007": blocked, "00A4040207": [PaperCard(aid=AID + b"\x02").fci().hex() + "9000", "6A82"]},
    )
    assert run(card).ending is Ending.APPROVED
    alone = PaperCard(overruled={"00A4040007": blocked})
    outcome = run(alone)
    assert (outcome.ending, outcome.fallback) == (Ending.TRY_ANOTHER_CARD, Fallback.NOT_ALLOWED)


def test_an_application_that_asks_for_confirmation_is_shown_even_when_it_is_the_only_one():
    card = PaperCard(overruled=directory(entry(AID, "TEST", 0x81)))
    asked = []
    assert run(card, asked=asked).ending is Ending.APPROVED
    (choice,) = asked
    assert isinstance(choice, ChooseApplication)
    assert [(c.label, c.needs_confirmation, c.priority) for c in choice.candidates] == [("TEST", True, 1)]
    refused = run(PaperCard(overruled=directory(entry(AID, "TEST", 0x81))), choice=None)
    assert refused.ending is Ending.CANCELLED


def test_the_cardholder_chooses_among_several():
    other = AID + b"\x01"
    card = PaperCard(aid=other, overruled=directory(entry(AID, "ONE", 0x01), entry(other, "TWO", 0x02)))
    outcome = run(card, choice=1)
    assert outcome.data["84"] == other
    assert outcome.ending is Ending.APPROVED


def test_conditions_not_satisfied_sends_the_terminal_back_to_selection():
    other = AID + b"\x01"
    both = directory(entry(AID, "ONE", 0x01), entry(other, "TWO", 0x02))
    first = PaperCard(aid=AID).fci().hex() + "9000"
    second = PaperCard(aid=other).fci().hex() + "9000"
    card = PaperCard(overruled={**both, "00A4040007": first, "00A4040008": second, "80A8": ["6985", None]})
    asked = []
    outcome = run(card, asked=asked)
    assert outcome.ending is Ending.APPROVED
    assert outcome.data["84"] == other
    assert len([effect for effect in asked if isinstance(effect, ChooseApplication)]) == 1
    all_refused = PaperCard(overruled={"80A8": "6985"})
    assert run(all_refused).ending is Ending.TRY_ANOTHER_CARD


@pytest.mark.parametrize("answer", ["6283", "6A82", "9000", "6F0984020102A503500141 9000".replace(" ", "")])
def test_a_candidate_that_will_not_be_selected_is_dropped(answer):
    card = PaperCard(overruled={**directory(entry(AID, "TEST")), "00A4040007": answer})
    assert run(card).ending is Ending.TRY_ANOTHER_CARD


# --- initiate application processing ----------------------------------------------------------------------------------


def selected(pdol: str = "") -> Session:
    started = session(TERMINAL)
    started.application = APPLICATION
    started.card = {"84": AID} | ({"9F38": bytes.fromhex(pdol)} if pdol else {})
    return started


@pytest.mark.parametrize(
    ("pdol", "command"),
    [
        ("", "02 8300"),
        ("9F1A02", "04 8302 0156"),
        ("9F02069F0206", "0E 830C 000000001234 000000001234"),
        ("9F0204 5F2A03 9F6604", "0D 830B 00001234 000156 00000000"),
    ],
)
def test_the_card_gets_what_its_pdol_asks_for(pdol, command):
    started = selected(pdol)
    dialogue = f"> 80A80000{command.replace(' ', '')}00\n< 800A7C00080101001001030190 00".replace("190 00", "19000")
    assert play(initiate(started), dialogue) is True
    assert started.aip == Aip(0x7C00)


@pytest.mark.parametrize(
    ("answer", "aip", "afl"),
    [
        ("800A7C0008010100100103019000", "7C00", "0801010010010301"),
        ("77 0E 8202 7C00 9408 0801010010010301 9000", "7C00", "0801010010010301"),
        ("77 11 00 8202 7C00 00 9408 0801010010010301 FF 9000", "7C00", "0801010010010301"),
        ("77 810E 8202 7C00 9408 0801010010010301 9000", "7C00", "0801010010010301"),
        ("80 02 7C00 9000", "7C00", ""),
    ],
)
def test_processing_options_come_in_format_80_which_is_no_tlv_list_or_in_77(answer, aip, afl):
    started = selected()
    assert play(initiate(started), f"> 80A80000 02 8300 00\n< {answer}")
    assert (started.card["82"].hex().upper(), started.card.get("94", b"").hex()) == (aip, afl)


def test_processing_options_are_asked_for_once_and_refused_with_6985():
    assert play(initiate(selected()), """
        > 80A80000 02 8300 00    GET PROCESSING OPTIONS, no PDOL
        < 6985                   conditions of use not satisfied
    """) is False  # fmt: skip


@pytest.mark.parametrize(
    "answer", ["9000", "80017C9000", "77009000", "7703820100 9000", "7F007C009000", "6A81", "6283"]
)
def test_processing_options_that_cannot_be_read_end_the_transaction(answer):
    assert run(PaperCard(overruled={"80A8": answer.replace(" ", "")})).ending is Ending.TERMINATED
