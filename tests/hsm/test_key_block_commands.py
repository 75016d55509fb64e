"""Standard key blocks in and out: what a header says is kept, and what it may not say is refused."""

from __future__ import annotations

import random

import psec
import pytest

from posterm.hsm import (
    Algorithm,
    Exportability,
    HashAlgorithm,
    KeyBlockError,
    KeyCheckError,
    KeyUsage,
    KeyUsageError,
    Lmk,
    MacMismatch,
    ModeOfUse,
    SoftHsm,
    VariantLmk,
)
from posterm.hsm.keys import USAGES
from posterm.hsm.tr31 import OptionalBlock, Tr31Header, parse, wrap
from tests.hsm.fitting_keys import CIPHER_USAGES, fitting
from tests.hsm.vector_files import vectors

# psec calls TDES in ways that will go away; our door does not.
FROM_PSEC = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
K1 = KeyUsage.KEY_BLOCK_PROTECTION
DOUBLE = Algorithm.TDES_DOUBLE
TDES_KBPK = bytes.fromhex("89E88CF7931444F334BD7547FC3F380C")
AES_KBPK = bytes.fromhex("88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6")
KBPKS = {16: DOUBLE, 24: Algorithm.TDES_TRIPLE, 32: Algorithm.AES_256}


def kbpk_of(hsm: SoftHsm, clear: bytes, version: str):
    aes = {16: Algorithm.AES_128, 24: Algorithm.AES_192, 32: Algorithm.AES_256}
    return hsm.load_clear_key(clear, K1, aes[len(clear)] if version in "DE" else KBPKS[len(clear)])


@pytest.mark.parametrize("v", [v for v in vectors("tr31.json") if "kbpk" in v.values[0]])
def test_a_published_block_comes_in_with_its_attributes(v, hsm: SoftHsm):
    header, _ = parse(v["block"])
    kbpk = kbpk_of(hsm, bytes.fromhex(v["kbpk"]), header.version)
    known = (
        header.usage in set(KeyUsage)
        and header.mode in USAGES[KeyUsage(header.usage)].modes
        and (header.algorithm == "H") == (header.usage == "M7")
    )
    if not known:
        with pytest.raises((KeyBlockError, KeyUsageError)):
            hsm.import_key_block(kbpk, v["block"])
        return
    key = hsm.import_key_block(kbpk, v["block"])
    assert (key.usage, key.letter, key.mode, key.exportability) == (
        header.usage,
        header.algorithm,
        header.mode,
        header.exportability,
    )


@FROM_PSEC
@pytest.mark.parametrize("version", "ABCD")
@pytest.mark.parametrize("usage", CIPHER_USAGES)
def test_a_key_crosses_in_every_version_as_psec_reads_it(usage: KeyUsage, version: str, hsm: SoftHsm):
    clear = AES_KBPK if version == "D" else TDES_KBPK
    kbpk = kbpk_of(hsm, clear, version)
    algorithm = fitting(usage)
    if algorithm.letter == "A" and version != "D":
        return
    key = hsm.generate_key(usage, algorithm)
    block = hsm.export_key_block(kbpk, key, version=version)
    again = hsm.import_key_block(kbpk, block)
    assert (again.header[5:], hsm.key_check_value(again)) == (key.header[5:], hsm.key_check_value(key))
    if usage is not KeyUsage.STORAGE:
        header, found = psec.tr31.unwrap(clear, block)
        assert hsm.key_check_value(hsm.load_clear_key(found, usage, algorithm)) == hsm.key_check_value(key)
        assert (header.key_usage, header.mode_of_use) == (usage.value, key.mode.value)


def test_optional_blocks_and_attributes_go_out_as_asked(hsm: SoftHsm):
    kbpk = kbpk_of(hsm, AES_KBPK, "D")
    key = hsm.generate_key(KeyUsage.PIN_ENCRYPTION, DOUBLE)
    optional = (OptionalBlock("KS", "00604B120F9292800000"),)
    block = hsm.export_key_block(
        kbpk, key, version="E", exportability=Exportability.NON_EXPORTABLE, key_version="12", optional=optional
    )
    header, _ = parse(block)
    assert (header.version, header.exportability, header.key_version) == ("E", "N", "12")
    assert header.optional == optional
    assert hsm.import_key_block(kbpk, block).exportability is Exportability.NON_EXPORTABLE


