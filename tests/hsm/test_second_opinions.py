"""The HSM beside psec and pyemv, over seeded cases by the thousand: each family of commands, one seed a case.

`make test` runs the first hundreds; the `proof` marker runs thousands from another seed. A failure names its seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import psec
import pyemv.ac
import pyemv.cvn
import pytest

from posterm.hsm import (
    Algorithm,
    CardValue,
    ChipCard,
    KeyUsage,
    Lmk,
    MacAlgorithm,
    Pin,
    PinFormat,
    SoftHsm,
    cryptogram,
)
from posterm.hsm.cryptogram import Scheme
from posterm.hsm.keys import USAGES
from posterm.sensitive import Pan

# psec and pyemv call TDES in ways that will go away; our door does not.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

TDES = {16: Algorithm.TDES_DOUBLE, 24: Algorithm.TDES_TRIPLE}
AES = {16: Algorithm.AES_128, 24: Algorithm.AES_192, 32: Algorithm.AES_256}
P0, M0 = KeyUsage.PIN_ENCRYPTION, KeyUsage.MAC


def digits(draw: random.Random, least: int, most: int) -> str:
    return "".join(draw.choices("0123456789", k=draw.randint(least, most)))


def peer_block(form: PinFormat, pin: str, pan: str) -> bytes:
    make = {
        PinFormat.ISO_0: lambda: psec.pinblock.encode_pinblock_iso_0(pin, pan),
        PinFormat.ISO_3: lambda: psec.pinblock.encode_pinblock_iso_3(pin, pan),
    }
    return make[form]()


def peer_pin(form: PinFormat, block: bytes, pan: str) -> str:
    read = {
        PinFormat.ISO_0: lambda: psec.pinblock.decode_pinblock_iso_0(block, pan),
        PinFormat.ISO_3: lambda: psec.pinblock.decode_pinblock_iso_3(block, pan),
    }
    return read[form]()


def pins(draw: random.Random, hsm: SoftHsm) -> None:
    """A PIN that psec enciphered, translated here, and read by psec again; and one under AES."""
    pin, pan = digits(draw, 4, 12), digits(draw, 13, 19)
    source_form, target_form = draw.choices([PinFormat.ISO_0, PinFormat.ISO_3], k=2)
    sizes = sorted(draw.choices([16, 24], k=2))
    source, target = (draw.randbytes(size) for size in sizes)
    keys = [hsm.load_clear_key(key, P0, TDES[len(key)]) for key in (source, target)]
    block = psec.des.encrypt_tdes_ecb(source, peer_block(source_form, pin, pan))
    translated = hsm.translate_pin(keys[0], block, source_form, keys[1], target_form, Pan(pan))
    assert peer_pin(target_form, psec.des.decrypt_tdes_ecb(target, translated), pan) == pin
    aes = draw.randbytes(draw.choice([16, 24, 32]))
    wide = hsm.load_clear_key(aes, P0, AES[len(aes)])
    translated = hsm.translate_pin(keys[0], block, source_form, wide, PinFormat.ISO_4, Pan(pan))
    assert psec.pinblock.decipher_pinblock_iso_4(aes, translated, pan) == pin
    enciphered = psec.pinblock.encipher_pinblock_iso_4(aes, pin, pan)
    again = hsm.translate_pin(wide, enciphered, PinFormat.ISO_4, wide, PinFormat.ISO_4, Pan(pan))
    assert psec.pinblock.decipher_pinblock_iso_4(aes, again, pan) == pin


def pvvs(draw: random.Random, hsm: SoftHsm) -> None:
    """Offset and PVV from their definitions, with psec's TDES."""
    pin, pan, key = digits(draw, 4, 12), digits(draw, 13, 19), draw.randbytes(16)
    index = draw.randrange(7)
    visa = hsm.load_clear_key(key, KeyUsage.PIN_VERIFICATION_VISA, Algorithm.TDES_DOUBLE)
    text = psec.des.encrypt_tdes_ecb(key, bytes.fromhex(pan[-12:-1] + str(index) + pin[:4])).hex()
    decimals = [c for c in text if c.isdecimal()] + [str(ord(c) - ord("a")) for c in text if not c.isdecimal()]
    assert hsm.generate_pvv(visa, Pin(pin), Pan(pan), key_index=index) == "".join(decimals[:4])
    ibm = hsm.load_clear_key(key, KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE)
    natural = psec.des.encrypt_tdes_ecb(key, bytes.fromhex(pan[-13:-1] + "FFFF")).hex()
    expected = "".join(str((int(p) - int(n, 16) % 10) % 10) for p, n in zip(pin, natural, strict=False))
    assert hsm.generate_pin_offset(ibm, Pin(pin), Pan(pan)) == expected


