"""Key blocks and the LMK: published blocks, altered ones, round trips."""

from __future__ import annotations

import copy
import pickle
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import (
    Algorithm,
    CipherError,
    Exportability,
    KeyBlock,
    KeyBlockError,
    KeyUsage,
    KeyUsageError,
    Lmk,
    MacAlgorithm,
    ModeOfUse,
    SoftHsm,
    TdesLmk,
)
from posterm.hsm.key_block import seal, unwrap, wrap
from posterm.hsm.keys import USAGES
from posterm.hsm.primitives import CbcChain, cbc_decrypt
from tests.hsm.fitting_keys import CIPHER_USAGES, fitting
from tests.hsm.vector_files import broken, vectors

LMK = Lmk.test()
OTHER_LMK = Lmk(bytes(range(32)))


def fill(size: int) -> bytes:
    return bytes(range(size))


@pytest.mark.parametrize("v", vectors("key_blocks.json"))
def test_a_published_block_holds_the_published_key(v):
    algorithm, key = unwrap(LMK, KeyBlock(v["block"]))
    assert (algorithm, key) == (Algorithm(v["algorithm"]), bytes.fromhex(v["key"]))


@pytest.mark.parametrize("v", vectors("key_blocks.json"))
def test_a_published_block_is_sealed_again_to_the_same_characters(v):
    block, key = KeyBlock(v["block"]), bytes.fromhex(v["key"])
    payload = LMK.unseal(block.header.encode(), bytes.fromhex(v["block"][17:]))
    assert seal(LMK, block.header[5:], key, lambda size: payload[-size:]) == block


@pytest.mark.parametrize("v", broken("key_blocks.json"))
def test_a_broken_block_is_refused(v):
    with pytest.raises(KeyBlockError, match=v["raises"]):
        unwrap(LMK, KeyBlock(v["block"]))


@given(
    st.sampled_from([(usage, algorithm) for usage in CIPHER_USAGES for algorithm in sorted(USAGES[usage].algorithms)]),
    st.sampled_from(list(Exportability)),
    st.randoms(use_true_random=False),
)
def test_a_block_says_what_it_was_given_and_gives_back_its_key(kind, exportability, random):
    usage, algorithm = kind
    key, mode = random.randbytes(algorithm.key_bytes), random.choice(USAGES[usage].modes)
    block = wrap(LMK, key, usage, algorithm, random.randbytes, mode, exportability)
    assert (block.usage, block.letter, block.mode, block.exportability) == (
        usage,
        algorithm.letter,
        mode,
        exportability,
    )
    assert block.isascii()
    assert block.isprintable()
    assert unwrap(LMK, block) == (algorithm, key)
    with pytest.raises(KeyBlockError, match="authentication code"):
        unwrap(OTHER_LMK, block)


@given(st.data())
def test_no_character_of_a_block_can_be_changed(data):
    block = wrap(LMK, bytes(range(16)), KeyUsage.MAC, Algorithm.TDES_DOUBLE, fill)
    place = data.draw(st.integers(0, len(block) - 1))
    character = data.draw(st.characters(max_codepoint=127).filter(lambda c: c != block[place]))
    with pytest.raises(KeyBlockError):
        unwrap(LMK, KeyBlock(block[:place] + character + block[place + 1 :]))


@given(st.text(max_size=120))
def test_any_text_is_a_block_or_raises_our_error(text: str):
    with pytest.raises(KeyBlockError):
        unwrap(LMK, KeyBlock(text))


@pytest.mark.parametrize(
    ("description", "raises"),
    [
        ("B9TB00E0000", "usage B9 is not known"),
        ("P0TZ00E0000", "mode of use Z is not known"),
        ("P0TB00Z0000", "exportability Z is not one of"),
    ],
)
def test_an_authentic_header_may_still_say_what_is_not_known_here(description: str, raises: str):
    block = seal(LMK, description, bytes(range(16)), fill)
    with pytest.raises(KeyBlockError, match=raises):
        _ = block.usage, block.mode, block.exportability


@pytest.mark.parametrize(("letter", "key_bytes"), [("D", 16), ("T", 8), ("A", 8), ("4", 32), ("R", 16)])
def test_a_letter_and_a_key_length_that_name_no_algorithm_are_refused(letter: str, key_bytes: int):
    with pytest.raises(KeyBlockError, match="no algorithm"):
        unwrap(LMK, seal(LMK, f"P0{letter}B00E0000", bytes(key_bytes), fill))


@pytest.mark.parametrize("usage", CIPHER_USAGES)
@pytest.mark.parametrize("mode", ModeOfUse)
def test_a_usage_takes_its_own_modes_only(usage: KeyUsage, mode: ModeOfUse):
    algorithm = fitting(usage)
    key = bytes(range(algorithm.key_bytes))
    if mode in USAGES[usage].modes:
        assert wrap(LMK, key, usage, algorithm, fill, mode).mode is mode
        return
    with pytest.raises(KeyBlockError, match="does not go with mode"):
        wrap(LMK, key, usage, algorithm, fill, mode)


