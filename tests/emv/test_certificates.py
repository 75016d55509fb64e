"""Certificates and signatures: three published chains verify, and nothing that differs from them does.

Broken certificates that need another content than the published ones are made here with a small key of the test's own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.emv.ca_key_file import load_ca_keys, parse_ca_keys, public_ca_keys, write_ca_keys
from posterm.emv.capk import CaKey, CaKeyStore, Use
from posterm.emv.certificates import (
    KeyCertificate,
    PublicKey,
    encipher_pin,
    pin_block,
    recover_icc_key,
    recover_issuer_key,
    verify_combined_data,
    verify_dynamic_data,
    verify_static_data,
)
from posterm.emv.errors import CaKeyError, CertificateError, ObjectMissing
from posterm.sensitive import Sensitive
from tests.emv import signer
from tests.emv.vector_files import chain

SDA, DDA, CDA = chain("sda"), chain("dda"), chain("cda")


def test_the_published_sda_chain_verifies():
    code = verify_static_data(SDA["signature"], SDA.issuer_key(), SDA["static_data"])
    assert code == SDA["data_authentication_code"]


def test_the_published_dda_chain_verifies():
    assert (
        verify_dynamic_data(DDA["signature"], DDA.icc_key(), DDA["terminal_data"]).icc_dynamic_number
        == DDA["icc_dynamic_number"]
    )


def test_the_published_cda_chain_verifies():
    signed = verify_combined_data(
        CDA["signature"], CDA.icc_key(), CDA["terminal_data"], CDA["cid"][0], CDA["cdol1_data"] + CDA["answer_objects"]
    )
    assert (signed.icc_dynamic_number, signed.cryptogram) == (CDA["icc_dynamic_number"], CDA["cryptogram"])


def test_a_certificate_is_good_through_the_last_day_of_its_month():
    store = CaKeyStore()
    assert recover_issuer_key(SDA.issuer_certificate, SDA.ca, SDA.pan, date(2009, 12, 31), store)
    with pytest.raises(CertificateError, match="issuer certificate: it has expired"):
        recover_issuer_key(SDA.issuer_certificate, SDA.ca, SDA.pan, date(2010, 1, 1), store)
    with pytest.raises(CertificateError, match="ICC certificate: it has expired"):
        recover_icc_key(
            DDA.icc_certificate, DDA.issuer_key(), DDA.pan, DDA.today + timedelta(days=1), DDA["static_data"]
        )


def test_a_revoked_issuer_certificate_is_refused():
    store = CaKeyStore()
    store.revoke(SDA.ca.rid, SDA.ca.index, bytes.fromhex("0042B3"))
    with pytest.raises(CertificateError, match="revocation list"):
        recover_issuer_key(SDA.issuer_certificate, SDA.ca, SDA.pan, SDA.today, store)
    store = CaKeyStore()
    store.revoke(SDA.ca.rid, SDA.ca.index + 1, bytes.fromhex("0042B3"))
    assert recover_issuer_key(SDA.issuer_certificate, SDA.ca, SDA.pan, SDA.today, store)


def test_the_issuer_in_a_certificate_is_compared_up_to_its_filler():
    """The certificate names 427655FF: any card number that starts with 427655 is this issuer's."""
    store = CaKeyStore()
    assert recover_issuer_key(SDA.issuer_certificate, SDA.ca, "4276559999999999", SDA.today, store)
    with pytest.raises(CertificateError, match="another issuer"):
        recover_issuer_key(SDA.issuer_certificate, SDA.ca, "4276540000000000", SDA.today, store)