def macs(draw: random.Random, hsm: SoftHsm) -> None:
    """ISO 9797-1 algorithms 1 and 3 with each padding, CMAC, and check values."""
    data = draw.randbytes(draw.randint(1, 300))
    padding = draw.choice([1, 2, 3])
    key = draw.randbytes(draw.choice([16, 24]))
    mak = hsm.load_clear_key(key, M0, TDES[len(key)])
    expected = psec.mac.generate_cbc_mac(key, data, padding, 8, psec.mac.Algorithm.DES)
    assert hsm.generate_mac(mak, MacAlgorithm(f"iso9797-1-pad{padding}"), data) == expected
    assert hsm.key_check_value(mak, 3) == psec.des.generate_kcv(key, 3)
    if len(key) == 16:
        retail = MacAlgorithm.X9_19 if padding == 1 else MacAlgorithm(f"iso9797-3-pad{padding}")
        assert hsm.generate_mac(mak, retail, data) == psec.mac.generate_retail_mac(key[:8], key[8:], data, padding, 8)
    aes = draw.randbytes(draw.choice([16, 24, 32]))
    aes_key = hsm.load_clear_key(aes, M0, AES[len(aes)])
    assert hsm.generate_mac(aes_key, MacAlgorithm.AES_CMAC, data, 16) == _aes_cmac(aes, data)


