"""DUKPT with TDES: published keys, long runs against a slow and simple derivation, and what is refused."""

from __future__ import annotations

import psec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.hsm import Algorithm, DukptError, MacAlgorithm, Pin, PinFormat, pin_block
from posterm.hsm.dukpt_tdes import TdesDukptDevice, TdesKeyUse, initial_key, next_ksn, working_key
from posterm.hsm.mac import compute
from posterm.hsm.primitives import BlockCipher
from posterm.sensitive import Pan
from tests.hsm.vector_files import broken, vectors

# psec calls TDES in ways that will go away; our door does not.
FROM_PSEC = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

BDK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
DEVICE = 0xFFFF9876543210E00000
CARD = Pan("4012345678909")


def ksn(counter: int) -> bytes:
    return (DEVICE | counter).to_bytes(10, "big")


def slowly(key: bytes, number: bytes) -> bytes:
    """ANSI X9.24-1:2009, A.3, word by word, one bit after the other from the initial key on."""

    def xor(left: bytes, right: bytes) -> bytes:
        return bytes(x ^ y for x, y in zip(left, right, strict=True))

    counter = int.from_bytes(number[-3:], "big") & 0x1FFFFF
    r8 = (int.from_bytes(number[2:], "big") & ~0x1FFFFF).to_bytes(8, "big")
    shift = 1 << 20
    while shift:
        if counter & shift:
            r8 = (int.from_bytes(r8, "big") | shift).to_bytes(8, "big")
            r8a = xor(psec.des.encrypt_tdes_ecb(key[:8], xor(r8, key[8:])), key[8:])
            key = xor(key, bytes.fromhex("C0C0C0C000000000" * 2))
            r8b = xor(psec.des.encrypt_tdes_ecb(key[:8], xor(r8, key[8:])), key[8:])
            key = r8b + r8a
        shift >>= 1
    return key


@pytest.mark.parametrize("v", vectors("dukpt_tdes.json"))
def test_the_keys_of_a_transaction_are_the_published_ones(v):
    number = bytes.fromhex(v["ksn"])
    device = TdesDukptDevice.of_bdk(bytes.fromhex(v["bdk"]), number)
    assert device.transaction_key(number).hex().upper() == v["transaction_key"]
    for use, key in v.get("working_keys", {}).items():
        assert device.working_key(number, TdesKeyUse(use)).hex().upper() == key
    cipher = BlockCipher(Algorithm.TDES_DOUBLE, device.working_key(number, TdesKeyUse.PIN))
    clear = pin_block.encode(PinFormat.ISO_0, Pin("1234"), CARD)
    assert cipher.encrypt(clear).hex().upper() == v["pin_block"]


def test_the_initial_key_and_the_macs_are_the_published_ones():
    # ANSI X9.24-1:2009, A.4.
    assert initial_key(BDK, ksn(1)).hex().upper() == "6AC292FAA1315B4D858AB3A3D7D5933A"
    device = TdesDukptDevice.of_bdk(BDK, ksn(1))
    for use, mac in ((TdesKeyUse.MAC_REQUEST, "9CCC7817"), (TdesKeyUse.MAC_RESPONSE, "20364223")):
        key = device.working_key(ksn(1), use)
        assert compute(MacAlgorithm.X9_19, key, b"4012345678909D987")[:4].hex().upper() == mac


@pytest.mark.parametrize("v", broken("dukpt_tdes.json"))
def test_broken_keys_and_serial_numbers_are_refused(v):
    bdk, number = bytes.fromhex(v["bdk"]), bytes.fromhex(v["ksn"])
    with pytest.raises(DukptError, match=v["raises"]):
        TdesDukptDevice.of_bdk(bdk, number).transaction_key(number)


@FROM_PSEC
@pytest.mark.parametrize("start", [1, 0x7F0, 0xFF7F0, 0x1FF000])
def test_a_run_of_counters_gives_the_keys_of_the_slow_derivation_and_none_twice(start: int):
    initial = initial_key(BDK, ksn(0))
    kept, number, seen = TdesDukptDevice(initial, ksn(0)), ksn(start), set()
    if start.bit_count() > 10:
        number = next_ksn(number)
    for _ in range(120):
        if number is None:
            break
        key = kept.transaction_key(number)
        assert key == slowly(initial, number)
        seen.add(key)
        last, number = number, next_ksn(number)
    assert len(seen) == 120 or number is None
    assert initial not in seen
    if number is None:
        assert last == ksn(0x1FF800)


@FROM_PSEC
@settings(max_examples=40)
@given(st.lists(st.integers(1, 0x1FFFFF).filter(lambda counter: counter.bit_count() <= 10), min_size=2, max_size=6))
def test_a_device_that_jumps_about_gives_the_keys_of_the_slow_derivation(counters: list[int]):
    initial = initial_key(BDK, ksn(0))
    kept = TdesDukptDevice(initial, ksn(0))
    assert [kept.transaction_key(ksn(c)) for c in counters] == [slowly(initial, ksn(c)) for c in counters]


def test_a_counter_with_more_than_ten_bits_is_skipped_and_a_device_ends():
    assert next_ksn(ksn(0x7FE)) == ksn(0x800)
    assert next_ksn(ksn(0xFF800)) == ksn(0xFF801)
    assert next_ksn(ksn(0xFFC00)) == ksn(0x100000)
    assert next_ksn(ksn(0x1FF800)) is None
    assert next_ksn(ksn(0)) == ksn(1)


def test_how_many_keys_a_device_has_is_what_the_standard_says():
    # ANSI X9.24-1:2009, annex A: more than a million transactions, the counters of at most ten bits less zero.
    assert sum(1 for counter in range(1, 1 << 21) if counter.bit_count() <= 10) == 1_048_575


def test_a_serial_number_of_another_device_is_refused():
    device = TdesDukptDevice.of_bdk(BDK, ksn(1))
    with pytest.raises(DukptError, match="another device"):
        device.transaction_key((DEVICE + (1 << 21) + 1).to_bytes(10, "big"))


def test_the_working_keys_of_a_transaction_all_differ_and_none_is_the_transaction_s():
    key = TdesDukptDevice.of_bdk(BDK, ksn(1)).transaction_key(ksn(1))
    assert len({key, *(working_key(key, use) for use in TdesKeyUse)}) == 6
    assert "BDK" not in repr(TdesDukptDevice.of_bdk(BDK, ksn(1)))
