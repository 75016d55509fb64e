"""Chip cards from the issuer's side: published values, those of pyemv for every version, and what is refused."""

from __future__ import annotations

from typing import Any

import pyemv.ac
import pyemv.cvn
import pyemv.kd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.hsm import Algorithm, CryptogramError, Pin
from posterm.hsm import cryptogram as ac
from posterm.hsm.cryptogram import Scheme, cvn_of
from posterm.hsm.emv_keys import (
    card_key,
    emv_session_key,
    tree_session_key,
    unionpay_session_key,
    visa_script_key,
)
from posterm.hsm.emv_script import ScriptKeys, encipher, pin_change, script_mac
from posterm.hsm.primitives import BlockCipher
from posterm.sensitive import Pan

# pyemv calls TDES in ways that will go away; our door does not.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

MASTERS = tuple(bytes.fromhex(digits * 16) for digits in ("A1", "B3", "C4"))
PEERS: dict[str, Any] = {
    "visa-10": pyemv.cvn.VisaCVN10,
    "visa-18": pyemv.cvn.VisaCVN18,
    "visa-22": pyemv.cvn.VisaCVN22,
    "mchip-16": pyemv.cvn.MasterCardCVN16,
    "mchip-17": pyemv.cvn.MasterCardCVN17,
    "mchip-20": pyemv.cvn.MasterCardCVN20,
    "mchip-21": pyemv.cvn.MasterCardCVN21,
}
CODES = {name: (cvn.scheme, code) for (scheme, code), cvn in ac._BY_CODE.items() for name in [cvn.name]}

keys = st.binary(min_size=16, max_size=16)
pans = st.text("0123456789", min_size=13, max_size=19)
sequences = st.text("0123456789", min_size=2, max_size=2)
atcs = st.integers(0, 0xFFFF)


def issuer_data(name: str, seed: bytes = bytes(range(1, 40))) -> bytes:
    scheme, code = CODES[name]
    if scheme is Scheme.MASTERCARD:
        return bytes([1, code]) + seed[:16]
    return bytes([6 if scheme is Scheme.VISA else 7, 1, code]) + seed[:5]


def tags_of(name: str, noise: bytes = bytes(range(60, 120))) -> dict[int, bytes]:
    tags, at = {}, 0
    for tag, size in ac._LENGTHS.items():
        tags[tag] = noise[at : at + size]
        at += size
    return tags | {0x9F10: issuer_data(name)}


def peer_arguments(name: str, tags: dict[int, bytes]) -> dict[str, bytes]:
    given_tags = {f"tag_{tag:02x}": value for tag, value in tags.items() if tag != 0x9F10}
    data = tags[0x9F10]
    if name in ("visa-18", "visa-22"):
        return given_tags | {"tag_9f10": data}
    if name == "visa-10":
        return given_tags | {"cvr": data[3:7]}
    return given_tags | {"cvr": data[2:8]} | ({"counters": data[10:]} if name in ("mchip-17", "mchip-21") else {})


def test_a_cryptogram_and_its_answer_are_the_published_ones():
    # pyemv's published sample values, which two payment HSMs agree with.
    sk = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    assert card_key(sk, Pan("12345678901234567"), "01").hex().upper() == "73AD54688CEF2934B0979857E3C719F1"
    assert visa_script_key(sk, 0x1C).hex().upper() == "0123456789ABCDF2FEDCBA987654CDF2"
    ours = card_key(bytes.fromhex("A" * 32), Pan("1234567890123456"))
    values = ["000000009999", "000000000000", "0840", "8000048000", "0840", "991231", "01", "52BF4585", "1800", "001C"]
    tags = dict(zip(ac._DATA, map(bytes.fromhex, values), strict=True)) | {0x9F10: bytes.fromhex("06011203A0B800")}
    peer = pyemv.cvn.VisaCVN18(*(bytes.fromhex(c * 32) for c in "ABC"), pan="1234567890123456", psn="00")
    assert ac.generate(cvn_of(tags[0x9F10], Scheme.VISA), ours, tags) == peer.generate_ac(
        **peer_arguments("visa-18", tags)
    )


@given(keys, pans, sequences)
def test_card_keys_are_what_pyemv_makes_of_them(master: bytes, pan: str, sequence: str):
    assert card_key(master, Pan(pan), sequence) == pyemv.kd.derive_icc_mk_a(master, pan, sequence)
    assert card_key(master, Pan(pan), sequence, option_b=True) == pyemv.kd.derive_icc_mk_b(master, pan, sequence)


