"""posterm's own commands: what the HSM gives over the wire is what it gives in process."""

from __future__ import annotations

import pytest

from posterm.hsm import Algorithm, KeyUsage, MacAlgorithm, Pin, PinFormat
from posterm.hsm.host_commands import HostCommandSet
from posterm.hsm.host_commands.extensions import MAC_CODES
from posterm.hsm.mac import KEY_ALGORITHMS
from posterm.hsm.pin_block import FILLED
from posterm.sensitive import Pan

PAN = Pan("6212345678901265")
DOUBLE = Algorithm.TDES_DOUBLE


def fields(commands: HostCommandSet, request: bytes, code: str = "00") -> bytes:
    """The fields of the answer, once its codes are the right ones."""
    answer = commands.execute(request)
    assert answer[:4] == request[:1] + bytes([request[1] + 1]) + code.encode()
    return answer[4:]


def made(commands: HostCommandSet, usage: KeyUsage, algorithm: Algorithm = DOUBLE) -> bytes:
    return commands.hsm.generate_key(usage, algorithm).encode()


def counted(data: bytes) -> bytes:
    return b"%04X" % len(data) + data


@pytest.mark.parametrize("code", MAC_CODES)
def test_every_mac_is_made_and_checked(blocks: HostCommandSet, code: str):
    algorithm = MAC_CODES[code]
    key_algorithm = DOUBLE if DOUBLE in KEY_ALGORITHMS[algorithm] else min(KEY_ALGORITHMS[algorithm])
    key = made(blocks, KeyUsage.MAC, key_algorithm)
    data = b"\x19;%00 any bytes\x00"
    mac = fields(blocks, b"Z0" + code.encode() + key + counted(data))
    assert bytes.fromhex(mac.decode()) == blocks.hsm.generate_mac(key.decode(), algorithm, data)  # type: ignore[arg-type]
    fields(blocks, b"Z2" + code.encode() + key + mac + counted(data))
    if algorithm is not MacAlgorithm.NONE:
        fields(blocks, b"Z2" + code.encode() + key + mac + counted(data + b"x"), "01")


def test_every_mac_algorithm_has_a_code():
    assert set(MAC_CODES.values()) == set(MacAlgorithm)


def test_a_track_goes_and_comes_back(blocks: HostCommandSet):
    key = made(blocks, KeyUsage.DATA_ENCRYPTION)
    track = b"6212345678901265D30122011234567890123"
    enciphered = fields(blocks, b"Z4E" + key + track)
    assert fields(blocks, b"Z4D" + key + enciphered) == track


@pytest.mark.parametrize("algorithm", [DOUBLE, Algorithm.AES_128, Algorithm.SM4, Algorithm.DES])
def test_a_key_goes_out_and_comes_in_again(blocks: HostCommandSet, algorithm: Algorithm):
    kek = made(blocks, KeyUsage.KEY_ENCRYPTION, DOUBLE if algorithm.is_des else algorithm)
    key = made(blocks, KeyUsage.MAC, algorithm)
    exported = fields(blocks, b"Z8" + kek + key)
    code = {DOUBLE: b"T2", Algorithm.AES_128: b"A1", Algorithm.SM4: b"41", Algorithm.DES: b"D1"}[algorithm]
    imported = fields(blocks, b"Z6#M0" + code + b"C00E00" + kek + exported[:-8] + b";" + exported[-8:])
    assert imported[-8:] == exported[-8:]
    fields(blocks, b"Z6#M0" + code + b"C00E00" + kek + exported[:-8] + b";" + b"00000000", "01")
    fields(blocks, b"Z6#M0" + code + b"C00E00" + kek + exported[:-8] + b";")


def test_data_at_rest_are_sealed_for_their_place(blocks: HostCommandSet):
    key = made(blocks, KeyUsage.STORAGE, Algorithm.AES_256)
    sealed = fields(blocks, b"ZA" + key + counted(b"place") + counted(b"data\x19"))
    assert fields(blocks, b"ZC" + key + counted(b"place") + counted(sealed)) == b"data\x19"
    fields(blocks, b"ZC" + key + counted(b"other") + counted(sealed), "01")


def test_a_fingerprint_is_that_of_the_hsm(blocks: HostCommandSet):
    key = made(blocks, KeyUsage.FINGERPRINT, Algorithm.AES_128)
    expected = blocks.hsm.fingerprint(key.decode(), b"data")  # type: ignore[arg-type]
    assert fields(blocks, b"ZE" + key + counted(b"data")) == expected.encode()


@pytest.mark.parametrize(
    ("code", "form"), [("01", PinFormat.ISO_0), ("90", PinFormat.NO_PAN), ("03", PinFormat.DIEBOLD)]
)
def test_a_clear_pin_is_enciphered(blocks: HostCommandSet, code: str, form: PinFormat):
    key = made(blocks, KeyUsage.PIN_ENCRYPTION)
    assert form not in FILLED
    block = fields(blocks, b"ZG" + key + code.encode() + PAN.reveal().encode() + b";739150")
    assert bytes.fromhex(block.decode()) == blocks.hsm.encrypt_pin(key.decode(), Pin("739150"), form, PAN)  # type: ignore[arg-type]


def test_no_pin_has_a_code_of_its_own(blocks: HostCommandSet):
    key = made(blocks, KeyUsage.PIN_ENCRYPTION)
    assert len(fields(blocks, b"ZG" + key + b"91" + bytes(12).replace(b"\0", b"0"))) == 16
    fields(blocks, b"ZG" + key + b"01" + b"0" * 12, "15")


def test_an_offset_is_that_of_the_hsm(blocks: HostCommandSet):
    key = made(blocks, KeyUsage.PIN_VERIFICATION_IBM)
    expected = blocks.hsm.generate_pin_offset(key.decode(), Pin("739150"), PAN)  # type: ignore[arg-type]
    assert fields(blocks, b"ZI" + key + PAN.pan12.encode() + b"739150") == expected.encode()


def test_components_form_a_key(blocks: HostCommandSet):
    parts = ["1C" * 16, "A8" * 16]
    formed = fields(blocks, b"ZK#K0T2B00E002" + "".join(parts).encode() + b";")
    expected = blocks.hsm.combine_components([bytes.fromhex(p) for p in parts], KeyUsage.KEY_ENCRYPTION, DOUBLE)
    assert formed[-8:].decode() == blocks.hsm.key_check_value(expected).hex().upper()
    fields(blocks, b"ZK#K0T2B00E002" + "".join(parts).encode() + b";" + formed[-8:])
    fields(blocks, b"ZK#K0T2B00E002" + "".join(parts).encode() + b";00000000", "01")
    fields(blocks, b"ZK#K0T2B00E003" + "".join(parts).encode() + b";", "80")


def test_the_answers_given_are_counted(blocks: HostCommandSet):
    for request in (b"B20000", b"B20000", b"B20001", b"XX"):
        blocks.execute(request)
    assert fields(blocks.session("one"), b"ZO") == b"--15=1;B300=2;B380=1;"


def test_under_a_variant_lmk_they_are_refused(variant: HostCommandSet):
    fields(variant, b"Z8" + b"U" + b"0" * 32 + b"U" + b"0" * 32, "28")
