"""The HSM's hot path: what each message costs in cryptography. Keys are opened before the clock starts.

The bare cost of one kept 8-byte TDES block stands beside them; compare with that, and with psec and pyemv, which do the
same work in the same run where they can.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

import psec
import pyemv.cvn
import pytest

from posterm.hsm import (
    Algorithm,
    CardValue,
    ChipCard,
    DukptKey,
    KeyUsage,
    Lmk,
    MacAlgorithm,
    Pin,
    PinFormat,
    SoftHsm,
    cryptogram,
)
from posterm.hsm.dukpt_aes import AesDukptDevice, AesKeyUse
from posterm.hsm.dukpt_tdes import TdesDukptDevice, TdesKeyUse
from posterm.hsm.emv_keys import card_key
from posterm.hsm.primitives import BlockCipher
from posterm.sensitive import Pan

Benchmark = Callable[..., Any]

HSM = SoftHsm(Lmk.test(), random.Random(1).randbytes)
PAN = Pan("6212345678901265")
PIN = Pin("290174")
MAK = HSM.generate_key(KeyUsage.MAC, Algorithm.DES)
MAK_DOUBLE = HSM.generate_key(KeyUsage.MAC, Algorithm.TDES_DOUBLE)
PIK = HSM.generate_key(KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE)
ZPK = HSM.generate_key(KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE)
PVK = HSM.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE)
OFFSET = HSM.generate_pin_offset(PVK, PIN, PAN)
BLOCK = HSM.encrypt_pin(PIK, PIN, PinFormat.ISO_0, PAN)
MESSAGE = random.Random(2).randbytes(160)


def test_one_kept_tdes_block(benchmark: Benchmark) -> None:
    cipher = BlockCipher(Algorithm.TDES_DOUBLE, random.Random(3).randbytes(16))
    assert len(benchmark(cipher.encrypt, MESSAGE[:8])) == 8


def test_unionpay_mac_over_160_bytes(benchmark: Benchmark) -> None:
    assert len(benchmark(HSM.generate_mac, MAK, MacAlgorithm.UNIONPAY_ECB, MESSAGE)) == 8


def test_x9_19_mac_over_160_bytes(benchmark: Benchmark) -> None:
    assert len(benchmark(HSM.generate_mac, MAK_DOUBLE, MacAlgorithm.X9_19, MESSAGE)) == 8


def test_encrypt_pin(benchmark: Benchmark) -> None:
    assert benchmark(HSM.encrypt_pin, PIK, PIN, PinFormat.ISO_0, PAN) == BLOCK


def test_verify_pin(benchmark: Benchmark) -> None:
    benchmark(HSM.verify_pin, PIK, BLOCK, PinFormat.ISO_0, PAN, pvk=PVK, offset=OFFSET)


def test_translate_pin(benchmark: Benchmark) -> None:
    translated = benchmark(HSM.translate_pin, PIK, BLOCK, PinFormat.ISO_0, ZPK, PinFormat.ISO_0, PAN)
    HSM.verify_pin(ZPK, translated, PinFormat.ISO_0, PAN, pvk=PVK, offset=OFFSET)


# --- beside psec and pyemv -----------------------------------------------------------------------------------------

# psec and pyemv call TDES in ways that will go away; our door does not.
PEER = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
CLEAR_KEY = random.Random(4).randbytes(16)
OTHER_CLEAR_KEY = random.Random(5).randbytes(16)
CVK = HSM.load_clear_key(CLEAR_KEY, KeyUsage.CARD_VERIFICATION, Algorithm.TDES_DOUBLE)
AES_MAK = HSM.generate_key(KeyUsage.MAC, Algorithm.AES_128)
AES_PIK = HSM.generate_key(KeyUsage.PIN_ENCRYPTION, Algorithm.AES_128)
BDK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
TAGS = {tag: bytes(range(size)) for tag, size in cryptogram._LENGTHS.items()}  # noqa: SLF001
TAGS[0x9F10] = bytes.fromhex("06011203A0B800")
PEER_TAGS = {f"tag_{tag:02x}": value for tag, value in TAGS.items()}
ARQC = cryptogram.generate(cryptogram.VISA_18, card_key(CLEAR_KEY, PAN, option_b=True), TAGS)


def psec_translation(source: bytes, target: bytes, block: bytes, pan: str) -> bytes:
    clear = psec.des.decrypt_tdes_ecb(source, block)
    pin = psec.pinblock.decode_pinblock_iso_0(clear, pan)
    return psec.des.encrypt_tdes_ecb(target, psec.pinblock.encode_pinblock_iso_0(pin, pan))


@PEER
def test_translate_pin_with_psec(benchmark: Benchmark) -> None:
    clear = psec.pinblock.encode_pinblock_iso_0(PIN.reveal(), PAN.reveal())
    block = psec.des.encrypt_tdes_ecb(CLEAR_KEY, clear)
    assert len(benchmark(psec_translation, CLEAR_KEY, OTHER_CLEAR_KEY, block, PAN.reveal())) == 8


@PEER
def test_x9_19_mac_over_160_bytes_with_psec(benchmark: Benchmark) -> None:
    assert len(benchmark(psec.mac.generate_retail_mac, CLEAR_KEY[:8], CLEAR_KEY[8:], MESSAGE, 1, 8)) == 8


def test_aes_cmac_over_160_bytes(benchmark: Benchmark) -> None:
    assert len(benchmark(HSM.generate_mac, AES_MAK, MacAlgorithm.AES_CMAC, MESSAGE)) == 8


def test_translate_pin_from_tdes_to_format_4(benchmark: Benchmark) -> None:
    assert len(benchmark(HSM.translate_pin, PIK, BLOCK, PinFormat.ISO_0, AES_PIK, PinFormat.ISO_4, PAN)) == 16


def test_cvv(benchmark: Benchmark) -> None:
    assert len(benchmark(HSM.generate_card_value, CVK, CardValue.CVV, PAN, "3012", "201")) == 3


@PEER
def test_cvv_with_psec(benchmark: Benchmark) -> None:
    assert len(benchmark(psec.cvv.generate_cvv, CLEAR_KEY, PAN.reveal(), "3012", "201")) == 3


def ksns(counters: list[int]) -> Callable[[], bytes]:
    each = cycle([(0xFFFF9876543210E00000 | counter).to_bytes(10, "big") for counter in counters])
    return lambda: next(each)


def random_counters() -> list[int]:
    draw = random.Random(6)
    return [c for c in (draw.randrange(1, 1 << 21) for _ in range(4000)) if c.bit_count() <= 10]


@pytest.mark.parametrize("order", ["in-sequence", "random"])
def test_dukpt_tdes_pin_key(benchmark: Benchmark, order: str) -> None:
    sequence = [c for c in range(1, 4000) if c.bit_count() <= 10]
    draw = ksns(sequence if order == "in-sequence" else random_counters())
    device = TdesDukptDevice.of_bdk(BDK, draw())
    assert len(benchmark(lambda: device.working_key(draw(), TdesKeyUse.PIN))) == 16


@pytest.mark.parametrize("order", ["in-sequence", "random"])
def test_translate_a_hundred_pins_from_dukpt_to_zpk(benchmark: Benchmark, order: str) -> None:
    # A hundred, so that the fastest round is not that of the counter with the shortest way.
    base = HSM.load_clear_key(BDK, KeyUsage.BASE_DERIVATION, Algorithm.TDES_DOUBLE)
    counters = [c for c in range(1, 2000) if c.bit_count() <= 10] if order == "in-sequence" else random_counters()
    keys = [DukptKey(base, draw()) for draw in [ksns(counters)] for _ in counters]
    blocks = cycle([(key, HSM.encrypt_pin(key, PIN, PinFormat.ISO_0, PAN)) for key in keys])

    def translate() -> bytes:
        for key, block in islice(blocks, 100):
            translated = HSM.translate_pin(key, block, PinFormat.ISO_0, ZPK, PinFormat.ISO_0, PAN)
        return translated

    assert len(benchmark(translate)) == 8


def test_dukpt_aes_pin_key_in_sequence(benchmark: Benchmark) -> None:
    each = cycle([bytes(8) + counter.to_bytes(4, "big") for counter in range(1, 4000)])
    device = AesDukptDevice.of_bdk(BDK, bytes(8) + b"\x00\x00\x00\x01")
    assert len(benchmark(lambda: device.working_key(next(each), AesKeyUse.PIN))) == 16


MK_AC = HSM.load_clear_key(CLEAR_KEY, KeyUsage.EMV_CRYPTOGRAM, Algorithm.TDES_DOUBLE)
CHIP = ChipCard(PAN, cryptogram.VISA_18)


def test_verify_arqc_with_the_card_key_derived(benchmark: Benchmark) -> None:
    def verify() -> None:
        cryptogram.verify(cryptogram.VISA_18, card_key(CLEAR_KEY, PAN, option_b=True), TAGS, ARQC)

    benchmark(verify)


def test_verify_arqc_with_the_card_key_kept(benchmark: Benchmark) -> None:
    benchmark(HSM.verify_arqc, MK_AC, CHIP, TAGS, ARQC)


@PEER
def test_verify_arqc_with_pyemv(benchmark: Benchmark) -> None:
    def verify() -> None:
        card = pyemv.cvn.VisaCVN18(CLEAR_KEY, CLEAR_KEY, CLEAR_KEY, PAN.reveal(), "00")
        assert card.generate_ac(**PEER_TAGS) == ARQC

    benchmark(verify)
