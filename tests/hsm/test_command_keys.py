"""Every key of every command, held against every usage, mode of use, algorithm and key type it could have.

The table restates what `posterm.hsm.needs` declares; a need that no row reaches fails the suite.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from posterm.hsm import (
    Algorithm,
    CardValue,
    ChipCard,
    CipherMode,
    DukptKey,
    HashAlgorithm,
    HsmError,
    KeyBlock,
    KeyBlockError,
    KeyCheckError,
    KeyReference,
    KeyUsage,
    KeyUsageError,
    Lmk,
    MacAlgorithm,
    ModeOfUse,
    Pin,
    PinFormat,
    SoftHsm,
    VariantKey,
    VariantLmk,
    cryptogram,
    needs,
)
from posterm.hsm.key_block import seal
from posterm.hsm.key_types import KEY_TYPES
from posterm.hsm.keys import USAGES, Operation
from posterm.hsm.needs import Need
from posterm.sensitive import Pan
from tests.hsm.fitting_keys import CIPHER_USAGES, fitting

CARD = Pan("4111111111111111")
PIN = Pin("739104")
TRACK = "4111111111111111D30122011234567890123"
FORM = PinFormat.ISO_0
DOUBLE = Algorithm.TDES_DOUBLE
CHIP = ChipCard(CARD, cryptogram.VISA_18)
TAGS = {tag: bytes(size) for tag, size in cryptogram._LENGTHS.items()} | {0x9F10: bytes.fromhex("06011203A0B800")}
ARQC = bytes(8)
KSN = bytes.fromhex("FFFF9876543210E00001")

DES = {Algorithm.DES, Algorithm.TDES_DOUBLE, Algorithm.TDES_TRIPLE}
AES = {Algorithm.AES_128, Algorithm.AES_192, Algorithm.AES_256}
TDES = DES - {Algorithm.DES}
EVERY = set(Algorithm)
# The modes that allow an operation, restated from X9.143.
MODES = {
    Operation.ENCRYPT: "BEN",
    Operation.DECRYPT: "BDN",
    Operation.GENERATE: "CGN",
    Operation.VERIFY: "CVN",
    Operation.DERIVE: "XN",
}

Sound = Callable[[str], KeyReference]
Call = Callable[[SoftHsm, Any, Sound], object]


@dataclass(frozen=True)
class Row:
    """One key of one command: the usages it may have, what is done with it, its algorithms, and a call with it."""

    usages: str
    operation: Operation
    algorithms: set[Algorithm]
    call: Call
    also: Operation | None = None
    """What else is done with the key."""

    @property
    def modes(self) -> str:
        return "".join(mode for mode in MODES[self.operation] if self.also is None or mode in MODES[self.also])


E, D, G, V, X = Operation.ENCRYPT, Operation.DECRYPT, Operation.GENERATE, Operation.VERIFY, Operation.DERIVE
PIN_KEYS = EVERY
ROWS: dict[str, Row] = {
    "import_key kek": Row("K0", D, EVERY, lambda h, k, s: h.import_key(k, bytes(range(16)), KeyUsage.MAC, DOUBLE)),
    "export_key kek": Row("K0", E, EVERY, lambda h, k, s: h.export_key(k, s("P0"))),
    "import_zone_key zmk": Row("K0", D, EVERY, lambda h, k, s: h.import_zone_key(k, "U" + "0" * 32, "001")),
    "export_zone_key zmk": Row("K0", E, EVERY, lambda h, k, s: h.export_zone_key(k, s("P0"))),
    "import_key_block kbpk": Row("K1", D, TDES | AES, lambda h, k, s: h.import_key_block(k, "B0080P0TE00E0000")),
    "export_key_block kbpk": Row("K1", E, TDES | AES, lambda h, k, s: h.export_key_block(k, s("P0"))),
    "derive_initial_key": Row("B0", X, {DOUBLE} | AES, lambda h, k, s: h.derive_initial_key(k, KSN)),
    "dukpt key": Row("B0 B1", X, {DOUBLE} | AES, lambda h, k, s: h.encrypt_pin(DukptKey(k, KSN), PIN, FORM, CARD)),
    "encrypt_pin": Row("P0", E, PIN_KEYS, lambda h, k, s: h.encrypt_pin(k, PIN, FORM, CARD)),
    "generate_pin": Row("P0", E, PIN_KEYS, lambda h, k, s: h.generate_pin(k, FORM, CARD)),
    "derive_pin pik": Row("P0", E, PIN_KEYS, lambda h, k, s: h.derive_pin(k, FORM, CARD, pvk=s("V1"), offset="0000")),
    "derive_pin pvk": Row("V1", G, DES, lambda h, k, s: h.derive_pin(s("P0"), FORM, CARD, pvk=k, offset="0000")),
    "translate source": Row("P0", D, PIN_KEYS, lambda h, k, s: h.translate_pin(k, bytes(8), FORM, s("P0"), FORM, CARD)),
    "translate target": Row("P0", E, PIN_KEYS, lambda h, k, s: h.translate_pin(s("P0"), bytes(8), FORM, k, FORM, CARD)),
    "verify_pin pik": Row(
        "P0", D, PIN_KEYS, lambda h, k, s: h.verify_pin(k, bytes(8), FORM, CARD, pvk=s("V1"), offset="0000")
    ),
    "verify_pin pvk": Row(
        "V1", V, DES, lambda h, k, s: h.verify_pin(s("P0"), bytes(8), FORM, CARD, pvk=k, offset="0000")
    ),
    "verify_pin_pvv pik": Row(
        "P0", D, PIN_KEYS, lambda h, k, s: h.verify_pin_pvv(k, bytes(8), FORM, CARD, pvk=s("V2"), pvv="0000")
    ),
    "verify_pin_pvv pvk": Row(
        "V2", V, {DOUBLE}, lambda h, k, s: h.verify_pin_pvv(s("P0"), bytes(8), FORM, CARD, pvk=k, pvv="0000")
    ),
    "offset": Row("V1", G, DES, lambda h, k, s: h.generate_pin_offset(k, PIN, CARD)),
    "offset of block pik": Row(
        "P0", D, PIN_KEYS, lambda h, k, s: h.generate_pin_offset_of_block(k, bytes(8), FORM, CARD, pvk=s("V1"))
    ),
    "offset of block pvk": Row(
        "V1", G, DES, lambda h, k, s: h.generate_pin_offset_of_block(s("P0"), bytes(8), FORM, CARD, pvk=k)
    ),
    "pvv": Row("V2", G, {DOUBLE}, lambda h, k, s: h.generate_pvv(k, PIN, CARD)),
    "pvv of block pik": Row(
        "P0", D, PIN_KEYS, lambda h, k, s: h.generate_pvv_of_block(k, bytes(8), FORM, CARD, pvk=s("V2"))
    ),
    "pvv of block pvk": Row(
        "V2", G, {DOUBLE}, lambda h, k, s: h.generate_pvv_of_block(s("P0"), bytes(8), FORM, CARD, pvk=k)
    ),
    "change offset pvk": Row(
        "V1",
        G,
        DES,
        lambda h, k, s: h.change_pin_offset(s("P0"), bytes(8), bytes(8), FORM, CARD, pvk=k, offset="0000"),
        V,
    ),
    "change pvv pvk": Row(
        "V2",
        G,
        {DOUBLE},
        lambda h, k, s: h.change_pin_pvv(s("P0"), bytes(8), bytes(8), FORM, CARD, pvk=k, pvv="0000"),
        V,
    ),
    "compare_pins pik": Row(
        "P0",
        D,
        PIN_KEYS,
        lambda h, k, s: h.compare_pins(k, bytes(8), FORM, CARD, kept_key=s("P0"), kept_block=bytes(8), kept_form=FORM),
    ),
    "compare_pins kept": Row(
        "P0",
        D,
        PIN_KEYS,
        lambda h, k, s: h.compare_pins(s("P0"), bytes(8), FORM, CARD, kept_key=k, kept_block=bytes(8), kept_form=FORM),
    ),
    "card value": Row("C0", G, {DOUBLE}, lambda h, k, s: h.generate_card_value(k, CardValue.CVV, CARD, "3012", "201")),
    "verify card value": Row(
        "C0", V, {DOUBLE}, lambda h, k, s: h.verify_card_value(k, CardValue.CVV, "000", CARD, "3012", "201")
    ),
    "cavv": Row("C0", G, {DOUBLE}, lambda h, k, s: h.generate_cavv(k, CARD, "1234", "051")),
    "verify cavv": Row("C0", V, {DOUBLE}, lambda h, k, s: h.verify_cavv(k, "000", CARD, "1234", "051")),
    "dcvv": Row("E4", X, {DOUBLE}, lambda h, k, s: h.generate_dcvv(k, CARD, "3012", "201", 1)),
    "verify dcvv": Row("E4", X, {DOUBLE}, lambda h, k, s: h.verify_dcvv(k, "000", CARD, "3012", "201", 1)),
    "cvc3": Row("E4", X, {DOUBLE}, lambda h, k, s: h.generate_cvc3(k, CARD, b"x", 1, bytes(4))),
    "verify cvc3": Row("E4", X, {DOUBLE}, lambda h, k, s: h.verify_cvc3(k, "00000", CARD, b"x", 1, bytes(4))),
    "verify_arqc": Row("E0", X, {DOUBLE}, lambda h, k, s: h.verify_arqc(k, CHIP, TAGS, ARQC)),
    "generate_arpc": Row("E0", X, {DOUBLE}, lambda h, k, s: h.generate_arpc(k, CHIP, TAGS, ARQC, bytes(4))),
    "answer_arqc": Row("E0", X, {DOUBLE}, lambda h, k, s: h.answer_arqc(k, CHIP, TAGS, ARQC, bytes(4))),
    "script mac": Row("E2", X, {DOUBLE}, lambda h, k, s: h.generate_script_mac(k, CHIP, bytes(5), 1, ARQC)),
    "script data": Row("E1", X, {DOUBLE}, lambda h, k, s: h.encipher_script(k, CHIP, 1, ARQC, b"x")),
    "card pin pik": Row(
        "P0",
        D,
        PIN_KEYS,
        lambda h, k, s: h.change_card_pin((s("E0"), s("E2"), s("E1")), CHIP, 1, ARQC, pik=k, block=bytes(8), form=FORM),
    ),
    "encrypt_data": Row("D0", E, EVERY, lambda h, k, s: h.encrypt_data(k, CipherMode.ECB, bytes(16))),
    "decrypt_data": Row("D0", D, EVERY, lambda h, k, s: h.decrypt_data(k, CipherMode.ECB, bytes(16))),
    "encrypt_track": Row("D0", E, DES, lambda h, k, s: h.encrypt_track(k, TRACK)),
    "decrypt_track": Row("D0", D, DES, lambda h, k, s: h.decrypt_track(k, TRACK)),
    "seal": Row("21", E, AES, lambda h, k, s: h.seal(k, b"x", b"")),
    "unseal": Row("21", D, AES, lambda h, k, s: h.unseal(k, bytes(29), b"")),
    "fingerprint": Row("M6", G, AES, lambda h, k, s: h.fingerprint(k, b"x")),
}
MAC_KEYS = {
    MacAlgorithm.UNIONPAY_ECB: ("M0", DES),
    MacAlgorithm.XOR_TDES_BINARY: ("M0", TDES),
    MacAlgorithm.X9_9: ("M0 M1", {Algorithm.DES}),
    MacAlgorithm.X9_19: ("M0 M3", {DOUBLE}),
    MacAlgorithm.UNIONPAY_SM4_ECB: ("M0", {Algorithm.SM4}),
    MacAlgorithm.SM4_CBC_TEXT: ("M0", {Algorithm.SM4}),
    MacAlgorithm.SM4_CBC_BINARY: ("M0", {Algorithm.SM4}),
    MacAlgorithm.ISO9797_1_PAD1: ("M0 M1", DES),
    MacAlgorithm.ISO9797_1_PAD2: ("M0 M1", DES),
    MacAlgorithm.ISO9797_1_PAD3: ("M0 M1", DES),
    MacAlgorithm.ISO9797_3_PAD2: ("M0 M3", {DOUBLE}),
    MacAlgorithm.ISO9797_3_PAD3: ("M0 M3", {DOUBLE}),
    MacAlgorithm.TDES_CMAC: ("M0 M6", TDES),
    MacAlgorithm.AES_CMAC: ("M0 M6", AES),
    MacAlgorithm.NONE: ("M0", EVERY),
}


def mac_rows(form: MacAlgorithm) -> dict[str, Row]:
    usages, keys = MAC_KEYS[form]
    return {
        f"generate {form}": Row(usages, G, keys, lambda h, k, s: h.generate_mac(k, form, b"posterm")),
        f"verify {form}": Row(usages, V, keys, lambda h, k, s: h.verify_mac(k, form, b"posterm", bytes(8))),
    }


for each in MacAlgorithm:
    ROWS |= mac_rows(each)

LMK = Lmk.test()
HSM = SoftHsm(LMK, random.Random(143).randbytes, variant_lmk=VariantLmk.test())
ELSEWHERE = SoftHsm(Lmk(bytes(range(32))), random.Random(144).randbytes)
KEPT: dict[str, KeyReference] = {}


def sound(usage: str) -> KeyReference:
    if usage not in KEPT:
        KEPT[usage] = HSM.generate_key(KeyUsage(usage), fitting(KeyUsage(usage)))
    return KEPT[usage]


def minted(usage: str, algorithm: Algorithm, mode: str) -> KeyBlock:
    """A key under an authentic header that this HSM itself would not always write."""
    clear = random.Random(f"{usage}{algorithm}").randbytes(algorithm.key_bytes)
    return seal(LMK, f"{usage}{algorithm.letter}{mode}00E0000", clear, bytes)


def admitted(row: Row, key: object) -> bool:
    """True when the command took the key, whatever it made of its other arguments."""
    try:
        row.call(HSM, key, sound)
    except KeyUsageError as refused:
        return not str(refused).startswith(("key usage", "key algorithm", "key type"))
    except HsmError:
        return True
    return True


@pytest.mark.parametrize("name", ROWS)
def test_a_command_takes_keys_of_its_usages_only(name: str):
    row = ROWS[name]
    mode = row.modes[-1]
    algorithm = min(row.algorithms)
    for usage in KeyUsage:
        assert admitted(row, minted(usage, algorithm, mode)) is (usage.value in row.usages.split()), usage


@pytest.mark.parametrize("name", ROWS)
def test_a_command_takes_keys_of_its_modes_only(name: str):
    row = ROWS[name]
    for usage in row.usages.split():
        for mode in ModeOfUse:
            key = minted(usage, min(row.algorithms), mode)
            assert admitted(row, key) is (mode.value in row.modes), mode


@pytest.mark.parametrize("name", ROWS)
def test_a_command_takes_keys_of_its_algorithms_only(name: str):
    row = ROWS[name]
    usage, mode = row.usages.split()[0], row.modes[-1]
    for algorithm in Algorithm:
        assert admitted(row, minted(usage, algorithm, mode)) is (algorithm in row.algorithms), algorithm
    for letter in "HRX":
        key = seal(LMK, f"{usage}{letter}{mode}00E0000", bytes(range(16)), bytes)
        with pytest.raises((KeyUsageError, KeyBlockError)):
            row.call(HSM, key, sound)


@pytest.mark.parametrize("name", ROWS)
def test_a_command_takes_key_types_that_stand_for_its_usages_only(name: str):
    row = ROWS[name]
    for code, key_type in KEY_TYPES.items():
        lengths = key_type.algorithms & row.algorithms
        algorithm = min(lengths or key_type.algorithms or {DOUBLE})
        try:
            key = HSM.generate_variant_key(code, algorithm)
        except KeyUsageError:
            key = VariantKey(str(HSM.generate_variant_key("000", algorithm)), code)
        stands = not {usage.value for usage in key_type.usages}.isdisjoint(row.usages.split())
        assert admitted(row, key) is (stands and bool(lengths)), code


@pytest.mark.parametrize("name", ROWS)
def test_a_key_that_is_altered_foreign_or_of_even_parity_is_refused(name: str):
    row = ROWS[name]
    usage, mode, algorithm = row.usages.split()[0], row.modes[-1], min(row.algorithms)
    block = minted(usage, algorithm, mode)
    foreign = seal(Lmk(bytes(range(32))), block.header[5:], bytes(range(algorithm.key_bytes)), bytes)
    altered = KeyBlock(str(block)[:-1] + ("0" if block[-1] != "0" else "1"))
    other_header = KeyBlock(str(block).replace("00E0000", "00N0000", 1))
    for key in (foreign, altered, other_header):
        with pytest.raises(KeyBlockError, match="authentication code"):
            row.call(HSM, key, sound)
    for text in ("", "S", str(block)[:-2], str(block) + "00", "U" + "0" * 31):
        with pytest.raises(KeyBlockError):
            row.call(HSM, text, sound)
    codes = [code for code, each in KEY_TYPES.items() if row.usages[:2] in {u.value for u in each.usages}]
    if row.algorithms & DES and codes:
        field = HSM._variants().encrypt_key(bytes(range(16)), codes[0])
        with pytest.raises(KeyCheckError, match="parity"):
            row.call(HSM, VariantKey(field, codes[0]), sound)


def test_every_declared_need_has_a_row(monkeypatch: pytest.MonkeyPatch):
    reached: set[Need] = set()
    admit = SoftHsm._admit

    def noted(self: SoftHsm, key: Any, need: Need) -> object:
        reached.add(need)
        return admit(self, key, need)

    monkeypatch.setattr(SoftHsm, "_admit", noted)
    fresh = SoftHsm(LMK, random.Random(145).randbytes, variant_lmk=VariantLmk.test())
    for row in ROWS.values():
        key = minted(row.usages.split()[0], min(row.algorithms), row.modes[-1])
        with contextlib.suppress(HsmError):
            row.call(fresh, key, sound)
    declared = {value for value in vars(needs).values() if isinstance(value, Need)}
    declared |= {*needs.GENERATE_MAC.values(), *needs.VERIFY_MAC.values()}
    assert declared - reached == set()


def test_an_hmac_key_is_for_hmac_and_nothing_else_is():
    for usage in KeyUsage:
        for mode in ModeOfUse:
            key = seal(LMK, f"{usage}H{mode}00E0000", bytes(range(32)), bytes)
            for modes, call in (
                ("CGN", lambda k: HSM.generate_hmac(k, HashAlgorithm.SHA_256, b"x")),
                ("CVN", lambda k: HSM.verify_hmac(k, HashAlgorithm.SHA_256, b"x", bytes(32))),
            ):
                if usage is KeyUsage.HMAC and mode.value in modes:
                    with contextlib.suppress(HsmError):
                        call(key)
                    continue
                with pytest.raises(KeyUsageError):
                    call(key)


@pytest.mark.parametrize("usage", CIPHER_USAGES)
def test_a_key_refused_for_one_use_still_serves_its_own(usage: KeyUsage):
    key = sound(usage)
    for row in ROWS.values():
        admitted(row, key)
    right = [row for row in ROWS.values() if usage.value in row.usages.split() and fitting(usage) in row.algorithms]
    modes = USAGES[usage].modes
    for row in right:
        assert admitted(row, key) is (modes[0].value in row.modes)
