"""An HSM behind its port does what one in process does: the same answers, and the same errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from posterm.hsm import (
    Algorithm,
    HsmError,
    HsmPort,
    KeyBlock,
    KeyUsage,
    KeyUsageError,
    Lmk,
    MacAlgorithm,
    Pin,
    PinBlockError,
    PinFormat,
    PinMismatch,
    SealedDataError,
    SoftHsm,
    cryptogram,
)
from posterm.hsm.commands.emv import ChipCard
from posterm.hsm.cryptogram import VISA_10, Scheme
from posterm.hsm.emv_keys import card_key
from posterm.hsm.errors import BudgetSpentError, CryptogramError, CryptogramMismatch, MacMismatch, NotAuthorizedError
from posterm.hsm.guard import Activity
from posterm.hsm.key_block import KeyBlock as Block
from posterm.hsm.master_secret import MasterSecret
from posterm.hsm.port import ChipPort
from posterm.runtime.errors import HsmLinkError
from posterm.runtime.hsm_client import HsmClient
from posterm.runtime.remote_hsm import RemoteHsm
from posterm.sensitive import Pan
from tests.runtime.hsm_ends import Served, served_hsm

PAN = Pan("6225880137428865")
COMPONENTS = (bytes.fromhex("1F2E3D4C5B6A79880F1E2D3C4B5A6978"), bytes.fromhex("1E0D782BD2C1B467F1C297A43D0E5B68"))
LOCAL = SoftHsm(Lmk.test(), lambda size: bytes(range(7, 7 + size)))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_hsm(tmp_path_factory.mktemp("hsm")) as running:
        yield running


@pytest.fixture(scope="module")
def remote(served: Served) -> Iterator[RemoteHsm]:
    hsm = RemoteHsm(HsmClient("127.0.0.1", served.port, timeout_s=30))
    yield hsm
    hsm.close()


def made(usage: KeyUsage, algorithm: Algorithm = Algorithm.TDES_DOUBLE) -> Block:
    return LOCAL.generate_key(usage, algorithm)


KEK, PIK, PVK = made(KeyUsage.KEY_ENCRYPTION), made(KeyUsage.PIN_ENCRYPTION), made(KeyUsage.PIN_VERIFICATION_IBM)
MAK, TDK = made(KeyUsage.MAC), made(KeyUsage.DATA_ENCRYPTION)
STORAGE, FINDER = made(KeyUsage.STORAGE, Algorithm.AES_256), made(KeyUsage.FINGERPRINT, Algorithm.AES_256)


MASTER = bytes(range(1, 17))
MK_AC, MK_SMI = (
    LOCAL.load_clear_key(MASTER, usage, Algorithm.TDES_DOUBLE)
    for usage in (KeyUsage.EMV_CRYPTOGRAM, KeyUsage.EMV_INTEGRITY)
)
CARD = ChipCard(PAN, VISA_10, "01")
TAGS = {
    tag: bytes.fromhex(value)
    for tag, value in {
        0x9F02: "000000001000", 0x9F03: "000000000000", 0x9F1A: "0156", 0x95: "0000000000", 0x5F2A: "0156",
        0x9A: "261122", 0x9C: "00", 0x9F37: "12345678", 0x82: "5800", 0x9F36: "0001", 0x9F10: "06010A03A4A000",
    }.items()
}  # fmt: skip


ARQC = cryptogram.generate(VISA_10, card_key(MASTER, PAN, "01"), TAGS)


def test_it_has_the_methods_of_the_port(remote: RemoteHsm) -> None:
    port: HsmPort = remote
    assert port is remote
    assert isinstance(remote, ChipPort)


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("usage", [KeyUsage.KEY_ENCRYPTION, KeyUsage.PIN_ENCRYPTION, KeyUsage.MAC])
def test_a_key_made_there_is_a_key_here(remote: RemoteHsm, usage: KeyUsage, algorithm: Algorithm) -> None:
    key = remote.generate_key(usage, algorithm)
    assert LOCAL.key_algorithm(key) is algorithm
    assert key.header[4:] == made(usage, algorithm).header[4:], "the same attributes as one made in process"
    assert remote.key_check_value(key) == LOCAL.key_check_value(key)


SAME: dict[str, Callable[[HsmPort], object]] = {
    "components": lambda hsm: LOCAL.key_check_value(
        hsm.combine_components(COMPONENTS, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE, bytes.fromhex("08D7B4"))
    ),
    "import": lambda hsm: LOCAL.key_check_value(
        hsm.import_key(KEK, bytes(range(16)), KeyUsage.MAC, Algorithm.TDES_DOUBLE)
    ),
    "export": lambda hsm: hsm.export_key(KEK, MAK),
    "check-value": lambda hsm: hsm.key_check_value(PIK, 8),
    "short-check-value": lambda hsm: hsm.key_check_value(PIK, 1),
    "mac": lambda hsm: hsm.generate_mac(MAK, MacAlgorithm.X9_19, bytes(range(256)) * 2),
    "mac-of-nothing": lambda hsm: hsm.generate_mac(MAK, MacAlgorithm.UNIONPAY_ECB, b""),
    "right-mac": lambda hsm: hsm.verify_mac(
        MAK, MacAlgorithm.X9_19, b"data", LOCAL.generate_mac(MAK, MacAlgorithm.X9_19, b"data")
    ),
    "pin-block": lambda hsm: hsm.encrypt_pin(PIK, Pin("908172"), PinFormat.ISO_0, PAN),
    "pin-block-without-pan": lambda hsm: hsm.encrypt_pin(PIK, Pin("908172"), PinFormat.NO_PAN, None),
    "translated-pin": lambda hsm: hsm.translate_pin(
        PIK, LOCAL.encrypt_pin(PIK, Pin("908172"), PinFormat.ISO_0, PAN), PinFormat.ISO_0, PIK, PinFormat.ISO_0, PAN,
    ),
    "no-pin": lambda hsm: hsm.encrypt_pin(PIK, None, PinFormat.NO_PIN, None),
    "offset": lambda hsm: hsm.generate_pin_offset(PVK, Pin("908172"), PAN),
    "right-pin": lambda hsm: hsm.verify_pin(
        PIK, LOCAL.encrypt_pin(PIK, Pin("908172"), PinFormat.ISO_0, PAN), PinFormat.ISO_0, PAN,
        pvk=PVK, offset=LOCAL.generate_pin_offset(PVK, Pin("908172"), PAN),
    ),
    "right-cryptogram": lambda hsm: hsm.verify_arqc(MK_AC, CARD, TAGS, ARQC),
    "cryptogram-by-scheme": lambda hsm: hsm.verify_arqc(MK_AC, ChipCard(PAN, Scheme.VISA, "01"), TAGS, ARQC),
    "arpc": lambda hsm: hsm.generate_arpc(MK_AC, CARD, TAGS, ARQC, b"00"),
    "script-mac": lambda hsm: hsm.generate_script_mac(MK_SMI, CARD, bytes.fromhex("8418000008"), 1, ARQC),
    "encrypt-track": lambda hsm: hsm.encrypt_track(TDK, "12345678901234567=30121015678"),
    "decrypt-track": lambda hsm: hsm.decrypt_track(TDK, "12345678901234567D30121015678"),
    "fingerprint": lambda hsm: hsm.fingerprint(FINDER, b"\x00\xff" * 40),
    "unseal": lambda hsm: hsm.unseal(STORAGE, LOCAL.seal(STORAGE, b"\x00secret\xff", b"place"), b"place"),
    "seal": lambda hsm: LOCAL.unseal(STORAGE, hsm.seal(STORAGE, b"\x00secret\xff", b"place"), b"place"),
}  # fmt: skip


@pytest.mark.parametrize("what", SAME)
def test_it_answers_as_one_in_process(remote: RemoteHsm, what: str) -> None:
    assert SAME[what](remote) == SAME[what](LOCAL)


REFUSED: dict[str, tuple[Callable[[HsmPort], object], type[HsmError]]] = {
    "wrong-mac": (lambda hsm: hsm.verify_mac(MAK, MacAlgorithm.X9_19, b"data", bytes(8)), MacMismatch),
    "short-mac": (lambda hsm: hsm.verify_mac(MAK, MacAlgorithm.X9_19, b"data", bytes(4)), MacMismatch),
    "wrong-pin": (
        lambda hsm: hsm.verify_pin(
            PIK, LOCAL.encrypt_pin(PIK, Pin("908173"), PinFormat.ISO_0, PAN), PinFormat.ISO_0, PAN,
            pvk=PVK, offset=LOCAL.generate_pin_offset(PVK, Pin("908172"), PAN),
        ),
        PinMismatch,
    ),
    "no-pin-block": (
        lambda hsm: hsm.verify_pin(PIK, bytes(8), PinFormat.ISO_0, PAN, pvk=PVK, offset="123456"),
        PinBlockError,
    ),
    "wrong-cryptogram": (lambda hsm: hsm.verify_arqc(MK_AC, CARD, TAGS, bytes(8)), CryptogramMismatch),
    "cryptogram-without-data": (lambda hsm: hsm.verify_arqc(MK_AC, CARD, {0x9F36: b"01"}, ARQC), CryptogramError),
    "key-of-another-usage": (lambda hsm: hsm.generate_mac(PIK, MacAlgorithm.X9_19, b""), KeyUsageError),
    "key-encryption-key-that-is-none": (lambda hsm: hsm.export_key(PIK, MAK), KeyUsageError),
    "sealed-elsewhere": (
        lambda hsm: hsm.unseal(STORAGE, LOCAL.seal(STORAGE, b"secret", b"place"), b"elsewhere"),
        SealedDataError,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses_with_the_error_of_one_in_process(remote: RemoteHsm, what: str) -> None:
    call, error = REFUSED[what]
    for hsm in (remote, LOCAL):
        with pytest.raises(error):
            call(hsm)


REFUSED_OTHERWISE: dict[str, Callable[[HsmPort], object]] = {
    "altered-key": lambda hsm: hsm.generate_mac(
        KeyBlock(MAK[:-1] + ("0" if MAK[-1] != "0" else "1")), MacAlgorithm.X9_19, b""
    ),
    "wrong-check-value": lambda hsm: hsm.combine_components(
        COMPONENTS, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE, b"\x01\x02\x03"
    ),
    "components-that-cancel-out": lambda hsm: hsm.combine_components(
        (COMPONENTS[0],) * 2, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE
    ),
    "short-component": lambda hsm: hsm.combine_components(
        (bytes(8), bytes(16)), KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE
    ),
    "track-too-short": lambda hsm: hsm.encrypt_track(TDK, "1234"),
    "track-of-letters": lambda hsm: hsm.encrypt_track(TDK, "Ж" * 20),
    "too-much-data": lambda hsm: hsm.generate_mac(MAK, MacAlgorithm.X9_19, bytes(70_000)),
}


@pytest.mark.parametrize("what", REFUSED_OTHERWISE)
def test_what_one_in_process_refuses_is_refused(remote: RemoteHsm, what: str) -> None:
    for hsm in (remote, LOCAL):
        with pytest.raises(HsmError):
            REFUSED_OTHERWISE[what](hsm)


def test_a_budget_that_is_spent_refuses_also_after_a_restart(tmp_path: Path) -> None:
    right = LOCAL.encrypt_pin(PIK, Pin("908172"), PinFormat.ISO_0, PAN)
    wrong = LOCAL.encrypt_pin(PIK, Pin("111111"), PinFormat.ISO_0, PAN)
    offset = LOCAL.generate_pin_offset(PVK, Pin("908172"), PAN)

    def verify(running: Served, block: bytes) -> None:
        hsm = RemoteHsm(HsmClient("127.0.0.1", running.port, timeout_s=30))
        try:
            hsm.verify_pin(PIK, block, PinFormat.ISO_0, PAN, pvk=PVK, offset=offset)
        finally:
            hsm.close()

    for _ in range(5):
        with served_hsm(tmp_path) as running:
            for _ in range(2):
                with pytest.raises(PinMismatch):
                    verify(running, wrong)
    with served_hsm(tmp_path) as running, pytest.raises(BudgetSpentError):
        verify(running, right)


def test_in_production_what_is_sensitive_takes_two_officers(tmp_path: Path) -> None:
    secret = MasterSecret(bytes(range(32)))
    with served_hsm(tmp_path, secret=secret, production=True, permitted=[Activity.CLEAR_KEYS]) as running:
        hsm = RemoteHsm(HsmClient("127.0.0.1", running.port, timeout_s=30))
        kek = hsm.combine_components(COMPONENTS, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
        key = hsm.generate_key(KeyUsage.MAC, Algorithm.TDES_DOUBLE)
        with pytest.raises(NotAuthorizedError):
            hsm.export_key(kek, key)
        assert not running.opened.guard.authorize(Activity.KEY_EXPORT, "ann", 60)
        assert running.opened.guard.authorize(Activity.KEY_EXPORT, "bob", 60)
        assert len(hsm.export_key(kek, key).cryptogram) == 16
        hsm.close()


@pytest.mark.parametrize("settings", [{"lmk_kind": "variant"}, {"disabled": ["A0"]}], ids=["variant", "disabled"])
def test_a_server_that_cannot_serve_a_host_says_so(tmp_path: Path, settings: dict[str, Any]) -> None:
    with served_hsm(tmp_path, **settings) as running:
        hsm = RemoteHsm(HsmClient("127.0.0.1", running.port, timeout_s=30))
        with pytest.raises((HsmLinkError, HsmError)):
            hsm.generate_key(KeyUsage.MAC, Algorithm.TDES_DOUBLE)
        hsm.close()


def test_the_server_told_of_commands_without_their_fields(
    served: Served, remote: RemoteHsm, watched_output: Callable[[str], None]
) -> None:
    for call in SAME.values():
        call(remote)
    text = "\n".join(f"{event.name} {event.details} {peer}" for event, peer in served.told)
    watched_output(text)
    assert "command" in text
    for secret in ("908172", PAN.reveal(), str(PIK)[17:], COMPONENTS[0].hex().upper()):
        assert secret not in text
