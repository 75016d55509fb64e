"""Variant local master keys: published wire samples, round trips, and what is refused."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import Algorithm, KeyBlockError, KeyCheckError
from posterm.hsm.key_types import KEY_TYPES
from posterm.hsm.primitives import check_value
from posterm.hsm.variant_lmk import VariantLmk, decrypt_under_zmk, encrypt_under_zmk, parse_field

LMK = VariantLmk.test()
LENGTHS = {8: Algorithm.DES, 16: Algorithm.TDES_DOUBLE, 24: Algorithm.TDES_TRIPLE}

odd = st.binary(min_size=24, max_size=24).map(lambda key: bytes(b & 0xFE | (b >> 1).bit_count() + 1 & 1 for b in key))


@pytest.mark.parametrize(
    ("key_type", "field", "kcv"),
    [
        # Thales payShield, published samples of BU and KA under the test LMK.
        ("002", "0406FBB23A5214DF", "0035BBE340A4B763"),
        ("000", "U93CB819F8FEE4F78BF9C4CDD84750DB1", "B70AD25C94548822"),
        ("001", "U1EF828AA8F6B80EB83E19FBC373F3A85", "6F1E3F74F826B7EB"),
    ],
)
def test_a_published_field_has_the_published_check_value(key_type: str, field: str, kcv: str):
    key = LMK.decrypt_key(field, key_type)
    assert check_value(LENGTHS[len(key)], key, len(kcv) // 2).hex().upper() == kcv
    assert LMK.encrypt_key(key, key_type, field[0] if field[0] in "UXT" else "") == field


@pytest.mark.parametrize(
    ("zmk", "under_zmk", "key_type", "under_lmk", "kcv"),
    [
        # Thales payShield, published samples of A6 under the test LMK.
        ("4ED06495741C280C", "35ED0C0EA7F7D0FA", "002", "0406FBB23A5214DF", "0035BB"),
        (
            "U71979DEB8587E2734F1E99D5DCAEF9AC",
            "U482C4E722BB0CF1845E1E5BD16310119",
            "001",
            "U0E07CDC0161A0DE3B5AA44DF227EC9DE",
            "ABDEBC",
        ),
    ],
)
def test_a_published_import_gives_the_published_field(
    zmk: str, under_zmk: str, key_type: str, under_lmk: str, kcv: str
):
    clear_zmk = LMK.decrypt_key(zmk, "000")
    clear_zmk = clear_zmk * 2 if len(clear_zmk) == 8 else clear_zmk
    key = decrypt_under_zmk(clear_zmk, under_zmk)
    scheme = under_lmk[0] if under_lmk[0] in "UXT" else ""
    assert LMK.encrypt_key(key, key_type, scheme) == under_lmk
    assert encrypt_under_zmk(clear_zmk, key, under_zmk[0] if under_zmk[0] in "UX" else "") == under_zmk
    assert check_value(LENGTHS[len(key)], key, 8).hex().upper().startswith(kcv)


@given(odd, st.sampled_from(["", "Z", "X", "U", "T", "Y"]), st.sampled_from(sorted(KEY_TYPES)))
def test_a_field_gives_back_its_key(key: bytes, scheme: str, key_type: str):
    size = {"": 16, "Z": 8, "X": 16, "U": 16, "T": 24, "Y": 24}[scheme]
    field = LMK.encrypt_key(key[:size], key_type, scheme)
    assert LMK.decrypt_key(field, key_type) == key[:size]
    assert parse_field(field)[0] == (scheme or "U")


def test_every_key_type_and_every_part_has_a_key_of_its_own():
    key = bytes.fromhex("0123456789ABCDEF" * 3)
    fields = {LMK.encrypt_key(key, key_type, "T") for key_type in KEY_TYPES}
    assert len(fields) == len(KEY_TYPES)
    for field in fields:
        assert len({field[1:17], field[17:33], field[33:]}) == 3


@pytest.mark.parametrize(
    "field",
    ["", "U", "U" + "0" * 16, "X" + "0" * 48, "T" + "0" * 32, "0" * 15, "W" + "0" * 32, "u" + "0" * 32, "０" * 16],
)
def test_what_is_no_key_field_is_refused(field: str):
    with pytest.raises(KeyBlockError, match="key field"):
        LMK.decrypt_key(field, "001")


@pytest.mark.parametrize("key_type", ["", "0", "00", "0001", "A01", "0F1", "00F", "１01"])
def test_what_is_no_key_type_is_refused(key_type: str):
    with pytest.raises(KeyBlockError, match="key type"):
        LMK.encrypt_key(bytes(8), key_type)


def test_a_field_of_another_type_shows_by_its_parity():
    field = LMK.encrypt_key(bytes.fromhex("0123456789ABCDEF" * 2), "001")
    with pytest.raises(KeyCheckError, match="parity"):
        LMK.decrypt_key(field, "008")


@pytest.mark.parametrize(("size", "scheme"), [(0, ""), (7, ""), (16, "T"), (24, "U"), (8, "X"), (16, "W")])
def test_a_scheme_goes_with_its_length(size: int, scheme: str):
    with pytest.raises(KeyCheckError):
        LMK.encrypt_key(bytes(size), "001", scheme)
    with pytest.raises(KeyCheckError):
        encrypt_under_zmk(bytes(16), bytes(size), scheme)


def test_a_master_key_is_twenty_pairs_and_does_not_travel():
    for pairs in ((), (bytes(16),) * 19, (bytes(8),) * 20):
        with pytest.raises(KeyBlockError, match="20 pairs"):
            VariantLmk(pairs)
    assert LMK.is_test
    assert not VariantLmk((bytes(16),) * 20).is_test
    with pytest.raises(TypeError):
        pickle.dumps(LMK)