def test_a_missing_remainder_is_missing_data_and_a_wrong_one_is_not():
    certificate = SDA.issuer_certificate
    without = KeyCertificate(certificate.certificate, b"", certificate.exponent)
    with pytest.raises(ObjectMissing, match="need a remainder of 36 bytes, have none"):
        recover_issuer_key(without, SDA.ca, SDA.pan, SDA.today, CaKeyStore())
    short = KeyCertificate(certificate.certificate, certificate.remainder[1:], certificate.exponent)
    with pytest.raises(CertificateError, match="need a remainder of 36 bytes, have 35") as caught:
        recover_issuer_key(short, SDA.ca, SDA.pan, SDA.today, CaKeyStore())
    assert not isinstance(caught.value, ObjectMissing)


def test_a_remainder_counts_only_when_the_certificate_has_no_room_for_the_key():
    """The ICC key of this chain is 112 bytes and stands whole in its certificate."""
    padded = KeyCertificate(DDA["icc_certificate"], b"\xaa" * 36, DDA["icc_exponent"])
    key = recover_icc_key(padded, DDA.issuer_key(), DDA.pan, DDA.today, DDA["static_data"])
    assert key == DDA.icc_key()
    assert key.size == 0x70


@pytest.mark.parametrize("cut", [0, 1, 127, 129])
def test_a_signature_of_another_length_than_its_key_is_refused(cut):
    signature = (SDA["signature"] + b"\x00")[:cut]
    with pytest.raises(CertificateError, match="need 128 bytes, as the key above it"):
        verify_static_data(signature, SDA.issuer_key(), SDA["static_data"])


@given(at=st.integers(0, 127), bit=st.integers(0, 7))
def test_no_signature_verifies_with_a_bit_changed(at, bit):
    changed = bytearray(SDA["signature"])
    changed[at] ^= 1 << bit
    with pytest.raises(CertificateError):
        verify_static_data(bytes(changed), SDA_KEY, SDA["static_data"])


SDA_KEY = SDA.issuer_key()
DDA_KEY = DDA.icc_key()


@given(st.binary(max_size=112))
def test_no_bytes_pass_for_a_dynamic_signature(signature):
    with pytest.raises(CertificateError):
        verify_dynamic_data(signature, DDA_KEY, b"")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"static_data": b""}, "the hash does not hold"),
        ({"pan": "5285881254345654"}, "another card number"),
    ],
)
def test_an_icc_certificate_binds_card_number_and_static_data(change, fault):
    fields = {"pan": DDA.pan, "static_data": DDA["static_data"]} | change
    with pytest.raises(CertificateError, match=fault):
        recover_icc_key(DDA.icc_certificate, DDA.issuer_key(), fields["pan"], DDA.today, fields["static_data"])


@pytest.mark.parametrize(
    ("number", "cid", "data", "fault"),
    [
        ("00000000", 0x40, "same", "the hash does not hold"),
        ("12345779", 0x80, "same", "differs from that in the clear"),
        ("12345779", 0x40, "", "transaction data hash does not hold"),
    ],
)
def test_a_combined_signature_binds_number_type_and_transaction(number, cid, data, fault):
    covered = CDA["cdol1_data"] + CDA["answer_objects"] if data else b""
    with pytest.raises(CertificateError, match=fault):
        verify_combined_data(CDA["signature"], CDA.icc_key(), bytes.fromhex(number), cid, covered)


# --- certificates with other contents, signed with a key of the test's own ------------------------------------------


def icc_certificate(**changes: object) -> tuple[KeyCertificate, PublicKey]:
    """A certificate under the signer's key, with parts changed."""
    fields = {"pan": "5285881254345653", "expires": "1230", "exponent": b"\x03", **changes}
    return signer.icc_certificate(**fields), signer.KEY


def recover(certificate: KeyCertificate, issuer: PublicKey) -> PublicKey:
    return recover_icc_key(certificate, issuer, "5285881254345653", date(2026, 1, 1), b"")


