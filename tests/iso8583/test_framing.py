"""Frames come out the same however the stream is split, and a length that cannot be stops the stream."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.iso8583 import FramingError
from posterm.iso8583.framing import FrameDecoder, Tpdu, encode_frame

FORMS = ["be16", "bcd16", "ascii4", "be32"]


@given(
    st.sampled_from(FORMS),
    st.booleans(),
    st.lists(st.binary(max_size=40), max_size=8),
    st.lists(st.integers(1, 30), min_size=1, max_size=40),
)
def test_any_split_of_the_stream_gives_the_same_frames(
    form: Any, counts_itself: bool, payloads: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(encode_frame(payload, form, counts_itself) for payload in payloads)
    decoder = FrameDecoder(form, counts_itself)
    frames: list[bytes] = []
    at = turn = 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        frames += decoder.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert frames == payloads
    assert decoder.pending == b""


@given(st.sampled_from(FORMS), st.booleans(), st.lists(st.binary(max_size=30), max_size=10))
def test_any_bytes_give_frames_or_a_framing_error(form: Any, counts_itself: bool, chunks: list[bytes]) -> None:
    decoder = FrameDecoder(form, counts_itself, max_length=64)
    try:
        for chunk in chunks:
            for frame in decoder.feed(chunk):
                assert len(frame) <= 64
    except FramingError:
        return
    assert len(decoder.pending) <= 64 + 4


@pytest.mark.parametrize(
    ("form", "counts_itself", "framed"),
    [
        ("be16", False, "000c"),
        ("be16", True, "000e"),
        ("bcd16", False, "0012"),
        ("bcd16", True, "0014"),
        ("ascii4", False, "30303132"),
        ("ascii4", True, "30303136"),
        ("be32", False, "0000000c"),
        ("be32", True, "00000010"),
    ],
)
def test_the_length_is_written_in_its_form(form: Any, counts_itself: bool, framed: str) -> None:
    assert encode_frame(bytes(12), form, counts_itself) == bytes.fromhex(framed) + bytes(12)


def test_a_frame_of_length_zero_is_an_empty_payload() -> None:
    assert FrameDecoder().feed(bytes(4)) == [b"", b""]


def test_what_is_incomplete_is_pending() -> None:
    decoder = FrameDecoder()
    assert decoder.feed(bytes.fromhex("0001AA 0003BB")) == [b"\xaa"]
    assert decoder.pending == bytes.fromhex("0003BB")
    assert decoder.feed(b"\x01\x02") == [b"\xbb\x01\x02"]


@pytest.mark.parametrize(
    ("form", "counts_itself", "stream"),
    [
        ("be16", False, "0041"),
        ("be16", False, "FFFF"),
        ("be16", True, "0001"),
        ("be16", True, "0000"),
        ("bcd16", False, "000A"),
        ("bcd16", False, "F000"),
        ("bcd16", True, "0001"),
        ("ascii4", False, "30303020"),
        ("ascii4", False, "2D303031"),
        ("ascii4", False, "B2B2B2B2"),
        ("ascii4", True, "30303033"),
        ("be32", False, "80000000"),
        ("be32", True, "00000003"),
    ],
)
def test_a_length_that_cannot_be_is_refused_for_good(form: Any, counts_itself: bool, stream: str) -> None:
    decoder = FrameDecoder(form, counts_itself, max_length=64)
    with pytest.raises(FramingError, match="frame length: need"):
        decoder.feed(bytes.fromhex(stream))
    with pytest.raises(FramingError):
        decoder.feed(b"")


def test_frames_before_a_bad_length_are_not_lost() -> None:
    decoder = FrameDecoder(max_length=4)
    assert decoder.feed(bytes.fromhex("0001AA FFFF")) == [b"\xaa"]
    with pytest.raises(FramingError):
        decoder.feed(b"")


@pytest.mark.parametrize(("form", "size"), [("be16", 65_536), ("bcd16", 10_000), ("ascii4", 10_000)])
def test_a_payload_too_long_for_its_length_is_refused(form: Any, size: int) -> None:
    with pytest.raises(FramingError, match="need at most"):
        encode_frame(bytes(size), form)


def test_an_unknown_length_form_is_refused() -> None:
    with pytest.raises(FramingError, match="be16 bcd16 ascii4 be32"):
        encode_frame(b"", "le16")  # type: ignore[arg-type]
    with pytest.raises(FramingError):
        FrameDecoder("le16")  # type: ignore[arg-type]
    with pytest.raises(FramingError):
        FrameDecoder(max_length=-1)


def test_a_tpdu_makes_the_round_trip_and_swaps() -> None:
    tpdu = Tpdu.unpack(bytes.fromhex("6000030000"))
    assert tpdu == Tpdu("60", "0003", "0000")
    assert tpdu.pack().hex() == "6000030000"
    assert tpdu.swapped().pack().hex() == "6000000003"


@given(st.binary(min_size=5, max_size=5))
def test_any_five_bytes_are_a_tpdu(data: bytes) -> None:
    assert Tpdu.unpack(data).pack() == data
    assert Tpdu.unpack(data).swapped().swapped() == Tpdu.unpack(data)


@pytest.mark.parametrize("data", [b"", bytes(4), bytes(6)])
def test_a_tpdu_is_five_bytes(data: bytes) -> None:
    with pytest.raises(FramingError, match="need 5 bytes"):
        Tpdu.unpack(data)


@pytest.mark.parametrize(
    "parts", [("6", "0003", "0000"), ("60", "003", "0000"), ("60", "0003", "00g0"), ("60", "0003", 0)]
)
def test_a_tpdu_of_other_parts_is_refused(parts: Any) -> None:
    with pytest.raises(FramingError, match="TPDU"):
        Tpdu(*parts)
