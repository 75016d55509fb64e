"""The issuer's side of a chip card by master keys: what pyemv makes, keys kept by card, and which keys are taken."""

from __future__ import annotations

import random

import pyemv.cvn
import pytest

from posterm.hsm import (
    Algorithm,
    ChipCard,
    CipherMode,
    CryptogramError,
    CryptogramMismatch,
    KeyUsage,
    KeyUsageError,
    Pin,
    PinBlockError,
    PinFormat,
    Scheme,
    SoftHsm,
    cryptogram,
)
from posterm.hsm.emv_keys import KEPT_CARDS, IssuerKey, card_key
from posterm.sensitive import Pan

# pyemv calls TDES in ways that will go away; our door does not.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

DOUBLE = Algorithm.TDES_DOUBLE
PAN = Pan("4111111111111111")
LONG_PAN = Pan("6212345678901265123")
MASTERS = tuple(bytes.fromhex(digits * 16) for digits in ("A1", "B3", "C4"))
USAGES = (KeyUsage.EMV_CRYPTOGRAM, KeyUsage.EMV_INTEGRITY, KeyUsage.EMV_CONFIDENTIALITY)
TAGS = {tag: bytes(range(1, size + 1)) for tag, size in cryptogram._LENGTHS.items()}
VISA_18_TAGS = TAGS | {0x9F10: bytes.fromhex("06011203A0B800")}
ARQC = bytes.fromhex("0102030405060708")
FORM = PinFormat.ISO_0


@pytest.fixture
def masters(hsm: SoftHsm):
    return tuple(hsm.load_clear_key(key, usage, DOUBLE) for key, usage in zip(MASTERS, USAGES, strict=True))


@pytest.fixture
def peer():
    return pyemv.cvn.VisaCVN18(*MASTERS, pan=LONG_PAN.reveal(), psn="01")


CARD = ChipCard(LONG_PAN, Scheme.VISA, "01")
CARD_18 = ChipCard(LONG_PAN, cryptogram.VISA_18, "01")


def peer_tags() -> dict[str, bytes]:
    return {f"tag_{tag:02x}": value for tag, value in VISA_18_TAGS.items()}


def test_an_arqc_verifies_and_is_answered_as_pyemv_does(hsm: SoftHsm, masters, peer):
    arqc = peer.generate_ac(**peer_tags())
    hsm.verify_arqc(masters[0], CARD, VISA_18_TAGS, arqc)
    answer = hsm.answer_arqc(masters[0], CARD, VISA_18_TAGS, arqc, b"\x01\x02\x03\x04", b"\x05")
    assert answer == peer.generate_arpc(arqc, VISA_18_TAGS[0x9F36], b"\x01\x02\x03\x04", b"\x05")
    assert answer == hsm.generate_arpc(masters[0], CARD_18, VISA_18_TAGS, arqc, b"\x01\x02\x03\x04", b"\x05")


def test_scripts_are_what_pyemv_makes(hsm: SoftHsm, masters, peer):
    header = bytes.fromhex("8418000008")
    counter = VISA_18_TAGS[0x9F36]
    atc = int.from_bytes(counter, "big")
    mac = hsm.generate_script_mac(masters[1], CARD_18, header, atc, ARQC)
    assert mac == peer.generate_command_mac(header, ARQC, counter)
    pik = hsm.generate_key(KeyUsage.PIN_ENCRYPTION, DOUBLE)
    blocks = [hsm.encrypt_pin(pik, Pin(digits), FORM, LONG_PAN) for digits in ("739104", "2468")]
    command = hsm.change_card_pin(masters, CARD_18, atc, ARQC, pik=pik, block=blocks[0], form=FORM)
    assert command == peer.generate_pin_change_command("739104", ARQC, counter)
    command = hsm.change_card_pin(
        masters, CARD_18, atc, ARQC, pik=pik, block=blocks[0], form=FORM, present_block=blocks[1]
    )
    assert command == peer.generate_pin_change_command("739104", ARQC, counter, "2468")
    with pytest.raises(PinBlockError):
        hsm.change_card_pin(masters, CARD_18, atc, ARQC, pik=pik, block=bytes(8), form=FORM)


