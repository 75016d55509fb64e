"""A clearing file gives its records however it arrives, is written to the same bytes, and says where it is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.iso8583 import FramingError, get_dialect
from posterm.iso8583.ipm_file import (
    BLOCK_BYTES,
    MAX_RECORD_BYTES,
    RecordReader,
    RecordWriter,
    read_records,
    write_records,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "iso8583"
RECORDS = st.lists(st.binary(min_size=1, max_size=1500), max_size=6)
THREE = bytes.fromhex("00000003616161000000036262620000000363636300000000")


def test_a_file_in_one_piece_is_lengths_and_records_and_a_length_of_0() -> None:
    # The example of cardutil's tests for variable blocked sequential files.
    assert write_records([b"aaa", b"bbb", b"ccc"], blocked=False) == THREE
    assert read_records(THREE, blocked=False) == [b"aaa", b"bbb", b"ccc"]


def test_a_blocked_file_has_two_pad_bytes_after_1012_and_filler_to_the_end() -> None:
    assert write_records([b"aaa", b"bbb", b"ccc"]) == THREE + b"\x40" * (BLOCK_BYTES - len(THREE))
    long = write_records([b"*" * 2000])
    assert len(long) == 2 * BLOCK_BYTES
    assert long[1012:1014] == long[2026:] == b"\x40\x40"
    assert long[:1012] + long[1014:2026] == (2000).to_bytes(4, "big") + b"*" * 2000 + bytes(4) + b"\x40" * 16


@pytest.mark.parametrize("name", ["mastercard-ipm", "mastercard-ipm-ascii"])
def test_a_clearing_file_is_made_of_messages(name: str) -> None:
    dialect = get_dialect(name)
    table = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    wires = [bytes.fromhex(vector["wire"]) for vector in table["vectors"][:3]]
    file = write_records(wires)
    assert read_records(file) == wires
    assert [dialect.unpack(record)[71] for record in read_records(file)] == ["00000001", "00000002", "00000003"]


@given(RECORDS, st.booleans(), st.integers(1, 700))
def test_any_split_of_a_file_gives_the_same_records(records: list[bytes], blocked: bool, step: int) -> None:
    file = write_records(records, blocked=blocked)
    reader = RecordReader(blocked=blocked)
    found = [record for at in range(0, len(file), step) for record in reader.feed(file[at : at + step])]
    reader.finish()
    assert found == records
    writer = RecordWriter(blocked=blocked)
    assert b"".join([*(writer.add(record) for record in records), writer.finish()]) == file


@given(st.binary(max_size=1100), st.booleans())
def test_any_bytes_are_a_file_or_raise_framing_error(data: bytes, blocked: bool) -> None:
    try:
        records = read_records(data, blocked=blocked)
    except FramingError as error:
        offset = error.offset
    else:
        offset = 0
        assert write_records(records, blocked=blocked) == data
    assert 0 <= offset <= len(data)


@given(RECORDS, st.booleans(), st.data())
def test_a_file_with_one_byte_changed_is_another_file_or_refused(
    records: list[bytes], blocked: bool, data: st.DataObject
) -> None:
    file = bytearray(write_records(records, blocked=blocked))
    file[data.draw(st.integers(0, len(file) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = read_records(bytes(file), blocked=blocked)
    except FramingError:
        return
    assert write_records(found, blocked=blocked) == bytes(file)


BLOCK = write_records([b"aaa"])
BROKEN = {
    "nothing": (b"", True, 0, "whole record"),
    "nothing in one piece": (b"", False, 0, "whole record"),
    "no end": (THREE[:-4], False, 21, "whole record"),
    "half a length": (THREE[:-2], False, 23, "whole record"),
    "half a record": (THREE[:12], False, 12, "whole record"),
    "after the end": (THREE + b"\x00", False, 25, "nothing after the end"),
    "filler where no blocks are": (THREE + b"\x40", False, 25, "nothing after the end"),
    "half a block": (BLOCK[:-1], True, 1013, "blocks of 1014"),
    "no pad": (BLOCK[:-2] + b"$$", True, 1012, "2 bytes 0x40"),
    "no filler": (BLOCK[:100] + b"\x00" + BLOCK[101:], True, 100, "nothing after the end"),
    "a block too many": (BLOCK + b"\x40" * BLOCK_BYTES, True, BLOCK_BYTES, "nothing after the end"),
    "a record too long": (b"\x00\x01\x00\x00", False, 0, "at most 65535"),
    "a record too long in the second block": (
        write_records([b"x" * 1008])[:BLOCK_BYTES] + b"\xff" * 4 + b"\x40" * 1010, True, BLOCK_BYTES, "at most 65535",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_says_where(name: str) -> None:
    file, blocked, offset, text = BROKEN[name]
    with pytest.raises(FramingError, match=text) as caught:
        read_records(file, blocked=blocked)
    assert caught.value.offset == offset


@pytest.mark.parametrize("record", [b"", bytes(MAX_RECORD_BYTES + 1)])
def test_a_record_that_no_reader_would_take_is_not_written(record: bytes) -> None:
    with pytest.raises(FramingError, match="records of 1 to"):
        write_records([record])
