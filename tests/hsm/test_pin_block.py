"""PIN blocks: published ones, broken ones with one answer, round trips, and translation."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from random import Random

import psec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import (
    Algorithm,
    CipherError,
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
    key_block,
    pin_block,
)
from posterm.hsm.pin_block import FILLED, LENGTH_OF
from posterm.hsm.pin_translation import RULES, Rule
from posterm.hsm.primitives import BlockCipher
from posterm.sensitive import Pan
from tests.hsm.vector_files import broken, vectors

CARD = Pan("4111111111111111")
OTHER_CARD = Pan("5432101234567891")
WITH_PIN = [form for form in PinFormat if form is not PinFormat.NO_PIN]
ENTROPY = bytes(range(0xA1, 0xA9))

pins = st.text("0123456789", min_size=4, max_size=12)
pans = st.text("0123456789", min_size=13, max_size=19)


def pik(hsm: SoftHsm, algorithm: Algorithm = Algorithm.TDES_DOUBLE) -> KeyBlock:
    return hsm.generate_key(KeyUsage.PIN_ENCRYPTION, algorithm)


def cipher_for(form: PinFormat) -> Algorithm:
    if form is PinFormat.ISO_4:
        return Algorithm.AES_128
    return Algorithm.SM4 if form.block_bytes == 16 else Algorithm.TDES_DOUBLE


@pytest.mark.parametrize("v", vectors("pin_blocks.json", lacking="malformed"))
def test_a_pin_block_is_the_published_one(v):
    form, pan = PinFormat(v["format"]), Pan(v["pan"])
    if "random" not in v:
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
        block = pin_block.encipher(BlockCipher(algorithm, key), block, form, pan)
    asks = [lambda: hsm.verify_pin(key_block, block, form, pan, pvk=pvk, offset="0000")]
    if RULES[form, form] is Rule.ALLOWED:
        asks.append(lambda: hsm.translate_pin(key_block, block, form, key_block, form, pan))
    for ask in asks:
        with pytest.raises(PinBlockError) as enciphered:
            ask()
        assert str(enciphered.value) == str(PinBlockError())


def pin_block_cipher(algorithm: Algorithm, key: bytes) -> Callable[[bytes], bytes]:
    return BlockCipher(algorithm, key).encrypt


@given(st.sampled_from(WITH_PIN), pins, pans)
def test_a_block_gives_back_its_pin(form: PinFormat, pin: str, pan: str):
    block = pin_block.encode(form, Pin(pin), Pan(pan), ENTROPY)
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
    again = pin_block.encode(form, pin, CARD, ENTROPY)
    assert again == block or (form in FILLED and pin_block.decode(form, again, CARD) == pin)


@pytest.mark.parametrize("form", [PinFormat.ISO_0, PinFormat.SM4_PAN, PinFormat.ISO_3])
def test_a_block_of_another_card_is_malformed_or_holds_another_pin(form: PinFormat):
    block = pin_block.encode(form, Pin("7391"), CARD, ENTROPY)
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
        pin_block.encode(form, None, CARD, ENTROPY)


@pytest.mark.parametrize("form", [PinFormat.ISO_0, PinFormat.SM4_PAN, PinFormat.ISO_3])
def test_a_form_that_binds_the_pan_needs_one(form: PinFormat):
    with pytest.raises(PinError, match="needs the PAN"):
        pin_block.encode(form, Pin("7391"), None, ENTROPY)
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
    rule = RULES[source_form, target_form]
    weakens = rule is Rule.BY_PERMISSION or source_form.block_bytes > target_form.block_bytes
    if rule is Rule.NEVER or (weakens and not permissive):
        with pytest.raises(PinTranslationError, match="never permitted" if rule is Rule.NEVER else "not permitted"):
            hsm.translate_pin(source, block, source_form, target, target_form, CARD)
        return
    translated = hsm.translate_pin(source, block, source_form, target, target_form, CARD)
    assert opened(hsm, target, translated, target_form) == "739104"
    if target_form not in FILLED:
        assert translated == hsm.encrypt_pin(target, Pin("739104"), target_form, CARD)


def opened(hsm: SoftHsm, key: KeyBlock, block: bytes, form: PinFormat, pan: Pan = CARD) -> str:
    """The digits in an enciphered block, found with the package's inner parts."""
    clear_key = key_block.unwrap(hsm._lmk, key)[1]
    cipher = BlockCipher(cipher_for(form), clear_key)
    if form is PinFormat.ISO_4:
        return pin_block.digits_of(form, pin_block.decipher_iso_4(cipher, block, pan), pan)
    return pin_block.digits_of(form, cipher.decrypt(block), pan)