@given(keys, atcs, st.binary(min_size=8, max_size=8))
def test_session_keys_are_what_pyemv_makes_of_them(key: bytes, atc: int, r: bytes):
    counter = atc.to_bytes(2, "big")
    assert emv_session_key(key, r) == pyemv.kd.derive_common_sk(key, r)
    assert visa_script_key(key, atc) == pyemv.kd.derive_visa_sm_sk(key, counter)
    assert tree_session_key(key, atc) == pyemv.kd.derive_emv2000_tree_sk(key, counter)
    assert tree_session_key(key, atc, 16, 2) == pyemv.kd.derive_emv2000_tree_sk(key, counter, 16, 2)


@given(keys, atcs)
def test_a_unionpay_session_key_is_the_counter_and_its_complement_enciphered(key: bytes, atc: int):
    cipher = BlockCipher(Algorithm.TDES_DOUBLE, key)
    derived = unionpay_session_key(key, atc)
    left = cipher.encrypt(bytes(6) + atc.to_bytes(2, "big"))
    right = cipher.encrypt(bytes(6) + (atc ^ 0xFFFF).to_bytes(2, "big"))
    assert bytes(byte & 0xFE for byte in derived) == bytes(byte & 0xFE for byte in left + right)


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(PEERS)),
    pans,
    sequences,
    st.binary(min_size=40, max_size=40),
    st.binary(min_size=8, max_size=8),
)
def test_every_version_is_what_pyemv_makes_of_it(name: str, pan: str, sequence: str, noise: bytes, arqc: bytes):
    peer = PEERS[name](*MASTERS, pan=pan, psn=sequence)
    option_b = ac.VERSIONS[name].option_b
    card_keys = ScriptKeys(*(card_key(master, Pan(pan), sequence, option_b=option_b) for master in MASTERS))
    tags = tags_of(name, noise)
    cvn = cvn_of(tags[0x9F10], CODES[name][0])
    assert cvn.name == name
    made = ac.generate(cvn, card_keys.cryptogram, tags)
    assert made == peer.generate_ac(**peer_arguments(name, tags))
    ac.verify(cvn, card_keys.cryptogram, tags, made)
    counter, atc = tags[0x9F36], int.from_bytes(tags[0x9F36], "big")
    session = ac.session_key(cvn, card_keys.cryptogram, tags)
    if cvn.arpc_method == 2:
        expected = pyemv.ac.generate_arpc_2(session, arqc, b"\x01\x02\x03\x04", b"\x05")
        assert ac.arpc(cvn, card_keys.cryptogram, tags, arqc, b"\x01\x02\x03\x04", b"\x05") == expected
    else:
        key = card_keys.cryptogram if cvn.arpc_by_card_key else session
        expected = pyemv.ac.generate_arpc_1(key, arqc, b"00")
        assert ac.arpc(cvn, card_keys.cryptogram, tags, arqc, b"00") == expected
        if name in ("visa-10", "mchip-16", "mchip-17"):
            assert expected == peer.generate_arpc(arqc, b"00")
    header = bytes.fromhex("8418000008")
    assert script_mac(cvn, card_keys.integrity, header, atc, arqc) == peer.generate_command_mac(header, arqc, counter)
    assert pin_change(cvn, card_keys, atc, arqc, Pin("739104")) == peer.generate_pin_change_command(
        "739104", arqc, counter
    )
    if cvn.scheme is Scheme.VISA:
        expected = peer.generate_pin_change_command("739104", arqc, counter, "2468")
        assert pin_change(cvn, card_keys, atc, arqc, Pin("739104"), Pin("2468")) == expected


@pytest.mark.parametrize("name", sorted(ac.VERSIONS))
def test_a_cryptogram_covers_every_byte_of_its_data_and_no_other_verifies(name: str):
    key, tags = bytes(range(1, 17)), tags_of(name)
    cvn = ac.VERSIONS[name]
    right = ac.generate(cvn, key, tags)
    ac.verify(cvn, key, tags, right)
    covered = ac._SHORT_DATA if cvn.short else ac._DATA
    for tag in covered:
        for place in range(len(tags[tag])):
            value = bytearray(tags[tag])
            value[place] ^= 1
            with pytest.raises(CryptogramError, match="does not verify"):
                ac.verify(cvn, key, tags | {tag: bytes(value)}, right)
    for wrong in (b"", right[:-1], right + b"0", right[:-1] + bytes([right[-1] ^ 1])):
        with pytest.raises(CryptogramError, match="does not verify"):
            ac.verify(cvn, key, tags, wrong)


