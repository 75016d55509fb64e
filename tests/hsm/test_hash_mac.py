"""HMAC: published results, shortened ones, and what is refused."""

from __future__ import annotations

import pytest

from posterm.hsm import HsmError, MacError
from posterm.hsm.hash_mac import HashAlgorithm, hash_mac, verify_hash_mac
from tests.hsm.vector_files import broken, vectors


@pytest.mark.parametrize("v", vectors("hash_macs.json"))
def test_an_hmac_is_the_published_one_and_may_be_cut_from_the_right(v):
    algorithm, key, data = HashAlgorithm(v["algorithm"]), bytes.fromhex(v["key"]), bytes.fromhex(v["data"])
    expected = bytes.fromhex(v["mac"])
    assert hash_mac(algorithm, key, data) == expected
    assert len(expected) == algorithm.digest_bytes
    for length in (4, 8, algorithm.digest_bytes):
        verify_hash_mac(algorithm, key, data, expected[:length], length)


@pytest.mark.parametrize("v", broken("hash_macs.json"))
def test_broken_parameters_are_refused(v):
    algorithm, key, data = HashAlgorithm(v["algorithm"]), bytes.fromhex(v["key"]), bytes.fromhex(v["data"])
    with pytest.raises(HsmError, match=v["raises"]):
        hash_mac(algorithm, key, data, v.get("length"))


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_an_hmac_that_differs_does_not_verify(algorithm: HashAlgorithm):
    key = bytes(range(16))
    right = hash_mac(algorithm, key, b"posterm")
    for wrong in (b"", right[:-1], right + b"0", right[:-1] + bytes([right[-1] ^ 1])):
        with pytest.raises(MacError, match="does not verify"):
            verify_hash_mac(algorithm, key, b"posterm", wrong)
    with pytest.raises(MacError, match="at most 65536"):
        hash_mac(algorithm, key, bytes(65_537))
