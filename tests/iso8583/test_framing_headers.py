"""What stands before a message is measured, refused at the byte that is wrong, and turned round for the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.iso8583 import (
    CUPS_HEADER,
    TPDU,
    VISA_HEADER,
    Frame,
    FrameDecoder,
    Framing,
    FramingError,
    HeaderField,
    HeaderLayout,
)

SELF_DESCRIBING = HeaderLayout(
    "acme header",
    (
        HeaderField("length", 1, holds="header-length"),
        HeaderField("body", 2, holds="message-length", form="bcd"),
        HeaderField("route", 4, b"ACME", answer="own"),
    ),
    longest=20,
)


@dataclass(frozen=True)
class Terminated:
    """A header of a user's own making: text up to a semicolon."""

    name: str = "route"

    def measure(self, payload: bytes, at: int) -> int:
        end = payload.find(b";", at, at + 16)
        if end < 0:
            raise FramingError("route: need a semicolon within 16 bytes, have none", offset=at)
        return end + 1 - at

    def build(self, message_bytes: int, answering: bytes | None) -> bytes:
        return answering or b"R1;"


CHAINS: dict[str, tuple[Any, ...]] = {
    "nothing": (),
    "tpdu": (TPDU,),
    "visa": (VISA_HEADER,),
    "cups": (CUPS_HEADER,),
    "self-describing": (SELF_DESCRIBING,),
    "own class": (Terminated(),),
    "stacked": (TPDU, Terminated(), CUPS_HEADER),
}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("form", ["be16", "bcd16", "ascii4", "be32"])
@pytest.mark.parametrize("counts_itself", [False, True])
def test_every_length_goes_with_every_header(chain: str, form: Any, counts_itself: bool) -> None:
    framing = Framing(form, counts_itself, CHAINS[chain])
    wire = framing.encode(b"0800message")
    request = framing.split(framing.decoder().feed(wire)[0])
    assert request.message == b"0800message"
    answer = framing.split(framing.decoder().feed(framing.encode(b"0810", answering=request))[0])
    assert answer.message == b"0810"


