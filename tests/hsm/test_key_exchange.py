"""Keys in either form, between local and zone master keys. Published samples are in the host commands' tests."""

from __future__ import annotations

import random

import pytest

from posterm.hsm import Algorithm, Exportability, KeyCheckError, KeyUsage, KeyUsageError, Lmk, SoftHsm
from posterm.hsm.commands.key_exchange import BlockForm, KeyForm, VariantForm
from posterm.hsm.variant_lmk import VariantLmk, with_atalla_variant

ZPK_FORMS: list[KeyForm] = [VariantForm("001"), BlockForm(KeyUsage.PIN_ENCRYPTION)]
ZMK_FORMS: list[KeyForm] = [VariantForm("000"), BlockForm(KeyUsage.KEY_ENCRYPTION)]


@pytest.fixture
def both() -> SoftHsm:
    entropy = random.Random(8583).randbytes
    return SoftHsm(Lmk.test(), entropy, variant_lmk=VariantLmk.test(), former_variant_lmk=VariantLmk.test())


@pytest.mark.parametrize("zmk_form", ZMK_FORMS, ids=str)
@pytest.mark.parametrize("zpk_form", ZPK_FORMS, ids=str)
@pytest.mark.parametrize("atalla_variant", [0, 1, 31])
def test_a_key_given_under_a_zone_master_key_is_the_same_when_taken(
    both: SoftHsm, zmk_form: KeyForm, zpk_form: KeyForm, atalla_variant: int
):
    zmk = both.make_key(zmk_form, Algorithm.TDES_DOUBLE)
    zpk = both.make_key(zpk_form, Algorithm.TDES_DOUBLE)
    field = both.give_key(zmk, zpk, scheme="X", atalla_variant=atalla_variant)
    for form in ZPK_FORMS:
        taken = both.take_key(zmk, field, form, atalla_variant=atalla_variant)
        assert both.key_check_value(taken) == both.key_check_value(zpk)


def test_another_atalla_variant_shows_by_the_parity(both: SoftHsm):
    zmk = both.make_key(ZMK_FORMS[1], Algorithm.TDES_DOUBLE)
    field = both.give_key(zmk, both.make_key(ZPK_FORMS[1], Algorithm.TDES_DOUBLE), atalla_variant=2)
    with pytest.raises(KeyCheckError, match="parity"):
        both.take_key(zmk, field, ZPK_FORMS[1], atalla_variant=3)
    both.take_key(zmk, field, ZPK_FORMS[1], atalla_variant=3, adjust_parity=True)
    for variant in (-1, 32):
        with pytest.raises(KeyCheckError, match="0 to 31"):
            with_atalla_variant(bytes(16), variant)


def test_a_weaker_zone_master_key_needs_a_permission(both: SoftHsm):
    weak = both.make_key(VariantForm("000"), Algorithm.DES)
    zpk = both.make_key(VariantForm("001"), Algorithm.TDES_DOUBLE)
    with pytest.raises(KeyUsageError, match="does not wrap"):
        both.give_key(weak, zpk)
    lenient = SoftHsm(Lmk.test(), bytes, variant_lmk=VariantLmk.test(), allow_weaker_kek=True)
    field = lenient.give_key(weak, zpk)
    assert lenient.take_key(weak, field, VariantForm("001")) == zpk
    with pytest.raises(KeyUsageError, match="does not wrap"):
        both.take_key(weak, field, VariantForm("001"))


def test_a_key_that_may_not_leave_is_not_given(both: SoftHsm):
    zmk = both.make_key(BlockForm(KeyUsage.KEY_ENCRYPTION), Algorithm.TDES_DOUBLE)
    kept = both.make_key(
        BlockForm(KeyUsage.PIN_ENCRYPTION, exportability=Exportability.NON_EXPORTABLE), Algorithm.TDES_DOUBLE
    )
    with pytest.raises(KeyUsageError, match="forbids"):
        both.give_key(zmk, kept)


@pytest.mark.parametrize("form", ZPK_FORMS, ids=str)
def test_components_join_in_any_order(both: SoftHsm, form: KeyForm):
    parts = [both.make_key(form, Algorithm.TDES_DOUBLE) for _ in range(3)]
    joined = both.join_components(parts, form)
    assert both.key_check_value(both.join_components(parts[::-1], form)) == both.key_check_value(joined)


def test_components_of_other_lengths_uses_and_numbers_are_refused(both: SoftHsm):
    form = BlockForm(KeyUsage.PIN_ENCRYPTION)
    double = both.make_key(form, Algorithm.TDES_DOUBLE)
    with pytest.raises(KeyCheckError, match="one length"):
        both.join_components([double, both.make_key(form, Algorithm.TDES_TRIPLE)], form)
    with pytest.raises(KeyCheckError, match="2 to 9"):
        both.join_components([double], form)
    with pytest.raises(KeyCheckError, match="cancel out"):
        both.join_components([double, double], form)
    for other in (
        both.make_key(ZMK_FORMS[1], Algorithm.TDES_DOUBLE),
        both.make_key(ZPK_FORMS[0], Algorithm.TDES_DOUBLE),
    ):
        with pytest.raises(KeyUsageError, match="another use"):
            both.join_components([double, other], form)


def test_a_key_is_brought_over_from_the_former_lmk(both: SoftHsm):
    zpk = both.make_key(VariantForm("001"), Algorithm.TDES_DOUBLE)
    assert both.bring_over(str(zpk), VariantForm("001")) == zpk
    with pytest.raises(KeyUsageError, match="no former"):
        SoftHsm(Lmk.test(), bytes, variant_lmk=VariantLmk.test()).bring_over(str(zpk), VariantForm("001"))


def test_a_pair_has_two_check_values(both: SoftHsm):
    left, right = bytes.fromhex("0123456789ABCDEF"), bytes.fromhex("FEDCBA9876543210")
    pair = both.load_clear_variant_key(left + right, "402")
    # Check values of the published CVK pair, as AU and AW samples of the test LMK tell them.
    assert [value.hex().upper() for value in both.pair_check_values(pair)] == ["D5D44F", "A68CDC"]
    with pytest.raises(KeyCheckError, match="key pair"):
        both.pair_check_values(both.make_key(VariantForm("001"), Algorithm.DES))