@pytest.mark.parametrize("usage", KeyUsage)
@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_usage_takes_its_own_algorithms_only(usage: KeyUsage, algorithm: Algorithm):
    key = bytes(range(algorithm.key_bytes))
    if algorithm in USAGES[usage].algorithms:
        assert unwrap(LMK, wrap(LMK, key, usage, algorithm, fill)) == (algorithm, key)
        return
    with pytest.raises(KeyUsageError, match="does not go with"):
        wrap(LMK, key, usage, algorithm, fill)


@pytest.mark.parametrize("source", [lambda size: b"", lambda size: bytes(size + 1), lambda size: "0" * size])
def test_entropy_that_gives_another_number_of_bytes_is_refused(source):
    with pytest.raises(CipherError, match="entropy"):
        wrap(LMK, bytes(range(8)), KeyUsage.MAC, Algorithm.DES, source)


def test_a_block_is_text_that_can_be_copied_stored_and_read_back():
    block = wrap(LMK, bytes(range(16)), KeyUsage.MAC, Algorithm.TDES_DOUBLE, fill)
    for again in (KeyBlock(str(block)), copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert again == block
        assert hash(again) == hash(str(block))
        assert isinstance(again, KeyBlock)


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33, 64])
def test_a_master_key_is_32_bytes(size: int):
    with pytest.raises(KeyBlockError, match="is 32 bytes"):
        Lmk(bytes(size))


def test_the_test_master_key_knows_that_it_is_one_and_none_shows_itself():
    assert LMK.is_test
    assert not OTHER_LMK.is_test
    assert bytes(range(32)).hex() not in repr(OTHER_LMK).lower()
    assert repr(LMK) == "<Lmk test>"
    with pytest.raises(TypeError):
        pickle.dumps(LMK)


# --- TDES key-block LMK -------------------------------------------------------------------------------------------


def test_a_version_0_block_is_the_one_of_the_published_rule():
    # payShield version 0: variants 45 and 4D of the LMK; CBC from the first eight header characters; the MAC is the
    # first four bytes of the CBC-MAC over header and ciphertext.
    block = wrap(TdesLmk.test(), bytes(range(1, 17)), KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE, fill)
    assert (block[:2], len(block)) == ("S0", 1 + 16 + 48 + 8)
    key = bytes.fromhex("0123456789ABCDEF8080808080808080FEDCBA9876543210")
    header, sealed = block[1:17].encode(), bytes.fromhex(block[17:])
    chain = CbcChain(Algorithm.TDES_TRIPLE, bytes(byte ^ 0x4D for byte in key))
    assert chain.last_block(header + sealed[:-4])[:4] == sealed[-4:]
    clear = cbc_decrypt(Algorithm.TDES_TRIPLE, bytes(byte ^ 0x45 for byte in key), header[:8], sealed[:-4])
    assert clear[:18] == b"\x00\x80" + bytes(range(1, 17))


@given(st.sampled_from(list(Algorithm)), st.randoms(use_true_random=False))
def test_a_version_0_block_gives_back_its_key(algorithm: Algorithm, random):
    key = random.randbytes(algorithm.key_bytes)
    block = wrap(TdesLmk.test(), key, KeyUsage.MAC, algorithm, random.randbytes)
    assert unwrap(TdesLmk.test(), block) == (algorithm, key)


def test_a_block_of_one_version_does_not_open_under_the_other_s_master_key():
    for sealer, opener in ((LMK, TdesLmk.test()), (TdesLmk.test(), LMK)):
        block = wrap(sealer, bytes(range(16)), KeyUsage.MAC, Algorithm.TDES_DOUBLE, fill)
        with pytest.raises(KeyBlockError, match="is not of this local master key"):
            unwrap(opener, block)


def test_every_altered_character_of_a_version_0_block_is_noticed():
    block = wrap(TdesLmk.test(), bytes(range(16)), KeyUsage.MAC, Algorithm.TDES_DOUBLE, fill)
    for place in range(1, len(block)):
        altered = block[:place] + ("0" if block[place] != "0" else "1") + block[place + 1 :]
        with pytest.raises(KeyBlockError):
            unwrap(TdesLmk.test(), KeyBlock(altered))


def test_a_hsm_under_a_tdes_master_key_works_as_under_an_aes_one():
    hsm = SoftHsm(TdesLmk.test(), Random(1).randbytes)
    key = hsm.load_clear_key(bytes(range(8)), KeyUsage.MAC, Algorithm.DES)
    expected = SoftHsm(LMK, Random(1).randbytes)
    other = expected.load_clear_key(bytes(range(8)), KeyUsage.MAC, Algorithm.DES)
    assert hsm.generate_mac(key, MacAlgorithm.X9_9, b"x") == expected.generate_mac(other, MacAlgorithm.X9_9, b"x")
    assert hsm.uses_test_lmk


@pytest.mark.parametrize("size", [0, 16, 23, 25, 32])
def test_a_tdes_master_key_is_24_bytes(size: int):
    with pytest.raises(KeyBlockError, match="is 24 bytes"):
        TdesLmk(bytes(size))