@given(
    st.sampled_from(list(CHAINS)),
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.lists(st.integers(1, 25), min_size=1, max_size=30),
)
def test_any_split_gives_the_same_frames_whatever_the_header(chain: str, sent: list[bytes], cuts: list[int]) -> None:
    framing = Framing("be16", headers=CHAINS[chain])
    stream = b"".join(map(framing.encode, sent))
    decoder = framing.decoder()
    received, at, turn = [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        received += [framing.split(each).message for each in decoder.feed(stream[at : at + step])]
        at, turn = at + step, turn + 1
    assert received == sent


@given(st.sampled_from(list(CHAINS)), st.binary(max_size=120))
def test_any_payload_is_split_whole_or_refused(chain: str, payload: bytes) -> None:
    framing = Framing(headers=CHAINS[chain])
    offset, joined = 0, payload
    try:
        frame = framing.split(payload)
        joined = b"".join(frame.headers) + frame.message
    except FramingError as error:
        offset = error.offset
    assert joined == payload
    assert 0 <= offset <= len(payload)


def test_the_visa_header_has_22_bytes_and_counts_the_message() -> None:
    header = VISA_HEADER.with_values({"source": bytes.fromhex("123456")}).build(100)
    assert header.hex() == "1601020" + "07a" + "000000" + "123456" + "00" * 11
    answer = VISA_HEADER.build(10, answering=header)
    assert VISA_HEADER.read(answer)["destination"] == bytes.fromhex("123456")
    assert VISA_HEADER.read(answer)["total length"] == b"\x00\x20"


def test_a_rejected_visa_message_comes_back_behind_two_headers() -> None:
    inner = VISA_HEADER.build(4)
    wrapper = bytes([26, 1, 2]) + bytes(19) + bytes.fromhex("80000044")
    frame = Framing(headers=(VISA_HEADER,)).split(wrapper + inner + b"0100")
    assert frame.message == b"0100"
    assert frame.headers == (wrapper + inner,)
    assert VISA_HEADER.read(frame.headers[0])["rest"] == bytes.fromhex("80000044") + inner


def test_the_cups_header_has_46_bytes_in_the_published_order() -> None:
    header = CUPS_HEADER.with_values({"destination": b"00010000000", "source": b"01020000   "}).build(100)
    expected = b"\x2e\x02" + b"0146" + b"00010000000" + b"01020000   " + bytes(4) + b"0" * 8 + b"\x00" + b"00000"
    assert header == expected
    assert len(header) == 46


def test_a_longer_self_describing_header_is_kept_whole() -> None:
    payload = bytes([9]) + b"\x00\x04" + b"ACME" + b"xy" + b"0800"
    frame = Framing(headers=(SELF_DESCRIBING,)).split(payload)
    assert (frame.headers[0][-2:], frame.message) == (b"xy", b"0800")


@pytest.mark.parametrize(
    ("chain", "payload", "offset", "text"),
    [
        ("tpdu", "60000300", 0, "TPDU: need 5 bytes, have 4"),
        ("visa", "16", 0, "Visa header: need 22 bytes, have 1"),
        ("visa", "17" + "00" * 30, 0, "Visa header, header length: need 22 to 22, have 23"),
        ("visa", "160102001A" + "00" * 17, 3, "Visa header, total length: need 22, have 26"),
        ("visa", "1A" + "00" * 25, 26, "Visa header: need 22 bytes, have 0"),
        ("visa", "1A" + "00" * 25 + "1A" + "00" * 25, 26, "Visa header: need one wrapper at most, have two"),
        ("cups", "2D02" + "30" * 44, 0, "CUPS header, header length: need 46 to 46, have 45"),
        (
            "cups",
            "2E02" + "3A" * 44,
            2,
            "CUPS header, total length: need decimal digits (ascii), have something else",
        ),
        ("cups", "2E0230303437" + "30" * 40, 2, "CUPS header, total length: need 46, have 47"),
        ("self-describing", "15000041434D45" + "00" * 20, 0, "acme header, length: need 7 to 20, have 21"),
        ("self-describing", "09000041434D45", 0, "acme header: need 9 bytes, have 7"),
        ("self-describing", "07000A41434D45", 1, "acme header, body: need decimal digits (bcd), have something else"),
        ("self-describing", "07000541434D4531323334", 1, "acme header, body: need 4, have 5"),
        ("own class", "52", 0, "route: need a semicolon within 16 bytes, have none"),
        ("stacked", "6000030000" + "52313B" + "2E", 8, "CUPS header: need 46 bytes, have 1"),
    ],
)
def test_a_header_that_cannot_be_is_refused_at_its_byte(chain: str, payload: str, offset: int, text: str) -> None:
    with pytest.raises(FramingError) as caught:
        Framing(headers=CHAINS[chain]).split(bytes.fromhex(payload))
    assert (str(caught.value), caught.value.offset) == (text, offset)


def test_a_header_class_that_measures_wrongly_is_refused() -> None:
    class Greedy(Terminated):
        def measure(self, payload: bytes, at: int) -> int:
            return 99

    with pytest.raises(FramingError, match="route: need at most 4 bytes, have 99"):
        Framing(headers=(Greedy(),)).split(b"0800")


def test_an_empty_frame_keeps_alive_and_needs_no_header() -> None:
    assert Framing(headers=(TPDU,)).split(b"") == Frame(b"")


@pytest.mark.parametrize(
    "make",
    [
        lambda: HeaderField("a", 0),
        lambda: HeaderField("a", 2, b"\x00"),
        lambda: HeaderLayout("h", ()),
        lambda: HeaderLayout("h", (HeaderField("a", 1), HeaderField("a", 1))),
        lambda: HeaderLayout("h", (HeaderField("a", 1),), longest=4),
        lambda: HeaderLayout("h", (HeaderField("a", 1),), wrapper=4),
        lambda: HeaderLayout("h", (HeaderField("a", 1, answer="b"),)),
        lambda: HeaderLayout("h", (HeaderField("a", 1, answer="b"), HeaderField("b", 2))),
        lambda: TPDU.with_values({"colour": b"\x00"}),
        lambda: TPDU.with_values({"id": b"\x00\x00"}),
        lambda: TPDU.read(b"\x60"),
        lambda: Framing("le16"),  # type: ignore[arg-type]
        lambda: Framing(max_bytes=-1),
        lambda: Framing(max_bytes=3).encode(b"0800"),
        lambda: Framing(headers=(TPDU,)).encode(b"", answering=Frame(b"", ())),
        lambda: CUPS_HEADER.build(9954),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(make: Any) -> None:
    with pytest.raises(FramingError):
        make()


def test_a_bad_length_is_told_with_its_place_in_the_stream() -> None:
    decoder = FrameDecoder("ascii4", max_length=64)
    assert decoder.feed(b"0002ab0003abc12") == [b"ab", b"abc"]
    with pytest.raises(FramingError, match="have one outside, at byte 13 of the stream") as caught:
        decoder.feed(b"x4")
    assert caught.value.offset == 13
    assert decoder.fault is not None
    with pytest.raises(FramingError) as again:
        decoder.feed(b"")
    assert again.value.offset == 13


def test_a_frame_does_not_print_its_message() -> None:
    assert repr(Frame(b"secret", (b"abcde",))) == "<Frame of 6 bytes under 1 headers>"