def test_a_certificate_of_the_test_verifies():
    assert recover(*icc_certificate()) == signer.KEY


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"header": 0x6B}, "do not start with 6A"),
        ({"trailer": 0xBB}, "do not start with 6A and end with BC"),
        ({"form": 0x02}, "need format 04"),
        ({"form": 0x05}, "need format 04"),
        ({"hash_algorithm": 0x02}, "need hash algorithm 01"),
        ({"key_algorithm": 0x02}, "need key algorithm 01"),
        ({"size": 40}, "lengths it names"),
        ({"size": 255}, "lengths it names"),
        ({"exponent_length": 3}, "lengths it names"),
        ({"exponent": b"\x05"}, "exponent of 3 or 65537"),
        ({"expires": "1325"}, "need an expiry MMYY"),
        ({"expires": "0A30"}, "need an expiry MMYY"),
        ({"expires": "1225"}, "it has expired"),
        ({"expires": "1299"}, "it has expired"),
        ({"pan": "528588125434565"}, "another card number"),
    ],
)
def test_a_certificate_with_a_fault_is_refused(changes, fault):
    with pytest.raises(CertificateError, match=fault):
        recover(*icc_certificate(**changes))


@pytest.mark.parametrize(
    ("dynamic", "number"),
    [("03 02 AABB", "AABB"), ("09 08 1122334455667788", "1122334455667788"), ("04 02 AABB CC", "AABB")],
)
def test_the_length_of_the_dynamic_data_counts_the_length_byte_of_the_number(dynamic, number):
    signature = signer.dynamic_signature(bytes.fromhex(dynamic), b"terminal")
    assert verify_dynamic_data(signature, signer.KEY, b"terminal").icc_dynamic_number.hex().upper() == number


@pytest.mark.parametrize(
    "dynamic", ["00", "01 02", "02 02AA", "02 AABB", "03 01AABB", "0A 09112233445566778899", "FF 02AABB"]
)
def test_a_dynamic_number_without_its_length_or_of_another_length_is_refused(dynamic):
    with pytest.raises(CertificateError, match="signed dynamic data: need"):
        verify_dynamic_data(signer.dynamic_signature(bytes.fromhex(dynamic), b""), signer.KEY, b"")


def test_a_combined_signature_without_cryptogram_is_refused():
    signature = signer.dynamic_signature(bytes.fromhex("0302AABB"), bytes(4))
    with pytest.raises(CertificateError, match="it holds no cryptogram"):
        verify_combined_data(signature, signer.KEY, bytes(4), 0x40, b"")


# --- offline PIN ------------------------------------------------------------------------------------------------------


class Digits(Sensitive):
    """A PIN of the test's."""


@pytest.mark.parametrize(("pin", "block"), [("1234", "241234FFFFFFFFFF"), ("123456789012", "2C123456789012FF")])
def test_a_pin_block_for_the_card_has_format_2(pin, block):
    assert pin_block(Digits(pin)).hex().upper() == block


@pytest.mark.parametrize("pin", ["", "123", "1234567890123", "12a4", "１２３４"])
def test_what_is_no_pin_is_refused_without_being_shown(pin):
    with pytest.raises(CertificateError, match=r"^PIN: need 4 to 12 digits$"):
        pin_block(Digits(pin))


def test_the_enciphered_pin_is_7f_block_challenge_and_random_padding():
    enciphered = encipher_pin(Digits("1234"), b"CHALLENG", signer.KEY, lambda size: b"\x5a" * size)
    assert signer.decipher(enciphered) == bytes.fromhex("7F241234FFFFFFFFFF") + b"CHALLENG" + b"\x5a" * (128 - 17)


# --- CA keys ----------------------------------------------------------------------------------------------------------


def test_a_ca_key_whose_checksum_does_not_hold_is_refused():
    ca = SDA.ca
    with pytest.raises(CaKeyError, match="CA key A000000003/01: the checksum does not hold"):
        CaKey(ca.rid, ca.index, ca.modulus, ca.exponent, bytes(20))


