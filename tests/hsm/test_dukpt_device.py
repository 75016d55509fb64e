"""Long runs of a DUKPT device as it works itself, with its registers of future keys, beside the host's derivation.

A device has one register for each counter bit. It uses the key in the register of its counter's lowest set bit, fills
the registers below from it, forgets it and counts on; at the most bits allowed it skips to the next shorter counter.
Nothing of that is in `posterm.hsm`, where the host finds each key on its own way from the initial key.

Source: ANSI X9.24-1:2009, A.3 (request PIN entry 1 to 3, new key 1 to 4); ANSI X9.24-3:2017, 6.4.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from math import comb

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from posterm.hsm import dukpt_aes, dukpt_tdes
from posterm.hsm.dukpt_aes import AesDukptDevice
from posterm.hsm.dukpt_tdes import TdesDukptDevice

Step = Callable[[bytes, int], bytes]
TDES_DEVICE = 0xFFFF9876543210E00000
AES_IDENTIFIER = bytes.fromhex("1234567890123456")


class Device:
    """The registers of one device, and the counter it is at. `counter` is 0 when its keys are used up."""

    def __init__(self, initial: bytes, step: Step, bits: int, most_ones: int) -> None:
        self._step, self._bits, self._most_ones = step, bits, most_ones
        self.registers: dict[int, bytes] = {}
        self.counter = 0
        self._fill(initial, 1 << bits)
        self.counter = 1

    def transact(self) -> tuple[int, bytes]:
        """The counter and the key of the next transaction."""
        counter, lowest = self.counter, self.counter & -self.counter
        key = self.registers.pop(lowest)
        if counter.bit_count() < self._most_ones:
            self._fill(key, lowest)
            self.counter += 1
        else:
            self.counter += lowest
        self.counter &= (1 << self._bits) - 1
        return counter, key

    def wind(self, counter: int, key_of: Callable[[int], bytes]) -> None:
        """Put the device to where it is before a counter, from the keys on the ways to it."""
        self.counter, self.registers = counter, {}
        for place in range(self._bits):
            bit = 1 << place
            # The register of a set bit other than the lowest is empty; the others hold what comes next below or at it.
            if not counter & bit or bit == counter & -counter:
                above = counter & ~(bit * 2 - 1)
                if above | bit >= counter and (above | bit).bit_count() <= self._most_ones:
                    self.registers[bit] = key_of(above | bit)

    def _fill(self, key: bytes, below: int) -> None:
        shift = below >> 1
        while shift:
            self.registers[shift] = self._step(key, self.counter | shift)
            shift >>= 1


def tdes_step(key: bytes, counter: int) -> bytes:
    """The non-reversible key generation process, in the words of the standard: crypto registers 1 and 2."""

    def single_des(des_key: bytes, block: bytes) -> bytes:
        return Cipher(TripleDES(des_key * 3), modes.ECB()).encryptor().update(block)

    def xor(left: bytes, right: bytes) -> bytes:
        return bytes(x ^ y for x, y in zip(left, right, strict=True))

    register_1 = (TDES_DEVICE | counter).to_bytes(10, "big")[-8:]
    register_2 = xor(single_des(key[:8], xor(key[8:], register_1)), key[8:])
    key = xor(key, bytes.fromhex("C0C0C0C000000000" * 2))
    register_1 = xor(single_des(key[:8], xor(key[8:], register_1)), key[8:])
    return register_1 + register_2


def tdes_key_by_steps(key: bytes, counter: int) -> bytes:
    """The key of one transaction from the initial key, bit by bit of its counter."""
    reached = 0
    for place in reversed(range(21)):
        if counter >> place & 1:
            reached |= 1 << place
            key = tdes_step(key, reached)
    return key


def aes_step(key: bytes, counter: int) -> bytes:
    """The derivation of a key from the one before, for use 8000 and the key's own length."""
    codes = {16: "00020080", 24: "000300C0", 32: "00040100"}
    derived = b""
    for block in range(1, 2 if len(key) == 16 else 3):
        data = f"01{block:02X}8000{codes[len(key)]}{AES_IDENTIFIER[4:].hex()}{counter:08X}"
        derived += Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(bytes.fromhex(data))
    return derived[: len(key)]


def tdes_ksn(counter: int) -> bytes:
    return (TDES_DEVICE | counter).to_bytes(10, "big")


