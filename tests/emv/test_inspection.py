"""A card is read by what it offers: its directory, or the names it answers to; and never without end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posterm.emv.apdu import Response
from posterm.emv.inspection import MAX_APPLICATIONS, MAX_RECORDS, CardContents, inspect_card

AID = bytes.fromhex("A000000333010101")
OTHER = bytes.fromhex("A000000333010102")
VALUES = {"9F02": bytes(6), "9F66": bytes.fromhex("36000080")}


def play(script: str, *, contactless: bool = False, aids: tuple[bytes, ...] = (AID,)) -> CardContents:
    """Run an inspection against a dialogue of `> command` and `< answer`, blanks and remarks ignored."""
    lines = [line.split("#")[0].replace(" ", "") for line in script.strip().splitlines()]
    turns = iter([(bytes.fromhex(a[1:]), bytes.fromhex(b[1:])) for a, b in zip(lines[::2], lines[1::2], strict=True)])
    inspection = inspect_card(aids, VALUES, contactless=contactless)
    reply: Response | None = None
    try:
        command = next(inspection)
        while True:
            expected, answer = next(turns)
            assert bytes(command).hex() == expected.hex()
            reply = Response.parse(answer) if answer else None
            command = inspection.send(reply)
    except StopIteration as end:
        assert next(turns, None) is None
        return end.value


NO_DATA = "\n".join(
    f"> 80CA{tag}00\n< 6A88" for tag in ("9F36", "9F13", "9F17", "9F4F", "9F79", "9F78", "9F77", "9F6D")
)
LOG_FORMAT = NO_DATA.replace("> 80CA9F4F00\n< 6A88", "> 80CA9F4F00\n< 9F4F 05 9A03 9F0206 9000")
SELECTED = "6F 0F 84 08 A000000333010101 A5 03 50 01 41"


def test_the_directory_gives_the_names_and_the_file_locator_the_records():
    contents = play(f"""
        > 00A40400 0E 315041592E5359532E4444463031 00
        < 6F 15 84 0E 315041592E5359532E4444463031 A5 03 88 01 01 9000
        > 00B2010C00
        < 70 0C 61 0A 4F 08 A000000333010101 9000
        > 00B2020C00
        < 6A83
        > 00A40400 08 A000000333010101 00
        < 6F 15 84 08 A000000333010101 A5 09 50 01 41 9F38 03 9F0206 9000
        > 80A80000 08 8306 000000000000 00
        < 80 06 7C00 08010100 9000
        > 00B2010C00
        < 70 03 5A 01 12 9000
        {NO_DATA}
    """)
    assert [part.asked for part in contents.directory] == ["SELECT 1PAY.SYS.DDF01", "record 1 of SFI 1"]
    application = contents.applications[0]
    assert application.df_name == AID
    assert [part.asked for part in application.parts] == ["SELECT", "GET PROCESSING OPTIONS", "record 1 of SFI 1"]
    assert application.parts[1].data.hex() == "82027c00940408010100"
    assert contents.whole


def test_without_a_directory_the_names_are_tried():
    contents = play(
        f"""
        > 00A40400 0E 315041592E5359532E4444463031 00
        < 6A82
        > 00A40400 08 A000000333010101 00
        < {SELECTED} 9000
        > 00A40400 08 A000000333010102 00
        < 6A82
        > 00A40400 08 A000000333010101 00
        < {SELECTED} 6283  # blocked, and still read
        > 80A80000 02 8300 00
        < 6985
        {NO_DATA}
    """,
        aids=(AID, OTHER),
    )
    assert [(part.asked, part.sw) for part in contents.applications[0].parts] == [
        ("SELECT", 0x6283),
        ("GET PROCESSING OPTIONS", 0x6985),
    ]


def test_a_card_that_answers_to_every_name_is_read_once():
    contents = play(
        f"""
        > 00A40400 0E 315041592E5359532E4444463031 00
        < {SELECTED} 9000
        > 00A40400 08 A000000333010101 00
        < {SELECTED} 9000
        > 00A40400 08 A000000333010102 00
        < {SELECTED} 9000
        > 00A40400 08 A000000333010101 00
        < {SELECTED} 9000
        > 80A80000 02 8300 00
        < 6985
        {NO_DATA}
    """,
        aids=(AID, OTHER),
    )
    assert len(contents.applications) == 1


def test_the_log_is_read_by_its_format():
    script = f"""
        > 00A40400 0E 325041592E5359532E4444463031 00
        < 6F 0C BF0C 09 61 07 4F 05 A000000333 9000
        > 00A40400 05 A000000333 00
        < 6F 11 84 05 A000000333 A5 08 BF0C 05 9F4D 02 0B0A 9000
        > 80A80000 02 8300 00
        < 6985
        {LOG_FORMAT}
        > 00B2015C00
        < 260101 000000001234 9000
        > 00B2025C00
        < 6A83
    """
    log = play(script, contactless=True).applications[0].log
    assert [entry.hex() for entry in log] == ["9a032601019f0206000000001234"]


def test_a_card_that_is_withdrawn_gives_what_was_read():
    contents = play("""
        > 00A40400 0E 315041592E5359532E4444463031 00
        < 6F 15 84 0E 315041592E5359532E4444463031 A5 03 88 01 01 9000
        > 00B2010C00
        <
    """)
    assert not contents.whole
    assert len(contents.directory) == 1


@given(st.data(), st.booleans())
def test_whatever_a_card_answers_the_reading_ends(data, contactless):
    fragments = st.sampled_from(
        [
            bytes.fromhex(part.replace(" ", ""))
            for part in (
                SELECTED,
                "6F 0C BF0C 09 61 07 4F 05 A000000333",
                "8006FFFFF801FE00",
                "A5 03 88 01 01",
                "9F4F 05 9A03 9F0206",
                "9F4D 02 0B1E",
                "70 81",
                "9F38 02 9FFF",
            )
        ]
    )
    answers = st.tuples(fragments | st.binary(max_size=40), st.sampled_from([0x9000, 0x9000, 0x6283, 0x6A83, 0x6100]))
    inspection = inspect_card((AID, OTHER), VALUES, contactless=contactless)
    asked, contents = 1, None
    try:
        next(inspection)
        while True:
            body, sw = data.draw(answers) if asked < 60 else (bytes.fromhex("6F05A503880101"), 0x9000)
            inspection.send(Response(body, sw))
            asked += 1
    except StopIteration as end:
        contents = end.value
    assert isinstance(contents, CardContents)
    assert asked <= MAX_RECORDS + 2 + MAX_APPLICATIONS * (MAX_RECORDS + 50)
