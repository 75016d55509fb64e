"""PIN blocks: published ones, broken ones with one answer, round trips, and translation."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import psec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import (
    Algorithm,
    KeyBlock,
    KeyUsage,
    KeyUsageError,
    Lmk,
    Pin,
    PinBlockError,
    PinError,
    PinFormat,
    PinTranslationError,
    SoftHsm,
    pin_block,
)
from posterm.hsm.primitives import BlockCipher
from posterm.sensitive import Pan
from tests.hsm.vector_files import broken, vectors

CARD = Pan("4111111111111111")
OTHER_CARD = Pan("5432101234567891")
WITH_PIN = [form for form in PinFormat if form is not PinFormat.NO_PIN]

pins = st.text("0123456789", min_size=4, max_size=12)
pans = st.text("0123456789", min_size=13, max_size=19)


def pik(hsm: SoftHsm, algorithm: Algorithm = Algorithm.TDES_DOUBLE) -> KeyBlock:
    return hsm.generate_key(KeyUsage.PIN_ENCRYPTION, algorithm)


def cipher_for(form: PinFormat) -> Algorithm:
    return Algorithm.SM4 if form.block_bytes == 16 else Algorithm.TDES_DOUBLE


@pytest.mark.parametrize("v", vectors("pin_blocks.json", lacking="malformed"))
def test_a_pin_block_is_the_published_one(v):
    form, pan = PinFormat(v["format"]), Pan(v["pan"])
    assert pin_block.encode(form, Pin(v["pin"]), pan) == bytes.fromhex(v["block"])
    assert pin_block.decode(form, bytes.fromhex(v["block"]), pan) == Pin(v["pin"])


@pytest.mark.parametrize("v", broken("pin_blocks.json", "malformed"))
def test_every_malformed_block_gets_the_same_answer(v, hsm: SoftHsm):
    form, pan, block = PinFormat(v["format"]), Pan(v["pan"]), bytes.fromhex(v["block"])
    with pytest.raises(PinBlockError) as clear:
        pin_block.decode(form, block, pan)
    assert str(clear.value) == str(PinBlockError())
    algorithm = cipher_for(form)
    key = bytes(range(1, 17))
    key_block = hsm.load_clear_key(key, KeyUsage.PIN_ENCRYPTION, algorithm)
    pvk = hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE)
    if len(block) == form.block_bytes:
        block = pin_block_cipher(algorithm, key)(block)
    for ask in (
        lambda: hsm.verify_pin(key_block, block, form, pan, pvk=pvk, offset="0000"),
        lambda: hsm.translate_pin(key_block, block, form, key_block, form, pan),
    ):
        with pytest.raises(PinBlockError) as enciphered:
            ask()
        assert str(enciphered.value) == str(PinBlockError())


def pin_block_cipher(algorithm: Algorithm, key: bytes) -> Callable[[bytes], bytes]:
    return BlockCipher(algorithm, key).encrypt


@given(st.sampled_from(WITH_PIN), pins, pans)
def test_a_block_gives_back_its_pin(form: PinFormat, pin: str, pan: str):
    block = pin_block.encode(form, Pin(pin), Pan(pan))
    assert len(block) == form.block_bytes
    assert pin_block.decode(form, block, Pan(pan)) == Pin(pin)


@given(pins, pans)
def test_format_0_is_what_psec_makes_of_it(pin: str, pan: str):
    assert pin_block.encode(PinFormat.ISO_0, Pin(pin), Pan(pan)) == psec.pinblock.encode_pinblock_iso_0(pin, pan)


@given(st.sampled_from(WITH_PIN), st.binary(max_size=20))
def test_any_bytes_decode_or_raise_the_one_answer(form: PinFormat, block: bytes):
    try:
        pin = pin_block.decode(form, block, CARD)
    except PinBlockError:
        return
    assert pin_block.encode(form, pin, CARD) == block


@pytest.mark.parametrize("form", [PinFormat.ISO_0, PinFormat.SM4_PAN])
def test_a_block_of_another_card_is_malformed_or_holds_another_pin(form: PinFormat):
    block = pin_block.encode(form, Pin("7391"), CARD)
    with pytest.raises(PinBlockError):
        pin_block.decode(form, block, OTHER_CARD)


@pytest.mark.parametrize("digits", ["", "123", "1234567890123", "12a4", "１２３４", "12 34", "-1234", "1234\n"])
def test_a_pin_is_4_to_12_digits(digits: str):
    with pytest.raises(PinError, match="4 to 12 digits"):
        Pin(digits)


def test_a_pin_shows_nothing_of_itself_not_even_its_length():
    short, long = Pin("7391"), Pin("739104628517")
    for show in (str, repr, "{:>8}".format, "{0}".format):
        assert show(short) == show(long)
        assert "7391" not in show(short)
    with pytest.raises(TypeError):
        pickle.dumps(short)


def test_the_form_without_a_pin_takes_none_and_gives_none():
    assert pin_block.encode(PinFormat.NO_PIN, None, None) == b"\xff" * 8
    with pytest.raises(PinError, match="takes none"):
        pin_block.encode(PinFormat.NO_PIN, Pin("7391"), CARD)
    with pytest.raises(PinError, match="holds none"):
        pin_block.decode(PinFormat.NO_PIN, b"\xff" * 8, CARD)


@pytest.mark.parametrize("form", WITH_PIN)
def test_a_form_with_a_pin_needs_one(form: PinFormat):
    with pytest.raises(PinError, match="needs a PIN"):
        pin_block.encode(form, None, CARD)


@pytest.mark.parametrize("form", [PinFormat.ISO_0, PinFormat.SM4_PAN])
def test_a_form_that_binds_the_pan_needs_one(form: PinFormat):
    with pytest.raises(PinError, match="needs the PAN"):
        pin_block.encode(form, Pin("7391"), None)
    with pytest.raises(PinError, match="needs the PAN"):
        pin_block.decode(form, bytes(form.block_bytes), None)


def test_the_sale_carries_the_published_enciphered_block(hsm: SoftHsm):
    # Q/CUP 009, sale with test keys: DE 52.
    key = bytes.fromhex("1A2B3C4D5E6F708192A3B4C5D6E7F801")
    block = hsm.load_clear_key(key, KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE)
    enciphered = hsm.encrypt_pin(block, Pin("123456"), PinFormat.ISO_0, Pan("6212345678901265"))
    assert enciphered == bytes.fromhex("C33F1AACE0827867")


@pytest.mark.parametrize("algorithm", [Algorithm.DES, Algorithm.TDES_DOUBLE, Algorithm.TDES_TRIPLE, Algorithm.SM4])
def test_no_pin_is_a_whole_enciphered_block_of_ones(algorithm: Algorithm, hsm: SoftHsm):
    key = bytes(range(1, algorithm.key_bytes + 1))
    block = hsm.load_clear_key(key, KeyUsage.PIN_ENCRYPTION, algorithm)
    expected = pin_block_cipher(algorithm, key)(b"\xff" * algorithm.block_bytes)
    assert hsm.encrypt_pin(block, None, PinFormat.NO_PIN, None) == expected


@pytest.mark.parametrize(("asked", "meant"), [("iso-0", "sm4-pan"), ("no-pan", "sm4-no-pan"), ("sm4-pan", "sm4-pan")])
def test_under_sm4_the_short_forms_mean_the_wide_ones(asked: str, meant: str, hsm: SoftHsm):
    key = pik(hsm, Algorithm.SM4)
    blocks = [hsm.encrypt_pin(key, Pin("7391"), PinFormat(form), CARD) for form in (asked, meant)]
    assert blocks[0] == blocks[1]
    assert len(blocks[0]) == 16


@pytest.mark.parametrize("form", [PinFormat.SM4_PAN, PinFormat.SM4_NO_PAN])
def test_a_wide_form_does_not_go_under_a_cipher_of_short_blocks(form: PinFormat, hsm: SoftHsm):
    with pytest.raises(KeyUsageError, match="does not encipher"):
        hsm.encrypt_pin(pik(hsm), Pin("7391"), form, CARD)


@pytest.mark.parametrize("source_form", WITH_PIN)
@pytest.mark.parametrize("target_form", WITH_PIN)
@pytest.mark.parametrize("permissive", [False, True])
def test_translation_keeps_the_pin_and_gives_up_the_pan_only_by_permission(source_form, target_form, permissive):
    hsm = SoftHsm(Lmk.test(), lambda size: bytes(range(3, size + 3)), allow_weaker_translation=permissive)
    source, target = pik(hsm, cipher_for(source_form)), pik(hsm, cipher_for(target_form))
    block = hsm.encrypt_pin(source, Pin("739104"), source_form, CARD)
    weakens = (source_form.binds_pan and not target_form.binds_pan) or source_form.block_bytes > target_form.block_bytes
    if weakens and not permissive:
        with pytest.raises(PinTranslationError, match="not permitted"):
            hsm.translate_pin(source, block, source_form, target, target_form, CARD)
        return
    translated = hsm.translate_pin(source, block, source_form, target, target_form, CARD)
    assert translated == hsm.encrypt_pin(target, Pin("739104"), target_form, CARD)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (Algorithm.TDES_DOUBLE, Algorithm.DES),
        (Algorithm.TDES_TRIPLE, Algorithm.DES),
        (Algorithm.SM4, Algorithm.TDES_TRIPLE),
        (Algorithm.SM4, Algorithm.DES),
    ],
)
def test_translation_does_not_go_to_a_weaker_cipher(source: Algorithm, target: Algorithm, hsm: SoftHsm):
    block = hsm.encrypt_pin(pik(hsm, source), Pin("7391"), PinFormat.ISO_0, CARD)
    with pytest.raises(PinTranslationError, match="weaker"):
        hsm.translate_pin(pik(hsm, source), block, PinFormat.ISO_0, pik(hsm, target), PinFormat.ISO_0, CARD)


def test_translation_to_and_from_the_form_without_a_pin_is_refused(hsm: SoftHsm):
    key = pik(hsm)
    block = hsm.encrypt_pin(key, None, PinFormat.NO_PIN, None)
    for forms in ((PinFormat.NO_PIN, PinFormat.ISO_0), (PinFormat.ISO_0, PinFormat.NO_PIN)):
        with pytest.raises(PinError):
            hsm.translate_pin(key, block, forms[0], key, forms[1], CARD)