def tdes_pair(seed: int) -> tuple[Device, TdesDukptDevice]:
    initial = random.Random(seed).randbytes(16)
    return Device(initial, tdes_step, 21, 10), TdesDukptDevice(initial, tdes_ksn(0))


def aes_ksn(counter: int) -> bytes:
    return AES_IDENTIFIER + counter.to_bytes(4, "big")


def aes_pair(seed: int, size: int) -> tuple[Device, AesDukptDevice]:
    initial = random.Random(seed).randbytes(size)
    return Device(initial, aes_step, 32, 16), AesDukptDevice(initial, AES_IDENTIFIER)


def run(device: Device, transactions: int) -> Iterator[tuple[int, bytes]]:
    for _ in range(transactions):
        if not device.counter:
            return
        yield device.transact()


def test_a_tdes_device_and_its_host_agree_on_the_first_thousands():
    device, host = tdes_pair(241)
    last = None
    for counter, key in run(device, 4_500):
        number = tdes_ksn(counter)
        assert host.transaction_key(number) == key, counter
        assert last is None or dukpt_tdes.next_ksn(last) == number
        last = number
    assert counter > 4_500  # counters of more than ten bits were skipped


@pytest.mark.parametrize("start", [0x0FFC00, 0x1FF000])
def test_a_tdes_device_and_its_host_agree_over_the_half_and_to_the_end(start: int):
    device, host = tdes_pair(242)
    fresh = TdesDukptDevice.of_bdk(bytes(range(16)), tdes_ksn(0))
    assert fresh.transaction_key(tdes_ksn(1)) != host.transaction_key(tdes_ksn(1))
    if start.bit_count() > 10:
        start += start & -start
    device.wind(start, lambda counter: host.transaction_key(tdes_ksn(counter)))
    counters = []
    for counter, key in run(device, 600):
        assert host.transaction_key(tdes_ksn(counter)) == key, hex(counter)
        counters.append(counter)
    assert counters == sorted(counters)
    if start == 0x1FF000:
        assert counters[-1] == 0x1FF800
        assert not device.counter  # rolled over: the device is spent
        assert dukpt_tdes.next_ksn(tdes_ksn(counters[-1])) is None


@pytest.mark.parametrize("size", [16, 24, 32])
def test_an_aes_device_and_its_host_agree_on_the_first_thousands(size: int):
    device, host = aes_pair(243, size)
    for counter, key in run(device, 1_500):
        assert host.transaction_key(aes_ksn(counter)) == key, counter


@pytest.mark.parametrize("start", [0x0001FFFE, 0x7FFF8000, 0xFFFF0000])
def test_an_aes_device_and_its_host_agree_across_skipped_counters_and_to_the_end(start: int):
    device, host = aes_pair(244, 16)
    device.wind(start, lambda counter: host.transaction_key(aes_ksn(counter)))
    last, seen = None, 0
    for counter, key in run(device, 400):
        assert counter.bit_count() <= 16
        assert host.transaction_key(aes_ksn(counter)) == key, hex(counter)
        assert last is None or dukpt_aes.next_ksn(aes_ksn(last)) == aes_ksn(counter)
        last, seen = counter, seen + 1
    if start == 0xFFFF0000:
        assert (seen, device.counter) == (1, 0)


@pytest.mark.proof
@pytest.mark.parametrize("quarter", range(4))
def test_every_key_a_tdes_device_ever_has_is_the_hosts(quarter: int):
    device, host = tdes_pair(245)
    if quarter:
        initial = random.Random(245).randbytes(16)
        device.wind(quarter << 19, lambda counter: tdes_key_by_steps(initial, counter))
    # Nineteen bits are free, and the quarter's own are set in each of its counters. Together it is 1,048,575 keys.
    keys = sum(comb(19, ones) for ones in range(11 - quarter.bit_count())) - (quarter == 0)
    for counter, key in run(device, keys):
        assert counter >> 19 == quarter
        assert host.transaction_key(tdes_ksn(counter)) == key, counter
    assert device.counter == (quarter + 1 << 19) % (1 << 21)


@pytest.mark.proof
@pytest.mark.parametrize("size", [16, 24, 32])
def test_an_aes_device_and_its_host_agree_on_a_hundred_thousand(size: int):
    device, host = aes_pair(246, size)
    for counter, key in run(device, 100_000):
        assert host.transaction_key(aes_ksn(counter)) == key, counter