def test_the_matrix_lets_pan_forms_go_to_pan_forms_and_nothing_to_formats_1_and_2():
    iso = [PinFormat.ISO_0, PinFormat.ISO_1, PinFormat.ISO_2, PinFormat.ISO_3, PinFormat.ISO_4]
    allowed = {pair for pair, rule in RULES.items() if rule is Rule.ALLOWED and set(pair) <= set(iso)}
    with_pan = (PinFormat.ISO_0, PinFormat.ISO_3, PinFormat.ISO_4)
    assert allowed == {(a, b) for a in (*with_pan, PinFormat.ISO_1) for b in with_pan}
    for form in PinFormat:
        for never in (PinFormat.ISO_1, PinFormat.ISO_2):
            assert RULES[form, never] is Rule.NEVER
        assert RULES[PinFormat.ISO_2, form] is Rule.NEVER


@pytest.mark.parametrize("target_form", [PinFormat.ISO_0, PinFormat.ISO_3, PinFormat.ISO_4])
@pytest.mark.parametrize("source_form", [PinFormat.ISO_0, PinFormat.ISO_1, PinFormat.ISO_3])
@pytest.mark.parametrize("permitted", [False, True])
def test_another_pan_is_bound_only_by_permission(source_form, target_form, permitted):
    hsm = SoftHsm(Lmk.test(), lambda size: bytes(range(3, size + 3)), allow_pan_change=permitted)
    source, target = pik(hsm, cipher_for(source_form)), pik(hsm, cipher_for(target_form))
    block = hsm.encrypt_pin(source, Pin("739104"), source_form, CARD)
    given = (source, block, source_form, target, target_form, CARD)
    if not permitted:
        with pytest.raises(PinTranslationError, match="another PAN"):
            hsm.translate_pin(*given, target_pan=OTHER_CARD)
        hsm.translate_pin(*given, target_pan=CARD)
        return
    translated = hsm.translate_pin(*given, target_pan=OTHER_CARD)
    assert opened(hsm, target, translated, target_form, OTHER_CARD) == "739104"


def test_format_4_is_the_published_block_and_opens_with_its_pan_alone():
    # ANSI X9.24-3-2017, supplement: PIN 1234 under the transaction's PIN key.
    cipher = BlockCipher(Algorithm.AES_128, bytes.fromhex("AF8CB133A78F8DC2D1359F18527593FB"))
    field = pin_block.encode(PinFormat.ISO_4, Pin("1234"), None, bytes.fromhex("2F69ADDE2E9E7ACE"))
    assert field.hex().upper() == "441234AAAAAAAAAA2F69ADDE2E9E7ACE"
    assert pin_block.pan_field_iso_4(CARD) == 0x44111111111111111000000000000000
    block = pin_block.encipher(cipher, field, PinFormat.ISO_4, CARD)
    assert block.hex().upper() == "A912150391AB65A67E52883D81CE2D15"
    assert pin_block.decipher_iso_4(cipher, block, CARD) == field
    with pytest.raises(PinBlockError):
        pin_block.decode(PinFormat.ISO_4, pin_block.decipher_iso_4(cipher, block, OTHER_CARD), OTHER_CARD)
    with pytest.raises(PinError, match="needs the PAN"):
        pin_block.decipher_iso_4(cipher, block, None)


@given(pins, pans, st.binary(min_size=8, max_size=8))
def test_formats_2_3_and_4_are_read_and_made_as_psec_does(pin: str, pan: str, fill: bytes):
    card = Pan(pan)
    assert pin_block.encode(PinFormat.ISO_2, Pin(pin), None) == psec.pinblock.encode_pinblock_iso_2(pin)
    ours = pin_block.encode(PinFormat.ISO_3, Pin(pin), card, fill)
    assert psec.pinblock.decode_pinblock_iso_3(ours, pan) == pin
    assert pin_block.decode(PinFormat.ISO_3, psec.pinblock.encode_pinblock_iso_3(pin, pan), card) == Pin(pin)
    key = fill + fill[::-1]
    cipher = BlockCipher(Algorithm.AES_128, key)
    field = pin_block.encode(PinFormat.ISO_4, Pin(pin), card, fill)
    enciphered = pin_block.encipher(cipher, field, PinFormat.ISO_4, card)
    assert psec.pinblock.decipher_pinblock_iso_4(key, enciphered, pan) == pin
    theirs = psec.pinblock.encipher_pinblock_iso_4(key, pin, pan)
    assert pin_block.decode(PinFormat.ISO_4, pin_block.decipher_iso_4(cipher, theirs, card), card) == Pin(pin)


