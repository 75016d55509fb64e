"""Key blocks between parties: published ones, those of psec, and what is refused."""

from __future__ import annotations

from random import Random

import psec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.hsm import HsmError, KeyBlockError, KeyCheckError
from posterm.hsm.tr31 import OptionalBlock, Tr31Header, parse, unwrap, wrap
from tests.hsm.vector_files import broken, vectors

# psec calls TDES in ways that will go away; our door does not.
FROM_PSEC = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

SIZES = {"A": (16, 24), "B": (16, 24), "C": (16, 24), "D": (16, 24, 32), "E": (16, 24, 32)}
optional_blocks = st.lists(
    st.builds(
        OptionalBlock,
        st.from_regex(r"[A-Z][0-9]", fullmatch=True),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300),
    ),
    max_size=4,
    unique_by=lambda block: block.name,
)


def entropy(seed: int = 1):
    return Random(seed).randbytes


@pytest.mark.parametrize("v", vectors("tr31.json"))
def test_a_published_block_gives_its_key_and_its_header_wraps_again(v):
    kbpk = bytes.fromhex(v["kbpk"])
    header, key = unwrap(kbpk, v["block"])
    assert key.hex().upper() == v["key"]
    again = wrap(kbpk, header, key, entropy())
    assert len(again) == len(v["block"])
    assert again[: parse(again)[1]] == v["block"][: parse(v["block"])[1]]
    assert unwrap(kbpk, again) == (header, key)


@pytest.mark.parametrize("v", vectors("tr31.json"))
def test_a_block_without_fill_is_reproduced_to_the_letter(v):
    header, key = unwrap(bytes.fromhex(v["kbpk"]), v["block"])
    if header.version == "E":
        assert wrap(bytes.fromhex(v["kbpk"]), header, key, entropy()) == v["block"]


@pytest.mark.parametrize("v", broken("tr31.json"))
def test_a_broken_block_is_refused(v):
    with pytest.raises(HsmError, match=v["raises"]) as refused:
        unwrap(bytes.fromhex(v["kbpk"]), v["block"])
    assert v["kbpk"] not in str(refused.value)


@FROM_PSEC
@settings(max_examples=60)
@given(st.sampled_from("ABCD"), st.data())
def test_psec_opens_our_blocks_and_we_open_its(version: str, data):
    kbpk = data.draw(st.binary(min_size=32, max_size=32))[: data.draw(st.sampled_from(SIZES[version]))]
    key = data.draw(st.binary(min_size=8, max_size=32))
    blocks = tuple(block for block in data.draw(optional_blocks) if block.data)
    header = Tr31Header(version, "P0", "T", "E", "01", "N", blocks)
    ours = wrap(kbpk, header, key, entropy(), padded_key_bytes=32)
    their_header, their_key = psec.tr31.unwrap(kbpk, ours)
    assert their_key == key
    assert {name: their_header.blocks[name] for name in their_header.blocks if name != "PB"} == {
        block.name: block.data for block in blocks
    }
    theirs = psec.tr31.Header(version, "P0", "T", "E", "01", "N")
    for block in blocks:
        theirs.blocks[block.name] = block.data
    found, opened = unwrap(kbpk, psec.tr31.wrap(kbpk, theirs, key))
    assert (found, opened) == (header, key)


@given(st.sampled_from("ABCDE"), st.binary(min_size=1, max_size=64), optional_blocks, st.integers(0, 40))
def test_a_block_gives_back_what_was_wrapped(version: str, key: bytes, blocks, padded: int):
    kbpk = bytes(range(SIZES[version][-1]))
    header = Tr31Header(version, "K1", "T", "N", optional=tuple(blocks))
    assert unwrap(kbpk, wrap(kbpk, header, key, entropy(), padded_key_bytes=padded)) == (header, key)


@given(st.text(max_size=120) | st.from_regex(r"[A-E]0[0-9]{3}P0TE00E0[0-3]00[0-9A-F]{20,90}", fullmatch=True))
def test_any_text_opens_or_is_refused(text: str):
    with pytest.raises(HsmError):
        unwrap(bytes(range(16)), text)


@pytest.mark.parametrize("version", "ABCDE")
def test_every_altered_character_is_noticed(version: str):
    kbpk = bytes(range(SIZES[version][0]))
    block = wrap(
        kbpk, Tr31Header(version, "K1", "T", "N", optional=(OptionalBlock("KS", "0123"),)), bytes(16), entropy()
    )
    for place, character in enumerate(block):
        altered = block[:place] + ("0" if character != "0" else "1") + block[place + 1 :]
        with pytest.raises(HsmError):
            unwrap(kbpk, altered)


@pytest.mark.parametrize(
    "fields",
    [
        {"version": "F"},
        {"usage": "p0"},
        {"usage": "P"},
        {"algorithm": "TT"},
        {"mode": ""},
        {"key_version": "0"},
        {"exportability": "e"},
        {"reserved": "0000"},
        {"version": "B\n"},
    ],
)
def test_a_header_field_of_another_form_is_refused(fields):
    with pytest.raises(KeyBlockError, match="another form"):
        Tr31Header(**({"version": "B", "usage": "P0", "algorithm": "T", "mode": "E"} | fields))


@pytest.mark.parametrize(("name", "data"), [("K", ""), ("KSX", ""), ("K ", ""), ("KS", "\n"), ("KS", "é")])
def test_an_optional_block_is_two_characters_and_printable_data(name: str, data: str):
    with pytest.raises(KeyBlockError, match="optional block"):
        OptionalBlock(name, data)


def test_an_aes_key_does_not_go_under_a_tdes_key_and_a_key_has_a_length():
    with pytest.raises(KeyCheckError, match="AES key does not go"):
        wrap(bytes(16), Tr31Header("B", "P0", "A", "E"), bytes(16), entropy())
    for size in (0, 513):
        with pytest.raises(KeyCheckError, match="1 to 512"):
            wrap(bytes(16), Tr31Header("D", "P0", "A", "E"), bytes(size), entropy())
    huge = Tr31Header("D", "P0", "A", "E", optional=(OptionalBlock("X1", "x" * 9_980),))
    with pytest.raises(KeyBlockError, match="9999"):
        wrap(bytes(16), huge, bytes(16), entropy())


def test_fill_hides_a_shorter_key_s_length():
    header = Tr31Header("D", "P0", "A", "E")
    lengths = {len(wrap(bytes(16), header, bytes(size), entropy(), padded_key_bytes=32)) for size in (16, 24, 32)}
    assert len(lengths) == 1
