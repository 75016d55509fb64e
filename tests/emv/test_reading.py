"""Files, records, mandatory objects, filler. Source: EMV 4.4 Book 3, 7, 10.2 and annex B."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm import tlv
from posterm.emv.card_data import (
    AflEntry,
    parse_afl,
    parse_cryptogram_answer,
    parse_fci,
    parse_processing_options,
    parse_record,
    static_data_of,
)
from posterm.emv.errors import CardDataError
from posterm.emv.outcome import Ending
from tests.emv.paper_card import OBJECTS, PaperCard, run


def test_a_file_locator_names_files_records_and_how_many_are_signed():
    assert parse_afl(bytes.fromhex("0801020118030300")) == (AflEntry(1, 1, 2, 1), AflEntry(3, 3, 3, 0))


@pytest.mark.parametrize(
    ("afl", "what"),
    [
        ("", "nothing"),
        ("080101", "not four bytes"),
        ("00010100", "file 0"),
        ("F8010100", "file 31"),
        ("08000100", "record 0"),
        ("08020100", "last before first"),
        ("08010102", "more signed than there are"),
        ("0801FF00", "more records than a card has"),
        ("0801500010015000", "more records than a card has, in two files"),
    ],
)
def test_a_file_locator_that_cannot_be_ends_the_transaction(afl, what):
    with pytest.raises(CardDataError, match="application file locator"):
        parse_afl(bytes.fromhex(afl))
    card = PaperCard(overruled={"80A8": f"77{6 + len(afl) // 2:02X}82020800 94{len(afl) // 2:02X}{afl}9000"})
    assert run(card).ending is Ending.TERMINATED
    assert card.sent("00B2") == []


@pytest.mark.parametrize(
    ("record", "objects"),
    [
        ("70 03 9C0100", [("9C", "00")]),
        ("70 06 00 9C0100 0000", [("9C", "00")]),
        ("70 08 FFFF 9C0100 FFFFFF", [("9C", "00")]),
        ("70 03 9C0100 FF", [("9C", "00")]),
        ("70 81 03 9C0100", [("9C", "00")]),
        ("70 82 0004 9C810100", [("9C", "00")]),
        ("70 05 DF812901F0", [("DF8129", "F0")]),
        ("70 05 73039C0100", [("9C", "00")]),
        ("70 05 DF7F02ABCD", [("DF7F", "ABCD")]),
        ("70 00", []),
    ],
)
def test_records_may_hold_filler_long_lengths_templates_and_unknown_tags(record, objects):
    assert parse_record(1, bytes.fromhex(record)) == [(tag, bytes.fromhex(value)) for tag, value in objects]


@pytest.mark.parametrize("record", ["", "7003", "70029C01", "7700", "70009C0100", "9C0100"])
def test_a_record_of_files_1_to_10_is_one_template_70(record):
    with pytest.raises(CardDataError, match="record of file 10"):
        parse_record(10, bytes.fromhex(record))
    assert parse_record(11, bytes.fromhex(record)) == []
    card = PaperCard(overruled={"00B2010C": record + "9000"})
    assert run(card).ending is Ending.TERMINATED


def test_signed_records_of_files_1_to_10_count_without_template_and_length_others_with_them():
    record = bytes.fromhex("70039C0100")
    assert static_data_of(10, record) == bytes.fromhex("9C0100")
    assert static_data_of(11, record) == record
    with pytest.raises(CardDataError, match="signed record of file 11"):
        static_data_of(11, bytes.fromhex("9C0100"))


@pytest.mark.parametrize("tag", ["5A", "5F24", "8C", "8D"])
def test_a_card_without_a_mandatory_object_is_not_used(tag):
    outcome = run(PaperCard(objects={tag: None}))
    assert (outcome.ending, tag in outcome.reason) == (Ending.TERMINATED, True)


@pytest.mark.parametrize(
    ("tag", "value"),
    [("5F24", "3012"), ("5F24", "301331"), ("5F25", "FFFFFF"), ("9F07", "FF"), ("8F", "0101"), ("9F0D", "00"),
     ("5A", "47617390010100AA"), ("8E", "0000"), ("8C", "9F02")],
)  # fmt: skip
def test_an_object_that_is_malformed_ends_the_transaction(tag, value):
    assert run(PaperCard(aip=0x1800, objects={tag: bytes.fromhex(value)})).ending is Ending.TERMINATED


def test_an_object_that_comes_twice_ends_the_transaction():
    twice = tlv.build([("70", tlv.build([*OBJECTS.items(), ("5F34", b"\x01")]))])
    outcome = run(PaperCard(overruled={"00B2010C": twice.hex() + "9000"}))
    assert (outcome.ending, "5F34 twice" in outcome.reason) == (Ending.TERMINATED, True)


@pytest.mark.parametrize("sw", ["6A83", "6985", "6283", "61FF", "6CFF", "6F00"])
def test_a_record_that_cannot_be_read_ends_the_transaction(sw):
    assert run(PaperCard(overruled={"00B2": sw})).ending is Ending.TERMINATED


def test_no_record_passes_for_an_object_of_the_terminal():
    """A card that hands out its own amount, results and random number does not get them back."""
    forged = {"9F02": bytes(6), "95": b"\xff" * 5, "9F37": bytes(4), "9F34": b"\x1f\x03\x02"}
    card = PaperCard(objects=forged)
    outcome = run(card)
    assert outcome.ending is Ending.APPROVED
    assert card.sent("80AE")[0][10:22] == "000000001234"
    assert outcome.data["9F37"] == b"\x5a" * 4
    assert outcome.data["95"] == outcome.tvr.to_bytes()


# --- answers to GENERATE AC, file control information -----------------------------------------------------------------


def test_a_cryptogram_answer_in_format_80_has_no_objects_and_no_signature():
    answer = parse_cryptogram_answer(bytes.fromhex("80128000051122334455667788060 10A03A00000".replace(" ", "")))
    assert (answer.cid, answer.atc.hex(), answer.cryptogram.hex()) == (0x80, "0005", "1122334455667788")
    assert answer.issuer_application_data.hex() == "06010a03a00000"
    assert (answer.signature, answer.signed_objects) == (b"", b"")


def test_the_objects_a_signature_covers_are_those_the_card_wrote():
    answer = parse_cryptogram_answer(
        bytes.fromhex("77159F2701409F4B0411223344 00 9F36 81 02 0005 9F1000".replace(" ", ""))
    )
    assert answer.signed_objects.hex().upper() == "9F2701409F36810200059F1000"
    assert answer.signature.hex() == "11223344"


@pytest.mark.parametrize(
    "answer",
    ["", "8000", "800A80000511223344556677", "7700", "77059F360200059F27", "77 0A 9F270180 9F36020005 9F",
     "77099F2701809F36020005", "77 16 9F270180 9F36020005 9F2608 1122334455667788 9F", "8F00",
     "800B" + "00" * 11 + "9C0100", "77 18 9F270180 9F270180 9F36020005 9F2608 1122334455667788"],
)  # fmt: skip
def test_a_cryptogram_answer_that_cannot_be_read_ends_the_transaction(answer):
    with pytest.raises(CardDataError):
        parse_cryptogram_answer(bytes.fromhex(answer))
    assert run(PaperCard(overruled={"80AE": answer + "9000"})).ending is Ending.TERMINATED


def test_file_control_information_opens_its_templates():
    fci = parse_fci(
        bytes.fromhex("6F1F 8407A0000000031010 A514 500454455354 BF0C0B 9F4D020B0A 61044F02AABB".replace(" ", ""))
    )
    assert fci.objects == {"50": b"TEST", "9F4D": b"\x0b\x0a"}
    assert fci.directory_entries == ({"4F": b"\xaa\xbb"},)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused_as_card_data(data):
    for read in (parse_fci, parse_afl, parse_processing_options, parse_cryptogram_answer, lambda d: parse_record(1, d)):
        try:
            read(data)
        except CardDataError as error:
            assert str(error)  # noqa: PT017