@pytest.mark.parametrize("form", sorted(FILLED))
@pytest.mark.parametrize("size", [0, 7, 9, 16])
def test_a_form_with_random_fill_takes_8_bytes_of_entropy(form: PinFormat, size: int):
    with pytest.raises(CipherError, match="8 bytes of entropy"):
        pin_block.encode(form, Pin("7391"), CARD, bytes(size))


def test_the_fill_of_format_3_uses_every_letter_about_as_often_as_every_other():
    random = Random(3)
    counts = Counter()
    for _ in range(2000):
        block = pin_block.encode(PinFormat.ISO_3, Pin("7391"), Pan("0" * 13), random.randbytes(8))
        counts.update(block.hex().upper()[6:])
    assert set(counts) == set("ABCDEF")
    assert max(counts.values()) < 1.1 * min(counts.values())


@pytest.mark.parametrize("algorithm", [Algorithm.AES_128, Algorithm.AES_192, Algorithm.AES_256])
def test_an_aes_key_enciphers_format_4_and_nothing_else(algorithm: Algorithm, hsm: SoftHsm):
    key = pik(hsm, algorithm)
    assert len(hsm.encrypt_pin(key, Pin("7391"), PinFormat.ISO_4, CARD)) == 16
    for form in PinFormat:
        if form is not PinFormat.ISO_4:
            with pytest.raises(KeyUsageError, match="does not encipher"):
                hsm.encrypt_pin(key, None if form is PinFormat.NO_PIN else Pin("7391"), form, CARD)


def test_format_4_does_not_go_under_sm4_or_tdes(hsm: SoftHsm):
    for algorithm in (Algorithm.SM4, Algorithm.TDES_DOUBLE, Algorithm.DES):
        with pytest.raises(KeyUsageError, match="does not encipher"):
            hsm.encrypt_pin(pik(hsm, algorithm), Pin("7391"), PinFormat.ISO_4, CARD)


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


def _by_number(form: PinFormat, block: bytes, pan: Pan | None) -> int:
    return LENGTH_OF[form](block, pan)


@given(st.sampled_from(sorted(LENGTH_OF)), st.data())
def test_the_length_of_a_pin_is_that_of_its_digits_and_refused_where_they_are(form: PinFormat, data):
    size = form.block_bytes
    control = data.draw(st.sampled_from([0, 2]))
    length = data.draw(st.integers(0, 15))
    digits = data.draw(st.text("0123456789ABCDEF", min_size=2 * size, max_size=2 * size))
    fill_from = data.draw(st.integers(0, 2 * size))
    text = f"{control}{length:X}{digits}"[:fill_from].ljust(2 * size, "F")[: 2 * size]
    field = int(text, 16)
    if form.binds_pan:
        field ^= int(CARD.pan12, 16)
    block = field.to_bytes(size, "big")[data.draw(st.sampled_from([0, 0, 0, 0, 1])) :]
    assert _length(block, form, _by_number) == _length(block, form, pin_block.digits_of)


@pytest.mark.parametrize("form", sorted(LENGTH_OF))
@pytest.mark.parametrize("digits", ["1234", "000000", "999999999999", "90909090"])
def test_every_nibble_of_a_block_is_judged_alike_with_and_without_the_digits(form: PinFormat, digits: str):
    block = pin_block.encode(form, Pin(digits), CARD)
    assert _by_number(form, block, CARD) == len(digits)
    for place in range(form.block_bytes * 2):
        for change in range(1, 16):
            changed = (int.from_bytes(block, "big") ^ change << place * 4).to_bytes(form.block_bytes, "big")
            assert _length(changed, form, _by_number) == _length(changed, form, pin_block.digits_of)


def _length(block: bytes, form: PinFormat, read: Callable[[PinFormat, bytes, Pan], int | str]) -> int | None:
    try:
        found = read(form, block, CARD)
    except PinBlockError:
        return None
    return found if isinstance(found, int) else len(found)
