"""Card values: published ones, those of psec and pyemv, and what is refused."""

from __future__ import annotations

import psec
import pyemv.cvv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import Algorithm, CardValue, CardValueError, CardValueMismatch, KeyUsage, KeyUsageError, SoftHsm
from posterm.hsm.card_values import card_value, cavv, cvc3, dcvv
from posterm.hsm.mac import MacKey
from posterm.sensitive import Pan
from tests.hsm.vector_files import broken, vectors

# psec and pyemv call TDES in ways that will go away; our door does not.
FROM_PSEC = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

DOUBLE = Algorithm.TDES_DOUBLE
CARD = Pan("4123456789012345")

pans = st.text("0123456789", min_size=13, max_size=19)
keys = st.binary(min_size=16, max_size=16)
fours = st.text("0123456789", min_size=4, max_size=4)
threes = st.text("0123456789", min_size=3, max_size=3)


@pytest.mark.parametrize("v", vectors("card_values.json"))
def test_a_card_value_is_the_published_one_and_no_other_verifies(v, hsm: SoftHsm):
    cvk = hsm.load_clear_key(bytes.fromhex(v["cvk"]), KeyUsage.CARD_VERIFICATION, DOUBLE)
    given_fields = (Pan(v["pan"]), v["expiry"], v["service_code"])
    kind = CardValue(v["kind"])
    assert hsm.generate_card_value(cvk, kind, *given_fields) == v["value"]
    hsm.verify_card_value(cvk, kind, v["value"], *given_fields)
    for wrong in ("", "000", v["value"][:2], v["value"] + "0", "１２３"):
        with pytest.raises(CardValueMismatch):
            hsm.verify_card_value(cvk, kind, wrong, *given_fields)


@pytest.mark.parametrize("v", broken("card_values.json"))
def test_broken_fields_are_refused_both_ways(v, hsm: SoftHsm):
    cvk = hsm.load_clear_key(bytes.fromhex(v["cvk"]), KeyUsage.CARD_VERIFICATION, DOUBLE)
    given_fields = (Pan(v["pan"]), v["expiry"], v["service_code"])
    with pytest.raises(CardValueError, match=v["raises"]):
        hsm.generate_card_value(cvk, CardValue(v["kind"]), *given_fields)
    with pytest.raises(CardValueError, match=v["raises"]):
        hsm.verify_card_value(cvk, CardValue(v["kind"]), "000", *given_fields)


@FROM_PSEC
@given(keys, pans, fours, threes)
def test_a_card_value_is_what_psec_makes_of_it(cvk: bytes, pan: str, expiry: str, service_code: str):
    expected = psec.cvv.generate_cvv(cvk, pan, expiry, service_code)
    assert card_value(MacKey(DOUBLE, cvk), Pan(pan), expiry, service_code) == expected
    assert cavv(MacKey(DOUBLE, cvk), Pan(pan), expiry, service_code) == expected


def test_each_kind_has_its_service_code_and_month_first_turns_the_expiry_about(hsm: SoftHsm):
    cvk = hsm.generate_key(KeyUsage.CARD_VERIFICATION, DOUBLE)
    make = hsm.generate_card_value
    assert make(cvk, CardValue.CVV2, CARD, "8701") == make(cvk, CardValue.CVV, CARD, "8701", "000")
    assert make(cvk, CardValue.ICVV, CARD, "8701") == make(cvk, CardValue.CVV, CARD, "8701", "999")
    turned = make(cvk, CardValue.CVV2, CARD, "8701", month_first=True)
    assert turned == make(cvk, CardValue.CVV, CARD, "0187", "000")


@given(keys, pans, st.integers(0, 0xFFFF))
def test_a_dcvv_is_the_cvv_of_a_pan_that_begins_with_the_counter(key: bytes, pan: str, atc: int):
    card_key = MacKey(DOUBLE, key)
    moved = Pan(f"{atc % 10000:04d}{pan[4:]}")
    assert dcvv(card_key, Pan(pan), "3012", "201", atc) == card_value(card_key, moved, "3012", "201")


@FROM_PSEC
@given(keys, st.binary(min_size=1, max_size=79), st.integers(0, 0xFFFF), st.binary(min_size=4, max_size=4))
def test_a_cvc3_is_what_pyemv_makes_of_it(key: bytes, template: bytes, atc: int, number: bytes):
    expected = pyemv.cvv.generate_cvc3(key, template, atc.to_bytes(2, "big"), number)
    assert cvc3(key, template, atc, number) == expected.rjust(5, "0")


@pytest.mark.parametrize(
    ("key", "template", "atc", "number"),
    [(15, 19, 1, 4), (16, 0, 1, 4), (16, 257, 1, 4), (16, 19, 65_536, 4), (16, 19, -1, 4), (16, 19, 1, 3)],
)
def test_a_cvc3_of_other_lengths_is_refused(key: int, template: int, atc: int, number: int):
    with pytest.raises(CardValueError):
        cvc3(bytes(key), bytes(template), atc, bytes(number))


@pytest.mark.parametrize("digits", [-1, 0, 6])
def test_a_card_value_has_1_to_5_digits(digits: int):
    with pytest.raises(CardValueError, match="1 to 5 digits"):
        card_value(MacKey(DOUBLE, bytes(range(16))), CARD, "8701", "101", digits)


def test_only_a_double_length_card_verification_key_makes_card_values(hsm: SoftHsm):
    for usage in (KeyUsage.MAC, KeyUsage.PIN_VERIFICATION_VISA):
        key = hsm.generate_key(usage, DOUBLE)
        with pytest.raises(KeyUsageError):
            hsm.generate_card_value(key, CardValue.CVV2, CARD, "8701")
        with pytest.raises(KeyUsageError):
            hsm.verify_card_value(key, CardValue.CVV2, "000", CARD, "8701")
    for algorithm in (Algorithm.TDES_TRIPLE, Algorithm.AES_128):
        with pytest.raises(KeyUsageError):
            hsm.generate_key(KeyUsage.CARD_VERIFICATION, algorithm)
