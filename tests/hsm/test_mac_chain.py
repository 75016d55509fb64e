"""A MAC over a message in parts is the MAC over the whole of it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posterm.hsm import Algorithm, KeyUsage, MacAlgorithm, MacError, SoftHsm

CHAINED = {
    Algorithm.DES: (MacAlgorithm.X9_9, MacAlgorithm.ISO9797_1_PAD1, MacAlgorithm.ISO9797_1_PAD2),
    Algorithm.TDES_DOUBLE: (
        MacAlgorithm.X9_19,
        MacAlgorithm.ISO9797_3_PAD2,
        MacAlgorithm.ISO9797_1_PAD1,
        MacAlgorithm.ISO9797_1_PAD2,
    ),
}
CASES = [(key, algorithm) for key, algorithms in CHAINED.items() for algorithm in algorithms]


@pytest.mark.parametrize(("key_algorithm", "algorithm"), CASES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(first=st.binary(min_size=8, max_size=40), last=st.binary(min_size=1, max_size=40))
def test_two_parts_have_the_mac_of_the_whole(
    hsm: SoftHsm, key_algorithm: Algorithm, algorithm: MacAlgorithm, first: bytes, last: bytes
):
    key = hsm.generate_key(KeyUsage.MAC, key_algorithm)
    first = first[: len(first) // 8 * 8]
    whole = hsm.generate_mac(key, algorithm, first + last)
    chain = hsm.chain_mac(key, algorithm, first)
    assert hsm.finish_mac(key, algorithm, last, chain) == whole
    hsm.verify_finished_mac(key, algorithm, last, chain, whole)
    hsm.verify_finished_mac(key, algorithm, last, chain, whole[:4])


def test_a_part_before_the_last_is_whole_blocks(hsm: SoftHsm):
    key = hsm.generate_key(KeyUsage.MAC, Algorithm.TDES_DOUBLE)
    for part in (b"", b"1234567", b"123456789"):
        with pytest.raises(MacError, match="whole blocks"):
            hsm.chain_mac(key, MacAlgorithm.X9_19, part)


@pytest.mark.parametrize("algorithm", [MacAlgorithm.ISO9797_3_PAD3, MacAlgorithm.TDES_CMAC, MacAlgorithm.UNIONPAY_ECB])
def test_some_macs_are_not_made_in_parts(hsm: SoftHsm, algorithm: MacAlgorithm):
    key = hsm.generate_key(KeyUsage.MAC, Algorithm.TDES_DOUBLE)
    with pytest.raises(MacError, match="not made in parts"):
        hsm.chain_mac(key, algorithm, bytes(8))
    with pytest.raises(MacError, match="not made in parts"):
        hsm.finish_mac(key, algorithm, bytes(8), bytes(8))


def test_another_mac_or_chaining_value_is_refused(hsm: SoftHsm):
    key = hsm.generate_key(KeyUsage.MAC, Algorithm.TDES_DOUBLE)
    mac = hsm.finish_mac(key, MacAlgorithm.X9_19, b"last", bytes(8))
    for wrong in (bytes(8), b"", mac[:3], mac[:7]):
        with pytest.raises(MacError, match="does not verify"):
            hsm.verify_finished_mac(key, MacAlgorithm.X9_19, b"last", bytes(8), wrong)
    with pytest.raises(MacError, match="chaining value"):
        hsm.finish_mac(key, MacAlgorithm.X9_19, b"last", bytes(7))
