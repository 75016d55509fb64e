"""Keys under the variant LMK as commands take them: by field and key type, for what the type is good for."""

from __future__ import annotations

import pickle
import random

import pytest

from posterm.hsm import (
    Algorithm,
    Exportability,
    KeyBlock,
    KeyBlockError,
    KeyCheckError,
    KeyUsage,
    KeyUsageError,
    Lmk,
    MacAlgorithm,
    Pin,
    PinFormat,
    SoftHsm,
    VariantKey,
    VariantLmk,
)
from posterm.hsm.key_types import KEY_TYPES
from posterm.hsm.keys import USAGES
from posterm.hsm.variant_key import key_reference
from posterm.sensitive import Pan

CARD = Pan("4111111111111111")
PIN = Pin("739104")
FORM = PinFormat.ISO_0
DOUBLE = Algorithm.TDES_DOUBLE
# Thales payShield, published samples under the test LMK set.
TPK = VariantKey("0406FBB23A5214DF", "002")
ZPK = VariantKey("U1EF828AA8F6B80EB83E19FBC373F3A85", "001")
SINGLE_ZMK = VariantKey("4ED06495741C280C", "000")


@pytest.fixture
def hsm() -> SoftHsm:
    return SoftHsm(Lmk.test(), random.Random(8583).randbytes, variant_lmk=VariantLmk.test())


def test_a_field_is_a_key_only_together_with_its_type():
    other = VariantKey(str(ZPK), "002")
    assert VariantKey(str(ZPK), "001") == ZPK
    assert len({ZPK, other, VariantKey(str(ZPK), "001")}) == 2
    assert other != ZPK
    assert str(ZPK) != ZPK
    assert pickle.loads(pickle.dumps(ZPK)) == ZPK
    assert repr(ZPK) == "VariantKey('U1EF828AA8F6B80EB83E19FBC373F3A85', '001')"


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("", "001"),
        ("U1EF8", "001"),
        ("S10096", "001"),
        (str(ZPK).lower(), "001"),
        (str(ZPK), "0"),
        (str(ZPK), "F01"),
        (str(ZPK), "004"),
        (str(ZPK), ""),
    ],
)
def test_what_is_no_field_or_no_type_is_refused(field: str, code: str):
    with pytest.raises(KeyBlockError):
        VariantKey(field, code)


def test_a_reference_is_a_block_or_a_field_with_its_type(hsm: SoftHsm):
    block = hsm.generate_key(KeyUsage.MAC, DOUBLE)
    assert isinstance(key_reference(str(block), "003"), KeyBlock)
    assert key_reference(str(ZPK), "001") == ZPK
    with pytest.raises(KeyBlockError, match="needs a key type"):
        key_reference(str(ZPK))


def test_a_pin_goes_from_a_key_of_one_kind_to_one_of_the_other(hsm: SoftHsm):
    block_key = hsm.generate_key(KeyUsage.PIN_ENCRYPTION, DOUBLE)
    block = hsm.encrypt_pin(TPK, PIN, FORM, CARD)
    there = hsm.translate_pin(TPK, block, FORM, block_key, FORM, CARD)
    back = hsm.translate_pin(block_key, there, FORM, ZPK, FORM, CARD)
    assert back == hsm.encrypt_pin(ZPK, PIN, FORM, CARD)


def test_published_samples_translate_as_published(hsm: SoftHsm):
    # Thales payShield, published samples of CA: TPK to ZPK, format 01 to 03 (plus form without PAN in the first).
    zpk = VariantKey("BAB32D775A38E4AB", "001")
    pan = Pan("5555000000253211")
    block = bytes.fromhex("AE7A708F877571A9")
    assert hsm.translate_pin(TPK, block, FORM, zpk, FORM, pan) == bytes.fromhex("E98FFDA17099AF55")


@pytest.mark.parametrize("code", sorted(KEY_TYPES))
def test_a_type_serves_its_usages_only(code: str, hsm: SoftHsm):
    row = KEY_TYPES[code]
    if not row.usages:
        with pytest.raises(KeyUsageError):
            hsm.generate_variant_key(code)
        return
    key = hsm.generate_variant_key(code)
    calls = {
        KeyUsage.PIN_ENCRYPTION: lambda: hsm.encrypt_pin(key, PIN, FORM, CARD),
        KeyUsage.MAC: lambda: hsm.generate_mac(key, MacAlgorithm.UNIONPAY_ECB, b"posterm"),
        KeyUsage.PIN_VERIFICATION_IBM: lambda: hsm.generate_pin_offset(key, PIN, CARD),
        KeyUsage.PIN_VERIFICATION_VISA: lambda: hsm.generate_pvv(key, PIN, CARD),
        KeyUsage.KEY_ENCRYPTION: lambda: hsm.export_zone_key(key, TPK),
        KeyUsage.DATA_ENCRYPTION: lambda: hsm.encrypt_track(key, "4111111111111111D3012"),
    }
    for usage, call in calls.items():
        if usage in row.usages:
            call()
            continue
        with pytest.raises(KeyUsageError, match=f"of type {code}"):
            call()