def _aes_cmac(key: bytes, data: bytes) -> bytes:
    """NIST SP 800-38B, 6.2, on psec's AES-ECB and psec's CBC."""

    def doubled(block: bytes) -> bytes:
        number = int.from_bytes(block, "big") << 1
        return ((number ^ 0x87 if number >> 128 else number) & (1 << 128) - 1).to_bytes(16, "big")

    subkey = doubled(psec.aes.encrypt_aes_ecb(key, bytes(16)))
    if not data or len(data) % 16:
        subkey = doubled(subkey)
        data = (data + b"\x80").ljust(-(-(len(data) + 1) // 16) * 16, b"\x00")
    last = bytes(x ^ y for x, y in zip(data[-16:], subkey, strict=True))
    return psec.aes.encrypt_aes_cbc(key, bytes(16), data[:-16] + last)[-16:]


def card_values(draw: random.Random, hsm: SoftHsm) -> None:
    """CVV for any card, expiry and service code."""
    key, pan, expiry, service = draw.randbytes(16), digits(draw, 13, 19), digits(draw, 4, 4), digits(draw, 3, 3)
    cvk = hsm.load_clear_key(key, KeyUsage.CARD_VERIFICATION, Algorithm.TDES_DOUBLE)
    value = psec.cvv.generate_cvv(key, pan, expiry, service)
    assert hsm.generate_card_value(cvk, CardValue.CVV, Pan(pan), expiry, service) == value
    hsm.verify_card_value(cvk, CardValue.CVV, value, Pan(pan), expiry, service)


def key_blocks(draw: random.Random, hsm: SoftHsm) -> None:
    """Standard key blocks, each read by the other."""
    version = draw.choice("ABCD")
    clear = draw.randbytes(draw.choice([16, 24, 32] if version == "D" else [16, 24]))
    kbpk = hsm.load_clear_key(clear, KeyUsage.KEY_BLOCK_PROTECTION, (AES if version == "D" else TDES)[len(clear)])
    usage = draw.choice([P0, M0, KeyUsage.DATA_ENCRYPTION, KeyUsage.KEY_ENCRYPTION])
    mode = draw.choice(USAGES[usage].modes)
    size = draw.choice([16, 24])
    if len(clear) == 32:
        size = draw.choice([16, 24, 32])
    algorithm = (AES if version == "D" and draw.random() < 0.5 and size <= len(clear) else TDES).get(size)
    if algorithm is None:
        return
    secret = draw.randbytes(size)
    theirs = psec.tr31.wrap(clear, psec.tr31.Header(version, usage, algorithm.letter, mode, "00", "E"), secret)
    key = hsm.import_key_block(kbpk, theirs)
    expected = hsm.load_clear_key(secret, usage, algorithm, mode=mode)
    assert hsm.key_check_value(key) == hsm.key_check_value(expected)
    header, found = psec.tr31.unwrap(clear, hsm.export_key_block(kbpk, key, version=version))
    assert (found, header.key_usage, header.mode_of_use, header.version_id) == (secret, usage, mode, version)


CHIPS = {
    cryptogram.VISA_10: pyemv.cvn.VisaCVN10,
    cryptogram.VISA_18: pyemv.cvn.VisaCVN18,
    cryptogram.VISA_22: pyemv.cvn.VisaCVN22,
    cryptogram.MCHIP_16: pyemv.cvn.MasterCardCVN16,
    cryptogram.MCHIP_17: pyemv.cvn.MasterCardCVN17,
    cryptogram.MCHIP_20: pyemv.cvn.MasterCardCVN20,
    cryptogram.MCHIP_21: pyemv.cvn.MasterCardCVN21,
}


def chips(draw: random.Random, hsm: SoftHsm) -> None:
    """Cryptogram, answer, script MAC and PIN change of every version pyemv has."""
    cvn = draw.choice(list(CHIPS))
    clear = [draw.randbytes(16) for _ in range(3)]
    usages = (KeyUsage.EMV_CRYPTOGRAM, KeyUsage.EMV_INTEGRITY, KeyUsage.EMV_CONFIDENTIALITY)
    masters = [hsm.load_clear_key(key, usage, Algorithm.TDES_DOUBLE) for key, usage in zip(clear, usages, strict=True)]
    pan, sequence = digits(draw, 13, 19), digits(draw, 2, 2)
    peer, card = CHIPS[cvn](*clear, pan=pan, psn=sequence), ChipCard(Pan(pan), cvn, sequence)
    tags = {tag: draw.randbytes(size) for tag, size in cryptogram._LENGTHS.items()}
    named = {f"tag_{tag:02x}": value for tag, value in tags.items()}
    visa = cvn.scheme is Scheme.VISA
    data = tags[0x9F10] = draw.randbytes(7 if visa else 18)
    if cvn in (cryptogram.VISA_18, cryptogram.VISA_22):
        named["tag_9f10"] = data
    else:
        named["cvr"] = data[3:7] if visa else data[2:8]
    if cvn in (cryptogram.MCHIP_17, cryptogram.MCHIP_21):
        named["counters"] = data[10:]
    arqc = peer.generate_ac(**named)
    hsm.verify_arqc(masters[0], card, tags, arqc)
    atc, counter = tags[0x9F36], int.from_bytes(tags[0x9F36], "big")
    if cvn in (cryptogram.VISA_10, cryptogram.MCHIP_16, cryptogram.MCHIP_17):
        answer = draw.randbytes(2)
        assert hsm.answer_arqc(masters[0], card, tags, arqc, answer) == peer.generate_arpc(arqc, answer)
    header = draw.randbytes(5)
    mac = hsm.generate_script_mac(masters[1], card, header, counter, arqc)
    assert mac == peer.generate_command_mac(header, arqc, atc)
    pin = digits(draw, 4, 12)
    pik = hsm.generate_key(P0, Algorithm.TDES_DOUBLE)
    block = hsm.encrypt_pin(pik, Pin(pin), PinFormat.ISO_0, Pan(pan))
    command = hsm.change_card_pin(
        (masters[0], masters[1], masters[2]), card, counter, arqc, pik=pik, block=block, form=PinFormat.ISO_0
    )
    assert command == peer.generate_pin_change_command(pin, arqc, atc)


FAMILIES: dict[str, Callable[[random.Random, SoftHsm], None]] = {
    each.__name__: each for each in (pins, pvvs, macs, card_values, key_blocks, chips)
}


def agree(family: str, seeds: range) -> None:
    hsm = SoftHsm(Lmk.test(), random.Random(seeds.start).randbytes, kept_keys=64)
    for seed in seeds:
        try:
            FAMILIES[family](random.Random(f"{family} {seed}"), hsm)
        except Exception as error:
            raise AssertionError(f"{family}, seed {seed}: {type(error).__name__}") from error


@pytest.mark.parametrize("family", FAMILIES)
def test_the_first_hundreds_agree(family: str):
    agree(family, range(300))


@pytest.mark.proof
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("family", FAMILIES)
def test_thousands_agree(family: str, part: int):
    agree(family, range(10_000 + part * 5_000, 15_000 + part * 5_000))
