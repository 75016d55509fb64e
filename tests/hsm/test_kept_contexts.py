"""Attempts to leave something inside a kept cipher context, from below and through every command that takes bytes.

A context that kept a partial block would answer the next caller shifted by it. After each attempt the same context has
to answer as a fresh one does.
"""

from __future__ import annotations

import ast
import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.hsm import (
    Algorithm,
    ChipCard,
    CipherMode,
    DukptKey,
    HsmError,
    KeyUsage,
    Lmk,
    MacAlgorithm,
    PinFormat,
    SoftHsm,
    cryptogram,
    primitives,
)
from posterm.hsm.mac import KEY_ALGORITHMS, MacKey
from posterm.hsm.primitives import BlockCipher, CbcChain
from posterm.sensitive import Pan

KEYS = {algorithm: bytes(range(7, 7 + algorithm.key_bytes)) for algorithm in Algorithm}
CARD = Pan("4111111111111111")
FORM = PinFormat.ISO_0


class Shrinking(bytes):
    """Says another length each time it is asked."""

    def __len__(self) -> int:
        return random.choice([8, 16, 3])


hostile = st.one_of(
    st.binary(max_size=70),
    st.binary(max_size=70).map(bytearray),
    st.binary(max_size=70).map(memoryview),
    st.binary(max_size=70).map(Shrinking),
    st.text(max_size=20),
    st.integers(),
    st.none(),
    st.lists(st.integers(0, 255), max_size=20),
)


class Interrupting:
    """Stands for a context's `update`; it stops at a chosen call with part of the block, or all of it, gone in."""

    def __init__(self, sound: Callable[[bytes], bytes], taken: int) -> None:
        self._sound, self._taken = sound, taken

    def __call__(self, blocks: bytes) -> bytes:
        self._sound(blocks[: self._taken])
        raise KeyboardInterrupt


@settings(max_examples=60)
@given(st.sampled_from(list(Algorithm)), st.lists(hostile, max_size=8), st.integers(0, 16))
def test_nothing_handed_to_a_cipher_stays_in_it(algorithm: Algorithm, attempts: list[Any], taken: int):
    cipher, chain = BlockCipher(algorithm, KEYS[algorithm]), CbcChain(algorithm, KEYS[algorithm])
    block = bytes(range(48))
    expected = [getattr(BlockCipher(algorithm, KEYS[algorithm]), name)(block) for name in ("encrypt", "decrypt")] + [
        CbcChain(algorithm, KEYS[algorithm]).last_block(block)
    ]
    for attempt in [*attempts, Interrupting]:
        if attempt is Interrupting:
            for kept in (cipher.encrypt.__self__, cipher.decrypt.__self__, chain._kept):  # type: ignore[attr-defined]
                kept._update = Interrupting(kept._update, taken)
            attempt = block
        for call in (cipher.encrypt, cipher.decrypt, chain.last_block):
            with contextlib.suppress(HsmError, TypeError, KeyboardInterrupt):
                call(attempt)
        assert [cipher.encrypt(block), cipher.decrypt(block), chain.last_block(block)] == expected


@settings(max_examples=60)
@given(st.sampled_from(list(MacAlgorithm)), st.lists(hostile, max_size=8))
def test_nothing_handed_to_a_mac_key_stays_in_it(form: MacAlgorithm, attempts: list[Any]):
    for algorithm in sorted(KEY_ALGORITHMS[form]):
        kept = MacKey(algorithm, KEYS[algorithm])
        for attempt in attempts:
            with contextlib.suppress(HsmError, TypeError, ValueError, AttributeError):
                kept.generate(form, attempt)
            assert kept.generate(form, b"posterm") == MacKey(algorithm, KEYS[algorithm]).generate(form, b"posterm")


