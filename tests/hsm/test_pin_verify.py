"""IBM 3624: published values, verification, and what is refused."""

from __future__ import annotations

import psec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import (
    Algorithm,
    KeyUsage,
    KeyUsageError,
    Pin,
    PinBlockError,
    PinError,
    PinFormat,
    PinMismatch,
    SoftHsm,
)
from posterm.hsm.pin_verify import (
    DECIMALISATION_TABLE,
    decimalised,
    natural_pin,
    offset_of,
    pin_from_offset,
    pvv,
    validation_data_from_template,
)
from posterm.hsm.primitives import BlockCipher
from posterm.sensitive import Pan
from tests.hsm.vector_files import broken, vectors

CARD = Pan("4111111111111111")
OTHER_CARD = Pan("4222222222222220")
FORM = PinFormat.ISO_0


@pytest.fixture
def keys(hsm: SoftHsm):
    return (
        hsm.generate_key(KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE),
        hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE),
    )


def parameters(v) -> dict[str, str]:
    return {"validation_data": v["validation_data"], "decimalisation_table": v["table"]}


@pytest.mark.parametrize("v", vectors("ibm_3624.json"))
def test_an_offset_is_the_published_one_and_verifies(v, hsm: SoftHsm, keys):
    pvk = hsm.load_clear_key(bytes.fromhex(v["pvk"]), KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE)
    assert hsm.generate_pin_offset(pvk, Pin(v["pin"]), CARD, **parameters(v)) == v["offset"]
    block = hsm.encrypt_pin(keys[0], Pin(v["pin"]), FORM, CARD)
    hsm.verify_pin(keys[0], block, FORM, CARD, pvk=pvk, offset=v["offset"], **parameters(v))


@pytest.mark.parametrize("v", broken("ibm_3624.json"))
def test_broken_parameters_are_refused_both_ways(v, hsm: SoftHsm, keys):
    block = hsm.encrypt_pin(keys[0], Pin(v["pin"]), FORM, CARD)
    with pytest.raises(PinError, match=v["raises"]):
        hsm.generate_pin_offset(keys[1], Pin(v["pin"]), CARD, **parameters(v))
    with pytest.raises(PinError, match=v["raises"]):
        hsm.verify_pin(keys[0], block, FORM, CARD, pvk=keys[1], offset="0000", **parameters(v))


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # psec's calls
@given(
    st.text("0123456789", min_size=4, max_size=12),
    st.text("0123456789", min_size=13, max_size=19),
    st.binary(min_size=16, max_size=16),
)
def test_an_offset_is_what_psec_makes_of_it(pin: str, pan: str, pvk: bytes):
    account = Pan(pan).pan12
    expected = psec.pin.generate_ibm3624_offset(pvk, DECIMALISATION_TABLE, pin, account, 0, 12, "F")
    cipher = BlockCipher(Algorithm.TDES_DOUBLE, pvk)
    natural = natural_pin(cipher, len(pin), account + "FFFF", DECIMALISATION_TABLE)
    assert offset_of(pin, natural) == expected
    assert pin_from_offset(expected, natural) == pin


@pytest.mark.parametrize("digits", ["7391", "73910", "739104", "739104628517"])
@pytest.mark.parametrize("form", [PinFormat.ISO_0, PinFormat.NO_PAN])
def test_the_right_pin_verifies_and_every_other_does_not(digits: str, form: PinFormat, hsm: SoftHsm, keys):
    pik, pvk = keys
    offset = hsm.generate_pin_offset(pvk, Pin(digits), CARD)
    assert len(offset) == len(digits)
    hsm.verify_pin(pik, hsm.encrypt_pin(pik, Pin(digits), form, CARD), form, CARD, pvk=pvk, offset=offset)
    others = [digits[:place] + str((int(digits[place]) + 1) % 10) + digits[place + 1 :] for place in range(len(digits))]
    others += [digits[:-1] if len(digits) > 4 else digits + "0", (digits + "0")[:12][::-1]]
    for other in others:
        block = hsm.encrypt_pin(pik, Pin(other), form, CARD)
        with pytest.raises(PinMismatch, match="not the cardholder's"):
            hsm.verify_pin(pik, block, form, CARD, pvk=pvk, offset=offset)


def test_a_pin_is_right_for_one_card_only(hsm: SoftHsm, keys):
    pik, pvk = keys
    offset = hsm.generate_pin_offset(pvk, Pin("739104"), CARD)
    block = hsm.encrypt_pin(pik, Pin("739104"), FORM, OTHER_CARD)
    with pytest.raises(PinMismatch):
        hsm.verify_pin(pik, block, FORM, OTHER_CARD, pvk=pvk, offset=offset)


def test_a_block_for_another_card_or_under_another_key_is_malformed(hsm: SoftHsm, keys):
    pik, pvk = keys
    offset = hsm.generate_pin_offset(pvk, Pin("739104"), CARD)
    other = hsm.load_clear_key(bytes(range(16)), KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE)
    for block in (
        hsm.encrypt_pin(pik, Pin("739104"), FORM, OTHER_CARD),
        hsm.encrypt_pin(other, Pin("739104"), FORM, CARD),
    ):
        with pytest.raises(PinBlockError):
            hsm.verify_pin(pik, block, FORM, CARD, pvk=pvk, offset=offset)


@pytest.mark.parametrize("offset", ["", "123", "1234567890123", "12A4", "１２３４", " 1234", "-123"])
def test_an_offset_is_4_to_12_digits(offset: str, hsm: SoftHsm, keys):
    block = hsm.encrypt_pin(keys[0], Pin("7391"), FORM, CARD)
    with pytest.raises(PinError, match="4 to 12 digits"):
        hsm.verify_pin(keys[0], block, FORM, CARD, pvk=keys[1], offset=offset)


