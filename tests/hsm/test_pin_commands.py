"""PINs made, derived, changed and compared, none of which anybody sees."""

from __future__ import annotations

import random

import pytest

from posterm.hsm import (
    Algorithm,
    KeyUsage,
    Lmk,
    Pin,
    PinBlockError,
    PinError,
    PinFormat,
    PinMismatch,
    SoftHsm,
)
from posterm.sensitive import Pan

CARD = Pan("4111111111111111")
OTHER_CARD = Pan("4222222222222220")
OLD, NEW = Pin("739104"), Pin("2468")
FORM = PinFormat.ISO_0
DOUBLE = Algorithm.TDES_DOUBLE
P0 = KeyUsage.PIN_ENCRYPTION


@pytest.fixture
def pik(hsm: SoftHsm):
    return hsm.generate_key(P0, DOUBLE)


@pytest.fixture
def ibm(hsm: SoftHsm):
    return hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, DOUBLE)


@pytest.fixture
def visa(hsm: SoftHsm):
    return hsm.generate_key(KeyUsage.PIN_VERIFICATION_VISA, DOUBLE)


@pytest.mark.parametrize("length", range(4, 13))
def test_a_random_pin_has_the_digits_asked_for_and_verifies(length: int, hsm: SoftHsm, pik, ibm):
    block = hsm.generate_pin(pik, FORM, CARD, length=length)
    offset = hsm.generate_pin_offset_of_block(pik, block, FORM, CARD, pvk=ibm)
    assert len(offset) == length
    hsm.verify_pin(pik, block, FORM, CARD, pvk=ibm, offset=offset)
    with pytest.raises(PinBlockError):
        hsm.verify_pin(pik, block, FORM, OTHER_CARD, pvk=ibm, offset=offset)


@pytest.mark.parametrize("length", [-1, 0, 3, 13])
def test_a_random_pin_has_4_to_12_digits(length: int, hsm: SoftHsm, pik):
    with pytest.raises(PinError, match="4 to 12 digits"):
        hsm.generate_pin(pik, FORM, CARD, length=length)


def test_random_digits_are_even():
    hsm = SoftHsm(Lmk.test(), random.Random(20260).randbytes)
    seen = [0] * 10
    for _ in range(2_000):
        for digit in hsm._random_digits(4):
            seen[int(digit)] += 1
    assert all(680 < count < 920 for count in seen), seen


def test_entropy_without_digits_is_given_up():
    astray = SoftHsm(Lmk.test(), lambda size: b"\xff" * size)
    key = astray.load_clear_key(bytes(range(16)), P0, DOUBLE)
    with pytest.raises(PinError, match="no digits"):
        astray.generate_pin(key, FORM, CARD)


def test_an_offset_gives_its_pin_back(hsm: SoftHsm, pik, ibm):
    offset = hsm.generate_pin_offset(ibm, OLD, CARD)
    assert hsm.derive_pin(pik, FORM, CARD, pvk=ibm, offset=offset) == hsm.encrypt_pin(pik, OLD, FORM, CARD)
    natural = hsm.derive_pin(pik, FORM, CARD, pvk=ibm, offset="0000")
    assert hsm.generate_pin_offset_of_block(pik, natural, FORM, CARD, pvk=ibm) == "0000"
    with pytest.raises(PinError, match="4 to 12 digits"):
        hsm.derive_pin(pik, FORM, CARD, pvk=ibm, offset="12A4")


def test_a_published_natural_pin_and_its_offset(hsm: SoftHsm, pik):
    # IBM 3624 as in the z/OS ICSF description: the natural PIN is 4524, and PIN 1234 has offset 7710.
    ibm = hsm.load_clear_key(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), KeyUsage.PIN_VERIFICATION_IBM, DOUBLE)
    how = {"validation_data": "1122334455667788", "decimalisation_table": "1234567890123456"}
    block = hsm.derive_pin(pik, FORM, CARD, pvk=ibm, offset="0000", **how)
    assert block == hsm.encrypt_pin(pik, Pin("4524"), FORM, CARD)
    block = hsm.encrypt_pin(pik, Pin("1234"), FORM, CARD)
    assert hsm.generate_pin_offset_of_block(pik, block, FORM, CARD, pvk=ibm, **how) == "7710"


