"""Field 62 of a sign-on answer in every layout, and the keys in it through the HSM."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import Algorithm, KeyCheckError, KeyUsage, Lmk, SoftHsm
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.key_layout import (
    LAYOUT_NAMES,
    Role,
    WrappedKey,
    check_value_bytes,
    key_bytes,
    pack_keys,
    parse_keys,
)
from tests.unionpay.vector_files import broken, good


@pytest.mark.parametrize("v", good("key_layouts.json"))
def test_a_field_is_cut_into_its_keys_and_joined_again(v: dict[str, Any]) -> None:
    field = bytes.fromhex(v["field"])
    keys = parse_keys(v["layout"], field)
    assert {role.value: key.cryptogram.hex().upper() for role, key in keys.items()} == v["keys"]
    assert all(len(key.kcv) == 4 for key in keys.values())
    if not v.get("one_way"):
        assert pack_keys(v["layout"], keys) == field


@pytest.mark.parametrize("v", broken("key_layouts.json"))
def test_a_field_that_does_not_fit_is_refused(v: dict[str, Any]) -> None:
    with pytest.raises(LayoutError, match=v["raises"]):
        parse_keys(v["layout"], bytes.fromhex(v["field"]))


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
@given(seed=st.integers(0, 2**32))
def test_every_layout_gives_back_what_was_put_in(layout: str, seed: int) -> None:
    rng = random.Random(seed)
    keys = {
        role: WrappedKey(
            bytes(rng.randrange(1, 256) for _ in range(size)),
            bytes(rng.randrange(1, 256) for _ in range(check_value_bytes(layout))),
        )
        for role, size in key_bytes(layout).items()
    }
    assert parse_keys(layout, pack_keys(layout, keys)) == keys


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
@given(field=st.binary(max_size=90))
def test_any_bytes_are_keys_or_a_layout_error(layout: str, field: bytes) -> None:
    try:
        keys = parse_keys(layout, field)
    except LayoutError:
        return
    assert set(keys) == set(key_bytes(layout))


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
@pytest.mark.parametrize("missing", [Role.PIK, Role.MAK])
def test_a_key_that_is_missing_or_of_another_length_is_not_packed(layout: str, missing: Role) -> None:
    keys = {role: WrappedKey(bytes(size), bytes(4)) for role, size in key_bytes(layout).items()}
    for wrong in ({}, {missing: WrappedKey(bytes(7), bytes(4))}):
        with pytest.raises(LayoutError, match=f"needs a {missing}"):
            pack_keys(layout, {**{role: key for role, key in keys.items() if role is not missing}, **wrong})


# Published field 62 (code456.com, article 3026509): a double-length PIK, and a MAK whose slot is half empty.
K1_TMK = bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")
K1_FIELD = bytes.fromhex(
    "6701EAD6A9AD51E51AA406E2C27FCFA9" + "8D0A74B8" + "B651F9E9BACE9AE1" + "0000000000000000" + "AB7153CA"
)


def test_the_published_example_gives_its_keys_and_their_check_values() -> None:
    hsm = SoftHsm(Lmk.test(), random.Random(62).randbytes)
    tmk = hsm.load_clear_key(K1_TMK, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
    keys = parse_keys("double", K1_FIELD)
    assert keys[Role.MAK].single_length
    pik = hsm.import_key(
        tmk, keys[Role.PIK].cryptogram, KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE, kcv=keys[Role.PIK].kcv
    )
    mak = hsm.import_key(tmk, keys[Role.MAK].cryptogram, KeyUsage.MAC, Algorithm.DES, kcv=keys[Role.MAK].kcv)
    assert hsm.key_check_value(pik, 8).hex().upper() == "8D0A74B8C5EF66C6"
    assert hsm.key_check_value(mak, 8).hex().upper() == "AB7153CA985B10C2"


def test_the_whole_slot_taken_as_a_key_fails_its_check_value() -> None:
    hsm = SoftHsm(Lmk.test(), random.Random(62).randbytes)
    tmk = hsm.load_clear_key(K1_TMK, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
    with pytest.raises(KeyCheckError):
        hsm.import_key(tmk, K1_FIELD[20:36], KeyUsage.MAC, Algorithm.TDES_DOUBLE, kcv=K1_FIELD[36:40])