def test_the_version_follows_the_protection_key(hsm: SoftHsm):
    key = hsm.generate_key(KeyUsage.MAC, DOUBLE)
    assert hsm.export_key_block(kbpk_of(hsm, TDES_KBPK, "B"), key)[0] == "B"
    assert hsm.export_key_block(kbpk_of(hsm, AES_KBPK, "D"), key)[0] == "D"
    with pytest.raises(KeyCheckError, match="needs a protection key"):
        hsm.export_key_block(kbpk_of(hsm, AES_KBPK, "D"), key, version="B")


@pytest.mark.parametrize("usage", [usage for usage in CIPHER_USAGES if usage is not K1])
def test_only_a_protection_key_protects(usage: KeyUsage, hsm: SoftHsm):
    other, key = hsm.generate_key(usage, fitting(usage)), hsm.generate_key(KeyUsage.MAC, DOUBLE)
    block = hsm.export_key_block(kbpk_of(hsm, TDES_KBPK, "B"), key)
    for call in (lambda: hsm.export_key_block(other, key), lambda: hsm.import_key_block(other, block)):
        with pytest.raises(KeyUsageError, match="need a K1 key"):
            call()


@pytest.mark.parametrize(("kbpk", "key"), [(Algorithm.AES_128, Algorithm.AES_256), (DOUBLE, Algorithm.AES_128)])
def test_a_protection_key_is_no_weaker_than_what_it_carries(kbpk: Algorithm, key: Algorithm, hsm: SoftHsm):
    with pytest.raises(KeyUsageError, match="stronger"):
        hsm.export_key_block(hsm.generate_key(K1, kbpk), hsm.generate_key(KeyUsage.MAC, key))
    if kbpk is Algorithm.AES_128:
        clear = random.Random(1).randbytes(16)
        block = wrap(clear, Tr31Header("D", "M0", "A", "C"), bytes(range(32)), random.Random(2).randbytes)
        with pytest.raises(KeyUsageError, match="stronger"):
            hsm.import_key_block(hsm.load_clear_key(clear, K1, kbpk), block)


@pytest.mark.parametrize(
    ("header", "size", "raises"),
    [
        (Tr31Header("B", "ZZ", "T", "B"), 16, "usage ZZ is not known"),
        (Tr31Header("B", "P0", "T", "Q"), 16, "mode of use Q is not known"),
        (Tr31Header("B", "P0", "T", "B", exportability="Q"), 16, "exportability Q is not known"),
        (Tr31Header("B", "P0", "T", "C"), 16, "does not go with mode"),
        (Tr31Header("B", "P0", "D", "B"), 16, "no algorithm D"),
        (Tr31Header("B", "P0", "R", "B"), 16, "no algorithm R"),
        (Tr31Header("B", "P0", "H", "B"), 16, "an HMAC key is for usage M7"),
        (Tr31Header("B", "V2", "T", "C"), 24, "does not go with a tdes-triple key"),
        (Tr31Header("B", "M7", "H", "C"), 7, "8 to 64 bytes"),
        (Tr31Header("B", "M7", "H", "C"), 65, "8 to 64 bytes"),
    ],
)
def test_an_authentic_block_that_is_not_known_here_does_not_come_in(header, size: int, raises: str, hsm: SoftHsm):
    block = wrap(TDES_KBPK, header, bytes(range(1, size + 1)), random.Random(2).randbytes)
    with pytest.raises((KeyBlockError, KeyUsageError, KeyCheckError), match=raises):
        hsm.import_key_block(kbpk_of(hsm, TDES_KBPK, "B"), block)


def test_an_altered_block_does_not_come_in(hsm: SoftHsm):
    kbpk = kbpk_of(hsm, AES_KBPK, "D")
    block = hsm.export_key_block(kbpk, hsm.generate_key(KeyUsage.MAC, DOUBLE))
    for place in range(16, len(block)):
        altered = block[:place] + ("0" if block[place] != "0" else "1") + block[place + 1 :]
        with pytest.raises(KeyBlockError, match="authentication code"):
            hsm.import_key_block(kbpk, altered)


