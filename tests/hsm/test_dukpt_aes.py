"""DUKPT with AES: published keys, long runs against a slow and simple derivation, and what is refused."""

from __future__ import annotations

import psec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.hsm import Algorithm, DukptError
from posterm.hsm.dukpt_aes import WORKING_USES, AesDukptDevice, AesKeyUse, initial_key, next_ksn
from tests.hsm.vector_files import broken, vectors

IDENTIFIER = bytes.fromhex("1234567890123456")
BDK = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
CODES = {16: (2, 0x80), 24: (3, 0xC0), 32: (4, 0x100)}


def ksn(counter: int) -> bytes:
    return IDENTIFIER + counter.to_bytes(4, "big")


def slowly(initial: bytes, counter: int) -> bytes:
    """ANSI X9.24-3:2017, 6.3.3, with the derivation data written out field by field."""
    algorithm, bits = CODES[len(initial)]
    key, reached = initial, 0
    for place in range(31, -1, -1):
        if not counter & 1 << place:
            continue
        reached |= 1 << place
        derived = b""
        for block in range(1, 3 if bits > 128 else 2):
            data = bytes([1, block]) + b"\x80\x00" + algorithm.to_bytes(2, "big") + bits.to_bytes(2, "big")
            derived += psec.aes.encrypt_aes_ecb(key, data + IDENTIFIER[4:] + reached.to_bytes(4, "big"))
        key = derived[: bits // 8]
    return key


@pytest.mark.parametrize("v", vectors("dukpt_aes.json"))
def test_the_keys_of_a_transaction_are_the_published_ones(v):
    number = bytes.fromhex(v["ksn"])
    assert initial_key(bytes.fromhex(v["bdk"]), number[:8]).hex().upper() == v["initial_key"]
    device = AesDukptDevice.of_bdk(bytes.fromhex(v["bdk"]), number)
    assert device.transaction_key(number).hex().upper() == v["transaction_key"]
    for use, key in v.get("working_keys", {}).items():
        assert device.working_key(number, AesKeyUse[use]).hex().upper() == key


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        (None, "9A9770AEE1ACD1B13473D0463A1883B9"),
        (Algorithm.TDES_DOUBLE, "4744A5ECBC62B5C4BB76FBEAE1E244A3"),
        (Algorithm.TDES_TRIPLE, "AF82BE8533CFCA526DA71708667AD0BBC7A7517504C78C8A"),
    ],
)
def test_the_update_key_is_the_published_one(algorithm, key: str):
    # ANSI X9.24-3:2017, supplement: update keys of the AES-128 initial key.
    assert AesDukptDevice.of_bdk(BDK, ksn(1)).update_key(algorithm).hex().upper() == key


@pytest.mark.parametrize("v", broken("dukpt_aes.json"))
def test_broken_keys_and_serial_numbers_are_refused(v):
    bdk, number = bytes.fromhex(v["bdk"]), bytes.fromhex(v["ksn"])
    with pytest.raises(DukptError, match=v["raises"]):
        AesDukptDevice.of_bdk(bdk, number).transaction_key(number)


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("start", [1, 0xFFF0, 0x1FFF0, 0xFFFE0000])
def test_a_run_of_counters_gives_the_keys_of_the_slow_derivation_and_none_twice(start: int, size: int):
    initial = initial_key(bytes(range(size)), IDENTIFIER)
    kept, number, seen = AesDukptDevice(initial, IDENTIFIER), ksn(start), set()
    for _ in range(60):
        if number is None:
            break
        key = kept.transaction_key(number)
        assert key == slowly(initial, int.from_bytes(number[8:], "big"))
        seen.add(key)
        last, number = number, next_ksn(number)
    assert len(seen) == 60 or number is None
    if number is None:
        assert last == ksn(0xFFFF0000)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 0xFFFFFFFF).filter(lambda counter: counter.bit_count() <= 16), min_size=2, max_size=6))
def test_a_device_that_jumps_about_gives_the_keys_of_the_slow_derivation(counters: list[int]):
    initial = initial_key(BDK, IDENTIFIER)
    kept = AesDukptDevice(initial, IDENTIFIER)
    assert [kept.transaction_key(ksn(c)) for c in counters] == [slowly(initial, c) for c in counters]


def test_a_counter_with_more_than_sixteen_bits_is_skipped_and_a_device_ends():
    assert next_ksn(ksn(0x1FFFE)) == ksn(0x20000)
    assert next_ksn(ksn(0xFFFE8000)) == ksn(0xFFFF0000)
    assert next_ksn(ksn(0xFFFF0000)) is None


@pytest.mark.parametrize("size", [16, 24, 32])
def test_every_use_and_algorithm_has_a_key_of_its_own_and_none_is_stronger_than_its_source(size: int):
    device = AesDukptDevice.of_bdk(bytes(range(size)), ksn(1))
    keys = set()
    for algorithm in Algorithm:
        fits = algorithm in (Algorithm.TDES_DOUBLE, Algorithm.TDES_TRIPLE) or (
            algorithm.letter == "A" and algorithm.key_bytes <= size
        )
        if not fits:
            with pytest.raises(DukptError, match=r"stronger|is derived"):
                device.working_key(ksn(1), AesKeyUse.PIN, algorithm)
            continue
        for use in WORKING_USES:
            key = device.working_key(ksn(1), use, algorithm)
            assert len(key) == algorithm.key_bytes
            keys.add(key)
    assert len(keys) == 8 * {16: 3, 24: 4, 32: 5}[size]


@pytest.mark.parametrize("use", [AesKeyUse.KEY_DERIVATION, AesKeyUse.INITIAL_KEY])
def test_a_derivation_use_is_none_of_a_working_key(use: AesKeyUse):
    with pytest.raises(DukptError, match="not the use of a working key"):
        AesDukptDevice.of_bdk(BDK, ksn(1)).working_key(ksn(1), use)


def test_a_serial_number_of_another_device_is_refused():
    with pytest.raises(DukptError, match="another device"):
        AesDukptDevice.of_bdk(BDK, ksn(1)).transaction_key(bytes(8) + b"\x00\x00\x00\x01")


@pytest.mark.parametrize("size", [0, 7, 9, 12])
def test_an_identifier_is_8_bytes(size: int):
    with pytest.raises(DukptError, match="is 8 bytes"):
        AesDukptDevice(BDK, bytes(size))
    with pytest.raises(DukptError, match="is 8 bytes"):
        initial_key(BDK, bytes(size))