def test_script_data_is_enciphered_under_the_cards_key(hsm: SoftHsm, masters):
    data = bytes(range(11))
    enciphered = hsm.encipher_script(masters[2], CARD_18, 7, ARQC, data)
    key = card_key(MASTERS[2], LONG_PAN, "01", option_b=True)
    working = hsm.load_clear_key(
        cryptogram.script_session_key(cryptogram.VISA_18, key, 7, ARQC), KeyUsage.DATA_ENCRYPTION, DOUBLE
    )
    assert hsm.decrypt_data(working, CipherMode.ECB, enciphered)[:12] == bytes([len(data)]) + data


@pytest.mark.parametrize("name", sorted(cryptogram.VERSIONS))
def test_every_version_answers_alike_with_a_kept_card_key(name: str, hsm: SoftHsm, masters):
    cvn = cryptogram.VERSIONS[name]
    tags = TAGS | {0x9F10: bytes(range(1, 20)) if cvn.scheme is Scheme.MASTERCARD else bytes(range(1, 9))}
    derived = card_key(MASTERS[0], PAN, option_b=cvn.option_b)
    arqc = cryptogram.generate(cvn, derived, tags)
    card = ChipCard(PAN, cvn)
    for _ in range(2):
        hsm.verify_arqc(masters[0], card, tags, arqc)
        answer = bytes(4) if cvn.arpc_method == 2 else b"00"
        assert hsm.generate_arpc(masters[0], card, tags, arqc, answer) == cryptogram.arpc(
            cvn, derived, tags, arqc, answer
        )


@pytest.mark.parametrize("usage", [u for u in KeyUsage if u not in (KeyUsage.HMAC, KeyUsage.STORAGE)])
def test_each_command_takes_its_own_master_key_only(usage: KeyUsage, hsm: SoftHsm, masters):
    key = hsm.generate_key(usage, DOUBLE)
    calls = {
        KeyUsage.EMV_CRYPTOGRAM: [
            lambda: hsm.verify_arqc(key, CARD, VISA_18_TAGS, ARQC),
            lambda: hsm.generate_arpc(key, CARD, VISA_18_TAGS, ARQC, bytes(4)),
        ],
        KeyUsage.EMV_INTEGRITY: [lambda: hsm.generate_script_mac(key, CARD_18, bytes(5), 1, ARQC)],
        KeyUsage.EMV_CONFIDENTIALITY: [lambda: hsm.encipher_script(key, CARD_18, 1, ARQC, b"x")],
    }
    for needed, attempts in calls.items():
        for attempt in attempts:
            if usage is needed:
                try:
                    attempt()
                except CryptogramMismatch:
                    continue
            else:
                with pytest.raises(KeyUsageError, match=f"need a {needed} key that may derive"):
                    attempt()


def test_a_version_is_needed_where_there_is_no_9f10(hsm: SoftHsm, masters):
    for attempt in (
        lambda: hsm.generate_script_mac(masters[1], CARD, bytes(5), 1, ARQC),
        lambda: hsm.encipher_script(masters[2], CARD, 1, ARQC, b"x"),
        lambda: hsm.generate_arpc(masters[0], CARD, {0x9F36: b"\x00\x01"}, ARQC, bytes(4)),
    ):
        with pytest.raises(CryptogramError, match="9F10"):
            attempt()


def test_a_wrong_cryptogram_is_a_mismatch_and_a_misshapen_one_too(hsm: SoftHsm, masters):
    for arqc in (b"", ARQC, ARQC + b"0"):
        with pytest.raises(CryptogramMismatch, match="visa-18: it does not verify"):
            hsm.verify_arqc(masters[0], CARD, VISA_18_TAGS, arqc)


def test_kept_card_keys_are_bounded_and_right():
    issuer = IssuerKey(DOUBLE, MASTERS[0])
    draw = random.Random(9)
    pans = [Pan(f"62{number:014d}") for number in range(KEPT_CARDS + 50)]
    for pan in pans:
        issuer.card(pan)
    assert len(issuer._cards) == KEPT_CARDS
    for pan in draw.sample(pans, 50):
        assert issuer.card(pan, "00").clear == card_key(MASTERS[0], pan)
    assert issuer.card(LONG_PAN, "01", option_b=True).clear != issuer.card(LONG_PAN, "01").clear
    assert "A1" not in repr(issuer) + repr(issuer.card(pans[0]))
    with pytest.raises(KeyUsageError):
        IssuerKey(Algorithm.AES_128, MASTERS[0])
