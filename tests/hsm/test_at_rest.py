"""Data at rest: what is sealed comes back only whole, only here and only in its place."""

from __future__ import annotations

import random

import pytest

from posterm.hsm import Algorithm, KeyUsage, KeyUsageError, Lmk, SoftHsm
from posterm.hsm.errors import SealedDataError

HSM = SoftHsm(Lmk.test(), random.Random(8).randbytes)
STORAGE = HSM.generate_key(KeyUsage.STORAGE, Algorithm.AES_256)
FINGERPRINT = HSM.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_128)


def test_what_is_sealed_is_unsealed() -> None:
    sealed = HSM.seal(STORAGE, b"plain", b"here")
    assert HSM.unseal(STORAGE, sealed, b"here") == b"plain"
    assert len(sealed) == len(b"plain") + 28


def test_sealing_twice_gives_different_bytes() -> None:
    assert HSM.seal(STORAGE, b"plain", b"here") != HSM.seal(STORAGE, b"plain", b"here")


@pytest.mark.parametrize("at", [0, 11, 12, 16, 32])
def test_any_changed_byte_is_found(at: int) -> None:
    sealed = bytearray(HSM.seal(STORAGE, b"plain", b"here"))
    sealed[at] ^= 1
    with pytest.raises(SealedDataError):
        HSM.unseal(STORAGE, bytes(sealed), b"here")


@pytest.mark.parametrize("sealed", [b"", bytes(27), bytes(28)])
def test_what_was_never_sealed_is_refused(sealed: bytes) -> None:
    with pytest.raises(SealedDataError):
        HSM.unseal(STORAGE, sealed, b"here")


def test_a_sealed_value_cannot_be_moved() -> None:
    with pytest.raises(SealedDataError):
        HSM.unseal(STORAGE, HSM.seal(STORAGE, b"plain", b"here"), b"there")


def test_another_key_does_not_unseal() -> None:
    other = HSM.generate_key(KeyUsage.STORAGE, Algorithm.AES_256)
    with pytest.raises(SealedDataError):
        HSM.unseal(other, HSM.seal(STORAGE, b"plain", b"here"), b"here")


def test_too_much_is_not_sealed() -> None:
    with pytest.raises(SealedDataError, match="65536"):
        HSM.seal(STORAGE, bytes(65_537), b"here")


def test_fingerprints_depend_on_value_and_key() -> None:
    other = HSM.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_128)
    prints = {HSM.fingerprint(key, value) for key in (FINGERPRINT, other) for value in (b"a", b"b")}
    assert len(prints) == 4
    assert HSM.fingerprint(FINGERPRINT, b"a") == HSM.fingerprint(FINGERPRINT, b"a")
    assert all(len(each) == 32 for each in prints)


@pytest.mark.parametrize(("usage", "algorithm"), [(KeyUsage.MAC, Algorithm.DES), (KeyUsage.STORAGE, Algorithm.SM4)])
def test_only_aes_storage_keys_seal(usage: KeyUsage, algorithm: Algorithm) -> None:
    with pytest.raises(KeyUsageError):
        HSM.seal(HSM.generate_key(usage, algorithm), b"plain", b"here")


def test_a_fingerprint_key_does_not_unseal() -> None:
    with pytest.raises(KeyUsageError):
        HSM.unseal(FINGERPRINT, bytes(28), b"here")
