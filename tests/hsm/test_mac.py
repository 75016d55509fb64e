"""MACs: published results, the steps to them, and what is refused."""

from __future__ import annotations

import psec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import Algorithm, KeyUsage, KeyUsageError, MacAlgorithm, MacError, SoftHsm, mac
from posterm.hsm.mac import MacKey, compute, explain, fold, key_algorithm
from tests.hsm.vector_files import broken, vectors

# psec calls TDES in ways that will go away; our door does not.
FROM_PSEC = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

KEY_OF = {
    MacAlgorithm.UNIONPAY_ECB: Algorithm.TDES_DOUBLE,
    MacAlgorithm.XOR_TDES_BINARY: Algorithm.TDES_DOUBLE,
    MacAlgorithm.X9_9: Algorithm.DES,
    MacAlgorithm.X9_19: Algorithm.TDES_DOUBLE,
    MacAlgorithm.UNIONPAY_SM4_ECB: Algorithm.SM4,
    MacAlgorithm.SM4_CBC_TEXT: Algorithm.SM4,
    MacAlgorithm.SM4_CBC_BINARY: Algorithm.SM4,
    MacAlgorithm.ISO9797_1_PAD1: Algorithm.TDES_TRIPLE,
    MacAlgorithm.ISO9797_1_PAD2: Algorithm.TDES_DOUBLE,
    MacAlgorithm.ISO9797_1_PAD3: Algorithm.DES,
    MacAlgorithm.ISO9797_3_PAD2: Algorithm.TDES_DOUBLE,
    MacAlgorithm.ISO9797_3_PAD3: Algorithm.TDES_DOUBLE,
    MacAlgorithm.TDES_CMAC: Algorithm.TDES_DOUBLE,
    MacAlgorithm.AES_CMAC: Algorithm.AES_192,
}
TELL_LENGTHS_APART = {
    MacAlgorithm.ISO9797_1_PAD2,
    MacAlgorithm.ISO9797_1_PAD3,
    MacAlgorithm.ISO9797_3_PAD2,
    MacAlgorithm.ISO9797_3_PAD3,
    MacAlgorithm.TDES_CMAC,
    MacAlgorithm.AES_CMAC,
}
ZERO_PADDED = [algorithm for algorithm in KEY_OF if algorithm not in TELL_LENGTHS_APART]


@pytest.mark.parametrize("v", vectors("macs.json"))
def test_a_mac_is_the_published_one(v, hsm: SoftHsm):
    algorithm, key, data = MacAlgorithm(v["algorithm"]), bytes.fromhex(v["key"]), bytes.fromhex(v["data"])
    whole = bytes.fromhex(v["mac"])
    expected = whole[:8]
    assert compute(algorithm, key, data) == expected
    assert MacKey(key_algorithm(algorithm, key), key).generate(algorithm, data, len(whole)) == whole
    block = hsm.load_clear_key(key, KeyUsage.MAC, key_algorithm(algorithm, key))
    assert hsm.generate_mac(block, algorithm, data) == expected
    hsm.verify_mac(block, algorithm, data, expected)


@pytest.mark.parametrize("v", vectors("macs.json", having="steps"))
def test_the_steps_to_a_mac_are_the_published_ones(v):
    steps = dict(explain(MacAlgorithm(v["algorithm"]), bytes.fromhex(v["key"]), bytes.fromhex(v["data"])))
    assert {name: steps[name] for name in v["steps"]} == v["steps"]
    assert steps["MAC"] == v["mac"]


@pytest.mark.parametrize("algorithm", MacAlgorithm)
def test_the_last_step_is_the_mac_whatever_the_algorithm(algorithm: MacAlgorithm):
    key = bytes(range(1, KEY_OF.get(algorithm, Algorithm.DES).key_bytes + 1))
    assert explain(algorithm, key, b"posterm")[-1] == ("MAC", compute(algorithm, key, b"posterm").hex().upper())


@pytest.mark.parametrize("v", broken("macs.json"))
def test_a_key_that_does_not_go_with_the_algorithm_is_refused(v):
    with pytest.raises(KeyUsageError, match=v["raises"]):
        compute(MacAlgorithm(v["algorithm"]), bytes.fromhex(v["key"]), bytes.fromhex(v["data"]))


@pytest.mark.parametrize("algorithm", MacAlgorithm)
@pytest.mark.parametrize("key", Algorithm)
def test_each_algorithm_takes_its_own_keys_and_no_others(algorithm: MacAlgorithm, key: Algorithm, hsm: SoftHsm):
    block = hsm.generate_key(KeyUsage.MAC, key)
    if key in mac.KEY_ALGORITHMS[algorithm]:
        assert len(hsm.generate_mac(block, algorithm, b"posterm")) == 8
        return
    with pytest.raises(KeyUsageError):
        hsm.generate_mac(block, algorithm, b"posterm")
    with pytest.raises(KeyUsageError):
        hsm.verify_mac(block, algorithm, b"posterm", bytes(8))
    with pytest.raises(KeyUsageError):
        MacKey(key, bytes(range(key.key_bytes))).generate(algorithm, b"posterm")