@pytest.mark.parametrize(
    "fields",
    [{"rid": b"\xa0"}, {"index": 256}, {"modulus": b"\x80" * 63}, {"modulus": b"\x80" * 249}, {"modulus": b"\x7f" * 64},
     {"exponent": 2}, {"exponent": 5}],
)  # fmt: skip
def test_a_ca_key_that_cannot_be_is_refused(fields):
    values = {"rid": SDA.ca.rid, "index": 1, "modulus": SDA.ca.modulus, "exponent": 3} | fields
    with pytest.raises(CaKeyError, match="CA key"):
        CaKey(**values, checksum=bytes(20))


def test_two_keys_under_one_name_are_refused_unless_one_replaces_the_other():
    first, second = SDA.ca, signer.ca_key(SDA.ca.rid, SDA.ca.index)
    store = CaKeyStore([first])
    store.add(first)
    with pytest.raises(CaKeyError, match="another key under this name"):
        store.add(second)
    assert store.find(first.rid, first.index) == first
    store.add(second, replace=True)
    assert store.find(first.rid, first.index) == second
    assert len(store) == 1


def test_expired_keys_can_be_purged():
    last = date(2026, 6, 30)
    key = replace(SDA.ca, expires=last)
    store = CaKeyStore([key, DDA.ca])
    assert not key.expired(last)
    assert store.purge(last) == []
    assert store.purge(last + timedelta(days=1)) == [key]
    assert list(store) == [DDA.ca]


def test_a_serial_number_on_the_revocation_list_has_three_bytes():
    with pytest.raises(CaKeyError, match="3 bytes, have 2"):
        CaKeyStore().revoke(bytes(5), 1, bytes(2))


def test_the_public_keys_cover_six_schemes_and_keep_live_and_test_apart():
    keys = public_ca_keys()
    live = {key.rid.hex().upper(): [] for key in keys}
    for key in keys:
        if key.use is Use.LIVE:
            live[key.rid.hex().upper()].append(key.index)
    assert live == {
        "A000000003": [7, 8, 9],
        "A000000004": [4, 5, 6],
        "A000000025": [14, 15, 16],
        "A000000065": [16, 18, 20],
        "A000000152": [5],
        "A000000333": [2, 3, 4],
    }
    # Two checksums printed in public key notices, taken from there and not from the list.
    printed = {"A000000004/05": "EBFA0D5D06D8CE702DA3EAE890701D45E274C845"}
    assert {key.name: key.checksum.hex().upper() for key in keys if key.name in printed} == printed


def test_a_store_survives_its_file():
    store = CaKeyStore([*public_ca_keys()][:3])
    store.revoke(bytes(5), 7, b"abc")
    again = parse_ca_keys(write_ca_keys(store))
    assert list(again) == list(store)
    assert again.revoked == store.revoked


GOOD_KEY = write_ca_keys(CaKeyStore([SDA.ca]))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[key", "CA keys: not TOML"),
        ("[keys]", "need the tables key and revoked, have keys"),
        ("[[key]]\nrid = 5", "key 1: need rid in hexadecimal, have none"),
        ("[[key]]\nrid = 'zz'", "key 1: rid is not hexadecimal"),
        ("[[key]]\ncolour = 'red'", "key 1: no key has colour"),
        (GOOD_KEY.replace("unknown", "sometimes"), "key 1: use is live, test or unknown"),
        (GOOD_KEY + "expires = '2030'", "key 1: expires is a date"),
        (GOOD_KEY.replace('checksum = "', 'checksum = "00'), "the checksum does not hold"),
        ("[[revoked]]\nrid = 'A000000003'\nindex = '01'\nserial = '0102'", "3 bytes, have 2"),
    ],
)
def test_a_broken_key_file_is_refused_with_the_key(text, fault):
    with pytest.raises(CaKeyError, match=fault):
        parse_ca_keys(text)


def test_a_key_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CaKeyError, match=r"keys\.toml: need a readable text file"):
        load_ca_keys(tmp_path / "keys.toml")
    (tmp_path / "keys.toml").write_text(GOOD_KEY)
    assert list(load_ca_keys(tmp_path / "keys.toml")) == [SDA.ca]
