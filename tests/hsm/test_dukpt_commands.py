"""DUKPT keys where a command takes a key: published transactions, every use and direction, and what is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from posterm.hsm import (
    Algorithm,
    CipherMode,
    Direction,
    DukptError,
    DukptKey,
    KeyUsage,
    KeyUsageError,
    MacAlgorithm,
    MacMismatch,
    Pin,
    PinBlockError,
    PinFormat,
    PinMismatch,
    SoftHsm,
)
from posterm.hsm.dukpt_aes import AesDukptDevice, AesKeyUse
from posterm.hsm.dukpt_key import KEPT_DEVICES
from posterm.hsm.dukpt_tdes import TdesDukptDevice, TdesKeyUse
from posterm.hsm.keys import Exportability
from posterm.hsm.tr31 import unwrap
from posterm.sensitive import Pan
from tests.hsm.vector_files import vectors

TDES_BDK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
AES_BDK = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
TDES_KSN = bytes.fromhex("FFFF9876543210E00001")
AES_KSN = bytes.fromhex("123456789012345600000001")
CARD = Pan("4012345678909")
PIN = Pin("1234")
FORM = PinFormat.ISO_0
DOUBLE = Algorithm.TDES_DOUBLE
B0, B1, P0, M0 = KeyUsage.BASE_DERIVATION, KeyUsage.INITIAL_DUKPT, KeyUsage.PIN_ENCRYPTION, KeyUsage.MAC


@pytest.fixture
def bdk(hsm: SoftHsm) -> Any:
    return hsm.load_clear_key(TDES_BDK, B0, DOUBLE)


@pytest.fixture
def aes_bdk(hsm: SoftHsm) -> Any:
    return hsm.load_clear_key(AES_BDK, B0, Algorithm.AES_128)


@pytest.mark.parametrize("v", vectors("dukpt_tdes.json"))
def test_a_published_pin_block_verifies_and_translates(v, hsm: SoftHsm):
    base = hsm.load_clear_key(bytes.fromhex(v["bdk"]), B0, DOUBLE)
    pvk = hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, DOUBLE)
    zpk = hsm.generate_key(P0, DOUBLE)
    offset = hsm.generate_pin_offset(pvk, PIN, CARD)
    key, block = DukptKey(base, bytes.fromhex(v["ksn"])), bytes.fromhex(v["pin_block"])
    hsm.verify_pin(key, block, FORM, CARD, pvk=pvk, offset=offset)
    translated = hsm.translate_pin(key, block, FORM, zpk, FORM, CARD)
    assert translated == hsm.encrypt_pin(zpk, PIN, FORM, CARD)
    assert hsm.encrypt_pin(key, PIN, FORM, CARD) == block


def test_published_macs_of_request_and_response(hsm: SoftHsm, bdk):
    # ANSI X9.24-1:2009, A.4.1: over "4012345678909D987".
    data = b"4012345678909D987"
    request, response = DukptKey(bdk, TDES_KSN), DukptKey(bdk, TDES_KSN, Direction.RESPONSE)
    assert hsm.generate_mac(request, MacAlgorithm.X9_19, data, 4) == bytes.fromhex("9CCC7817")
    assert hsm.generate_mac(response, MacAlgorithm.X9_19, data, 4) == bytes.fromhex("20364223")
    hsm.verify_mac(request, MacAlgorithm.X9_19, data, bytes.fromhex("9CCC7817"), 4)
    with pytest.raises(MacMismatch):
        hsm.verify_mac(request, MacAlgorithm.X9_19, data, bytes.fromhex("20364223"), 4)


def test_a_pin_under_aes_is_the_published_one(hsm: SoftHsm, aes_bdk):
    # ANSI X9.24-3:2017, supplement: format 4, PAN 4111111111111111; the block has random fill, so only its PIN is held.
    key, pan = DukptKey(aes_bdk, AES_KSN), Pan("4111111111111111")
    pvk = hsm.generate_key(KeyUsage.PIN_VERIFICATION_VISA, DOUBLE)
    pvv = hsm.generate_pvv(pvk, PIN, pan)
    block = bytes.fromhex("A912150391AB65A67E52883D81CE2D15")
    hsm.verify_pin_pvv(key, block, PinFormat.ISO_4, pan, pvk=pvk, pvv=pvv)
    with pytest.raises(PinMismatch):
        hsm.verify_pin_pvv(key, block, PinFormat.ISO_4, pan, pvk=pvk, pvv=str(int(pvv) ^ 1).zfill(4))


TDES_USES = {
    (P0, Direction.REQUEST): TdesKeyUse.PIN,
    (M0, Direction.REQUEST): TdesKeyUse.MAC_REQUEST,
    (M0, Direction.RESPONSE): TdesKeyUse.MAC_RESPONSE,
    (KeyUsage.DATA_ENCRYPTION, Direction.REQUEST): TdesKeyUse.DATA_REQUEST,
    (KeyUsage.DATA_ENCRYPTION, Direction.RESPONSE): TdesKeyUse.DATA_RESPONSE,
}
AES_USES = {
    (P0, Direction.REQUEST): AesKeyUse.PIN,
    (M0, Direction.REQUEST): AesKeyUse.MAC_GENERATION,
    (M0, Direction.RESPONSE): AesKeyUse.MAC_VERIFICATION,
    (M0, Direction.BOTH): AesKeyUse.MAC_BOTH,
    (KeyUsage.DATA_ENCRYPTION, Direction.REQUEST): AesKeyUse.DATA_ENCRYPT,
    (KeyUsage.DATA_ENCRYPTION, Direction.RESPONSE): AesKeyUse.DATA_DECRYPT,
    (KeyUsage.DATA_ENCRYPTION, Direction.BOTH): AesKeyUse.DATA_BOTH,
}


def calls(hsm: SoftHsm, pin_form: PinFormat, mac: MacAlgorithm) -> dict[KeyUsage, Callable[[Any], bytes]]:
    return {
        P0: lambda key: hsm.encrypt_pin(key, PIN, pin_form, CARD),
        M0: lambda key: hsm.generate_mac(key, mac, b"posterm"),
        KeyUsage.DATA_ENCRYPTION: lambda key: hsm.encrypt_data(key, CipherMode.CBC, bytes(32)),
    }


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("usage", [P0, M0, KeyUsage.DATA_ENCRYPTION])
def test_each_tdes_command_uses_its_own_variant(usage: KeyUsage, direction: Direction, hsm: SoftHsm, bdk):
    call = calls(hsm, FORM, MacAlgorithm.X9_19)[usage]
    use = TDES_USES.get((usage, direction))
    if use is None:
        with pytest.raises(DukptError, match="has no such"):
            call(DukptKey(bdk, TDES_KSN, direction))
        return
    working = TdesDukptDevice.of_bdk(TDES_BDK, TDES_KSN).working_key(TDES_KSN, use)
    assert call(DukptKey(bdk, TDES_KSN, direction)) == call(hsm.load_clear_key(working, usage, DOUBLE))


@pytest.mark.parametrize("algorithm", [None, Algorithm.AES_128, DOUBLE, Algorithm.AES_256])
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("usage", [M0, KeyUsage.DATA_ENCRYPTION])
def test_each_aes_command_uses_its_own_key(usage: KeyUsage, direction: Direction, algorithm, hsm: SoftHsm, aes_bdk):
    call = calls(hsm, FORM, MacAlgorithm.X9_19 if algorithm is DOUBLE else MacAlgorithm.AES_CMAC)[usage]
    key = DukptKey(aes_bdk, AES_KSN, direction, algorithm)
    if algorithm is Algorithm.AES_256:
        with pytest.raises(DukptError, match="stronger"):
            call(key)
        return
    use = AES_USES[usage, direction]
    working = AesDukptDevice.of_bdk(AES_BDK, AES_KSN).working_key(AES_KSN, use, algorithm)
    assert call(key) == call(hsm.load_clear_key(working, usage, algorithm or Algorithm.AES_128))


def test_a_device_key_serves_as_its_base_does(hsm: SoftHsm, bdk, aes_bdk):
    for base, ksn, form in ((bdk, TDES_KSN, FORM), (aes_bdk, AES_KSN, PinFormat.ISO_4)):
        own = hsm.derive_initial_key(base, ksn)
        assert own.usage is B1
        block = hsm.encrypt_pin(DukptKey(own, ksn), PIN, form, CARD)
        zpk = hsm.generate_key(P0, Algorithm.AES_128)
        hsm.translate_pin(DukptKey(base, ksn), block, form, zpk, PinFormat.ISO_4, CARD)


def test_an_initial_key_gives_no_initial_keys(hsm: SoftHsm, bdk):
    own = hsm.derive_initial_key(bdk, TDES_KSN)
    with pytest.raises(KeyUsageError, match="need a B0 key"):
        hsm.derive_initial_key(own, TDES_KSN)


@pytest.mark.parametrize("usage", [u for u in KeyUsage if u not in (B0, B1, KeyUsage.HMAC, KeyUsage.STORAGE)])
def test_only_a_base_key_gives_transaction_keys(usage: KeyUsage, hsm: SoftHsm):
    key = DukptKey(hsm.generate_key(usage, DOUBLE), TDES_KSN)
    with pytest.raises(KeyUsageError, match="need a B0 or B1 key"):
        hsm.encrypt_pin(key, PIN, FORM, CARD)


@pytest.mark.parametrize("ksn", [b"", bytes(9), bytes(10), bytes(11), bytes(12), bytes.fromhex("FFFF9876543210FFFFFF")])
def test_a_number_that_cannot_be_is_refused(ksn: bytes, hsm: SoftHsm, bdk, aes_bdk):
    for base in (bdk, aes_bdk):
        with pytest.raises(DukptError):
            hsm.generate_mac(DukptKey(base, ksn), MacAlgorithm.X9_19, b"posterm")


def test_a_block_of_another_transaction_holds_no_pin(hsm: SoftHsm, bdk):
    zpk = hsm.generate_key(P0, DOUBLE)
    block = hsm.encrypt_pin(DukptKey(bdk, TDES_KSN), PIN, FORM, CARD)
    other = DukptKey(bdk, TDES_KSN[:-1] + b"\x02")
    with pytest.raises(PinBlockError):
        hsm.translate_pin(other, block, FORM, zpk, FORM, CARD)


def test_the_devices_kept_are_bounded_and_a_dropped_one_still_answers(hsm: SoftHsm, bdk):
    numbers = [(0xFFFF << 64 | device << 21 | 1).to_bytes(10, "big") for device in range(1, KEPT_DEVICES + 20)]
    draw = random.Random(5)
    macs = {n: hsm.generate_mac(DukptKey(bdk, n), MacAlgorithm.X9_19, b"posterm") for n in numbers}
    opened = next(key for key in hsm._kept.values() if key.algorithm is DOUBLE)
    assert len(opened.dukpt._devices) == KEPT_DEVICES
    for number in draw.sample(numbers[:40], 20):
        assert hsm.generate_mac(DukptKey(bdk, number), MacAlgorithm.X9_19, b"posterm") == macs[number]
    assert "0123" not in repr(opened.dukpt)


def test_a_new_initial_key_goes_to_the_device_under_its_update_key(hsm: SoftHsm, aes_bdk):
    new_bdk = hsm.generate_key(B0, Algorithm.AES_128)
    new_key = hsm.derive_initial_key(new_bdk, bytes.fromhex("123456789012345700000000"))
    block = hsm.export_dukpt_update(aes_bdk, AES_KSN, new_key)
    # ANSI X9.24-3:2017, supplement: the device's update key.
    header, clear = unwrap(bytes.fromhex("9A9770AEE1ACD1B13473D0463A1883B9"), block)
    assert (header.version, header.usage, header.mode, header.algorithm) == ("D", "B1", "X", "A")
    assert hsm.key_check_value(new_key) == hsm.key_check_value(hsm.load_clear_key(clear, B1, Algorithm.AES_128))


def test_an_update_that_cannot_be_is_refused(hsm: SoftHsm, bdk, aes_bdk):
    initial = hsm.derive_initial_key(aes_bdk, AES_KSN)
    with pytest.raises(DukptError, match="only AES"):
        hsm.export_dukpt_update(bdk, TDES_KSN, initial)
    with pytest.raises(KeyUsageError, match="need a B1 key"):
        hsm.export_dukpt_update(aes_bdk, AES_KSN, aes_bdk)
    strong = hsm.derive_initial_key(hsm.generate_key(B0, Algorithm.AES_256), AES_KSN)
    with pytest.raises(KeyUsageError, match="stronger"):
        hsm.export_dukpt_update(aes_bdk, AES_KSN, strong)
    bound = hsm.derive_initial_key(aes_bdk, AES_KSN, exportability=Exportability.NON_EXPORTABLE)
    with pytest.raises(KeyUsageError, match="forbids"):
        hsm.export_dukpt_update(aes_bdk, AES_KSN, bound)
