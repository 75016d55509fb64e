"""Kept cipher contexts, and that nothing a caller does leaves a partial block in one."""

from __future__ import annotations

import array

import psec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import Algorithm, CipherError, KeyCheckError
from posterm.hsm.primitives import BlockCipher, CbcChain, aes_cmac, check_value

# psec calls TDES in ways that will go away; our door does not.
FROM_PSEC = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

KEYS = {algorithm: bytes(range(7, 7 + algorithm.key_bytes)) for algorithm in Algorithm}

RFC_4493_KEY = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")


class LyingBytes(bytes):
    """Says it is as long as a block."""

    def __len__(self) -> int:
        return 16


PARTIAL = [
    pytest.param(b"1234567", id="7-bytes"),
    pytest.param(b"123456789", id="9-bytes"),
    pytest.param(b"1", id="1-byte"),
    pytest.param(b"x" * 17, id="17-bytes"),
    pytest.param(LyingBytes(b"123"), id="a-type-that-lies-about-its-length"),
    pytest.param(bytearray(b"12345"), id="bytearray"),
    pytest.param(memoryview(b"123"), id="memoryview"),
    pytest.param(memoryview(array.array("I", [1, 2, 3, 4, 5, 6, 7, 8])), id="memoryview-of-words"),
    pytest.param("12345678", id="text"),
    pytest.param(None, id="nothing"),
    pytest.param(12345678, id="number"),
]


@pytest.mark.parametrize("attack", PARTIAL)
@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_partial_block_is_refused_and_the_next_caller_is_answered_rightly(algorithm: Algorithm, attack: object):
    cipher, block = BlockCipher(algorithm, KEYS[algorithm]), bytes(range(algorithm.block_bytes))
    expected = BlockCipher(algorithm, KEYS[algorithm]).encrypt(block)
    for _ in range(3):
        with pytest.raises(CipherError, match="whole blocks"):
            cipher.encrypt(attack)  # type: ignore[arg-type]
        with pytest.raises(CipherError, match="whole blocks"):
            cipher.decrypt(attack)  # type: ignore[arg-type]
        assert cipher.encrypt(block) == expected
        assert cipher.decrypt(expected) == block


@pytest.mark.parametrize("attack", [*PARTIAL[:7], pytest.param(b"", id="no-block")])
@pytest.mark.parametrize("algorithm", [Algorithm.DES, Algorithm.SM4])
def test_a_chain_is_not_shifted_by_a_partial_block(algorithm: Algorithm, attack: bytes):
    chain, message = CbcChain(algorithm, KEYS[algorithm]), bytes(range(48))
    expected = CbcChain(algorithm, KEYS[algorithm]).last_block(message)
    assert chain.last_block(message) == expected
    if type(attack) in (bytes, LyingBytes):
        with pytest.raises(CipherError):
            chain.last_block(bytes(attack) + b"odd"[: 1 - len(attack) % 2])
    assert chain.last_block(message) == expected


def test_a_context_that_fails_is_dropped_with_whatever_it_holds():
    cipher, block = BlockCipher(Algorithm.DES, KEYS[Algorithm.DES]), b"12345678"
    expected = cipher.encrypt(block)
    kept = cipher.encrypt.__self__  # type: ignore[attr-defined]
    sound = kept._update

    def interrupted(data: bytes) -> bytes:
        sound(data[:3])  # half a block went in when the interrupt came
        raise KeyboardInterrupt

    kept._update = interrupted
    with pytest.raises(KeyboardInterrupt):
        cipher.encrypt(block)
    assert cipher.encrypt(block) == expected


def test_a_chain_that_fails_starts_afresh():
    chain, message = CbcChain(Algorithm.DES, KEYS[Algorithm.DES]), bytes(range(24))
    expected = chain.last_block(message)
    kept = chain._kept
    sound = kept._update

    def interrupted(data: bytes) -> bytes:
        sound(data)
        raise MemoryError

    kept._update = interrupted
    with pytest.raises(MemoryError):
        chain.last_block(message)
    assert chain.last_block(message) == expected


@given(st.sampled_from(list(Algorithm)), st.integers(0, 12), st.randoms(use_true_random=False))
def test_deciphering_gives_back_what_was_enciphered(algorithm: Algorithm, blocks: int, random):
    cipher = BlockCipher(algorithm, random.randbytes(algorithm.key_bytes))
    clear = random.randbytes(blocks * algorithm.block_bytes)
    assert cipher.decrypt(cipher.encrypt(clear)) == clear


@FROM_PSEC
@given(st.sampled_from([8, 16, 24]), st.randoms(use_true_random=False))
def test_des_and_both_tdes_are_what_psec_makes_of_them_whatever_the_parity(size: int, random):
    algorithm = {8: Algorithm.DES, 16: Algorithm.TDES_DOUBLE, 24: Algorithm.TDES_TRIPLE}[size]
    key, block = random.randbytes(size), random.randbytes(8)
    assert BlockCipher(algorithm, key).encrypt(block) == psec.des.encrypt_tdes_ecb(key, block)
    assert check_value(algorithm, key, 3) == psec.des.generate_kcv(key, 3)


def test_sm4_is_the_standard_one():
    # GB/T 32907-2016, annex A.1: key and plaintext are the same.
    text = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    assert BlockCipher(Algorithm.SM4, text).encrypt(text) == bytes.fromhex("681EDF34D206965E86B3E94F536E4246")


@pytest.mark.parametrize(
    ("message", "mac"),
    [
        ("", "BB1D6929E95937287FA37D129B756746"),
        ("6BC1BEE22E409F96E93D7E117393172A", "070A16B46B4D4144F79BDD9DD04A287C"),
    ],
    ids=["empty", "one-block"],
)
def test_the_cmac_is_the_published_one(message: str, mac: str):
    # RFC 4493, 4, examples 1 and 2.
    assert aes_cmac(RFC_4493_KEY, bytes.fromhex(message)) == bytes.fromhex(mac)


def test_an_aes_check_value_is_the_cmac_of_a_zero_block_and_not_that_block_enciphered():
    enciphered = BlockCipher(Algorithm.AES_128, RFC_4493_KEY).encrypt(bytes(16))
    assert enciphered == bytes.fromhex("7DF76B0C1AB899B33E42F047B91B546F")  # RFC 4493, 4, subkey generation
    # Subkey K1 is that block doubled in the field; a whole last block is masked with it before it is enciphered.
    subkey = (int.from_bytes(enciphered, "big") << 1).to_bytes(17, "big")[1:]
    expected = BlockCipher(Algorithm.AES_128, RFC_4493_KEY).encrypt(subkey)
    assert check_value(Algorithm.AES_128, RFC_4493_KEY, 5) == expected[:5]


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("off_by", [-8, -1, 1, 8])
def test_a_key_of_another_length_is_refused(algorithm: Algorithm, off_by: int):
    key = bytes(algorithm.key_bytes + off_by)
    for make in (BlockCipher, CbcChain, check_value):
        with pytest.raises(KeyCheckError, match=f"a {algorithm} key is {algorithm.key_bytes} bytes"):
            make(algorithm, key)


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("length", [-1, 0, 17])
def test_a_check_value_is_at_most_a_block_long(algorithm: Algorithm, length: int):
    with pytest.raises(KeyCheckError, match="check value is 1 to"):
        check_value(algorithm, KEYS[algorithm], length)