@pytest.mark.parametrize("name", sorted(ac.VERSIONS))
def test_a_missing_or_misshapen_tag_is_named(name: str):
    key, tags, cvn = bytes(range(1, 17)), tags_of(name), ac.VERSIONS[name]
    for tag in (*(ac._SHORT_DATA if cvn.short else ac._DATA), 0x9F10):
        without = {other: value for other, value in tags.items() if other != tag}
        for broken in (without, tags | {tag: b""}, tags | {tag: bytes(33)}):
            with pytest.raises(CryptogramError, match=f"{tag:X}"):
                ac.generate(cvn, key, broken)


def test_the_version_comes_from_9f10_and_the_scheme():
    for name, (scheme, _) in CODES.items():
        assert cvn_of(issuer_data(name), scheme).name == name
    for data in (b"", bytes(6), bytes(33), bytes.fromhex("0601FF03A0B800")):
        with pytest.raises(CryptogramError, match="9F10"):
            cvn_of(data, Scheme.VISA)
    with pytest.raises(CryptogramError, match="not known here"):
        cvn_of(issuer_data("visa-18"), Scheme.UNIONPAY)


@pytest.mark.parametrize("size", [0, 8, 15, 17, 24])
def test_a_key_of_another_length_is_refused(size: int):
    for name, cvn in ac.VERSIONS.items():
        with pytest.raises(CryptogramError, match="16 bytes"):
            ac.generate(cvn, bytes(size), tags_of(name))
    for derive in (
        lambda: card_key(bytes(size), Pan("4111111111111111")),
        lambda: tree_session_key(bytes(size), 1),
        lambda: visa_script_key(bytes(size), 1),
    ):
        with pytest.raises(CryptogramError, match="16 bytes"):
            derive()


@pytest.mark.parametrize("sequence", ["", "0", "000", "a1", "１２"])
def test_a_sequence_number_is_2_digits(sequence: str):
    with pytest.raises(CryptogramError, match="2 digits"):
        card_key(bytes(16), Pan("4111111111111111"), sequence)


@pytest.mark.parametrize(("height", "branches"), [(0, 4), (7, 4), (17, 2), (8, 1), (2, 257)])
def test_a_tree_has_a_leaf_for_each_counter(height: int, branches: int):
    with pytest.raises(CryptogramError, match="leaf"):
        tree_session_key(bytes(16), 1, height, branches)


def test_answers_and_scripts_of_other_lengths_are_refused():
    tags, key = tags_of("visa-18"), bytes(range(16))
    visa, mchip = ac.VISA_18, ac.MCHIP_16
    for cvn, arqc, answer, more in (
        (visa, bytes(7), bytes(4), b""),
        (visa, bytes(8), bytes(2), b""),
        (visa, bytes(8), bytes(4), bytes(9)),
        (mchip, bytes(8), bytes(4), b""),
        (mchip, bytes(8), bytes(2), b"x"),
    ):
        with pytest.raises(CryptogramError, match="ARPC"):
            ac.arpc(cvn, key, tags, arqc, answer, more)
    card_keys = ScriptKeys(key, key, key)
    assert key.hex() not in repr(card_keys)
    for atc in (-1, 65_536):
        with pytest.raises(CryptogramError, match="two bytes"):
            encipher(visa, card_keys.confidentiality, atc, bytes(8), b"x")
    for data in (b"", bytes(240)):
        with pytest.raises(CryptogramError, match="1 to 239"):
            encipher(visa, card_keys.confidentiality, 1, bytes(8), data)
    with pytest.raises(CryptogramError, match="header of 5"):
        script_mac(visa, card_keys.integrity, bytes(4), 1, bytes(8))
    with pytest.raises(CryptogramError, match="present PIN"):
        pin_change(mchip, card_keys, 1, bytes(8), Pin("7391"), Pin("7391"))
    with pytest.raises(CryptogramError, match="need 8 bytes"):
        emv_session_key(key, bytes(7))
