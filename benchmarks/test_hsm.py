"""The HSM's hot path: what each message costs in cryptography. Keys are opened before the clock starts.

The bare cost of one kept 8-byte TDES block stands beside them; compare with that.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from posterm.hsm import Algorithm, KeyUsage, Lmk, MacAlgorithm, Pin, PinFormat, SoftHsm
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