@pytest.mark.parametrize(
    "template",
    ["", "N", "12345678901", "123456789012", "12345678901NN", "1234567890NN", "1234567890aN", "N1234567890\n"],
)
def test_a_template_is_12_characters_with_one_n(template: str):
    with pytest.raises(PinError, match="11 hexadecimal digits and one N"):
        validation_data_from_template(template, CARD)


@pytest.mark.parametrize("place", range(12))
def test_a_template_gets_five_account_digits_in_place_of_its_n(place: int):
    template = "ABCDEFABCDE"[:place] + "N" + "ABCDEFABCDE"[place:]
    account = Pan("4123456789012347")
    assert validation_data_from_template(template, account) == template.replace("N", "01234")


def test_a_card_personalised_from_a_template_verifies_from_it(hsm: SoftHsm, keys):
    pik, pvk = keys
    data = validation_data_from_template("4111111111N1", CARD)
    offset = hsm.generate_pin_offset(pvk, Pin("7391"), CARD, validation_data=data)
    block = hsm.encrypt_pin(pik, Pin("7391"), FORM, CARD)
    hsm.verify_pin(pik, block, FORM, CARD, pvk=pvk, offset=offset, validation_data=data)


# --- Visa PVV -----------------------------------------------------------------------------------------------------


@pytest.fixture
def visa_keys(hsm: SoftHsm):
    return (
        hsm.generate_key(KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE),
        hsm.generate_key(KeyUsage.PIN_VERIFICATION_VISA, Algorithm.TDES_DOUBLE),
    )


def test_a_pvv_is_the_published_one(hsm: SoftHsm):
    # Visa PVV, published sample: account number without check digit 123456789012, key index 0.
    pvk = hsm.load_clear_key(bytes.fromhex("13345779" * 4), KeyUsage.PIN_VERIFICATION_VISA, Algorithm.TDES_DOUBLE)
    assert hsm.generate_pvv(pvk, Pin("1234"), Pan("1234567890123"), key_index=0) == "1226"


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # psec's calls
@given(
    st.text("0123456789", min_size=4, max_size=12),
    st.text("0123456789", min_size=13, max_size=19),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 6),
)
def test_a_pvv_is_what_psec_makes_of_it(pin: str, pan: str, pvk: bytes, key_index: int):
    expected = psec.pin.generate_visa_pvv(pvk, str(key_index), pin[:4], pan)
    assert pvv(BlockCipher(Algorithm.TDES_DOUBLE, pvk), pin, Pan(pan), key_index) == expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("AB1CD2EF3A4B5C6D", "1234"),
        ("1234567890ABCDEF", "1234"),
        ("ABCDEFABCDEFABCD", "0123"),
        ("FFFFFFFFFFFFFFF7", "7555"),
        ("AFFFFFFF1FFFFF29", "1290"),
    ],
)
def test_letters_follow_as_digits_when_digits_run_out(block: str, expected: str):
    assert decimalised(bytes.fromhex(block), 4) == expected


def test_a_pvv_verifies_the_first_four_digits_and_no_other_pin(hsm: SoftHsm, visa_keys):
    pik, pvk = visa_keys
    value = hsm.generate_pvv(pvk, Pin("739104"), CARD)
    for digits in ("7391", "739104", "739100"):
        block = hsm.encrypt_pin(pik, Pin(digits), FORM, CARD)
        hsm.verify_pin_pvv(pik, block, FORM, CARD, pvk=pvk, pvv=value)
    for digits, index in (("7392", 1), ("0391", 1), ("7391", 2)):
        block = hsm.encrypt_pin(pik, Pin(digits), FORM, CARD)
        with pytest.raises(PinMismatch):
            hsm.verify_pin_pvv(pik, block, FORM, CARD, pvk=pvk, pvv=value, key_index=index)


@pytest.mark.parametrize("value", ["", "123", "12345", "12A4", "１２３４", "-123", "1234\n"])
def test_a_pvv_is_4_digits(value: str, hsm: SoftHsm, visa_keys):
    pik, pvk = visa_keys
    block = hsm.encrypt_pin(pik, Pin("7391"), FORM, CARD)
    with pytest.raises(PinError, match="need 4 digits"):
        hsm.verify_pin_pvv(pik, block, FORM, CARD, pvk=pvk, pvv=value)


@pytest.mark.parametrize("index", [-1, 7, 10])
def test_a_key_index_is_0_to_6(index: int, hsm: SoftHsm, visa_keys):
    with pytest.raises(PinError, match="0 to 6"):
        hsm.generate_pvv(visa_keys[1], Pin("7391"), CARD, key_index=index)


def test_a_key_of_one_method_does_not_serve_the_other(hsm: SoftHsm, keys, visa_keys):
    with pytest.raises(KeyUsageError):
        hsm.generate_pvv(keys[1], Pin("7391"), CARD)
    with pytest.raises(KeyUsageError):
        hsm.generate_pin_offset(visa_keys[1], Pin("7391"), CARD)


@pytest.mark.parametrize(
    ("offset", "natural"), [("123", "1234"), ("12345", "1234"), ("12a4", "1234"), ("1234", "12+4")]
)
def test_an_offset_is_added_to_as_many_digits_and_to_nothing_else(offset: str, natural: str) -> None:
    with pytest.raises(PinError):
        pin_from_offset(offset, natural)
