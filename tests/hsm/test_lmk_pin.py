"""PINs under the local master key: FF1's published samples, every kind of LMK, and what does not open."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    TdesLmk,
    ff1,
)
from posterm.hsm.lmk_pin import unwrap_pin, wrap_pin
from posterm.hsm.variant_lmk import VariantLmk
from posterm.sensitive import Pan

PAN, OTHER_PAN = Pan("6212345678901265"), Pan("6212345678902263")
FF1_KEY = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
LMKS = {
    "aes": Lmk(bytes(range(32))),
    "tdes": TdesLmk(bytes(range(24))),
    "variant": VariantLmk((bytes(range(16)),) * 20),
    "variant test": VariantLmk.test(),
}

pins = st.text("0123456789", min_size=4, max_size=12)


@pytest.mark.parametrize(
    ("tweak", "plain", "enciphered"),
    [
        # NIST SP 800-38G, published FF1 samples 1 and 2 (AES-128, radix 10).
        ("", "0123456789", "2433477484"),
        ("39383736353433323130", "0123456789", "6124200773"),
    ],
)
def test_ff1_gives_the_published_samples(tweak: str, plain: str, enciphered: str):
    assert ff1.encrypt(FF1_KEY, bytes.fromhex(tweak), plain) == enciphered
    assert ff1.decrypt(FF1_KEY, bytes.fromhex(tweak), enciphered) == plain


@given(st.text("0123456789", min_size=2, max_size=36), st.binary(max_size=20))
def test_ff1_gives_back_what_it_enciphered(plain: str, tweak: bytes):
    enciphered = ff1.encrypt(FF1_KEY, tweak, plain)
    assert len(enciphered) == len(plain)
    assert ff1.decrypt(FF1_KEY, tweak, enciphered) == plain


@pytest.mark.parametrize("digits", ["", "1", "1" * 37, "12A4", "１２３４"])
def test_ff1_takes_2_to_36_digits(digits: str):
    with pytest.raises(PinError, match="2 to 36"):
        ff1.encrypt(FF1_KEY, b"", digits)


@pytest.mark.parametrize("kind", LMKS)
@given(digits=pins, fill=st.binary(min_size=8, max_size=8))
def test_a_pin_comes_back_from_under_every_kind_of_lmk(kind: str, digits: str, fill: bytes):
    text = wrap_pin(LMKS[kind], Pin(digits), PAN, fill)
    assert len(text) == (33 if kind == "aes" else len(digits) + 1)
    assert unwrap_pin(LMKS[kind], text, PAN) == Pin(digits)


def test_the_whole_card_number_and_its_twelve_digits_are_the_same_here():
    text = wrap_pin(LMKS["aes"], Pin("739150"), PAN, bytes(8))
    assert unwrap_pin(LMKS["aes"], text, Pan(PAN.pan12 + "0")) == Pin("739150")


@pytest.mark.parametrize("text", ["", "0123", "J" + "0" * 31, "j" + "0" * 32, "0" * 14, "01２34"])
@pytest.mark.parametrize("kind", LMKS)
def test_what_is_no_pin_under_an_lmk_is_refused(kind: str, text: str):
    with pytest.raises(PinError):
        unwrap_pin(LMKS[kind], text, PAN)


def test_a_pin_of_another_card_or_lmk_does_not_open_under_aes():
    text = wrap_pin(LMKS["aes"], Pin("739150"), PAN, bytes(8))
    for lmk, pan in ((LMKS["aes"], OTHER_PAN), (Lmk(bytes(32)), PAN)):
        with pytest.raises(PinBlockError):
            unwrap_pin(lmk, text, pan)


def test_under_ff1_another_card_gives_another_row_of_digits():
    rows = {wrap_pin(LMKS["tdes"], Pin("739150"), pan, bytes(8)) for pan in (PAN, OTHER_PAN)}
    assert len(rows) == 2


def test_a_pin_goes_from_block_to_lmk_and_back(hsm: SoftHsm):
    pik = hsm.generate_key(KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE)
    block = hsm.encrypt_pin(pik, Pin("739150"), PinFormat.ISO_0, PAN)
    text = hsm.pin_from_block(pik, block, PinFormat.ISO_0, PAN)
    assert hsm.pin_to_block(pik, text, PinFormat.ISO_0, PAN) == block
    hsm.compare_pin(pik, block, PinFormat.ISO_0, PAN, text)
    with pytest.raises(PinMismatch):
        hsm.compare_pin(pik, block, PinFormat.ISO_0, PAN, hsm.wrap_pin(Pin("739151"), PAN))


def test_the_variant_lmk_is_chosen_where_there_are_two():
    hsm = SoftHsm(Lmk.test(), random.Random(8583).randbytes, variant_lmk=VariantLmk.test())
    assert hsm.wrap_pin(Pin("739150"), PAN, variant=True) == "0739150"
    assert hsm.wrap_pin(Pin("739150"), PAN)[0] == "J"