def test_a_key_that_may_not_leave_does_not(hsm: SoftHsm):
    key = hsm.generate_key(KeyUsage.MAC, DOUBLE, exportability=Exportability.NON_EXPORTABLE)
    with pytest.raises(KeyUsageError, match="forbids"):
        hsm.export_key_block(kbpk_of(hsm, TDES_KBPK, "B"), key)


def test_a_key_under_the_variant_lmk_goes_out_for_a_usage_of_its_type():
    hsm = SoftHsm(Lmk.test(), random.Random(4).randbytes, variant_lmk=VariantLmk.test())
    kbpk, key = hsm.generate_variant_key("000"), hsm.generate_variant_key("002")
    assert parse(hsm.export_key_block(kbpk, key))[0].usage == "P0"
    block = hsm.export_key_block(kbpk, key, usage=KeyUsage.PIN_VERIFICATION_VISA)
    assert (parse(block)[0].usage, parse(block)[0].mode) == ("V2", "C")
    assert hsm.key_check_value(hsm.import_key_block(kbpk, block)) == hsm.key_check_value(key)
    with pytest.raises(KeyUsageError, match="not for usage M0"):
        hsm.export_key_block(kbpk, key, usage=KeyUsage.MAC)


# --- HMAC -------------------------------------------------------------------------------------------------------------


def test_an_hmac_key_makes_the_published_values(hsm: SoftHsm):
    # RFC 4231, test case 1.
    key = hsm.load_clear_hmac_key(b"\x0b" * 20)
    expected = bytes.fromhex("B0344C61D8DB38535CA8AFCEAF0BF12B881DC200C9833DA726E9376C2E32CFF7")
    assert hsm.generate_hmac(key, HashAlgorithm.SHA_256, b"Hi There") == expected
    hsm.verify_hmac(key, HashAlgorithm.SHA_256, b"Hi There", expected[:16], 16)
    with pytest.raises(MacMismatch):
        hsm.verify_hmac(key, HashAlgorithm.SHA_256, b"Hi there", expected)


def test_an_hmac_key_crosses_in_a_key_block(hsm: SoftHsm):
    kbpk = kbpk_of(hsm, AES_KBPK, "D")
    for size in (8, 20, 32, 64):
        key = hsm.generate_hmac_key(size)
        again = hsm.import_key_block(kbpk, hsm.export_key_block(kbpk, key))
        assert again.header[5:] == key.header[5:]
        if size * 2 >= HashAlgorithm.SHA_1.digest_bytes:
            mac = hsm.generate_hmac(key, HashAlgorithm.SHA_1, b"posterm")
            hsm.verify_hmac(again, HashAlgorithm.SHA_1, b"posterm", mac)


@pytest.mark.parametrize("size", [7, 65])
def test_an_hmac_key_is_8_to_64_bytes(size: int, hsm: SoftHsm):
    for call in (lambda: hsm.generate_hmac_key(size), lambda: hsm.load_clear_hmac_key(bytes(size))):
        with pytest.raises(KeyCheckError, match="8 to 64 bytes"):
            call()


def test_an_hmac_key_is_as_strong_as_the_hash_and_for_hmac_alone(hsm: SoftHsm):
    short = hsm.generate_hmac_key(15)
    with pytest.raises(KeyCheckError, match="at least 16 bytes"):
        hsm.generate_hmac(short, HashAlgorithm.SHA_256, b"posterm")
    one_way = hsm.generate_hmac_key(32, mode=ModeOfUse.VERIFY_ONLY)
    with pytest.raises(KeyUsageError, match="that may generate"):
        hsm.generate_hmac(one_way, HashAlgorithm.SHA_256, b"posterm")
    for usage in CIPHER_USAGES:
        with pytest.raises(KeyUsageError, match="need a M7 key"):
            hsm.generate_hmac(hsm.generate_key(usage, fitting(usage)), HashAlgorithm.SHA_256, b"posterm")
    with pytest.raises(KeyUsageError):
        hsm.encrypt_data(short, "ecb", bytes(8))  # type: ignore[arg-type]
