"""The HSM's commands: which keys they take, how keys come and go, and that nothing secret shows."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from posterm.errors import PostermError
from posterm.hsm import (
    Algorithm,
    CipherError,
    Exportability,
    ExportedKey,
    HsmError,
    KeyBlock,
    KeyBlockError,
    KeyCheckError,
    KeyUsage,
    KeyUsageError,
    Lmk,
    MacAlgorithm,
    Pin,
    PinBlockError,
    PinFormat,
    SoftHsm,
    errors,
)
from posterm.hsm.primitives import BlockCipher, check_value
from posterm.sensitive import Pan
from tests.hsm.fitting_keys import fitting
from tests.hsm.vector_files import broken, vectors

CARD = Pan("4111111111111111")
PIN = Pin("739104")
TRACK = "4111111111111111=30122011234567890123"
FORM = PinFormat.ISO_0
DOUBLE = Algorithm.TDES_DOUBLE

K0, P0, M0, D0 = KeyUsage.KEY_ENCRYPTION, KeyUsage.PIN_ENCRYPTION, KeyUsage.MAC, KeyUsage.DATA_ENCRYPTION
V1 = KeyUsage.PIN_VERIFICATION_IBM
ECB = MacAlgorithm.UNIONPAY_ECB


@pytest.fixture
def sound(hsm: SoftHsm) -> Callable[[KeyUsage], KeyBlock]:
    return lambda usage: hsm.generate_key(usage, fitting(usage))


def test_a_key_is_refused_by_its_header_before_it_is_unsealed(hsm: SoftHsm):
    elsewhere = SoftHsm(Lmk(bytes(range(32))), random.Random(1).randbytes)
    foreign = elsewhere.generate_key(M0, DOUBLE)
    with pytest.raises(KeyUsageError):
        hsm.encrypt_pin(foreign, PIN, FORM, CARD)
    with pytest.raises(KeyBlockError, match="authentication code"):
        hsm.generate_mac(foreign, ECB, b"posterm")


def test_a_key_whose_header_was_rewritten_is_refused(hsm: SoftHsm):
    key = hsm.generate_key(P0, DOUBLE)
    hsm.encrypt_pin(key, PIN, FORM, CARD)
    for was, becomes in (("P0TB", "M0TC"), ("P0TB", "P0TN"), ("00E0000", "00N0000")):
        forged = KeyBlock(str(key).replace(was, becomes))
        with pytest.raises(KeyBlockError, match="authentication code"):
            hsm.key_check_value(forged)
        with pytest.raises((KeyBlockError, KeyUsageError)):
            hsm.encrypt_pin(forged, PIN, FORM, CARD)


def test_a_name_that_is_plain_text_is_read_as_a_block(hsm: SoftHsm):
    key = hsm.generate_key(M0, DOUBLE)
    assert hsm.generate_mac(str(key), ECB, b"posterm") == hsm.generate_mac(key, ECB, b"posterm")  # type: ignore[arg-type]
    with pytest.raises(KeyBlockError):
        hsm.generate_mac("no key", ECB, b"posterm")  # type: ignore[arg-type]


@pytest.mark.parametrize("v", vectors("key_imports.json"))
def test_a_key_comes_in_and_goes_out_as_published(v, hsm: SoftHsm):
    kek = hsm.load_clear_key(bytes.fromhex(v["kek"]), K0, Algorithm(v["kek_algorithm"]))
    usage, algorithm, cryptogram = KeyUsage(v["usage"]), Algorithm(v["algorithm"]), bytes.fromhex(v["cryptogram"])
    key = hsm.import_key(kek, cryptogram, usage, algorithm, kcv=bytes.fromhex(v["kcv"]))
    assert hsm.key_check_value(key, len(v["check"]) // 2) == bytes.fromhex(v["check"])
    assert check_value(algorithm, bytes.fromhex(v["key"]), 4) == bytes.fromhex(v["kcv"])
    assert hsm.export_key(kek, key) == ExportedKey(cryptogram, bytes.fromhex(v["kcv"]))
    for length in (2, 3, 8):
        hsm.import_key(kek, cryptogram, usage, algorithm, kcv=hsm.key_check_value(key, length))


@pytest.mark.parametrize("v", broken("key_imports.json"))
def test_a_key_that_does_not_check_is_refused(v, hsm: SoftHsm):
    kek = hsm.load_clear_key(bytes.fromhex(v["kek"]), K0, Algorithm(v["kek_algorithm"]))
    kcv = None if v["kcv"] is None else bytes.fromhex(v["kcv"])
    with pytest.raises(KeyCheckError, match=v["raises"]):
        hsm.import_key(kek, bytes.fromhex(v["cryptogram"]), KeyUsage(v["usage"]), Algorithm(v["algorithm"]), kcv=kcv)


@pytest.mark.parametrize("kek_algorithm", Algorithm)
@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_key_goes_under_its_own_family_and_never_under_a_weaker_key(kek_algorithm, algorithm, hsm: SoftHsm):
    families = [{"des", "tdes-double", "tdes-triple"}, {"aes-128", "aes-192", "aes-256"}, {"sm4"}]
    weaker = (kek_algorithm == "des" and algorithm != "des") or (
        kek_algorithm.letter == "A" == algorithm.letter and kek_algorithm.key_bytes < algorithm.key_bytes
    )
    no_whole_blocks = algorithm == "aes-192"
    fits = any({kek_algorithm, algorithm} <= family for family in families) and not weaker and not no_whole_blocks
    kek, key = hsm.generate_key(K0, kek_algorithm), hsm.generate_key(P0, algorithm)
    if fits:
        exported = hsm.export_key(kek, key)
        again = hsm.import_key(kek, exported.cryptogram, P0, algorithm, kcv=exported.kcv)
        assert hsm.key_check_value(again) == exported.kcv == hsm.key_check_value(key)
        return
    with pytest.raises(KeyUsageError, match=r"does not wrap|no whole blocks"):
        hsm.export_key(kek, key)
    with pytest.raises(KeyUsageError, match=r"does not wrap|no whole blocks"):
        hsm.import_key(kek, bytes(range(algorithm.key_bytes)), P0, algorithm)


def test_a_key_that_may_not_leave_does_not(hsm: SoftHsm, sound):
    for exportability in Exportability:
        key = hsm.generate_key(P0, DOUBLE, exportability=exportability)
        if exportability is not Exportability.NON_EXPORTABLE:
            assert len(hsm.export_key(sound(K0), key).cryptogram) == 16
            continue
        with pytest.raises(KeyUsageError, match="forbids it"):
            hsm.export_key(sound(K0), key)


def test_components_give_their_exclusive_or(hsm: SoftHsm):
    rng = random.Random(3)
    for count in range(2, 10):
        components = [rng.randbytes(16) for _ in range(count)]
        clear = bytes(16)
        for component in components:
            clear = bytes(x ^ y for x, y in zip(clear, component, strict=True))
        kcv = check_value(DOUBLE, clear, 4)
        assert hsm.key_check_value(hsm.combine_components(components, K0, DOUBLE, kcv=kcv)) == kcv


@pytest.mark.parametrize(
    ("components", "kcv", "raises"),
    [
        ([], None, "need 2 to 9, found 0"),
        ([bytes(range(16))], None, "need 2 to 9, found 1"),
        ([bytes(range(16))] * 10, None, "need 2 to 9, found 10"),
        ([bytes(range(16)), bytes(range(15))], None, "component 2: a tdes-double component is 16 bytes, this has 15"),
        ([b"", b""], None, "component 1"),
        ([bytes(range(16))] * 2, None, "cancel out"),
        ([bytes(range(16)), b"\x01" * 8 + bytes(range(8, 16))], None, "second half"),
        ([bytes(range(16)), b"\x55" * 16], b"\x00\x00\x00\x00", "check value"),
        ([bytes(range(16)), b"\x55" * 16], b"\x00", "need 2 to 8 bytes"),
    ],
    ids=["none", "one", "ten", "short", "empty", "cancelling", "zero-half", "wrong-kcv", "short-kcv"],
)
def test_components_that_give_no_sound_key_are_refused(components, kcv, raises: str, hsm: SoftHsm):
    with pytest.raises(KeyCheckError, match=raises):
        hsm.combine_components(components, K0, DOUBLE, kcv=kcv)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_generated_key_is_as_long_as_asked_and_has_odd_parity_where_that_means_something(algorithm: Algorithm):
    drawn: list[int] = []

    def entropy(size: int) -> bytes:
        drawn.append(size)
        return bytes(range(size))

    hsm = SoftHsm(Lmk.test(), entropy)
    key = hsm.generate_key(M0, algorithm)
    assert drawn[0] == algorithm.key_bytes
    clear = bytes(range(algorithm.key_bytes))
    if algorithm.is_des:
        clear = bytes(byte & 0xFE | (bin(byte >> 1).count("1") + 1) % 2 for byte in clear)
        assert all(byte.bit_count() % 2 for byte in clear)
    assert hsm.key_check_value(key) == check_value(algorithm, clear)


def test_the_same_seed_gives_the_same_keys_and_another_seed_others():
    def keys(seed: int) -> list[KeyBlock]:
        hsm = SoftHsm(Lmk.test(), random.Random(seed).randbytes)
        return [hsm.generate_key(M0, DOUBLE) for _ in range(3)]

    assert keys(1) == keys(1)
    assert len({*keys(1), *keys(2)}) == 6


@pytest.mark.parametrize("size", [0, 8, 15, 17, 24])
def test_a_clear_key_of_another_length_is_refused(size: int, hsm: SoftHsm):
    with pytest.raises(KeyCheckError, match="a tdes-double key is 16 bytes"):
        hsm.load_clear_key(bytes(size), P0, DOUBLE)


def test_a_clear_double_length_key_with_a_zero_half_is_refused(hsm: SoftHsm):
    with pytest.raises(KeyCheckError, match="second half"):
        hsm.load_clear_key(bytes(range(8)) + bytes(8), M0, DOUBLE)


@pytest.mark.parametrize("length", [-1, 0, 9])
def test_a_check_value_is_at_most_a_block_long(length: int, hsm: SoftHsm, sound):
    with pytest.raises(KeyCheckError):
        hsm.key_check_value(sound(M0), length)


def test_kept_keys_are_bounded_and_a_dropped_one_still_answers():
    hsm = SoftHsm(Lmk.test(), random.Random(4).randbytes, kept_keys=3)
    keys = [hsm.generate_key(M0, DOUBLE) for _ in range(10)]
    first = [hsm.generate_mac(key, ECB, b"posterm") for key in keys]
    assert len(hsm._kept) == 3
    assert [hsm.generate_mac(key, ECB, b"posterm") for key in keys] == first
    assert len(hsm._kept) == 3
    with pytest.raises(HsmError, match="at least one"):
        SoftHsm(Lmk.test(), random.Random(4).randbytes, kept_keys=0)


def test_one_callers_bad_block_does_not_disturb_the_next_caller(hsm: SoftHsm):
    key = hsm.generate_key(P0, DOUBLE)
    pvk = hsm.generate_key(V1, DOUBLE)
    offset = hsm.generate_pin_offset(pvk, PIN, CARD)
    block = hsm.encrypt_pin(key, PIN, FORM, CARD)
    for size in (*range(8), *range(9, 20)):
        with pytest.raises(PinBlockError):
            hsm.verify_pin(key, bytes(size), FORM, CARD, pvk=pvk, offset=offset)
        with pytest.raises(PinBlockError):
            hsm.translate_pin(key, bytes(size), FORM, key, FORM, CARD)
        hsm.verify_pin(key, block, FORM, CARD, pvk=pvk, offset=offset)
        assert hsm.encrypt_pin(key, PIN, FORM, CARD) == block


def test_nothing_secret_shows_in_any_refusal_or_representation(hsm: SoftHsm, sound):
    clear = bytes.fromhex("5B6D7F8192A3B4C5D6E7F80918293A4B")
    kek = hsm.load_clear_key(bytes.fromhex("A7B8C9DAEBFC0D1E2F30415263748596"), K0, DOUBLE)
    key = hsm.load_clear_key(clear, P0, DOUBLE)
    block = hsm.encrypt_pin(key, PIN, FORM, CARD)
    opened = next(iter(hsm._kept.values()))
    shown = [repr(hsm), str(hsm), repr(key), str(key), repr(PIN), repr(opened), repr(opened.mac), repr(opened.cipher)]
    attempts: list[Callable[[], Any]] = [
        lambda: hsm.import_key(kek, BlockCipher(DOUBLE, bytes(range(16))).encrypt(clear), P0, DOUBLE, kcv=b"1234"),
        lambda: hsm.load_clear_key(clear[:15], P0, DOUBLE),
        lambda: hsm.load_clear_key(clear[:8] + bytes(8), P0, DOUBLE),
        lambda: hsm.combine_components([clear, clear[:15]], P0, DOUBLE),
        lambda: hsm.combine_components([clear, clear[::-1]], P0, DOUBLE, kcv=b"1234"),
        lambda: BlockCipher(DOUBLE, clear).encrypt(clear[:9]),
        lambda: BlockCipher(DOUBLE, clear[:9]),
        lambda: Lmk(clear),
        lambda: Pin("73910"[:3]),
        lambda: hsm.verify_pin(key, block, FORM, Pan("4222222222222220"), pvk=sound(V1), offset="0000"),
        lambda: hsm.verify_pin(key, block, FORM, CARD, pvk=sound(V1), offset="000000"),
        lambda: hsm.verify_pin(key, block, FORM, CARD, pvk=sound(V1), offset="739104A"),
        lambda: hsm.encrypt_pin(key, None, FORM, CARD),
        lambda: hsm.encrypt_pin(key, PIN, PinFormat.NO_PIN, CARD),
        lambda: hsm.generate_pin_offset(sound(V1), PIN, CARD, validation_data=CARD.reveal() + "1"),
        lambda: hsm.encrypt_track(sound(D0), TRACK.lower() + ";"),
        lambda: hsm.verify_mac(sound(M0), ECB, TRACK.encode(), clear[:8]),
    ]
    for attempt in attempts:
        with pytest.raises(HsmError) as refused:
            attempt()
        chained = refused.value.__cause__ or refused.value.__context__
        shown += [str(refused.value), repr(refused.value), refused.value.hint, str(chained or "")]
    text = " ".join(shown).upper().replace(" ", "")
    for secret in (clear.hex(), clear[:8].hex(), repr(clear)[2:12], "739104", CARD.reveal(), CARD.pan12, TRACK[-12:]):
        assert secret.upper() not in text


@pytest.mark.parametrize("extra", [-12, -1, 1])
def test_entropy_of_another_length_is_refused_wherever_it_is_used(extra: int, hsm: SoftHsm):
    storage = hsm.generate_key(KeyUsage.STORAGE, Algorithm.AES_256)
    astray = SoftHsm(Lmk.test(), lambda size: bytes(max(0, size + extra)))
    for draw in (lambda: astray.generate_key(M0, DOUBLE), lambda: astray.seal(storage, b"posterm", b"")):
        with pytest.raises(CipherError, match="entropy"):
            draw()


def test_every_error_of_the_package_is_an_hsm_error():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PostermError)]
    assert all(issubclass(kind, HsmError) for kind in kinds if kind is not PostermError)
    for kind in kinds:
        assert kind.__name__ in (errors.__doc__ or "")
