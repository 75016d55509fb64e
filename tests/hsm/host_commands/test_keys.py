"""Key commands beyond the published samples: both kinds of LMK, schemes, attributes, components, what is refused."""

from __future__ import annotations

import pytest

from posterm.hsm import Algorithm, KeyBlock, KeyUsage
from posterm.hsm.host_commands import HostCommandSet
from posterm.hsm.key_types import KEY_TYPES

DOUBLE = Algorithm.TDES_DOUBLE


def fields(commands: HostCommandSet, request: bytes, code: str = "00") -> bytes:
    answer = commands.execute(request)
    assert answer[:4] == request[:1] + bytes([request[1] + 1]) + code.encode()
    return answer[4:]


@pytest.mark.parametrize("code", [code for code, row in KEY_TYPES.items() if DOUBLE in row.algorithms])
def test_a0_makes_a_key_of_every_type(variant: HostCommandSet, code: str):
    made = fields(variant, b"A00" + code.encode() + b"U")
    assert fields(variant, b"BUFF1" + made[:33] + b";" + code.encode() + b";001") == made[33:]


@pytest.mark.parametrize(("letter", "length"), [(b"Z", 16), (b"X", 33), (b"U", 33), (b"T", 49), (b"Y", 49), (b"0", 33)])
def test_a0_makes_a_key_of_every_scheme(variant: HostCommandSet, letter: bytes, length: int):
    assert len(fields(variant, b"A00001" + letter)) == length + 6


@pytest.mark.parametrize(
    ("attributes", "usage", "algorithm_letter"),
    [
        (b"P0T2E00N00", KeyUsage.PIN_ENCRYPTION, "T"),
        (b"M0A3C00S00", KeyUsage.MAC, "A"),
        (b"D041B00E00", KeyUsage.DATA_ENCRYPTION, "4"),
        (b"B0A1X00E00", KeyUsage.BASE_DERIVATION, "A"),
    ],
)
def test_a0_makes_key_blocks_by_their_attributes(
    blocks: HostCommandSet, attributes: bytes, usage: KeyUsage, algorithm_letter: str
):
    made = KeyBlock(fields(blocks, b"A00FFFS#" + attributes)[:-6].decode())
    assert (made.usage, made.letter, made[9], made.exportability.value) == (
        usage,
        algorithm_letter,
        chr(attributes[4]),
        chr(attributes[7]),
    )


@pytest.mark.parametrize("attributes", [b"P9T2E00N00", b"P0T9E00N00", b"P0T2Q00N00", b"P0T2E00X00"])
def test_attributes_that_are_not_known_are_refused(blocks: HostCommandSet, attributes: bytes):
    fields(blocks, b"A00FFFS#" + attributes, "28")
    fields(blocks, b"A00FFFS", "28")


def test_a0_gives_the_key_under_a_zmk_too(variant: HostCommandSet):
    zmk = fields(variant, b"A00000U")[:33]
    made = fields(variant, b"A01001U;0" + zmk + b"X")
    key, given, check = made[:33], made[33:66], made[66:]
    assert fields(variant, b"A6001" + zmk + given + b"U") == key + check
    assert fields(variant, b"A8001" + zmk + key + b"X") == given + check


def test_a_key_goes_out_of_a_key_block_and_into_one(blocks: HostCommandSet):
    zmk = fields(blocks, b"A00FFFS#K0T2B00E00")[:-6]
    key = fields(blocks, b"A00FFFS#P0T2B00E00")
    given = fields(blocks, b"A8FFF" + zmk + key[:-6] + b"U")
    assert given[-6:] == key[-6:]
    taken = fields(blocks, b"A6FFF" + zmk + given[:-6] + b"S#P0T2B00E00")
    assert taken[-6:] == key[-6:]
    assert KeyBlock(taken[:-6].decode()).usage is KeyUsage.PIN_ENCRYPTION
    kept = fields(blocks, b"A00FFFS#P0T2B00N00")[:-6]
    fields(blocks, b"A8FFF" + zmk + kept + b"U", "29")


@pytest.mark.parametrize("kind", [b"001", b"FFF"])
def test_components_make_a_key(variant: HostCommandSet, blocks: HostCommandSet, kind: bytes):
    commands, attributes = (variant, b"") if kind == b"001" else (blocks, b"#P0T2B00E00")
    letter = b"U" if kind == b"001" else b"S"
    parts = [fields(commands, b"A2" + kind + letter + attributes)[:-6] for _ in range(3)]
    formed = fields(commands, b"A43" + kind + letter + b"".join(parts) + attributes)
    assert fields(commands, b"A43" + kind + letter + b"".join(parts[::-1]) + attributes)[-6:] == formed[-6:]
    fields(commands, b"A42" + kind + letter + b"".join(parts) + attributes, "15")


def test_b0_changes_the_scheme_and_keeps_the_key(variant: HostCommandSet, blocks: HostCommandSet):
    made = fields(variant, b"A00001U")
    plain = fields(variant, b"B0001" + made[:33] + b"X")
    assert plain[:1] == b"X"
    assert fields(variant, b"B0001" + plain + b"U") == made[:33]
    block = fields(blocks, b"A00FFFS#P0T2B00E00")[:-6]
    assert fields(blocks, b"B0FFF" + block + b"S") == block


def test_a_key_whose_parity_is_wrong_comes_in_with_advice(variant: HostCommandSet):
    zmk = fields(variant, b"A00000U")[:33]
    assert len(fields(variant, b"A6001" + zmk + b"X" + b"0" * 32 + b"U", "01")) == 39
    fields(variant, b"A6001U" + b"0" * 32 + b"X" + b"0" * 32 + b"U", "10")
    fields(variant, b"A6001" + zmk + b"X" + b"0" * 32 + b"T", "27")


def test_keys_of_the_other_kind_of_lmk_are_refused(variant: HostCommandSet, blocks: HostCommandSet):
    block = fields(blocks, b"A00FFFS#P0T2B00E00")[:-6]
    fields(variant, b"BU011" + block, "26")
    fields(blocks, b"BUFF1U" + b"0" * 32 + b";FFF", "26")
    fields(variant, b"BUFF1" + block + b";FFF", "28")
    fields(variant, b"A00001S", "26")
    fields(blocks, b"A00001U", "26")


def test_bw_needs_a_former_lmk(lenient: HostCommandSet, blocks: HostCommandSet):
    brought = fields(lenient, b"BWFF1U9431CB85DB136EA608B44528E50C68E5;002")
    assert brought == fields(lenient, b"BW021U9431CB85DB136EA608B44528E50C68E5")
    fields(blocks, b"BW021U9431CB85DB136EA608B44528E50C68E5", "28")