def test_a_pin_is_changed_only_by_someone_who_knows_it(hsm: SoftHsm, pik, ibm, visa):
    old, new = (hsm.encrypt_pin(pik, pin, FORM, CARD) for pin in (OLD, NEW))
    offset, pvv = hsm.generate_pin_offset(ibm, OLD, CARD), hsm.generate_pvv(visa, OLD, CARD)
    new_offset = hsm.change_pin_offset(pik, old, new, FORM, CARD, pvk=ibm, offset=offset)
    assert new_offset == hsm.generate_pin_offset(ibm, NEW, CARD)
    new_pvv = hsm.change_pin_pvv(pik, old, new, FORM, CARD, pvk=visa, pvv=pvv)
    assert new_pvv == hsm.generate_pvv(visa, NEW, CARD) == hsm.generate_pvv_of_block(pik, new, FORM, CARD, pvk=visa)
    with pytest.raises(PinMismatch):
        hsm.change_pin_offset(pik, new, new, FORM, CARD, pvk=ibm, offset=offset)
    with pytest.raises(PinMismatch):
        hsm.change_pin_pvv(pik, new, new, FORM, CARD, pvk=visa, pvv=pvv)
    for blocks in ((bytes(8), new), (old, bytes(8)), (old, b"")):
        with pytest.raises(PinBlockError):
            hsm.change_pin_offset(pik, *blocks, FORM, CARD, pvk=ibm, offset=offset)
        with pytest.raises(PinBlockError):
            hsm.change_pin_pvv(pik, *blocks, FORM, CARD, pvk=visa, pvv=pvv)


def test_pins_are_compared_across_keys_and_forms(hsm: SoftHsm, pik):
    kept_key = hsm.generate_key(P0, Algorithm.AES_128)
    kept = hsm.encrypt_pin(kept_key, OLD, PinFormat.ISO_4, CARD)
    how = {"kept_key": kept_key, "kept_block": kept, "kept_form": PinFormat.ISO_4}
    hsm.compare_pins(pik, hsm.encrypt_pin(pik, OLD, FORM, CARD), FORM, CARD, **how)
    for digits in ("739105", "7391", "7391040"):
        with pytest.raises(PinMismatch):
            hsm.compare_pins(pik, hsm.encrypt_pin(pik, Pin(digits), FORM, CARD), FORM, CARD, **how)
    for block, kept_block in ((bytes(8), kept), (b"", kept), (hsm.encrypt_pin(pik, OLD, FORM, CARD), bytes(16))):
        with pytest.raises(PinBlockError):
            hsm.compare_pins(pik, block, FORM, CARD, **(how | {"kept_block": kept_block}))


def test_every_malformed_block_gets_one_answer(hsm: SoftHsm, pik, ibm, visa):
    kept = {"kept_key": pik, "kept_block": hsm.encrypt_pin(pik, OLD, FORM, CARD), "kept_form": FORM}
    calls = [
        lambda block: hsm.verify_pin(pik, block, FORM, CARD, pvk=ibm, offset="0000"),
        lambda block: hsm.verify_pin_pvv(pik, block, FORM, CARD, pvk=visa, pvv="0000"),
        lambda block: hsm.generate_pin_offset_of_block(pik, block, FORM, CARD, pvk=ibm),
        lambda block: hsm.generate_pvv_of_block(pik, block, FORM, CARD, pvk=visa),
        lambda block: hsm.compare_pins(pik, block, FORM, CARD, **kept),
        lambda block: hsm.translate_pin(pik, block, FORM, pik, FORM, CARD),
    ]
    right = hsm.encrypt_pin(pik, OLD, FORM, CARD)
    other_key = hsm.encrypt_pin(hsm.generate_key(P0, DOUBLE), OLD, FORM, CARD)
    other_form = hsm.encrypt_pin(pik, OLD, PinFormat.ISO_3, CARD)
    other_card = hsm.encrypt_pin(pik, OLD, FORM, OTHER_CARD)
    without_pin = hsm.encrypt_pin(pik, None, PinFormat.NO_PIN, None)
    answers = set()
    for block in (b"", right[:7], right + b"0", other_key, other_form, other_card, without_pin, bytes(8)):
        for call in calls:
            with pytest.raises(PinBlockError) as refused:
                call(block)
            answers.add((str(refused.value), refused.value.hint, refused.value.__cause__, refused.value.__context__))
    assert len(answers) == 1