@pytest.mark.parametrize("code", sorted(KEY_TYPES))
def test_what_a_type_becomes_is_a_usage_that_takes_its_keys(code: str):
    row = KEY_TYPES[code]
    assert row.code == code
    assert 0 <= row.pair < 20
    assert row.variant == int(code[0])
    for usage in row.usages:
        assert USAGES[usage].algorithms & row.algorithms


def test_aes_alone_is_not_served_by_a_key_under_the_variant_lmk(hsm: SoftHsm):
    with pytest.raises(KeyUsageError, match="key algorithm"):
        hsm.generate_mac(hsm.generate_variant_key("003"), MacAlgorithm.AES_CMAC, b"posterm")


def test_without_a_variant_lmk_such_keys_are_refused():
    hsm = SoftHsm(Lmk.test(), random.Random(1).randbytes)
    for call in (lambda: hsm.encrypt_pin(ZPK, PIN, FORM, CARD), lambda: hsm.generate_variant_key("001")):
        with pytest.raises(KeyBlockError, match="no variant LMK"):
            call()


def test_a_field_of_another_type_has_no_parity(hsm: SoftHsm):
    with pytest.raises(KeyCheckError, match="parity"):
        hsm.encrypt_pin(VariantKey(str(ZPK), "70D"), PIN, FORM, CARD)


def test_a_key_crosses_a_zone_and_comes_back(hsm: SoftHsm):
    for scheme, algorithm in (("Z", Algorithm.DES), ("X", DOUBLE), ("U", DOUBLE), ("T", Algorithm.TDES_TRIPLE)):
        zmk = hsm.generate_variant_key("000", DOUBLE)
        key = hsm.generate_variant_key("003", algorithm)
        field = hsm.export_zone_key(zmk, key, scheme=scheme)
        assert field[0] == scheme or scheme == "Z"
        again = hsm.import_zone_key(zmk, field, "003", kcv=hsm.key_check_value(key))
        assert again == key
        assert hsm.rewrap_as_variant_key(key, "003") == key


def test_a_published_single_length_import_is_the_published_field(hsm: SoftHsm):
    # Thales payShield, published samples of A6 and A8.
    imported = hsm.import_zone_key(SINGLE_ZMK, "35ED0C0EA7F7D0FA", "002", bytes.fromhex("0035BB"), scheme="Z")
    assert imported == TPK
    assert hsm.export_zone_key(SINGLE_ZMK, TPK, scheme="Z") == "35ED0C0EA7F7D0FA"


def test_a_key_becomes_a_block_and_a_field_again(hsm: SoftHsm):
    for code, row in KEY_TYPES.items():
        for usage in row.usages:
            if DOUBLE not in row.algorithms & USAGES[usage].algorithms:
                continue
            key = hsm.generate_variant_key(code, DOUBLE)
            block = hsm.rewrap_as_key_block(key, usage=usage)
            assert block.usage is usage
            assert hsm.key_check_value(block) == hsm.key_check_value(key)
            assert hsm.rewrap_as_variant_key(block, code) == key
    with pytest.raises(KeyUsageError, match="does not become"):
        hsm.rewrap_as_key_block(ZPK, usage=KeyUsage.MAC)
    with pytest.raises(KeyUsageError, match="does not become"):
        hsm.rewrap_as_variant_key(ZPK, "003")
    bound = hsm.generate_key(KeyUsage.MAC, DOUBLE, exportability=Exportability.NON_EXPORTABLE)
    with pytest.raises(KeyUsageError, match="forbids"):
        hsm.rewrap_as_variant_key(bound, "003")


def test_a_zone_key_that_does_not_check_is_refused(hsm: SoftHsm):
    zmk, key = hsm.generate_variant_key("000"), hsm.generate_variant_key("001")
    field = hsm.export_zone_key(zmk, key)
    with pytest.raises(KeyCheckError, match="check value"):
        hsm.import_zone_key(zmk, field, "001", kcv=bytes(3))
    with pytest.raises(KeyCheckError, match="parity"):
        hsm.import_zone_key(hsm.generate_variant_key("000"), field, "001")
    with pytest.raises(KeyUsageError, match="does not wrap"):
        hsm.export_zone_key(SINGLE_ZMK, key)
    with pytest.raises(KeyUsageError, match="does not wrap"):
        hsm.import_zone_key(SINGLE_ZMK, field, "001")
    with pytest.raises(KeyUsageError, match="need a K0 key"):
        hsm.import_zone_key(ZPK, field, "001")


def test_clear_and_combined_keys_come_in_with_odd_parity(hsm: SoftHsm):
    rng = random.Random(3)
    components = [rng.randbytes(16) for _ in range(3)]
    key = hsm.combine_variant_components(components, "001", DOUBLE)
    assert hsm.combine_variant_components(components, "001", DOUBLE, kcv=hsm.key_check_value(key)) == key
    with pytest.raises(KeyCheckError, match="check value"):
        hsm.combine_variant_components(components, "001", DOUBLE, kcv=bytes(3))
    assert hsm.load_clear_variant_key(bytes.fromhex("0123456789ABCDEF"), "001")[0] not in "UX"
    with pytest.raises(KeyCheckError, match="parity"):
        hsm.load_clear_variant_key(bytes(range(16)), "001")
    with pytest.raises(KeyUsageError, match="not a key of 8 bytes"):
        hsm.load_clear_variant_key(bytes.fromhex("0123456789ABCDEF"), "402")