HSM = SoftHsm(Lmk.test(), random.Random(8).randbytes)
FRESH = SoftHsm(Lmk.test(), random.Random(9).randbytes, kept_keys=1)
DOUBLE = Algorithm.TDES_DOUBLE
KEY = {
    usage: HSM.generate_key(usage, DOUBLE)
    for usage in (
        KeyUsage.PIN_ENCRYPTION,
        KeyUsage.MAC,
        KeyUsage.DATA_ENCRYPTION,
        KeyUsage.KEY_ENCRYPTION,
        KeyUsage.PIN_VERIFICATION_IBM,
        KeyUsage.PIN_VERIFICATION_VISA,
        KeyUsage.BASE_DERIVATION,
        KeyUsage.EMV_CRYPTOGRAM,
        KeyUsage.CARD_VERIFICATION,
    )
}
STORAGE = HSM.generate_key(KeyUsage.STORAGE, Algorithm.AES_256)
PIK, MAK, TDK = KEY[KeyUsage.PIN_ENCRYPTION], KEY[KeyUsage.MAC], KEY[KeyUsage.DATA_ENCRYPTION]
IBM, VISA = KEY[KeyUsage.PIN_VERIFICATION_IBM], KEY[KeyUsage.PIN_VERIFICATION_VISA]
KSN = bytes.fromhex("FFFF9876543210E00001")
TAGS = {tag: bytes(size) for tag, size in cryptogram._LENGTHS.items()} | {0x9F10: bytes.fromhex("06011203A0B800")}
CHIP = ChipCard(CARD, cryptogram.VISA_18)
COMMANDS: dict[str, Callable[[SoftHsm, Any], object]] = {
    "verify_pin": lambda h, x: h.verify_pin(PIK, x, FORM, CARD, pvk=IBM, offset="0000"),
    "verify_pin_pvv": lambda h, x: h.verify_pin_pvv(PIK, x, FORM, CARD, pvk=VISA, pvv="0000"),
    "translate_pin": lambda h, x: h.translate_pin(PIK, x, FORM, PIK, PinFormat.ISO_0, CARD),
    "translate_pin dukpt": lambda h, x: h.translate_pin(
        DukptKey(KEY[KeyUsage.BASE_DERIVATION], KSN), x, FORM, PIK, FORM, CARD
    ),
    "dukpt ksn": lambda h, x: h.generate_mac(
        DukptKey(KEY[KeyUsage.BASE_DERIVATION], x), MacAlgorithm.X9_19, b"posterm"
    ),
    "generate_mac": lambda h, x: h.generate_mac(MAK, MacAlgorithm.X9_19, x),
    "verify_mac": lambda h, x: h.verify_mac(MAK, MacAlgorithm.UNIONPAY_ECB, b"posterm", x),
    "encrypt_data": lambda h, x: h.encrypt_data(TDK, CipherMode.ECB, x),
    "decrypt_data": lambda h, x: h.decrypt_data(TDK, CipherMode.CBC, bytes(16), x),
    "decrypt_track": lambda h, x: h.decrypt_track(TDK, x),
    "import_key": lambda h, x: h.import_key(KEY[KeyUsage.KEY_ENCRYPTION], x, KeyUsage.MAC, DOUBLE),
    "verify_arqc": lambda h, x: h.verify_arqc(KEY[KeyUsage.EMV_CRYPTOGRAM], CHIP, TAGS | {0x9F37: x}, bytes(8)),
    "unseal": lambda h, x: h.unseal(STORAGE, x, b""),
}


def sound_answers(hsm: SoftHsm) -> list[bytes | str]:
    """One answer from each kept context."""
    return [
        hsm.encrypt_data(TDK, CipherMode.ECB, bytes(16)),
        hsm.decrypt_data(TDK, CipherMode.ECB, bytes(16)),
        hsm.generate_mac(MAK, MacAlgorithm.X9_19, b"a message of three blocks"),
        hsm.generate_mac(MAK, MacAlgorithm.UNIONPAY_ECB, b"a message of three blocks"),
        hsm.derive_pin(PIK, FORM, CARD, pvk=IBM, offset="0000"),
        hsm.generate_cavv(KEY[KeyUsage.CARD_VERIFICATION], CARD, "1234", "051"),
        hsm.encrypt_track(TDK, "4111111111111111D3012"),
        hsm.generate_arpc(KEY[KeyUsage.EMV_CRYPTOGRAM], CHIP, TAGS, bytes(8), bytes(4)),
        hsm.generate_mac(DukptKey(KEY[KeyUsage.BASE_DERIVATION], KSN), MacAlgorithm.X9_19, b"posterm"),
    ]


EXPECTED = sound_answers(FRESH)


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from(sorted(COMMANDS)), hostile), min_size=1, max_size=6))
def test_no_command_leaves_anything_for_the_next_caller(attempts: list[tuple[str, Any]]):
    for name, attempt in attempts:
        # What the types forbid may end in Python's own errors; what stays behind must be nothing all the same.
        with contextlib.suppress(HsmError, TypeError, ValueError, AttributeError):
            COMMANDS[name](HSM, attempt)
    assert sound_answers(HSM) == EXPECTED


@pytest.mark.parametrize("name", sorted(COMMANDS))
@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 15, 16, 17, 23, 24, 25])
def test_bytes_of_any_length_are_answered_or_refused_in_our_own_words(name: str, size: int):
    if name == "decrypt_track":
        return  # it takes text
    with contextlib.suppress(HsmError):
        COMMANDS[name](HSM, bytes(range(1, size + 1)))
    assert sound_answers(HSM) == EXPECTED


def test_contexts_are_fed_in_one_place_or_spent_at_once():
    """No context outlives its call but those that `_Kept` holds: every `encryptor()` is named here."""
    tree = ast.parse(Path(primitives.__file__).read_text(encoding="utf-8"))
    users = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            names = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
            if names & {"encryptor", "decryptor"}:
                users.add(function.name)
    kept = {"__getattr__", "__init__"}  # BlockCipher and CbcChain hand theirs to `_Kept`
    once = {"encrypt_once", "last_block_once", "cbc_encrypt", "cbc_decrypt", "aes_ctr"}
    assert users == kept | once
