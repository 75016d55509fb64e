"""Data in ECB and CBC, and the card values of contactless cards and 3-D Secure, as commands."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from posterm.hsm import (
    Algorithm,
    CardValue,
    CardValueError,
    CardValueMismatch,
    CipherMode,
    DataError,
    KeyUsage,
    KeyUsageError,
    ModeOfUse,
    SoftHsm,
)
from posterm.hsm.card_values import cvc3
from posterm.hsm.emv_keys import card_key
from posterm.sensitive import Pan

D0, C0, E4 = KeyUsage.DATA_ENCRYPTION, KeyUsage.CARD_VERIFICATION, KeyUsage.EMV_DYNAMIC_NUMBERS
DOUBLE = Algorithm.TDES_DOUBLE
CARD = Pan("4111111111111111")


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("mode", CipherMode)
def test_data_come_back_whatever_the_cipher(algorithm: Algorithm, mode: CipherMode, hsm: SoftHsm):
    key, size = hsm.generate_key(D0, algorithm), algorithm.block_bytes
    iv = bytes(range(size)) if mode is CipherMode.CBC else b""
    data = bytes(range(size * 5))
    enciphered = hsm.encrypt_data(key, mode, data, iv)
    assert hsm.decrypt_data(key, mode, enciphered, iv) == data
    repeated = hsm.encrypt_data(key, mode, bytes(size * 2), iv)
    assert (repeated[:size] == repeated[size:]) is (mode is CipherMode.ECB)
    if mode is CipherMode.CBC:
        assert hsm.encrypt_data(key, mode, data) == hsm.encrypt_data(key, mode, data, bytes(size)) != enciphered


def test_cbc_is_the_standard_one(hsm: SoftHsm):
    # NIST SP 800-38A, F.2.1.
    clear = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    key, iv = hsm.load_clear_key(clear, D0, Algorithm.AES_128), bytes(range(16))
    data = bytes.fromhex("6BC1BEE22E409F96E93D7E117393172A")
    assert hsm.encrypt_data(key, CipherMode.CBC, data, iv) == bytes.fromhex("7649ABAC8119B246CEE98E9B12E9197D")
    other = Cipher(algorithms.AES(clear), modes.CBC(iv)).encryptor()
    assert hsm.encrypt_data(key, CipherMode.CBC, data * 9, iv) == other.update(data * 9)


@pytest.mark.parametrize(
    ("mode", "data", "iv"),
    [
        (CipherMode.ECB, b"", b""),
        (CipherMode.ECB, bytes(7), b""),
        (CipherMode.ECB, bytes(9), b""),
        (CipherMode.ECB, bytes(65_544), b""),
        (CipherMode.ECB, bytes(8), bytes(8)),
        (CipherMode.CBC, b"", bytes(8)),
        (CipherMode.CBC, bytes(12), bytes(8)),
        (CipherMode.CBC, bytes(8), bytes(7)),
        (CipherMode.CBC, bytes(8), bytes(16)),
    ],
)
def test_data_of_another_shape_are_refused_both_ways(mode: CipherMode, data: bytes, iv: bytes, hsm: SoftHsm):
    key = hsm.generate_key(D0, DOUBLE)
    for call in (hsm.encrypt_data, hsm.decrypt_data):
        with pytest.raises(DataError):
            call(key, mode, data, iv)


def test_a_one_way_data_key_goes_one_way(hsm: SoftHsm):
    for mode, allowed, refused in (
        (ModeOfUse.ENCRYPT_ONLY, hsm.encrypt_data, hsm.decrypt_data),
        (ModeOfUse.DECRYPT_ONLY, hsm.decrypt_data, hsm.encrypt_data),
    ):
        key = hsm.generate_key(D0, DOUBLE, mode=mode)
        allowed(key, CipherMode.ECB, bytes(8))
        with pytest.raises(KeyUsageError):
            refused(key, CipherMode.ECB, bytes(8))


def test_a_cavv_verifies_and_no_other_does(hsm: SoftHsm):
    cvk = hsm.load_clear_key(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), C0, DOUBLE)
    value = hsm.generate_cavv(cvk, CARD, "1234", "051")
    assert value == hsm.generate_card_value(cvk, CardValue.CVV, CARD, "1234", "051")
    hsm.verify_cavv(cvk, value, CARD, "1234", "051")
    for wrong in ("", value[:2], value + "0", f"{(int(value) + 1) % 1000:03d}", "ééé"):
        with pytest.raises(CardValueMismatch):
            hsm.verify_cavv(cvk, wrong, CARD, "1234", "051")
    with pytest.raises(CardValueError):
        hsm.generate_cavv(cvk, CARD, "123", "051")


def test_a_dcvv_is_made_under_the_cards_own_key(hsm: SoftHsm):
    clear = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    mk = hsm.load_clear_key(clear, E4, DOUBLE)
    value = hsm.generate_dcvv(mk, CARD, "3012", "201", 7)
    cvk = hsm.load_clear_key(card_key(clear, CARD), C0, DOUBLE)
    with_counter = Pan("0007" + CARD.reveal()[4:])
    assert value == hsm.generate_card_value(cvk, CardValue.CVV, with_counter, "3012", "201")
    hsm.verify_dcvv(mk, value, CARD, "3012", "201", 7)
    with pytest.raises(CardValueMismatch):
        hsm.verify_dcvv(mk, value, CARD, "3012", "201", 7, sequence="01")
    with pytest.raises(CardValueError):
        hsm.generate_dcvv(mk, CARD, "3012", "201", 65_536)


def test_a_cvc3_is_held_against_the_digits_that_were_sent(hsm: SoftHsm):
    clear = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    mk, template, number = hsm.load_clear_key(clear, E4, DOUBLE), bytes(range(13)), bytes.fromhex("00000899")
    value = hsm.generate_cvc3(mk, CARD, template, 94, number)
    assert value == cvc3(card_key(clear, CARD), template, 94, number)
    for digits in range(2, 6):
        hsm.verify_cvc3(mk, value[-digits:], CARD, template, 94, number)
        with pytest.raises(CardValueMismatch):
            hsm.verify_cvc3(mk, value[-digits:-1] + str((int(value[-1]) + 1) % 10), CARD, template, 94, number)
    for wrong in ("", "1", "123456"):
        with pytest.raises(CardValueError, match="2 to 5 digits"):
            hsm.verify_cvc3(mk, wrong, CARD, template, 94, number)
    for broken in ((b"", 94, number), (template, -1, number), (template, 94, bytes(3))):
        with pytest.raises(CardValueError):
            hsm.generate_cvc3(mk, CARD, *broken)


@pytest.mark.parametrize("usage", [C0, KeyUsage.EMV_CRYPTOGRAM, KeyUsage.MAC])
def test_contactless_values_need_their_own_master_key(usage: KeyUsage, hsm: SoftHsm):
    key = hsm.generate_key(usage, DOUBLE)
    with pytest.raises(KeyUsageError, match="need a E4 key"):
        hsm.generate_dcvv(key, CARD, "3012", "201", 7)
    with pytest.raises(KeyUsageError, match="need a E4 key"):
        hsm.verify_cvc3(key, "12345", CARD, b"x", 7, bytes(4))
