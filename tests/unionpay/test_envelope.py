"""TPDU, header, message and MAC: the worked frames opened, verified and sealed again.

Source: Q/CUP 009; frames computed with test keys.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import Algorithm, KeyBlock, KeyUsage, Lmk, MacAlgorithm, SoftHsm
from posterm.iso8583 import FramingError, Message
from posterm.unionpay.envelope import (
    Envelope,
    Sealer,
    frame_bytes,
    frame_decoder,
    open_envelope,
    request_envelope,
)
from posterm.unionpay.errors import HeaderError, MacFailureError
from posterm.unionpay.profile import get_profile
from tests.unionpay.vector_files import load

FRAMES = {v["id"]: bytes.fromhex(v["frame"]) for v in load("iso8583/unionpay-pos.json")["vectors"]}
DEFAULT = get_profile("default")
SEALED = [name for name, frame in FRAMES.items() if frame[22] & 1]
HSM = SoftHsm(Lmk.test(), random.Random(64).randbytes)
MAK = HSM.load_clear_key(bytes.fromhex("0D1E2F3A4B5C6D7E"), KeyUsage.MAC, Algorithm.DES)


def test_most_worked_frames_carry_a_mac() -> None:
    assert len(SEALED) == 12


@pytest.mark.parametrize("name", FRAMES)
def test_a_worked_frame_is_opened_and_written_back(name: str) -> None:
    envelope = open_envelope(FRAMES[name][2:])
    assert envelope.header.digits == "603100310000"
    assert frame_bytes(DEFAULT, envelope) == FRAMES[name]
    assert frame_decoder(DEFAULT).feed(FRAMES[name]) == [FRAMES[name][2:]]


@pytest.mark.parametrize("name", [name for name in FRAMES if "response" not in name])
def test_a_request_gets_the_envelope_of_its_profile(name: str) -> None:
    assert frame_bytes(DEFAULT, request_envelope(DEFAULT, FRAMES[name][13:])) == FRAMES[name]


@pytest.mark.parametrize("name", SEALED)
def test_the_mac_of_a_worked_frame_verifies_and_comes_out_the_same(name: str) -> None:
    sealer = Sealer(DEFAULT, HSM)
    wire = FRAMES[name][13:]
    sealer.check(wire, MAK)
    message = DEFAULT.dialect.unpack(wire)
    assert sealer.seal(message.with_elements(drop=(64,)), MAK) == wire


@pytest.mark.parametrize("name", SEALED)
def test_a_changed_bit_anywhere_breaks_the_mac(name: str) -> None:
    wire = bytearray(FRAMES[name][13:])
    for at in (0, 12, len(wire) // 2, len(wire) - 9, len(wire) - 1):
        wire[at] ^= 1
        with pytest.raises(MacFailureError):
            Sealer(DEFAULT, HSM).check(bytes(wire), MAK)
        wire[at] ^= 1


@pytest.mark.parametrize("name", [name for name in FRAMES if name not in SEALED])
def test_a_message_without_a_mac_does_not_verify(name: str) -> None:
    with pytest.raises(MacFailureError, match="no MAC"):
        Sealer(DEFAULT, HSM).check(FRAMES[name][13:], MAK)


@pytest.mark.parametrize("algorithm", [MacAlgorithm.UNIONPAY_ECB, MacAlgorithm.X9_9])
def test_another_key_or_algorithm_does_not_verify(algorithm: MacAlgorithm) -> None:
    wire = FRAMES["swipe-sale-with-pin-0200"][13:]
    other = HSM.load_clear_key(bytes.fromhex("0D1E2F3A4B5C6D70"), KeyUsage.MAC, Algorithm.DES)
    profile = DEFAULT.model_copy(update={"mac": DEFAULT.mac.model_copy(update={"algorithm": algorithm})})
    key = other if algorithm is MacAlgorithm.UNIONPAY_ECB else MAK
    with pytest.raises(MacFailureError):
        Sealer(profile, HSM).check(wire, KeyBlock(key))


@pytest.mark.parametrize("frame", [b"", b"\x60", FRAMES["echo-test-0820-301"][2:14]])
def test_a_frame_too_short_for_an_envelope_is_refused(frame: bytes) -> None:
    with pytest.raises(HeaderError, match="too short"):
        open_envelope(frame)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_envelope_or_one_of_two_errors(frame: bytes) -> None:
    try:
        envelope = open_envelope(frame)
    except (HeaderError, FramingError):
        return
    assert envelope.pack() == frame


@given(st.binary(max_size=200))
def test_any_bytes_verify_as_nothing(wire: bytes) -> None:
    with pytest.raises(MacFailureError):
        Sealer(DEFAULT, HSM).check(wire, MAK)


def test_the_direct_profile_frames_and_addresses_in_its_own_way() -> None:
    direct = get_profile("direct")
    wire = direct.dialect.pack(Message("0820", {41: "10000001", 42: "898310058120001", 60: "00000001301"}))
    frame = frame_bytes(direct, request_envelope(direct, wire))
    assert int(frame[:2].hex()) == len(frame) - 2
    assert frame[2:13].hex() == "6000490000" + "603200320501"
    assert isinstance(open_envelope(frame[2:]), Envelope)