@pytest.mark.parametrize("algorithm", MacAlgorithm)
@pytest.mark.parametrize("given_mac", ["first bit", "last bit", "short", "long", "empty", "of other data"])
def test_a_mac_that_differs_does_not_verify(algorithm: MacAlgorithm, given_mac: str, hsm: SoftHsm):
    key = hsm.generate_key(KeyUsage.MAC, KEY_OF.get(algorithm, Algorithm.DES))
    right = hsm.generate_mac(key, algorithm, b"posterm")
    wrong = {
        "first bit": bytes([right[0] ^ 0x80]) + right[1:],
        "last bit": right[:-1] + bytes([right[-1] ^ 1]),
        "short": right[:-1],
        "long": right + b"\x00",
        "empty": b"",
        "of other data": hsm.generate_mac(key, algorithm, b"posterm 2"),
    }[given_mac]
    if algorithm is MacAlgorithm.NONE and given_mac == "of other data":
        hsm.verify_mac(key, algorithm, b"posterm", wrong)  # it covers no data, which is what it is for
        return
    with pytest.raises(MacError, match="does not verify"):
        hsm.verify_mac(key, algorithm, b"posterm", wrong)


@pytest.mark.parametrize("algorithm", MacAlgorithm)
def test_data_beyond_the_limit_is_refused_and_up_to_it_is_not(algorithm: MacAlgorithm):
    key = MacKey(KEY_OF.get(algorithm, Algorithm.DES), bytes(range(KEY_OF.get(algorithm, Algorithm.DES).key_bytes)))
    assert len(key.generate(algorithm, bytes(mac.LONGEST_DATA))) == 8
    with pytest.raises(MacError, match="at most 65536 bytes"):
        key.generate(algorithm, bytes(mac.LONGEST_DATA + 1))


@pytest.mark.parametrize("algorithm", sorted(TELL_LENGTHS_APART))
def test_data_and_the_same_data_with_zeros_have_other_macs(algorithm: MacAlgorithm):
    key = bytes(range(KEY_OF[algorithm].key_bytes))
    macs = {compute(algorithm, key, bytes(size)) for size in range(40)}
    assert len(macs) == 40


@pytest.mark.parametrize("algorithm", KEY_OF)
@pytest.mark.parametrize("length", [-1, 0, 3, 17, 64])
def test_a_mac_is_at_least_4_bytes_and_at_most_all(algorithm: MacAlgorithm, length: int):
    key = MacKey(KEY_OF[algorithm], bytes(range(KEY_OF[algorithm].key_bytes)))
    assert len(key.generate(algorithm, b"posterm", 4)) == 4
    assert len(key.generate(algorithm, b"posterm", algorithm.longest)) == algorithm.longest
    with pytest.raises(MacError, match="it has 4 to"):
        key.generate(algorithm, b"posterm", length)


@pytest.mark.parametrize("algorithm", ZERO_PADDED)
def test_no_data_is_one_block_of_zeros(algorithm: MacAlgorithm):
    key = bytes(range(KEY_OF[algorithm].key_bytes))
    assert compute(algorithm, key, b"") == compute(algorithm, key, bytes(KEY_OF[algorithm].block_bytes))


@given(st.binary(max_size=3000), st.sampled_from([8, 16]))
def test_folding_is_the_exclusive_or_of_all_blocks(data: bytes, size: int):
    expected = 0
    for start in range(0, len(data), size):
        expected ^= int.from_bytes(data[start : start + size].ljust(size, b"\x00"), "big")
    assert fold(data, size) == expected


@FROM_PSEC
@given(st.binary(min_size=16, max_size=16), st.binary(min_size=1, max_size=400))
def test_the_retail_mac_is_what_psec_makes_of_it(key: bytes, data: bytes):
    assert compute(MacAlgorithm.X9_19, key, data) == psec.mac.generate_retail_mac(key[:8], key[8:], data, 1, 8)


@FROM_PSEC
@given(st.binary(min_size=8, max_size=8), st.binary(min_size=1, max_size=400))
def test_the_single_des_mac_is_what_psec_makes_of_it(key: bytes, data: bytes):
    assert compute(MacAlgorithm.X9_9, key, data) == psec.mac.generate_cbc_mac(key, data, 1, 8, psec.mac.Algorithm.DES)


@given(st.lists(st.binary(max_size=80), max_size=12), st.sampled_from(sorted(KEY_OF)))
def test_a_kept_key_answers_every_message_as_a_fresh_one_does(messages: list[bytes], algorithm: MacAlgorithm):
    key = bytes(range(1, KEY_OF[algorithm].key_bytes + 1))
    kept = MacKey(KEY_OF[algorithm], key)
    assert [kept.generate(algorithm, m) for m in messages] == [compute(algorithm, key, m) for m in messages]


@FROM_PSEC
@given(
    st.sampled_from([8, 16, 24]),
    st.sampled_from([1, 2, 3]),
    st.binary(min_size=24, max_size=24),
    st.binary(max_size=99),
)
def test_every_padding_is_what_psec_makes_of_it(size: int, padding: int, key: bytes, data: bytes):
    if not data and padding != 2:
        return  # what no data gives is told apart above
    algorithm = MacAlgorithm(f"iso9797-1-pad{padding}")
    expected = psec.mac.generate_cbc_mac(key[:size], data, padding, 8, psec.mac.Algorithm.DES)
    assert compute(algorithm, key[:size], data) == expected
    if size == 16 and padding != 1:
        retail = psec.mac.generate_retail_mac(key[:8], key[8:16], data, padding, 8)
        assert compute(MacAlgorithm(f"iso9797-3-pad{padding}"), key[:16], data) == retail
